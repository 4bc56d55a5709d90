"""Built-in networks against the libraries' own programs, at batch 1 and 3: tests/truth/measure_libraries.py."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from archinspect.analyses import memory
from archinspect.api import network

MEASURED = json.loads((Path(__file__).parent / "truth" / "libraries.json").read_text(encoding="utf-8"))["models"]
BATCHES = [(name, batch) for name, figures in MEASURED.items() for batch in figures["batches"]]
WITH_MEMORY = [(name, batch) for name, batch in BATCHES if "kept" in MEASURED[name]["batches"][batch]]


class Beside(NamedTuple):
    """Bytes that a program has and the spec does not: once, per sample, and with a single sample alone."""

    once: int = 0
    sample: int = 0
    alone: int = 0

    def at(self, batch: str) -> int:
        return self.once + self.sample * int(batch) + self.alone * (batch == "1")


# What they are stands in docs/accuracy.md.
POSITIONS = 8 * 1024  # a number of each token
DETR = ("detr_resnet50", "detr_resnet101")
SD3 = {"sd3_medium": 1536, "sd35_large": 2432}
SAM = {f"sam_vit_{size}": 64**2 * width * 4 for size, width in (("b", 768), ("l", 1024), ("h", 1280))}  # a map
NORMS = {
    "gemma2_2b": 2304 + 26 * 4 * 2304,
    "gemma3_270m": 640 + 18 * (4 * 640 + 2 * 256),
    "gemma3_4b": 2560 + 34 * (4 * 2560 + 2 * 256),
}
KEPT_BESIDE = {
    "rwkv4_169m": Beside(sample=(12 * 3 - 24) * 768 * 4),
    **{name: Beside(4 * weights) for name, weights in NORMS.items()},
    "gemma3_270m": Beside(4 * NORMS["gemma3_270m"], alone=-15 * 3 * 1024 * 256 * 4),
    **dict.fromkeys(("wav2vec2_base", "wav2vec2_large"), Beside(sample=49)),
    "tiny_vit_5m": Beside(-8 * (4 * 7**4 + 6 * 14**4)),
    "blip_base": Beside(sample=2 * 4),
    "siglip_base": Beside(sample=(1 - 196) * 768 * 4),
    "beit_base": Beside(-12 * 197 * 197 * 8, alone=12 * 2 * 197 * 768 * 4),
    "kan_mnist": Beside(sample=64 * (10 + 9 + 8) * 4),
    "clip_vit_b32": Beside(sample=2 * 8 - 76 * 512 * 4),
    "nf_resnet50": Beside(sample=802_816),
    "rt_detr_r50": Beside(sample=684_000),
    "flux_dev": Beside(2 * 4608 * 128 * 4),
    "maxvit_t": Beside(alone=4 * 49 * 512 * 4),
    "swin_b": Beside(alone=2 * 49 * 1024 * 4),
    "swin_s": Beside(alone=2 * 49 * 768 * 4),
}
PEAK_BESIDE = {
    **dict.fromkeys(("mistral_7b", "phi3_mini", "phi4", "smollm2_1_7b"), Beside(POSITIONS)),
    **dict.fromkeys(("modernbert_base", "modernbert_large"), Beside(POSITIONS + 1024**2, 4 * 1024**2)),
    "beit_base": Beside(3 * 768 * 4),
    "res2net50_26w_4s": Beside(sample=56 * 56 * 26 * 4),
    "seresnet50": Beside(sample=1024, alone=-1024),
    "resnest50d": Beside(sample=64 * 4),
    "flan_t5_base": Beside(sample=128 * 2048 * 4),
    "blip_base": Beside(sample=3_545_088),
    "fastvit_t8": Beside(sample=128 * 128 * 48 * 4),
    "gcn_cora": Beside(2 * 13264 * 8, 2708 * 16 * 4),
    "gat_cora": Beside(2 * 13264 * 8, 2 * 2708 * 8 * 4),
    "kan_mnist": Beside(sample=2880),
    **{name: Beside(sample=4 * 800 * 800) for name in DETR},
    "nf_resnet50": Beside(sample=2_408_448, alone=-706_560),
    "rt_detr_r50": Beside(sample=4 * 640 * 640),
    "maskrcnn_resnet50_fpn": Beside(sample=-12_920_832),
    **{name: Beside(sample=-(2 * 4096 - 333) * width * 4) for name, width in SD3.items()},
    "flux_dev": Beside(4608 * (2 * 128 + 3) * 4, sample=8),
    **{name: Beside(sample=2 * one, alone=-3 * one) for name, one in SAM.items()},
    "sam_mask_decoder": Beside(sample=4_239_360),
    "rwkv7_0_1b": Beside(sample=256 * 768 * 4),
    "rwkv7_0_4b": Beside(sample=256 * 1024 * 4),
}
FURTHER = {"swin_b", "swin_s"}
# Of Mamba-2, what is computed beyond the recurrence: states of five chunks from those of five, three steps that are
# cut off.
MACS_BESIDE = {"mamba2_130m": 24 * (24 * 5 * 5 * 64 * 128 + 3 * 4 * 1792)}
INDICES = {"dlrm_kaggle": 351}  # whole numbers, which are none of the measured buffers


@cache
def built_in(name, batch):
    return network(name, batch=int(batch))


def shape_of(measured):
    """Return the shape of a sample as ours: the channels of PyTorch's maps are last."""
    _, *sample = measured
    return (*sample[1:], sample[0]) if len(sample) == 3 else tuple(sample)


@pytest.mark.parametrize(("name", "batch"), BATCHES)
def test_figures(name, batch):
    report, measured = built_in(name, batch).report(), MEASURED[name]
    totals, figures = report.totals, measured["batches"][batch]
    assert report.status == "complete"
    assert (totals.params, totals.buffers - INDICES.get(name, 0)) == (measured["params"], measured["buffers"])
    assert totals.macs + MACS_BESIDE.get(name, 0) * int(batch) == figures["macs"]
    assert [shape[1:] for shape in report.outputs.values()] == [shape_of(shape) for shape in figures["outputs"]]


@pytest.mark.parametrize(("name", "batch"), WITH_MEMORY)
def test_backward_keeps_what_is_measured(name, batch):
    found = memory.kept(built_in(name, batch).facts, attention=MEASURED[name]["attention"]).total
    assert found + KEPT_BESIDE.get(name, Beside()).at(batch) == MEASURED[name]["batches"][batch]["kept"]


@pytest.mark.parametrize(("name", "batch"), WITH_MEMORY)
def test_the_peak_is_what_is_measured(name, batch):
    found = memory.peak(built_in(name, batch).facts, attention=MEASURED[name]["attention"]).bytes
    measured = MEASURED[name]["batches"][batch]["peak"]
    within = pytest.approx(measured, rel=0.05) if name in FURTHER else measured
    assert found + PEAK_BESIDE.get(name, Beside()).at(batch) == within

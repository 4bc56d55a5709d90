"""Built-in networks against the libraries' own programs, at batch 1 and 3: tests/truth/measure_libraries.py."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from archinspect.analyses import memory
from archinspect.api import network

MEASURED = json.loads((Path(__file__).parent / "truth" / "libraries.json").read_text(encoding="utf-8"))["models"]
BATCHES = [(name, batch) for name, figures in MEASURED.items() for batch in figures["batches"]]

# Bytes that programs have and specs do not, per network or of one sample: docs/accuracy.md says what they are.
ROTARY = 2 * 4 * 1024  # per feature of a head: a cosine and a sine of every position
HEADS = {"llama3_2_1b": 64, "mistral_7b": 128, "phi3_mini": 96, "phi4": 128, "qwen3_0_6b": 128, "qwen3_8b": 128}
NORMS = {"gemma3_270m": (640, 18), "gemma3_4b": (2560, 34)}
KEPT_BESIDE = {name: head * ROTARY for name, head in HEADS.items()} | {
    name: 2 * 256 * ROTARY + 4 * (width + depth * (4 * width + 2 * 256)) for name, (width, depth) in NORMS.items()
}
AT_ONE_SAMPLE = {
    "gemma3_270m": -15 * 3 * 1024 * 256 * 4,
    "swin_b": 2 * 49 * 1024 * 4,
    "swin_s": 2 * 49 * 768 * 4,
}
PEAK_BESIDE = {name: (HEADS[name] + 1) * ROTARY for name in ("mistral_7b", "phi3_mini", "phi4")}
PER_SAMPLE = {"vit_b_32": 50 * 768 * 4, "vit_l_32": 50 * 1024 * 4}
FURTHER = {"swin_b", "swin_s"}


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
    assert (totals.params, totals.buffers, totals.macs) == (measured["params"], measured["buffers"], figures["macs"])
    assert [shape[1:] for shape in report.outputs.values()] == [shape_of(shape) for shape in figures["outputs"]]


@pytest.mark.parametrize(("name", "batch"), BATCHES)
def test_backward_keeps_what_is_measured(name, batch):
    found = memory.kept(built_in(name, batch).facts, attention=MEASURED[name]["attention"]).total
    beside = KEPT_BESIDE.get(name, 0) + AT_ONE_SAMPLE.get(name, 0) * (batch == "1")
    assert found + beside == MEASURED[name]["batches"][batch]["kept"]


@pytest.mark.parametrize(("name", "batch"), BATCHES)
def test_the_peak_is_what_is_measured(name, batch):
    found = memory.peak(built_in(name, batch).facts, attention=MEASURED[name]["attention"]).bytes
    beside = PEAK_BESIDE.get(name, 0) + PER_SAMPLE.get(name, 0) * int(batch)
    measured = MEASURED[name]["batches"][batch]["peak"]
    assert found + beside == (pytest.approx(measured, rel=0.05) if name in FURTHER else measured)

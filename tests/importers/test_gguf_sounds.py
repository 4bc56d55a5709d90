"""GGUF files of towers of sounds: small ones, whose figures are transformers' or follow by hand."""

from __future__ import annotations

import math

import pytest
from weight_files import F32, gguf

import archinspect

WIDTH, BANDS, TEXT, STEPS = 32, 16, 24, 30


def norm(name, width=WIDTH):
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def biased(name, given, units):
    return {f"{name}.weight": (given, units), f"{name}.bias": (units,)}


def tower(units):
    found = {"a.position_embd.weight": (WIDTH, STEPS), **norm("a.post_ln")}
    for number, given in ((1, BANDS), (2, WIDTH)):
        found |= {f"a.conv1d.{number}.weight": (3, given, WIDTH), f"a.conv1d.{number}.bias": (1, WIDTH)}
    for number in range(2):
        path = f"a.blk.{number}"
        found |= norm(f"{path}.ln1") | norm(f"{path}.ln2") | {f"{path}.attn_k.weight": (WIDTH, WIDTH)}
        for one in ("q", "v", "out"):
            found |= biased(f"{path}.attn_{one}", WIDTH, WIDTH)
        found |= biased(f"{path}.ffn_up", WIDTH, units) | biased(f"{path}.ffn_down", units, WIDTH)
    return found


def report(tmp_path, kind, projector, *, units=48, factor=1, **changed):
    tensors = tower(units) | projector | {name.replace("__", "."): shape for name, shape in changed.items()}
    values = {"general.architecture": "clip", "clip.projector_type": kind, "clip.audio.num_mel_bins": BANDS}
    values |= {"clip.audio.block_count": 2, "clip.audio.attention.head_count": 4}
    values["clip.audio.projector.stack_factor"] = factor
    path = tmp_path / "mmproj.gguf"
    path.write_bytes(gguf(values, {name: (F32, *shape) for name, shape in tensors.items()}))
    found = archinspect.inspect(path)
    assert found.totals.params + found.totals.buffers == sum(math.prod(shape) for shape in tensors.values())
    return found


def test_figures_are_those_of_transformers(tmp_path):
    """Voxtral and Qwen2-Audio in transformers 5.24: encoders with their projectors."""
    products = {"mm.a.mlp.1.weight": (2 * WIDTH, TEXT), "mm.a.mlp.2.weight": (TEXT, TEXT)}
    found = report(tmp_path, "voxtral", products, units=2 * WIDTH, factor=2)
    assert (found.status, found.totals.params, found.totals.macs) == ("complete", 24_832, 822_720)
    found = report(tmp_path, "qwen2a", biased("mm.a.fc", WIDTH, TEXT))
    assert (found.status, found.totals.params, found.totals.macs) == ("complete", 21_432, 741_120)


def test_steps_are_stacked_and_gated(tmp_path):
    """Ultravox puts four steps side by side, of thirty and two of zeros."""
    products = {"mm.a.norm_pre.weight": (4 * WIDTH,), "mm.a.mlp.1.weight": (4 * WIDTH, 2 * TEXT)}
    products |= {"mm.a.norm_mid.weight": (TEXT,), "mm.a.mlp.2.weight": (TEXT, TEXT)}
    found = report(tmp_path, "ultravox", products, factor=4)
    alone = report(tmp_path, "ultravox", {})
    assert found.totals.macs - alone.totals.macs == 8 * (4 * WIDTH * 2 * TEXT + TEXT * TEXT)
    assert found.layers[-1].output_shape[1:] == (8, TEXT)


@pytest.mark.parametrize("kind", ["glma", "voxtral"])
def test_projectors_that_are_not_known_have_weights_alone(tmp_path, kind):
    found = report(tmp_path, kind, {"mm.a.mlp.1.weight": (WIDTH, TEXT), "mm.a.mlp.2.weight": (2 * TEXT, TEXT)})
    assert (found.status, found.layers[-1].type) == ("partial", "Weights")


@pytest.mark.parametrize("changed", [{"a__conv1d__2__bias": (2, WIDTH)}, {"a__blk__0__attn_q__weight": (WIDTH, 8)}])
def test_towers_of_other_shapes_are_tables(tmp_path, changed):
    assert {row.type for row in report(tmp_path, "qwen2a", {}, **changed).layers} == {"Weights"}

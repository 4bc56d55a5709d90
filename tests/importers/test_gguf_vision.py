"""GGUF files of towers of pictures: small ones, whose figures follow by hand or are those of a configuration."""

from __future__ import annotations

import json
import math

import pytest
from weight_files import F32, gguf

import archinspect

WIDTH, UNITS, PATCH, SIDE, TEXT = 32, 48, 4, 32, 24
PATCHES = (SIDE // PATCH) ** 2
PLACED = 3 * PATCH * PATCH * WIDTH * PATCHES
LAYER = PATCHES * (4 * WIDTH * WIDTH + 2 * WIDTH * UNITS) + 2 * PATCHES**2 * WIDTH


def biased(name, given, units):
    return {f"{name}.weight": (given, units), f"{name}.bias": (units,)}


def norm(name, width=WIDTH):
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def tower(layers=2):
    found = {"v.patch_embd.weight": (PATCH, PATCH, 3, WIDTH), "v.patch_embd.bias": (WIDTH,)}
    found |= {"v.position_embd.weight": (WIDTH, PATCHES), **norm("v.post_ln")}
    for number in range(layers):
        path = f"v.blk.{number}"
        found |= norm(f"{path}.ln1") | norm(f"{path}.ln2")
        for one in ("q", "k", "v", "out"):
            found |= biased(f"{path}.attn_{one}", WIDTH, WIDTH)
        found |= biased(f"{path}.ffn_up", WIDTH, UNITS) | biased(f"{path}.ffn_down", UNITS, WIDTH)
    return found


def content(kind, tensors, **more):
    own = {"image_size": SIDE, "patch_size": PATCH, "block_count": 2, "attention.head_count": 4}
    own |= {name.replace("__", "."): value for name, value in more.items()}
    values = {"general.architecture": "clip", "clip.projector_type": kind, "clip.use_gelu": True}
    values |= {f"clip.vision.{name}": value for name, value in own.items()}
    return gguf(values, {name: (F32, *shape) for name, shape in tensors.items()})


def report(tmp_path, kind, tensors, **more):
    path = tmp_path / "mmproj.gguf"
    path.write_bytes(content(kind, tensors, **more))
    found = archinspect.inspect(path)
    assert found.totals.params + found.totals.buffers == sum(math.prod(shape) for shape in tensors.values())
    return found


GATHERED = {f"mm.model.mlp.{name}": shape for name, shape in norm("0", 4 * WIDTH).items()}
GATHERED |= biased("mm.model.mlp.1", 4 * WIDTH, TEXT) | biased("mm.model.mlp.3", TEXT, TEXT)
CASES = {
    "mlp": ({}, biased("mm.0", WIDTH, TEXT) | biased("mm.2", TEXT, TEXT), PATCHES * (WIDTH + TEXT) * TEXT),
    "gemma3": (
        {},
        {"mm.soft_emb_norm.weight": (WIDTH,), "mm.input_projection.weight": (TEXT, WIDTH)},
        PATCHES // 16 * WIDTH * TEXT,
    ),
    "idefics3": (
        {"projector__scale_factor": 2},
        {"mm.model.fc.weight": (4 * WIDTH, TEXT)},
        PATCHES // 4 * 4 * WIDTH * TEXT,
    ),
    "internvl": ({"projector__scale_factor": 2}, GATHERED, PATCHES // 4 * (4 * WIDTH + TEXT) * TEXT),
    "pixtral": (
        {"spatial_merge_size": 2},
        {
            "mm.input_norm.weight": (WIDTH,),
            "mm.patch_merger.weight": (4 * WIDTH, WIDTH),
            **biased("mm.1", WIDTH, TEXT),
            **biased("mm.2", TEXT, TEXT),
        },
        PATCHES // 4 * (4 * WIDTH * WIDTH + (WIDTH + TEXT) * TEXT),
    ),
}


@pytest.mark.parametrize("kind", CASES)
def test_projectors(tmp_path, kind):
    more, tensors, macs = CASES[kind]
    found = report(tmp_path, kind, tower() | tensors, **more)
    assert (found.status, found.totals.macs) == ("complete", PLACED + 2 * LAYER + macs)


def test_the_tower_is_that_of_the_same_configuration(tmp_path):
    given = {"model_type": "siglip_vision_model", "hidden_size": WIDTH, "intermediate_size": UNITS, "image_size": SIDE}
    given |= {"patch_size": PATCH, "num_hidden_layers": 2, "num_attention_heads": 4, "vision_use_head": False}
    (tmp_path / "config.json").write_text(json.dumps(given))
    theirs = archinspect.inspect(tmp_path / "config.json").totals
    ours = report(tmp_path, "mlp", tower() | CASES["mlp"][1]).totals
    assert ours.macs - theirs.macs == CASES["mlp"][2]


@pytest.mark.parametrize(("name", "shape"), [("mm.more.weight", (WIDTH, 3)), ("v.blk.0.ffn_gate.weight", (WIDTH, 3))])
def test_what_is_not_known_has_weights_and_unknown_work(tmp_path, name, shape):
    assert report(tmp_path, "resampler", tower() | {name: shape}).status == "partial"

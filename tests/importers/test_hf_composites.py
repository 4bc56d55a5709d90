"""Models of text and pictures: what follows by hand from small sizes."""

from __future__ import annotations

import json

import pytest

import archinspect

SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
TEXT = {**SIZES, "vocab_size": 50, "num_key_value_heads": 2, "head_dim": 8}
PATCHES = {"image_size": 32, "patch_size": 8}
TOWER = {**SIZES, **PATCHES, "model_type": "clip_vision_model"}
SIGLIP = {**TOWER, "model_type": "siglip_vision_model", "vision_use_head": False}
LAYER = 4 * 33 * 32 + 33 * 48 + 49 * 32 + 4 * 32
CLIP_PARAMS = 3 * 64 * 32 + 32 + 17 * 32 + 2 * 64 + 2 * LAYER
SIGLIP_PARAMS = 3 * 64 * 32 + 32 + 16 * 32 + 64 + 2 * LAYER
LLAMA = 50 * 32 + 2 * (2 * 32 * 32 + 2 * 32 * 16 + 3 * 32 * 48 + 2 * 32) + 32
TWO = 2 * 33 * 32
HEAD = 50 * 32


def network(tmp_path, given):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(given))
    return archinspect.network(path)


def figures(tmp_path, given, seq=8):
    report = network(tmp_path, given).with_settings(params={"seq": seq}).report()
    assert report.status == "complete"
    seen = sum(one.cost.macs for one in report.layers if one.name.startswith("model.multi_modal_projector"))
    return report.totals.params, seen


@pytest.mark.parametrize(
    ("kind", "tower", "text", "more", "params", "macs"),
    [
        ("llava", TOWER, "llama", {}, CLIP_PARAMS + LLAMA + TWO + HEAD, 2 * 16 * 32 * 32),
        ("llava", SIGLIP, "llama", {}, SIGLIP_PARAMS + LLAMA + TWO + HEAD, 2 * 15 * 32 * 32),
        ("llava_next", TOWER, "llama", {}, CLIP_PARAMS + LLAMA + TWO + HEAD + 32, 2 * 16 * 32 * 32),
        ("llava_onevision", SIGLIP, "llama", {}, SIGLIP_PARAMS + LLAMA + TWO + HEAD + 32, 2 * 16 * 32 * 32),
        (
            "vipllava",
            TOWER,
            "llama",
            {"vision_feature_layers": [-1, -2]},
            CLIP_PARAMS + LLAMA + TWO + 32 * 32 + 2 * 64 + HEAD,
            16 * (64 * 32 + 32 * 32),
        ),
        (
            "aya_vision",
            SIGLIP,
            "llama",
            {"alignment_intermediate_size": 20},
            SIGLIP_PARAMS + LLAMA + 2 * 128 + 129 * 20 + 11 * 32,
            4 * (128 * 20 + 10 * 32),
        ),
        (
            "cohere2_vision",
            SIGLIP,
            "llama",
            {"alignment_intermediate_size": 20},
            SIGLIP_PARAMS + LLAMA + 129 * 20 + 11 * 32,
            4 * (128 * 20 + 10 * 32),
        ),
    ],
)
def test_projectors(tmp_path, kind, tower, text, more, params, macs):  # noqa: PLR0913, PLR0917 - columns of a table
    given = {"model_type": kind, "vision_config": tower, "text_config": {**TEXT, "model_type": text}, **more}
    assert figures(tmp_path, given) == (params, macs)


def test_a_merger_leaves_out_patches_that_are_too_many(tmp_path):
    tower = {**SIZES, "model_type": "pixtral", "image_size": 40, "patch_size": 8}
    given = {"model_type": "mistral3", "vision_config": tower, "text_config": {**TEXT, "model_type": "llama"}}
    assert figures(tmp_path, given)[1] == 4 * (128 * 32 + 2 * 32 * 32)


def test_llama_4_is_a_tower_beside_a_model_with_its_head(tmp_path):
    tower = {**SIZES, **PATCHES, "intermediate_size": 128, "projector_input_dim": 24, "projector_output_dim": 24}
    given = {
        "model_type": "llama4",
        "vision_config": {**tower, "vision_output_dim": 24},
        "text_config": {**TEXT, "num_local_experts": 2, "num_experts_per_tok": 1},
    }
    layer = 4 * 33 * 32 + 33 * 128 + 129 * 32 + 4 * 32
    seen = 3 * 64 * 32 + 32 + 17 * 32 + 2 * 64 + 2 * layer + 128 * 24 + 24 * 24
    text = LLAMA + 2 * (2 * 3 * 32 * 48 + 2 * 32)
    found = network(tmp_path, given)
    assert found.report().totals.params == seen + 24 * 32 + text + HEAD
    names = {one.name for one in found.report().layers}
    assert {"language_model.lm_head", "vision_model.vision_adapter.mlp.fc1"} < names
    narrow = {**tower, "vision_output_dim": 24, "projector_input_dim": 20}
    unfit = network(tmp_path, {**given, "vision_config": narrow}).report()
    assert (unfit.status, unfit.totals.params) == ("partial", found.report().totals.params - 4 * 128)


QWEN = {**TEXT, "moe_intermediate_size": 16, "num_experts": 4, "num_experts_per_tok": 2, "linear_num_key_heads": 1}
QWEN |= {"linear_num_value_heads": 1, "linear_key_head_dim": 8, "linear_value_head_dim": 8}


@pytest.mark.parametrize("kind", ["qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe"])
def test_towers_of_qwen_3(tmp_path, kind):
    tower: dict = {"depth": 1, "hidden_size": 32, "intermediate_size": 48, "num_heads": 4, "out_hidden_size": 32}
    tower |= {"num_position_embeddings": 16, "deepstack_visual_indexes": [0, 5]}
    given = {"model_type": kind, "vision_config": tower, "text_config": QWEN}
    found = network(tmp_path, given).with_settings(params={"seq": 8}).report()
    seen = sum(one.cost.params for one in found.layers if one.name.startswith("model.visual"))
    merger = 129 * 128 + 129 * 32
    patches = (2 * 16 * 16 * 3 + 1) * 32 + 16 * 32
    deep = 2 * (merger + 2 * 128) if "vl" in kind else 0  # one of them behind a block that is not there
    assert seen == patches + LAYER + merger + 2 * 32 + deep


def test_parts_that_are_not_said_are_those_of_the_class(tmp_path):
    whole = network(tmp_path, {"model_type": "llava", "text_config": {**TEXT, "model_type": "llama"}})
    assert whole.graph.inputs[1].op.output()[1:] == (336, 336, 3)


def test_layers_that_attend_to_pictures_alone(tmp_path):
    tower: dict = {"hidden_size": 32, "num_hidden_layers": 2, "attention_heads": 4, "num_global_layers": 1, **PATCHES}
    tower |= {"intermediate_size": 48, "intermediate_layers_indices": [1], "vision_output_dim": 64}
    given = {"model_type": "mllama", "vision_config": tower, "text_config": {**TEXT, "cross_attention_layers": [1]}}
    layer = 4 * 32 * 32 + 33 * 48 + 49 * 32 + 4 * 32
    tables = 9 * 4 * 32 * 2 + 2 + 17 * 32 + 9 * 4 * 17 * 32 + 1
    seen = 3 * 64 * 32 + 32 + tables + 4 * 32 + 3 * layer + 2
    found = network(tmp_path, given)
    crossed = 2 * 8 + 2
    assert found.report().totals.params == seen + 65 * 32 + LLAMA + 8 * 32 + crossed + HEAD
    steps = 4 * 24  # of each tile 17, and what makes them a multiple of 8
    attended = [one.cost.macs for one in found.report().layers if one.name.endswith("self_attn.attention")]
    assert attended[:3] == [2 * steps * steps * 32] * 3
    assert found.memory(archinspect.Plan(cached=10)).inference.cache == (10 + 4 * 17) * 2 * 16 * 4

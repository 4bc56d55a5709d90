"""Types of Hugging Face that see: what follows by hand from small sizes."""

from __future__ import annotations

import json

import pytest
from hf_sizes import RT_DETR, SAM, SIZES, totals

import archinspect


def test_windows_of_swin(tmp_path):
    given: dict = {"model_type": "swin", "image_size": 32, "embed_dim": 16, "depths": [2, 1], "num_heads": [2, 4]}
    given["window_size"] = 4

    def block(width, heads):
        return 4 * (width + 1) * width + 49 * heads + (width + 1) * 4 * width + (4 * width + 1) * width + 4 * width

    merged = 2 * 64 + 64 * 32
    stem = 3 * 16 * 16 + 16 + 2 * 16
    assert totals(tmp_path, given).params == stem + 2 * block(16, 2) + merged + block(32, 4) + 2 * 32
    assert totals(tmp_path, {**given, "qkv_bias": False}).params == totals(tmp_path, given).params - 3 * (16 + 16 + 32)


def test_depth_from_a_vision_transformer(tmp_path):
    given: dict = {"model_type": "dpt", **SIZES, "image_size": 32, "reassemble_factors": [2]}
    given |= {"backbone_out_indices": [0], "neck_hidden_sizes": [8], "fusion_hidden_size": 16}
    layer = 4 * 33 * 32 + 33 * 48 + 49 * 32 + 4 * 32
    vision = 32 + 5 * 32 + (3 * 256 + 1) * 32 + layer + 2 * 32
    neck = 65 * 32 + 33 * 8 + (4 * 8 + 1) * 8 + 9 * 8 * 16 + 4 * (9 * 16 + 1) * 16 + 17 * 16
    head = (9 * 16 + 1) * 8 + (9 * 8 + 1) * 32 + 33
    assert totals(tmp_path, given).params == vision + neck + head
    assert totals(tmp_path, {**given, "architectures": ["DPTModel"]}).params == vision + 33 * 32
    plain = {**given, "readout_type": "ignore"}
    assert totals(tmp_path, plain).params == vision + neck + head - 65 * 32
    assert totals(tmp_path, {**plain, "use_batch_norm_in_fusion_residual": True}).params == (
        vision + neck + head - 65 * 32 + 4 * 16
    )


BIT: dict = {"embedding_size": 16, "hidden_sizes": [16, 24, 32], "depths": [1, 1, 1], "num_groups": 4}


@pytest.mark.parametrize(
    ("more", "params", "macs"),
    [
        ({}, 14_576, 884_736),
        ({"layer_type": "bottleneck", "output_stride": 4}, 14_768, 1_351_680),
        ({"layer_type": "bottleneck", "global_padding": "SAME", "embedding_dynamic_padding": True}, 14_768, 884_736),
    ],
)
def test_residual_networks_of_standardized_kernels(tmp_path, more, params, macs):
    """As transformers' own modules have it."""
    given = {"model_type": "bit", **BIT, "hidden_sizes": [32, 64], "depths": [1, 2], "image_size": 32, **more}
    found = totals(tmp_path, given)
    assert (found.params, found.macs) == (params, macs)
    head = totals(tmp_path, {**given, "architectures": ["BitForImageClassification"], "num_labels": 3})
    assert (head.params, head.macs) == (params + 65 * 3, macs + 64 * 3)


def test_depth_from_convolutions_and_a_vision_transformer(tmp_path):
    shapes = {"image_size": 32, "backbone_featmap_shape": [1, 32, 2, 2], "neck_hidden_sizes": [16, 24, 8]}
    given: dict = {"model_type": "dpt", "is_hybrid": True, **SIZES, **shapes, "reassemble_factors": [1, 1, 2]}
    given |= {"backbone_out_indices": [0, 0, 0], "fusion_hidden_size": 16}
    how = {"layer_type": "bottleneck", "global_padding": "same", "embedding_dynamic_padding": True}
    given["backbone_config"] = {**BIT, **how, "out_features": ["stage1", "stage2", "stage3"]}
    found = totals(tmp_path, given)
    assert (found.params, found.macs) == (57_449, 15_095_616)
    bare = totals(tmp_path, {**given, "architectures": ["DPTForSemanticSegmentation"], "use_auxiliary_head": False})
    assert archinspect.inspect(tmp_path).outputs.popitem()[1] == (None, 64, 64, 2)
    assert bare.params == 57_449 - (145 * 8 + 73 * 32 + 33) + 144 * 16 + 2 * 16 + 17 * 2


@pytest.mark.parametrize(
    ("kind", "more", "message"),
    [
        ("bit", {"layer_type": "basic"}, "'layer_type' must be preactivation or bottleneck"),
        ("bit", {"global_padding": "valid"}, "'global_padding' must be null or same"),
        ("bit", {"depths": [1] * 5}, "'depths' must be a list of at most 4, as hidden_sizes"),
        ("bit", {"depths": [1]}, "'hidden_sizes' must be a list that ends with 256, as the last stage"),
        ("dpt", {"is_hybrid": True, "backbone_config": {"model_type": "swin"}}, "of the type 'swin' is not read"),
        ("dpt", {"is_hybrid": True, "backbone_config": {"out_features": ["stem"]}}, "must be a list of 3, not"),
        ("dpt", {"is_hybrid": True, "patch_size": 32}, "one of which 24x24 are in a picture"),
        ("dpt", {"is_hybrid": True, "backbone_featmap_shape": [1, 512, 24, 24]}, "a list with 1024 channels"),
        ("dpt", {"is_hybrid": True, "neck_ignore_stages": []}, "of hybrids 'neck_ignore_stages' must be"),
        ("dpt", {"is_hybrid": True}, "'neck_hidden_sizes' must be a list that begins with 256, 512"),
        ("dpt", {"backbone_config": {"model_type": "dinov2"}}, "a backbone other than its own"),
    ],
)
def test_what_bit_and_hybrids_do_not_take(tmp_path, kind, more, message):
    with pytest.raises(archinspect.InvalidSpecError, match=message):
        totals(tmp_path, {"model_type": kind, **more})


def test_queries_that_are_pooled(tmp_path):
    given: dict = {"model_type": "hiera", "image_size": [32, 32], "embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2]}
    given |= {"masked_unit_size": [4, 4], "masked_unit_attention": [True, False], "num_query_pool": 1}
    found = totals(tmp_path, given)

    def layer(width, out):
        mlp = 2 * 4 * out * out + 5 * out
        return 2 * width + (width + 1) * 3 * out + (out + 1) * out + 2 * out + mlp + (width != out) * (width + 1) * out

    stem = 3 * 49 * 8 + 8
    assert found.params == stem + 64 * 8 + layer(8, 8) + layer(8, 16) + 2 * 16
    first = 64 * (4 * 8 * 8 + 8 * 8 * 8) + 2 * 64 * 16 * 8  # four units of sixteen steps
    second = 64 * (3 + 1) * 8 * 16 + 16 * (16 * 16 + 8 * 16 * 16) + 2 * 16 * 16 * 16  # in units yet
    assert found.macs == 64 * 3 * 49 * 8 + first + second


OWN_PART = 2 * 32 * 4 + 32


def test_masks_of_a_point(tmp_path):
    feed = 33 * 128 + 129 * 32
    layers = 2 * (4 * 32 + 33 * 96 + 33 * 32 + feed) + 2 * 8 * (9 + 15)
    tower = (3 * 16 + 1) * 32 + 64 * 32 + layers + 32 * 16 + 2 * 16 + 9 * 16 * 16 + 2 * 16
    prompt = (4 + 1 + 1) * 16 + (4 + 1) + (4 * 4 + 4) + (4 + 1) * 16 + 2 + 8
    whole, half = 4 * 17 * 16, 3 * 17 * 8 + 9 * 16
    between = 2 * (whole + 2 * half + 17 * 20 + 21 * 16 + 4 * 32) + half + 32
    up = (4 * 16 + 1) * 4 + 8 + (4 * 4 + 1) * 2
    heads = 4 * (2 * 17 * 16 + 17 * 2) + 17 * 12 + 13 * 12 + 13 * 4
    found = totals(tmp_path, {"model_type": "sam", **SAM})
    assert found.params == tower + 2 * 8 + prompt + 5 * 16 + between + up + heads
    seen = 64 * 3 * 16 * 32 + 64 * (32 * 16 + 9 * 16 * 16)
    windows, all_ = 4 * 25, 64  # a map of eight steps a side is padded to ten
    seen += (windows + all_) * 4 * 32 * 32 + 2 * 64 * 2 * 32 * 128
    seen += 2 * 32 * (4 * 25 * 25 + 64 * 64) + 32 * (windows * 10 + all_ * 16)
    tokens = 5 + 2
    crossed = 2 * 8 * tokens * 64 + 8 * 16 * 2 * (tokens + 64)
    own = 4 * tokens * 16 * 16 + 2 * 16 * tokens * tokens + tokens * 2 * 16 * 20
    ends = 64 * 16 * 4 * 4 + 256 * 4 * 4 * 2 + 4 * (2 * 16 * 16 + 16 * 2) + 1024 * 2 * 4 + 16 * 12 + 12 * 12 + 12 * 4
    assert found.macs == seen + (64 + 2) * 16 + 2 * (own + 2 * crossed) + crossed + ends


def test_maps_that_shrink_between_stages(tmp_path):
    given: dict = {"model_type": "levit", "image_size": 64, "hidden_sizes": [16, 24, 32], "depths": [1, 0, 1]}
    given |= {"key_dim": [4, 4, 4], "num_attention_heads": [2, 2, 4], "num_channels": 1}

    def linear(wide, out):
        return wide * out + 2 * out

    stem = 9 * (1 * 2 + 2 * 4 + 4 * 8 + 8 * 16) + 2 * (2 + 4 + 8 + 16)
    first = linear(16, 4 * 8) + linear(16, 16) + 16 * 2 + linear(16, 32) + linear(32, 16)
    down = linear(16, 16 + 64) + linear(16, 16) + linear(64, 24) + 16 * 4 + linear(24, 48) + linear(48, 24)
    again = linear(24, 24 + 96) + linear(24, 24) + linear(96, 32) + 4 * 6 + linear(32, 64) + linear(64, 32)
    last = linear(32, 4 * 16) + linear(32, 32) + 4 + linear(32, 64) + linear(64, 32)
    found = totals(tmp_path, given)
    assert found.params == stem + first + down + again + last
    judges = {**given, "architectures": ["LevitForImageClassificationWithTeacher"], "num_labels": 3}
    assert totals(tmp_path, judges).params == found.params + 2 * (2 * 32 + 33 * 3)


def test_places_that_what_surrounds_them_modulates(tmp_path):
    given: dict = {"model_type": "focalnet", "image_size": 30, "embed_dim": 8, "depths": [1, 1], "num_channels": 1}
    given |= {"focal_levels": [2, 1], "focal_windows": [3, 5]}

    def layer(wide, levels, kernels):
        mixes = (wide + 1) * (2 * wide + levels + 1) + 2 * (wide + 1) * wide + kernels * wide
        return mixes + 4 * wide + (wide + 1) * 4 * wide + (4 * wide + 1) * wide

    stem, down = 17 * 8 + 2 * 8, (4 * 8 + 1) * 16 + 2 * 16
    found = totals(tmp_path, given)
    assert found.params == stem + layer(8, 2, 9 + 25) + down + layer(16, 1, 25) + 2 * 16
    # A picture of thirty rows is padded to eight patches a side.
    first = 64 * (16 * 8 + 8 * 19 + 2 * 64 + 34 * 8 + 8 * 64)
    assert found.macs == first + 16 * (32 * 16 + 16 * 34 + 2 * 256 + 25 * 16 + 8 * 256)
    scales = {"use_layerscale": True, "use_post_layernorm_in_modulation": True}
    assert totals(tmp_path, {**given, **scales}).params == found.params + 4 * (8 + 16)


def test_objects_of_a_picture(tmp_path):
    given: dict = {
        "model_type": "detr",
        "backbone": "resnet18",
        "d_model": 32,
        "encoder_layers": 1,
        "decoder_layers": 1,
    }
    given |= {"encoder_ffn_dim": 48, "decoder_ffn_dim": 40, "num_queries": 5, "num_labels": 3}
    given |= {"encoder_attention_heads": 4, "decoder_attention_heads": 4, "architectures": ["DetrForObjectDetection"]}
    attends = 4 * 33 * 32
    encoder = attends + 33 * 48 + 49 * 32 + 2 * 64
    decoder = 2 * attends + 33 * 40 + 41 * 32 + 3 * 64 + 64
    heads = 33 * 4 + 2 * 33 * 32 + 33 * 4
    convolutions = 11_166_912  # those of torchvision's ResNet-18
    found = totals(tmp_path, given)
    assert found.params == convolutions + 513 * 32 + encoder + decoder + 5 * 32 + heads
    assert found.buffers == 4 * 4800
    assert found.non_trainable_params == 9408 + 4 * 9 * 64 * 64  # the stem, the first stage
    assert totals(tmp_path, {**given, "position_embedding_type": "learned"}).params == found.params + 2 * 50 * 16
    with pytest.raises(archinspect.InvalidSpecError, match="a backbone other than"):
        totals(tmp_path, {**given, "backbone": "resnet50d"})


@pytest.mark.parametrize(
    ("kind", "architecture", "params", "macs"),
    [
        ("table-transformer", "TableTransformerForObjectDetection", 11_239_527, 593_067_744),
        ("table-transformer", "TableTransformerModel", 11_237_184, 593_051_840),
        ("conditional_detr", "ConditionalDetrForObjectDetection", 11_256_392, 593_235_392),
        ("conditional_detr", "ConditionalDetrModel", 11_254_082, 593_219_712),
    ],
)
def test_relatives_of_detr(tmp_path, kind, architecture, params, macs):
    """Figures of transformers 5.24 and timm 1.0.31, of a picture of 128 x 128."""
    given: dict = {"model_type": kind, "architectures": [architecture], "backbone": "resnet18", "d_model": 32}
    given |= {"encoder_layers": 2, "decoder_layers": 3, "num_queries": 7}
    given |= {"encoder_attention_heads": 4, "decoder_attention_heads": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 64}
    (tmp_path / "config.json").write_text(json.dumps(given))
    found = archinspect.inspect(tmp_path, inputs={"": (128, 128, 3)}).totals
    assert (found.params, found.macs) == (params, macs)


def test_a_decoder_of_one_layer_has_what_later_ones_scale_by(tmp_path):
    """Measured likewise: the network that scales places is there, and nothing reads it."""
    given: dict = {"model_type": "conditional_detr", "architectures": ["ConditionalDetrForObjectDetection"]}
    given |= {"backbone": "resnet50", "d_model": 32, "encoder_layers": 2, "decoder_layers": 1, "num_queries": 7}
    given |= {"encoder_attention_heads": 4, "decoder_attention_heads": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 64}
    given |= {"position_embedding_type": "learned", "num_labels": 3}
    assert totals(tmp_path, given).params == 23_561_065


def test_objects_around_which_a_decoder_looks(tmp_path):
    given = {"model_type": "rt_detr", "architectures": ["RTDetrForObjectDetection"], "num_labels": 80}
    (tmp_path / "config.json").write_text(json.dumps(given))
    found = archinspect.inspect(tmp_path, inputs={"": (256, 256, 3)}).totals
    ours = archinspect.inspect("rt_detr_r50", params={"size": [256, 256]}).totals
    assert (found.params, found.macs, found.flops) == (ours.params, ours.macs, ours.flops)


def test_what_differs_between_kinds_of_rt_detr(tmp_path):
    given = {"model_type": "rt_detr_v2", **RT_DETR, "architectures": ["RTDetrV2ForObjectDetection"], "num_labels": 3}
    found, head = totals(tmp_path, given), 33 * 3 + 2 * 33 * 32 + 33 * 4
    assert totals(tmp_path, {**given, "tie_word_embeddings": False}).params == found.params + 2 * head
    assert totals(tmp_path, {**given, "architectures": ["RTDetrV2Model"]}).params == found.params - 2 * head
    assert totals(tmp_path, {**given, "num_denoising": 0}).params == found.params - 4 * 32
    assert totals(tmp_path, {**given, "hidden_expansion": 0.5}).params < found.params
    thawed = totals(tmp_path, {**given, "freeze_backbone_batch_norms": False})
    normed = (4, 4, 8, 4, 4, 16, 16, 8, 8, 32, 32)
    assert (thawed.params, thawed.macs) == (found.params + 2 * sum(normed), found.macs)
    more = totals(tmp_path, {**given, "num_feature_levels": 3, "decoder_n_levels": 3})
    looks = 2 * 33 * 4 * 8 * 3
    assert more.params == found.params + 9 * 32 * 32 + 2 * 32 + looks


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"backbone_config": {"model_type": "resnet"}}, "a backbone of the type 'resnet' is not read"),
        ({"decoder_in_channels": [32, 16]}, "must be a list of 32, the encoder_hidden_dim"),
        ({"encoder_in_channels": [8] * 4}, "must be a list of 2, as the backbone's maps"),
        ({"encode_proj_layers": [2]}, "must be a list of those of the 2 maps"),
        ({"decoder_attention_heads": 5}, "must be a divisor of 32"),
        ({"num_queries": 10**6}, "must be at most 3,920, the places of all maps"),
        ({"num_feature_levels": 1}, "must be 2, as there are maps"),
        ({"encoder_hidden_dim": 30, "decoder_in_channels": [30, 30]}, "must be a multiple of 4"),
        ({"hidden_expansion": 0}, "a number that leaves features"),
    ],
)
def test_what_rt_detr_does_not_take(tmp_path, more, message):
    with pytest.raises(archinspect.InvalidSpecError, match=message):
        totals(tmp_path, {"model_type": "rt_detr", **RT_DETR, **more})

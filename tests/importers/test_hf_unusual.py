"""Configurations that say more than their class does, or what it cannot do: counted as far as it runs."""

from __future__ import annotations

import json

import pytest
from hf_sizes import SIZES, totals

import archinspect

TWO = {**SIZES, "num_hidden_layers": 2}
CROSSED = 4 * 33 * 32 + 2 * 32
BART = {"d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 4}
BART |= {"decoder_attention_heads": 4, "vocab_size": 50}


@pytest.mark.parametrize(
    ("kind", "more"),
    [("gpt2", {}), ("xglm", {"attention_heads": 4}), ("bert", {"is_decoder": True}), ("electra", {"is_decoder": True})],
)
def test_attention_to_an_encoder_has_weights_and_computes_nothing(tmp_path, kind, more):
    given = {"model_type": kind, **TWO, **more}
    plain, crossed = totals(tmp_path, given), totals(tmp_path, {**given, "add_cross_attention": True})
    assert crossed.params - plain.params == 2 * CROSSED
    assert crossed.macs == plain.macs


@pytest.mark.parametrize("given", [{"model_type": "bert", **TWO}, {"model_type": "gpt_bigcode", "multi_query": True}])
def test_attention_to_an_encoder_that_is_not_built_is_refused(tmp_path, given):
    with pytest.raises(archinspect.InvalidSpecError, match="add_cross_attention"):
        totals(tmp_path, {**given, "add_cross_attention": True})


@pytest.mark.parametrize(
    ("given", "steps"),
    [
        ({"model_type": "llama"}, 100),
        ({"model_type": "llama", "sliding_window": 5}, 4),
        ({"model_type": "llama", "attention_chunk_size": 9}, 8),
        ({"model_type": "bert", "is_decoder": True, "sliding_window": 5}, 4),
        ({"model_type": "bart", **BART, "sliding_window": 5}, 4 / 2 + 1024 / 2),
    ],
)
def test_a_cache_keeps_the_steps_of_a_window(tmp_path, given, steps):
    (tmp_path / "config.json").write_text(json.dumps({**TWO, **given}))
    network = archinspect.network(tmp_path)
    assert network.memory(archinspect.Plan(cached=100)).inference.cache == 2 * 2 * 32 * 4 * steps


@pytest.mark.parametrize("kind", ["deepseek_v3", "longcat_flash"])
def test_latent_attention_with_a_window_is_refused(tmp_path, kind):
    with pytest.raises(archinspect.InvalidSpecError, match="sliding_window"):
        totals(tmp_path, {"model_type": kind, **TWO, "num_key_value_heads": 4, "sliding_window": 5})


def test_heads_of_keys_are_asked_for_where_a_layer_attends(tmp_path):
    given = {"model_type": "lfm2", **TWO, "num_key_value_heads": 3, "layer_types": ["conv", "conv"]}
    assert totals(tmp_path, given).params
    with pytest.raises(archinspect.InvalidSpecError, match="num_key_value_heads"):
        totals(tmp_path, {**given, "layer_types": ["conv", "full_attention"]})


def test_a_projection_that_reads_other_features_than_heads_make_is_refused(tmp_path):
    assert totals(tmp_path, {"model_type": "helium", **TWO, "num_key_value_heads": 2, "head_dim": 8}).params
    with pytest.raises(archinspect.InvalidSpecError, match="head_dim"):
        totals(tmp_path, {"model_type": "helium", **TWO, "num_key_value_heads": 2, "head_dim": 16})


def test_positions_of_a_picture_of_another_size(tmp_path):
    (tmp_path / "config.json").write_text(
        json.dumps({"model_type": "dinov2", **SIZES, "image_size": 70, "patch_size": 14})
    )
    network = archinspect.network(tmp_path)
    plain, wide = network.report().totals, network.with_settings(inputs={"": (84, 112, 3)}).report().totals
    assert (plain.params, plain.macs, wide.params) == (32576, 833152, 32576)
    layer = 4 * 32 * 32 + 2 * 32 * 128
    assert wide.macs == 48 * 3 * 14 * 14 * 32 + 49 * layer + 2 * 49 * 49 * 32


SIGHT = {**TWO, "image_size": 32, "patch_size": 4}
WORDS = {**SIZES, "model_type": "llama", "num_key_value_heads": 2}
SIGLIP, PIXTRAL = ({**SIGHT, "model_type": kind} for kind in ("siglip_vision_model", "pixtral"))


@pytest.mark.parametrize(
    ("given", "changed", "params"),
    [  # and the parameters that the change brings
        ({"model_type": "idefics3", "scale_factor": 2, "vision_config": SIGLIP}, {"scale_factor": 3}, 5 * 32 * 32),
        (
            {"model_type": "paligemma", "projection_dim": 32, "vision_config": SIGLIP},
            {"projection_dim": 20},
            -12 * 33,
        ),
        ({"model_type": "llava", "vision_feature_layer": -1, "vision_config": SIGLIP}, {"vision_feature_layer": 9}, 0),
        (
            {"model_type": "mistral3", "vision_config": PIXTRAL, "spatial_merge_size": 2},
            {"vision_config": {**PIXTRAL, "num_attention_heads": 5}},
            0,
        ),
        ({"model_type": "gemma3", "mm_tokens_per_image": 4, "vision_config": SIGLIP}, {"mm_tokens_per_image": 900}, 0),
    ],
)
def test_pictures_that_do_not_fit_leave_a_model_of_text(tmp_path, given, changed, params):
    given = {**given, "text_config": WORDS}
    fits, unfit = totals(tmp_path, given), totals(tmp_path, {**given, **changed})
    assert unfit.params - fits.params == params
    report = archinspect.inspect(tmp_path / "config.json")
    assert (report.status, "no pictures" in report.description) == ("partial", True)


@pytest.mark.parametrize(
    ("kind", "name", "more", "params", "macs"),
    [  # as transformers' modules have them, of texts of 10 steps
        ("albert", "AlbertForPreTraining", {"num_labels": 4}, 89798, 225152),
        ("bert", "BertForNextSentencePrediction", {}, 26738, 79168),
    ],
)
def test_classes_that_judge_pairs(tmp_path, kind, name, more, params, macs):
    found = totals(tmp_path, {"model_type": kind, "architectures": [name], **SIZES, **more}, seq=10)
    assert (found.params, found.macs) == (params, macs)


def test_classes_of_frames_and_pictures(tmp_path):
    sound = {"model_type": "wavlm", **SIZES, "conv_dim": [16], "conv_kernel": [10], "conv_stride": [5]}
    sound |= {"num_conv_pos_embedding_groups": 4, "num_conv_pos_embeddings": 8}
    found = totals(tmp_path, {**sound, "architectures": ["WavLMForAudioFrameClassification"]})
    assert (found.params, found.macs) == (11878, 687607904)
    clip = {"model_type": "clip", "vision_config": {**SIGHT}, "num_labels": 5}
    alone = totals(tmp_path, {"model_type": "clip_vision_model", **SIGHT}).params
    found = totals(tmp_path, {**clip, "architectures": ["CLIPForImageClassification"]})
    assert found.params - alone == 33 * 5


@pytest.mark.parametrize(("kind", "classes"), [("nystromformer", 2), ("bert", 3)])
def test_answers_have_a_start_and_an_end_or_as_many_classes_as_are_said(tmp_path, kind, classes):
    given = {"model_type": kind, **SIZES, "num_landmarks": 64, "segment_means_seq_len": 64, "num_labels": 3}
    found = [
        totals(tmp_path, {**given, "architectures": [f"X{end}"]}).params
        for end in ("ForQuestionAnswering", "ForTokenClassification")
    ]
    assert found[1] - found[0] == (3 - classes) * 33


@pytest.mark.parametrize(("kind", "beside"), [("bart", 2 * 32), ("mbart", 4 * 32), ("marian", 0)])
def test_a_decoder_alone_has_attention_to_an_encoder_that_computes_nothing(tmp_path, kind, beside):
    given = {"model_type": kind, **BART, "decoder_ffn_dim": 48, "max_position_embeddings": 16, "pad_token_id": 0}
    found = totals(tmp_path, {**given, "architectures": ["XForCausalLM"]}, seq=8)
    rows = 16 if kind == "marian" else 18
    assert found.params == (50 + rows) * 32 + 2 * CROSSED + 2 * 32 + 33 * 48 + 49 * 32 + beside
    assert found.macs == 8 * (4 * 32 * 32 + 2 * 32 * 48 + 50 * 32) + 2 * 8 * 8 * 32


@pytest.mark.parametrize(("kind", "beside"), [("roberta", 33 * 32), ("distilbert", 33 * 32), ("bert", 33 * 32)])
def test_choices_are_samples(tmp_path, kind, beside):
    given = {"model_type": kind, **SIZES, "dim": 32, "n_heads": 4, "n_layers": 1, "num_labels": 1}
    choice = totals(tmp_path, {**given, "architectures": ["XForMultipleChoice"]}).params
    each = totals(tmp_path, {**given, "architectures": ["XForTokenClassification"]}).params
    assert choice - each == beside


def test_choices_of_a_class_of_its_own_are_not_read(tmp_path):
    with pytest.raises(archinspect.InvalidSpecError, match="is not read"):
        totals(tmp_path, {"model_type": "electra", **SIZES, "architectures": ["ElectraForMultipleChoice"]})


XLNET = {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 48}
STAGES = {"num_encoder_blocks": 2, "image_size": 64, "hidden_sizes": [16, 32, 64], "depths": [1, 1]}
STAGES |= {"num_attention_heads": [1, 2], "decoder_hidden_size": 16}


@pytest.mark.parametrize(
    ("kind", "name", "more", "params", "macs"),
    [  # as transformers' modules have them, of texts of 16 steps
        ("big_bird", "BigBirdForQuestionAnswering", {"num_hidden_layers": 2}, 23666, 312320),
        ("longformer", "LongformerModel", {"num_hidden_layers": 2}, 27776, 49284096),
        ("xlnet", "XLNetForSequenceClassification", XLNET, 21474, 361536),
        ("xlnet", "XLNetForSequenceClassification", {**XLNET, "summary_use_proj": False}, 20418, 360512),
        ("xlnet", "XLNetForMultipleChoice", XLNET, 21441, 361504),
        ("segformer", "SegformerForImageClassification", STAGES, 58146, 2619520),
        ("segformer", "SegformerForSemanticSegmentation", STAGES, 59394, 2856960),
    ],
)
def test_classes_that_are_seldom_used(tmp_path, kind, name, more, params, macs):
    given = {**SIZES, "vocab_size": 100, "max_position_embeddings": 64, **more}
    found = totals(
        tmp_path, {"model_type": kind, "architectures": [name], **given}, **({} if kind == "segformer" else {"seq": 16})
    )
    assert (found.params, found.macs) == (params, macs)


def test_a_summary_of_a_text_that_is_not_known(tmp_path):
    given = {
        "model_type": "xlnet",
        **XLNET,
        "summary_type": "attn",
        "architectures": ["XLNetForSequenceClassification"],
    }
    with pytest.raises(archinspect.InvalidSpecError, match="'summary_type' must be one of last"):
        totals(tmp_path, given)

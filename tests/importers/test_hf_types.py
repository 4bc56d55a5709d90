"""Types of Hugging Face with layers of their own: what follows by hand from small sizes."""

from __future__ import annotations

import json
from contextlib import suppress
from random import Random

import pytest
from hf_sizes import DETR, GEMMA, OWN_PART, RT_DETR, SAM, SIZES, VECTORS, totals

import archinspect
from archinspect.importers.hf.config import defaults
from archinspect.importers.hf.models import OTHERS


def test_mamba(tmp_path):
    given = {"model_type": "mamba", "hidden_size": 32, "num_hidden_layers": 1, "vocab_size": 50, "state_size": 4}
    inner, rank = 64, 2
    mixer = inner * (2 * 32 + 4 + 1 + rank + 8 + rank + 1 + 4 + 1 + 32)
    found = totals(tmp_path, given, seq=8)
    assert found.params == 50 * 32 + mixer + 2 * 32
    products = 32 * 2 * inner + inner * (rank + 8) + rank * inner + inner * 32
    scan, conv = 8 * inner * 4, (8 + 3) * inner * 4  # padded at both ends
    assert found.macs == 8 * (products + 32 * 50) + scan + conv


def test_mamba_2_works_by_chunks(tmp_path):
    given = {
        "model_type": "mamba2",
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "vocab_size": 50,
        "state_size": 4,
        "num_heads": 4,
        "head_dim": 16,
        "n_groups": 2,
        "chunk_size": 8,
    }
    one, two = (totals(tmp_path, given, seq=steps).macs for steps in (8, 16))
    mixed = 64 + 2 * 2 * 4
    each = 32 * (64 + mixed + 4) + 64 * 32 + 32 * 50
    chunk = 4 * (8 * 8 * (4 + 16) + 2 * 8 * 4 * 16)
    between = [4 * 4 * 16 * (chunks + 1) ** 2 for chunks in (1, 2)]
    assert one == 8 * each + 11 * mixed * 4 + chunk + between[0]
    assert two == 16 * each + 19 * mixed * 4 + 2 * chunk + between[1]


def test_a_hybrid_caches_what_its_attention_reads(tmp_path):
    given = {
        "model_type": "bamba",
        **SIZES,
        "num_hidden_layers": 3,
        "attn_layer_indices": [1],
        "num_key_value_heads": 2,
        "mamba_n_heads": 4,
        "mamba_d_state": 4,
    }
    (tmp_path / "config.json").write_text(json.dumps(given))
    network = archinspect.network(tmp_path)
    states = 2 * (72 * 4 + 64 * 4) * 4  # of two mixers: their convolution's window and their recurrence
    assert network.memory(archinspect.Plan(cached=10)).inference.cache == 2 * 10 * 2 * 8 * 4 + states
    assert sum(row.type == "ChunkScan" for row in network.report().layers) == 2


def test_the_delta_rule(tmp_path):
    given = {
        "model_type": "qwen3_5_text",
        **SIZES,
        "head_dim": 8,
        "num_key_value_heads": 2,
        "linear_num_key_heads": 1,
        "linear_num_value_heads": 2,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 4,
    }
    width = 2 * 8 + 8
    mixer = 32 * (width + 8 + 2 * 2) + 4 * width + 2 * 2 + 4 + 8 * 32
    assert totals(tmp_path, given).params == mixer + 3 * 32 * 48 + 3 * 32 + 2 * 50 * 32
    full = totals(tmp_path, {**given, "layer_types": ["full_attention"]}).params
    assert full == 32 * 64 + 2 * 32 * 16 + 32 * 32 + 2 * 8 + 3 * 32 * 48 + 3 * 32 + 2 * 50 * 32


def test_a_wave(tmp_path):
    given = {
        "model_type": "wav2vec2",
        "architectures": ["Wav2Vec2ForCTC"],
        **SIZES,
        "conv_dim": [16, 16],
        "conv_kernel": [10, 3],
        "conv_stride": [5, 2],
        "num_conv_pos_embeddings": 8,
        "num_conv_pos_embedding_groups": 4,
    }
    convolutions = 10 * 16 + 2 * 16 + 3 * 16 * 16
    projection = 2 * 16 + 17 * 32 + 32
    positions = 8 * 32 * 8 + 32 + 8
    layer = 4 * 33 * 32 + 33 * 48 + 49 * 32 + 4 * 32
    assert totals(tmp_path, given).params == convolutions + projection + positions + 2 * 32 + layer + 33 * 50
    assert totals(tmp_path, {**given, "mask_time_prob": 0.0}).params == totals(tmp_path, given).params - 32


@pytest.mark.parametrize(
    ("kind", "architecture", "params", "macs"),
    [
        ("unispeech", "UniSpeechForCTC", 21_840, 360_943_328),
        ("unispeech", "UniSpeechForSequenceClassification", 29_746, 372_405_472),
        ("unispeech-sat", "UniSpeechSatForAudioFrameClassification", 20_850, 359_408_288),
        ("unispeech-sat", "UniSpeechSatModel", 20_784, 359_305_952),
    ],
)
def test_waves_of_unispeech(tmp_path, kind, architecture, params, macs):
    """Figures of transformers 5.24, of a wave of a second."""
    given = {"model_type": kind, "architectures": [architecture], "hidden_size": 32, "num_hidden_layers": 2}
    given |= {"num_attention_heads": 4, "intermediate_size": 48, "conv_dim": [16, 16], "conv_kernel": [10, 3]}
    given |= {"conv_stride": [5, 2], "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4}
    found = totals(tmp_path, given)
    assert (found.params, found.macs) == (params, macs)


def test_relative_positions_are_compared_with_words(tmp_path):
    given = {"model_type": "deberta-v2", **SIZES, "max_position_embeddings": 16, "relative_attention": True}
    plain = totals(tmp_path, given, seq=8)
    both = totals(tmp_path, {**given, "pos_att_type": "c2p|p2c", "position_buckets": 4}, seq=8)
    assert both.params - plain.params == 2 * 33 * 32 + (8 - 32) * 32
    assert both.macs - plain.macs == 2 * (8 * 32 * 32 + 8 * 8 * 32)


SMALL: dict = {
    **SIZES,
    "max_position_embeddings": 64,
    "image_size": 64,
    "conv_dim": [16],
    "conv_kernel": [10],
    "conv_stride": [5],
    "d_model": 32,
    "n_layer": 1,
    "n_head": 4,
    "d_inner": 48,
    "num_conv_pos_embedding_groups": 4,
    "head_dim": 8,
    "num_heads": 8,
    "n_groups": 2,
    "embedding_size": 32,
    "num_key_value_heads": 2,
    "intra_bottleneck_size": 32,
}
OWN: dict[str, dict] = {
    "blip": {"vision_config": {**SIZES, "image_size": 32}, "text_config": SIZES},
    "mllama": {
        "vision_config": {
            "hidden_size": 32,
            "num_hidden_layers": 1,
            "attention_heads": 4,
            "num_global_layers": 1,
            "image_size": 28,
            "intermediate_layers_indices": [0],
            "vision_output_dim": 64,
        },
        "text_config": {**SIZES, "num_key_value_heads": 2},
    },
    "gemma3n_text": {**GEMMA, "intermediate_size": 48},
    "gemma4_text": {**GEMMA, "global_head_dim": 16},
    "hiera": {"image_size": [64, 64], "num_heads": [1, 2, 4, 8], "depths": [1, 1, 1, 1]},
    "funnel": {"block_sizes": [1, 2], "d_head": 8},
    "longcat_flash": {
        "num_layers": 1,
        "n_routed_experts": 4,
        "zero_expert_num": 2,
        "moe_topk": 2,
        "ffn_hidden_size": 8,
    },
    "longformer": {"attention_window": 4},
    "sam": SAM,
    **dict.fromkeys(("rt_detr", "rt_detr_v2"), RT_DETR),
    "levit": {"num_attention_heads": [2, 4, 8], "depths": [1, 1, 1]},
    **dict.fromkeys(("conditional_detr", "detr", "table-transformer"), DETR),
    "led": {"attention_window": 4, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 8},
    "dpt": {"backbone_out_indices": [0], "neck_hidden_sizes": [8], "fusion_hidden_size": 16},
    "cvt": {"num_heads": [1, 3, 6]},
    "swin": {"num_heads": [3, 6, 12, 24], "window_size": 2},
    "swinv2": {"num_heads": [3, 6, 12, 24], "window_size": 2},
    "segformer": {"num_attention_heads": [1, 2, 5, 8], "hidden_sizes": [32]},
    "pvt": {"num_attention_heads": [1, 2, 5, 8]},
    "deberta": {"relative_attention": True},
    **{kind: {"conv_kernel": 4} for kind in ("falcon_mamba", "mamba", "mamba2", "nemotron_h")},
}


@pytest.mark.parametrize("kind", OTHERS)
def test_flags_that_are_flipped_and_values_that_are_damaged_are_answered(tmp_path, kind):
    rng, path = Random(kind), tmp_path / "config.json"
    given = {"model_type": kind, **SMALL, **OWN.get(kind, {})}
    path.write_text(json.dumps(given))
    assert archinspect.inspect(path).status == "complete"
    known = [name for name in {**defaults()[kind], **given} if name != "model_type" and not name.startswith("_")]
    for _ in range(20):
        changed = {**given, rng.choice(known): rng.choice([None, -1, 0, 1, 3, 2.5, True, False, "x", [], [1], {}])}
        path.write_text(json.dumps(changed))
        with suppress(archinspect.InvalidSpecError):
            archinspect.inspect(path)


def test_classes_of_encoders_of_text(tmp_path):
    given = {**SIZES, "max_position_embeddings": 16, "architectures": ["BertModel"]}
    pooler, head = 33 * 32, 33 * 32 + 2 * 32 + 50
    plain = totals(tmp_path, {**given, "model_type": "bert"}).params
    words = totals(tmp_path, {**given, "model_type": "bert", "architectures": ["BertLMHeadModel"]})
    assert words.params == plain - pooler + head
    big = {**given, "model_type": "big_bird", "architectures": ["BigBirdForMaskedLM"]}
    assert totals(tmp_path, big).params == words.params + pooler  # it is there, and nothing reads it
    classifier = {**big, "architectures": ["BigBirdForSequenceClassification"]}
    assert totals(tmp_path, classifier).params == plain + pooler + 33 * 2


def test_an_encoder_that_decodes_caches_keys_and_values(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", **SIZES, "is_decoder": True}))
    network = archinspect.network(tmp_path)
    assert network.memory(archinspect.Plan(cached=10)).inference.cache == 2 * 10 * 32 * 4


@pytest.mark.parametrize("end", ["DoubleHeadsModel", "EncoderModel"])
def test_a_class_with_more_than_the_bare_model_is_not_read_as_one(tmp_path, end):
    with pytest.raises(archinspect.InvalidSpecError, match="is not read"):
        totals(tmp_path, {"model_type": "gpt2", "architectures": [f"GPT2{end}"]})


def test_a_decoder_of_captions(tmp_path):
    tower = {**SIZES, "image_size": 32, "patch_size": 16}
    given = {"model_type": "blip", "vision_config": tower, "text_config": {**SIZES, "max_position_embeddings": 16}}
    feed_forward = 33 * 48 + 49 * 32
    layer = 4 * 33 * 32 + feed_forward + 2 * 2 * 32
    seen = 32 + 5 * 32 + (3 * 256 + 1) * 32 + layer + 2 * 32
    written = (50 + 16) * 32 + 2 * 32 + layer + 4 * 33 * 32 + 2 * 32 + 33 * 32 + 2 * 32 + 50
    assert totals(tmp_path, given, seq=8).params == seen + written


@pytest.mark.parametrize(
    ("kind", "given", "more"),
    [
        ("bert", {}, 0),
        ("ernie", {}, 0),
        ("ernie", {"use_task_id": True, "task_type_vocab_size": 3}, 3 * 32),
        ("megatron-bert", {}, 0),
        ("roberta-prelayernorm", {}, 2 * 32),
        ("data2vec-text", {}, 0),
        ("deberta", {}, -33 * 32 - 32),  # neither a pooler nor a bias of keys
    ],
)
def test_encoders_of_text_by_their_differences_from_bert(tmp_path, kind, given, more):
    base = {**SIZES, "max_position_embeddings": 16, "type_vocab_size": 2, "model_type": "bert"}
    assert totals(tmp_path, {**base, **given, "model_type": kind}, seq=8).params == (
        totals(tmp_path, base, seq=8).params + more
    )


def test_attention_to_the_steps_around_each(tmp_path):
    given = {**SIZES, "model_type": "longformer", "max_position_embeddings": 40, "attention_window": 8}
    plain = totals(tmp_path, {**given, "model_type": "bert"}, seq=16)
    found = totals(tmp_path, given, seq=16)
    assert found.params == plain.params + 3 * 33 * 32
    assert found.macs == plain.macs - 2 * 16 * 16 * 32 + 3 * 8 * 8 * 32 + 16 * 12 * 32  # three chunks of eight steps
    assert totals(tmp_path, given, seq=9).macs == found.macs  # padded to sixteen
    judge = {**given, "architectures": ["LongformerForSequenceClassification"]}
    tagged = {**given, "architectures": ["LongformerForTokenClassification"]}
    seen = 4 * 16 * 32 + (1 + 2 * 16) * 32 * 32  # of the first step, which sees all
    more = 32 * 32 + 2 * 32 - 16 * 2 * 32
    assert totals(tmp_path, judge, seq=16).macs == totals(tmp_path, tagged, seq=16).macs + seen + more


def test_an_encoder_of_long_texts_with_a_decoder(tmp_path):
    given = {"model_type": "bart", "d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "vocab_size": 50}
    given |= {"encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
    long = {"max_encoder_position_embeddings": 40, "max_decoder_position_embeddings": 20, "attention_window": [4]}
    plain = totals(tmp_path, {**given, "max_position_embeddings": 28}, seq=8)  # two positions more on each side
    found = totals(tmp_path, {**given, **long, "model_type": "led"}, seq=8)
    assert found.params == plain.params + 3 * 33 * 32
    assert found.macs == plain.macs - 2 * 8 * 8 * 32 + 3 * 4 * 4 * 32 + 8 * 6 * 32


def test_layers_that_share_keys_and_values(tmp_path):
    given = {**GEMMA, "model_type": "gemma4_text", "global_head_dim": 16, "use_double_wide_mlp": True}
    sliding, full, shared = 2 * 32 * 32 + 2 * 32 * 16 + 16, 2 * 32 * 64 + 2 * 32 * 32 + 32, 2 * 32 * 64 + 16
    layers = sliding + full + shared + (1 + 1 + 2) * 3 * 32 * 48 + 3 * (4 * 32 + OWN_PART)
    assert totals(tmp_path, given).params == 50 * 32 + VECTORS + layers + 32
    network = archinspect.network(tmp_path)
    assert network.memory(archinspect.Plan(cached=10)).inference.cache == (2 * 4 * 16 + 2 * 10 * 32) * 4
    experts = {"enable_moe_block": True, "num_experts": 4, "top_k_experts": 2, "moe_intermediate_size": 16}
    more = 3 * (4 * 3 * 32 * 16 + 32 * 4 + 32 + 4 + 3 * 32)
    assert totals(tmp_path, {**given, **experts}).params == 50 * 32 + VECTORS + layers + 32 + more
    alike = {"attention_k_eq_v": True, "num_global_key_value_heads": 1}
    assert totals(tmp_path, {**given, **alike}).params == 50 * 32 + VECTORS + layers + 32 - 3 * 32 * 16


def test_streams_of_which_layers_compute_one(tmp_path):
    given = {**GEMMA, "model_type": "gemma3n_text", "altup_num_inputs": 3, "laurel_rank": 4}
    own = 2 * 32 * 32 + 2 * 32 * 16 + 16
    mixes = 32 + 32 * 3 + 3 * 9 + 3 * 3 + 32
    each = 3 * 32 * 48 + 4 * 32 + OWN_PART + 2 * 32 * 4 + 32 + mixes
    layers = 2 * own + 2 * 32 * 32 + 8 + 3 * each
    found = totals(tmp_path, given, seq=6)
    assert found.params == 50 * 32 + VECTORS + 4 * 32 * 32 + layers + 32
    # Of each step what its weights have, the router twice, the mixing of the streams, and attention.
    weights = 3 * (2 * 32 * 32 + 3 * 32 * 48 + 2 * 32 * 4 * 2 + 2 * 3 * 32 + 27 + 9 + 32 * 9) + 2 * 2 * 32 * 16
    assert found.macs == 6 * (weights + 4 * 32 * 32 + 32 * 12 + 32 * 50) + 3 * 2 * 36 * 32


def test_blocks_that_see_three_blocks_and_sums_of_all(tmp_path):
    given: dict = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_heads": 4, "num_layers": 2, "num_decoder_layers": 1}
    given |= {"vocab_size": 50, "model_type": "longt5", "local_radius": 3, "relative_attention_num_buckets": 6}
    plain = totals(tmp_path, {**given, "model_type": "t5"}, seq=10)
    local = totals(tmp_path, given, seq=10)
    assert local.params == plain.params
    assert local.macs == plain.macs - 2 * 2 * 10 * 10 * 32 + 2 * 2 * 12 * 12 * 32  # three blocks of four steps
    both = {**given, "encoder_attention_type": "transient-global", "global_block_size": 5}
    found = totals(tmp_path, both, seq=10)
    assert found.params == local.params + 2 * 32 + 6 * 4
    sums = 10 * 2 * 32 + 2 * 2 * 32 * 32 + 2 * 12 * 2 * 32
    assert found.macs == local.macs + 2 * sums
    assert totals(tmp_path, both, seq=4).params == found.params  # less than a block: nothing is summed


@pytest.mark.parametrize(
    ("kind", "given", "layer"),
    [
        ("llama", {}, 3 * 32 * 48 + 2 * 32),
        ("cwm", {}, 3 * 32 * 48 + 2 * 32),
        ("flex_olmo", {"num_experts": 4, "num_experts_per_tok": 2}, 4 * 3 * 32 * 48 + 4 * 32 + 3 * 32 + 16),
        ("hy_v3", {}, 3 * 32 * 48 + 2 * 32 + 2 * 8),
        ("jais2", {}, 2 * 32 * 48 + 32 + 48 + 2 * 32 + 2 * 32 + 2 * 16 + 3 * 32),
        ("nanochat", {}, 2 * 32 * 48 - 32),
        ("vaultgemma", {"tie_word_embeddings": False}, 3 * 32 * 48 + 2 * 32),
    ],
)
def test_decoders_of_today(tmp_path, kind, given, layer):
    sizes = {**SIZES, "num_key_value_heads": 2, "head_dim": 8, "model_type": kind}
    assert totals(tmp_path, {**sizes, **given}, seq=8).params == layer + 32 + 2 * 50 * 32 + 2 * 32 * (32 + 16)


def test_what_judges_the_end_of_a_text(tmp_path):
    given = {"model_type": "bart", "d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "vocab_size": 50}
    bare = totals(tmp_path, {**given, "architectures": ["BartModel"]}, seq=8).params
    judge = {**given, "architectures": ["BartForSequenceClassification"]}
    assert totals(tmp_path, judge, seq=8).params == bare + 33 * 32 + 33 * 3
    asked = {**given, "architectures": ["BartForQuestionAnswering"]}
    assert totals(tmp_path, asked, seq=8).params == bare + 33 * 2
    few = {"num_layers": 1, "num_decoder_layers": 1, "d_model": 32, "vocab_size": 50, "model_type": "t5"}
    bare, encoder = (totals(tmp_path, {**few, "architectures": [one]}).params for one in ("T5Model", "T5EncoderModel"))
    answered, tagged = (
        totals(tmp_path, {**few, "architectures": [one], "id2label": {"0": "a", "1": "b", "2": "c"}}).params
        for one in ("T5ForQuestionAnswering", "T5ForTokenClassification")
    )
    assert (answered - bare, tagged - encoder) == (33 * 3, 33 * 3)
    bert = {**SIZES, "model_type": "deberta-v2", "max_position_embeddings": 16}
    head = 33 * 32 + 2 * 32 + 50
    masked = totals(tmp_path, {**bert, "architectures": ["DebertaV2ForMaskedLM"]}, seq=8).params
    assert masked == totals(tmp_path, bert, seq=8).params + head


FUNNEL = {"model_type": "funnel", "vocab_size": 50, "hidden_size": 32, "n_head": 2, "d_head": 12, "d_inner": 40}
FUNNEL |= {"block_sizes": [2, 1], "num_decoder_layers": 1}


@pytest.mark.parametrize(
    ("given", "params", "macs"),
    [  # as transformers' modules have them, of texts of 10 steps
        ({"architectures": ["FunnelForMaskedLM"]}, 28914, 317520),
        ({"attention_type": "factorized", "architectures": ["FunnelForMaskedLM"]}, 28914, 310960),
        (
            {"truncate_seq": False, "pooling_type": "max", "architectures": ["FunnelForTokenClassification"]},
            28930,
            309088,
        ),
        ({"separate_cls": False, "block_repeats": [1, 3], "architectures": ["FunnelBaseModel"]}, 22064, 296720),
        ({"pool_q_only": False, "num_labels": 3, "architectures": ["FunnelForSequenceClassification"]}, 23219, 203120),
        ({"block_repeats": [2, 1], "architectures": ["FunnelForPreTraining"]}, 29953, 475600),
    ],
)
def test_blocks_of_ever_fewer_steps(tmp_path, given, params, macs):
    found = totals(tmp_path, {**FUNNEL, **given}, seq=10)
    assert (found.params, found.macs) == (params, macs)


def test_experts_that_do_nothing(tmp_path):
    given = {"model_type": "longcat_flash", **SIZES, **OWN["longcat_flash"], "expert_ffn_hidden_size": 16}
    del given["num_hidden_layers"]
    more = {"q_lora_rank": 6, "kv_lora_rank": 8, "qk_nope_head_dim": 4, "qk_rope_head_dim": 2, "v_head_dim": 4}
    found = totals(tmp_path, {**given, **more}, seq=1)
    attention = 32 * 6 + 6 * 4 * 6 + 32 * 10 + 8 * 4 * 8 + 4 * 4 * 32
    rest = 2 * 50 * 32 + 2 * (attention + 6 + 8 + 3 * 32 * 8 + 2 * 32) + 32 + 32 * 6
    first, second = 2 * 32 * 16, 32 * 16  # the first has places for those that do nothing, too
    assert found.params == rest + 6 * first + 4 * second
    assert found.active_params == rest + 2 * (first + second)
    scores = 4 * (6 + 4)
    products = 50 * 32 + 2 * (attention + scores + 3 * 32 * 8)
    assert found.macs == products + 32 * 6 + 2 * (first + second)
    (tmp_path / "config.json").write_text(json.dumps({**given, **more, "num_hidden_layers": 4}))
    assert sum(one.type == "IdleMixture" for one in archinspect.network(tmp_path).report().layers) == 2

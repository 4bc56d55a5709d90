"""GGUF files of networks that are built as a configuration of transformers: their figures are that configuration's."""

from __future__ import annotations

import json
import math

import pytest
from weight_files import F32, gguf, metadata

import archinspect

WIDTH, UNITS, WORDS, HEAD, OWN = 32, 48, 50, 8, 4
QKV = {f"attn_{one}.weight": (WIDTH, heads * HEAD) for one, heads in (("q", 4), ("k", 2), ("v", 2))}
OUT = {"attn_output.weight": (4 * HEAD, WIDTH)}
FEEDS = {"ffn_gate.weight": (WIDTH, UNITS), "ffn_up.weight": (WIDTH, UNITS), "ffn_down.weight": (UNITS, WIDTH)}


def norms(*names, width=WIDTH):
    return dict.fromkeys([f"{name}.weight" for name in names], (width,))


def t5_side(side, *, gated):
    layer = {f"attn_{one}.weight": (WIDTH, 24) for one in "qkv"} | {"attn_o.weight": (24, WIDTH)}
    crossed = {f"cross_{name}": shape for name, shape in layer.items()} | norms("cross_attn_norm")
    layer |= norms("attn_norm", "ffn_norm") | (crossed if side == "dec" else {}) | FEEDS
    if not gated:
        layer = {name: shape for name, shape in layer.items() if "gate" not in name}
    found = {f"{side}.blk.{i}.{name}": shape for i in (0, 1) for name, shape in layer.items()}
    return found | {f"{side}.blk.0.attn_rel_b.weight": (3, 16), f"{side}.output_norm.weight": (WIDTH,)}


OF_T5 = {"heads": 3, "attention__key_length": HEAD, "feed_forward_length": UNITS}
OF_T5 |= {"attention__relative_buckets_count": 16}
T5 = {"d_model": WIDTH, "d_kv": HEAD, "d_ff": UNITS, "num_layers": 2, "num_heads": 3, "vocab_size": WORDS}
T5 |= {"relative_attention_num_buckets": 16}
GEMMA = {"hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
GEMMA |= {"vocab_size": WORDS, "head_dim": HEAD, "intermediate_size": UNITS, "sliding_window": 6}
GEMMA |= {"hidden_size_per_layer_input": OWN, "vocab_size_per_layer_input": 20}
OF_GEMMA = {"attention__key_length": HEAD, "attention__sliding_window": 6, "feed_forward_length": UNITS}
OF_GEMMA |= {"embedding_length_per_layer_input": OWN}
TABLES: dict = {"per_layer_token_embd.weight": (2 * OWN, 20), "per_layer_model_proj.weight": (WIDTH, 2 * OWN)}
TABLES |= {"per_layer_proj_norm.weight": (OWN,), "output_norm.weight": (WIDTH,)}
PART = {"inp_gate.weight": (WIDTH, OWN), "proj.weight": (OWN, WIDTH), **norms("post_norm")}
SANDWICH = norms("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm")
OF_HEADS = norms("attn_q_norm", "attn_k_norm", width=HEAD)
STREAMS = {"altup_correct_coef.weight": (3, 3), "altup_correct_scale.weight": (WIDTH,)}
STREAMS |= {"altup_predict_coef.weight": (3, 9), "altup_router.weight": (WIDTH, 3)}
STREAMS |= norms("altup_router_norm", "laurel_post_norm")
STREAMS |= {"laurel_l.weight": (WIDTH, 5), "laurel_r.weight": (5, WIDTH)}
EXPERTS = {"ffn_gate_inp.weight": (WIDTH, 4), "ffn_gate_inp.scale": (WIDTH,), "ffn_down_exps.scale": (4,)}
EXPERTS |= {"ffn_gate_up_exps.weight": (WIDTH, 20, 4), "ffn_down_exps.weight": (10, WIDTH, 4)}
EXPERTS |= norms("pre_ffw_norm_2", "post_ffw_norm_1", "post_ffw_norm_2")
SCALE = {"layer_output_scale.weight": (1,)}
GLOBAL = {"attn_q.weight": (WIDTH, 4 * 16), "attn_k.weight": (WIDTH, 2 * 16), "attn_output.weight": (4 * 16, WIDTH)}
GLOBAL |= norms("attn_q_norm", "attn_k_norm", width=16)


def layers(*each):
    return {f"blk.{i}.{name}": shape for i, own in enumerate(each) for name, shape in own.items()}


CASES: dict[str, tuple[str, dict, dict, dict]] = {
    "T5": (
        "t5",
        {"model_type": "t5", "architectures": ["T5ForConditionalGeneration"], **T5},
        OF_T5,
        t5_side("enc", gated=False) | t5_side("dec", gated=False),
    ),
    "its encoder": (
        "t5encoder",
        {"model_type": "t5", "architectures": ["T5EncoderModel"], **T5, "feed_forward_proj": "gated-gelu"},
        OF_T5,
        t5_side("enc", gated=True),
    ),
    "Gemma 3n": (
        "gemma3n",
        {"model_type": "gemma3n_text", **GEMMA, "num_kv_shared_layers": 0, "altup_num_inputs": 3, "laurel_rank": 5},
        {**OF_GEMMA, "altup__num_inputs": 3, "altup__active_idx": 0},
        layers(*[QKV | OUT | FEEDS | PART | SANDWICH | OF_HEADS | STREAMS] * 2)
        | dict.fromkeys(("altup_proj.weight", "altup_unembd_proj.weight"), (WIDTH, WIDTH, 2))
        | TABLES,
    ),
    "Gemma 4": (
        "gemma4",
        {
            "model_type": "gemma4_text",
            **GEMMA,
            "layer_types": ["sliding_attention", "full_attention"],
            "global_head_dim": 16,
            "attention_k_eq_v": True,
            "enable_moe_block": True,
            "num_experts": 4,
            "top_k_experts": 2,
            "moe_intermediate_size": 10,
        },
        {
            **OF_GEMMA,
            "attention__key_length": 16,
            "attention__key_length_swa": HEAD,
            "attention__sliding_window_pattern": [True, False],
            "expert_count": 4,
            "expert_used_count": 2,
            "expert_feed_forward_length": 10,
        },
        layers(*[one | FEEDS | PART | SANDWICH | EXPERTS | SCALE for one in (QKV | OUT | OF_HEADS, GLOBAL)]) | TABLES,
    ),
}


WORDS_OF: dict = {"token_embd.weight": (WIDTH, WORDS)}


def content(kind, own, tensors):
    stored = {name: (F32, *shape) for name, shape in (WORDS_OF | tensors).items()}
    return gguf(metadata(kind, width=WIDTH, **own), stored)


def written(tmp_path, kind, own, tensors):
    path = tmp_path / "net.gguf"
    path.write_bytes(content(kind, own, tensors))
    return path, sum(math.prod(shape) for shape in (WORDS_OF | tensors).values())


def totals(path):
    report = archinspect.inspect(path, params={"seq": 24})
    assert report.status == "complete"
    return report.totals.params, report.totals.buffers, report.totals.macs


@pytest.mark.parametrize("name", CASES)
def test_a_file_is_built_as_its_configuration(tmp_path, name):
    kind, given, own, tensors = CASES[name]
    path, elements = written(tmp_path, kind, own, tensors)
    (tmp_path / "config.json").write_text(json.dumps(given))
    found = totals(path)
    assert found == totals(tmp_path / "config.json")
    assert sum(found[:2]) == elements


def test_keys_that_layers_share_are_weights_that_nothing_reads(tmp_path):
    kind, given, own, tensors = CASES["Gemma 3n"]
    own = {**own, "attention__shared_kv_layers": 1, "attention__sliding_window_pattern": [True, True]}
    path, elements = written(tmp_path, kind, own, tensors)
    given = {**given, "num_kv_shared_layers": 1, "layer_types": ["sliding_attention"] * 2}
    (tmp_path / "config.json").write_text(json.dumps(given))
    params, _, macs = totals(path)
    assert (params, macs) == (elements, totals(tmp_path / "config.json")[2])


def test_other_tensors_than_the_template_has_are_not_read_as_it(tmp_path):
    kind, _, own, tensors = CASES["its encoder"]
    path, elements = written(tmp_path, kind, own, {**tensors, "enc.blk.0.more.weight": (WIDTH, 3)})
    report = archinspect.inspect(path)
    assert (report.status, report.totals.params) == ("partial", elements)

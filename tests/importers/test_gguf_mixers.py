"""GGUF files of networks without attention, or with little: their figures are those of the same configuration."""

from __future__ import annotations

import json
import math

import pytest
from weight_files import F32, gguf, metadata

import archinspect

WIDTH, UNITS, WORDS, INNER, STATES, RANK, HEADS, GROUPS = 64, 96, 100, 128, 16, 4, 8, 2
SIZES = {"hidden_size": WIDTH, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": WORDS}
SHARED = INNER + 2 * GROUPS * STATES


def mamba():
    return {
        "ssm_in.weight": (WIDTH, 2 * INNER),
        "ssm_conv1d.weight": (4, INNER),
        "ssm_conv1d.bias": (INNER,),
        "ssm_x.weight": (INNER, RANK + 2 * STATES),
        "ssm_dt.weight": (RANK, INNER),
        "ssm_dt.bias": (INNER,),
        "ssm_a": (STATES, INNER),
        "ssm_d": (INNER,),
        "ssm_out.weight": (INNER, WIDTH),
    }


def mamba2():
    return {
        "ssm_in.weight": (WIDTH, INNER + SHARED + HEADS),
        "ssm_conv1d.weight": (4, SHARED),
        "ssm_conv1d.bias": (SHARED,),
        "ssm_dt.bias": (HEADS,),
        "ssm_a": (1, HEADS),
        "ssm_d": (1, HEADS),
        "ssm_norm.weight": (INNER // GROUPS, GROUPS),
        "ssm_out.weight": (INNER, WIDTH),
    }


def delta(*scores):
    width = 2 * 16 + 32
    return {
        "attn_qkv.weight": (WIDTH, width),
        "attn_gate.weight": (WIDTH, 32),
        "ssm_conv1d.weight": (4, width),
        "ssm_dt.bias": (4,),
        "ssm_a": (4,),
        "ssm_norm.weight": (8,),
        "ssm_out.weight": (32, WIDTH),
        **{f"{name}.weight": (WIDTH, 8 // len(scores)) for name in scores},
    }


def keyed():
    found: dict = {f"attn_{one}.weight": (WIDTH, 32) for one in "qkv"} | {"attn_output.weight": (32, WIDTH)}
    found |= {f"ssm_conv1d_{one}.weight": (4, 1, 32) for one in "qkv"}
    found |= {f"ssm_{one}_a.weight": (WIDTH, 8) for one in "fg"} | {f"ssm_{one}_b.weight": (8, 32) for one in "fg"}
    found |= {"ssm_beta.weight": (WIDTH, 4), "ssm_dt.bias": (32,), "ssm_a": (1, 4), "ssm_norm.weight": (8,)}
    return found


def attends(queries=WIDTH, *, norms=False):
    found: dict = {"attn_q.weight": (WIDTH, queries), "attn_output.weight": (WIDTH, WIDTH)}
    found |= dict.fromkeys(("attn_k.weight", "attn_v.weight"), (WIDTH, 32))
    return found | (dict.fromkeys(("attn_q_norm.weight", "attn_k_norm.weight"), (16,)) if norms else {})


def feeds(*, gated=True):
    found: dict = {"ffn_up.weight": (WIDTH, UNITS), "ffn_down.weight": (UNITS, WIDTH)}
    return found | ({"ffn_gate.weight": (WIDTH, UNITS)} if gated else {})


def norms(*names):
    return dict.fromkeys([f"{name}.weight" for name in names], (WIDTH,))


BOTH = norms("attn_norm", "ffn_norm")
LATE = norms("attn_norm", "post_attention_norm")
CONV = {"shortconv.in_proj.weight": (WIDTH, 3 * WIDTH), "shortconv.conv.weight": (3, WIDTH)}
CONV |= {"shortconv.out_proj.weight": (WIDTH, WIDTH)}
SECOND = {"mamba_n_heads": HEADS, "mamba_d_head": 16, "mamba_n_groups": GROUPS, "mamba_d_state": STATES}
QWEN: dict = {
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
}
QWEN |= {"layer_types": ["linear_attention", "full_attention"], "head_dim": 16}
STATE = {"ssm__inner_size": INNER, "ssm__state_size": STATES, "ssm__time_step_rank": HEADS, "ssm__group_count": GROUPS}
CASES = {
    "mamba": ({"model_type": "mamba", "state_size": STATES}, STATE, [mamba() | norms("attn_norm")]),
    "mamba2": (
        {"model_type": "mamba2", "state_size": STATES, "num_heads": HEADS, "head_dim": 16, "n_groups": GROUPS},
        STATE,
        [mamba2() | norms("attn_norm")] * 2,
    ),
    "falcon-h1": (
        {"model_type": "falcon_h1", **SECOND, "mamba_d_ssm": INNER, "mamba_rms_norm": True, "intermediate_size": UNITS},
        STATE,
        [mamba2() | attends() | feeds() | BOTH],
    ),
    "nemotron_h": (
        {
            "model_type": "nemotron_h",
            "layers_block_type": ["mamba", "attention", "mlp"],
            "mamba_num_heads": HEADS,
            "mamba_head_dim": 16,
            "n_groups": GROUPS,
            "ssm_state_size": STATES,
            "head_dim": 16,
            "chunk_size": 256,
            "intermediate_size": UNITS,
        },
        STATE,
        [one | norms("attn_norm") for one in (mamba2(), attends(), feeds(gated=False))],
    ),
    "lfm2": (
        {
            "model_type": "lfm2",
            "layer_types": ["conv", "full_attention"],
            "block_auto_adjust_ff_dim": False,
            "intermediate_size": UNITS,
        },
        {},
        [CONV | feeds() | BOTH, attends(norms=True) | feeds() | BOTH],
    ),
    "kimi-linear": (
        {
            "model_type": "kimi_linear",
            "layer_types": ["linear_attention"],
            "linear_attn_config": {"num_heads": 4, "head_dim": 8, "short_conv_kernel_size": 4},
            "intermediate_size": UNITS,
            "first_k_dense_replace": 1,
        },
        {"kda__head_dim": 8},
        [keyed() | feeds() | BOTH],
    ),
    "qwen35": (
        {"model_type": "qwen3_5_text", **QWEN, "intermediate_size": UNITS},
        {"ssm__inner_size": 32, "ssm__state_size": 8, "ssm__time_step_rank": 4, "ssm__group_count": 2},
        [delta("ssm_beta", "ssm_alpha") | feeds() | LATE, attends(2 * WIDTH, norms=True) | feeds() | LATE],
    ),
}


def header(kind, own, layers):
    tensors: dict = {"token_embd.weight": (F32, WIDTH, WORDS), "output_norm.weight": (F32, WIDTH)}
    tensors["output.weight"] = tensors["token_embd.weight"]
    tensors |= {f"blk.{i}.{name}": (F32, *shape) for i, layer in enumerate(layers) for name, shape in layer.items()}
    return gguf(metadata(kind, width=WIDTH, layers=len(layers), **own), tensors)


def figures(path):
    report = archinspect.inspect(path, params={"seq": 24})
    assert report.status == "complete"
    return report.totals.params, report.totals.macs


@pytest.mark.parametrize("kind", CASES)
def test_a_file_has_the_figures_of_its_configuration(tmp_path, kind):
    given, own, layers = CASES[kind]
    (tmp_path / "net.gguf").write_bytes(header(kind, own, layers))
    given = {**SIZES, **given, "num_hidden_layers": len(layers), "tie_word_embeddings": False}
    (tmp_path / "config.json").write_text(json.dumps(given))
    assert figures(tmp_path / "net.gguf") == figures(tmp_path / "config.json")


def test_sizes_that_metadata_does_not_say_leave_work_unknown(tmp_path):
    (tmp_path / "net.gguf").write_bytes(header("mamba2", {}, [mamba2() | norms("attn_norm")]))
    report = archinspect.inspect(tmp_path / "net.gguf")
    assert set(report.uncounted) == {"blk.0.8_tensors_that_are_not_known"}


def test_a_tensor_of_other_features_is_told_with_the_rest(tmp_path):
    layer = mamba2() | norms("attn_norm") | {"ssm_norm.weight": (3, 5)}
    (tmp_path / "net.gguf").write_bytes(header("mamba2", STATE, [layer]))
    report = archinspect.inspect(tmp_path / "net.gguf")
    assert report.status == "partial"
    elements = [math.prod(shape) for shape in layer.values()]
    assert report.totals.params == 2 * WIDTH * WORDS + WIDTH + sum(elements)
    (tmp_path / "net.gguf").write_bytes(header("mamba2", STATE, [layer | {"ssm_conv1d.bias": (7,)}]))
    with pytest.raises(archinspect.InvalidSpecError, match="is not of 192 features"):
        archinspect.inspect(tmp_path / "net.gguf")

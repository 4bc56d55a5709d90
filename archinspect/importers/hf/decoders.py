"""Types of models that are one stack of decoder layers, each as its differences from Llama."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.importers.hf import experts
from archinspect.importers.hf.decoder import Decoder, Names
from archinspect.importers.hf.experts import Experts
from archinspect.importers.hf.gpts import GPTS
from archinspect.importers.hf.hybrids import HYBRIDS

if TYPE_CHECKING:
    from archinspect.importers.hf.config import Config

_PRE = ("input_layernorm", "post_attention_layernorm")
_SANDWICH = (*_PRE, "pre_feedforward_layernorm", "post_feedforward_layernorm")
_AFTER = ("post_attention_layernorm", "post_feedforward_layernorm")

_LLAMA = Decoder(query_bias="attention_bias", out_bias="attention_bias", mlp_bias="mlp_bias")
_PLAIN = Decoder()
_BIASED = Decoder(query_bias="attention_bias", out_bias="attention_bias")

_DEEPSEEK = Experts(count="n_routed_experts", shared="n_shared_experts", is_dense=experts.before_first)
_GEMMA = _BIASED._replace(activation="hidden_activation")


def _stablelm(c: Config) -> dict[str, Any]:
    parallel = c.flag("use_parallel_residual")
    names = _STABLELM.names._replace(norms=_PRE[:1]) if parallel else _STABLELM.names
    return {"order": "parallel" if parallel else "pre", "names": names}


_STABLELM = Decoder(
    Names(q_norm="q_layernorm", k_norm="k_layernorm"),
    norm="layer",
    query_bias="use_qkv_bias",
    qk_norms="all",
    qk_norm_flag="qk_layernorm",
    qk_norm_kind="scale",
    head_dim="",
    rotary="partial_rotary_factor",
    adjust=_stablelm,
)


def _ernie_dense(c: Config, number: int) -> bool:
    last = c.whole("moe_layer_end_index", -1)
    inside = c.whole("moe_layer_start_index", 0) <= number <= (c.whole("num_hidden_layers") - 1 if last == -1 else last)
    return not inside or bool((number + 1) % c.whole("moe_layer_interval"))


def _llama4_dense(c: Config, number: int) -> bool:
    if c.find("moe_layers") is not None:
        return number not in c.items("moe_layers")
    return bool((number + 1) % c.whole("interleave_moe_layer_step"))


def _helium(c: Config) -> dict[str, Any]:
    width, heads = c.whole("hidden_size"), c.whole("num_attention_heads")
    if c.maybe("head_dim", 1) not in (None, width / heads):
        raise c.wrong("head_dim", f"{width} / {heads}, the features that the heads' projection reads")
    return {}


def _dbrx(c: Config) -> dict[str, Any]:
    inside = c.part("ffn_config", "dbrx_ffn")
    if inside.whole("hidden_size") != c.whole("d_model"):
        raise inside.wrong("hidden_size", f"d_model, which is {c.whole('d_model')}")
    return {"kv_heads": c.part("attn_config", "dbrx_attn").whole("kv_n_heads")}


DECODERS: dict[str, Decoder] = {
    "apertus": _BIASED._replace(
        names=Names(norms=("attention_layernorm", "feedforward_layernorm")), gated=False, qk_norms="head"
    ),
    "arcee": _LLAMA._replace(gated=False),
    "cohere": _BIASED._replace(
        names=Names(norms=_PRE[:1]), norm="scale", order="parallel", qk_norms="all", qk_norm_flag="use_qk_norm"
    ),
    "cohere2": _BIASED._replace(names=Names(norms=_PRE[:1]), norm="scale", order="parallel", windows="every_4"),
    "cwm": Decoder(mlp_bias="mlp_bias", windows="but_every_4"),
    "dbrx": Decoder(
        Names(
            root="transformer",
            table="wte",
            layers="blocks",
            norm="norm_f",
            attention="norm_attn_norm.attn",
            mlp="ffn",
            norms=("norm_attn_norm.norm_1", "norm_attn_norm.norm_2"),
            o="out_proj",
        ),
        norm="scale",
        fused="Wqkv",
        head_dim="",
        inner="",
        activation="=silu",
        experts=Experts("moe_num_experts", "moe_top_k", "ffn_hidden_size", part="ffn_config:dbrx_ffn"),
        adjust=_dbrx,
    ),
    "deepseek_v2": _LLAMA._replace(latent=True, experts=_DEEPSEEK),
    "deepseek_v3": _PLAIN._replace(latent=True, experts=_DEEPSEEK),
    "dots1": _BIASED._replace(qk_norms="head", experts=_DEEPSEEK, windows="late"),
    "ernie4_5": Decoder(query_bias="use_bias", out_bias="use_bias", mlp_bias="use_bias"),
    "ernie4_5_moe": Decoder(
        query_bias="use_bias",
        out_bias="use_bias",
        mlp_bias="use_bias",
        head_bias="use_bias",
        experts=Experts(
            count="moe_num_experts",
            top="moe_k",
            shared="moe_num_shared_experts",
            is_dense=_ernie_dense,
            router_bias=True,
        ),
    ),
    "exaone4": _PLAIN._replace(names=Names(norms=_AFTER), order="post", qk_norms="head", windows="every_4"),
    "flex_olmo": _BIASED._replace(
        names=Names(norms=_AFTER),
        order="post",
        qk_norms="all",
        experts=Experts(count="num_experts", units="intermediate_size"),
    ),
    "gemma": _GEMMA._replace(activation="hidden_act"),
    "gemma2": _GEMMA._replace(names=Names(norms=_SANDWICH), order="both", windows="every_2"),
    "gemma3_text": _GEMMA._replace(names=Names(norms=_SANDWICH), order="both", windows="every_6", qk_norms="head"),
    "glm": Decoder(query_bias="attention_bias", fused_mlp="gate_up_proj", rotary="partial_rotary_factor"),
    "glm4": Decoder(
        Names(norms=("input_layernorm", "post_self_attn_layernorm", "post_attention_layernorm", "post_mlp_layernorm")),
        order="both",
        query_bias="attention_bias",
        fused_mlp="gate_up_proj",
        rotary="partial_rotary_factor",
    ),
    "glm4_moe": Decoder(
        query_bias="attention_bias",
        qk_norms="head",
        qk_norm_flag="use_qk_norm",
        rotary="partial_rotary_factor",
        experts=_DEEPSEEK,
    ),
    "glm4_moe_lite": _PLAIN._replace(latent=True, experts=_DEEPSEEK._replace(is_dense=experts.as_listed)),
    "gpt_oss": _BIASED._replace(windows="every_2", sinks=True, experts=Experts(units="intermediate_size", bias=True)),
    "granite": _LLAMA,
    "granitemoe": _BIASED._replace(names=Names(mlp="block_sparse_moe"), experts=Experts(units="intermediate_size")),
    "granitemoeshared": _BIASED._replace(
        names=Names(mlp="block_sparse_moe"),
        experts=Experts(units="intermediate_size", shared_units="shared_intermediate_size", shared_name="shared_mlp"),
    ),
    "helium": _LLAMA._replace(out_bias=False, adjust=_helium),
    "hunyuan_v1_dense": _BIASED._replace(
        names=Names(q_norm="query_layernorm", k_norm="key_layernorm"), qk_norms="head"
    ),
    "hunyuan_v1_moe": _BIASED._replace(
        names=Names(q_norm="query_layernorm", k_norm="key_layernorm"),
        qk_norms="head",
        experts=Experts(
            count="num_experts",
            top="moe_topk",
            units="intermediate_size",
            shared_units="intermediate_size",
            shared_name="shared_mlp",
        ),
    ),
    "hy_v3": _LLAMA._replace(
        qk_norms="head",
        experts=Experts(count="num_experts", shared="num_shared_experts", is_dense=experts.as_listed),
    ),
    "internlm3": Decoder(query_bias="qkv_bias", out_bias="bias", mlp_bias="bias"),
    "jais2": _LLAMA._replace(norm="layer", gated=False),
    "llama": _LLAMA,
    "llama4_text": _BIASED._replace(
        names=Names(mlp="feed_forward"),
        windows="chunks",
        experts=Experts(
            units="intermediate_size",
            shared_units="intermediate_size",
            shared_name="shared_expert",
            is_dense=_llama4_dense,
            dense_units="intermediate_size_mlp",
            computes_all=True,
        ),
    ),
    "minimax_m2": _PLAIN._replace(qk_norms="all", experts=Experts(units="intermediate_size"), rotary="rotary_dim"),
    "ministral": _PLAIN._replace(windows="all"),
    "ministral3": _PLAIN._replace(windows="all"),
    "mistral": _PLAIN._replace(windows="all"),
    "mixtral": _PLAIN._replace(windows="all", experts=Experts(units="intermediate_size")),
    "nanochat": _BIASED._replace(
        names=Names(up="fc1", down="fc2"), norm="rms_plain", qk_norms="head", gated=False, table_norm="input_norm"
    ),
    "nemotron": _LLAMA._replace(norm="layer", gated=False, rotary="partial_rotary_factor"),
    "olmo": _BIASED._replace(norm="plain"),
    "olmo2": _BIASED._replace(names=Names(norms=_AFTER), order="post", qk_norms="all"),
    "olmo3": _BIASED._replace(names=Names(norms=_AFTER), order="post", qk_norms="all", windows="every_4"),
    "olmoe": _BIASED._replace(qk_norms="all", experts=Experts(count="num_experts", units="intermediate_size")),
    "phi3": Decoder(fused="qkv_proj", fused_mlp="gate_up_proj", windows="all", rotary="partial_rotary_factor"),
    "phimoe": Decoder(
        norm="layer",
        query_bias="attention_bias",
        out_bias="attention_bias",
        head_bias="lm_head_bias",
        windows="all",
        experts=Experts(top="=2", units="intermediate_size"),  # its router takes two whatever the configuration says
    ),
    "qwen2": Decoder(query_bias=True, windows="late_if_asked"),
    "qwen2_moe": Decoder(
        query_bias="qkv_bias",
        windows="even_if_asked",
        experts=Experts(
            count="num_experts",
            shared_units="shared_expert_intermediate_size",
            shared_gate=True,
            shared_name="shared_expert",
            is_dense=experts.not_every,
        ),
    ),
    "qwen3": _BIASED._replace(qk_norms="head", windows="late_if_asked"),
    "qwen3_moe": _BIASED._replace(
        qk_norms="head",
        windows="all_if_asked",
        experts=Experts(count="num_experts", is_dense=experts.not_every, may_lack=True),
    ),
    "seed_oss": _LLAMA._replace(out_bias="attention_out_bias"),
    "smollm3": _LLAMA._replace(windows="without_rotation"),
    "solar_open": Decoder(
        query_bias="attention_bias",
        rotary="partial_rotary_factor",
        experts=Experts(count="n_routed_experts", shared="n_shared_experts"),
    ),
    "stablelm": _STABLELM,
    "starcoder2": Decoder(
        Names(up="c_fc", down="c_proj"),
        norm="layer",
        query_bias="use_bias",
        out_bias="use_bias",
        mlp_bias="use_bias",
        gated=False,
        windows="all",
    ),
    "vaultgemma": _GEMMA._replace(names=Names(norms=_SANDWICH[::2]), windows="every_2"),
    **GPTS,
    **HYBRIDS,
}
"""Every type that this template reads."""

"""Decoders of which some layers, or all, have a mixer in the place of attention or beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.importers.hf import delta, experts, recurrent, ssm
from archinspect.importers.hf.decoder import Decoder, Names
from archinspect.importers.hf.experts import Experts
from archinspect.importers.hf.parts import Attention

if TYPE_CHECKING:
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.decoder import Sizes

_LLAMA = Decoder(query_bias="attention_bias", out_bias="attention_bias", mlp_bias="mlp_bias")
_BIASED = Decoder(query_bias="attention_bias", out_bias="attention_bias")
_LFM2 = Decoder(
    Names(
        norm="embedding_norm",
        mlp="feed_forward",
        norms=("operator_norm", "ffn_norm"),
        o="out_proj",
        q_norm="q_layernorm",
        k_norm="k_layernorm",
        gate="w1",
        up="w3",
        down="w2",
    ),
    activation="=silu",
    qk_norms="head",
    mixer=delta.short_conv,
)
_QWEN_GATED = Decoder(mixer=delta.gated)
_QWEN_SHARED = Experts(
    count="num_experts",
    shared_units="shared_expert_intermediate_size",
    shared_gate=True,
    shared_name="shared_expert",
)


_HYBRID_NAMES = Names(norm="final_layernorm", mlp="feed_forward", norms=("input_layernorm", "pre_ff_layernorm"))
_HYBRID = _LLAMA._replace(names=_HYBRID_NAMES)


def _hybrid_attention(c: Config, size: Sizes) -> Attention:
    if size.heads % size.kv_heads:
        raise c.wrong("num_key_value_heads", f"a divisor of the {size.heads} heads")
    bias = c.flag("attention_bias")
    return Attention(
        size.heads,
        size.kv_heads,
        size.head,
        size.width,
        query_bias=bias,
        key_bias=bias,
        value_bias=bias,
        out_bias=bias,
        rotary=size.head,
    )


def _granite(c: Config) -> dict[str, Any]:
    kind = c.text("position_embedding_type")
    if kind not in ("", "nope", "rope"):
        raise c.wrong("position_embedding_type", "rope or nope")
    return {"rotary": "all" if kind == "rope" else ""}


HYBRIDS: dict[str, Decoder] = {
    "bamba": _HYBRID._replace(mixer=ssm.bamba),
    "falcon_h1": _HYBRID._replace(mixer=ssm.falcon(_hybrid_attention)),
    "granitemoehybrid": _BIASED._replace(
        names=Names(mlp="block_sparse_moe", down="output_linear"),
        inner="shared_intermediate_size",
        fused_mlp="input_linear",
        mixer=ssm.granite,
        experts=Experts(
            units="intermediate_size",
            shared_units="shared_intermediate_size",
            shared_name="shared_mlp",
            may_lack=True,
        ),
        adjust=_granite,
    ),
    "jamba": Decoder(
        _HYBRID_NAMES,
        head_dim="",
        rotary="",
        mixer=ssm.jamba,
        experts=Experts(count="num_experts", units="intermediate_size", is_dense=ssm.is_dense),
    ),
    "kimi_linear": Decoder(
        ties=False,
        latent=True,
        mixer=delta.kimi,
        experts=Experts(shared="n_shared_experts", is_dense=experts.listed_or_first),
    ),
    "lfm2": _LFM2._replace(adjust=delta.lfm2),
    "lfm2_moe": _LFM2._replace(experts=Experts(count="num_experts", is_dense=experts.before_dense)),
    "minimax": Decoder(windows="all", experts=Experts(units="intermediate_size"), mixer=recurrent.minimax),
    "qwen3_5_moe_text": _QWEN_GATED._replace(
        experts=_QWEN_SHARED,
        inner="moe_intermediate_size",
    ),
    "qwen3_5_text": _QWEN_GATED,
    "qwen3_next": _QWEN_GATED._replace(experts=_QWEN_SHARED._replace(is_dense=experts.not_every, may_lack=True)),
    "recurrent_gemma": Decoder(
        Names(
            norm="final_norm",
            attention="temporal_block",
            mlp="mlp_block",
            norms=("temporal_pre_norm", "channel_pre_norm"),
        ),
        query_bias="attention_bias",
        out_bias=True,
        mlp_bias=True,
        activation="hidden_activation",
        windows="windowed",
        mixer=recurrent.recurrent_gemma,
        adjust=recurrent.halved,
    ),
}
"""Every type with such layers."""

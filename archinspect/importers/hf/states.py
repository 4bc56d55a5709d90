"""Decoders whose layers have one mixer each: Mamba, Falcon Mamba, Mamba 2, Nemotron-H; RWKV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.hf import ssm
from archinspect.importers.hf.parts import (
    SQUARED,
    Attention,
    Mlp,
    activation,
    add,
    attention,
    dense,
    mlp,
    norm,
    table,
    within,
)
from archinspect.importers.hf.recurrent import rwkv_layer
from archinspect.importers.hf.wanted import ending
from archinspect.ops.experts import MixtureOfExperts
from archinspect.ops.source import Constant

if TYPE_CHECKING:
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.wanted import Wanted

ROOTS = {"nemotron_h": "model"}
KINDS = {
    **dict.fromkeys(("M", "mamba", "linear_attention"), "mamba"),
    **dict.fromkeys(("*", "attention", "full_attention"), "attention"),
    **dict.fromkeys(("-", "mlp"), "mlp"),
    **dict.fromkeys(("E", "moe"), "experts"),
}
"""Layers of Nemotron-H, by the names and signs that files have."""


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add a decoder with its head."""
    end = ending(c, architecture, ("ForCausalLM", "Model")) if architecture else "ForCausalLM"
    net, root = wanted.net, ROOTS.get(c.kind, "backbone")
    (ids,) = wanted.words(c.whole("context_length") if c.kind == "rwkv" else None, "input_ids")
    if c.kind == "rwkv":
        return _rwkv(c, end, net, ids)
    with within(net, root if end != "Model" else ""):
        words = x = table(net, ids, c.whole("vocab_size"), c.whole("hidden_size"), "embeddings")
        for number, kind in enumerate(_kinds(c)):
            with within(net, f"layers.{number}", "layer"):
                inside = norm(net, x, "rms", "norm")
                with within(net, "mixer"):
                    x = add(net, x, _mixer(net, c, kind, inside))
        x = norm(net, x, "rms", "norm_f")
    return (x,) if end == "Model" else _head(net, c, x, words, "lm_head")


def _rwkv(c: Config, end: str, net: GraphBuilder, ids: Tensor) -> tuple[Tensor, ...]:
    with within(net, "rwkv" if end != "Model" else ""):
        words = x = table(net, ids, c.whole("vocab_size"), c.whole("hidden_size"), "embeddings")
        for number in range(c.count("num_hidden_layers")):
            with within(net, f"blocks.{number}", "block"):
                x = rwkv_layer(net, c, number, x)
        x = norm(net, x, "layer", "ln_out")
    return (x,) if end == "Model" else _head(net, c, x, words, "head")


def _head(net: GraphBuilder, c: Config, x: Tensor, words: Tensor, name: str) -> tuple[Tensor, ...]:
    logits = dense(net, x, c.whole("vocab_size"), name, bias=False)
    if c.flag("tie_word_embeddings") and c.kind != "nemotron_h":  # whose class ties nothing
        net.tie(logits.producer, words.producer)
    return (logits,)


def _kinds(c: Config) -> list[str]:
    if c.kind != "nemotron_h":
        return ["mamba"] * c.count("num_hidden_layers")
    said = c.find("layers_block_type")
    if said is None:
        pattern = c.text("hybrid_override_pattern")
        said = [*pattern] if pattern else ["mamba", "moe", "attention", "mlp"]
    if not isinstance(said, list) or len(said) > 4096 or any(one not in KINDS for one in map(str, said)):  # noqa: PLR2004 - as layers
        raise c.wrong("layers_block_type", "a list of mamba, attention, mlp and moe")
    return [KINDS[str(one)] for one in said]


def _mixer(net: GraphBuilder, c: Config, kind: str, x: Tensor) -> Tensor:
    if c.kind == "mamba2":
        return ssm.mamba2(net, c, ssm.plain_mamba2(c), x)
    if c.kind != "nemotron_h":
        return ssm.mamba(net, c, ssm.plain_mamba(c), x)
    if kind == "mamba":
        return ssm.mamba2(net, c, _mamba2(c), x)
    if kind == "attention":
        return attention(net, x, _attention(c))
    bias = c.flag("mlp_bias")
    plain = Mlp(c.whole("intermediate_size"), c.text("mlp_hidden_act"), gated=False, bias=bias)
    return _experts(net, c, plain, x) if kind == "experts" else mlp(net, x, plain, c.whole("hidden_size"), c)


def _mamba2(c: Config) -> ssm.Mamba2:
    heads, bias = c.whole("mamba_num_heads"), c.flag("use_bias")
    named = {name: old if old in c.given else name for name, old in OLD.items()}
    groups = c.whole(named["n_groups"])
    inner = heads * c.whole("mamba_head_dim")
    if heads % groups or inner % groups:
        raise c.wrong("n_groups", f"a divisor of the {heads} heads")
    return ssm.Mamba2(
        c.whole("hidden_size"),
        inner,
        heads,
        groups,
        c.whole("ssm_state_size"),
        c.whole(named["conv_kernel"]),
        c.whole(named["chunk_size"]),
        c.flag(named["use_conv_bias"]),
        bias,
        bias,
        c.text("mamba_hidden_act"),
    )


OLD = {
    "n_groups": "mamba_n_groups",
    "conv_kernel": "mamba_d_conv",
    "use_conv_bias": "mamba_conv_bias",
    "chunk_size": "mamba_chunk_size",
}


def _attention(c: Config) -> Attention:
    heads = c.whole("num_attention_heads")
    kv_heads = c.maybe("num_key_value_heads", 1) or heads
    if heads % kv_heads:
        raise c.wrong("num_key_value_heads", f"a divisor of the {heads} heads")
    return Attention(
        heads,
        kv_heads,
        c.whole("head_dim"),
        c.whole("hidden_size"),
    )  # without biases, whatever attention_bias says


def _experts(net: GraphBuilder, c: Config, plain: Mlp, x: Tensor) -> Tensor:
    count, top = c.whole("n_routed_experts"), c.whole("num_experts_per_tok")
    if top > count:
        raise c.wrong("num_experts_per_tok", f"at most {count}, the number of experts")
    if c.find("moe_latent_size") is not None:
        raise c.refuse("experts of narrower features, with moe_latent_size, are not read")
    inside = activation(c, "relu" if plain.activation == SQUARED else plain.activation)
    op = MixtureOfExperts(
        num_experts=count,
        top_k=top,
        units=c.whole("moe_intermediate_size"),
        gated=False,
        activation=inside,
    )
    found = net.add(op, x, name="experts")
    net.add(Constant(shape=[count]), name="gate.e_score_correction_bias")
    shared = plain._replace(units=c.whole("moe_shared_expert_intermediate_size"))
    with within(net, "shared_experts"):
        return add(net, found, mlp(net, x, shared, c.whole("hidden_size"), c))

"""Zamba 2: Mamba, and attention with weights that layers share, each with adapters of its own.

Glorioso et al. 2024, arXiv:2411.15242.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.hf import ssm
from archinspect.importers.hf.config import MOST_LAYERS
from archinspect.importers.hf.parts import Attention, activate, add, core, dense, norm, rotate, table, within
from archinspect.importers.hf.wanted import ending
from archinspect.ops.merge import Concatenate, Multiply
from archinspect.ops.several import Split
from archinspect.ops.source import Parameter

if TYPE_CHECKING:
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.wanted import Wanted

MAMBA = ("mamba", "linear_attention")
USUAL = [
    *MAMBA[:1],
    *[*MAMBA[:1] * 5, "hybrid"] * 7,
    *MAMBA[:1] * 4,
    "hybrid",
    *MAMBA[:1] * 3,
    "hybrid",
    *MAMBA[:1] * 2,
]
"""The layers of the class, where a file does not list them."""


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add Zamba 2 with its head."""
    end = (
        ending(c, architecture, ("ForCausalLM", "ForSequenceClassification", "Model"))
        if architecture
        else "ForCausalLM"
    )
    net = wanted.net
    (ids,) = wanted.words(c.maybe("max_position_embeddings", 1), "input_ids")
    kinds = USUAL if c.find("layers_block_type") is None else c.items("layers_block_type")
    if any(kind not in (*MAMBA, "hybrid") for kind in kinds):
        raise c.wrong("layers_block_type", "a list of mamba and hybrid")
    m, shared = _mamba(c), list[str]()
    with within(net, "model" if end != "Model" else ""):
        words = x = table(net, ids, c.whole("vocab_size"), c.whole("hidden_size"), "embed_tokens")
        for number, kind in enumerate(kinds):
            with within(net, f"layers.{number}", "layer"):
                x = _layer(net, c, m, (x, words), shared) if kind == "hybrid" else _mixed(net, c, m, x, x)
        _unread(net, c, len(shared))
        x = norm(net, x, "rms", "final_layernorm")
    if end == "Model":
        return (x,)
    if end == "ForSequenceClassification":
        return (dense(net, x, c.labels(), "score", bias=False),)
    logits = dense(net, x, c.whole("vocab_size"), "lm_head", bias=False)
    if c.find("tie_word_embeddings") is not False:
        net.tie(logits.producer, words.producer)
    return (logits,)


def _mamba(c: Config) -> ssm.Mamba2:
    inner, heads, bias = ssm.expanded(c, "mamba_expand"), c.whole("n_mamba_heads"), c.flag("add_bias_linear")
    if inner % heads or heads % c.whole("mamba_ngroups"):
        raise c.wrong("n_mamba_heads", f"a divisor of {inner}, and a multiple of mamba_ngroups")
    return ssm.Mamba2(
        c.whole("hidden_size"),
        inner,
        heads,
        c.whole("mamba_ngroups"),
        c.whole("mamba_d_state"),
        c.whole("mamba_d_conv"),
        c.whole("chunk_size"),
        c.flag("use_conv_bias"),
        bias,
        bias,
        "silu",
    )


def _mixed(net: GraphBuilder, c: Config, m: ssm.Mamba2, x: Tensor, read: Tensor) -> Tensor:
    inside = norm(net, read, "rms", "input_layernorm")
    with within(net, "mamba"):
        return add(net, x, ssm.mamba2(net, c, m, inside))


def _layer(net: GraphBuilder, c: Config, m: ssm.Mamba2, given: tuple[Tensor, Tensor], shared: list[str]) -> Tensor:
    """Add a layer with attention; `shared` are the paths of the blocks of those before."""
    x, words = given
    number, blocks = len(shared), c.whole("num_mem_blocks")
    both = net.add(Concatenate(axis=-1), x, words)
    with within(net, "shared_transformer", "transformer") as path:
        inside = norm(net, both, "rms", "input_layernorm")
        with within(net, "self_attn"):
            inside = _attention(net, c, inside, number)
        inside = norm(net, inside, "rms", "pre_ff_layernorm")
        with within(net, "feed_forward"):
            inside = _feed(net, c, inside, number)
    shared.append(path)
    if number >= blocks:
        net.share(path, shared[number % blocks])
    inside = dense(net, inside, c.whole("hidden_size"), "linear", bias=False)
    with within(net, "mamba_decoder"):
        return _mixed(net, c, m, x, add(net, x, inside))


def _adapted(net: GraphBuilder, c: Config, x: Tensor, units: int, name: str) -> Tensor:
    inside = dense(net, x, c.whole("adapter_rank"), f"{name}.0", bias=False)
    return dense(net, inside, units, f"{name}.1", bias=False)


def _attention(net: GraphBuilder, c: Config, x: Tensor, number: int) -> Tensor:
    width, heads = 2 * c.whole("hidden_size"), c.whole("num_attention_heads")
    size, kv_heads = width // heads, c.maybe("num_key_value_heads", 1) or heads
    if not size or heads % kv_heads:
        raise c.wrong("num_attention_heads", f"at most {width}, and a multiple of num_key_value_heads")
    adapts = c.find("use_shared_attention_adapter") is True
    if adapts and (kv_heads * size != width or heads * size != width):
        raise c.wrong("num_key_value_heads", f"{heads}, where there are adapters")
    found = []
    for name, count in (("q", heads), ("k", kv_heads), ("v", kv_heads)):
        one = dense(net, x, count * size, f"{name}_proj", bias=False)
        if adapts:
            one = add(net, one, _adapted(net, c, x, width, f"linear_{name}_adapter_list.{number}"))
        turned = size if c.find("use_mem_rope") is True and name != "v" else 0
        found.append(rotate(net, one, count, size, turned))
    attended = net.add(core(Attention(heads, kv_heads, size, width)), *found, name="attention")
    return dense(net, attended, c.whole("hidden_size"), "o_proj", bias=False)


def _unread(net: GraphBuilder, c: Config, layers: int) -> None:
    """Add the adapters of layers that a file counts and does not list, which nothing reads."""
    ids, width, rank = c.given.get("hybrid_layer_ids"), c.whole("hidden_size"), c.whole("adapter_rank")
    units = c.maybe("intermediate_size", 1) or 4 * width
    for number in range(layers, len(ids) if isinstance(ids, list) and len(ids) <= MOST_LAYERS else layers):
        if number % c.whole("num_mem_blocks") < layers:
            names = [f"linear_{one}_adapter_list" for one in "qkv"] if c.flag("use_shared_attention_adapter") else []
            for name in names:
                net.add(Parameter(shape=[2, 2 * width, rank]), name=f"unread.{name}.{number}")
            net.add(Parameter(shape=[width + 2 * units, rank]), name=f"unread.gate_up_proj_adapter_list.{number}")


def _feed(net: GraphBuilder, c: Config, x: Tensor, number: int) -> Tensor:
    width, bias = c.whole("hidden_size"), c.flag("add_bias_linear")
    units = c.maybe("intermediate_size", 1) or 4 * width
    both = dense(net, x, 2 * units, "gate_up_proj", bias=bias)
    both = add(net, both, _adapted(net, c, x, 2 * units, f"gate_up_proj_adapter_list.{number}"))
    gate, up = net.add_all(Split(parts=2, axis=-1), both)
    gate = activate(net, gate, c, c.text("hidden_act", "gelu"))
    return dense(net, net.add(Multiply(), gate, up), width, "down_proj", bias=bias)

"""Gemma 4's text: heads of two sizes, keys that the last layers share, a table of vectors for each layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.importers.hf import windows
from archinspect.importers.hf.parts import (
    Attention,
    Mlp,
    activate,
    activation,
    add,
    core,
    dense,
    mlp,
    norm,
    reshape,
    rotate,
    table,
    within,
)
from archinspect.importers.hf.wanted import ending
from archinspect.ops.experts import MixtureOfExperts
from archinspect.ops.merge import Multiply
from archinspect.ops.source import Constant, Parameter
from archinspect.ops.tensor import Select

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.wanted import Wanted

    Memory = dict[str, tuple[Tensor, Tensor]]
    """Keys and values of the last layer that makes some, by the kind of layer."""

GLOBAL_HEAD = 512
"""Features of a head that sees all steps, unless a file says others."""


class Layer(NamedTuple):
    """Sizes of a layer."""

    kind: str
    window: int | None
    head: int
    kv_heads: int
    is_shared: bool
    """Whether it reads keys and values of an earlier layer of its kind."""
    turned: int
    """Features of a head that rotate."""


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add the text model with its head."""
    return with_head(c, architecture, wanted, text)


def with_head(
    c: Config,
    architecture: str,
    wanted: Wanted,
    decoder: Callable[[GraphBuilder, Config, Tensor], tuple[Tensor, Tensor]],
) -> tuple[Tensor, ...]:
    """Add a decoder of words, which returns their vectors and the features of each step, with its head."""
    end = ending(c, architecture, ("ForCausalLM", "Model")) if architecture else "ForCausalLM"
    net = wanted.net
    (ids,) = wanted.words(c.maybe("max_position_embeddings", 1), "input_ids")
    with within(net, "model" if end != "Model" else "", "decoder"):
        words, x = decoder(net, c, ids)
    if end == "Model":
        return (x,)
    x = dense(net, x, c.whole("vocab_size"), "lm_head", bias=False)
    if c.flag("tie_word_embeddings"):
        net.tie(x.producer, words.producer)
    return (x,)


def text(net: GraphBuilder, c: Config, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Add the decoder; return the vectors of words, and the features of each step."""
    width, layers = c.whole("hidden_size"), _layers(c)
    words = x = table(net, ids, c.whole("vocab_size"), width, "embed_tokens")
    own = c.whole("hidden_size_per_layer_input", 0)
    vectors = of_layers(net, c, ids, x, own, len(layers)) if own else None
    memory: Memory = {}
    for number, layer in enumerate(layers):
        with within(net, f"layers.{number}", "layer"):
            x = _attend_and_feed(net, c, layer, x, memory)
            if vectors is not None:
                x = add(net, x, own_part(net, c, x, net.add(Select(axis=2, index=number), vectors), own))
            x = net.add(Multiply(), x, net.add(Constant(shape=[1]), name="layer_scalar"))
    return words, norm(net, x, "rms", "norm")


def kinds_of(c: Config, every: int) -> tuple[list[str], int]:
    """Return the kinds of layers, of which one in so many sees all steps, and the first that shares keys and values."""
    count = c.count("num_hidden_layers", 1)
    said = c.find("layer_types")
    kinds = [str(one) for one in c.items("layer_types", count)] if said is not None else []
    kinds = kinds or [windows.kind_of((i + 1) % every) for i in range(count)]
    shared = c.whole("num_kv_shared_layers", 0)
    first = count - shared
    if first <= 0 or not set(kinds[first:]) <= set(kinds[:first]):
        raise c.wrong("num_kv_shared_layers", "such that a layer of each kind has keys of its own")
    return kinds, first


def _layers(c: Config) -> list[Layer]:
    """Return the sizes of each layer; the last one sees all steps."""
    kinds, first = kinds_of(c, 6)
    if kinds[-1] != windows.FULL:
        kinds[-1] = windows.FULL
        if first < len(kinds) and windows.FULL not in kinds[:first]:
            raise c.wrong("num_kv_shared_layers", "such that a layer of each kind has keys of its own")
    span = c.whole("sliding_window")
    span = span // 2 + 1 if c.find("use_bidirectional_attention") == "all" else span
    found = []
    for number, kind in enumerate(kinds):
        head, kv_heads = _heads(c, number, kind)
        full = kind == windows.FULL
        turned = head // 4 // 2 * 2 if full else head
        found.append(Layer(kind, None if full else span, head, kv_heads, number >= first, turned))
    return found


def _heads(c: Config, number: int, kind: str) -> tuple[int, int]:
    """Return the features of a head, and the heads of keys."""
    said = c.find("per_layer_config")
    if isinstance(said, dict):
        own = said.get(str(number), {})
        names = ("head_dim", "num_key_value_heads")
        found = [own.get(name, c.find(name)) if isinstance(own, dict) else 0 for name in names]
        if any(type(one) is not int or one < 1 for one in found):
            raise c.wrong("per_layer_config", "sizes by the numbers of layers")
        head, kv_heads = found
    elif kind == windows.FULL:
        head = c.whole("global_head_dim") if "global_head_dim" in c.given else GLOBAL_HEAD
        alike = c.flag("attention_k_eq_v") and c.given.get("num_global_key_value_heads") is not None
        kv_heads = c.whole("num_global_key_value_heads" if alike else "num_key_value_heads")
    else:
        head, kv_heads = c.whole("head_dim"), c.whole("num_key_value_heads")
    if c.whole("num_attention_heads") % kv_heads:
        raise c.wrong("num_key_value_heads", f"a divisor of the {c.whole('num_attention_heads')} heads")
    return head, kv_heads


def of_layers(net: GraphBuilder, c: Config, ids: Tensor, x: Tensor, own: int, layers: int) -> Tensor:
    """Add a vector of each layer for each step, of shape (batch, steps, layers, features)."""
    found = table(net, ids, c.whole("vocab_size_per_layer_input"), layers * own, "embed_tokens_per_layer")
    made = reshape(net, dense(net, x, layers * own, "per_layer_model_projection", bias=False), -1, layers, own)
    made = norm(net, made, "rms", "per_layer_projection_norm")
    return add(net, made, reshape(net, found, -1, layers, own))


def own_part(net: GraphBuilder, c: Config, x: Tensor, vectors: Tensor, own: int) -> Tensor:
    """Add what a layer makes of its own vectors; return it."""
    inside = activate(net, dense(net, x, own, "per_layer_input_gate", bias=False), c, c.text("hidden_activation"))
    inside = net.add(Multiply(), inside, vectors)
    inside = dense(net, inside, c.whole("hidden_size"), "per_layer_projection", bias=False)
    return norm(net, inside, "rms", "post_per_layer_input_norm")


def _attend_and_feed(net: GraphBuilder, c: Config, layer: Layer, x: Tensor, memory: Memory) -> Tensor:
    width = c.whole("hidden_size")
    inside = norm(net, x, "rms", "input_layernorm")
    with within(net, "self_attn", "attention"):
        inside = attention(net, c, layer, inside, memory)
    x = add(net, x, norm(net, inside, "rms", "post_attention_layernorm"))
    units = c.whole("intermediate_size") * (2 if c.flag("use_double_wide_mlp") and layer.is_shared else 1)
    inside = norm(net, x, "rms", "pre_feedforward_layernorm")
    with within(net, "mlp"):
        inside = mlp(net, inside, Mlp(units, c.text("hidden_activation")), width, c)
    if c.flag("enable_moe_block"):
        inside = add(net, norm(net, inside, "rms", "post_feedforward_layernorm_1"), _experts(net, c, x))
    return add(net, x, norm(net, inside, "rms", "post_feedforward_layernorm"))


def attention(net: GraphBuilder, c: Config, layer: Layer, x: Tensor, memory: Memory) -> Tensor:
    """Add attention with its projections; keys and values are of `memory`, or put there."""
    heads, head, kv_heads, bias = c.whole("num_attention_heads"), layer.head, layer.kv_heads, c.flag("attention_bias")
    turned = layer.turned

    def prepared(x: Tensor, count: int, name: str) -> Tensor:
        apart = norm(net, reshape(net, x, -1, count, head), "rms" if name else "rms_plain", name)
        return reshape(net, apart, -1, count * head)

    query = prepared(dense(net, x, heads * head, "q_proj", bias=bias), heads, "q_norm")
    query = rotate(net, query, heads, head, turned)
    if not layer.is_shared:
        key = value = dense(net, x, kv_heads * head, "k_proj", bias=bias)
        if not c.flag("attention_k_eq_v") or layer.kind != windows.FULL:
            value = dense(net, x, kv_heads * head, "v_proj", bias=bias)
        key = rotate(net, prepared(key, kv_heads, "k_norm"), kv_heads, head, turned)
        memory[layer.kind] = key, prepared(value, kv_heads, "")
    a = Attention(heads, kv_heads, head, 0, causal=c.find("use_bidirectional_attention") != "all", window=layer.window)
    attended = net.add(core(a), query, *memory[layer.kind], name="attention")
    return dense(net, attended, c.whole("hidden_size"), "o_proj", bias=bias)


def _experts(net: GraphBuilder, c: Config, x: Tensor) -> Tensor:
    """Add experts, which read the same as the feed-forward network; their router has scales besides."""
    count, top = c.whole("num_experts"), c.whole("top_k_experts")
    if top > count:
        raise c.wrong("top_k_experts", f"at most {count}, the number of experts")
    net.add(Parameter(shape=[c.whole("hidden_size")]), name="router.scale")
    net.add(Parameter(shape=[count]), name="router.per_expert_scale")
    inside = activation(c, c.text("hidden_activation"))
    op = MixtureOfExperts(num_experts=count, top_k=top, units=c.whole("moe_intermediate_size"), activation=inside)
    found = net.add(op, norm(net, x, "rms", "pre_feedforward_layernorm_2"), name="experts")
    return norm(net, found, "rms", "post_feedforward_layernorm_2")

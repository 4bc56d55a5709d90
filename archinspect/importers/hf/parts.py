"""Parts that models of transformers share: projections, norms, attention, feed-forward networks."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.printable import printable
from archinspect.ops.activation import ActivationKind
from archinspect.ops.attention import ScaledDotProductAttention
from archinspect.ops.base import Op
from archinspect.ops.declared import ArgumentError
from archinspect.ops.dense import Dense
from archinspect.ops.embed import Embedding
from archinspect.ops.layout import Repeat
from archinspect.ops.merge import Add, Concatenate, Multiply
from archinspect.ops.norm import LayerNormalization, RMSNormalization
from archinspect.ops.reshape import Reshape
from archinspect.ops.rotary import RotaryEmbedding
from archinspect.ops.several import Split
from archinspect.ops.tensor import Custom

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from archinspect.base.shape import Shape
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config

SAME = {
    "gelu_new": "gelu",
    "gelu_fast": "gelu",
    "gelu_pytorch_tanh": "gelu",
    "gelu_python": "gelu",
    "gelu_python_tanh": "gelu",
    "gelu_accurate": "gelu",
    "gelu_10": "gelu",
    "quick_gelu": "QuickGELU",
    "silu": "silu",
    "swish": "silu",
    "leakyrelu": "leakyrelu",
}
"""Activations under our names."""
SQUARED = "relu2"


def within(net: GraphBuilder, path: str, kind: str = "") -> AbstractContextManager[str]:
    """Put what is added into a composite, and give its whole path; into none where the path is empty."""
    return net.scope(path, kind or path.rpartition(".")[2]) if path else nullcontext("")


def activation_of(name: str) -> Op:
    """Return the activation of a name; raise :class:`ArgumentError` where there is none."""
    return ActivationKind().convert(SAME.get(name, name))  # type: ignore[return-value] # `linear` is one, too


def activation(c: Config, name: str) -> Op | None:
    """Return the activation of a name that transformers has."""
    try:
        return activation_of(name)
    except (ArgumentError, ValueError):
        raise c.refuse(f"the activation '{printable(name)}' is not known") from None


def activate(net: GraphBuilder, x: Tensor, c: Config, name: str) -> Tensor:
    """Add an activation."""
    if name == "xielu":  # two learned numbers (Huang & Schlag 2024, arXiv:2411.13010)
        return net.add(Custom(params=2, macs=0), x, name="act_fn")
    if name == SQUARED:
        x = net.add(ActivationKind().convert("relu"), x)  # type: ignore[arg-type] # there is one
        return net.add(Multiply(), x, x)
    found = activation(c, name)
    return net.add(found, x) if found else x


def dense(net: GraphBuilder, x: Tensor, units: int, name: str, bias: bool = True) -> Tensor:  # noqa: FBT001, FBT002
    """Add a linear layer."""
    return net.add(Dense(units=units, use_bias=bias), x, name=name)


def table(net: GraphBuilder, ids: Tensor, rows: int, width: int, name: str) -> Tensor:
    """Add a table of vectors."""
    return net.add(Embedding(input_dim=rows, output_dim=width), ids, name=name)


NORMS: dict[str, Op] = {
    "layer": LayerNormalization(),
    "scale": LayerNormalization(center=False),
    "plain": LayerNormalization(elementwise_affine=False),
    "rms": RMSNormalization(),
    "rms_plain": RMSNormalization(scale=False),
}
"""Normalizations of the last axis."""


def norm(net: GraphBuilder, x: Tensor, kind: str, name: str) -> Tensor:
    """Add a normalization of the last axis."""
    return net.add(NORMS[kind], x, name=name)


class Attention(NamedTuple):
    """Self-attention with projections, as it is in one layer."""

    heads: int
    kv_heads: int
    size: int
    """Of a head."""
    out: int
    """Features of the output."""
    value_size: int = 0
    """Of a head's values, where it is not that of its keys."""
    query_bias: bool = False
    key_bias: bool = False
    value_bias: bool = False
    out_bias: bool = False
    norms: str = ""
    """Of queries and keys: `head` over a head, `all` over all heads."""
    norm_kind: str = "rms"
    rotary: int = 0
    """Features of a head that rotate."""
    causal: bool = True
    window: int | None = None
    position_biases: int = 0
    shared_position_biases: bool = False
    masked: bool = False
    copies_kv: bool = False
    """Whether keys and values are repeated for all heads before they are cached."""
    q: str = "q_proj"
    k: str = "k_proj"
    v: str = "v_proj"
    o: str = "o_proj"
    fused: str = ""
    """The name of one projection to queries, keys and values."""
    q_norm: str = "q_norm"
    k_norm: str = "k_norm"
    unfit: str = ""
    """Why the heads cannot attend, where they cannot."""


def biased(width: int, heads: int, *, key_bias: bool = True, masked: bool = False) -> Attention:
    """Return attention to all steps with a bias in each projection, as BART, CLIP and Wav2Vec2 have it."""
    return Attention(
        heads,
        heads,
        width // heads,
        width,
        query_bias=True,
        key_bias=key_bias,
        value_bias=True,
        out_bias=True,
        causal=False,
        masked=masked,
        o="out_proj",
    )


def attention(
    net: GraphBuilder, x: Tensor, a: Attention, memory: Tensor | None = None, prompt: Sequence[Tensor] = ()
) -> Tensor:
    """Add attention, to a memory where there is one; without dropout.

    `prompt` are keys and values that stand before those of the steps, each of shape (1, steps, features).
    """
    values = a.value_size or a.size
    sizes = (a.out,) * 3 if a.unfit else (a.heads * a.size, a.kv_heads * a.size, a.kv_heads * values)
    if a.fused:
        joined = dense(net, x, sum(sizes), a.fused, bias=a.query_bias)
        query, key, value = net.add_all(Split(sizes=list(sizes), axis=-1), joined)
    else:
        source = x if memory is None else memory
        query = dense(net, x, sizes[0], a.q, bias=a.query_bias)
        key = dense(net, source, sizes[1], a.k, bias=a.key_bias)
        value = dense(net, source, sizes[2], a.v, bias=a.value_bias)
    if a.unfit:
        return dense(net, unfit(net, a.unfit, None, query, key, value), a.out, a.o, bias=a.out_bias)
    query = _prepared(net, query, a, a.heads, a.q_norm)
    key = _prepared(net, key, a, a.kv_heads, a.k_norm)
    kv_heads = a.kv_heads
    if a.copies_kv and kv_heads != a.heads:
        key = copied(net, key, kv_heads, a.heads, a.size)
        value = copied(net, value, kv_heads, a.heads, values)
        kv_heads = a.heads
    if prompt:
        key, value = (net.add(Before(), *both) for both in zip(prompt, (key, value), strict=True))
    attended = net.add(core(a, kv_heads), query, key, value, name="attention")
    return dense(net, attended, a.out, a.o, bias=a.out_bias) if a.o else attended


def attention_of(net: GraphBuilder, asked: tuple[Tensor, Tensor, Tensor], a: Attention) -> Tensor:
    """Add attention whose queries, keys and values are made of different steps."""
    biases = (a.query_bias, a.key_bias, a.value_bias)
    parts = [
        dense(net, x, a.heads * a.size, name, bias=bias)
        for x, name, bias in zip(asked, (a.q, a.k, a.v), biases, strict=True)
    ]
    return dense(net, net.add(core(a), *parts, name="attention"), a.out, a.o, bias=a.out_bias)


class Before(Op):
    """Puts steps that are the same for all samples before those of each. No FLOPs."""

    kind = "merge"
    inputs = (2, 2)

    def output(self, *shapes: Shape) -> Shape:  # noqa: D102 - as every operator
        first, steps = shapes
        return (steps[0], first[1] + steps[1], steps[2])


def core(a: Attention, kv_heads: int = 0) -> ScaledDotProductAttention:
    """Return attention after its projections."""
    return ScaledDotProductAttention(
        num_heads=a.heads,
        num_kv_heads=kv_heads or a.kv_heads,
        causal=a.causal,
        window=a.window,
        position_biases=a.position_biases,
        shared_position_biases=a.shared_position_biases,
        masked=a.masked,
    )


def copied(net: GraphBuilder, x: Tensor, heads: int, times: int, size: int) -> Tensor:
    """Repeat heads of so many features for as many as `times` says, which are cached so."""
    few = reshape(net, x, -1, heads, size)
    for tensor in (x, few):
        net.cache(tensor, cached=False)
    return reshape(net, net.add(Repeat(repeats=times // heads, axis=-2), few), -1, times * size)


def _prepared(net: GraphBuilder, x: Tensor, a: Attention, heads: int, name: str) -> Tensor:
    """Add what happens to queries and keys before they meet."""
    if a.norms == "all":
        x = norm(net, x, a.norm_kind, name)
    elif a.norms == "head":
        x = reshape(net, norm(net, reshape(net, x, -1, heads, a.size), a.norm_kind, name), -1, heads * a.size)
    return rotate(net, x, heads, a.size, a.rotary)


def rotate(net: GraphBuilder, x: Tensor, heads: int, width: int, rotary: int) -> Tensor:
    """Rotate so many features of each head by position."""
    if not rotary:
        return x
    if rotary == width:
        return net.add(RotaryEmbedding(dim=width), x)
    apart = reshape(net, x, -1, heads, width)
    turned, rest = net.add_all(Split(sizes=[rotary, width - rotary], axis=-1), apart)
    turned = net.add(RotaryEmbedding(dim=rotary), turned)
    return reshape(net, net.add(Concatenate(axis=-1), turned, rest), -1, heads * width)


class Mlp(NamedTuple):
    """A feed-forward network."""

    units: int
    activation: str
    gated: bool = True
    bias: bool = False
    gate: str = "gate_proj"
    up: str = "up_proj"
    down: str = "down_proj"
    fused: str = ""
    """The name of one projection to gate and units."""


def mlp(net: GraphBuilder, x: Tensor, m: Mlp, out: int, c: Config) -> Tensor:
    """Add a feed-forward network that ends in so many features."""
    if m.gated and m.fused:
        gate, up = net.add_all(Split(parts=2, axis=-1), dense(net, x, 2 * m.units, m.fused, bias=m.bias))
        x = net.add(Multiply(), activate(net, gate, c, m.activation), up)
    elif m.gated:
        gate = activate(net, dense(net, x, m.units, m.gate, bias=m.bias), c, m.activation)
        x = net.add(Multiply(), gate, dense(net, x, m.units, m.up, bias=m.bias))
    else:
        x = dense(net, x, m.units, m.up, bias=m.bias)
        x = activate(net, x, c, m.activation)
    return dense(net, x, out, m.down, bias=m.bias)


class Unfit(Custom):
    """A step that a model's sizes do not allow: what it would compute is not known."""


def unfit(net: GraphBuilder, why: str, shape: Sequence[int] | None, *inputs: Tensor) -> Tensor:
    """Add what stands for a step that sizes do not allow, of an output's shape; the first input's where it is None.

    For parts that a model has, and is built and used without: their weights are known, and what they compute is not.
    """
    if why not in net.description:
        net.description = f"{net.description}; {why}" if net.description else why
    return net.add(Unfit(params=0, output_shape=None if shape is None else list(shape)), *inputs)


def add(net: GraphBuilder, *tensors: Tensor) -> Tensor:
    """Add tensors."""
    return net.add(Add(), *tensors)


def reshape(net: GraphBuilder, x: Tensor, *shape: int) -> Tensor:
    """Give a sample other axes."""
    return net.add(Reshape(target_shape=list(shape)), x)

"""Mixers of decoders that keep a state of fixed size: short convolutions, the gated delta rule, gated attention.

Yang et al. 2024, arXiv:2412.06464.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from archinspect.base.shape import ceil_div, size
from archinspect.importers.hf.parts import Attention, activate, core, dense, norm, reshape, rotate, within
from archinspect.ops.activation import Sigmoid
from archinspect.ops.args import Int, arg
from archinspect.ops.base import Op
from archinspect.ops.conv import Conv1D
from archinspect.ops.figures import Work
from archinspect.ops.merge import Concatenate, Multiply
from archinspect.ops.several import Split
from archinspect.ops.source import Parameter
from archinspect.ops.tensor import Slice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.decoder import Sizes

CHUNK = 64
"""Steps that the delta rule takes together."""


class ByChunks(Op):
    """A recurrence that is computed by chunks of steps, unless it goes on step by step."""

    keeps_unknown = True
    kind = "attention"
    inputs = (3, 3)
    by_steps = False

    @property
    def goes_on(self) -> bool:  # noqa: D102 - as every operator
        return True

    def after(self, steps: int) -> Self:  # noqa: ARG002, D102 - as every operator
        return self.replace(by_steps=True)


class GatedDelta(ByChunks):
    """The gated delta rule by chunks of 64 steps, the last one filled up: queries, keys, values [steps, features].

    MACs: per head and chunk 2 products of keys and queries with keys, 1 of these with values, 3 with the state. The
    triangular system of a chunk has none. FLOPs: 2 per MAC, chunk * (keys + values) per head and step for that system.
    Step by step, MACs: 2 * keys * values per head. FLOPs: 2 per MAC, 3 * keys * values per head, 2 per value.
    """

    heads: int = arg("heads of values", Int(1))
    keys: int = arg("features of a head's keys", Int(1))

    def carried(self, *shapes: Shape) -> int:  # noqa: D102 - as every operator
        return shapes[2][0] * self.keys * shapes[2][-1]

    def output(self, *shapes: Shape) -> Shape:  # noqa: D102 - as every operator
        return shapes[2]

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:  # noqa: D102 - as every operator
        values = output[-1] // self.heads
        if self.by_steps:
            states = output[1] * self.carried(*shapes)
            return Work(2 * states, 3 * states + 2 * size(output))
        chunks = output[0] * self.heads * ceil_div(output[1], CHUNK)
        each = CHUNK * CHUNK * (2 * self.keys + values) + 3 * CHUNK * self.keys * values
        return Work(chunks * each, chunks * CHUNK * CHUNK * (self.keys + values))


class KeyedDelta(GatedDelta):
    """The same with a decay of each feature of keys, as Kimi Linear has it.

    MACs: as `GatedDelta`, keys being as wide as values. FLOPs: 6 * chunk * keys per head and step besides.
    """

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:  # noqa: D102 - as every operator
        macs, other = super().work(shapes, output)
        if self.by_steps:
            return Work(macs, other)
        chunks = output[0] * self.heads * ceil_div(output[1], CHUNK)
        return Work(macs, other + 6 * chunks * CHUNK * CHUNK * self.keys)


def causal_conv(net: GraphBuilder, x: Tensor, width: int, kernel: int, name: str, *, bias: bool) -> Tensor:
    """Add a convolution of each feature over the steps before, padded at both ends and cut."""
    op = Conv1D(filters=width, kernel_size=kernel, padding=kernel - 1, groups=width, use_bias=bias)
    x = net.add(op, x, name=name)
    return net.add(Slice(stop=1 - kernel), x) if kernel > 1 else x


def is_full(c: Config, size: Sizes, number: int) -> bool:
    """Whether a layer attends: as listed, or else every so many."""
    if isinstance(c.find("layer_types"), list):
        return bool(c.items("layer_types", size.layers)[number] == "full_attention")
    return not (number + 1) % (c.whole("full_attention_interval") if c.says("full_attention_interval") else 4)


# Short convolutions: LFM2


def short_conv(net: GraphBuilder, c: Config, size: Sizes, number: int, x: Tensor) -> Tensor | None:
    """Add a gated convolution; None in a layer that attends."""
    if isinstance(c.find("layer_types"), list):
        attends = c.items("layer_types", size.layers)[number] != "conv"
    elif c.kind == "lfm2":
        attends = c.find("full_attn_idxs") is None or number in c.items("full_attn_idxs")
    else:
        raise c.wrong("layer_types", f"a list of {size.layers}")
    if attends:
        return None
    bias = c.flag("conv_bias")
    with within(net, "conv"):
        both = dense(net, x, 3 * size.width, "in_proj", bias=bias)
        before, after, inside = net.add_all(Split(parts=3, axis=-1), both)
        inside = net.add(Multiply(), before, inside)
        inside = causal_conv(net, inside, size.width, c.whole("conv_L_cache"), "conv", bias=bias)
        return dense(net, net.add(Multiply(), after, inside), size.width, "out_proj", bias=bias)


def lfm2(c: Config) -> dict[str, Any]:
    """Return the width of feed-forward networks, which the class works out."""
    units = c.whole("intermediate_size")
    if c.flag("block_auto_adjust_ff_dim"):
        units = int(2 * units / 3)
        factor = c.given.get("block_ffn_dim_multiplier", 1.0)
        if factor is not None:
            if type(factor) not in (int, float):
                raise c.wrong("block_ffn_dim_multiplier", "a number")
            units, of = int(factor * units), c.whole("block_multiple_of")
            units = of * ceil_div(units, of)
    return {"inner": units}


# The gated delta rule: Qwen3-Next, Qwen3.5


def gated(net: GraphBuilder, c: Config, size: Sizes, number: int, x: Tensor) -> Tensor:
    """Add the delta rule, or gated attention."""
    if is_full(c, size, number):
        with within(net, "self_attn", "attention"):
            return _gated_attention(net, c, size, x)
    with within(net, "linear_attn", "linear_attention"):
        return _delta(net, c, size, x)


def _delta(net: GraphBuilder, c: Config, size: Sizes, x: Tensor) -> Tensor:
    key_heads, heads = c.whole("linear_num_key_heads"), c.whole("linear_num_value_heads")
    key, value = c.whole("linear_key_head_dim"), c.whole("linear_value_head_dim")
    if heads % key_heads:
        raise c.wrong("linear_num_value_heads", f"a multiple of the {key_heads} heads of keys")
    keys, values = key * key_heads, value * heads
    for name in ("dt_bias", "A_log"):
        net.add(Parameter(shape=[heads]), name=name)
    if c.kind == "qwen3_next":
        joined = dense(net, x, 2 * keys + 2 * values, "in_proj_qkvz", bias=False)
        mixed, gate = net.add_all(Split(sizes=[2 * keys + values, values], axis=-1), joined)
        dense(net, x, 2 * heads, "in_proj_ba", bias=False)
    else:
        mixed = dense(net, x, 2 * keys + values, "in_proj_qkv", bias=False)
        gate = dense(net, x, values, "in_proj_z", bias=False)
        for name in "ba":
            dense(net, x, heads, f"in_proj_{name}", bias=False)
    width = 2 * keys + values
    mixed = causal_conv(net, mixed, width, c.whole("linear_conv_kernel_dim"), "conv1d", bias=False)
    mixed = activate(net, mixed, c, c.text("hidden_act"))
    parts = net.add_all(Split(sizes=[keys, keys, values], axis=-1), mixed)
    out = net.add(GatedDelta(heads=heads, keys=key), *parts, name="delta_rule")
    out = reshape(net, norm(net, reshape(net, out, -1, heads, value), "rms", "norm"), -1, values)
    out = net.add(Multiply(), out, activate(net, gate, c, "silu"))
    return dense(net, out, size.width, "out_proj", bias=False)


def _gated_attention(net: GraphBuilder, c: Config, size: Sizes, x: Tensor) -> Tensor:
    if size.heads % size.kv_heads:
        raise c.wrong("num_key_value_heads", f"a divisor of the {size.heads} heads")
    bias, width = c.flag("attention_bias"), size.heads * size.head
    query, gate = net.add_all(Split(parts=2, axis=-1), dense(net, x, 2 * width, "q_proj", bias=bias))
    key, value = (dense(net, x, size.kv_heads * size.head, f"{one}_proj", bias=bias) for one in "kv")
    share = c.find("partial_rotary_factor")
    turned = int(size.head * (share if isinstance(share, float) and 0 < share <= 1 else 0.25)) // 2 * 2
    prepared = []
    for one, heads, name in ((query, size.heads, "q_norm"), (key, size.kv_heads, "k_norm")):
        apart = norm(net, reshape(net, one, -1, heads, size.head), "rms", name)
        prepared.append(rotate(net, reshape(net, apart, -1, heads * size.head), heads, size.head, turned))
    a = Attention(size.heads, size.kv_heads, size.head, size.width)
    attended = net.add(core(a), *prepared, value, name="attention")
    attended = net.add(Multiply(), attended, net.add(Sigmoid(), gate))
    return dense(net, attended, size.width, "o_proj", bias=bias)


# Kimi Linear (Kimi Team 2025, arXiv:2510.26692)


def kimi(net: GraphBuilder, c: Config, size: Sizes, number: int, x: Tensor) -> Tensor | None:
    """Add the delta rule with decays of features, except in layers that attend."""
    inner = c.part("linear_attn_config", "kimi_linear_attention")
    if isinstance(c.find("layer_types"), list):
        full = c.items("layer_types", size.layers)[number] == "full_attention"
    elif "full_attn_layers" in inner.given and "kda_layers" in inner.given:
        full = number + 1 in inner.items("full_attn_layers")
    else:
        full = bool(number) and number % 4 == 0
    if full:
        return None
    heads, each, kernel = (
        (inner if own in inner.given else c).whole(own if own in inner.given else name)
        for own, name in (
            ("num_heads", "linear_num_heads"),
            ("head_dim", "linear_head_dim"),
            ("short_conv_kernel_size", "linear_conv_kernel_dim"),
        )
    )
    width = heads * each
    with within(net, "self_attn", "linear_attention"):
        return _kimi(
            net, c, size, (heads, each, kernel), [dense(net, x, width, f"{q}_proj", bias=False) for q in "qkv"], x
        )


def _kimi(
    net: GraphBuilder, c: Config, size: Sizes, sizes: tuple[int, int, int], asked: list[Tensor], x: Tensor
) -> Tensor:
    heads, each, kernel = sizes
    width = heads * each
    mixed = causal_conv(net, net.add(Concatenate(axis=-1), *asked), 3 * width, kernel, "conv1d", bias=False)
    mixed = activate(net, mixed, c, c.text("hidden_act"))
    net.add(Parameter(shape=[width]), name="forget_gate.dt_bias")
    net.add(Parameter(shape=[heads]), name="forget_gate.A_log")
    dense(net, dense(net, x, each, "forget_gate.f_a_proj", bias=False), width, "forget_gate.f_b_proj", bias=False)
    dense(net, x, heads, "b_proj", bias=False)
    out = net.add(KeyedDelta(heads=heads, keys=each), *net.add_all(Split(parts=3, axis=-1), mixed), name="delta_rule")
    out = reshape(net, norm(net, reshape(net, out, -1, heads, each), "rms", "o_norm"), -1, width)
    gate = dense(net, dense(net, x, each, "g_a_proj", bias=False), width, "g_b_proj", bias=False)
    out = net.add(Multiply(), out, net.add(Sigmoid(), gate))
    return dense(net, out, size.width, "o_proj", bias=False)

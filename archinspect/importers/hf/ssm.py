"""State space models: Mamba's mixers, and which layers of hybrids have them.

Gu & Dao 2023, arXiv:2312.00752; Dao & Gu 2024, arXiv:2405.21060.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.shape import ceil_div, size
from archinspect.importers.hf.delta import ByChunks, causal_conv
from archinspect.importers.hf.parts import activate, add, attention, dense, norm, within
from archinspect.ops.args import Int, arg
from archinspect.ops.figures import Work
from archinspect.ops.merge import Multiply
from archinspect.ops.scan import SelectiveScan
from archinspect.ops.several import Split
from archinspect.ops.source import Parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.base.shape import Shape
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.decoder import Sizes
    from archinspect.importers.hf.parts import Attention


class ChunkScan(ByChunks):
    """Mamba 2's recurrence by chunks of steps, the last one filled up: x [steps, heads * features], B, C.

    MACs: per head and chunk, products of C with B and of these with x, the chunk's state, C with the state before; per
    head the states of all chunks with each other. FLOPs: 2 per MAC, 2 per output element.
    Step by step, MACs: states per output element. FLOPs: 2 per MAC, 3 * states + 2 per output element.
    """

    heads: int = arg("heads", Int(1))
    states: int = arg("states of a feature", Int(1))
    chunk: int = arg("steps of a chunk", Int(1))

    def carried(self, *shapes: Shape) -> int:  # noqa: D102 - as every operator
        return size(shapes[0][::2]) * self.states

    def output(self, *shapes: Shape) -> Shape:  # noqa: D102 - as every operator
        return shapes[0]

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:  # noqa: ARG002, D102 - as every operator
        batch, steps, width = output
        if self.by_steps:
            states = size(output) * self.states
            return Work(states, 3 * states + 2 * size(output))
        each, chunks = width // self.heads, ceil_div(steps, self.chunk)
        inside = chunks * self.chunk * (self.chunk * (self.states + each) + 2 * self.states * each)
        between = (chunks + 1) * (chunks + 1) * self.states * each
        return Work(batch * self.heads * (inside + between), 2 * batch * steps * width)


class Mamba(NamedTuple):
    """The sizes of a mixer of the first kind."""

    width: int
    inner: int
    states: int
    rank: int
    kernel: int
    conv_bias: bool
    bias: bool
    activation: str
    norms: str = ""
    """The kind of norms of the step, B and C, where there are some."""


class Mamba2(NamedTuple):
    """The sizes of a mixer of the second kind."""

    width: int
    inner: int
    heads: int
    groups: int
    states: int
    kernel: int
    chunk: int
    conv_bias: bool
    bias: bool
    out_bias: bool
    activation: str
    norms: bool = True


def mamba(net: GraphBuilder, c: Config, m: Mamba, x: Tensor) -> Tensor:
    """Add a mixer of the first kind."""
    inside, gate = net.add_all(Split(parts=2, axis=-1), dense(net, x, 2 * m.inner, "in_proj", bias=m.bias))
    inside = activate(net, causal_conv(net, inside, m.inner, m.kernel, "conv1d", bias=m.conv_bias), c, m.activation)
    made = dense(net, inside, m.rank + 2 * m.states, "x_proj", bias=False)
    parts = list(net.add_all(Split(sizes=[m.rank, m.states, m.states], axis=-1), made))
    if m.norms:
        names = ("dt_layernorm", "b_layernorm", "c_layernorm")
        parts = [norm(net, one, m.norms, name) for one, name in zip(parts, names, strict=True)]
    step, into, out = parts
    step = activate(net, dense(net, step, m.inner, "dt_proj"), c, "softplus")
    decay = net.add(Parameter(shape=[m.inner, m.states]), name="A_log")
    skip = net.add(Parameter(shape=[m.inner]), name="D")
    y = net.add(SelectiveScan(), inside, step, decay, into, out, skip, name="scan")
    y = net.add(Multiply(), y, activate(net, gate, c, m.activation))
    return dense(net, y, m.width, "out_proj", bias=m.bias)


def mamba2(net: GraphBuilder, c: Config, m: Mamba2, x: Tensor) -> Tensor:
    """Add a mixer of the second kind."""
    shared = m.groups * m.states
    mixed = m.inner + 2 * shared
    for name in ("dt_bias", "A_log", "D"):
        net.add(Parameter(shape=[m.heads]), name=name)
    joined = dense(net, x, m.inner + mixed + m.heads, "in_proj", bias=m.bias)
    gate, inside, _ = net.add_all(Split(sizes=[m.inner, mixed, m.heads], axis=-1), joined)
    inside = activate(net, causal_conv(net, inside, mixed, m.kernel, "conv1d", bias=m.conv_bias), c, m.activation)
    parts = net.add_all(Split(sizes=[m.inner, shared, shared], axis=-1), inside)
    y = net.add(ChunkScan(heads=m.heads, states=m.states, chunk=m.chunk), *parts, name="scan")
    y = net.add(Multiply(), y, activate(net, gate, c, "silu"))
    y = norm(net, y, "rms", "norm") if m.norms else y
    return dense(net, y, m.width, "out_proj", bias=m.out_bias)


# Sizes by the keys of types


def rank(c: Config, key: str) -> int:
    """Return the features of a step: a sixteenth of the width unless a number is said."""
    found = c.given.get(key, "auto")
    return ceil(c.whole("hidden_size") / 16) if found == "auto" else c.whole(key)


def expanded(c: Config, key: str) -> int:
    """Return the features inside."""
    found = int(c.number(key) * c.whole("hidden_size"))
    if found < 1:
        raise c.wrong(key, "a positive number")
    return found


def hybrid_mamba2(c: Config, inner: int) -> Mamba2:
    """Return the sizes that Bamba and its kin have."""
    heads, bias = c.whole("mamba_n_heads"), c.flag("mamba_proj_bias")
    each = inner // heads if c.find("mamba_d_head") == "auto" else c.whole("mamba_d_head")
    if each * heads != inner:
        raise c.wrong("mamba_d_head", f"{inner} / {heads}, the features inside by the heads")
    return _checked(
        c,
        Mamba2(
            c.whole("hidden_size"),
            inner,
            heads,
            c.whole("mamba_n_groups"),
            c.whole("mamba_d_state"),
            c.whole("mamba_d_conv"),
            c.whole("mamba_chunk_size"),
            c.flag("mamba_conv_bias"),
            bias,
            bias,
            c.text("hidden_act"),
        ),
    )


def _checked(c: Config, m: Mamba2) -> Mamba2:
    if m.heads % m.groups or m.inner % m.groups:
        raise c.refuse(f"{m.groups} groups do not divide {m.heads} heads and {m.inner} features")
    return m


def plain_mamba2(c: Config) -> Mamba2:
    """Return the sizes of Mamba 2 alone."""
    heads, inner, bias = c.whole("num_heads"), expanded(c, "expand"), c.flag("use_bias")
    if heads * c.whole("head_dim") != inner:
        raise c.wrong("num_heads", f"such that with head_dim it makes {inner}")
    return _checked(
        c,
        Mamba2(
            c.whole("hidden_size"),
            inner,
            heads,
            c.whole("n_groups"),
            c.whole("state_size"),
            c.whole("conv_kernel"),
            c.whole("chunk_size"),
            c.flag("use_conv_bias"),
            bias,
            bias,
            c.text("hidden_act"),
        ),
    )


def plain_mamba(c: Config) -> Mamba:
    """Return the sizes of Mamba alone."""
    inner = c.whole("intermediate_size") if "intermediate_size" in c.given else expanded(c, "expand")
    return Mamba(
        c.whole("hidden_size"),
        inner,
        c.whole("state_size"),
        rank(c, "time_step_rank"),
        c.whole("conv_kernel"),
        c.flag("use_conv_bias"),
        c.flag("use_bias"),
        c.text("hidden_act"),
        norms="",
    )


# Layers of hybrids


def _mixed(net: GraphBuilder, c: Config, x: Tensor) -> Tensor:
    with within(net, "mamba"):
        return mamba2(net, c, hybrid_mamba2(c, expanded(c, "mamba_expand")), x)


def bamba(net: GraphBuilder, c: Config, size: Sizes, number: int, x: Tensor) -> Tensor | None:
    """Add a mixer, except in the layers that are listed."""
    if isinstance(c.find("layers_block_type"), list):
        attends = _attends(c.items("layers_block_type", size.layers)[number])
    else:
        attends = c.find("attn_layer_indices") is not None and number in c.items("attn_layer_indices")
    return None if attends else _mixed(net, c, x)


def granite(net: GraphBuilder, c: Config, size: Sizes, number: int, x: Tensor) -> Tensor | None:
    """Add a mixer, except in layers that attend."""
    kinds = c.items("layer_types", size.layers) if c.find("layer_types") is not None else ["mamba"] * size.layers
    return None if _attends(kinds[number]) else _mixed(net, c, x)


def _attends(kind: object) -> bool:
    return kind in ("attention", "full_attention")


def jamba(net: GraphBuilder, c: Config, size: Sizes, number: int, x: Tensor) -> Tensor | None:
    """Add a mixer of the first kind, except in one of every so many layers."""
    if number % c.whole("attn_layer_period") == c.whole("attn_layer_offset", 0):
        return None
    bias = c.flag("mamba_proj_bias")
    m = Mamba(
        size.width,
        expanded(c, "mamba_expand"),
        c.whole("mamba_d_state"),
        rank(c, "mamba_dt_rank"),
        c.whole("mamba_d_conv"),
        c.flag("mamba_conv_bias"),
        bias,
        c.text("hidden_act"),
        norms="rms",
    )
    with within(net, "mamba"):
        return mamba(net, c, m, x)


def falcon(attend: Callable[[Config, Sizes], Attention]) -> Callable[..., Tensor]:
    """Return what adds a mixer beside attention, which reads the same."""

    def both(net: GraphBuilder, c: Config, size: Sizes, number: int, x: Tensor) -> Tensor:
        del number
        inner = c.maybe("mamba_d_ssm", 1) or expanded(c, "mamba_expand")
        m = hybrid_mamba2(c, inner)._replace(norms=c.flag("mamba_rms_norm"), out_bias=c.flag("projectors_bias"))
        with within(net, "mamba"):
            first = mamba2(net, c, m, x)
        with within(net, "self_attn", "attention"):
            return add(net, first, attention(net, x, attend(c, size)))

    return both


def is_dense(c: Config, number: int) -> bool:
    """Whether one of Jamba's layers has a plain feed-forward network."""
    return number % c.whole("expert_layer_period") != c.whole("expert_layer_offset", 0) or c.whole("num_experts") == 1

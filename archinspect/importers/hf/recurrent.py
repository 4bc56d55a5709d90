"""Mixers of decoders that carry a state from step to step: RG-LRU, lightning attention, RWKV.

De et al. 2024, arXiv:2402.19427; MiniMax 2025, arXiv:2501.08313; Peng et al. 2023, arXiv:2305.13048.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.base.shape import size
from archinspect.importers.hf.delta import ByChunks, causal_conv
from archinspect.importers.hf.parts import activate, add, dense, norm, within
from archinspect.ops.activation import Sigmoid
from archinspect.ops.args import Int, arg
from archinspect.ops.axes import numbered
from archinspect.ops.base import Op
from archinspect.ops.borders import ZeroPadding1D
from archinspect.ops.figures import Weight, Work
from archinspect.ops.identity import Rescaling
from archinspect.ops.merge import Multiply
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


class GatedRecurrence(Op):
    """RG-LRU: two gates, each a product within a head, and a decay of the state by them.

    MACs: 2 * features of a head per element. FLOPs: 2 per MAC, 16 per element.
    """

    keeps_unknown = True
    kind = "recurrent"
    heads: int = arg("heads", Int(1))

    @property
    def goes_on(self) -> bool:  # noqa: D102 - as every operator
        return True

    def carried(self, *shapes: Shape) -> int:  # noqa: D102 - as every operator
        return size(shapes[0][::2])

    def output(self, *shapes: Shape) -> Shape:  # noqa: D102 - as every operator
        return shapes[0]

    def weights(self, *shapes: Shape) -> dict[str, Weight]:  # noqa: D102 - as every operator
        width = shapes[0][-1]
        each = width // self.heads
        return {
            "decay": Weight((width,), ("channels",)),
            "gates": Weight((2, self.heads, each, each), numbered(range(1, 5))),
            "biases": Weight((2, self.heads, each), numbered(range(1, 4))),
        }

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:  # noqa: ARG002, D102 - as every operator
        return Work(2 * size(output) * (output[-1] // self.heads), 16 * size(output))


class Lightning(ByChunks):
    """Linear attention by blocks of steps, of which the last one may be shorter: queries, keys, values.

    MACs: per head and block of n steps, n squared * features for its scores and for their products with values, n *
    features squared for the state's part and for its change. FLOPs: 2 per MAC, n squared per head and block.
    Step by step, MACs: features of a head per output element. FLOPs: 2 per MAC, 3 * features of a head per element.
    """

    heads: int = arg("heads", Int(1))
    block: int = arg("steps of a block", Int(1))

    def carried(self, *shapes: Shape) -> int:  # noqa: D102 - as every operator
        return size(shapes[2][::2]) * (shapes[2][-1] // self.heads)

    def output(self, *shapes: Shape) -> Shape:  # noqa: D102 - as every operator
        return shapes[2]

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:  # noqa: ARG002, D102 - as every operator
        batch, steps, width = output
        if self.by_steps:
            states = size(output) * (width // self.heads)
            return Work(states, 3 * states)
        each, whole, rest = width // self.heads, steps // self.block, steps % self.block
        squares = whole * self.block * self.block + rest * rest
        macs = 2 * squares * each + 2 * steps * each * each
        return Work(batch * self.heads * macs, batch * self.heads * squares)


class Wkv(Op):
    """RWKV's average of values, weighed by keys and by how long ago they were. FLOPs: 14 per element."""

    keeps_unknown = True
    kind = "recurrent"
    inputs = (2, 2)

    @property
    def goes_on(self) -> bool:  # noqa: D102 - as every operator
        return True

    def carried(self, *shapes: Shape) -> int:  # noqa: D102 - as every operator
        return 3 * size(shapes[1][::2])  # a sum of values, one of weights, the largest exponent

    def output(self, *shapes: Shape) -> Shape:  # noqa: D102 - as every operator
        return shapes[1]

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:  # noqa: ARG002, D102 - as every operator
        return Work(other=14 * size(output))


def recurrent_gemma(net: GraphBuilder, c: Config, size: Sizes, number: int, x: Tensor) -> Tensor | None:
    """Add a recurrence, except in layers that attend."""
    kinds = c.items("block_types")
    if not kinds or any(kind not in ("recurrent", "attention") for kind in kinds):
        raise c.wrong("block_types", "a list of recurrent and attention")
    if kinds[number % len(kinds)] == "attention":
        return None
    width = c.maybe("lru_width", 1) or size.width
    if width % size.heads:
        raise c.wrong("lru_width", f"a multiple of the {size.heads} heads")
    with within(net, "temporal_block", "recurrence"):
        gate = activate(net, dense(net, x, width, "linear_y"), c, c.text("hidden_activation"))
        inside = causal_conv(
            net, dense(net, x, width, "linear_x"), width, c.whole("conv1d_width"), "conv_1d", bias=True
        )
        inside = net.add(GatedRecurrence(heads=size.heads), inside, name="rg_lru")
        return dense(net, net.add(Multiply(), inside, gate), size.width, "linear_out")


def halved(c: Config) -> dict[str, Any]:
    """Return the width of feed-forward networks, of which the class takes half."""
    units = c.whole("intermediate_size", 2) // 2
    return {"inner": units}


def minimax(net: GraphBuilder, c: Config, size: Sizes, number: int, x: Tensor) -> Tensor | None:
    """Add lightning attention, except in layers that attend to all."""
    if isinstance(c.find("layer_types"), list):
        full = c.items("layer_types", size.layers)[number] == "full_attention"
    else:
        full = bool((number + 1) % 2)
    if full:
        return None
    width = size.heads * size.head
    with within(net, "self_attn", "linear_attention"):
        joined = activate(net, dense(net, x, 3 * width, "qkv_proj", bias=False), c, c.text("hidden_act"))
        parts = net.add_all(Split(parts=3, axis=-1), joined)
        out = net.add(Lightning(heads=size.heads, block=c.whole("block_size")), *parts, name="attention")
        gate = net.add(Sigmoid(), dense(net, x, width, "output_gate", bias=False))
        out = net.add(Multiply(), gate, norm(net, out, "rms", "norm"))
        return dense(net, out, size.width, "out_proj", bias=False)


def _before(net: GraphBuilder, x: Tensor) -> Tensor:
    """Add for each step the one before it, of zeros for the first."""
    return net.add(Slice(stop=-1), net.add(ZeroPadding1D(padding=[[1, 0]]), x, name="time_shift"))


def _mixed(net: GraphBuilder, x: Tensor, before: Tensor, width: int, name: str) -> Tensor:
    """Add a sum of each step and the one before it, weighed by learned shares."""
    mix = net.add(Parameter(shape=[width]), name=f"time_mix_{name}")
    rest = net.add(Rescaling(scale=-1.0, offset=1.0), mix)
    return add(net, net.add(Multiply(), x, mix), net.add(Multiply(), before, rest))


def rwkv_layer(net: GraphBuilder, c: Config, number: int, x: Tensor) -> Tensor:
    """Add a layer of RWKV, version 4."""
    width = c.whole("hidden_size")
    if not number:
        x = norm(net, x, "layer", "pre_ln")
    inside = norm(net, x, "layer", "ln1")
    inner = c.maybe("attention_hidden_size", 1) or width
    with within(net, "attention"):
        for name in ("decay", "first"):
            net.add(Parameter(shape=[inner]), name=f"time_{name}")
        before = _before(net, inside)
        parts = {name: _mixed(net, inside, before, width, name) for name in ("key", "value", "receptance")}
        key, value, gate = (dense(net, part, inner, name, bias=False) for name, part in parts.items())
        mixed = net.add(Multiply(), net.add(Sigmoid(), gate), net.add(Wkv(), key, value, name="wkv"))
        x = add(net, x, dense(net, mixed, width, "output", bias=False))
    inside = norm(net, x, "layer", "ln2")
    with within(net, "feed_forward"):
        before = _before(net, inside)
        key, gate = (_mixed(net, inside, before, width, name) for name in ("key", "receptance"))
        key = dense(net, key, c.maybe("intermediate_size", 1) or 4 * width, "key", bias=False)
        value = dense(net, activate(net, key, c, "relu2"), width, "value", bias=False)
        gate = net.add(Sigmoid(), dense(net, gate, width, "receptance", bias=False))
        return add(net, x, net.add(Multiply(), gate, value))

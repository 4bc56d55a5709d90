"""Operators that give a sample other axes, or its axes another order, or repeat it."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archinspect.base.shape import Mismatch, normal_axis, size
from archinspect.ops.args import Int, Ints, arg
from archinspect.ops.base import Op
from archinspect.ops.declared import ArgumentError
from archinspect.ops.figures import View

if TYPE_CHECKING:
    from archinspect.base.shape import Shape


class Flatten(Op):
    """Puts all axes of a sample into one, or those from `start_dim` to `end_dim`. No FLOPs."""

    reads_words = True
    kind = "reshape"
    start_dim: int = arg("first axis that is joined, the batch being 0", Int(), 1)
    end_dim: int = arg("last axis that is joined", Int(), -1)

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) == 1:
            return (*shape, 1)
        start = normal_axis(self.start_dim, len(shape), "start_dim")
        end = normal_axis(self.end_dim, len(shape), "end_dim")
        if start > end:
            raise Mismatch(f"start_dim {start} is after end_dim {end}", args=("start_dim",))
        return (*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :])

    def view(self, *, training: bool) -> View | None:
        return View(in_order=True)


class Reshape(Op):
    """Gives a sample other axes of the same number of elements. No FLOPs."""

    reads_words = True
    kind = "reshape"
    aliases = ("View",)
    target_shape: tuple[int, ...] = arg(
        "the axes, without the batch; one may be -1: the rest", Ints(-1), aliases=("shape",)
    )

    def check(self) -> None:
        if self.target_shape.count(-1) > 1 or 0 in self.target_shape:
            raise ArgumentError("Reshape: target_shape takes positive sizes, and -1 once", "target_shape")

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        elements = size(shape[1:])
        known = prod(dim for dim in self.target_shape if dim != -1)
        if elements % known or (-1 not in self.target_shape and elements != known):
            what = f"a multiple of {known:,}" if -1 in self.target_shape else f"{known:,}"
            raise Mismatch(
                f"{list(shape[1:])} has {elements:,} elements, but target_shape {list(self.target_shape)} takes {what}",
                args=("target_shape",),
                help="use -1 for the axis that follows from the others",
            )
        return (shape[0], *(elements // known if dim == -1 else dim for dim in self.target_shape))

    def view(self, *, training: bool) -> View | None:
        return View(in_order=True)


class Permute(Op):
    """Puts a sample's axes into another order. No FLOPs."""

    kind = "reshape"
    dims: tuple[int, ...] = arg(
        "the new order of the axes, 1 the first after the batch", Ints(0), aliases=("axes", "perm")
    )

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        # PyTorch's permute names the batch too: [0, 2, 3, 1].
        dims = self.dims[1:] if self.dims[:1] == (0,) else self.dims
        if sorted(dims) != list(range(1, len(shape))):
            message = f"dims {list(self.dims)} is not a permutation of the input's axes 1 to {len(shape) - 1}"
            raise Mismatch(message, args=("dims",), help=_order_meant(self.dims, len(shape)))
        return (shape[0], *(shape[axis] for axis in dims))

    def view(self, *, training: bool) -> View | None:
        return View(strided=True)

    def view_strides(self, shape: Shape, strides: Shape, output: Shape) -> Shape | None:
        return (strides[0], *(strides[axis] for axis in self.dims[-len(shape) + 1 :]))


def _order_meant(dims: Shape, rank: int) -> str:
    """Return how to write an order that is none; empty where that is not plain."""
    if sorted(dims) == list(range(rank - 1)):
        return f"axes are counted from 1, the batch is 0: `{[axis + 1 for axis in dims]}`"
    two = len(dims) == 2 and min(dims) > 0 and max(dims) < rank  # noqa: PLR2004
    return f"`SwapAxes: {{axis1: {dims[0]}, axis2: {dims[1]}}}` exchanges two axes" if two else ""


class RepeatVector(Op):
    """Repeats a vector `n` times along a new first axis. No FLOPs."""

    kind = "reshape"
    n: int = arg("how often", Int(1))

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) != 2:  # noqa: PLR2004 - the batch and one axis
            raise Mismatch(f"needs an input of one axis, got {len(shape) - 1}")
        return (shape[0], self.n, shape[1])

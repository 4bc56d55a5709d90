"""Operators that add, drop, exchange, stretch and repeat axes, or keep a part of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import Mismatch, normal_axes, normal_axis, size, text
from archinspect.base.strides import in_order, of_concatenated, reshaped
from archinspect.ops.args import MAX_AXES, Int, Ints, Optional, arg
from archinspect.ops.base import Op
from archinspect.ops.declared import ArgumentError
from archinspect.ops.figures import Backward, View, Work
from archinspect.ops.reshape import Permute

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.base import Emit, T
    from archinspect.ops.figures import Run


class Squeeze(Op):
    """Drops axes of size 1. No FLOPs."""

    reads_words = True
    kind = "reshape"
    axis: tuple[int, ...] = arg("the axes", Ints(most=MAX_AXES), aliases=("dim", "axes"))

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        axes = normal_axes(self.axis, len(shape))
        for axis in axes:
            if shape[axis] != 1:
                raise Mismatch(f"axis {axis} of {text(shape)} has size {shape[axis]}, not 1", args=("axis",))
        return tuple(dim for axis, dim in enumerate(shape) if axis not in axes)

    def view(self, *, training: bool) -> View | None:
        return View()


class Unsqueeze(Op):
    """Adds axes of size 1, which have these numbers in the output. No FLOPs."""

    reads_words = True
    kind = "reshape"
    aliases = ("ExpandDims",)
    axis: tuple[int, ...] = arg(
        "the new axes, 1 the first after the batch", Ints(most=MAX_AXES), aliases=("dim", "axes")
    )

    def axes(self, rank: int) -> Shape:
        """Return the new axes of an input of this rank, in ascending order."""
        return normal_axes(self.axis, rank + len(self.axis))

    def output(self, *shapes: Shape) -> Shape:
        sizes, new = iter(shapes[0]), self.axes(len(shapes[0]))
        return tuple(1 if axis in new else next(sizes) for axis in range(len(shapes[0]) + len(new)))

    def view(self, *, training: bool) -> View | None:
        return View()


class Expand(Op):
    """Stretches axes of size 1 to others, and adds axes in front of them, as NumPy's broadcasting. No FLOPs.

    It copies nothing: all positions of a stretched axis are one and the same in memory. A mesh of positions is `Arange`
    for each axis, `Unsqueeze`, and this.
    """

    kind = "reshape"
    aliases = ("BroadcastTo",)
    target_shape: tuple[int, ...] = arg(
        "the axes, with -1 for the batch or without it; -1 keeps that of the input",
        Ints(-1, most=MAX_AXES),
        aliases=("shape", "size"),
    )

    def check(self) -> None:
        if 0 in self.target_shape:
            raise ArgumentError("Expand: target_shape takes positive sizes, and -1", "target_shape")

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        target = self._of_sample(len(shape))
        missing = len(target) - len(shape) + 1
        given = (*(1,) * missing, *shape[1:])
        if (
            missing < 0
            or -1 in target[:missing]
            or any(there not in (1, wanted) and wanted != -1 for there, wanted in zip(given, target, strict=True))
        ):
            raise Mismatch(
                f"{list(shape[1:])} does not stretch to {list(self.target_shape)}",
                args=("target_shape",),
                help="axes are lined up at the end; an axis of size 1 stretches, any other stays",
            )
        return (
            shape[0],
            *(there if wanted == -1 else wanted for there, wanted in zip(given, target, strict=True)),
        )

    def _of_sample(self, rank: int) -> Shape:
        """Return the axes of a sample: as PyTorch's `expand` has them, they begin with -1, the batch."""
        named = len(self.target_shape) == rank and self.target_shape[0] == -1
        return self.target_shape[1:] if named else self.target_shape

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward(Work(other=size(output) - size(shapes[0])))

    def view(self, *, training: bool) -> View | None:
        return View(strided=True)

    def view_strides(self, shape: Shape, strides: Shape, output: Shape) -> Shape | None:
        new = len(output) - len(shape)
        there = ((1,) * new + shape[1:], (0,) * new + strides[1:])
        return (
            strides[0],
            *(stride if length == wanted else 0 for length, stride, wanted in zip(*there, output[1:], strict=True)),
        )


class _Copies(Op):
    """Copies its input several times; the gradients of all copies are summed."""

    kind = "reshape"

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward(Work(other=size(output) - size(shapes[0])))


class Tile(_Copies):
    """Puts copies of the whole input one after another along each axis. No FLOPs."""

    repeats: tuple[int, ...] = arg(
        "how often, for each axis after the batch", Ints(1, most=MAX_AXES), aliases=("reps", "multiples")
    )

    def output(self, *shapes: Shape) -> Shape:
        batch, *rest = shapes[0]
        if len(rest) != len(self.repeats):
            message = f"{len(self.repeats)} repeats for the {len(rest)} axes of {text(shapes[0])}"
            raise Mismatch(message, args=("repeats",), help="give one for each axis after the batch")
        return (batch, *(dim * times for dim, times in zip(rest, self.repeats, strict=True)))


class Repeat(_Copies):
    """Puts copies of each position along an axis beside it. No FLOPs."""

    aliases = ("RepeatInterleave",)
    repeats: int = arg("how often", Int(1), aliases=("n",))
    axis: int = arg("the axis", Int(), 1, aliases=("dim",))

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        axis = normal_axis(self.axis, len(shape))
        return (*shape[:axis], shape[axis] * self.repeats, *shape[axis + 1 :])


class Stack(Op):
    """Puts inputs of the same shape side by side along a new axis. No FLOPs."""

    kind = "merge"
    joins = True
    aliases = ("Pack",)
    inputs = (1, None)
    axis: int = arg("the new axis, 1 the first after the batch", Int(), 1, aliases=("dim",))

    def output(self, *shapes: Shape) -> Shape:
        first = shapes[0]
        for shape in shapes[1:]:
            if shape[1:] != first[1:]:
                raise Mismatch(
                    f"the inputs {text(first)} and {text(shape)} differ",
                    help="`Concatenate` joins along an axis that is there, in which inputs may differ",
                )
        axis = normal_axis(self.axis, len(first) + 1)
        return (*first[:axis], len(shapes), *first[axis:])

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        # PyTorch joins them along the axis that is there, and cuts it then; only at the end it is a new one.
        axis, rank = normal_axis(self.axis, len(output)), len(shapes[0])
        if axis == rank:
            shape, own = (*shapes[0], 1), (*(strides[0] or in_order(shapes[0])), 1)
            return of_concatenated(shape, own, output)
        joined = (*shapes[0][:axis], len(shapes) * shapes[0][axis], *shapes[0][axis + 1 :])
        found = of_concatenated(shapes[0], strides[0], joined)
        return found and reshaped(joined, found, output)


class Flip(Op):
    """Reverses the order of the positions along axes. No FLOPs."""

    memory_order = "kept"
    kind = "reshape"
    aliases = ("Reverse",)
    axis: tuple[int, ...] = arg("the axes", Ints(most=MAX_AXES), aliases=("dims", "axes"))

    def output(self, *shapes: Shape) -> Shape:
        normal_axes(self.axis, len(shapes[0]))
        return shapes[0]


class Reordered(Op):
    """Puts axes into another order."""

    kind = "reshape"

    def order(self, rank: int) -> Shape:
        """Return the axes of an input of this rank in their new order."""
        raise NotImplementedError

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        return tuple(shape[axis] for axis in self.order(len(shape)))

    def view(self, *, training: bool) -> View | None:
        return View(strided=True)

    def view_strides(self, shape: Shape, strides: Shape, output: Shape) -> Shape | None:
        return tuple(strides[axis] for axis in self.order(len(shape)))


class SwapAxes(Reordered):
    """Exchanges two axes; `Permute` puts all into an order. No FLOPs."""

    main = ""
    aliases = ("SwapDims",)
    axis1: int = arg("one of them, 1 the first after the batch", Int(), aliases=("dim0",))
    axis2: int = arg("the other", Int(), aliases=("dim1",))

    def order(self, rank: int) -> Shape:
        one, other = (normal_axis(getattr(self, name), rank, name) for name in ("axis1", "axis2"))
        if one == other:
            raise Mismatch(f"axis {one} is named twice", args=("axis2",))
        order = [*range(rank)]
        order[one], order[other] = other, one
        return tuple(order)


class Transpose(Op):
    """Exchanges two axes, as PyTorch's `transpose`, or puts all into an order, as Keras's and ONNX's.

    MACs and FLOPs: those of `SwapAxes` and `Permute`, none.
    """

    kind = "reshape"
    main = "dims"
    dims: tuple[int, ...] | None = arg(
        "the new order of all axes, 1 the first after the batch", Optional(Ints(0)), None, aliases=("axes", "perm")
    )
    dim0: int | None = arg("one of two axes", Optional(Int()), None)
    dim1: int | None = arg("the other", Optional(Int()), None)

    def check(self) -> None:
        if (self.dims is None) == (self.dim0 is None) or (self.dim0 is None) != (self.dim1 is None):
            raise ArgumentError("Transpose: takes either dims (of all axes) or dim0 and dim1 (of two)", "dims")

    def build(self, emit: Emit[T], inputs: Sequence[T]) -> tuple[T, ...]:
        if self.dims is not None:
            return emit(Permute(dims=list(self.dims)), inputs)
        return emit(SwapAxes(axis1=self.dim0, axis2=self.dim1), inputs)


class MoveAxis(Reordered):
    """Puts axes in other places; all others keep their order. No FLOPs."""

    main = ""
    aliases = ("MoveDim",)
    source: tuple[int, ...] = arg("the axes, 1 the first after the batch", Ints(most=MAX_AXES))
    destination: tuple[int, ...] = arg("where each goes", Ints(most=MAX_AXES))

    def check(self) -> None:
        if len(self.source) != len(self.destination):
            message = f"MoveAxis: {len(self.source)} axes go to {len(self.destination)} places"
            raise ArgumentError(message, "destination")

    def order(self, rank: int) -> Shape:
        normal_axes(self.source, rank, "source")
        normal_axes(self.destination, rank, "destination")
        moved = [axis % rank for axis in self.source]
        order = [axis for axis in range(rank) if axis not in moved]
        for place, axis in sorted(zip([place % rank for place in self.destination], moved, strict=True)):
            order.insert(place, axis)
        return tuple(order)


class _Triangle(Op):
    """Keeps one side of a diagonal of the last two axes; the other side is 0."""

    kind = "reshape"
    diagonal: int = arg("which one: 0 the main diagonal, above it 1, below it -1", Int(), 0, aliases=("k",))

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) < 3:  # noqa: PLR2004 - the batch, rows, columns
            raise Mismatch(f"needs an input of at least two axes (rows, columns), got {len(shape) - 1}")
        return shape

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward()  # of what is left the gradient, of all else 0


class Tril(_Triangle):
    """The elements of the last two axes on and below a diagonal, all others 0: a causal mask of ones. No FLOPs."""


class Triu(_Triangle):
    """The elements of the last two axes on and above a diagonal, all others 0. No FLOPs."""

"""Operators that join several tensors."""

from __future__ import annotations

from string import ascii_uppercase
from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, broadcast, normal_axis, size, text
from archinspect.base.strides import of_elements, of_map
from archinspect.ops.args import Bool, Int, Ints, Optional, arg
from archinspect.ops.base import Op
from archinspect.ops.contraction import written
from archinspect.ops.declared import ArgumentError
from archinspect.ops.einsum import Einsum
from archinspect.ops.figures import Backward, Kept, Work
from archinspect.ops.matmul import MatMul
from archinspect.ops.spatial import channel_axis, data_format_arg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Reach, Run


def along_axes(reduction: str) -> dict[str, str]:
    """Return what to do instead of an axis of an operator that joins tensors: `torch.sum` has both meanings."""
    return dict.fromkeys(
        ("axis", "axes", "dim", "keepdim", "keepdims"), f"along an axis of one tensor is `{reduction}`"
    )


class JoinedByElements(Op):
    """Joins its inputs element by element; dimensions of size 1 stretch as in NumPy."""

    kind = "merge"
    joins = True
    stretches = True
    pointwise = True
    inputs: ClassVar[tuple[int, int | None]] = (2, None)

    def output(self, *shapes: Shape) -> Shape:
        return broadcast(shapes)

    def axis_flow(self, *shapes: Shape) -> str:
        # What stretches has an axis of size 1 that the output's does not follow from.
        return f"{', '.join(['...'] * len(shapes))} -> ..." if shapes == shapes[:1] * len(shapes) else ""

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=(len(shapes) - 1) * size(output))

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        return of_elements(shapes, strides, output) if any(strides) else None

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return (("float", size(output) * (len(shapes) > 2)),)  # noqa: PLR2004 - two at a time


def stretched(shapes: Sequence[Shape], output: Shape, run: Run) -> int:
    """Return the additions in the gradients of inputs that stretch: they sum over what was one element."""
    return sum(size(output) - size(shape) for shape, wanted in zip(shapes, run.inputs, strict=True) if wanted)


def _kept_pairwise(shapes: Sequence[Shape], run: Run, *, own: bool) -> Kept:
    """Return what is kept of operations on two inputs at a time, each with the result of those before it.

    A gradient needs the other operand, with `own` both.
    """
    kept, extra = set(), 0
    before: Shape = shapes[0]
    for i in range(1, len(shapes)):
        needs_before, needs_this = any(run.inputs[:i]), run.inputs[i]
        if needs_this or (own and needs_before):
            kept |= {0} if i == 1 else set()
            extra += size(before) if i > 1 else 0
        if needs_before or (own and needs_this):
            kept.add(i)
        before = broadcast((before, shapes[i]))
    return Kept(tuple(sorted(kept)), extra=(("float", extra),))


class Add(JoinedByElements):
    """The sum, as at the end of a residual path. FLOPs: 1 per output element and input after the first."""

    aliases = ("Sum", "Eltwise", "Shortcut")
    instead = along_axes("ReduceSum")

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward(Work(other=stretched(shapes, output, run)))

    def label(self) -> str:
        return "+"


class Subtract(JoinedByElements):
    """The first input minus the second. FLOPs: 1 per output element."""

    aliases = ("Sub",)
    inputs = (2, 2)

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward(Work(other=stretched(shapes, output, run) + run.inputs[1] * size(output)))


class Multiply(JoinedByElements):
    """The product, as of a gate. FLOPs: 1 per output element and input after the first."""

    aliases = ("Mul",)

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return _kept_pairwise(shapes, run, own=False)


class Maximum(JoinedByElements):
    """The largest of the inputs. FLOPs: 1 per output element and input after the first."""

    aliases = ("Max",)
    instead = along_axes("ReduceMax")

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return _kept_pairwise(shapes, run, own=True)


class Minimum(JoinedByElements):
    """The smallest of the inputs. FLOPs: 1 per output element and input after the first."""

    aliases = ("Min",)
    instead = along_axes("ReduceMin")

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return _kept_pairwise(shapes, run, own=True)


class Average(JoinedByElements):
    """The mean of the inputs. FLOPs: 1 per output element and input (additions, a division)."""

    instead = along_axes("ReduceMean")
    gives_floats = True

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=len(shapes) * size(output))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward(Work(other=stretched(shapes, output, run) + size(output)))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return (("float", size(output)),)  # the sum


class Concatenate(Op):
    """Puts its inputs side by side along an axis, the channels' unless given. No FLOPs."""

    reads_words = True
    kind = "merge"
    joins = True
    aliases = ("Concat", "Cat")
    inputs = (1, None)

    axis: int | None = arg("the axis along which they are joined", Optional(Int()), None, aliases=("dim",))
    data_format: str = data_format_arg()

    def output(self, *shapes: Shape) -> Shape:
        first = shapes[0]
        given = channel_axis(first, self.data_format) if self.axis is None else self.axis
        axis = normal_axis(given, len(first))
        for shape in shapes[1:]:
            if len(shape) != len(first) or any(
                a != b for i, (a, b) in enumerate(zip(first, shape, strict=True)) if i != axis
            ):
                raise Mismatch(
                    f"the inputs {text(first)} and {text(shape)} differ beside axis {axis}", help=_remedy(first, shape)
                )
        return (*first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :])

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        if len(shapes) == 1:  # a copy
            return of_elements(shapes, strides, output)
        # Maps lie as the first one does; all else lies in the order of its axes.
        is_map = len(output) in (4, 5) or (len(output) == 3 and self.data_format == "channels_last")  # noqa: PLR2004
        if not is_map or strides[0] is None or (len(output) == 3 and strides[0][-1] == 1):  # noqa: PLR2004
            return None
        return of_map(shapes[0], strides[0], output, channel_axis(output, self.data_format), keeps=len(output) > 3)  # noqa: PLR2004

    def reach(self, *shapes: Shape) -> tuple[Reach, ...] | None:
        first = shapes[0]
        channels = channel_axis(first, self.data_format)
        # Along another axis than the channels' the output's positions are no longer those of the inputs.
        return () if self.axis is None or normal_axis(self.axis, len(first)) == channels else None

    def label(self) -> str:
        return "concat"


class Dot(Op):
    """Sums the products of two inputs along an axis of each, as Keras's `Dot`.

    MACs: the size of the summed axis per output element. FLOPs: 2 per MAC, 3 per element of both inputs if they are
    normalized (square, sum, quotient).
    """

    kind = "merge"
    joins = True
    of_one_type = True
    stretches = True
    inputs = (2, 2)

    axes: tuple[int, ...] = arg("the axis that is summed, or one for each input", Ints(), aliases=("axis",))

    normalize: bool = arg("scale both inputs to length 1 along the axis first", Bool(), default=False)

    def check(self) -> None:
        if len(self.axes) not in (1, 2):
            raise ArgumentError(f"Dot: axes must be one axis or two, not {len(self.axes)}", "axes")

    def output(self, *shapes: Shape) -> Shape:
        first, second = shapes
        a, b = self._axes(first, second)
        if first[a] != second[b]:
            raise Mismatch(f"axis {a} of {text(first)} is {first[a]}, but axis {b} of {text(second)} is {second[b]}")
        rest = (*first[1:a], *first[a + 1 :], *second[1:b], *second[b + 1 :])
        return (*broadcast((first[:1], second[:1])), *(rest or (1,)))

    def output_dtype(self, *dtypes: str) -> str:
        return super().output_dtype(*dtypes, *["float"] * self.normalize)

    def _axes(self, first: Shape, second: Shape) -> tuple[int, int]:
        return normal_axis(self.axes[0], len(first), "axes"), normal_axis(self.axes[-1], len(second), "axes")

    def equation(self, *shapes: Shape) -> tuple[list[str], str]:
        """Return the terms of inputs and output, as `Einsum` has them: `b` is the batch, `s` the axis summed."""
        letters = iter("ijklmnopqrtuvwxyzacdefgh" + ascii_uppercase)
        terms = [
            "".join("b" if axis == 0 else "s" if axis == summed else next(letters) for axis in range(len(shape)))
            for shape, summed in zip(shapes, self._axes(*shapes), strict=True)
        ]
        return terms, "b" + "".join(letter for letter in "".join(terms) if letter not in "bs")

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        first, second = shapes
        macs = first[self._axes(first, second)[0]] * size(output)
        return Work(macs, 3 * (size(first) + size(second)) * self.normalize)

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        if self.normalize:
            # Of what needs a gradient its lengths, and those at least epsilon; each scaled as factor of the other.
            made = 0
            for i, (shape, axis) in enumerate(zip(shapes, self._axes(*shapes), strict=True)):
                made += 2 * (size(shape) // shape[axis]) * run.inputs[i] + size(shape) * run.inputs[1 - i]
            return Kept(tuple(i for i in (0, 1) if run.inputs[i]), extra=(("float", made),))
        op, given, run = self._product(shapes, run)
        return op.kept(given, op.output(*given), run)

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        op, given, run = self._product(shapes, run)
        scaled = ("float", sum(map(size, shapes)) * self.normalize)
        return (*op.workspace(given, op.output(*given), run), scaled)

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        op, given = self._program(*shapes)
        return None if self.normalize or given != tuple(shapes) else op.own_strides(given, strides, output)

    def _program(self, first: Shape, second: Shape) -> tuple[Op, tuple[Shape, Shape]]:
        """Return what a program makes of the inputs: a product of matrices, which they are seen as, or an equation."""
        a, b = self._axes(first, second)
        if [(len(first), a), (len(second), b)] == [(3, 2), (3, 1)]:
            return MatMul(), (first, second)
        if len(first) == len(second) == 2:  # noqa: PLR2004 - vectors
            return MatMul(), ((first[0], 1, first[1]), (second[0], second[1], 1))
        if first[a] == 1:
            return MatMul(), ((first[0], size(first[1:]), 1), (second[0], 1, size(second[1:])))
        return Einsum(equation=written(*self.equation(first, second))), (first, second)

    def _product(self, shapes: Sequence[Shape], run: Run) -> tuple[Op, tuple[Shape, Shape], Run]:
        """Return the same, and how it runs: where the inputs are seen otherwise, as if they were in order."""
        op, given = self._program(*shapes)
        return op, given, run if given == tuple(shapes) else run._replace(strides=None, others=())


def _remedy(first: Shape, second: Shape) -> str:
    """Return how to join tensors that differ beside the axis at which they are to be joined."""
    apart = [axis for axis, (a, b) in enumerate(zip(first, second, strict=False)) if a != b]
    if len(first) == len(second) and len(apart) == 1:
        return f"they differ at axis {apart[0]} alone: `axis: {apart[0]}` joins them there"
    return "make the paths agree in every other axis; `ResizeLike` and `CropLike` adjust sizes"

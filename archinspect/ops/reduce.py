"""What elements along axes come to: extremes, products, deviations, norms; sums so far; their order."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, largest, normal_axes, normal_axis, size
from archinspect.ops.args import Bool, Int, arg
from archinspect.ops.axes import same
from archinspect.ops.base import Op
from archinspect.ops.figures import Backward, Kept, Work, counted
from archinspect.ops.tensor import Reduction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run


class _OfBoth(Reduction):
    """One whose slope is computed from its input and its output."""

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((0,), outputs=(0,))


class ReduceMin(_OfBoth):
    """The smallest element along axes. FLOPs: 1 per input element but the first of each."""

    aliases = ("Amin",)


class ReduceProd(_OfBoth):
    """The product along axes, the last one first. FLOPs: 1 per input element but the first of each.

    PyTorch has it along one axis at a time, and keeps what is in between.
    """

    aliases = ("Prod",)

    def output_dtype(self, *dtypes: str) -> str:
        return counted(dtypes[0])

    def _between(self, shape: Shape) -> list[int]:
        """Return the elements that are left after each axis but the first, which is the last one."""
        axes = normal_axes(self.axis, len(shape))
        return [size(shape) // prod(shape[axis] for axis in axes[at:]) for at in range(len(axes) - 1, 0, -1)]

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((0,), outputs=(0,), extra=(("float", sum(self._between(shapes[0]))),))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        # Two results follow each other, beside the last of which the output is counted already.
        steps = [*self._between(shapes[0]), size(output)]
        most = largest(*(one + other for one, other in pairwise(steps)), size(output))
        return (("float", most - size(output)),)


class ReduceVar(Reduction):
    """The variance along axes: the mean of the squared differences from the mean. FLOPs: 4 per input element.

    (Sum and quotient of the mean, difference, square, sum and quotient.) `correction: 1` divides by one less than there
    are elements, as PyTorch does by default; here it is 0, as in Keras.
    """

    aliases = ("Var", "Variance")
    gives_floats = True
    instead: ClassVar[Mapping[str, str]] = {"unbiased": "`correction: 0` for false, `correction: 1` for true"}
    correction: int = arg("what is taken off the number of elements to divide by", Int(0), 0, aliases=("ddof",))

    def output(self, *shapes: Shape) -> Shape:
        output = super().output(*shapes)
        count = size(shapes[0]) // size(output)
        if self.correction and count <= self.correction:
            raise Mismatch(f"{count} elements less {self.correction} leave nothing to divide by", args=("correction",))
        return output

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=4 * size(shapes[0]))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((0,))


class ReduceStd(ReduceVar):
    """The standard deviation along axes, the root of `ReduceVar`. FLOPs: 4 per input element, 1 per output element."""

    aliases = ("Std", "StandardDeviation")

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=4 * size(shapes[0]) + size(output))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((0,), outputs=(0,))


class ReduceL1(_OfBoth):
    """The sum of the absolute values along axes.

    FLOPs: 1 per input element, 1 per input element but the first of each.
    """

    gives_floats = True

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=2 * size(shapes[0]) - size(output))


class ReduceL2(_OfBoth):
    """The length of vectors along axes: the root of the sum of their squares. FLOPs: 2 per input element."""

    aliases = ("Norm", "VectorNorm")
    gives_floats = True

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=2 * size(shapes[0]))


class ReduceLogSumExp(_OfBoth):
    """`max x + log sum exp(x - max x)` along axes.

    FLOPs: 4 per input element (max, difference, exp, sum; log and the max again instead of the first of each).
    """

    aliases = ("LogSumExp",)
    gives_floats = True
    promotes = True

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=4 * size(shapes[0]))


class _Truth(Reduction):
    """What truth values along axes come to; of numbers, all but 0 are true."""

    def output_dtype(self, *dtypes: str) -> str:
        return "bool"


class ReduceAny(_Truth):
    """Whether an element along axes is true. FLOPs: 1 per input element but the first of each."""

    aliases = ("Any",)


class ReduceAll(_Truth):
    """Whether all elements along axes are true. FLOPs: 1 per input element but the first of each."""

    aliases = ("All",)


class _Place(Op):
    """Where the elements along an axis are extreme."""

    kind = "reshape"
    axis: int = arg("the axis", Int(), -1, aliases=("dim",))
    keepdims: bool = arg("keep the axis, with size 1", Bool(), default=False, aliases=("keepdim",))

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        axis = normal_axis(self.axis, len(shape))
        return (*shape[:axis], *(1,) * self.keepdims, *shape[axis + 1 :])

    def output_dtype(self, *dtypes: str) -> str:
        return "int64"

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=size(shapes[0]) - size(output))


class ArgMax(_Place):
    """The place of the largest element along an axis, as int64. FLOPs: 1 per input element but the first of each."""


class ArgMin(_Place):
    """The place of the smallest element along an axis, as int64. FLOPs: 1 per input element but the first of each."""


class _SoFar(Op):
    """What the elements along an axis come to, each with those before it; truth values count as int64."""

    kind = "reshape"
    axis: int = arg("the axis", Int(), -1, aliases=("dim",))

    def output(self, *shapes: Shape) -> Shape:
        normal_axis(self.axis, len(shapes[0]))
        return shapes[0]

    def output_dtype(self, *dtypes: str) -> str:
        return counted(dtypes[0])

    def axis_flow(self, *shapes: Shape) -> str:
        return same(len(shapes[0]), mixed=(self.axis,))

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=size(output) - size(output) // output[normal_axis(self.axis, len(output))])


class CumSum(_SoFar):
    """The sum of each element and those before it along an axis. FLOPs: 1 per element but the first of a row."""


class CumProd(_SoFar):
    """The product of each element and those before it along an axis. FLOPs: 1 per element but the first of a row."""

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((0,), outputs=(0,))


class Sort(Op):
    """The elements along an axis in ascending order, and where they were: a second output of int64 indices.

    FLOPs: rounds per input element (comparisons of a merge sort: its rounds are the logarithm of the axis's size to the
    base of 2, rounded up).
    """

    kind = "reshape"
    main = "axis"
    ignores: ClassVar[tuple[str, ...]] = ("stable",)
    axis: int = arg("the axis", Int(), -1, aliases=("dim",))
    descending: bool = arg("the largest first; without effect on costs", Bool(), default=False)

    @property
    def output_count(self) -> int:
        return 2

    def output(self, *shapes: Shape) -> Shape:
        normal_axis(self.axis, len(shapes[0]))
        return shapes[0]

    def outputs(self, *shapes: Shape) -> tuple[Shape, ...]:
        return (self.output(*shapes),) * 2

    def output_dtypes(self, *dtypes: str) -> tuple[str, ...]:
        return dtypes[0], "int64"

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        length, rounds = output[normal_axis(self.axis, len(output))], 0
        while 2**rounds < length:
            rounds += 1
        return Work(other=rounds * size(output))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward()  # each gradient is put where its element was

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept(outputs=(1,))

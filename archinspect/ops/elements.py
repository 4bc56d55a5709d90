"""What functions of elements have in common: of every element by itself, or of all along an axis."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import normal_axes, size
from archinspect.base.strides import in_order, ordered, reshaped
from archinspect.ops.args import Bool, Ints, Optional, arg
from archinspect.ops.axes import same
from archinspect.ops.base import Op
from archinspect.ops.figures import Kept, Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run


class Elementwise(Op):
    """A function of every element by itself."""

    kind = "activation"
    pointwise = True
    gives_floats = True
    memory_order = "kept"
    operations: ClassVar[int] = 1
    """Arithmetic operations per element."""
    from_output: ClassVar[bool] = False
    """Whether its slope is computed from its output, not from its input."""

    def output(self, *shapes: Shape) -> Shape:
        return shapes[0]

    def axis_flow(self, *shapes: Shape) -> str:
        return same(len(shapes[0]))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept(outputs=(0,)) if self.from_output else Kept((0,))

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=self.operations * size(output))


OVERWRITE = "overwrite the input at inference, if nothing else reads it; matters to memory only"


class Overwriting(Elementwise):
    """One that many networks let overwrite its input."""

    main = ""
    in_place: bool = arg(OVERWRITE, Bool(), default=True, aliases=("inplace",))


class AlongAxis(Elementwise):
    """A function of all elements along an axis, or several."""

    memory_order = ""
    from_output = True
    axis: tuple[int, ...] | None = arg(
        "the axis that it normalizes; null as PyTorch's `dim=None`", Optional(Ints()), -1, aliases=("dim",)
    )

    def output(self, *shapes: Shape) -> Shape:
        normal_axes(self.axis or (), len(shapes[0]))
        return shapes[0]

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        if self.axis is None or len(self.axis) == 1:
            return ()
        # Several axes become the last one, by a copy where they are not next to each other in memory.
        order = self._moved(len(output))
        moved, own = ([values[at] for at in order] for values in (output, run.strides or in_order(output)))
        joined = (*moved[: -len(self.axis)], prod(moved[-len(self.axis) :]))
        return () if reshaped(tuple(moved), tuple(own), joined) else (("float", size(output)),)

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        if self.axis is None or len(self.axis) == 1:
            return None
        return ordered(output, self._moved(len(output)))

    def _moved(self, rank: int) -> list[int]:
        """Return the axes, those that are normalized moved to the end."""
        last = sorted(normal_axes(self.axis or (), rank))
        return [*[at for at in range(rank) if at not in last], *last]

    def axis_flow(self, *shapes: Shape) -> str:
        rank = len(shapes[0])
        return same(rank, mixed=normal_axes(self.axis, rank)) if self.axis else ""

    def quantities(self, shapes: Sequence[Shape], output: Shape) -> dict[str, int]:
        return {"softmax_row": size(output) // prod(output[axis] for axis in self.axis or (-1,))}

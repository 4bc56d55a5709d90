"""Operators with several outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, normal_axis, size
from archinspect.ops.args import MAX_ITEMS, Bool, Int, Ints, Optional, arg
from archinspect.ops.base import Op
from archinspect.ops.declared import ArgumentError
from archinspect.ops.figures import Backward, Kept, View, Work
from archinspect.ops.spatial import channel_axis, data_format_arg

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Reach, Run


class _Parts(Op):
    """Gives parts of its input, each as an output."""

    kind = "reshape"
    gives_views = True

    def output(self, *shapes: Shape) -> Shape:
        return self.outputs(*shapes)[0]

    def view(self, *, training: bool) -> View | None:
        return View(strided=True)

    def view_strides(self, shape: Shape, strides: Shape, output: Shape) -> Shape | None:
        return strides


class Split(_Parts):
    """Cuts a tensor into parts along an axis, the channels' unless given: the reverse of `Concatenate`. No FLOPs.

    It has an output for each part, which another step reads by its number: `from: split.0` is the first.
    """

    aliases = ("Chunk",)
    main = "parts"
    instead: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("split_size", "split_size_or_sections", "num_or_size_splits", "indices_or_sections"),
        "write `parts`, how many of one size, or `sizes`, the size of each",
    )
    parts: int | None = arg(
        "how many parts of the same size", Optional(Int(1, MAX_ITEMS)), None, aliases=("chunks", "num_outputs")
    )
    sizes: tuple[int, ...] | None = arg("the sizes of the parts, instead of how many", Optional(Ints(1)), None)
    axis: int | None = arg("the axis that is cut", Optional(Int()), None, aliases=("dim",))
    data_format: str = data_format_arg()

    def check(self) -> None:
        if (self.parts is None) == (self.sizes is None):
            raise ArgumentError("Split: takes either parts or sizes", "parts")

    @property
    def output_count(self) -> int:
        return int(self.parts or len(self.sizes or ()))  # a plain number, as tuples repeat by

    def outputs(self, *shapes: Shape) -> tuple[Shape, ...]:
        (shape,) = shapes
        axis = self._axis(shape)
        return tuple([(*shape[:axis], part, *shape[axis + 1 :]) for part in self._sizes(shape[axis], axis)])

    def _axis(self, shape: Shape) -> int:
        given = channel_axis(shape, self.data_format) if self.axis is None else self.axis
        return normal_axis(given, len(shape))

    def _sizes(self, length: int, axis: int) -> Shape:
        if self.parts is not None:
            if length % self.parts:
                message = f"{self.parts} parts do not divide axis {axis}, whose size is {length}"
                raise Mismatch(message, args=("parts",), help="`sizes` takes parts of different sizes")
            return (length // self.parts,) * self.output_count
        sizes = self.sizes or ()
        if sum(sizes) != length:
            raise Mismatch(f"the sizes sum to {sum(sizes)}, but axis {axis} has {length}", args=("sizes",))
        return sizes

    def reach(self, *shapes: Shape) -> tuple[Reach, ...] | None:
        (shape,) = shapes
        # Along another axis than the channels' the output's positions are no longer those of the input.
        return () if self._axis(shape) == channel_axis(shape, self.data_format) else None

    def label(self) -> str:
        return f"split in {self.output_count}"


class Unbind(_Parts):
    """Takes every position of an axis, which is dropped, as an output of its own. No FLOPs.

    Another step reads an output by its number: `from: unbind.0` is the first position.
    """

    aliases = ("Unstack",)
    parts: int = arg("positions that the axis has", Int(1, MAX_ITEMS), aliases=("num",))
    axis: int = arg("the axis", Int(), 1, aliases=("dim",))

    @property
    def output_count(self) -> int:
        return int(self.parts)

    def outputs(self, *shapes: Shape) -> tuple[Shape, ...]:
        (shape,) = shapes
        axis = normal_axis(self.axis, len(shape))
        if shape[axis] != self.parts:
            raise Mismatch(f"axis {axis} has {shape[axis]} positions, not {self.parts}", args=("parts",))
        return ((*shape[:axis], *shape[axis + 1 :]),) * self.output_count

    def view_strides(self, shape: Shape, strides: Shape, output: Shape) -> Shape | None:
        axis = normal_axis(self.axis, len(shape))
        return (*strides[:axis], *strides[axis + 1 :])

    def label(self) -> str:
        return f"unbind {self.parts}"


class TopK(Op):
    """The largest elements along an axis, and where they were found: a second output of int64 indices.

    FLOPs: 1 per input element (comparisons).
    """

    k: int = arg("how many", Int(1))
    axis: int = arg("the axis", Int(), -1, aliases=("dim",))
    largest: bool = arg("false for the smallest; without effect on costs", Bool(), default=True)
    sorted: bool = arg("PyTorch's; without effect on costs", Bool(), default=True)

    @property
    def output_count(self) -> int:
        return 2

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        axis = normal_axis(self.axis, len(shape))
        if self.k > shape[axis]:
            raise Mismatch(f"axis {axis} has {shape[axis]} positions, fewer than {self.k}", args=("k",))
        return (*shape[:axis], self.k, *shape[axis + 1 :])

    def outputs(self, *shapes: Shape) -> tuple[Shape, ...]:
        return (self.output(*shapes),) * 2

    def output_dtypes(self, *dtypes: str) -> tuple[str, ...]:
        return dtypes[0], "int64"

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=size(shapes[0]))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward()  # each gradient is put where its element was found, and no two meet

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept(outputs=(1,))

    def label(self) -> str:
        return f"top {self.k}"

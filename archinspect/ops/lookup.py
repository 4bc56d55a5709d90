"""Operators that read or write the places that integers name."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, normal_axis, size, text
from archinspect.ops.args import DataType, Int, arg
from archinspect.ops.base import Op
from archinspect.ops.figures import DTYPES, Backward, Kept, Work

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Run


class Gather(Op):
    """Takes the positions of an axis that its second input names, the same of every sample. No FLOPs.

    The indices are integers of any axes, which stand in the output instead of the axis. They come from an input with
    `batch: false`, or from an operator without inputs: a graph's edges take the features of their nodes so.
    `TakeAlongAxis` takes others of each sample. A gradient is added to where each element was.
    """

    kind = "reshape"
    aliases = ("Take", "IndexSelect")
    inputs = (2, 2)
    undifferentiated = (1,)
    kept_as: ClassVar[Mapping[int, str]] = {1: "int64"}
    stretches = True
    shared = (1,)
    axis: int = arg("the axis", Int(), 1, aliases=("dim",))

    def output(self, *shapes: Shape) -> Shape:
        given, indices = shapes
        axis = normal_axis(self.axis, len(given))
        return (*given[:axis], *indices[1:], *given[axis + 1 :])

    def output_dtype(self, *dtypes: str) -> str:
        return dtypes[0]

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward(Work(other=run.inputs[0] * size(output)))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((1,))


class EmbeddingLookup(Op):
    """Looks up a vector for every integer of its first input in its second, a table of vectors. No FLOPs.

    The table is the same for all samples: a `Parameter`, a `Constant`, an input with `batch: false`, or what is
    computed of such. `Embedding` has a table of its own.
    """

    kind = "embedding"
    inputs = (2, 2)
    undifferentiated = (0,)
    kept_as: ClassVar[Mapping[int, str]] = {0: "int64"}
    stretches = True
    shared = (1,)

    def output(self, *shapes: Shape) -> Shape:
        indices, table = shapes
        if len(table) != 3:  # noqa: PLR2004 - the batch, entries, features
            raise Mismatch(f"needs a table of two axes (entries, features), got {text(table)}")
        return (*indices, table[-1])

    def output_dtype(self, *dtypes: str) -> str:
        return dtypes[1]

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward(Work(other=run.inputs[1] * size(output)))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((0,))


class TakeAlongAxis(Op):
    """Takes along an axis, for each of the others, the positions that its second input names. No FLOPs.

    The indices have the first input's axes; axes of size 1 stretch to its own, but for the axis that is taken along. A
    gradient is added to where each element was.
    """

    kind = "reshape"
    index_dtypes = ("int64",)
    aliases = ("GatherElements", "TakeAlongDim")
    inputs = (2, 2)
    undifferentiated = (1,)
    kept_as: ClassVar[Mapping[int, str]] = {1: "int64"}
    axis: int = arg("the axis", Int(), 1, aliases=("dim",))

    def output(self, *shapes: Shape) -> Shape:
        given, indices = shapes
        axis = normal_axis(self.axis, len(given))
        if len(given) != len(indices) or any(
            one not in (1, other) for at, (one, other) in enumerate(zip(indices, given, strict=True)) if at != axis
        ):
            raise Mismatch(f"the indices {text(indices)} do not stretch to {text(given)} beside axis {axis}")
        return (*given[:axis], indices[axis], *given[axis + 1 :])

    def output_dtype(self, *dtypes: str) -> str:
        return dtypes[0]

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward(Work(other=run.inputs[0] * size(output)))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((0, 1))  # of the first only the size is needed, but PyTorch keeps it


class ScatterAdd(Op):
    """Adds each position of an axis to the place that its second input names. FLOPs: 1 per input element.

    The indices have one integer for each position, of every sample or the same for all: a graph's nodes sum the
    messages of their edges so (Gilmer et al. 2017, arXiv:1704.01212). Places that nothing is added to are 0.
    """

    kind = "merge"
    index_dtypes = ("int64",)
    aliases = ("IndexAdd", "SegmentSum")
    inputs = (2, 2)
    undifferentiated = (1,)
    kept_as: ClassVar[Mapping[int, str]] = {1: "int64"}
    size: int = arg("places of the output", Int(1), aliases=("num_segments", "dim_size"))
    axis: int = arg("the axis", Int(), 1, aliases=("dim",))

    def output(self, *shapes: Shape) -> Shape:
        given, indices = shapes
        axis = normal_axis(self.axis, len(given))
        if indices[1:] != (given[axis],):
            raise Mismatch(
                f"axis {axis} of {text(given)} has {given[axis]} positions, but the indices are {text(indices)}"
            )
        return (*given[:axis], self.size, *given[axis + 1 :])

    def output_dtype(self, *dtypes: str) -> str:
        return dtypes[0]

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=size(shapes[0]))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward()  # each element takes the gradient of its place

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((1,))


class OneHot(Op):
    """A vector of zeros for every integer, with 1 at its place. No FLOPs."""

    kind = "embedding"
    kept_as: ClassVar[Mapping[int, str]] = {0: "int64"}
    index_dtypes = ("int64",)
    aliases = ("ToCategorical",)
    looks_up = True
    num_classes: int = arg("size of a vector", Int(1), aliases=("depth",))
    dtype: str = arg("data type; `float` is the one the network computes in", DataType(*DTYPES), "float")

    def output(self, *shapes: Shape) -> Shape:
        return (*shapes[0], self.num_classes)

    def output_dtype(self, *dtypes: str) -> str:
        return self.dtype

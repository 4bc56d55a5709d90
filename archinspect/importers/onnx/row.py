"""An operator of a file that is none of ours, or that no batch comes first in: its shapes and costs as the file's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.importers.stated import StatedOp
from archinspect.ops.figures import Kept, Run, View, Work
from archinspect.ops.source import Input

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.base import Op
    from archinspect.ops.figures import Backward, Elements

Size = int | tuple[int, int, int]
"""A size, or twice a polynomial of the batch: of it times 0, 1 and 2."""


def fitted(values: Sequence[int]) -> Size:
    """Return what gives these values at a batch of 1, 2 and 3; of a single one, that at any."""
    first = values[0]
    if all(value == first for value in values):
        return first
    one, two, three = values
    square = three - 2 * two + one
    linear = 2 * (two - one) - 3 * square
    return (2 * one - linear - square, linear, square)


def at(size: Size, batch: int) -> int:
    """Return a size at a batch."""
    if isinstance(size, tuple):
        constant, linear, square = size
        return (constant + linear * batch + square * batch * batch) // 2
    return size


class FileInput(Input):
    """An input of the file's own shape, which may have no elements; with `batch` the first axis is that."""

    def __init__(self, shape: Shape, dtype: str, *, batch: bool = False) -> None:
        vars(self).update(shape=shape, dtype=dtype, batch=batch)

    def output(self, *shapes: Shape) -> Shape:
        return self.shape

    def of_batch(self, batch: int) -> Shape:
        return (batch, *self.shape[1:]) if self.batch else self.shape

    def given(self) -> dict[str, object]:
        return {"shape": self.shape, "dtype": self.dtype}


class FileOp(StatedOp):
    """See :mod:`archinspect.importers.onnx.row`; what a report calls it is its class's name."""

    batched = False
    shapes: tuple[tuple[Size, ...], ...]
    """Of each output."""
    dtypes: tuple[str, ...]
    macs: Size
    other: Size
    """Operations that are no multiply-accumulates."""
    place: tuple[int, int, Size] | None
    """An input's axis that tells the batch, and its size."""
    missing: tuple[str, ...]
    """Figures that are not known."""
    attributes: tuple[tuple[str, Any], ...]
    lies: View | None
    like: Op | None = None
    """A recurrence of ours, whose rules of memory and backward hold."""
    steps_first: bool = False
    """Whether the file has steps before samples."""

    def __hash__(self) -> int:
        try:
            return self._hash
        except AttributeError:
            object.__setattr__(self, "_hash", hash((type(self), self.shapes, self.macs, self.other, self.place)))
            return self._hash

    __eq__ = StatedOp.__eq__

    def given(self) -> dict[str, object]:
        return dict(self.attributes)

    def _batch(self, shapes: Sequence[Shape]) -> int:
        if self.place is None:
            return 1
        index, axis, size = self.place
        found = shapes[index][axis]
        if isinstance(size, tuple):
            constant, linear, _ = size
            return (2 * found - constant) // linear
        return found

    @property
    def output_count(self) -> int:
        return len(self.shapes)

    def outputs(self, *shapes: Shape) -> tuple[Shape, ...]:
        batch = self._batch(shapes)
        return tuple([tuple([at(size, batch) for size in sizes]) for sizes in self.shapes])

    def output_dtypes(self, *dtypes: str) -> tuple[str, ...]:
        return self.dtypes

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        batch = self._batch(shapes)
        return Work(at(self.macs, batch), at(self.other, batch))

    def unknown(self) -> tuple[str, ...]:
        return self.missing

    def view(self, *, training: bool) -> View | None:
        return self.lies

    def _theirs(self, shapes: Sequence[Shape], run: Run) -> tuple[Op, list[Shape], Shape, Run]:
        """Return the recurrence, and what it would be given: samples before steps, and no weights as inputs."""
        assert self.like is not None
        first, second, *features = shapes[0]
        given = (second, first, *features) if self.steps_first else shapes[0]
        return self.like, [given], self.like.output(given), Run(run.inputs[:1], any(run.inputs[1:]))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        if self.like is None:
            return super().backward(shapes, output, run)
        like, given, made, own = self._theirs(shapes, run)
        return like.backward(given, made, own)

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        if self.like is None:
            return super().workspace(shapes, output, run)
        like, given, made, own = self._theirs(shapes, run)
        return like.workspace(given, made, own)

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        if self.like is not None:
            like, given, made, own = self._theirs(shapes, run)
            return like.kept(given, made, own)
        # As long as nothing else is known of it, what it computes with.
        return Kept(tuple(range(len(shapes)))[: self.reads]) if at(self.macs, 1) or at(self.other, 1) else Kept()

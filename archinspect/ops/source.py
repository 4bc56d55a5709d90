"""Operators without inputs: where data enters, and weights that are used as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import ceil_div
from archinspect.ops.args import MAX_AXES, Bool, DataType, Float, Int, Ints, arg
from archinspect.ops.axes import numbered
from archinspect.ops.base import Op
from archinspect.ops.declared import ArgumentError
from archinspect.ops.figures import DTYPES, STRING, Backward, View, Weight

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Run

_SHAPE = Ints(1, empty=True, most=MAX_AXES)
_DTYPE = "data type; `float` is the one the network computes in"


class Input(Op):
    """Where a network's data enters: `Input: [224, 224, 3]`, the same as the spec's `input:`. No FLOPs."""

    kind = "input"
    aliases = ("InputLayer",)
    inputs = (0, 0)
    shape: tuple[int, ...] = arg(
        "the sample's axes, without the batch", Ints(1, empty=True, most=MAX_AXES, nulls=True), aliases=("input_shape",)
    )
    dtype: str = arg(_DTYPE, DataType(*DTYPES, STRING), "float")
    batch: bool = arg("false for data that is the same for all samples, such as a graph's edges", Bool(), default=True)

    @property
    def batched(self) -> bool:  # type: ignore[override] # fixed for other operators
        return self.batch

    def output(self, *shapes: Shape) -> Shape:
        return (1, *self.shape)

    def of_batch(self, batch: int) -> Shape:
        return (batch if self.batch else 1, *self.shape)

    def output_dtype(self, *dtypes: str) -> str:
        return self.dtype


class Held(Op):
    """A weight as data: what it gives is no tensor of its own."""

    inputs: ClassVar[tuple[int, int | None]] = (0, 0)
    batched = False

    def weights_read(self, shapes: Sequence[Shape], output: Shape) -> int:
        return 0  # what uses it reads it

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward()  # the output's gradient is the weight's

    def view(self, *, training: bool) -> View | None:
        return View()  # of the weight

    def stored(self, shapes: Sequence[Shape], output: Shape) -> int:
        return 0


class _Stored(Held):
    """A tensor of the network's own as data: the same for all samples, so that its first axis has size 1."""

    shape: tuple[int, ...] = arg("its axes, without the batch", _SHAPE)

    def output(self, *shapes: Shape) -> Shape:
        return (1, *self.shape)

    def label(self) -> str:
        return f"{type(self).__name__.lower()}, {'x'.join(map(str, self.shape)) or 'a number'}"


class Parameter(_Stored):
    """A learned tensor as data, for layers to read as they read each other. No FLOPs.

    It is the same for all samples: `Add` and the like stretch it as NumPy does. `LearnedPositions`, `LearnedTokens` and
    `LayerScale` are usual cases by their names.
    """

    def output_dtype(self, *dtypes: str) -> str:
        return "float"

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        return {"value": Weight(self.shape, numbered(range(1, 1 + len(self.shape))))}


class _Made(Op):
    """A tensor of fixed numbers that every pass makes anew: the same for all samples."""

    inputs = (0, 0)
    batched = False

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward()


class Arange(_Made):
    """Whole numbers from `start` to before `stop`, as Python's `range`: positions of a sequence. No FLOPs."""

    aliases = ("Range",)
    stop: int = arg("first number left out", Int(), aliases=("end", "limit"))
    start: int = arg("first number", Int(), 0)
    step: int = arg("distance of the numbers", Int(), 1, aliases=("delta",))
    dtype: str = arg(_DTYPE, DataType(*DTYPES), "int64")

    def check(self) -> None:
        if (self.stop - self.start) * self.step <= 0:
            message = f"Arange: there are no numbers from {self.start} to before {self.stop} by steps of {self.step}"
            raise ArgumentError(message, "stop")

    def output(self, *shapes: Shape) -> Shape:
        return (1, ceil_div(self.stop - self.start, self.step))

    def output_dtype(self, *dtypes: str) -> str:
        return self.dtype


class Fill(_Made):
    """One number everywhere: zeros, unless `value` says another. No FLOPs."""

    aliases = ("Full", "Zeros", "ConstantOfShape")
    shape: tuple[int, ...] = arg("its axes, without the batch", _SHAPE)
    value: float = arg("the number", Float(), 0.0, aliases=("fill_value",))
    dtype: str = arg(_DTYPE, DataType(*DTYPES), "float")

    def output(self, *shapes: Shape) -> Shape:
        return (1, *self.shape)

    def output_dtype(self, *dtypes: str) -> str:
        return self.dtype


class Constant(_Stored):
    """A fixed table as data, the same for all samples: a buffer, no parameter. No FLOPs."""

    dtype: str = arg(_DTYPE, DataType(*DTYPES), "float")

    def output_dtype(self, *dtypes: str) -> str:
        return self.dtype

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        return {"value": Weight(self.shape, numbered(range(1, 1 + len(self.shape))), parameter=False)}

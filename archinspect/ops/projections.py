"""The projections of attention with projections, and steps beside those of its input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import Mismatch, largest, size
from archinspect.base.strides import is_in_order, ordered
from archinspect.ops.args import Bool, Choice, Int, Optional, arg
from archinspect.ops.base import Op
from archinspect.ops.dense import Dense, Projection, copied_as_rows
from archinspect.ops.figures import Backward, Kept, Weight

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run

STEPS_FIRST = (1, 0, 2)
"""The axes of a batch, steps and features, the steps as the outermost in memory."""


def _has_steps_first(shape: Shape, run: Run) -> bool:
    """Return whether an input lies as PyTorch's module reads it, the steps before the samples."""
    if run.strides is None or len(shape) != len(STEPS_FIRST):
        return False
    shape, strides = (tuple([values[axis] for axis in STEPS_FIRST]) for values in (shape, run.strides))
    return is_in_order(shape, strides)


class _Projection(Dense):
    """The projection of an attention's input, whose width one of the attention's arguments may state."""

    stated_by: str = arg("that argument", Choice("embed_dim", "kdim", "vdim"), "embed_dim")
    packed: int | None = arg(
        "how many projections one product of PyTorch's module makes, of which this is the last; 0 of the others",
        Optional(Int(0, 3)),
        None,
    )
    joined: bool = arg("whether one product of a program makes it with a later projection", Bool(), default=False)

    def output(self, *shapes: Shape) -> Shape:
        width = shapes[0][-1]
        if self.in_features not in (None, width):
            raise Mismatch(
                f"{self.stated_by} is {self.in_features}, but the input has {width} features", args=(self.stated_by,)
            )
        return super().output(*shapes)

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        if self.packed is None and not self.joined:
            return (("float", copied_as_rows(shapes[0], run)),)
        if not self.packed or not self._in_module(output, run):
            return ()
        if self.packed > 1:
            # What one product makes stands side by side, and is copied apart.
            return (("float", (size(output[:-1]) > 1) * self.packed * size(output)),)
        # A bias is added to a product of several samples by itself.
        copied = 0 if _has_steps_first(shapes[0], run) else size(shapes[0])
        return (("float", largest(copied, self.use_bias * size(output)) if self._turns(output, run) else 0),)

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        if self.packed is not None and run.weights and _has_steps_first(shapes[0], run):
            return Kept((0,))
        if self.joined and copied_as_rows(shapes[0], run):
            return Kept()  # the product keeps its copy once
        if not run.weights or not self._turns(output, run):
            return super().kept(shapes, output, run)
        return Kept(extra=(("float", size(shapes[0])),)) if self.packed else Kept()

    def _in_module(self, output: Shape, run: Run) -> bool:
        """Return whether this is a part of PyTorch's module, which takes a batch of steps and holds no scores."""
        return self.packed is not None and len(output) == 3 and run.attention != "eager"  # noqa: PLR2004 - with features

    def _turns(self, output: Shape, run: Run) -> bool:
        """Return whether the module copies what it reads: it has the steps first, not several samples."""
        return self._in_module(output, run) and output[0] > 1 and output[1] > 1


class _Product(_Projection):
    """The projection to queries, keys and values, or keys and values, side by side."""

    inputs = (1, 2)

    def output(self, *shapes: Shape) -> Shape:
        if len(shapes) > 1:
            raise Mismatch("packed needs keys and values that are made of one input", args=("packed",))
        return super().output(*shapes)


class _Dense(Dense):
    """The projection that PyTorch's module ends with, which gives the steps before the samples in memory."""

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        return ordered(output, STEPS_FIRST) if len(output) == len(STEPS_FIRST) else None


class _ToQuery(Projection):
    """The projection back to the width of the query, which is its second input."""

    inputs = (2, 2)
    reads = 1
    use_bias: bool = arg("add a learned bias", Bool(), default=True)

    def output(self, *shapes: Shape) -> Shape:
        attended, query = shapes
        return (*attended[:-1], query[-1])

    def axis_flow(self, *shapes: Shape) -> str:
        return "... in, ... out -> ... out"


class _FurtherStep(Op):
    """A learned step, or one of zeros, or both, after those of keys or values, as PyTorch's module adds. No FLOPs."""

    learned: bool = arg("a learned step", Bool(), default=False)
    zeros: bool = arg("a step of zeros", Bool(), default=False)

    def output(self, *shapes: Shape) -> Shape:
        *lead, steps, features = shapes[0]
        return (*lead, steps + self.learned + self.zeros, features)

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        return {"bias": Weight((shapes[0][-1],), ("out",))} if self.learned else {}

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward()

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        step = size(output[:-2]) * output[-1]  # for each sample
        return (("float", step + (size(output) - step) * (self.learned and self.zeros)),)

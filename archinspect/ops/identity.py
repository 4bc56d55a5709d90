"""Operators that keep their input's shape and cost little: dropout, noise, rescaling, nothing at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import Mismatch, size
from archinspect.ops.args import Choice, Float, Optional, arg
from archinspect.ops.axes import same
from archinspect.ops.base import Op
from archinspect.ops.figures import Backward, Kept, View, Work
from archinspect.ops.spatial import channel_axis, data_format_arg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run


class SameShape(Op):
    """An operator whose output is shaped as its input."""

    kind = "other"
    pointwise = True
    memory_order = "kept"

    def output(self, *shapes: Shape) -> Shape:
        return shapes[0]

    def axis_flow(self, *shapes: Shape) -> str:
        return "... -> ..."


class Identity(SameShape):
    """Does nothing: a skip connection, or the place of a removed layer. No FLOPs."""

    reads_words = True
    aliases = ("Noop", "Nop", "ActivityRegularization")
    ignores = ("l1", "l2")

    def view(self, *, training: bool) -> View | None:
        return View()


class StopGradient(SameShape):
    """Passes its input on, and no gradient back, as PyTorch's `detach` and Keras's `stop_gradient`. No FLOPs.

    What lies before it trains by what else reads it, or not at all.
    """

    looks_up = True
    aliases = ("Detach",)

    def view(self, *, training: bool) -> View | None:
        return View()


class _Dropout(SameShape):
    """Drops parts of its input at random in training; nothing at inference, so no FLOPs."""

    main = "rate"
    rate: float = arg("share that is dropped", Float(0, 1), 0.5, aliases=("p", "dropout_ratio", "drop_prob"))

    def view(self, *, training: bool) -> View | None:
        return None if training and self.rate else View()

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept(extra=(("float", self.mask(output)),)) if self.rate else Kept()

    def mask(self, shape: Shape) -> int:
        """Return how many random numbers are drawn, each kept in the input's type."""
        return size(shape)


class _SpatialDropout(_Dropout):
    data_format: str = data_format_arg()

    def output(self, *shapes: Shape) -> Shape:
        if len(shapes[0]) == 1:
            raise Mismatch("needs an input of at least one axis")
        return super().output(*shapes)

    def mask(self, shape: Shape) -> int:
        return shape[0] * shape[channel_axis(shape, self.data_format)]


class _ElementDropout(_Dropout):
    def mask(self, shape: Shape) -> int:
        return 1 if self.rate == 1 else size(shape)  # a single zero drops everything


class Dropout(_ElementDropout):
    """Drops elements at random in training (Srivastava et al. 2014). Nothing at inference, so no FLOPs."""

    def label(self) -> str:
        return f"dropout {self.rate:g}"


class SpatialDropout1D(_SpatialDropout):
    """Drops whole channels at random in training. Nothing at inference, so no FLOPs."""

    aliases = ("Dropout1d",)


class SpatialDropout2D(_SpatialDropout):
    """Drops whole channels at random in training (Tompson et al. 2014, arXiv:1411.4280). No FLOPs."""

    aliases = ("Dropout2d", "FeatureAlphaDropout")


class SpatialDropout3D(_SpatialDropout):
    """Drops whole channels at random in training. Nothing at inference, so no FLOPs."""

    aliases = ("Dropout3d",)


class AlphaDropout(_ElementDropout):
    """Dropout that keeps mean and variance (Klambauer et al. 2017, arXiv:1706.02515). No FLOPs at inference."""


class GaussianDropout(_Dropout):
    """Multiplies by random factors in training (Srivastava et al. 2014). No FLOPs at inference."""


class StochasticDepth(_Dropout):
    """Drops a whole residual path at random in training (Huang et al. 2016, arXiv:1603.09382). No FLOPs."""

    aliases = ("DropPath",)
    mode: str = arg("what is dropped at once: a sample's path, or the batch's", Choice("row", "batch"), "row")

    def mask(self, shape: Shape) -> int:
        return shape[0] if self.mode == "row" else 1


class GaussianNoise(SameShape):
    """Adds random noise in training. Nothing at inference, so no FLOPs."""

    stddev: float = arg("standard deviation of the noise", Float(0), 1.0)

    def view(self, *, training: bool) -> View | None:
        return None if training and self.stddev else View()


class Rescaling(SameShape):
    """`x * scale + offset` with fixed numbers. FLOPs: 1 per element for a scale, 1 per element for an offset."""

    scale: float = arg("factor", Float(), 1.0)
    offset: float | None = arg("term", Optional(Float()), None)
    gives_floats = True
    promotes = True

    def output_dtype(self, *dtypes: str) -> str:
        return dtypes[0] if self.view(training=True) else super().output_dtype(*dtypes)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=((self.scale != 1) + bool(self.offset)) * size(output))

    def view(self, *, training: bool) -> View | None:
        return None if self.scale != 1 or self.offset else View()

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return (("float", size(output) * (self.scale != 1 and bool(self.offset))),)


class Masking(SameShape):
    """Sets the steps to 0 all of whose features are `mask_value`, as Keras's layer, and otherwise does nothing.

    Layers after it compute all steps nevertheless: a mask changes no figure of theirs.
    FLOPs: 3 per element (a comparison, what becomes of a step's comparisons, a product).
    """

    gives_floats = True
    mask_value: float = arg("what a step is filled with that does not count", Float(), 0.0)

    def output(self, *shapes: Shape) -> Shape:
        if len(shapes[0]) == 1:
            raise Mismatch("needs an input of at least one axis, the features")
        return shapes[0]

    def axis_flow(self, *shapes: Shape) -> str:
        return same(len(shapes[0]), mixed=[-1])

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=3 * size(output))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward(Work(other=run.inputs[0] * size(output)))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept(extra=(("bool", size(output[:-1])),))  # which steps are left

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return (("bool", size(output[:-1])),)

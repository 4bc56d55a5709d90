"""Operators that compare channels, or groups of them, with one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import Mismatch, normal_axis, size
from archinspect.ops.args import Float, Int, Optional, arg
from archinspect.ops.axes import same
from archinspect.ops.base import Op
from archinspect.ops.figures import Kept, Weight, Work
from archinspect.ops.spatial import channel_axis, data_format_arg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run


class GlobalResponseNormalization(Op):
    """Scales each channel by its share of all channels' norms (Woo et al. 2023, arXiv:2301.00808), as ConvNeXt V2.

    `gamma * (x * share) + beta + x`, where a channel's share is its norm over all positions, over the mean of all
    channels' norms. FLOPs: 6 per element (a square and its sum, two factors, two terms), 3 per channel of each sample
    (a root, the mean, a quotient).
    """

    kind = "normalization"
    pointwise = True
    gives_floats = True
    memory_order = "kept"
    aliases = ("GlobalResponseNorm", "GRN")
    main = ""  # a bare number is its channels elsewhere
    epsilon: float = arg("added to the mean of the norms", Float(0), 1e-6, aliases=("eps",))
    data_format: str = data_format_arg()

    def channels(self, shape: Shape) -> int:
        """Return the number of channels."""
        return shape[channel_axis(shape, self.data_format)]

    def output(self, *shapes: Shape) -> Shape:
        if len(shapes[0]) < 3:  # noqa: PLR2004 - the batch, positions, channels
            raise Mismatch(f"needs an input with positions and channels, got {len(shapes[0]) - 1} axes")
        return shapes[0]

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        vector = Weight((self.channels(shapes[0]),), ("channels",))
        return {"gamma": vector, "beta": vector}

    def axis_flow(self, *shapes: Shape) -> str:
        (shape,) = shapes
        channels = channel_axis(shape, self.data_format)
        return same(len(shape), mixed=[axis for axis in range(1, len(shape)) if axis != channels], channels=channels)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=6 * size(output) + 3 * output[0] * self.channels(output))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        # For the input's gradient, of each sample the norms, their mean, the shares; for gamma's the scaled input.
        norms = output[0] * (2 * self.channels(output) + 1)
        kept = Kept(extra=(("float", run.inputs[0] * norms + run.weights * size(output)),))
        return kept._replace(inputs=(0,)) if run.inputs[0] else kept

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        norms = output[0] * self.channels(output)
        return (("float", size(output) + 2 * norms),)

    def label(self) -> str:
        return "global response norm"


class Maxout(Op):
    """The largest of each group of neighboring channels (Goodfellow et al. 2013, arXiv:1302.4389).

    FLOPs: 1 per input element that is not the first of its group (comparisons).
    """

    num_units: int = arg("channels of the output, a divisor of the input's", Int(1), aliases=("units",))
    axis: int | None = arg("the channels' axis", Optional(Int()), None, aliases=("dim",))
    data_format: str = data_format_arg()

    def _axis(self, shape: Shape) -> int:
        given = channel_axis(shape, self.data_format) if self.axis is None else self.axis
        return normal_axis(given, len(shape))

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        axis = self._axis(shape)
        if shape[axis] % self.num_units:
            message = f"{self.num_units} units do not divide {shape[axis]} channels"
            raise Mismatch(message, args=("num_units",), help=f"choose a divisor of {shape[axis]}")
        return (*shape[:axis], self.num_units, *shape[axis + 1 :])

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=size(shapes[0]) - size(output))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((0,), outputs=(0,))

    def label(self) -> str:
        return f"maxout, {self.num_units}"

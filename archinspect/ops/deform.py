"""Convolutions whose taps are where other layers say."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, size, text
from archinspect.ops.args import Pad, arg
from archinspect.ops.conv import _Conv
from archinspect.ops.declared import ArgumentError
from archinspect.ops.figures import Backward, Kept, Reach, Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Padding, Shape
    from archinspect.ops.figures import Elements, Run


class DeformConv2D(_Conv):
    """Convolution whose taps are moved by an offset at each position (Dai et al. 2017, arXiv:1703.06211).

    As torchvision's. The second input are the offsets, rows and columns for every tap, with the output's size: a
    multiple of 2 * window channels, which says for how many groups of the input's channels they differ. A third input
    is a mask of as many taps, by which each is multiplied (version 2, Zhu et al. 2018, arXiv:1811.11168).
    MACs: window * input channels / groups per output element. FLOPs: 2 per MAC, 7 per tap and input channel (4 factors
    and 3 sums between the four positions around it), 1 per tap and input channel for a mask, 1 per output element for
    the bias. Where the taps lie counts nothing, and what a kernel gathers them in is not in the peak.
    """

    rank = 2
    inputs: ClassVar[tuple[int, int | None]] = (2, 3)
    aliases = ("DeformConv", "DeformableConv2D", "ModulatedDeformConv2d")
    combines = ""
    padding_mode = "zeros"
    padding: Padding = arg("zeros around the input, as many on both sides", Pad("valid"), "valid")

    def check(self) -> None:
        if not isinstance(self.padding, str) and any(before != after for before, after in self.padding):
            raise ArgumentError("DeformConv2D: pads as much on both sides", "padding", help="`ZeroPadding2D` before it")

    def output(self, *shapes: Shape) -> Shape:
        shape, *others = shapes
        output = super().output(shape)
        lengths, _ = self.split(output)
        taps = prod(self.kernel_size)
        for given, each, what in zip(others, (2 * taps, taps), ("offsets", "mask"), strict=False):
            places, channels = self.split(given)
            if places != lengths or channels % each:
                wanted = text(self.join(shape[0], lengths, each))
                raise Mismatch(f"the {what} must be {wanted} or a multiple of its channels, not {text(given)}")
        groups = [self.split(given)[1] // each for given, each in zip(others, (2 * taps, taps), strict=False)]
        if any(count != groups[0] for count in groups) or self.channels(shape) % groups[0]:
            raise Mismatch(
                f"offsets and mask are for {' and '.join(map(str, groups))} groups of {self.channels(shape)} channels"
            )
        return output

    def reach(self, *shapes: Shape) -> tuple[Reach, ...] | None:
        return None  # a tap may lie anywhere

    def axis_flow(self, *shapes: Shape) -> str:
        return ""

    def _sampled(self, shapes: Sequence[Shape], output: Shape) -> int:
        """Return the elements that are read between positions."""
        return prod(self.kernel_size) * self.channels(shapes[0]) * (size(output) // self.filters)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        macs, bias = super().work(shapes, output)
        return Work(macs, bias + (7 + (len(shapes) > 2)) * self._sampled(shapes, output))  # noqa: PLR2004 - with a mask

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        macs, other = self.work(shapes, output)
        bias = size(output) * self.use_bias
        # The gradient of what was read between positions is that of all inputs.
        inputs = Work(macs, other - bias) if any(run.inputs) else Work()
        return Backward(inputs, Work(run.weights * macs, run.weights * bias))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept(tuple(range(len(shapes))), extra=self.workspace(shapes, output, run))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        # torchvision gives its kernel a number for each sample where there is no mask, and zeros for no bias.
        without_mask = output[0] * (len(shapes) == 2)  # noqa: PLR2004 - input and offsets
        return (("float", without_mask + self.filters * (not self.use_bias)),)

    def label(self) -> str:
        return self.describe("deformable conv", str(self.filters))

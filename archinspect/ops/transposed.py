"""Transposed convolution in one to three dimensions."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archinspect.base.shape import Mismatch, extent, largest, named_shape, size
from archinspect.ops.args import Choice, Int, Optional, PerAxis, arg
from archinspect.ops.conv import ConvWindow, check_groups
from archinspect.ops.declared import ArgumentError
from archinspect.ops.figures import Reach, Weight, Work
from archinspect.ops.spatial import times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run


class _Transpose(ConvWindow):
    """Transposed convolution: every input element spreads a weighted window over the output.

    With a number as padding the output is PyTorch's: `(input - 1) * stride + extent + output_padding - padding`
    on both sides. With `valid` or `same` it is Keras's: without output_padding `input * stride` for `same` and at
    least that for `valid`; with it, PyTorch's for a padding of 0 (`valid`) or half the extent (`same`).
    MACs: window * filters / groups per *input* element. FLOPs: 2 per MAC, 1 per output element for the bias.
    """

    combines = ""
    filters: int = arg("output channels", Int(1), aliases=("out_channels",))
    groups: int = arg("groups of channels, each convolved on its own", Int(1), 1)
    padding_mode: str = arg("PyTorch's, which takes zeros alone here", Choice("zeros"), "zeros")
    output_padding: tuple[int, ...] | None = arg("positions added after the output", Optional(PerAxis(0)), None)

    def unread(self, shape: Shape, output: Shape) -> Shape:
        return (0,) * self.rank

    def check(self) -> None:
        if self.output_padding is None:
            return
        limits = map(max, self.strides, self.dilation_rate)
        if any(extra >= limit for extra, limit in zip(self.output_padding, limits, strict=True)):
            raise ArgumentError(
                f"{type(self).__name__}: output_padding must be smaller than the stride or the dilation",
                "output_padding",
            )

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        spatial, _ = self.split(shape)
        check_groups(self.groups, self.channels(shape), self.filters)
        lengths = tuple(self._length(axis, length) for axis, length in enumerate(spatial))
        if any(length < 1 for length in lengths):
            raise Mismatch(f"the padding leaves no output: {times(lengths)}", args=("padding",))
        return self.join(shape[0], lengths, self.filters)

    def reach(self, *shapes: Shape) -> tuple[Reach, ...] | None:
        return tuple(
            Reach(window, 1, self._cut(axis), up=stride)
            for axis, (window, stride) in enumerate(zip(self._windows(), self.strides, strict=True))
        )

    def _windows(self) -> Shape:
        return named_shape("window", map(extent, self.kernel_size, self.dilation_rate))

    def padded(self, shape: Shape) -> int:
        return 0

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        # Where no padding of PyTorch's gives the output, all is made, and then cut.
        lengths, (wanted, _) = self.split(shapes[0])[0], self.split(output)
        whole = [self._full(axis, length) for axis, length in enumerate(lengths)]
        made = 0 if self.paddings(lengths, wanted) else output[0] * self.filters * prod(whole)
        return (("float", made),)

    def paddings(self, lengths: Shape, wanted: Shape) -> list[tuple[int, int]] | None:
        """Return the padding on both sides and the output padding of each axis that give these; None without such."""
        found = []
        for axis, (length, left) in enumerate(zip(lengths, wanted, strict=True)):
            cut = self._cut(axis)
            more = left - (self._full(axis, length) - 2 * cut)
            if not 0 <= more < max(self.strides[axis], self.dilation_rate[axis]):
                return None
            found.append((cut, more))
        return found

    def ends(self, lengths: Shape, wanted: Shape) -> list[tuple[int, int]]:
        """Return what is added to both sides of each axis of all that is made; negative: cut off."""
        cuts = [self._cut(axis) for axis in range(self.rank)]
        whole = [self._full(axis, length) for axis, length in enumerate(lengths)]
        return [(-cut, left - full + cut) for cut, left, full in zip(cuts, wanted, whole, strict=True)]

    def _full(self, axis: int, length: int) -> int:
        """Return the positions of the output before any is cut off or added."""
        return (length - 1) * self.strides[axis] + self._windows()[axis]

    def _cut(self, axis: int) -> int:
        """Return the positions cut off in front of the full output."""
        if not isinstance(self.padding, str):
            return self.padding[axis][0]
        window = self._windows()[axis]
        if self.padding == "valid":
            return 0
        return window // 2 if self.output_padding else largest(window - self.strides[axis], 0) // 2

    def _length(self, axis: int, length: int) -> int:
        stride = self.strides[axis]
        window = self._windows()[axis]
        extra = self.output_padding[axis] if self.output_padding else 0
        full = self._full(axis, length) + extra
        if not isinstance(self.padding, str):
            return full - sum(self.padding[axis])
        if self.output_padding:
            return full - (2 * (window // 2) if self.padding == "same" else 0)
        return length * stride if self.padding == "same" else length * stride + largest(window - stride, 0)

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        kernel = (*self.kernel_size, self.filters // self.groups, self.channels(shapes[0]))
        return {"kernel": Weight(kernel, self.window_axes("out", "in")), **self.bias(self.filters)}

    def axis_flow(self, *shapes: Shape) -> str:
        return self._flow("in", "out") if self.groups == 1 else ""

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        taps = prod(self.kernel_size) * (self.filters // self.groups)
        return Work(taps * size(shapes[0]), size(output) * self.use_bias)

    def quantities(self, shapes: Sequence[Shape], output: Shape) -> dict[str, int]:
        # Negative places, too: so a tool counts that takes it for a convolution.
        spatial, _ = self.split(shapes[0])
        how = self.sliding(spatial)
        places = [
            (length + sum(pad) - window) // stride + 1
            for length, pad, window, stride in zip(spatial, how.pads, how.windows, how.strides, strict=True)
        ]
        return {"bias_as_if_plain": output[0] * prod(places) * self.filters * self.use_bias}

    def label(self) -> str:
        return self.describe("transposed conv", str(self.filters), step="*")


class Conv1DTranspose(_Transpose):
    memory_order = "first"
    rank = 1
    aliases = ("ConvTranspose1d", "Convolution1DTranspose")


class Conv2DTranspose(_Transpose):
    rank = 2
    aliases = ("ConvTranspose2d", "Convolution2DTranspose", "Deconvolution2D", "Deconv2D")


class Conv3DTranspose(_Transpose):
    rank = 3
    aliases = ("ConvTranspose3d", "Convolution3DTranspose")

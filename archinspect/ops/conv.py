"""Convolutions in one to three dimensions: plain, depthwise, separable."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, positions, size, sliding
from archinspect.ops.activation import activation_arg
from archinspect.ops.args import Bool, Choice, Int, Optional, Pad, PerAxis, arg
from archinspect.ops.figures import Backward, Kept, Weight, Work, product_backward
from archinspect.ops.spatial import READ_AGAIN, READ_ONCE, Windowed, channels_help, check_reads, times

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.base.shape import Padding, Shape, Sliding
    from archinspect.ops.base import Emit, Op, T
    from archinspect.ops.figures import Elements, Run


class ConvWindow(Windowed):
    """What all convolutions share: a window over the spatial axes, a bias, an activation."""

    memory_order = "map"
    kind = "convolution"
    has_kernel = True
    gives_floats = True

    kernel_size: tuple[int, ...] = arg("size of the window", PerAxis())
    strides: tuple[int, ...] = arg("step of the window", PerAxis(), 1, aliases=("stride",))
    padding: Padding = arg("zeros around the input", Pad("valid", "same"), "valid")
    dilation_rate: tuple[int, ...] = arg("distance of the window's taps", PerAxis(), 1, aliases=("dilation",))
    use_bias: bool = arg("add a learned bias to every output channel", Bool(), default=True, aliases=("bias",))
    activation: Op | None = activation_arg()
    in_channels: int | None = arg("input channels, only to be checked", Optional(Int(1)), None)

    def sliding(self, lengths: Shape) -> Sliding:
        return sliding(self.kernel_size, self.strides, self.dilation_rate, self.padding, lengths)

    def slide(self, lengths: Shape) -> Shape:
        """Return the places the window takes on each axis."""
        how = self.sliding(lengths)
        return tuple(map(positions, lengths, how.windows, how.strides, how.pads, self.axis_names()))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return product_backward(self.work(shapes, output), run)

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        padded = self.padded(shapes[0])
        return Kept(extra=(("float", padded),)) if padded else Kept((0,))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return (("float", self.padded(shapes[0])),)

    def padded(self, shape: Shape) -> int:
        """Return the elements of the copy that is padded where sides differ, which no kernel can do; 0 for none."""
        spatial, channels = self.split(shape)
        pads = self.sliding(spatial).pads
        if all(before == after for before, after in pads):
            return 0
        # Of `same`, the copy has just what one side has more than the other.
        extra = [abs(b - a) if self.padding == "same" else a + b for a, b in pads]
        return shape[0] * channels * prod(map(sum, zip(spatial, extra, strict=True)))

    def channels(self, shape: Shape) -> int:
        """Return the input channels; raise Mismatch where `in_channels` says another number."""
        channels = self.split(shape)[1]
        if self.in_channels not in (None, channels):
            raise Mismatch(
                f"in_channels is {self.in_channels}, but the input has {channels} channels",
                args=("in_channels",),
                help=channels_help("in_channels", self.in_channels, shape, self.data_format),
            )
        return channels

    def bias(self, channels: int) -> dict[str, Weight]:
        """Return the bias of that many output channels, or nothing."""
        return {"bias": Weight((channels,), ("out",))} if self.use_bias else {}

    def window_axes(self, *features: str) -> tuple[str, ...]:
        """Return the names of a kernel's axes."""
        return (*self.axis_names(), *features)

    def _flow(self, read: str, made: str) -> str:
        """Return how the output's axes follow: the window's move, and what is read of the channels becomes another."""
        spatial = [f"{axis}~" for axis in self.axis_names()]
        first = self.data_format == "channels_first"
        before, after = ([name, *spatial] if first else [*spatial, name] for name in (read, made))
        return f"batch {' '.join(before)} -> batch {' '.join(after)}"

    def describe(self, *words: str, step: str = "/") -> str:
        """Return the window, these words, and the stride where it is not 1: `7x7 conv, 64, /2`."""
        stride = self.strides[0] if len(set(self.strides)) == 1 else times(self.strides)
        strided = (f"{step}{stride}",) if stride != 1 else ()
        return ", ".join((f"{times(self.kernel_size)} {words[0]}", *words[1:], *strided))


def check_groups(groups: int, channels: int, filters: int) -> None:
    """Raise :class:`Mismatch` where groups do not divide channels."""
    for number, what in ((channels, "input channels"), (filters, "filters")):
        if number % groups:
            raise Mismatch(
                f"{groups} groups do not divide {number} {what}",
                args=("groups",),
                help=f"choose groups among the divisors of {number}",
            )


class _Conv(ConvWindow):
    """Convolution: every output channel is a weighted sum over a window of the input channels of its group.

    MACs: window * input channels / groups per output element.
    FLOPs: 2 per MAC, 1 per output element for the bias.
    """

    filters: int = arg("output channels", Int(1), aliases=("out_channels",))
    groups: int = arg("groups of channels, each convolved on its own", Int(1), 1)
    padding_mode: str = arg(
        "what the padding holds: zeros, or what is in the input, of which PyTorch makes a padded copy first",
        Choice("zeros", "reflect", "replicate", "circular"),
        "zeros",
    )

    @property
    def combines(self) -> str:  # type: ignore[override] # a padding of other numbers than zeros is not worked out
        """What becomes of the window's numbers."""
        return "sum" if self.padding_mode == "zeros" else ""

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        spatial, _ = self.split(shape)
        check_groups(self.groups, self.channels(shape), self.filters)
        self._check_pads(spatial)
        return self.join(shape[0], self.slide(spatial), self.filters)

    def _check_pads(self, lengths: Shape) -> None:
        """Raise Mismatch where the padding reads more than there is."""
        if self.padding_mode in READ_ONCE:
            check_reads(self.padding_mode, lengths, self.sliding(lengths).pads)

    def padded(self, shape: Shape) -> int:
        if self.padding_mode == "zeros":
            return super().padded(shape)
        spatial, channels = self.split(shape)
        sides = map(sum, self.sliding(spatial).pads)
        return shape[0] * channels * prod(map(sum, zip(spatial, sides, strict=True)))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        kept = super().kept(shapes, output, run)
        reads_again = self.padding_mode in READ_AGAIN and run.inputs[0]
        return kept._replace(inputs=(0,)) if reads_again else kept

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        kernel = (*self.kernel_size, self.channels(shapes[0]) // self.groups, self.filters)
        return {"kernel": Weight(kernel, self.window_axes("in", "out")), **self.bias(self.filters)}

    def axis_flow(self, *shapes: Shape) -> str:
        return self._flow("in", "out") if self.groups == 1 else ""

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        taps = prod(self.kernel_size) * (self.channels(shapes[0]) // self.groups)
        return Work(taps * size(output), size(output) * self.use_bias)

    def members(self, channel: int, channels: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        members = channels // self.groups
        first = channel // (self.filters // self.groups) * members
        for member in range(members):
            yield first + member, (member, channel)

    def label(self) -> str:
        return self.describe("conv", str(self.filters), *([f"{self.groups} groups"] if self.groups > 1 else []))


class OverSteps(ConvWindow):
    """A window over one axis, which may be that of the steps of a decoder."""

    rank = 1

    @property
    def before(self) -> int:
        """Positions that a window has before its last one."""
        return (self.kernel_size[0] - 1) * self.dilation_rate[0]

    @property
    def goes_on(self) -> bool:
        return self.before > 0 and self.strides == (1,) and self.padding in ("causal", ((self.before, 0),))

    def carried(self, *shapes: Shape) -> int:
        # The whole window, as Mamba's and transformers' programs do, though its first step is not read again.
        return shapes[0][0] * (self.before + 1) * self.channels(shapes[0])


class Conv1D(_Conv, OverSteps):
    memory_order = "first"
    rank = 1
    aliases = ("Convolution1D",)
    padding: Padding = arg("zeros around the input", Pad("valid", "same", "causal"), "valid")


class Conv2D(_Conv):
    rank = 2
    aliases = ("Convolution2D",)


class Conv3D(_Conv):
    rank = 3
    aliases = ("Convolution3D",)


class _Depthwise(ConvWindow):
    """Depthwise convolution: every channel is convolved on its own, `depth_multiplier` times.

    MACs: window per output element. FLOPs: 2 per MAC, 1 per output element for the bias.
    """

    depth_multiplier: int = arg("output channels for every input channel", Int(1), 1)

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        spatial, _ = self.split(shape)
        return self.join(shape[0], self.slide(spatial), self.channels(shape) * self.depth_multiplier)

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        channels = self.channels(shapes[0])
        kernel = (*self.kernel_size, channels, self.depth_multiplier)
        axes = self.window_axes("channels", "multiplier")
        return {"kernel": Weight(kernel, axes), **self.bias(channels * self.depth_multiplier)}

    def axis_flow(self, *shapes: Shape) -> str:
        return self._flow("channels", "channels") if self.depth_multiplier == 1 else ""

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(prod(self.kernel_size) * size(output), size(output) * self.use_bias)

    def members(self, channel: int, channels: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        place = divmod(channel, self.depth_multiplier)
        yield place[0], place

    def label(self) -> str:
        return self.describe("depthwise conv")


class DepthwiseConv1D(_Depthwise, OverSteps):
    memory_order = "first"
    rank = 1


class DepthwiseConv2D(_Depthwise):
    rank = 2


class _Separable(ConvWindow):
    """Separable convolution: a depthwise one, then a 1x1 one that mixes the channels (Chollet 2016, arXiv:1610.02357).

    MACs and FLOPs: those of the two convolutions that it is; only the second has a bias.
    """

    filters: int = arg("output channels", Int(1), aliases=("out_channels",))
    depth_multiplier: int = arg("depthwise channels for every input channel", Int(1), 1)
    mixing: ClassVar[type[_Conv]]
    depthwise: ClassVar[type[_Depthwise]]

    def build(self, emit: Emit[T], inputs: Sequence[T]) -> tuple[T, ...]:
        depthwise = self.depthwise(
            kernel_size=list(self.kernel_size),
            strides=list(self.strides),
            padding=self.padding if isinstance(self.padding, str) else [list(pair) for pair in self.padding],
            dilation_rate=list(self.dilation_rate),
            depth_multiplier=self.depth_multiplier,
            use_bias=False,
            in_channels=self.in_channels,
            data_format=self.data_format,
        )
        pointwise = self.mixing(
            filters=self.filters, kernel_size=1, use_bias=self.use_bias, data_format=self.data_format
        )
        outputs = emit(pointwise, emit(depthwise, inputs))
        return emit(self.activation, outputs) if self.activation else outputs

    def label(self) -> str:
        return self.describe("separable conv", str(self.filters))


class SeparableConv1D(_Separable):
    rank = 1
    aliases = ("SeparableConvolution1D",)
    mixing = Conv1D
    depthwise = DepthwiseConv1D


class SeparableConv2D(_Separable):
    rank = 2
    aliases = ("SeparableConvolution2D",)
    mixing = Conv2D
    depthwise = DepthwiseConv2D

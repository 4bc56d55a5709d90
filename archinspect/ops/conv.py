"""Convolutions in one to three dimensions: plain, depthwise, separable, transposed."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, extent, largest, named_shape, positions, size, sliding
from archinspect.ops.activation import activation_arg
from archinspect.ops.args import Bool, Choice, Int, Optional, Pad, PerAxis, arg
from archinspect.ops.base import ArgumentError, Op
from archinspect.ops.figures import Backward, Kept, Reach, Weight, Work, product_backward
from archinspect.ops.spatial import READ_AGAIN, READ_ONCE, Windowed, channels_help, check_reads, times

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.base.shape import Padding, Shape, Sliding
    from archinspect.ops.base import Emit, T
    from archinspect.ops.figures import Elements, Run


class _Window(Windowed):
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


def _check_groups(groups: int, channels: int, filters: int) -> None:
    for number, what in ((channels, "input channels"), (filters, "filters")):
        if number % groups:
            raise Mismatch(
                f"{groups} groups do not divide {number} {what}",
                args=("groups",),
                help=f"choose groups among the divisors of {number}",
            )


class _Conv(_Window):
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
        _check_groups(self.groups, self.channels(shape), self.filters)
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


class OverSteps(_Window):
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


class _Depthwise(_Window):
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


class _Separable(_Window):
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


class _Transpose(_Window):
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
        _check_groups(self.groups, self.channels(shape), self.filters)
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

"""Operators that move, repeat, cut or add elements without weighing them."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, normal_axis, scaled, size, text
from archinspect.base.strides import of_map
from archinspect.ops.args import Bool, Choice, Factors, Float, Int, Ints, Optional, Pad, PerAxis, arg
from archinspect.ops.base import ArgumentError, Op
from archinspect.ops.figures import Kept, Reach, View, Work
from archinspect.ops.spatial import READ_AGAIN, Spatial, channel_axis, check_reads, data_format_arg, times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Pair, Shape
    from archinspect.ops.base import T
    from archinspect.ops.figures import Run


class Flatten(Op):
    """Puts all axes of a sample into one, or those from `start_dim` to `end_dim`. No FLOPs."""

    kind = "reshape"
    start_dim: int = arg("first axis that is joined, the batch being 0", Int(), 1)
    end_dim: int = arg("last axis that is joined", Int(), -1)

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) == 1:
            return (*shape, 1)
        start = normal_axis(self.start_dim, len(shape), "start_dim")
        end = normal_axis(self.end_dim, len(shape), "end_dim")
        if start > end:
            raise Mismatch(f"start_dim {start} is after end_dim {end}", args=("start_dim",))
        return (*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :])

    def view(self, *, training: bool) -> View | None:
        return View(in_order=True)


class Reshape(Op):
    """Gives a sample other axes of the same number of elements. No FLOPs."""

    kind = "reshape"
    aliases = ("View",)
    target_shape: tuple[int, ...] = arg(
        "the axes, without the batch; one may be -1: the rest", Ints(-1), aliases=("shape",)
    )

    def check(self) -> None:
        if self.target_shape.count(-1) > 1 or 0 in self.target_shape:
            raise ArgumentError("Reshape: target_shape takes positive sizes, and -1 once", "target_shape")

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        elements = size(shape[1:])
        known = prod(dim for dim in self.target_shape if dim != -1)
        if elements % known or (-1 not in self.target_shape and elements != known):
            what = f"a multiple of {known:,}" if -1 in self.target_shape else f"{known:,}"
            raise Mismatch(
                f"{list(shape[1:])} has {elements:,} elements, but target_shape {list(self.target_shape)} takes {what}",
                args=("target_shape",),
                help="use -1 for the axis that follows from the others",
            )
        return (shape[0], *(elements // known if dim == -1 else dim for dim in self.target_shape))

    def view(self, *, training: bool) -> View | None:
        return View(in_order=True)


class Permute(Op):
    """Puts a sample's axes into another order. No FLOPs."""

    kind = "reshape"
    dims: tuple[int, ...] = arg(
        "the new order of the axes, 1 the first after the batch", Ints(0), aliases=("axes", "perm")
    )

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        # PyTorch's permute names the batch too: [0, 2, 3, 1].
        dims = self.dims[1:] if self.dims[:1] == (0,) else self.dims
        if sorted(dims) != list(range(1, len(shape))):
            raise Mismatch(
                f"dims {list(self.dims)} is not a permutation of the input's axes 1 to {len(shape) - 1}", args=("dims",)
            )
        return (shape[0], *(shape[axis] for axis in dims))

    def view(self, *, training: bool) -> View | None:
        return View(strided=True)

    def view_strides(self, shape: Shape, strides: Shape, output: Shape) -> Shape | None:
        return (strides[0], *(strides[axis] for axis in self.dims[-len(shape) + 1 :]))


class RepeatVector(Op):
    """Repeats a vector `n` times along a new first axis. No FLOPs."""

    kind = "reshape"
    n: int = arg("how often", Int(1))

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) != 2:  # noqa: PLR2004 - the batch and one axis
            raise Mismatch(f"needs an input of one axis, got {len(shape) - 1}")
        return (shape[0], self.n, shape[1])


class _ZeroPadding(Spatial):
    """Adds zeros, or copies of what is there, around the spatial axes. No FLOPs."""

    kind = "reshape"
    padding: tuple[Pair, ...] = arg(
        "zeros on each side; a flat list of all sides is PyTorch's: left, right, top, bottom", Pad(sides=True), 1
    )
    value: float = arg("what is put there; without effect on costs", Float(), 0.0)
    mode: str = arg(
        "`constant` puts the value there; others what is in the input, of PyTorch's `ReflectionPad2d` and the like",
        Choice("constant", "reflect", "replicate", "circular"),
        "constant",
        aliases=("padding_mode",),
    )

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        spatial, channels = self.split(shape)
        check_reads(self.mode, spatial, self.padding)
        padded = [length + sum(pad) for length, pad in zip(spatial, self.padding, strict=True)]
        return self.join(shape[0], padded, channels)

    def reach(self, *shapes: Shape) -> tuple[Reach, ...] | None:
        return tuple(Reach(before=before) for before, _ in self.padding)

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        keeps = self.rank > 1 and self.mode != "circular" and (self.rank, self.mode) != (3, "reflect")
        return of_map(shapes[0], strides[0], output, channel_axis(output, self.data_format), keeps=keeps)

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((0,)) if self.mode in READ_AGAIN and run.inputs[0] else Kept()


class ZeroPadding1D(_ZeroPadding):
    rank = 1
    aliases = ("ZeroPad1d", "ConstantPad1d", "ReflectionPad1d", "ReplicationPad1d", "CircularPad1d")

    @property
    def goes_on(self) -> bool:
        # What later steps have in the place of zeros before the first: the steps before.
        ((before, after),) = self.padding
        return before > 0 and not after and self.mode == "constant"

    def carried(self, *shapes: Shape) -> int:
        ((before, _),) = self.padding
        return shapes[0][0] * before * self.split(shapes[0])[1]


class ZeroPadding2D(_ZeroPadding):
    rank = 2
    aliases = ("ZeroPad2d", "ConstantPad2d", "ReflectionPad2d", "ReplicationPad2d", "CircularPad2d")


class ZeroPadding3D(_ZeroPadding):
    rank = 3
    aliases = ("ZeroPad3d", "ConstantPad3d", "ReflectionPad3d", "ReplicationPad3d", "CircularPad3d")


class _Cropping(Spatial):
    """Cuts positions off the spatial axes. No FLOPs."""

    kind = "reshape"
    cropping: tuple[Pair, ...] = arg("positions cut on each side", Pad(), 1)

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        spatial, channels = self.split(shape)
        left = [length - sum(cut) for length, cut in zip(spatial, self.cropping, strict=True)]
        if any(length < 1 for length in left):
            raise Mismatch(f"cuts {times(spatial)} down to {times(left)}", args=("cropping",), help="crop less")
        return self.join(shape[0], left, channels)

    def reach(self, *shapes: Shape) -> tuple[Reach, ...] | None:
        return tuple(Reach(before=-before) for before, _ in self.cropping)

    def view(self, *, training: bool) -> View | None:
        return View(strided=True)

    def view_strides(self, shape: Shape, strides: Shape, output: Shape) -> Shape | None:
        return strides


class Cropping1D(_Cropping):
    rank = 1


class Cropping2D(_Cropping):
    rank = 2
    cropping: tuple[Pair, ...] = arg("positions cut on each side", Pad(), 0)


class Cropping3D(_Cropping):
    rank = 3


# Positions that an output element is made of along one axis.
_TAPS = {
    **dict.fromkeys(("nearest", "nearest-exact"), 1),
    **dict.fromkeys(("linear", "bilinear", "trilinear"), 2),
    "bicubic": 4,
    "lanczos3": 6,
    "lanczos5": 10,
}

INTERPOLATION = {name: 2 * taps - 1 if taps > 1 else 0 for name, taps in _TAPS.items()}
"""Operations for an output element along one axis: a product for each position, and their sum."""


def _enlarged(factors: Sequence[int], interpolation: str) -> tuple[Reach, ...]:
    """Return what positions read of a map that was made larger by whole factors."""
    taps = _TAPS[interpolation]
    if taps == 1:
        return tuple(Reach(factor, up=factor) for factor in factors)
    # A position spreads over so many times the factor. Where that is odd, an output element lies on a position, and the
    # weight at both ends is 0.
    return tuple(Reach(taps * factor - factor % 2, 1, (taps - 1) * factor // 2, up=factor) for factor in factors)


def upsampling(rank: int, mode: str) -> tuple[str, ...]:
    """Return what rules of conventions call an interpolation: see :meth:`archinspect.ops.base.Op.variants`."""
    return f"Upsample{rank}D.{mode}", f"Upsample.{mode}", "Upsample"


class _UpSampling(Spatial):
    """Repeats or interpolates every position along the spatial axes, by whole factors.

    No FLOPs for `nearest`. FLOPs of linear interpolation: 3 per output element and axis (2 products, 1 sum). FLOPs of
    cubic: 7 per output element and axis. FLOPs of `lanczos3`: 11 per output element and axis. FLOPs of `lanczos5`: 19
    per output element and axis.
    """

    memory_order = "map"
    kind = "reshape"
    size: tuple[int, ...] = arg("factor", PerAxis(), 2, aliases=("scale_factor",))
    interpolation: str = arg("how positions in between are made", Choice(*INTERPOLATION), "nearest", aliases=("mode",))

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        spatial, channels = self.split(shape)
        return self.join(shape[0], [n * factor for n, factor in zip(spatial, self.size, strict=True)], channels)

    def reach(self, *shapes: Shape) -> tuple[Reach, ...] | None:
        return _enlarged(self.size, self.interpolation)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=INTERPOLATION[self.interpolation] * self.rank * size(output))

    def variants(self, *shapes: Shape) -> tuple[str, ...]:
        return upsampling(self.rank, self.interpolation)

    def label(self) -> str:
        return f"upsample x{self.size[0]}" if len(set(self.size)) == 1 else f"upsample {times(self.size)}"


class UpSampling1D(_UpSampling):
    memory_order = "first"
    rank = 1


class UpSampling2D(_UpSampling):
    rank = 2


class UpSampling3D(_UpSampling):
    rank = 3


class _Upsample(Op):
    """Repeats or interpolates as PyTorch does: by any factor, or to a size, over any number of spatial axes.

    By a factor an axis becomes its length times the factor, rounded down.

    No FLOPs for `nearest`. FLOPs of linear interpolation: 3 per output element and axis (2 products, 1 sum). FLOPs of
    cubic: 7 per output element and axis. FLOPs of `lanczos3`: 11 per output element and axis. FLOPs of `lanczos5`: 19
    per output element and axis.
    """

    kind = "reshape"
    main = "scale_factor"
    scale_factor: tuple[float, ...] | None = arg("factor", Optional(Factors()), None)
    size: tuple[int, ...] | None = arg(
        "positions of the output, instead of a factor", Optional(Ints(1)), None, aliases=("output_size",)
    )
    mode: str = arg("how positions in between are made", Choice(*INTERPOLATION), "nearest", aliases=("interpolation",))
    align_corners: bool | None = arg("PyTorch's; without effect on costs", Optional(Bool()), None)
    recompute_scale_factor: bool | None = arg("PyTorch's; without effect on costs", Optional(Bool()), None)
    data_format: str = data_format_arg()

    def check(self) -> None:
        if (self.scale_factor is None) == (self.size is None):
            raise ArgumentError(f"{type(self).__name__}: takes either scale_factor or size", "size")

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        first = 2 if self.data_format == "channels_first" else 1
        spatial = shape[first : len(shape) + first - 2]
        if self.scale_factor:
            factors = self._each(self.scale_factor, spatial, "scale_factor")
            lengths = tuple(map(scaled, spatial, factors))
            if any(length < 1 for length in lengths):
                raise Mismatch(f"makes {times(lengths)} of {times(spatial)}", args=("scale_factor",))
        else:
            lengths = self._each(self.size or (), spatial, "size")
        return (*shape[:first], *lengths, *shape[first + len(lengths) :])

    def _each(self, values: tuple[T, ...], spatial: Shape, name: str) -> tuple[T, ...]:
        if not spatial or len(values) not in (1, len(spatial)):
            raise Mismatch(
                f"{name} {list(values)} does not fit the input's {len(spatial)} spatial axes",
                args=(name,),
                help="give one value for all, or one per axis; the batch and the channels are none",
            )
        return values * len(spatial) if len(values) == 1 else values

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        keeps = len(output) > 3  # noqa: PLR2004 - a line's channels come first
        return of_map(shapes[0], strides[0], output, channel_axis(output, self.data_format), keeps=keeps)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=INTERPOLATION[self.mode] * (len(output) - 2) * size(output))

    def variants(self, *shapes: Shape) -> tuple[str, ...]:
        return upsampling(len(shapes[0]) - 2, self.mode)

    def label(self) -> str:
        factors = "x".join(f"{factor:g}" for factor in self.scale_factor or ())
        return f"upsample x{factors}" if factors else f"upsample to {times(self.size or ())}"


class Upsample(_Upsample):
    aliases = ("UpsamplingNearest2d",)


class UpsampleBilinear(_Upsample):
    aliases = ("UpsamplingBilinear2d",)
    mode: str = arg("how positions in between are made", Choice(*INTERPOLATION), "bilinear", aliases=("interpolation",))


class ChannelShuffle(Spatial):
    """Interleaves the channels of groups (Zhang et al. 2017, arXiv:1707.01083). No FLOPs."""

    memory_order = "map"
    kind = "reshape"
    pointwise = True
    rank: ClassVar[int] = 2
    groups: int = arg("groups of channels", Int(1))

    def output(self, *shapes: Shape) -> Shape:
        _, channels = self.split(shapes[0])
        if channels % self.groups:
            raise Mismatch(f"{self.groups} groups do not divide {channels} channels", args=("groups",))
        return shapes[0]

    def view(self, *, training: bool) -> View | None:
        return View()

    def copies(self, shapes: Sequence[Shape], output: Shape) -> bool:
        return self.groups not in (1, self.split(output)[1])  # which move nothing


PIXEL_RANK = 2
"""Of the maps for which PyTorch has an operation, which makes a copy always."""


class _PixelShuffle(Spatial):
    """Makes a map larger by as much as its channels become fewer (Shi et al. 2016, arXiv:1609.05158). No FLOPs."""

    kind = "reshape"
    upscale_factor: int = arg("factor of each axis", Int(1, 10_000), aliases=("block_size",))

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        spatial, channels = self.split(shape)
        factor = self.upscale_factor
        if channels % factor**self.rank:
            message = f"{channels} channels are no multiple of {times([factor] * self.rank)}"
            raise Mismatch(message, args=("upscale_factor",))
        return self.join(shape[0], [n * factor for n in spatial], channels // factor**self.rank)

    def view(self, *, training: bool) -> View | None:
        return View() if self.upscale_factor == 1 and self.rank != PIXEL_RANK else None  # nothing moves

    def reach(self, *shapes: Shape) -> tuple[Reach, ...] | None:
        return (Reach(self.upscale_factor, up=self.upscale_factor),) * self.rank

    def label(self) -> str:
        return f"pixel shuffle x{self.upscale_factor}"


class PixelShuffle1D(_PixelShuffle):
    rank = 1


class PixelShuffle(_PixelShuffle):
    memory_order = "first"
    rank = 2
    aliases = ("DepthToSpace", "PixelShuffle2D")


class PixelShuffle3D(_PixelShuffle):
    rank = 3


class _PixelUnshuffle(Spatial):
    """Makes channels of the positions of every square, the reverse of `PixelShuffle`. No FLOPs."""

    kind = "reshape"
    downscale_factor: int = arg("factor of each axis", Int(1, 10_000), aliases=("block_size",))

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        spatial, channels = self.split(shape)
        factor = self.downscale_factor
        if any(n % factor for n in spatial):
            raise Mismatch(f"{factor} does not divide {times(spatial)}", args=("downscale_factor",))
        return self.join(shape[0], [n // factor for n in spatial], channels * factor**self.rank)

    def view(self, *, training: bool) -> View | None:
        return View() if self.downscale_factor == 1 and self.rank != PIXEL_RANK else None  # nothing moves

    def reach(self, *shapes: Shape) -> tuple[Reach, ...] | None:
        return (Reach(self.downscale_factor, self.downscale_factor),) * self.rank

    def label(self) -> str:
        return f"pixel unshuffle x{self.downscale_factor}"


class PixelUnshuffle1D(_PixelUnshuffle):
    rank = 1


class PixelUnshuffle(_PixelUnshuffle):
    memory_order = "first"
    rank = 2
    aliases = ("SpaceToDepth", "PixelUnshuffle2D")


class PixelUnshuffle3D(_PixelUnshuffle):
    rank = 3


class _Like(Op):
    """Gives its first input the size of its second, of which nothing else is used."""

    kind = "reshape"
    inputs: ClassVar[tuple[int, int | None]] = (2, 2)
    reads = 1


class _SpatialLike(_Like):
    """Gives its first input the spatial size of its second; the channels stay."""

    data_format: str = data_format_arg()

    def output(self, *shapes: Shape) -> Shape:
        given, like = shapes
        if len(given) != len(like) or len(given) < 3:  # noqa: PLR2004 - the batch, positions, channels
            raise Mismatch(f"{text(given)} and {text(like)} have no spatial axes in common")
        axes = self.spatial(len(given))
        return (*given[: axes.start], *like[axes], *given[axes.stop :])

    def spatial(self, rank: int) -> slice:
        """Return where the spatial axes of a shape of this rank stand."""
        return slice(2, rank) if self.data_format == "channels_first" else slice(1, rank - 1)


class ResizeLike(_SpatialLike):
    """Repeats or interpolates its first input to the height and width of its second.

    It has any number of spatial axes and takes fractions, too.

    No FLOPs for `nearest`. FLOPs of linear interpolation: 3 per output element and axis (2 products, 1 sum). FLOPs of
    cubic: 7 per output element and axis. FLOPs of `lanczos3`: 11 per output element and axis. FLOPs of `lanczos5`: 19
    per output element and axis.
    """

    interpolation: str = arg("how positions in between are made", Choice(*INTERPOLATION), "nearest", aliases=("mode",))

    def reach(self, *shapes: Shape) -> tuple[Reach, ...] | None:
        given, like = shapes
        axes = self.spatial(len(given))
        # By a fraction, neighbors read stretches without a pattern.
        if any(wanted % there for there, wanted in zip(given[axes], like[axes], strict=True)):
            return None
        factors = [wanted // there for there, wanted in zip(given[axes], like[axes], strict=True)]
        return _enlarged(factors, self.interpolation)

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        keeps = len(output) > 3  # noqa: PLR2004 - as above
        return of_map(shapes[0], strides[0], output, channel_axis(output, self.data_format), keeps=keeps)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=INTERPOLATION[self.interpolation] * (len(output) - 2) * size(output))

    def label(self) -> str:
        return "resize"


class CropLike(_SpatialLike):
    """Cuts its first input down to the height and width of its second, around the middle. No FLOPs.

    Where what is cut is odd, more is cut at the end. It has any number of spatial axes, as Caffe's `Crop`.
    """

    def output(self, *shapes: Shape) -> Shape:
        output = super().output(*shapes)
        if any(wanted > there for wanted, there in zip(output, shapes[0], strict=True)):
            raise Mismatch(f"{text(shapes[0])} is smaller than {text(shapes[1])}", help="`ResizeLike` enlarges")
        return output

    def reach(self, *shapes: Shape) -> tuple[Reach, ...] | None:
        given, like = shapes
        axes = self.spatial(len(given))
        return tuple(Reach(before=-((n - left) // 2)) for n, left in zip(given[axes], like[axes], strict=True))

    def view(self, *, training: bool) -> View | None:
        return View(strided=True)

    def view_strides(self, shape: Shape, strides: Shape, output: Shape) -> Shape | None:
        return strides

    def label(self) -> str:
        return "crop"


class ReshapeLike(_Like):
    """Gives its first input the axes of its second, which has as many elements. No FLOPs.

    It makes a map again of the sequence that `Reshape: [-1, channels]` made of it.
    """

    aliases = ("ReshapeAs", "ViewAs")

    def output(self, *shapes: Shape) -> Shape:
        given, like = shapes
        if size(given) != size(like):
            raise Mismatch(f"{text(given)} and {text(like)} differ in the number of elements")
        return like

    def view(self, *, training: bool) -> View | None:
        return View(in_order=True)

    def label(self) -> str:
        return "reshape"

"""Operators that make a map larger, and what an interpolation costs and reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import Mismatch, scaled, size
from archinspect.base.strides import of_map
from archinspect.ops.args import Bool, Choice, Factors, Ints, Optional, PerAxis, arg
from archinspect.ops.base import Op
from archinspect.ops.declared import ArgumentError
from archinspect.ops.figures import Reach, Work
from archinspect.ops.spatial import Spatial, channel_axis, data_format_arg, times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.base import T


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


def enlarged(factors: Sequence[int], interpolation: str) -> tuple[Reach, ...]:
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
        return enlarged(self.size, self.interpolation)

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
    aliases = ("UpsamplingNearest2d", "Interpolate")


class UpsampleBilinear(_Upsample):
    aliases = ("UpsamplingBilinear2d",)
    mode: str = arg("how positions in between are made", Choice(*INTERPOLATION), "bilinear", aliases=("interpolation",))

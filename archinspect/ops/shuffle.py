"""Operators that move elements between channels, or between channels and positions."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch
from archinspect.base.strides import Axis, joined
from archinspect.ops.args import Int, arg
from archinspect.ops.figures import Reach, View
from archinspect.ops.spatial import Spatial, channel_axis, times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape


class ChannelShuffle(Spatial):
    """Interleaves the channels of groups (Zhang et al. 2017, arXiv:1707.01083). No FLOPs."""

    memory_order = "first"
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


class _Pixels(Spatial):
    """Moves elements between channels and positions: cuts axes, turns them, and joins them to others."""

    memory_order = "first"
    kind = "reshape"

    def view(self, *, training: bool) -> View | None:
        return None if self.rank == PIXEL_RANK else View(strided=True, in_order=True)

    def view_strides(self, shape: Shape, strides: Shape, output: Shape) -> Shape | None:
        channels = channel_axis(shape, self.data_format)
        first = [channels, *(axis for axis in range(1, len(shape)) if axis != channels)]
        cut = self._cut([Axis(shape[axis], strides[axis]) for axis in first])
        found = joined(cut, tuple(output[axis] for axis in first))
        return found and (strides[0], *(found[first.index(axis)] for axis in range(1, len(shape))))

    def _cut(self, axes: Sequence[Axis]) -> list[Axis]:
        """Return the axes of a sample before they are joined, of its channels and positions."""
        raise NotImplementedError


class _PixelShuffle(_Pixels):
    """Makes a map larger by as much as its channels become fewer (Shi et al. 2016, arXiv:1609.05158). No FLOPs."""

    upscale_factor: int = arg("factor of each axis", Int(1, 10_000), aliases=("block_size",))

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        spatial, channels = self.split(shape)
        factor = self.upscale_factor
        if channels % factor**self.rank:
            message = f"{channels} channels are no multiple of {times([factor] * self.rank)}"
            raise Mismatch(message, args=("upscale_factor",))
        return self.join(shape[0], [n * factor for n in spatial], channels // factor**self.rank)

    def _cut(self, axes: Sequence[Axis]) -> list[Axis]:
        channels, *positions = axes
        channels, *parts = channels.cut([self.upscale_factor] * self.rank)
        return [channels, *chain.from_iterable(zip(positions, parts, strict=True))]

    def reach(self, *shapes: Shape) -> tuple[Reach, ...] | None:
        return (Reach(self.upscale_factor, up=self.upscale_factor),) * self.rank

    def label(self) -> str:
        return f"pixel shuffle x{self.upscale_factor}"


class PixelShuffle1D(_PixelShuffle):
    rank = 1


class PixelShuffle(_PixelShuffle):
    rank = 2
    aliases = ("DepthToSpace", "PixelShuffle2D")


class PixelShuffle3D(_PixelShuffle):
    rank = 3


class _PixelUnshuffle(_Pixels):
    """Makes channels of the positions of every square, the reverse of `PixelShuffle`. No FLOPs."""

    downscale_factor: int = arg("factor of each axis", Int(1, 10_000), aliases=("block_size",))

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        spatial, channels = self.split(shape)
        factor = self.downscale_factor
        if any(n % factor for n in spatial):
            raise Mismatch(f"{factor} does not divide {times(spatial)}", args=("downscale_factor",))
        return self.join(shape[0], [n // factor for n in spatial], channels * factor**self.rank)

    def _cut(self, axes: Sequence[Axis]) -> list[Axis]:
        channels, *positions = axes
        cut = [axis.cut([self.downscale_factor]) for axis in positions]
        return [channels, *(inner for _, inner in cut), *(outer for outer, _ in cut)]

    def reach(self, *shapes: Shape) -> tuple[Reach, ...] | None:
        return (Reach(self.downscale_factor, self.downscale_factor),) * self.rank

    def label(self) -> str:
        return f"pixel unshuffle x{self.downscale_factor}"


class PixelUnshuffle1D(_PixelUnshuffle):
    rank = 1


class PixelUnshuffle(_PixelUnshuffle):
    memory_order = "map"
    rank = 2
    aliases = ("SpaceToDepth", "PixelUnshuffle2D")


class PixelUnshuffle3D(_PixelUnshuffle):
    rank = 3

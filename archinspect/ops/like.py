"""Operators that give their first input the size or the axes of their second."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, size, text
from archinspect.base.strides import of_map
from archinspect.ops.args import Choice, arg
from archinspect.ops.base import Op
from archinspect.ops.figures import Reach, View, Work
from archinspect.ops.spatial import channel_axis, data_format_arg
from archinspect.ops.upsampling import INTERPOLATION, enlarged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape


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
        return enlarged(factors, self.interpolation)

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        keeps = len(output) > 3  # noqa: PLR2004 - a line's channels come first
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
        if size(given[1:]) != size(like[1:]):
            raise Mismatch(f"{text(given)} and {text(like)} differ in the number of elements")
        return (given[0], *like[1:])

    def view(self, *, training: bool) -> View | None:
        return View(in_order=True)

    def label(self) -> str:
        return "reshape"

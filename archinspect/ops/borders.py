"""Operators that add positions at the edges of a map, or cut them off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import Mismatch
from archinspect.base.strides import of_elements, of_map
from archinspect.ops.args import Choice, Float, Pad, arg
from archinspect.ops.figures import Kept, Reach, View
from archinspect.ops.spatial import READ_AGAIN, Spatial, channel_axis, check_reads, times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Pair, Shape
    from archinspect.ops.figures import Run


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
        if output == shapes[0]:  # a copy as it lies
            return of_elements([output], strides[:1], output)
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

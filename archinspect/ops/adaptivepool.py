"""Pooling to a number of positions that is asked for."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import gcd, size
from archinspect.ops.args import PerAxis, arg
from archinspect.ops.figures import Kept, Reach, Work
from archinspect.ops.pool import Indexed, return_indices_arg
from archinspect.ops.spatial import Spatial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Run


class _AdaptivePool(Spatial):
    """Windows placed so that the output has the size asked for; they overlap where it does not divide the input's."""

    memory_order = "map"
    kind = "pooling"
    main = "output_size"
    word: ClassVar[str]
    output_size: tuple[int | None, ...] = arg("positions of the output; null for the input's", PerAxis(null=True))

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        spatial, channels = self.split(shape)
        return self.join(shape[0], self._counts(spatial), channels)

    def _counts(self, spatial: Shape) -> Shape:
        return tuple(count or length for count, length in zip(self.output_size, spatial, strict=True))

    def reach(self, *shapes: Shape) -> tuple[Reach, ...] | None:
        spatial, _ = self.split(shapes[0])
        counts = self._counts(spatial)
        if any(length % count for length, count in zip(spatial, counts, strict=True)):
            return None  # windows of several sizes
        steps = [length // count for length, count in zip(spatial, counts, strict=True)]
        return tuple(Reach(step, step) for step in steps)

    def elements(self, shape: Shape) -> int:
        """Return the input elements of all windows together, an overlap counted in each."""
        spatial, channels = self.split(shape)
        # Window i reaches from floor(i * in / out) to ceil((i + 1) * in / out): where one ends and the next
        # begins they share an element unless out divides i * in, which it does gcd(in, out) times.
        per_axis = [
            length + count - gcd(length, count) for length, count in zip(spatial, self._counts(spatial), strict=True)
        ]
        return shape[0] * channels * prod(per_axis)

    def label(self) -> str:
        return f"{self.word} pool to {'x'.join(str(count or '*') for count in self.output_size)}"


class _AdaptiveMaxPool(_AdaptivePool, Indexed):
    """The largest value of every adaptive window. FLOPs: 1 per element of a window but the first."""

    word = "max"
    return_indices: bool = return_indices_arg()

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=self.elements(shapes[0]) - size(output))


class AdaptiveMaxPooling1D(_AdaptiveMaxPool):
    rank = 1
    aliases = ("AdaptiveMaxPool1d",)


class AdaptiveMaxPooling2D(_AdaptiveMaxPool):
    rank = 2
    aliases = ("AdaptiveMaxPool2d",)


class AdaptiveMaxPooling3D(_AdaptiveMaxPool):
    memory_order = "first"
    rank = 3
    aliases = ("AdaptiveMaxPool3d",)


class _AdaptiveAveragePool(_AdaptivePool):
    """The mean of every adaptive window. FLOPs: 1 per element of a window (additions, a division)."""

    word = "average"
    gives_floats = True

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=self.elements(shapes[0]))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        # To a single position it is a mean.
        return Kept() if all(count == 1 for count in self.split(output)[0]) else Kept((0,))


class AdaptiveAveragePooling1D(_AdaptiveAveragePool):
    rank = 1
    aliases = ("AdaptiveAvgPool1d",)


class AdaptiveAveragePooling2D(_AdaptiveAveragePool):
    rank = 2
    aliases = ("AdaptiveAvgPool2d", "AdaptiveAvgPool")


class AdaptiveAveragePooling3D(_AdaptiveAveragePool):
    memory_order = "first"
    rank = 3
    aliases = ("AdaptiveAvgPool3d",)

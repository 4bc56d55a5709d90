"""Pooling of all positions of a channel to one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import size
from archinspect.ops.args import Bool, arg
from archinspect.ops.figures import Kept, Work
from archinspect.ops.spatial import Spatial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Run


class _GlobalPool(Spatial):
    """Reduces all positions of a channel to one value."""

    kind = "pooling"
    word: ClassVar[str]
    keepdims: bool = arg("keep the spatial axes, with size 1", Bool(), default=False)

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        _, channels = self.split(shape)
        return self.join(shape[0], (1,) * self.rank if self.keepdims else (), channels)

    def quantities(self, shapes: Sequence[Shape], output: Shape) -> dict[str, int]:
        return {"strided": size(output)}  # a window that takes one place

    def label(self) -> str:
        return f"global {self.word} pool"


class _GlobalMaxPool(_GlobalPool):
    """The largest value of every channel. FLOPs: positions - 1 per channel (comparisons)."""

    word = "max"

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((0,), outputs=(0,))

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=size(shapes[0]) - size(output))


class GlobalMaxPooling1D(_GlobalMaxPool):
    rank = 1
    aliases = ("GlobalMaxPool1D",)


class GlobalMaxPooling2D(_GlobalMaxPool):
    rank = 2
    aliases = ("GlobalMaxPool2D", "GlobalMaxPool")


class GlobalMaxPooling3D(_GlobalMaxPool):
    rank = 3
    aliases = ("GlobalMaxPool3D",)


class _GlobalAveragePool(_GlobalPool):
    """The mean of every channel (Lin et al. 2013, arXiv:1312.4400).

    FLOPs: positions per channel (additions and a division).
    """

    word = "average"
    gives_floats = True

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=size(shapes[0]))


class GlobalAveragePooling1D(_GlobalAveragePool):
    rank = 1
    aliases = ("GlobalAvgPool1D",)


class GlobalAveragePooling2D(_GlobalAveragePool):
    rank = 2
    aliases = ("GlobalAvgPool2D", "GlobalAvgPool", "GlobalAveragePool", "GlobalPooling")


class GlobalAveragePooling3D(_GlobalAveragePool):
    rank = 3
    aliases = ("GlobalAvgPool3D",)

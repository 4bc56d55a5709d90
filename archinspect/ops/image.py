"""What is done to pictures before and after a network sees them, as Keras's layers do: resizing, cutting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import largest, size, smallest
from archinspect.ops.args import Bool, Choice, Float, Int, arg
from archinspect.ops.figures import Work
from archinspect.ops.spatial import Spatial, times
from archinspect.ops.upsampling import INTERPOLATION, upsampling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Pair, Shape


def centered(length: int, wanted: int) -> Pair:
    """Return how many positions are cut on each side to leave the wanted ones in the middle."""
    before = (length - wanted) // 2
    return before, length - wanted - before


class Resizing(Spatial):
    """Interpolates a picture to a size, as Keras's layer; a type of integers becomes one of floats.

    With `crop_to_aspect_ratio` it first cuts off, around the middle, what the size has no room for.

    No FLOPs for `nearest`. FLOPs of linear interpolation: 3 per output element and axis (2 products, 1 sum). FLOPs of
    cubic: 7 per output element and axis. FLOPs of `lanczos3`: 11 per output element and axis. FLOPs of `lanczos5`: 19
    per output element and axis.
    """

    kind = "reshape"
    rank = 2
    gives_floats = True
    memory_order = "map"
    height: int = arg("rows of the output", Int(1))
    width: int = arg("columns of the output", Int(1))
    interpolation: str = arg(
        "how positions in between are made",
        Choice("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"),
        "bilinear",
    )
    crop_to_aspect_ratio: bool = arg("cut to the ratio of height and width before", Bool(), default=False)
    pad_to_aspect_ratio: bool = arg("Keras's padding to that ratio, which is not modeled", Choice(False), default=False)
    fill_mode: str = arg("of that padding", Choice("constant"), "constant")
    fill_value: float = arg("of that padding", Float(), 0.0)
    antialias: bool = arg(
        "Keras's wider interpolation of smaller pictures, which is not modeled", Choice(False), default=False
    )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the output."""
        return self.height, self.width

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        _, channels = self.split(shape)
        return self.join(shape[0], self.size, channels)

    def cuts(self, shape: Shape) -> tuple[Pair, ...]:
        """Return how many positions are cut off before and after each axis."""
        (height, width), _ = self.split(shape)
        if not self.crop_to_aspect_ratio:
            return ((0, 0), (0, 0))
        rows = largest(smallest(height, width * self.height // self.width), 1)
        columns = largest(smallest(width, height * self.width // self.height), 1)
        return centered(height, rows), centered(width, columns)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=INTERPOLATION[self.interpolation] * self.rank * size(output))

    def variants(self, *shapes: Shape) -> tuple[str, ...]:
        return upsampling(self.rank, self.interpolation)

    def label(self) -> str:
        return f"resize to {times(self.size)}"

"""Normalization by what neighboring channels say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import Mismatch, largest, size
from archinspect.ops.args import Float, Int, Optional, arg
from archinspect.ops.base import Op
from archinspect.ops.figures import WIDE, Kept, Work
from archinspect.ops.spatial import channel_axis, data_format_arg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run


class LocalResponseNormalization(Op):
    """Divides by the activity of neighboring channels (Krizhevsky et al. 2012, section 3.3).

    FLOPs: size + 5 per element (square 1, sum size - 1, mean 1, scale and offset 2, power 1, quotient 1).
    """

    memory_order = "kept"
    kind = "normalization"
    pointwise = True
    aliases = ("LocalResponseNorm", "LRN", "CrossMapLRN2d")
    gives_floats = True
    size: int = arg("neighboring channels, the channel itself among them", Int(1), 5, aliases=("local_size", "n"))
    depth_radius: int | None = arg("TensorFlow's, instead of `size`: neighbors on either side", Optional(Int(0)), None)
    alpha: float = arg("scale", Float(), 0.0001)
    beta: float = arg("exponent", Float(), 0.75)
    k: float = arg("offset", Float(), 1.0, aliases=("bias",))
    data_format: str = data_format_arg()

    def output(self, *shapes: Shape) -> Shape:
        if len(shapes[0]) == 1:
            raise Mismatch("needs an input of at least one axis")
        return shapes[0]

    @property
    def window(self) -> int:
        """Neighboring channels, the channel itself among them."""
        return self.size if self.depth_radius is None else 2 * self.depth_radius + 1

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=(self.window + 5) * size(output))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        # The squares with zeros around the channels, the base and the result of the power.
        return Kept((0,), extra=(("float", self._padded(shapes[0])), (WIDE, 2 * size(output))))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        # The mean of the squares, its multiple and the base of the power, before there is an output; or the squares,
        # with zeros around the channels, of which the mean is made.
        return (("float", largest(2 * size(output), self._padded(shapes[0]))),)

    def _padded(self, shape: Shape) -> int:
        channels = shape[channel_axis(shape, self.data_format)]
        return size(shape) // channels * (channels + self.window - 1)

    def quantities(self, shapes: Sequence[Shape], output: Shape) -> dict[str, int]:
        return {"margin": self._padded(output)}

    def label(self) -> str:
        return "local response norm"

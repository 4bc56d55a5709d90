"""Maps cut into windows, and put together again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import Mismatch, ceil_div, size, text
from archinspect.base.strides import Axis, in_order, joined, of_elements, of_map, reshaped
from archinspect.ops.args import Int, Ints, Optional, arg
from archinspect.ops.base import Op
from archinspect.ops.declared import ArgumentError
from archinspect.ops.figures import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run


class WindowPartition(Op):
    """Cuts a map into windows, each a sequence (Liu et al. 2021, arXiv:2103.14030). No FLOPs.

    [height, width, channels] becomes [windows, positions of a window, channels]. A map that is no multiple of the
    window is padded at its end.
    """

    kind = "reshape"
    window_size: int = arg("height and width of a window", Int(1, 10_000))

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) != 4:  # noqa: PLR2004 - the batch, height, width, channels
            raise Mismatch(f"needs an input of 3 axes (height, width, channels), got {len(shape) - 1}")
        batch, height, width, channels = shape
        window = self.window_size
        return (batch, ceil_div(height, window) * ceil_div(width, window), window * window, channels)

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        # The windows are a view of the map, which is copied as it is padded, or a further copy.
        return (("float", size(output) * (self._cut(shapes[0], run.strides, output) is None)),)

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        return self._cut(shapes[0], strides[0], output)

    def _cut(self, shape: Shape, strides: Shape | None, output: Shape) -> Shape | None:
        """Return the strides of windows that are a view of the padded map; None where they cannot be."""
        window = self.window_size
        padded = (shape[0], *(ceil_div(length, window) * window for length in shape[1:3]), shape[3])
        if padded == shape:  # a copy as it lies
            own = of_elements([shape], [strides], shape)
        else:
            own = of_map(shape, strides, padded, 1, keeps=True) or in_order(padded)
        batch, height, width, channels = map(Axis, padded, own)
        (rows, down), (columns, across) = height.cut([window]), width.cut([window])
        return joined([batch, rows, columns, down, across, channels], output)


class WindowReverse(Op):
    """Puts windows together to a map, the reverse of `WindowPartition`; padding is cut off. No FLOPs.

    The map is as large as a second input, such as the map that was cut, or as `size` says.
    """

    kind = "reshape"
    inputs = (1, 2)
    reads = 1
    window_size: int = arg("height and width of a window", Int(1, 10_000))
    size: tuple[int, ...] | None = arg("height and width of the map", Optional(Ints(1)), None)

    def check(self) -> None:
        if self.size is not None and len(self.size) not in (1, 2):
            raise ArgumentError("WindowReverse: size takes the map's height and width", "size")

    def output(self, *shapes: Shape) -> Shape:
        shape, *like = shapes
        if (self.size is None) != bool(like):
            raise Mismatch(
                "takes either size or a second input of that size",
                args=("size",),
                help="`from: [-1, other]` gives the size of another map",
            )
        if like and len(like[0]) != 4:  # noqa: PLR2004 - the batch, height, width, channels
            raise Mismatch(f"needs a second input of 3 axes (height, width, channels), got {len(like[0]) - 1}")
        sizes = self.size or like[0][1:-1]
        height, width, window = sizes[0], sizes[-1], self.window_size
        cut = (ceil_div(height, window) * ceil_div(width, window), window * window)
        if shape[1:-1] != cut:
            raise Mismatch(
                f"a map of {height}x{width} is {cut[0]} windows of {cut[1]} positions, not {text(shape)}",
                args=("size", "window_size"),
            )
        return (shape[0], height, width, shape[-1])

    def view(self, *, training: bool) -> View | None:
        return View(strided=True, in_order=True)

    def view_strides(self, shape: Shape, strides: Shape, output: Shape) -> Shape | None:
        cut = self._cut(output)
        windows = reshaped(shape, strides, cut)
        return windows and self._put_together(cut, windows, output)

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        return in_order(self._padded(output))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        # Windows that are no axes of their own in memory are a copy of which the map is a view, or a further copy.
        cut = self._cut(output)
        is_apart = run.strides is not None and reshaped(shapes[0], run.strides, cut) is None
        twice = is_apart and self._put_together(cut, in_order(cut), output) is None
        return (("float", size(shapes[0]) * twice),)

    def stored(self, shapes: Sequence[Shape], output: Shape) -> int:
        return size(shapes[0])  # the padding is cut off by a view

    def _cut(self, output: Shape) -> Shape:
        """Return the windows, their rows and their positions as axes of their own."""
        batch, height, width, channels = output
        window = self.window_size
        return (batch, ceil_div(height, window), ceil_div(width, window), window, window, channels)

    def _padded(self, output: Shape) -> Shape:
        """Return the map before its padding is cut off."""
        batch, rows, columns, window, _, channels = self._cut(output)
        return (batch, rows * window, columns * window, channels)

    def _put_together(self, cut: Shape, strides: Shape, output: Shape) -> Shape | None:
        """Return the strides of a map that is a view of windows; None where it cannot be."""
        batch, rows, columns, down, across, channels = map(Axis, cut, strides)
        return joined([batch, rows, down, columns, across, channels], self._padded(output))

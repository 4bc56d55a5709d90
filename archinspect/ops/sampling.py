"""Operators that read a map at points or in patches, and put such back."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, extent, positions, size, text
from archinspect.ops.args import Bool, Choice, Ints, Optional, PerAxis, arg
from archinspect.ops.base import Op
from archinspect.ops.figures import Backward, Kept, Reach, Work
from archinspect.ops.spatial import Spatial, data_format_arg, times

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Run

# Positions along one axis that a point is made of.
_TAPS = {"nearest": 1, "bilinear": 2, "bicubic": 4}


class GridSample(Op):
    """Reads a map at points between its positions, as PyTorch's `grid_sample` (Jaderberg et al. 2015, 1506.02025).

    The second input are the points, [height, width, 2], or [depth, height, width, 3] of a volume: the output has their
    positions and the map's channels. FLOPs: 1 per factor of an output element (each position around the point), 1 per
    sum of an output element. Where the points lie counts nothing.
    """

    inputs: ClassVar[tuple[int, int | None]] = (2, 2)
    gives_floats = True
    mode: str = arg("how a point between positions is made", Choice(*_TAPS), "bilinear")
    padding_mode: str = arg(
        "what is outside; without effect on costs", Choice("zeros", "border", "reflection"), "zeros"
    )
    align_corners: bool | None = arg("PyTorch's; without effect on costs", Optional(Bool()), None)
    data_format: str = data_format_arg()

    def output(self, *shapes: Shape) -> Shape:
        shape, grid = shapes
        rank = len(shape) - 2
        if rank not in (2, 3) or len(grid) != rank + 2 or grid[-1] != rank:
            raise Mismatch(
                f"the points of {text(shape)} must be [height, width, 2] or [depth, height, width, 3], not {text(grid)}"
            )
        if self.mode == "bicubic" and rank != 2:  # noqa: PLR2004 - height and width
            raise Mismatch("interpolates cubically in two dimensions only", args=("mode",))
        if self.data_format == "channels_first":
            return (shape[0], shape[1], *grid[1:-1])
        return (*grid[:-1], shape[-1])

    def taps(self, rank: int) -> int:
        """Return the positions that a point is made of, in so many dimensions."""
        return int(_TAPS[self.mode] ** rank)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        taps = self.taps(len(output) - 2)
        return Work(other=(2 * taps - 1) * size(output) if taps > 1 else 0)

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((0, 1))

    def label(self) -> str:
        return "grid sample"


class AffineGrid(Op):
    """Points of a grid moved by a matrix, [2, 3], or [3, 4] in three dimensions, as PyTorch's `affine_grid`.

    What `GridSample` reads a map at. FLOPs: 5 per output element in two dimensions (3 products, 2 sums), 7
    per output element in three dimensions. No MACs but for the gradient of the matrix, as PyTorch's counter has it.
    """

    main = "size"
    gives_floats = True
    size: tuple[int, ...] = arg("height and width of the grid, or depth, height and width", Ints(1, most=3))
    align_corners: bool | None = arg("PyTorch's; without effect on costs", Optional(Bool()), None)

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        rank = len(self.size)
        if rank not in (2, 3) or shape[1:] != (rank, rank + 1):
            raise Mismatch(
                f"a grid of {rank} dimensions is moved by [2, 3] or [3, 4], not {text(shape)}", args=("size",)
            )
        return (shape[0], *self.size, rank)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=(2 * len(self.size) + 1) * size(output))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward(Work(run.inputs[0] * (len(self.size) + 1) * size(output)))

    def label(self) -> str:
        return f"affine grid {times(self.size)}"


class _Patches(Spatial):
    """What goes between maps and patches of them."""

    kind = "reshape"
    rank: ClassVar[int] = 2
    kernel_size: tuple[int, ...] = arg("size of a patch", PerAxis())
    strides: tuple[int, ...] = arg("step from patch to patch", PerAxis(), 1, aliases=("stride",))
    padding: tuple[int, ...] = arg("zeros on both sides of each axis", PerAxis(0), 0)
    dilation_rate: tuple[int, ...] = arg("distance of a patch's positions", PerAxis(), 1, aliases=("dilation",))

    def counts(self, lengths: Shape) -> Shape:
        """Return how many patches there are along axes of these lengths."""
        windows = map(extent, self.kernel_size, self.dilation_rate)
        axes = ("height", "width")
        pads = [(pad, pad) for pad in self.padding]
        return tuple(map(positions, lengths, windows, self.strides, pads, axes))

    def features(self, shape: Shape) -> tuple[int, int]:
        """Return patches and features of a shape that holds patches."""
        return (shape[2], shape[1]) if self.data_format == "channels_first" else (shape[1], shape[2])


class Unfold(_Patches):
    """Patches of a map, the window's positions among the channels, as PyTorch's `Unfold`. No FLOPs.

    The output is [patches, channels * window], in a network with the channels first [channels * window, patches]; a
    channel's positions stand side by side.
    """

    aliases = ("Im2Col", "ExtractPatches")

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        lengths, channels = self.split(shape)
        return self.join(shape[0], (prod(self.counts(lengths)),), channels * prod(self.kernel_size))

    def label(self) -> str:
        return f"{times(self.kernel_size)} patches"


class Fold(_Patches):
    """Sums patches at their places of a map, the reverse of `Unfold`, as PyTorch's `Fold`.

    FLOPs: 1 per input element (each is added at its place).
    """

    aliases = ("Col2Im",)
    output_size: tuple[int, ...] = arg("height and width of the map", PerAxis())

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) != 3:  # noqa: PLR2004 - the batch, patches, features
            raise Mismatch(f"needs an input of 2 axes, patches and their features, got {len(shape) - 1}")
        patches, features = self.features(shape)
        wanted, taps = prod(self.counts(self.output_size)), prod(self.kernel_size)
        if patches != wanted:
            message = f"a map of {times(self.output_size)} has {wanted} such patches, not {patches}"
            raise Mismatch(message, args=("output_size",))
        if features % taps:
            message = f"{features} features are no multiple of {times(self.kernel_size)}"
            raise Mismatch(message, args=("kernel_size",))
        return self.join(shape[0], self.output_size, features // taps)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=size(shapes[0]))

    def label(self) -> str:
        return f"fold to {times(self.output_size)}"


class _MaxUnpool(Spatial):
    """Puts each element where a max pooling found it, zeros elsewhere. No FLOPs.

    The second input are the indices that the pooling gives with `return_indices: true`. Without `output_size` the
    output is as large as windows that do not overlap, or `(input - 1) * stride - 2 * padding + window`.
    """

    kind = "reshape"
    main = "pool_size"
    inputs: ClassVar[tuple[int, int | None]] = (2, 2)
    undifferentiated = (1,)
    kept_as: ClassVar[Mapping[int, str]] = {1: "int64"}
    index_dtypes = ("int64",)
    pool_size: tuple[int, ...] = arg("size of the window", PerAxis(), 2, aliases=("kernel_size",))
    strides: tuple[int, ...] | None = arg("step; pool_size by default", Optional(PerAxis()), None, aliases=("stride",))
    padding: tuple[int, ...] = arg("padding that the pooling had on both sides", PerAxis(0), 0)
    output_size: tuple[int, ...] | None = arg("positions of the output", Optional(PerAxis()), None)

    def output(self, *shapes: Shape) -> Shape:
        shape, indices = shapes
        if shape != indices:
            raise Mismatch(f"{text(shape)} has indices of its own shape, not {text(indices)}")
        lengths, channels = self.split(shape)
        strides = self.strides or self.pool_size
        sizes = zip(lengths, strides, self.padding, self.pool_size, strict=True)
        made = tuple([(length - 1) * step - 2 * pad + window for length, step, pad, window in sizes])
        wanted = self.output_size or made
        for there, usual, step in zip(wanted, made, strides, strict=True):
            if not usual - step < there < usual + step:
                message = f"output_size must be within a step of {times(made)}, not {times(wanted)}"
                raise Mismatch(message, args=("output_size",))
        return self.join(shape[0], wanted, channels)

    def output_dtypes(self, *dtypes: str) -> tuple[str, ...]:
        return (dtypes[0],)

    def reach(self, *shapes: Shape) -> tuple[Reach, ...] | None:
        strides = self.strides or self.pool_size
        sizes = zip(self.pool_size, self.padding, strides, strict=True)
        return tuple(Reach(window, 1, pad, up=step) for window, pad, step in sizes)

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((1,))

    def label(self) -> str:
        return f"{times(self.pool_size)} max unpool"


class MaxUnpooling1D(_MaxUnpool):
    rank = 1
    aliases = ("MaxUnpool1d",)


class MaxUnpooling2D(_MaxUnpool):
    rank = 2
    aliases = ("MaxUnpool2d", "MaxUnpool")


class MaxUnpooling3D(_MaxUnpool):
    rank = 3
    aliases = ("MaxUnpool3d",)

"""Pooling by windows in one to three dimensions."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

from archinspect.base.shape import ceil_div, extent, largest, positions, size, sliding, smallest
from archinspect.ops.args import Bool, Choice, Int, Optional, Pad, PerAxis, arg
from archinspect.ops.declared import ArgumentError
from archinspect.ops.figures import Backward, Kept, Work
from archinspect.ops.spatial import Spatial, Windowed, times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Padding, Pair, Shape, Sliding
    from archinspect.ops.figures import Elements, Run


RANK_OF_VOLUMES = 3
"""Of the averages for which PyTorch looks at the input without its padding."""


def _positions_up(length: int, window: int, stride: int, pad: Pair, axis: str, *, drops: bool) -> int:
    """Return how many windows there are, rounded up; `drops` the last one if it starts after input and padding."""
    count = ceil_div(length + sum(pad) - window, stride) + 1
    if count < 1:
        return positions(length, window, stride, pad, axis)
    return count - 1 if drops and (count - 1) * stride >= length + pad[0] else count


class _Pool(Windowed):
    """A window that reduces every channel by itself."""

    memory_order = "map"
    kind = "pooling"
    main = "pool_size"
    word: ClassVar[str]

    pool_size: tuple[int, ...] = arg("size of the window", PerAxis(), 2, aliases=("kernel_size",))
    strides: tuple[int, ...] | None = arg("step; pool_size by default", Optional(PerAxis()), None, aliases=("stride",))
    padding: Padding = arg("padding around the input", Pad("valid", "same"), "valid")
    ceil_mode: bool | str = arg(
        "round the number of windows up: true as PyTorch, which drops a last window that starts in the padding "
        "after the input; 'caffe' as Caffe, which does so only if some axis is padded",
        Choice(False, True, "caffe"),
        default=False,
    )

    def check(self) -> None:
        if isinstance(self.padding, str):
            return
        for pad, window in zip(self.padding, map(extent, self.pool_size, self._dilation()), strict=True):
            if max(pad) >= window:
                message = f"{type(self).__name__}: padding must be smaller than the window: {max(pad)} of {window}"
                raise ArgumentError(message, "padding", help="pad less than the window")

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        spatial, channels = self.split(shape)
        return self.join(shape[0], self._slide(spatial), channels)

    def sliding(self, lengths: Shape) -> Sliding:
        return sliding(self.pool_size, self.strides or self.pool_size, self._dilation(), self.padding, lengths)

    def _dilation(self) -> Shape:
        return (1,) * self.rank

    def _slide(self, lengths: Shape) -> Shape:
        how = self.sliding(lengths)
        axes = self.axis_names()
        if self.ceil_mode and self.padding != "same":
            # Caffe looks at all axes together: one that is padded lets it drop the last window of each.
            drops = self.ceil_mode is True or any(map(any, how.pads))
            return tuple(map(partial(_positions_up, drops=drops), lengths, how.windows, how.strides, how.pads, axes))
        return tuple(map(positions, lengths, how.windows, how.strides, how.pads, axes))

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=self.operations() * size(output))

    def quantities(self, shapes: Sequence[Shape], output: Shape) -> dict[str, int]:
        return {"strided": size(output) * prod(self.strides or self.pool_size)}

    def operations(self) -> int:
        """Return the operations per output element."""
        raise NotImplementedError

    def pads_itself(self, shape: Shape) -> bool:
        """Return whether PyTorch's kernel pads an input of this shape: both sides alike, by half a window at most."""
        pads = self.sliding(self.split(shape)[0]).pads
        return all(a == b and 2 * a <= size for (a, b), size in zip(pads, self.pool_size, strict=True))

    def read(self, shape: Shape, output: Shape) -> list[Pair]:
        """Return the padding that brings each axis to what windows read; what they do not read is cut off."""
        (lengths, _), (counts, _) = self.split(shape), self.split(output)
        how = self.sliding(lengths)
        axes = zip(lengths, counts, how.windows, how.strides, how.pads, strict=True)
        return [(pad[0], (count - 1) * by + window - length - pad[0]) for length, count, window, by, pad in axes]

    def copied(self, shape: Shape, output: Shape) -> int:
        """Return the elements of the copy that a program pads where the kernel does not; 0 for none."""
        if self.pads_itself(shape):
            return 0
        lengths, channels = self.split(shape)
        return shape[0] * channels * prod(map(sum, zip(lengths, map(sum, self.read(shape, output)), strict=True)))

    def label(self) -> str:
        strides = self.strides or self.pool_size
        stride = strides[0] if len(set(strides)) == 1 else times(strides)
        return f"{times(self.pool_size)} {self.word} pool" + (f", /{stride}" if stride != 1 else "")


def return_indices_arg() -> Any:  # noqa: ANN401 - as archinspect.ops.args.arg
    """Return the argument that asks for where each element was found."""
    return arg("give where each element was found, too: a second output of int64 indices", Bool(), default=False)


class Indexed(Spatial):
    """A pooling that notes where in its window each output element was found."""

    return_indices: bool

    @property
    def output_count(self) -> int:
        return 1 + self.return_indices

    def outputs(self, *shapes: Shape) -> tuple[Shape, ...]:
        return (self.output(*shapes),) * self.output_count

    def output_dtypes(self, *dtypes: str) -> tuple[str, ...]:
        return (dtypes[0], "int64")[: self.output_count]

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward(Work(other=size(output)))  # each gradient is added where its element was found

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((0,), outputs=(1,) if self.return_indices else (), extra=self._indices(output))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return self._indices(output)

    def _indices(self, output: Shape) -> Elements:
        return () if self.return_indices else (("int64", size(output)),)


class _MaxPool(_Pool, Indexed):
    """The largest value of every window, which may lie partly in padding.

    FLOPs: window - 1 per output element (comparisons, as if all windows were whole).
    """

    word = "max"
    combines = "max"
    dilation_rate: tuple[int, ...] = arg("distance of the window's taps", PerAxis(), 1, aliases=("dilation",))
    return_indices: bool = return_indices_arg()

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return (*super().workspace(shapes, output, run), ("float", self.copied(shapes[0], output)))

    def _dilation(self) -> Shape:
        return self.dilation_rate

    def reads_padding(self) -> bool:
        return False

    def operations(self) -> int:
        return prod(self.pool_size) - 1

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        found, copied = super().kept(shapes, output, run), self.copied(shapes[0], output)
        return found._replace(inputs=(), extra=(*found.extra, ("float", copied))) if copied else found


class MaxPooling1D(_MaxPool):
    rank = 1
    aliases = ("MaxPool1d",)


class MaxPooling2D(_MaxPool):
    rank = 2
    aliases = ("MaxPool2d", "MaxPool", "MaxPooling")


class MaxPooling3D(_MaxPool):
    rank = 3
    aliases = ("MaxPool3d",)


class _AveragePool(_Pool):
    """The mean of every window, which may lie partly in padding.

    FLOPs: window per output element (additions and a division, as if all windows were whole).
    """

    word = "average"
    combines = "mean"
    gives_floats = True
    count_include_pad: bool = arg("PyTorch's; without effect on costs", Bool(), default=True)
    divisor_override: int | None = arg("PyTorch's; without effect on costs", Optional(Int(1)), None)

    def reads_padding(self) -> bool:
        return self.count_include_pad and self.padding != "same"

    def operations(self) -> int:
        return prod(self.pool_size)

    def pads_itself(self, shape: Shape) -> bool:
        lengths, _ = self.split(shape)
        fits = all(length >= size for length, size in zip(lengths, self.pool_size, strict=True))
        return super().pads_itself(shape) and (fits or self.rank != RANK_OF_VOLUMES)

    def read(self, shape: Shape, output: Shape) -> list[Pair]:
        found = super().read(shape, output)
        if not self.reads_padding():
            return found
        # What is padded counts, but not what a last window reads beyond that.
        pads = self.sliding(self.split(shape)[0]).pads
        return [(before, smallest(end, after)) for (before, end), (_, after) in zip(found, pads, strict=True)]

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        copied = self.copied(shapes[0], output)
        if not copied or self.reads_padding():
            return (("float", copied),)
        # The numbers of positions, beside the padded input or the sums that are divided by them; before, a map of ones
        # of which they are counted, and what it is padded to.
        maps = size(shapes[0]) // prod(self.split(shapes[0])[0])
        counting = (size(shapes[0]) + copied) // maps - size(output)
        return (("float", largest(counting, prod(self.split(output)[0]) + largest(copied, size(output)))),)

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        copied = self.copied(shapes[0], output)
        if not copied:
            return Kept((0,))
        counts = 0 if self.reads_padding() else prod(self.split(output)[0])  # of the positions within each window
        return Kept(extra=(("float", copied + counts),))


class AveragePooling1D(_AveragePool):
    rank = 1
    aliases = ("AvgPool1d",)


class AveragePooling2D(_AveragePool):
    rank = 2
    aliases = ("AvgPool2d", "AvgPool", "AveragePool")


class AveragePooling3D(_AveragePool):
    memory_order = "first"
    rank = 3
    aliases = ("AvgPool3d",)

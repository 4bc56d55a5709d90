"""Operators over spatial axes: where the channels stand, and windows that move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from archinspect.base.diagnostics import counted
from archinspect.base.shape import AXES, Mismatch
from archinspect.ops.args import Choice, arg
from archinspect.ops.base import Op
from archinspect.ops.figures import Reach

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.base.shape import Shape, Sliding


def data_format_arg() -> Any:  # noqa: ANN401 - as archinspect.ops.args.arg
    """Declare `data_format`, for operators that have to know which axis holds the channels."""
    formats = Choice("channels_last", "channels_first")
    return arg("where the channels stand; the spec's layout by default", formats, "channels_last")


class Spatial(Op):
    """An operator over `rank` spatial axes and one channel axis, whose place the data format tells."""

    data_format: str = data_format_arg()

    def split(self, shape: Shape) -> tuple[Shape, int]:
        """Return the spatial dimensions and the channels; raise :class:`Mismatch` for another rank."""
        if len(shape) != self.rank + 2:
            given, axes = len(shape) - 1, ", ".join(map(str, shape[1:]))
            raise Mismatch(
                f"needs an input of {self.rank + 1} axes ({self._axes()}), got {given}: [{axes}]",
                help=self._remedy(shape[1:]),
            )
        if self.data_format == "channels_first":
            return shape[2:], shape[1]
        return shape[1:-1], shape[-1]

    def join(self, batch: int, spatial: Sequence[int], channels: int) -> Shape:
        """Return the shape with these dimensions; the inverse of :meth:`split`."""
        if self.data_format == "channels_first":
            return (batch, channels, *spatial)
        return (batch, *spatial, channels)

    def _remedy(self, sample: Shape) -> str:
        """Return how to give a sample as many axes as are needed."""
        if len(sample) == self.rank:
            one = (1, *sample) if self.data_format == "channels_first" else (*sample, 1)
            return f"of one channel it is [{', '.join(map(str, one))}]: `Reshape`, or the spec's `input:`, says so"
        return "the batch is not counted; `Reshape` or `Flatten` change the number of axes"

    def _axes(self) -> str:
        spatial = ("steps",) if self.rank == 1 else AXES[-self.rank :]
        axes = ("channels", *spatial) if self.data_format == "channels_first" else (*spatial, "channels")
        return ", ".join(axes)


class Windowed(Spatial):
    """A spatial operator that moves a window over its input."""

    combines: ClassVar[str] = "sum"
    """What becomes of the window's numbers: their weighted `sum`, the `max` of them, their `mean`; empty for others."""

    def members(self, channel: int, channels: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Yield the input channels that an output channel reads, each with its place in the kernel's last axes."""
        yield channel, ()

    def reads_padding(self) -> bool:
        """Return whether positions in the padding count, as zeros."""
        return True

    def sliding(self, lengths: Shape) -> Sliding:
        """Return how the window moves over spatial axes of these lengths."""
        raise NotImplementedError

    def reach(self, *shapes: Shape) -> tuple[Reach, ...] | None:
        """Return the window's reach along every spatial axis."""
        how = self.sliding(self.split(shapes[0])[0])
        return tuple(
            Reach(window, step, pad[0]) for window, step, pad in zip(how.windows, how.strides, how.pads, strict=True)
        )

    def unread(self, shape: Shape, output: Shape) -> Shape:
        """Return how many positions at each spatial axis's end no window reaches, the padding not counted."""
        lengths, counts = self.split(shape)[0], self.split(output)[0]
        how = self.sliding(lengths)
        reached = [
            (count - 1) * step + window - before
            for count, step, window, (before, _) in zip(counts, how.strides, how.windows, how.pads, strict=True)
        ]
        # Where windows leave gaps, as 1x1 ones of stride 2, the end is no more left out than the rest.
        gaps = any(step > window for step, window in zip(how.strides, how.windows, strict=True))
        return tuple(0 if gaps else max(0, n - end) for n, end in zip(lengths, reached, strict=True))

    def axis_names(self) -> Sequence[str]:
        """Return what messages call the axes."""
        return AXES[-self.rank :] if self.rank > 1 else ("length",)


def channel_axis(shape: Shape, data_format: str) -> int:
    """Return where the channels stand in a shape of any rank."""
    return 1 if data_format == "channels_first" else len(shape) - 1


def channels_help(name: str, channels: int | None, shape: Shape, data_format: str) -> str:
    """Return the remedy where an argument says another number of channels than the input has."""
    if data_format == "channels_last" and channels == shape[1]:
        return "write `layout: channels_first` in the spec if the first axis is the channels, as in PyTorch"
    return f"leave {name} out: it follows from the input"


_POSITIONS = {"depth": "slice", "height": "row", "width": "column", "length": "position"}


def positions_of(op: Windowed, shape: Shape, output: Shape) -> str:
    """Write what no window of an operator reads at the end of its input, `1 row and 1 column`; empty for nothing."""
    left = zip(op.unread(shape, output), op.axis_names(), strict=True)
    return " and ".join(counted(count, _POSITIONS[name]) for count, name in left if count)


def times(sizes: Sequence[int]) -> str:
    """Write sizes as people do: `3x3`."""
    return "x".join(map(str, sizes))


READ_ONCE = frozenset(("reflect", "circular"))
"""Ways to pad with what is in the input that read a position at most once."""
READ_AGAIN = frozenset(("reflect", "replicate"))
"""Those that PyTorch has operations for: they keep their input for backward."""


def check_reads(mode: str, lengths: Sequence[int], pads: Sequence[Sequence[int]]) -> None:
    """Raise Mismatch where a padding reads more of the input than there is."""
    if mode not in READ_ONCE:
        return
    reflects = mode == "reflect"
    for length, pad in zip(lengths, pads, strict=True):
        if any(side > length - reflects for side in pad):
            message = f"padding_mode {mode} pads at most {length - reflects}, not {max(pad)}"
            raise Mismatch(message, args=("padding",), help="pad less, or with another padding_mode")

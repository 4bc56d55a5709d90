"""The few shape computations that operators share.

A shape is a tuple of dimensions with the batch first. Rules compute with `+ - * // %`, `largest`, `smallest` and `gcd`,
and put no dimension into a set or a dict: numbers that remember how they came about are compared, never hashed.
"""

from __future__ import annotations

import math
from functools import cache, reduce
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Shape: TypeAlias = tuple[int, ...]
Pair: TypeAlias = tuple[int, int]
Padding: TypeAlias = str | tuple[Pair, ...]

AXES = ("depth", "height", "width")
"""The last of these are an image's or a volume's spatial axes."""
MAX_DENOMINATOR = 10_000
"""Of the ratios that formulas have for fractions."""


class Mismatch(Exception):  # noqa: N818 - a finding about shapes that becomes a diagnostic, not a failure
    """Shapes that an operator cannot take; `args` names the arguments of which one, if given, is to blame."""

    def __init__(self, message: str, *, args: tuple[str, ...] = (), help: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.blamed = args
        self.help = help


def text(shape: Shape) -> str:
    """Return a shape as people write it: the batch, which no spec gives, as None."""
    return "(" + ", ".join(["None", *map(str, shape[1:])]) + ("," if len(shape) == 1 else "") + ")"


def listed(sizes: Iterable[int]) -> str:
    """Return the different sizes as text, the smallest first: `3 and 5`."""
    return " and ".join(map(str, sorted({int(str(size)) for size in sizes})))  # symbols by their values


def size(shape: Shape) -> int:
    """Return the number of elements."""
    return math.prod(shape)


def ceil_div(a: int, b: int) -> int:
    """Return a / b rounded up."""
    return -(-a // b)


def extent(kernel: int, dilation: int) -> int:
    """Return the input positions that a dilated window spans."""
    return dilation * (kernel - 1) + 1


def largest(*numbers: int) -> int:
    """Return the largest; unlike `max`, with all of them in the formula where they are traced."""
    return reduce(_larger, numbers)


def _larger(a: int, b: int) -> int:
    if type(a) is int and type(b) is int:
        return max(a, b)
    traced, other = (b, a) if type(a) is int else (a, b)
    return traced.largest(other)  # type: ignore[attr-defined, no-any-return] # see archinspect.base.symbolic


def smallest(a: int, b: int) -> int:
    """Return the smaller, as :func:`largest`."""
    if type(a) is int and type(b) is int:
        return min(a, b)
    traced, other = (b, a) if type(a) is int else (a, b)
    return traced.smallest(other)  # type: ignore[attr-defined, no-any-return] # see archinspect.base.symbolic


def gcd(a: int, b: int) -> int:
    """Return the greatest common divisor, as :func:`largest`."""
    if type(a) is int and type(b) is int:
        return math.gcd(a, b)
    traced, other = (b, a) if type(a) is int else (a, b)
    return traced.gcd(other)  # type: ignore[attr-defined, no-any-return] # see archinspect.base.symbolic


def total(numbers: Iterable[int]) -> int:
    """Return the sum; unlike `sum`, where they are traced, in a time that grows with their number, not its square."""
    found = list(numbers)
    if {int}.issuperset(map(type, found)):
        return sum(found)
    traced: Any = next(number for number in found if type(number) is not int)  # see archinspect.base.symbolic
    return traced.total(found)  # type: ignore[no-any-return] # as above


def scaled(length: int, factor: float) -> int:
    """Return a length times a factor, rounded down as PyTorch does: the product of two floats."""
    if isinstance(factor, int):
        return length * factor
    if type(length) is int:
        return math.floor(length * factor)
    return _by_ratio(length, factor)


def _by_ratio(length: int, factor: float) -> int:
    """Return a traced length times the ratio that a float stands for, as 0.7 stands for 7 / 10, rounded down."""
    from fractions import Fraction  # slow to import

    near = Fraction(factor).limit_denominator(MAX_DENOMINATOR)
    ratio = near if float(near) == factor else Fraction(factor)
    return length * ratio.numerator // ratio.denominator


def named_shape(name: str, values: Iterable[int]) -> Shape:
    """Return sizes, one per axis; where they are traced, formulas call them by this name and their axis's."""
    found = tuple(values)
    if {*map(type, found)} == {int}:
        return found
    return tuple(
        value if type(value) is int else value.called(full)  # type: ignore[attr-defined] # see archinspect.base.symbolic
        for value, full in zip(found, axis_names(name, len(found)), strict=True)
    )


@cache
def axis_names(name: str, rank: int) -> tuple[str, ...]:
    """Return a name for each spatial axis: `stride_height`, `stride_width`; of a single axis the name alone."""
    return (name,) if rank == 1 else tuple([f"{name}_{axis}" for axis in AXES[-rank:]])


def axis_names_of(rank: int, layout: str) -> list[str]:
    """Return what the axes of a tensor of this rank are called, the batch left out: `height`, `width`, `channels`."""
    if rank in (4, 5):
        spatial = list(AXES[2 - rank :])
        return ["channels", *spatial] if layout == "channels_first" else [*spatial, "channels"]
    known = {1: [], 2: ["features"], 3: ["steps", "features"]}
    found = known.get(rank) or [f"axis{at}" for at in range(1, rank)]
    return found[::-1] if rank == 3 and layout == "channels_first" else found  # noqa: PLR2004 - batch, steps, features


def same_padding(length: int, window: int, stride: int) -> int:
    """Return the zeros of TensorFlow's `same`: the output is the input over the stride, rounded up."""
    return largest((ceil_div(length, stride) - 1) * stride + window - length, 0)


def pad_pairs(padding: Padding, lengths: Shape, windows: Shape, strides: Shape) -> tuple[Pair, ...]:
    """Return (before, after) for every axis of a window operator."""
    if padding == "same":
        # What is odd goes after (tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2).
        halves = [(total // 2, total) for total in named_shape("pad", map(same_padding, lengths, windows, strides))]
        return tuple((before, total - before) for before, total in halves)
    if padding == "causal":
        return tuple((window - 1, 0) for window in windows)
    if padding == "valid":
        return ((0, 0),) * len(lengths)
    assert not isinstance(padding, str)  # the kind of the argument allows no other word
    return padding


class Sliding(NamedTuple):
    """How a window moves over the spatial axes; every field has an entry per axis."""

    taps: Shape
    strides: Shape
    dilation: Shape
    windows: Shape
    """The input positions that it spans."""
    pads: tuple[Pair, ...]


def sliding(taps: Shape, strides: Shape, dilation: Shape, padding: Padding, lengths: Shape) -> Sliding:
    """Return how a window moves over axes of these lengths."""
    windows = named_shape("window", map(extent, taps, dilation))
    return Sliding(taps, strides, dilation, windows, pad_pairs(padding, lengths, windows, strides))


def positions(length: int, window: int, stride: int, pad: Pair, axis: str = "") -> int:
    """Return how many places a window of this extent takes; raise :class:`Mismatch` for none."""
    padded = length + sum(pad)
    if window > padded:
        padding = f" (padding included: {padded})" if padded != length else ""
        raise Mismatch(
            f"the window spans {window}, more than the input's {axis or 'length'} {length}{padding}",
            args=("pool_size", "kernel_size"),
            help="use a smaller window, `padding: same`, or a larger input",
        )
    return (padded - window) // stride + 1


def broadcast(shapes: tuple[Shape, ...]) -> Shape:
    """Return the NumPy broadcast of shapes; raise :class:`Mismatch` where two dimensions differ."""
    rank = max(map(len, shapes))
    result = []
    # A shorter shape lines up at the end, but keeps the batch in front.
    lined = [(shape[0], *(1,) * (rank - len(shape)), *shape[1:]) for shape in shapes]
    for axis, dims in enumerate(zip(*lined, strict=True)):
        wide = [dim for dim in dims if type(dim) is not int or dim != 1] or [1]
        if all(dim is wide[0] for dim in wide):
            result.append(wide[0])  # whether it is 1 does not matter, so that a formula holds for both
            continue
        wide = [dim for dim in wide if dim != 1] or [1]
        if any(dim != wide[0] for dim in wide):
            shown = " and ".join(text(shape) for shape in shapes)
            raise Mismatch(
                f"the inputs {shown} differ at axis {axis}: {listed(wide)}",
                help=_of_ranks(shapes) or "make the paths end in the same shape, or project one with a 1x1 convolution",
            )
        result.append(wide[0])
    return tuple(result)


def _of_ranks(shapes: Sequence[Shape]) -> str:
    """Return how shapes of different ranks are lined up; empty where that is not why they differ."""
    shortest, longest = min(shapes, key=len), max(shapes, key=len)
    if len(shortest) == len(longest) or shortest[-1] not in longest[1:-1]:
        return ""
    return "axes are lined up at the end: `Unsqueeze`, or `keepdims: true` before it, keeps those that are missing"


def normal_axis(axis: int, rank: int, arg: str = "axis") -> int:
    """Return an axis counted from the front; raise :class:`Mismatch` beyond the rank or at the batch."""
    at = axis + rank if axis < 0 else axis
    if not 0 <= at < rank:
        counted = f"the batch is axis 0, the last one {rank - 1} or -1"
        raise Mismatch(f"axis {axis} is not one of the input's {rank} axes", args=(arg,), help=counted)
    if at == 0:
        raise Mismatch(f"axis {axis} is the batch, which no layer may touch", args=(arg,))
    return at


def normal_axes(axes: Sequence[int], rank: int, arg: str = "axis") -> Shape:
    """Return axes counted from the front, in ascending order; raise :class:`Mismatch` as :func:`normal_axis`."""
    found = sorted(normal_axis(axis, rank, arg) for axis in axes)
    for one, other in pairwise(found):
        if one == other:
            raise Mismatch(f"axis {one} is named twice", args=(arg,))
    return tuple(found)

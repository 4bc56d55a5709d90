"""How the elements of a tensor lie in memory: for each axis, how many elements on the next position is.

Elements are in order where the last axis has a stride of 1, and each other one that of a whole position of it. Axes of
size 1 have any stride. A stride of 0 repeats one element. The rules are PyTorch's.
"""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.shape import size

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from archinspect.base.shape import Shape


class Axis(NamedTuple):
    """An axis of a tensor."""

    length: int
    stride: int

    def cut(self, lengths: Sequence[int]) -> list[Axis]:
        """Return the axes of which it consists where the inner ones have these lengths, the outermost first."""
        found, (length, stride) = [], self
        for inner in reversed(lengths):
            found.append(Axis(inner, stride))
            length, stride = length // inner, stride * inner
        return [Axis(length, stride), *reversed(found)]


def in_order(shape: Sequence[int]) -> Shape:
    """Return the strides of a tensor whose elements are in order."""
    found = [1]
    for length in reversed(shape[1:]):
        found.append(found[-1] * length)
    return tuple(reversed(found[: len(shape)]))


def is_in_order(shape: Shape, strides: Shape) -> bool:
    """Return whether all elements are in order and next to each other."""
    wanted = 1
    for length, stride in zip(reversed(shape), reversed(strides), strict=True):
        if length != 1:
            if stride != wanted:
                return False
            wanted = wanted * length
    return True


def lies_alike(shape: Shape, strides: Shape, other: Shape) -> bool:
    """Return whether elements lie the same way by either strides; axes of size 1 have any."""
    return all(length == 1 or one == another for length, one, another in zip(shape, strides, other, strict=True))


def ordered(shape: Sequence[int], axes: Sequence[int]) -> Shape:
    """Return the strides of a new tensor whose axes lie in this order in memory, the outermost first."""
    found = dict(zip(axes, in_order([shape[axis] for axis in axes]), strict=True))
    return tuple(found[axis] for axis in range(len(shape)))


def of_elements(shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape:
    """Return the strides of a new tensor that a function of each element makes of tensors that stretch to its shape.

    As `TensorIterator` of PyTorch's ATen: the axes are in the order of memory in which those of the first tensor are
    that tells of two of them which is the outer one. Strides of None are those of elements in order.
    """
    given = [_stretched(shape, own or in_order(shape), output) for shape, own in zip(shapes, strides, strict=True)]
    order = [*reversed(range(len(output)))]  # the innermost first
    for last in range(1, len(order)):
        at = last
        for before in reversed(range(last)):
            inner = _is_inner(given, output, order[before], order[at])
            if inner is False:
                order[before], order[at] = order[at], order[before]
                at = before
            elif inner:
                break
    found = ordered(output, order[::-1])
    # One that leaves nothing out has its strides, those of axes of size 1, too.
    alike = all(one == given[0] for one in given[1:]) and lies_alike(output, found, given[0])
    return given[0] if alike else found


def _stretched(shape: Shape, strides: Shape, output: Shape) -> Shape:
    """Return strides in the axes of an output, the last ones of which a tensor has; those that stretch have 0."""
    new = len(output) - len(shape)
    own = zip(shape, strides, output[new:], strict=True)
    return (0,) * new + tuple(0 if length == 1 and wanted != 1 else stride for length, stride, wanted in own)


def _is_inner(given: Sequence[Shape], shape: Shape, one: int, other: int) -> bool | None:
    """Return whether of two axes the first is the inner one in memory; None where no tensor tells."""
    for strides in given:
        if strides[one] and strides[other]:
            if strides[one] != strides[other]:
                return strides[one] < strides[other]
            if shape[one] > shape[other]:
                return False
    return None


def reshaped(shape: Shape, strides: Shape, wanted: Shape) -> Shape | None:
    """Return the strides of the same elements in other axes; None where they have to be copied for that.

    As `computeStride` of PyTorch's ATen: axes that follow each other in memory are one, and are cut anew.
    """
    runs = _runs(shape, strides)
    found: list[int] = []
    rest = list(wanted)
    for length, stride in runs:
        left, own = length, stride
        while rest and (left != 1 or rest[-1] == 1):
            if left % rest[-1]:
                return None
            found.append(own)
            own, left = own * rest[-1], left // rest.pop()
        if left != 1:
            return None
    return tuple(reversed(found + [1] * len(rest)))


def copied(shape: Shape, strides: Shape | None, wanted: Shape) -> int:
    """Return the elements of the copy that other axes need; 0 where they are a view, as of elements in order (None)."""
    is_view = strides is None or reshaped(shape, strides, wanted) is not None
    return 0 if is_view else size(shape)


def joined(axes: Iterable[Axis], wanted: Shape) -> Shape | None:
    """Return the strides of a tensor of these axes that are joined to others; None where it has to be copied."""
    lengths, strides = zip(*axes, strict=True)
    return reshaped(lengths, strides, wanted)


def of_map(shape: Shape, strides: Shape | None, output: Shape, axis: int, *, keeps: bool) -> Shape | None:
    """Return the strides of a map that a kernel makes of one of these strides; None where its elements are in order.

    The channels are at an axis. PyTorch has them before the positions, and a kernel that `keeps` their place has them
    last where the input has.
    """
    rank, axis = len(shape), index(axis)
    if strides is None and axis == (rank - 1 if keeps else 1) and not (keeps and size(shape[1:]) == 1):
        return None
    first, last = (0, axis, *_but(axis, rank)), (0, *_but(axis, rank), axis)
    own = strides or in_order(shape)
    order = last if keeps and _is_like(_turned(shape, last), _turned(own, last)) else first
    return ordered(output, order)


def of_concatenated(shape: Shape, strides: Shape | None, output: Shape) -> Shape | None:
    """Return the strides of what is put together of tensors, the first of these strides; None where it is in order.

    PyTorch keeps the channels last of maps and volumes alone, and takes the first axis after the batch for them.
    """
    return of_map(shape, strides, output, 1, keeps=True) if strides and len(shape) in (4, 5) else None


def _is_like(shape: Shape, strides: Shape) -> bool:
    """Return whether the strides of a map with its channels last grow from the last axis to the first.

    As `is_channels_last_strides_2d` of PyTorch's c10: the strides of axes of size 1 count, too, so that a gray picture,
    or a map of one position, whose channels are first, is none with its channels last.
    """
    if strides[-1] == 0:  # one element for all channels
        return False
    least = 0
    for at in reversed(range(len(shape))):
        if strides[at] < least or (at == 0 and least == strides[-1]):
            return False
        least = strides[at] * shape[at]
    return True


def has_channels_first(shape: Shape, strides: Shape | None, axis: int) -> bool:
    """Return whether a map's elements lie with the channels, at an axis, before the positions."""
    order = (0, axis, *_but(axis, len(shape)))
    return is_in_order(_turned(shape, order), _turned(strides or in_order(shape), order))


def _but(axis: int, rank: int) -> list[int]:
    return [at for at in range(1, rank) if at != axis]


def _turned(values: Shape, order: Sequence[int]) -> Shape:
    return tuple([values[at] for at in order])


def _runs(shape: Shape, strides: Shape) -> list[tuple[int, int]]:
    """Return the lengths and strides of the axes, the last first, those that follow each other joined to one."""
    runs: list[tuple[int, int]] = []
    for length, stride in zip(reversed(shape), reversed(strides), strict=True):
        if length == 1:
            continue
        if runs and stride == runs[-1][0] * runs[-1][1]:
            runs[-1] = runs[-1][0] * length, runs[-1][1]
        else:
            runs.append((length, stride))
    return runs

"""Operators that move, repeat, cut or make elements, and those of sequences."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.base.shape import ceil_div
from archinspect.importers.onnx.values import (
    OpenError,
    RuleError,
    Step,
    Value,
    axis_of,
    places,
    stretched,
    stretched_data,
    strides_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.base.shape import Shape

MAX_PARTS = 10_000
"""Parts that a tensor is cut into."""


def _seen(use: Step, dims: Sequence[int]) -> list[Value]:
    """Return the first input's elements, in order, in another shape."""
    value = use.input(0)
    made = use.make(dims, "", use.data(0), sure=value.sure)
    made.plain = value.plain
    return [made]


def identity(use: Step) -> list[Value]:
    """`Identity`, of sequences, too."""
    value = use.input(0)
    (made,) = _seen(use, value.dims)
    made.items = value.items
    return [made]


def reshape(use: Step) -> list[Value]:
    """`Reshape`: 0 keeps an axis, -1 is the rest."""
    value = use.input(0)
    wanted = use.ints("shape", 1)
    if wanted is None:
        raise RuleError("no shape is given")
    dims = list(wanted)
    if not use.attribute("allowzero"):
        dims = [value.dims[at] if size == 0 and at < value.rank else size for at, size in enumerate(dims)]
    if use.rebatched and dims and not (use.has(1) and not use.input(1).constant):
        _rebatch(use, value, dims)
    if -1 in dims:
        at = dims.index(-1)
        rest = prod(dims[:at] + dims[at + 1 :])
        if rest == 0:
            dims[at] = 0
        elif value.size % rest:
            raise RuleError(f"{list(value.dims)} has no shape {wanted}")
        else:
            dims[at] = value.size // rest
    if prod(dims) != value.size:
        raise RuleError(f"{list(value.dims)} has no shape {wanted}")
    return _seen(use, dims)


def _rebatch(use: Step, value: Value, dims: list[int]) -> None:
    """Put another batch into a shape that was written for one of 1."""
    if -1 in dims:
        if dims[0] == 1 and value.dims[:1] == (use.rebatched,):
            dims[0] = use.rebatched
    elif dims[0] > 0 and prod(dims) * use.rebatched == value.size:
        dims[0] *= use.rebatched


def flatten(use: Step) -> list[Value]:
    """`Flatten`: always two axes."""
    dims = use.shape()
    axis = use.attribute("axis", 1)
    axis = axis + len(dims) if axis < 0 else axis
    return _seen(use, (prod(dims[:axis]), prod(dims[axis:])))


def squeeze(use: Step) -> list[Value]:
    """`Squeeze`."""
    dims = use.shape()
    axes = use.ints("axes", 1)
    if axes is None:
        return _seen(use, [size for size in dims if size != 1])
    drop = {axis_of(axis, len(dims)) for axis in axes}
    if any(dims[axis] != 1 for axis in drop):
        raise RuleError(f"{list(dims)} has other sizes than 1 at {sorted(drop)}")
    return _seen(use, [size for at, size in enumerate(dims) if at not in drop])


def unsqueeze(use: Step) -> list[Value]:
    """`Unsqueeze`."""
    axes = use.ints("axes", 1) or []
    rank = len(use.shape()) + len(axes)
    new = {axis_of(axis, rank) for axis in axes}
    if len(new) < len(axes):
        raise RuleError(f"an axis of {axes} is named twice")
    sizes = iter(use.shape())
    return _seen(use, [1 if at in new else next(sizes) for at in range(rank)])


def transpose(use: Step) -> list[Value]:
    """`Transpose`."""
    value = use.input(0)
    order = use.attribute("perm") or list(range(value.rank))[::-1]
    if sorted(order) != list(range(value.rank)):
        raise RuleError(f"{order} is no order of {value.rank} axes")
    dims = tuple(value.dims[axis] for axis in order)
    data, given = None, use.data(0)
    if given is not None:
        own = strides_of(value.dims)
        data = [given[place] for place in places(dims, [own[axis] for axis in order])]
    made = use.make(dims, "", data, sure=value.sure)
    made.plain = value.plain
    return [made]


def concat(use: Step) -> list[Value]:
    """`Concat`."""
    values = [value for value in use.inputs if value is not None]
    first = values[0]
    axis = axis_of(use.attribute("axis", 1), first.rank)
    for value in values[1:]:
        if value.dims[:axis] != first.dims[:axis] or value.dims[axis + 1 :] != first.dims[axis + 1 :]:
            raise RuleError(f"{list(first.dims)} and {list(value.dims)} differ beside axis {axis}")
    dims = (*first.dims[:axis], sum(value.dims[axis] for value in values), *first.dims[axis + 1 :])
    data: list[Any] | None = None
    if use.known(first.dtype, dims):
        given = [use.data(at) for at in range(len(use.inputs)) if use.has(at)]
        if None not in given:
            data = []
            for outer in range(prod(dims[:axis])):
                for part, value in zip(given, values, strict=True):
                    run = prod(value.dims[axis:])
                    data += part[outer * run : (outer + 1) * run]  # type: ignore[index] # none is None
    return [use.make(dims, "", data, sure=all(value.sure for value in values))]


def split(use: Step) -> list[Value]:
    """`Split`: by sizes, or into as many parts as there are outputs, the last smaller."""
    dims = use.shape()
    axis = axis_of(use.attribute("axis", 0), len(dims))
    sizes = use.ints("split", 1)
    if sizes is None:
        count = use.attribute("num_outputs", use.count)
        if not 0 < count <= MAX_PARTS:
            raise RuleError(f"it has {count} parts")
        part = -(-dims[axis] // max(count, 1))
        sizes = [min(part, dims[axis] - part * at) for at in range(count)]
    if sum(sizes) != dims[axis]:
        raise RuleError(f"{sizes} are not the {dims[axis]} positions of axis {axis}")
    given, start, found = use.data(0), 0, []
    for size in sizes:
        data = None if given is None else _cut(given, dims, {axis: _Taken(start, size)})
        found.append(use.make((*dims[:axis], size, *dims[axis + 1 :]), "", data))
        start += size
    return found


class _Taken(NamedTuple):
    """Positions of an axis."""

    start: int
    length: int
    step: int = 1


def _cut(data: list[Any], dims: Shape, taken: dict[int, _Taken]) -> list[Any]:
    """Return the elements at these positions of some axes."""
    parts = [taken.get(axis, _Taken(0, size)) for axis, size in enumerate(dims)]
    own = strides_of(dims)
    start = sum(part.start * stride for part, stride in zip(parts, own, strict=True))
    strides = [part.step * stride for part, stride in zip(parts, own, strict=True)]
    return [data[place] for place in places([part.length for part in parts], strides, start)]


def cut(use: Step) -> list[Value]:
    """`Slice`."""
    value = use.input(0)
    dims, sure = value.dims, value.sure
    try:
        starts, ends = use.ints("starts", 1), use.ints("ends", 2)
        axes = use.ints("axes", 3)
        steps = use.ints("steps", 4)
    except OpenError:
        return [use.make(dims, sure=False)]  # at most as much
    if starts is None or ends is None:
        raise RuleError("no positions are given")
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    taken = {}
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        at = axis_of(axis, len(dims))
        if step == 0:
            raise RuleError("a step is 0")
        taken[at] = _positions(dims[at], start, end, step)
    given = use.data(0)
    data = None if given is None else _cut(given, dims, taken)
    sizes = [taken[at].length if at in taken else size for at, size in enumerate(dims)]
    return [use.make(sizes, "", data, sure=sure)]


def _positions(length: int, start: int, end: int, step: int) -> _Taken:
    low, high = (0, length) if step > 0 else (-1, length - 1)

    def bound(place: int) -> int:
        at = place + length if place < 0 else place
        return low if at < low else min(at, high)

    first = bound(start)
    count = ceil_div(bound(end) - first, step)
    return _Taken(first, max(0, count), step)


def gather(use: Step) -> list[Value]:
    """`Gather`."""
    value, indices = use.input(0), use.input(1)
    axis = axis_of(use.attribute("axis", 0), value.rank)
    dims = (*value.dims[:axis], *indices.dims, *value.dims[axis + 1 :])
    data, places_ = None, use.data(1)
    given = use.data(0) if places_ is not None and use.known(value.dtype, value.dims) else None
    if given is not None and places_ is not None and use.known(value.dtype, dims):
        length, run = value.dims[axis], prod(value.dims[axis + 1 :])
        if any(not -length <= at < length for at in places_):
            raise RuleError(f"axis {axis} has {length} positions, not {places_[:3]}")
        data = [
            given[(outer * length + at % length) * run + inner]
            for outer in range(prod(value.dims[:axis]))
            for at in places_
            for inner in range(run)
        ]
    return [use.make(dims, "", data, sure=value.sure and indices.sure)]


def gather_nd(use: Step) -> list[Value]:
    """`GatherND`."""
    dims, indices = use.shape(0), use.shape(1)
    batch = use.attribute("batch_dims", 0)
    return [use.make((*indices[:-1], *dims[batch + indices[-1] :]))]


def like_indices(use: Step) -> list[Value]:
    """`GatherElements`."""
    return [use.make(use.shape(1))]


def like_first(use: Step) -> list[Value]:
    """Operators that put something into their first input, or order it otherwise."""
    return [use.make(use.shape(), sure=use.input(0).sure) for _ in range(max(use.count, 1))]


def expand(use: Step) -> list[Value]:
    """`Expand`."""
    value = use.input(0)
    wanted = use.ints("shape", 1) if use.data(1) is not None else None
    if wanted is None:
        return [use.make(value.dims, sure=False)]
    dims = stretched(value.dims, tuple(wanted))
    given = use.data(0)
    data = stretched_data(given, value.dims, dims) if given is not None and use.known(value.dtype, dims) else None
    made = use.make(dims, "", data, sure=value.sure)
    return [made]


def tile(use: Step) -> list[Value]:
    """`Tile`."""
    dims = use.shape()
    if use.opset < 6:  # noqa: PLR2004 - with a number and an axis
        (axis,), (times,) = use.data(2) or [0], use.data(1) or [1]
        return [use.make([size * (times if at == axis else 1) for at, size in enumerate(dims)])]
    repeats = use.data(1)
    if repeats is None:
        raise OpenError("how often follows from data")
    return [use.make([size * times for size, times in zip(dims, repeats, strict=True)])]


def pad(use: Step) -> list[Value]:
    """`Pad`; a negative number cuts."""
    dims = use.shape()
    pads = use.ints("pads" if use.opset > 1 else "paddings", 1)
    if pads is None:
        raise RuleError("no padding is given")
    axes = use.data(3) if use.has(3) else None
    axes = list(range(len(dims))) if axes is None else [axis_of(axis, len(dims)) for axis in axes]
    sizes = list(dims)
    for at, axis in enumerate(axes):
        sizes[axis] += pads[at] + pads[at + len(axes)]
    return [use.make(sizes)]


def depth_to_space(use: Step) -> list[Value]:
    """`DepthToSpace`, `SpaceToDepth`."""
    batch, channels, height, width = use.shape()
    block = use.attribute("blocksize", 1)
    if use.kind == "DepthToSpace":
        return [use.make((batch, channels // block**2, height * block, width * block))]
    return [use.make((batch, channels * block**2, height // block, width // block))]


def places_found(use: Step) -> list[Value]:
    """`NonZero`: at most all."""
    return [use.make((len(use.shape()), use.input(0).size), "int64", sure=False)]


def compress(use: Step) -> list[Value]:
    """`Compress`: at most all, unless the condition is known."""
    dims, chosen = use.shape(), use.data(1)
    axis = use.attribute("axis")
    count = None if chosen is None else sum(map(bool, chosen))
    if axis is None:
        return [use.make((use.input(0).size if count is None else count,), sure=count is not None)]
    at = axis_of(axis, len(dims))
    return [use.make((*dims[:at], dims[at] if count is None else count, *dims[at + 1 :]), sure=count is not None)]


def unique(use: Step) -> list[Value]:
    """Return what `Unique` gives: at most all."""
    dims = use.shape()
    axis = use.attribute("axis")
    count = prod(dims) if axis is None else dims[axis]
    first = use.make((count,) if axis is None else dims, sure=False)
    return [first] + [use.make((count,), "int64", sure=False) for _ in range(use.count - 1)]


def crop_or_pad(use: Step) -> list[Value]:
    """`CenterCropPad`."""
    dims, wanted = list(use.shape()), use.data(1)
    if wanted is None:
        raise OpenError("its shape follows from data")
    axes = use.attribute("axes") or range(len(dims))
    for axis, size in zip(axes, wanted, strict=True):
        dims[axis] = size
    return [use.make(dims)]


RULES: dict[str, Callable[[Step], list[Value]]] = {
    "Identity": identity,
    "Reshape": reshape,
    "Flatten": flatten,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Transpose": transpose,
    "Concat": concat,
    "Split": split,
    "Slice": cut,
    "Gather": gather,
    "GatherND": gather_nd,
    "GatherElements": like_indices,
    **dict.fromkeys(
        (
            *("Scatter", "ScatterElements", "ScatterND", "TensorScatter", "ReverseSequence", "Trilu", "CumSum"),
            *("CumProd"),
        ),
        like_first,
    ),
    "Expand": expand,
    "Tile": tile,
    "Pad": pad,
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": depth_to_space,
    "NonZero": places_found,
    "Compress": compress,
    "Unique": unique,
    "CenterCropPad": crop_or_pad,
}

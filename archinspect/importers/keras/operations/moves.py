"""Changes of shape: axes, parts, padding."""

from __future__ import annotations

from math import prod
from types import EllipsisType
from typing import TYPE_CHECKING, Any

from archinspect.importers.keras.build import tensors
from archinspect.importers.keras.model import Array
from archinspect.importers.keras.operations.base import (
    MixesSamplesError,
    argument,
    as_tensor,
    axes,
    is_tensor,
    lengths,
)
from archinspect.ops.tensor import Custom

if TYPE_CHECKING:
    from archinspect.graph.graph import Tensor
    from archinspect.importers.keras.build import Use
    from archinspect.importers.keras.layers import Made


def reshape(use: Use) -> Made:
    """`Reshape`."""
    shape = use.get("newshape", use.get("shape"))
    given = use.shape()
    if not isinstance(shape, list) or not shape:
        raise MixesSamplesError
    if any(is_tensor(size) for size in shape):
        raise MixesSamplesError
    first, rest = shape[0], [-1 if size is None else size for size in shape[1:]]
    # Either the batch is what is left, or it is kept by its own size.
    if first in (-1, None) and -1 not in rest:
        if prod(rest) != prod(given[1:]):
            raise MixesSamplesError
    elif first not in (None, use.net.batch_said) and not (first == 1 and use.net.batch_said is None and -1 in rest):
        raise MixesSamplesError
    return use.add("Reshape", use.x, target_shape=rest)


def transpose(use: Use) -> Made:
    """`Transpose`."""
    order = use.get("axes")
    rank = len(use.shape())
    if not isinstance(order, list):
        raise MixesSamplesError
    order = [axis % rank for axis in order]
    if order[:1] != [0]:
        raise MixesSamplesError
    return use.add("Permute", use.x, dims=order[1:])


def squeeze(use: Use) -> Made:
    """`Squeeze`."""
    return use.add("Squeeze", use.x, axis=axes(use))


def expand_dims(use: Use) -> Made:
    """`ExpandDims`."""
    value = use.get("axis")
    values = value if isinstance(value, list) else [value]
    rank = len(use.shape()) + len(values)
    found = [axis % rank for axis in values if type(axis) is int]
    if 0 in found or len(found) < len(values):
        raise MixesSamplesError
    return use.add("Unsqueeze", use.x, axis=found)


def swapped(use: Use) -> Made:
    """`Swapaxes`."""
    rank = len(use.shape())
    one, other = use.whole("axis1") % rank, use.whole("axis2") % rank
    if 0 in (one, other):
        raise MixesSamplesError
    return use.add("SwapAxes", use.x, axis1=one, axis2=other)


def moved(use: Use) -> Made:
    """`Moveaxis`."""
    return use.add("MoveAxis", use.x, source=axes(use, "source"), destination=axes(use, "destination"))


def flipped(use: Use) -> Made:
    """`Flip`."""
    return use.add("Flip", use.x, axis=axes(use))


def rolled(use: Use) -> Made:
    """`Roll`."""
    found = axes(use)
    shift = use.get("shift")
    return use.add("Roll", use.x, shift=shift, axis=found if isinstance(shift, list) else found[0])


def repeated(use: Use) -> Made:
    """`Repeat`."""
    return use.add("Repeat", use.x, repeats=use.whole("repeats"), axis=axes(use)[0])


def tiled(use: Use) -> Made:
    """`Tile`."""
    repeats = use.get("repeats")
    values = repeats if isinstance(repeats, list) else [repeats]
    rank = len(use.shape())
    if len(values) > rank or any(type(one) is not int for one in values):
        raise MixesSamplesError
    values = [*[1] * (rank - len(values)), *values]
    if values[0] != 1:
        raise MixesSamplesError
    return use.add("Tile", use.x, repeats=values[1:])


def broadcast(use: Use) -> Made:
    """`BroadcastTo`."""
    shape = use.get("shape")
    if not isinstance(shape, list) or len(shape) != len(use.shape()):
        raise MixesSamplesError
    if shape[0] not in (None, -1, use.net.batch_said):
        raise MixesSamplesError
    own = [size if given is None else given for size, given in zip(use.shape()[1:], shape[1:], strict=True)]
    return use.add("Expand", use.x, target_shape=own)


def concatenated(use: Use) -> Made:
    """`Concatenate`."""
    given = list(tensors(use.args))
    rank = len(use.shape(given[0]))
    axis = use.whole("axis", -1)
    if axis % rank == 0:
        raise MixesSamplesError
    values = use.args[0] if isinstance(use.args[0], list) else use.args
    return use.add("Concatenate", *[as_tensor(use, value, rank) for value in values], axis=axis)


def stacked(use: Use) -> Made:
    """`Stack`."""
    rank = len(use.shape()) + 1
    axis = use.whole("axis", 0) % rank
    if axis == 0:
        raise MixesSamplesError
    return use.add("Stack", *use.inputs, axis=axis)


def split(use: Use) -> Made:
    """`Split`."""
    (axis,) = axes(use)
    sections = use.get("indices_or_sections", use.get("num_or_size_splits"))
    if type(sections) is int:
        return use.add_all("Split", use.x, parts=sections, axis=axis)
    ends = [*(sections or []), use.shape()[axis]]
    sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    return use.add_all("Split", use.x, sizes=sizes, axis=axis)


def unstacked(use: Use) -> Made:
    """`Unstack`."""
    axis = use.whole("axis", 0) % len(use.shape())
    if axis == 0:
        raise MixesSamplesError
    return use.add_all("Unbind", use.x, parts=use.shape()[axis], axis=axis)


def padded(use: Use) -> Made:
    """`Pad`."""
    pairs = use.get("pad_width")
    rank = len(use.shape())
    if type(pairs) is int:
        raise MixesSamplesError
    pairs = [pair if isinstance(pair, list) else [pair, pair] for pair in pairs or []]
    if len(pairs) == 1:
        pairs *= rank
    if len(pairs) == 2 and rank != 2 and all(pair[0] == pair[1] for pair in pairs):  # noqa: PLR2004 - [before, after]
        pairs = [[pairs[0][0], pairs[1][0]]] * rank
    if len(pairs) != rank or any(pairs[0]):
        raise MixesSamplesError
    return pad(use, use.x, pairs[1:])


def pad(use: Use, x: Tensor, pairs: list[list[int]]) -> Tensor:
    """Pad the axes of a sample."""
    spatial = [at for at, pair in enumerate(pairs) if any(pair)]
    if not spatial:
        return use.add("Identity", x)
    shape = use.shape(x)[1:]
    if len(shape) in (2, 3, 4) and not any(pairs[-1]):
        return use.add(f"ZeroPadding{len(shape) - 1}D", x, padding=[list(pair) for pair in pairs[:-1]])
    if len(shape) in (2, 3, 4) and not any(pairs[0]):
        return use.add(
            f"ZeroPadding{len(shape) - 1}D", x, padding=[list(p) for p in pairs[1:]], data_format="channels_first"
        )
    for at in spatial:  # one axis after the other, as one that has places before it and features behind it
        flat = use.add("Reshape", x, target_shape=[prod(shape[:at]), shape[at], prod(shape[at + 1 :])])
        wide = use.add("ZeroPadding2D", flat, padding=[[0, 0], list(pairs[at])])
        shape = (*shape[:at], use.shape(wide)[2], *shape[at + 1 :])
        x = use.add("Reshape", wide, target_shape=list(shape))
    return x


def item(use: Use) -> Made:
    """`GetItem`: Python's subscripts."""
    keys = argument(use, 1, "key", "slice_spec")
    return sliced(use, use.x, keys if isinstance(keys, list) else [keys])


def sliced(use: Use, x: Tensor, keys: list[Any]) -> Tensor:
    """Return `x[keys]`, where the first key is that of the batch."""
    if any(isinstance(key, list | Array) or is_tensor(key) for key in keys):
        raise MixesSamplesError
    rank = len(use.shape(x))
    used = sum(key is not None and key is not ... for key in keys)
    if used > rank:
        raise use.refuse("it has more subscripts than axes")
    dots = [at for at, key in enumerate(keys) if isinstance(key, EllipsisType)]
    at = dots[0] if dots else len(keys)
    full = [*keys[:at], *[slice(None)] * (rank - used), *keys[at + 1 :]]
    if full[0] is None or not (isinstance(full[0], slice) and full[0] == slice(None, full[0].stop, full[0].step)):
        raise MixesSamplesError
    if full[0].stop is not None or full[0].step not in (None, 1):
        raise MixesSamplesError
    axis, found = 1, x
    for key in full[1:]:
        if key is None:
            found, axis = use.add("Unsqueeze", found, axis=[axis]), axis + 1
        elif type(key) is int:
            found = use.add("Select", found, index=key, axis=axis)
        else:
            found, axis = _cut(use, found, key, axis), axis + 1
    return use.add("Identity", found) if found is x else found


def _cut(use: Use, x: Tensor, key: slice, axis: int) -> Tensor:
    step = 1 if key.step is None else key.step
    whole = key.start in (None, 0) and key.stop is None
    if whole and step == 1:
        return x
    if step < 0:
        if key.start is not None or key.stop is not None:
            raise MixesSamplesError
        x = use.add("Flip", x, axis=[axis])
        return x if step == -1 else use.add("Slice", x, axis=axis, step=-step)
    return use.add("Slice", x, axis=axis, start=key.start or 0, stop=key.stop, step=step)


def taken(use: Use) -> Made:
    """`Take`: fixed places of an axis, or those that a tensor names of a table of numbers."""
    places = argument(use, 1, "indices")
    (axis,) = axes(use)
    if type(places) is int:
        return use.add("Select", use.x, index=places, axis=axis)
    if is_tensor(places) or not isinstance(places, list | Array):
        raise MixesSamplesError
    shape = places.shape if isinstance(places, Array) else lengths(places)
    given = use.shape()[1:]
    return use.add(Custom(output_shape=[*given[: axis - 1], *shape, *given[axis:]], params=0, macs=0), use.x)

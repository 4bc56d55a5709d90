"""Changes of shape, and reductions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.importers.keras.operations import MixesSamplesError
from archinspect.importers.tflite.operators.elements import operand

if TYPE_CHECKING:
    from archinspect.graph.graph import Tensor as Made
    from archinspect.importers.tflite.operators.base import Add, Step


def reshape(step: Step) -> Made:
    """`RESHAPE`, `SQUEEZE`, `EXPAND_DIMS`: the file has the shape."""
    given, made = step.use.net.shapes[step.use.x], step.made[0].shape
    if given[:1] != made[:1]:
        raise MixesSamplesError
    return step.use.add("Reshape", step.use.x, target_shape=[*made[1:]])


def transpose(step: Step) -> Made:
    """`TRANSPOSE`."""
    return step.call("Transpose", axes=step.numbers(1))  # type: ignore[no-any-return] # a tensor


def reduced(name: str) -> Add:
    """Return the function of a reduction."""
    return lambda step: step.call(name, step.use.x, axis=step.numbers(1), keepdims=bool(step.whole(0, 1)))


def of_axis(name: str) -> Add:
    """Return the function of `ARG_MAX` and the like."""
    return lambda step: step.call(name, step.use.x, axis=step.numbers(1)[0])


def concatenated(step: Step) -> Made:
    """`CONCATENATION`."""
    rank = len(step.made[0].shape)
    parts = [operand(step, at, rank) for at in range(len(step.reads))]
    if not all(hasattr(part, "producer") for part in parts):
        raise MixesSamplesError
    axis = step.whole(0) % rank
    if axis == 0:
        raise MixesSamplesError
    return step.fused(step.use.add("Concatenate", *parts, axis=axis), 1)


def padded(step: Step) -> Made:
    """`PAD`, `MIRROR_PAD`."""
    flat = step.numbers(1)
    pairs = [flat[at : at + 2] for at in range(0, len(flat), 2)]
    return step.call("Pad", step.use.x, pad_width=pairs)  # type: ignore[no-any-return] # a tensor


def sliced(step: Step) -> Made:
    """`STRIDED_SLICE`."""
    begins, ends, steps = (step.numbers(at) for at in (1, 2, 3))
    masks = [step.whole(at) for at in range(5)]
    if masks[2]:
        raise MixesSamplesError
    keys: list[Any] = []
    for at, (begin, end, stride) in enumerate(zip(begins, ends, steps, strict=True)):
        bit = 1 << at
        if masks[3] & bit:
            keys.append(None)
        elif masks[4] & bit:
            keys.append(begin)
        else:
            first = None if masks[0] & bit or (at == 0 and begin == 0) else begin
            last = None if masks[1] & bit or (at == 0 and end == step.tensor(0).shape[0]) else end
            keys.append(slice(first, last, None if stride == 1 else stride))
    return step.call("GetItem", step.use.x, keys)  # type: ignore[no-any-return] # a tensor


def cut(step: Step) -> Made:
    """`SLICE`."""
    begins, sizes = step.numbers(1), step.numbers(2)
    whole = step.tensor(0).shape
    keys = [
        slice(begin or None, None if size in (-1, full - begin) else begin + size)
        for begin, size, full in zip(begins, sizes, whole, strict=True)
    ]
    return step.call("GetItem", step.use.x, keys)  # type: ignore[no-any-return] # a tensor


def split(step: Step) -> tuple[Made, ...]:
    """`SPLIT`, whose first input is the axis."""
    found = step.call("Split", step.use.x, indices_or_sections=len(step.made), axis=step.numbers(0)[0])
    return found if isinstance(found, tuple) else (found,)


def split_sizes(step: Step) -> tuple[Made, ...]:
    """`SPLIT_V`."""
    axis = step.numbers(2)[0] % len(step.use.shape())
    if axis == 0:
        raise MixesSamplesError
    return step.use.add_all("Split", step.use.x, sizes=[one.shape[axis] for one in step.made], axis=axis)


def tiled(step: Step) -> Made:
    """`TILE`."""
    return step.call("Tile", step.use.x, repeats=step.numbers(1))  # type: ignore[no-any-return] # a tensor


def broadcast(step: Step) -> Made:
    """`BROADCAST_TO`."""
    return step.use.add("Expand", step.use.x, target_shape=[*step.made[0].shape[1:]])


def stacked(step: Step) -> Made:
    """`PACK`."""
    return step.call("Stack", *step.use.inputs, axis=step.whole(1))  # type: ignore[no-any-return] # a tensor


def unstacked(step: Step) -> tuple[Made, ...]:
    """`UNPACK`."""
    return step.call("Unstack", step.use.x, axis=step.whole(1))  # type: ignore[no-any-return] # tensors


def flipped(step: Step) -> Made:
    """`REVERSE_V2`."""
    return step.call("Flip", step.use.x, axis=step.numbers(1))  # type: ignore[no-any-return] # a tensor


def shuffled(name: str) -> Add:
    """Return the function of `DEPTH_TO_SPACE` and its reverse."""
    return lambda step: step.call(name, step.use.x, block_size=step.whole(0))


def one_hot(step: Step) -> Made:
    """`ONE_HOT`."""
    return step.use.add("OneHot", step.use.x, num_classes=step.made[0].shape[-1])

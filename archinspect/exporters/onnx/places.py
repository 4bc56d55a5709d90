"""Axes that come, go and change places; what integers name the places of; tensors of fixed numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from archinspect.base.shape import normal_axes, normal_axis
from archinspect.exporters.onnx.tensors import constant, read_as
from archinspect.exporters.onnx.writer import Value
from archinspect.exporters.orders import spec_order

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.exporters.onnx.use import Use

BEYOND = -(2**31)
"""A place that is before the first of any axis."""


def in_spec(write: Callable[[Use, str], str]) -> Callable[[Use], Value]:
    """Return the translation of an operator that reads its input, and gives its output, in the spec's order."""

    def translate(use: Use) -> Value:
        return Value(write(use, use.spec()), spec_order(len(use.output)))

    return translate


@in_spec
def squeeze(use: Use, name: str) -> str:
    """`Squeeze`."""
    return use.emit("Squeeze", name, use.ints(*normal_axes(use.op.axis, len(use.shape))))


@in_spec
def unsqueeze(use: Use, name: str) -> str:
    """`Unsqueeze`."""
    return use.emit("Unsqueeze", name, use.ints(*use.op.axes(len(use.shape))))


@in_spec
def expand(use: Use, name: str) -> str:
    """`Expand`."""
    missing = len(use.output) - len(use.shape)
    wide = use.emit("Unsqueeze", name, use.ints(*range(1, 1 + missing))) if missing else name
    return use.emit("Expand", wide, use.ints(1, *use.output[1:]))


@in_spec
def tile(use: Use, name: str) -> str:
    """`Tile`."""
    return use.emit("Tile", name, use.ints(1, *use.op.repeats))


@in_spec
def repeat(use: Use, name: str) -> str:
    """`Repeat`: copies along an axis of their own."""
    axis, rank = normal_axis(use.op.axis, len(use.shape)), len(use.shape)
    wide = use.emit("Unsqueeze", name, use.ints(axis + 1))
    copies = use.emit("Expand", wide, use.ints(*(use.op.repeats if at == axis + 1 else 1 for at in range(rank + 1))))
    return use.reshape(copies, *use.output[1:])


def stack(use: Use) -> Value:
    """`Stack`."""
    axis = normal_axis(use.op.axis, len(use.output))
    parts = [use.emit("Unsqueeze", use.spec(index), use.ints(axis)) for index in range(len(use.shapes))]
    return Value(use.emit("Concat", *parts, axis=axis), spec_order(len(use.output)))


@in_spec
def flip(use: Use, name: str) -> str:
    """`Flip`: a slice from the end to the beginning."""
    axes = normal_axes(use.op.axis, len(use.shape))
    start, stop, step = ([number] * len(axes) for number in (-1, BEYOND, -1))
    return use.emit("Slice", name, use.ints(*start), use.ints(*stop), use.ints(*axes), use.ints(*step))


@in_spec
def reorder(use: Use, name: str) -> str:
    """`SwapAxes` and `MoveAxis`."""
    return use.emit("Transpose", name, perm=use.op.order(len(use.shape)))


def triangle(*, upper: bool) -> Callable[[Use], Value]:
    """Return the translation of one side of a diagonal."""
    return in_spec(lambda use, name: use.emit("Trilu", name, use.index(use.op.diagonal), upper=int(upper)))


def index(use: Use, number: int) -> str:
    """Return an input as integers; all are read in their own types."""
    read_as(use, *use.dtypes)
    name = use.spec(number)
    return name if use.dtypes[number] in ("int32", "int64") else use.cast(name, "int64")


def gather(use: Use) -> Value:
    """`Gather`."""
    places = use.emit("Squeeze", index(use, 1), use.ints(0))
    axis = normal_axis(use.op.axis, len(use.shape))
    return Value(use.emit("Gather", use.spec(), places, axis=axis), spec_order(len(use.output)))


def look_up(use: Use) -> Value:
    """`EmbeddingLookup`."""
    places = index(use, 0)
    table = use.emit("Squeeze", use.spec(1), use.ints(0))
    return Value(use.emit("Gather", table, places, axis=0), spec_order(len(use.output)))


def take(use: Use) -> Value:
    """`TakeAlongAxis`."""
    places = index(use, 1)
    if use.shapes[1][1:] != use.output[1:]:
        places = use.emit("Expand", places, use.ints(1, *use.output[1:]))
    axis = normal_axis(use.op.axis, len(use.shape))
    return Value(use.emit("GatherElements", use.spec(), places, axis=axis), spec_order(len(use.output)))


def scatter(use: Use) -> Value:
    """`ScatterAdd`: elements added to zeros, each with the place of its position."""
    places = index(use, 1)
    rank = len(use.shape)
    axis = normal_axis(use.op.axis, rank)
    others = [at for at in range(1, rank) if at != axis]
    wide = use.emit("Unsqueeze", places, use.ints(*others)) if others else places
    each = use.emit("Expand", wide, use.ints(1, *use.shape[1:]))
    value = helper.make_tensor("value", use.writer.type(use.dtypes[0]), [1], [0])
    zero = use.emit("ConstantOfShape", use.ints(1, *use.output[1:]), value=value)
    zeros = use.for_each_sample(zero, (1, *use.output[1:]), use.dtypes[0])
    found = use.emit("ScatterElements", zeros, each, use.spec(), axis=axis, reduction="add")
    return Value(found, spec_order(rank))


def one_hot(use: Use) -> Value:
    """`OneHot`."""
    both = [constant(use, number, "float32") for number in (0, 1)]  # of few other types is there a program
    values = use.emit("Concat", *(use.emit("Unsqueeze", one, use.ints(0)) for one in both), axis=0)
    found = use.emit("OneHot", index(use, 0), use.index(use.op.num_classes), values, axis=-1)
    found = found if use.op.dtype in ("float", "float32") else use.cast(found, use.op.dtype)
    return Value(found, spec_order(len(use.output)))


def arange(use: Use) -> Value:
    """`Arange`: int64, and then its own type."""
    bounds = [use.index(number) for number in (use.op.start, use.op.stop, use.op.step)]
    found = use.emit("Range", *bounds)
    found = found if use.op.dtype == "int64" else use.cast(found, use.op.dtype)
    return Value(use.emit("Unsqueeze", found, use.ints(0)), (0, 1))


def fill(use: Use) -> Value:
    """`Fill`."""
    dtype = use.writer.type(use.op.dtype)
    number = np.array(use.op.value).astype(helper.tensor_dtype_to_np_dtype(dtype))
    value = helper.make_tensor("value", dtype, [1], [number.item()])
    found = use.emit("ConstantOfShape", use.ints(1, *use.output[1:]), value=value)
    return Value(found, spec_order(len(use.output)))


OPERATORS: dict[str, Callable[[Use], Value]] = {
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Expand": expand,
    "Tile": tile,
    "Repeat": repeat,
    "Stack": stack,
    "Flip": flip,
    "SwapAxes": reorder,
    "MoveAxis": reorder,
    "Tril": triangle(upper=False),
    "Triu": triangle(upper=True),
    "Gather": gather,
    "EmbeddingLookup": look_up,
    "TakeAlongAxis": take,
    "ScatterAdd": scatter,
    "OneHot": one_hot,
    "Arange": arange,
    "Fill": fill,
}

"""Operators of sequences, and of values that may be missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.onnx.rules.moves import MAX_PARTS
from archinspect.importers.onnx.values import OpenError, RuleError, Step, Value, axis_of

if TYPE_CHECKING:
    from collections.abc import Callable


def sequence(use: Step) -> list[Value]:
    """`SequenceConstruct`, `SequenceEmpty`."""
    items = [value for value in use.inputs if value is not None]
    return [_sequence(use, items)]


def _sequence(use: Step, items: list[Value]) -> Value:
    made = use.make(items[0].dims if items else (), items[0].dtype if items else "float")
    made.items = items
    return made


def _items(use: Step, at: int = 0) -> list[Value]:
    items = use.input(at).items
    if items is None:
        raise OpenError("what the sequence holds is not known")
    return items


def inserted(use: Step) -> list[Value]:
    """`SequenceInsert`."""
    items = list(_items(use))
    where = use.data(2) if use.has(2) else [len(items)]
    if where is None:
        raise OpenError("a position follows from data")
    items.insert(where[0], use.input(1))
    return [_sequence(use, items)]


def erased(use: Step) -> list[Value]:
    """`SequenceErase`."""
    items = list(_items(use))
    where = use.data(1) if use.has(1) else [-1]
    if where is None or not items:
        raise OpenError("a position follows from data")
    del items[where[0]]
    return [_sequence(use, items)]


def taken_from(use: Step) -> list[Value]:
    """`SequenceAt`."""
    items, where = _items(use), use.data(1)
    if not items:
        raise RuleError("the sequence is empty")
    same = len({value.dims for value in items}) == 1
    chosen = items[where[0]] if where is not None else items[0]
    return [use.make(chosen.dims, chosen.dtype, sure=where is not None or same)]


def length_of(use: Step) -> list[Value]:
    """`SequenceLength`."""
    return [use.make((), "int64", [len(_items(use))])]


def to_sequence(use: Step) -> list[Value]:
    """`SplitToSequence`."""
    dims = use.shape()
    axis = axis_of(use.attribute("axis", 0), len(dims))
    sizes = use.data(1) if use.has(1) else None
    if use.has(1) and sizes is None:
        raise OpenError("its sizes follow from data")
    length, keeps = dims[axis], use.attribute("keepdims", 1)
    if length > MAX_PARTS:
        raise RuleError(f"it has {length:,} parts")
    if sizes is None:
        sizes = [1] * length
    elif use.shape(1) == ():
        part = max(sizes[0], 1)
        sizes, keeps = [min(part, length - start) for start in range(0, length, part)], 1
    else:
        keeps = 1
    parts = [use.make((*dims[:axis], *((size,) if keeps else ()), *dims[axis + 1 :])) for size in sizes]
    return [_sequence(use, parts)]


def from_sequence(use: Step) -> list[Value]:
    """`ConcatFromSequence`."""
    items = _items(use)
    if not items:
        raise RuleError("the sequence is empty")
    dims, new = items[0].dims, use.attribute("new_axis", 0)
    axis = axis_of(use.attribute("axis", 0), len(dims) + new)
    if new:
        return [use.make((*dims[:axis], len(items), *dims[axis:]))]
    return [use.make((*dims[:axis], sum(item.dims[axis] for item in items), *dims[axis + 1 :]))]


def optional(use: Step) -> list[Value]:
    """Return what is in an optional value."""
    if not use.has(0):
        return [use.make((), sure=False)]
    value = use.input(0)
    made = use.make(value.dims, value.dtype, value.data, sure=value.sure)
    made.items = value.items
    return [made]


def has_element(use: Step) -> list[Value]:
    """`OptionalHasElement`."""
    return [use.make((), "bool", [use.has(0)])]


RULES: dict[str, Callable[[Step], list[Value]]] = {
    "SequenceConstruct": sequence,
    "SequenceEmpty": sequence,
    "SequenceInsert": inserted,
    "SequenceErase": erased,
    "SequenceAt": taken_from,
    "SequenceLength": length_of,
    "SplitToSequence": to_sequence,
    "ConcatFromSequence": from_sequence,
    "Optional": optional,
    "OptionalGetElement": optional,
    "OptionalHasElement": has_element,
}

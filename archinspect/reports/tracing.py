"""Operators whose integer arguments are traced, by the names that formulas call them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from archinspect.base.shape import axis_names
from archinspect.base.symbolic.traced import Number, named
from archinspect.ops.computed import Computed, expressions

if TYPE_CHECKING:
    from archinspect.ops.base import Op


# What arguments are called in formulas, where their own name would read badly with an axis after it.
_SHORT = {
    "kernel_size": "kernel",
    "pool_size": "pool",
    "strides": "stride",
    "dilation_rate": "dilation",
    "padding": "pad",
    "cropping": "crop",
    "size": "factor",
}
_SIDES = {1: (("before", "after"),), 2: (("top", "bottom"), ("left", "right"))}
_SIDES[3] = (("front", "back"), *_SIDES[2])


def traced_op(op: Op) -> Op:
    """Return the operator with its integer arguments traced, but those that have no effect: a stride of 1."""
    copy = object.__new__(type(op))
    given = op.given()
    vars(copy).update(
        {name: _traced_argument(op, name, value, is_given=name in given) for name, value in vars(op).items()}
    )
    return copy


def _traced_argument(op: Op, name: str, value: object, *, is_given: bool) -> object:
    if expressions(value):
        parts = value if isinstance(value, tuple) else (value,)
        traced = tuple([_traced_expression(part) if isinstance(part, Computed) else part for part in parts])
        return traced if isinstance(value, tuple) else traced[0]
    # Of a single axis a kernel's size has to be told from the kernel.
    short = name if op.rank == 1 and name.endswith("_size") else _SHORT.get(name, name)
    if _is_int(value):
        return named(cast("int", value), short) if is_given or value not in (0, 1) else value
    if not isinstance(value, tuple) or len(value) != op.rank:
        return value
    if all(map(_is_int, value)):
        return value if not is_given and set(value) <= {0, 1} else tuple(map(named, value, axis_names(short, op.rank)))
    if all(isinstance(pair, tuple) for pair in value):
        sides = _SIDES[op.rank]
        return tuple(
            tuple(_side(n, f"{short}_{side}") for n, side in zip(*both, strict=True))
            for both in zip(value, sides, strict=True)
        )
    return value


def _traced_expression(value: Computed) -> Computed:
    names = {
        name: named(cast("int", number), name) if _is_int(number) else number for name, number in value.names.items()
    }
    return Computed(value.text, names, value.evaluate)


def _side(count: int, name: str) -> Number:
    return named(count, name) if count else 0


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)

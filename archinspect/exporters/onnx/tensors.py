"""What tensor programs are made of: functions of each element, comparisons, reductions, moves, look-ups."""

from __future__ import annotations

from functools import reduce
from math import log
from typing import TYPE_CHECKING

import numpy as np

from archinspect.base.shape import normal_axes, normal_axis, size
from archinspect.exporters.onnx.elements import written_out
from archinspect.exporters.onnx.merges import joined, lined_up
from archinspect.exporters.onnx.moves import reduced, without
from archinspect.exporters.onnx.writer import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.exporters.onnx.use import Use
    from archinspect.exporters.orders import Order


def function(*kinds: str) -> Callable[[Use], Value]:
    """Return the translation to one operator of ONNX, or to several one after another."""

    def write(use: Use, name: str) -> str:
        found = as_floats(use, name)
        for kind in kinds:
            found = use.emit(kind, found)
        return found

    return written_out(write)


def of_numbers(kind: str, of_integers: str = "") -> Callable[[Use], Value]:
    """Return the translation to an operator that gives integers of integers, or to another one for these."""
    return written_out(lambda use, name: use.emit(kind if is_float(use) else of_integers or kind, name))


def is_float(use: Use) -> bool:
    """Return whether the first input has a type of floats."""
    return "float" in use.dtypes[0]


def as_floats(use: Use, name: str) -> str:
    """Return an input as floats, which it may be already."""
    return name if is_float(use) else use.cast(name, "float")


def number(use: Use, value: float) -> str:
    """Return a constant in the first input's type."""
    return constant(use, value, use.dtypes[0])


def constant(use: Use, value: float, dtype: str) -> str:
    """Return a constant of a type."""
    return use.number(value) if dtype == "float" else use.writer.constant(np.array(value, dtype))


@written_out
def square(use: Use, name: str) -> str:
    """`Square`."""
    return use.emit("Mul", name, name)


@written_out
def log1p(use: Use, name: str) -> str:
    """`Log1p`."""
    return use.emit("Log", use.emit("Add", as_floats(use, name), use.number(1)))


@written_out
def expm1(use: Use, name: str) -> str:
    """`Expm1`."""
    return use.emit("Sub", use.emit("Exp", as_floats(use, name)), use.number(1))


def log_to(base: int) -> Callable[[Use], Value]:
    """Return the translation of a logarithm to a base."""
    return written_out(
        lambda use, name: use.emit("Mul", use.emit("Log", as_floats(use, name)), use.number(1 / log(base)))
    )


@written_out
def trunc(use: Use, name: str) -> str:
    """`Trunc`: of floats the sign of the next whole number below the value without it."""
    if not is_float(use):
        return use.emit("Identity", name)
    return use.emit("Mul", use.emit("Sign", name), use.emit("Floor", use.emit("Abs", name)))


@written_out
def clip(use: Use, name: str) -> str:
    """`Clip`."""
    dtype = use.op.output_dtype(use.dtypes[0])
    given = name if dtype == use.dtypes[0] else use.cast(name, dtype)
    bounds = ["" if bound is None else constant(use, bound, dtype) for bound in (use.op.min_value, use.op.max_value)]
    return use.emit("Clip", given, *(bounds if bounds[1] else bounds[:1]))


@written_out
def logical_not(use: Use, name: str) -> str:
    """`LogicalNot`."""
    return use.emit("Not", name) if use.dtypes[0] == "bool" else use.emit("Equal", name, number(use, 0))


@written_out
def cast(use: Use, name: str) -> str:
    """`Cast`."""
    return use.cast(name, use.op.dtype)


def compared(*kinds: str) -> Callable[[Use], Value]:
    """Return the translation of a comparison of two inputs, or of one with a number."""

    def translate(use: Use) -> Value:
        value = getattr(use.op, "value", None)
        whole = value is None or value.is_integer()
        read_as(use, *[common(use.dtypes if whole else [*use.dtypes, "float"])] * len(use.shapes))
        names, order = lined_up(use)
        found = use.emit(kinds[0], *names, *([] if value is None else [constant(use, value, use.reads[0])]))
        for kind in kinds[1:]:
            found = use.emit(kind, found)
        return Value(found, order)

    return translate


def common(dtypes: Sequence[str]) -> str:
    """Return the type in which tensors of these types meet: floats where there are any."""
    return next((dtype for dtype in dtypes if "float" in dtype), dtypes[0])


def read_as(use: Use, *dtypes: str) -> None:
    """Have inputs read as these types."""
    use.reads = [*dtypes]


def logic(kind: str) -> Callable[[Use], Value]:
    """Return the translation of an operator that joins truth values."""

    def translate(use: Use) -> Value:
        read_as(use, *["bool"] * len(use.shapes))
        names, order = lined_up(use)
        return Value(reduce(lambda one, other: use.emit(kind, one, other), names), order)

    return translate


def power(use: Use) -> Value:
    """`Power`."""
    exponent = use.op.exponent
    if exponent is None:
        names, order = lined_up(use)
        return Value(use.emit("Pow", *names), order)
    dtype = common([use.dtypes[0]] if exponent.is_integer() else [use.dtypes[0], "float"])
    read_as(use, dtype)
    name, order = use.given()
    return Value(use.emit("Pow", name, constant(use, exponent, dtype)), order)


def where(use: Use) -> Value:
    """`Where`."""
    dtype = common(use.dtypes[1:])
    read_as(use, "bool", dtype, dtype)
    names, order = lined_up(use)
    return Value(use.emit("Where", *names), order)


def masked_fill(use: Use) -> Value:
    """`MaskedFill`."""
    read_as(use, use.dtypes[0], "bool")
    (given, mask), order = lined_up(use)
    value = -np.inf if use.op.value is None else use.op.value
    return Value(use.emit("Where", mask, constant(use, value, use.dtypes[0]), given), order)


def places_of(use: Use, order: Order) -> tuple[str, list[int]]:
    """Return the axes of a reduction as a value has them, as a constant, and as the spec has them."""
    axes = normal_axes(use.op.axis, len(order))
    return use.ints(*(order.index(axis) for axis in axes)), [*axes]


def left(use: Use, order: Order, axes: list[int]) -> Order:
    """Return the order of what a reduction leaves."""
    return order if use.op.keepdims else without(order, axes)


def of_floats(kind: str) -> Callable[[Use], Value]:
    """Return the translation of a reduction of floats."""

    def translate(use: Use) -> Value:
        name, order = use.given()
        places, axes = places_of(use, order)
        found = use.emit(kind, as_floats(use, name), places, keepdims=int(use.op.keepdims))
        return Value(found, left(use, order, axes))

    return translate


def deviation(*then: str) -> Callable[[Use], Value]:
    """Return the translation of a variance, and what is computed of it."""

    def translate(use: Use) -> Value:
        given, order = use.given()
        name = as_floats(use, given)
        places, axes = places_of(use, order)
        apart = use.emit("Sub", name, use.emit("ReduceMean", name, places, keepdims=1))
        found = use.emit("ReduceMean", use.emit("Mul", apart, apart), places, keepdims=int(use.op.keepdims))
        count = size(use.shape) // size(use.output)
        if use.op.correction:
            found = use.emit("Mul", found, use.number(count / (count - use.op.correction)))
        for kind in then:
            found = use.emit(kind, found)
        return Value(found, left(use, order, axes))

    return translate


def truth(kind: str) -> Callable[[Use], Value]:
    """Return the translation of what truth values come to: of 0 and 1 the largest or the smallest."""

    def translate(use: Use) -> Value:
        read_as(use, "bool")
        name, order = use.given()
        places, axes = places_of(use, order)
        found = use.emit(kind, use.cast(name, "int32"), places, keepdims=int(use.op.keepdims))
        return Value(use.cast(found, "bool"), left(use, order, axes))

    return translate


def place(kind: str) -> Callable[[Use], Value]:
    """Return the translation of the place of an extreme element."""

    def translate(use: Use) -> Value:
        name, order = use.given()
        axis = normal_axis(use.op.axis, len(order))
        found = use.emit(kind, name, axis=order.index(axis), keepdims=int(use.op.keepdims))
        return Value(found, left(use, order, [axis]))

    return translate


def so_far(use: Use) -> Value:
    """Return what a sum or product so far reads: truth values as integers."""
    read_as(use, "int64" if use.dtypes[0] == "bool" else use.dtypes[0])
    return use.given()


def cum_sum(use: Use) -> Value:
    """`CumSum`."""
    name, order = so_far(use)
    return Value(use.emit("CumSum", name, use.index(use.axis(use.op.axis, order))), order)


def cum_prod(use: Use) -> Value:
    """`CumProd`: each element times the product that ends 1, then 2, 4, 8 places before it."""
    name, order = so_far(use)
    at, rank = use.axis(use.op.axis, order), len(order)
    length, step = use.shape[order[at]], 1
    while step < length:
        before = use.emit("Slice", name, use.ints(0), use.ints(length - step), use.ints(at))
        pads = [step if axis == at else 0 for axis in range(2 * rank)]
        name = use.emit("Mul", name, use.emit("Pad", before, use.ints(*pads), constant(use, 1, use.reads[0])))
        step *= 2
    return Value(name, order)


def sort(use: Use) -> list[Value]:
    """`Sort`: as many of the largest, or the smallest, as there are."""
    name, order = use.given()
    at = use.axis(use.op.axis, order)
    how = {"axis": at, "largest": int(use.op.descending), "sorted": 1}
    return [Value(found, order) for found in use.several("TopK", 2, name, use.ints(use.shape[order[at]]), **how)]


OPERATORS: dict[str, Callable[[Use], Value | list[Value]]] = {
    "Sqrt": function("Sqrt"),
    "Rsqrt": function("Sqrt", "Reciprocal"),
    "Square": square,
    "Abs": of_numbers("Abs"),
    "Log": function("Log"),
    "Log1p": log1p,
    "Expm1": expm1,
    "Sin": function("Sin"),
    "Cos": function("Cos"),
    "Erf": function("Erf"),
    "Reciprocal": function("Reciprocal"),
    "Negative": of_numbers("Neg"),
    "Sign": of_numbers("Sign"),
    "Floor": of_numbers("Floor", "Identity"),
    "Ceil": of_numbers("Ceil", "Identity"),
    "Round": of_numbers("Round", "Identity"),
    "Clip": clip,
    "Log2": log_to(2),
    "Log10": log_to(10),
    **{name: function(name) for name in ("Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh")},
    "Trunc": trunc,
    "LogicalNot": logical_not,
    "Cast": cast,
    "Divide": joined("Div"),
    "Power": power,
    "Equal": compared("Equal"),
    "NotEqual": compared("Equal", "Not"),
    "GreaterThan": compared("Greater"),
    "GreaterEqual": compared("GreaterOrEqual"),
    "LessThan": compared("Less"),
    "LessEqual": compared("LessOrEqual"),
    "LogicalAnd": logic("And"),
    "LogicalOr": logic("Or"),
    "LogicalXor": logic("Xor"),
    "Where": where,
    "MaskedFill": masked_fill,
    "ReduceMin": reduced("ReduceMin"),
    "ReduceProd": reduced("ReduceProd"),
    "ReduceVar": deviation(),
    "ReduceStd": deviation("Sqrt"),
    "ReduceL1": of_floats("ReduceL1"),
    "ReduceL2": of_floats("ReduceL2"),
    "ReduceLogSumExp": of_floats("ReduceLogSumExp"),
    "ReduceAny": truth("ReduceMax"),
    "ReduceAll": truth("ReduceMin"),
    "ArgMax": place("ArgMax"),
    "ArgMin": place("ArgMin"),
    "CumSum": cum_sum,
    "CumProd": cum_prod,
    "Sort": sort,
}

"""What tensor programs are made of: functions of each element, comparisons, reductions, moves, look-ups."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import numpy as np

from archinspect.exporters.onnx.elements import written_out
from archinspect.exporters.onnx.merges import joined, lined_up
from archinspect.exporters.onnx.writer import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.exporters.onnx.use import Use


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


@written_out
def clip(use: Use, name: str) -> str:
    """`Clip`."""
    bounds = ["" if bound is None else number(use, bound) for bound in (use.op.min_value, use.op.max_value)]
    return use.emit("Clip", name, *(bounds if bounds[1] else bounds[:1]))


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


OPERATORS: dict[str, Callable[[Use], Value]] = {
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
    "LogicalNot": logical_not,
    "Cast": cast,
    "Divide": joined("Div"),
    "Power": power,
    "Equal": compared("Equal"),
    "NotEqual": compared("Equal", "Not"),
    "Greater": compared("Greater"),
    "GreaterEqual": compared("GreaterOrEqual"),
    "Less": compared("Less"),
    "LessEqual": compared("LessOrEqual"),
    "LogicalAnd": logic("And"),
    "LogicalOr": logic("Or"),
    "LogicalXor": logic("Xor"),
    "Where": where,
    "MaskedFill": masked_fill,
}

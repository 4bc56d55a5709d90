"""What tensor programs are made of, as expressions of `keras.ops`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from archinspect.exporters.code import Raw, Step, code

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.exporters.keras.use import Use

_FUNCTIONS = {
    **{name: name.lower() for name in ("Sqrt", "Rsqrt", "Square", "Abs", "Log", "Log1p", "Expm1", "Sin", "Cos", "Erf")},
    **{name: name.lower() for name in ("Reciprocal", "Negative", "Sign", "Floor", "Ceil", "Round")},
    "LogicalNot": "logical_not",
}


def _function(use: Use, name: str) -> Step:
    """Return a function of each element."""
    del use
    return Step(code(f"ops.{name}({{0}})"))


def _clip(use: Use) -> Step:
    """Return a value within bounds."""
    op: Any = use.op
    if op.max_value is None:
        return Step(code("ops.maximum({0}, {low})", low=op.min_value))
    if op.min_value is None:
        return Step(code("ops.minimum({0}, {high})", high=op.max_value))
    return Step(code("ops.clip({0}, {low}, {high})", low=op.min_value, high=op.max_value))


def _cast(use: Use) -> Step:
    """Return another data type."""
    return Step(code("ops.cast({0}, {dtype})", dtype=_dtype(use)))


def _dtype(use: Use) -> Any:  # noqa: ANN401 - a name, or what gives it
    """Return the data type of the first output as Keras has it."""
    dtype = use.call.outputs[0].dtype
    if dtype == "float8":
        raise use.refuse("Keras has two types of 8-bit floats, and the spec says none of them")
    return Raw("keras.config.floatx()") if dtype == "float" else dtype


_OF_SEVERAL = {
    "Divide": "divide",
    "Power": "power",
    "Equal": "equal",
    "NotEqual": "not_equal",
    "Greater": "greater",
    "GreaterEqual": "greater_equal",
    "Less": "less",
    "LessEqual": "less_equal",
    "LogicalAnd": "logical_and",
    "LogicalOr": "logical_or",
    "LogicalXor": "logical_xor",
}


def _of_several(use: Use, name: str) -> Step:
    """Return inputs joined two at a time, or one with a number."""
    op: Any = use.op
    if len(use.shapes) == 1:
        value = op.exponent if name == "power" else op.value
        return Step(code(f"ops.{name}({{0}}, {{value}})", value=value))
    text, *others = _lined_up(use)
    for other in others:
        text = f"ops.{name}({text}, {other})"
    return Step(code(text))


def _lined_up(use: Use) -> list[str]:
    """Return all inputs with as many axes as that of most has."""
    rank = max(map(len, use.shapes))
    return [
        f"{{{index}}}" + (f"[:, {', '.join(['None'] * (rank - len(shape)))}]" if len(shape) < rank else "")
        for index, shape in enumerate(use.shapes)
    ]


def _where(use: Use) -> Step:
    """Return the elements of one tensor or of another."""
    return Step(code(f"ops.where({', '.join(_lined_up(use))})"))


def _masked_fill(use: Use) -> Step:
    """Return a number in the place of some elements."""
    op: Any = use.op
    given, mask = _lined_up(use)
    value = Raw('float("-inf")') if op.value is None else op.value
    return Step(code(f"ops.where({mask}, {{value}}, {given})", value=value))


OPERATORS: dict[str, Callable[[Use], Step]] = {
    **{name: partial(_function, name=function) for name, function in _FUNCTIONS.items()},
    "Clip": _clip,
    "Cast": _cast,
    **{name: partial(_of_several, name=function) for name, function in _OF_SEVERAL.items()},
    "Where": _where,
    "MaskedFill": _masked_fill,
}
"""By the operator's name."""

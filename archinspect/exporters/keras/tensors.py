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


OPERATORS: dict[str, Callable[[Use], Step]] = {
    **{name: partial(_function, name=function) for name, function in _FUNCTIONS.items()},
    "Clip": _clip,
    "Cast": _cast,
}
"""By the operator's name."""

"""What tensor programs are made of, as expressions of `keras.ops`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from archinspect.base.shape import normal_axes, normal_axis, size
from archinspect.exporters.code import Raw, Step, code
from archinspect.exporters.keras.use import function

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.exporters.keras.use import Use

_FUNCTIONS = {
    **{name: name.lower() for name in ("Sqrt", "Rsqrt", "Square", "Abs", "Log", "Log1p", "Expm1", "Sin", "Cos", "Erf")},
    **{name: name.lower() for name in ("Reciprocal", "Negative", "Sign", "Floor", "Ceil", "Round")},
    **{name: name.lower() for name in ("Log2", "Log10", "Tan", "Sinh", "Cosh", "Trunc")},
    "Asin": "arcsin",
    "Acos": "arccos",
    "Atan": "arctan",
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
    return Step(code("ops.cast({0}, {dtype})", dtype=dtype_of(use)))


def dtype_of(use: Use) -> Any:  # noqa: ANN401 - a name, or what gives it
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
    "GreaterThan": "greater",
    "GreaterEqual": "greater_equal",
    "LessThan": "less",
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


def _reduction(use: Use, template: str, **values: Any) -> Step:  # noqa: ANN401 - of any argument
    """Return what elements along axes come to; the template has `{axes}` for the axes, and for what else is said."""
    op: Any = use.op
    axes = normal_axes(op.axis, len(use.shape))
    text = template.replace("{axes}", "axis={axis}" + (", keepdims=True" if op.keepdims else ""))
    return Step(code(text, axis=axes[0] if len(axes) == 1 else axes, **values))


def _deviation(use: Use, name: str) -> Step:
    """Return a variance or its root."""
    op: Any = use.op
    if not op.correction:
        return _reduction(use, f"ops.{name}({{0}}, {{axes}})")
    count = size(use.shape) // size(use.output)
    share = count / (count - op.correction)
    return _reduction(use, f"ops.{name}({{0}}, {{axes}}) * {{share}}", share=share if name == "var" else share**0.5)


def _place(use: Use, name: str) -> Step:
    """Return where an element is extreme."""
    op: Any = use.op
    keep = ", keepdims=True" if op.keepdims else ""
    axis = normal_axis(op.axis, len(use.shape))
    return Step(code(f'ops.cast(ops.{name}({{0}}, axis={{axis}}{keep}), "int64")', axis=axis))


def _so_far(use: Use, name: str) -> Step:
    """Return what elements so far come to."""
    op: Any = use.op
    given = 'ops.cast({0}, "int64")' if use.call.inputs[0].dtype == "bool" else "{0}"
    return Step(code(f"ops.{name}({given}, axis={{axis}})", axis=normal_axis(op.axis, len(use.shape))))


def _sort(use: Use) -> Step:
    """Return the elements in order, and where they were: as many of the largest, or the smallest, as there are."""
    op: Any = use.op
    axis = normal_axis(op.axis, len(use.shape))
    options = "" if op.descending else ", largest=False"
    return function("top_k", f"{{0}}, {{k}}, axis={{axis}}{options}", k=use.shape[axis], axis=axis)


_REDUCTIONS = {
    "ReduceMin": "ops.min({0}, {axes})",
    "ReduceProd": "ops.prod({0}, {axes})",
    "ReduceL1": "ops.sum(ops.abs({0}), {axes})",
    "ReduceL2": "ops.sqrt(ops.sum(ops.square({0}), {axes}))",
    "ReduceLogSumExp": "ops.logsumexp({0}, {axes})",
    "ReduceAny": "ops.any({0}, {axes})",
    "ReduceAll": "ops.all({0}, {axes})",
}


OPERATORS: dict[str, Callable[[Use], Step]] = {
    **{name: partial(_function, name=function) for name, function in _FUNCTIONS.items()},
    "Clip": _clip,
    "Cast": _cast,
    **{name: partial(_of_several, name=function) for name, function in _OF_SEVERAL.items()},
    "Where": _where,
    "MaskedFill": _masked_fill,
    **{name: partial(_reduction, template=template) for name, template in _REDUCTIONS.items()},
    "ReduceVar": partial(_deviation, name="var"),
    "ReduceStd": partial(_deviation, name="std"),
    "ArgMax": partial(_place, name="argmax"),
    "ArgMin": partial(_place, name="argmin"),
    "CumSum": partial(_so_far, name="cumsum"),
    "CumProd": partial(_so_far, name="cumprod"),
    "Sort": _sort,
}
"""By the operator's name."""

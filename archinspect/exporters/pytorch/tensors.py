"""What tensor programs are made of: functions of each element, comparisons, reductions, moves, look-ups."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from archinspect.exporters.code import Raw, Step, code
from archinspect.exporters.orders import as_it_is, as_the_first, as_the_spec
from archinspect.exporters.pytorch.dtypes import dtype_of, own_type
from archinspect.exporters.pytorch.elementwise import lined_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.exporters.orders import Reads, Use

_METHODS = {
    **{name: name.lower() for name in ("Sqrt", "Rsqrt", "Square", "Abs", "Log", "Log1p", "Expm1", "Sin", "Cos", "Erf")},
    **{name: name.lower() for name in ("Reciprocal", "Sign", "Floor", "Ceil", "Round")},
    **{name: name.lower() for name in ("Log2", "Log10", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Trunc")},
    "Negative": "neg",
    "LogicalNot": "logical_not",
}


def _method(use: Use, name: str) -> Step:
    """Return a function of each element, which tensors have as a method."""
    del use
    return Step(code(f"{{0}}.{name}()"))


def _clip(use: Use) -> Step:
    """Return a value within bounds."""
    op: Any = use.op
    bounds = {"min": op.min_value, "max": op.max_value}
    given = {name: value for name, value in bounds.items() if value is not None}
    if "float" not in use.call.outputs[0].dtype:
        given = {name: _as_whole(value) for name, value in given.items()}
    return Step(code(f"{{0}}.clamp({', '.join(f'{name}={{{name}}}' for name in given)})", **given))


def _as_whole(value: float) -> float:
    """Return a number as an integer where it is one, so that PyTorch makes no floats of integers."""
    return int(value) if value.is_integer() else value


def _cast(use: Use) -> Step:
    """Return another data type."""
    return Step(code("{0}.to({dtype})", dtype=Raw(dtype_of(use))))


_COMPARISONS = {
    "Equal": "eq",
    "NotEqual": "ne",
    "GreaterThan": "gt",
    "GreaterEqual": "ge",
    "LessThan": "lt",
    "LessEqual": "le",
    "Divide": "div",
    "Power": "pow",
}


def _of_two(use: Use, name: str) -> Step:
    """Return a function of two inputs, or of one and a number."""
    op: Any = use.op
    if len(use.orders) == 1:
        value = _as_whole(op.exponent if name == "pow" else op.value)
        return Step(code(f"torch.{name}({{0}}, {{value}})", value=value))
    return Step(code(f"torch.{name}({{0}}{lined_up(use, 0)}, {{1}}{lined_up(use, 1)})"))


def _logic(use: Use, name: str) -> Step:
    """Return truth values joined two at a time."""
    text = f"{{0}}{lined_up(use, 0)}"
    for index in range(1, len(use.orders)):
        text = f"torch.{name}({text}, {{{index}}}{lined_up(use, index)})"
    return Step(code(text))


def _where(use: Use) -> Step:
    """Return the elements of one tensor or of another."""
    mask = _mask(use, 0)
    return Step(code(f"torch.where({mask}, {{1}}{lined_up(use, 1)}, {{2}}{lined_up(use, 2)})"))


def _masked_fill(use: Use) -> Step:
    """Return a number in the place of some elements."""
    op: Any = use.op
    value = Raw('float("-inf")') if op.value is None else op.value
    return Step(code(f"{{0}}{lined_up(use, 0)}.masked_fill({_mask(use, 1)}, {{value}})", value=value))


def _mask(use: Use, index: int) -> str:
    """Return an input as truth values."""
    text = f"{{{index}}}{lined_up(use, index)}"
    return text if use.call.inputs[index].dtype == "bool" else f"{text}.bool()"


def _reduction(use: Use, template: str, **values: Any) -> Step:  # noqa: ANN401 - of any argument
    """Return what elements along axes come to; the template has `{dims}` for the axes, and for what else is said."""
    op: Any = use.op
    axes = tuple(sorted(use.axis(axis) for axis in op.axis))
    text = template.replace("{dims}", "{dim}" + (", keepdim=True" if op.keepdims else ""))
    return Step(code(text, dim=axes[0] if len(axes) == 1 else axes, **values))


def _deviation(use: Use, name: str) -> Step:
    """Return a variance or its root."""
    op: Any = use.op
    return _reduction(use, f"{{0}}.{name}({{dims}}, correction={{correction}})", correction=op.correction)


def _product(use: Use) -> Step:
    """Return the product along axes, one at a time."""
    op: Any = use.op
    axes = sorted((use.axis(axis) for axis in op.axis), reverse=True)
    keep = ", keepdim=True" if op.keepdims else ""
    text = "".join(f".prod({{dim{at}}}{keep}{own_type(use)})" for at in range(len(axes)))
    return Step(code(f"{{0}}{text}", **{f"dim{at}": axis for at, axis in enumerate(axes)}))


def _place(use: Use, name: str) -> Step:
    """Return where an element is extreme."""
    op: Any = use.op
    keep = ", keepdim=True" if op.keepdims else ""
    return Step(code(f"{{0}}.{name}({{dim}}{keep})", dim=use.axis(op.axis)))


def _along(use: Use, name: str) -> Step:
    """Return what elements so far come to, or their order."""
    op: Any = use.op
    options = ", descending=True" if getattr(op, "descending", False) else ""
    options += own_type(use) if name.startswith("cum") else ""
    return Step(code(f"{{0}}.{name}({{dim}}{options})", dim=use.axis(op.axis)))


_REDUCTIONS = {
    "ReduceMin": "{0}.amin({dims})",
    "ReduceL1": "torch.linalg.vector_norm({0}, 1, {dims})",
    "ReduceL2": "torch.linalg.vector_norm({0}, 2, {dims})",
    "ReduceLogSumExp": "{0}.logsumexp({dims})",
    "ReduceAny": "{0}.any({dims})",
    "ReduceAll": "{0}.all({dims})",
}


OPERATORS: dict[str, tuple[Callable[[Use], Step], Reads, bool]] = {
    **{name: (partial(_method, name=method), as_it_is, True) for name, method in _METHODS.items()},
    "Clip": (_clip, as_it_is, True),
    "Cast": (_cast, as_it_is, True),
    **{name: (partial(_of_two, name=function), as_the_first, True) for name, function in _COMPARISONS.items()},
    "LogicalAnd": (partial(_logic, name="logical_and"), as_the_first, True),
    "LogicalOr": (partial(_logic, name="logical_or"), as_the_first, True),
    "LogicalXor": (partial(_logic, name="logical_xor"), as_the_first, True),
    "Where": (_where, as_the_first, True),
    "MaskedFill": (_masked_fill, as_the_first, True),
    **{name: (partial(_reduction, template=template), as_the_spec, False) for name, template in _REDUCTIONS.items()},
    "ReduceProd": (_product, as_the_spec, False),
    "ReduceVar": (partial(_deviation, name="var"), as_the_spec, False),
    "ReduceStd": (partial(_deviation, name="std"), as_the_spec, False),
    "ArgMax": (partial(_place, name="argmax"), as_the_spec, False),
    "ArgMin": (partial(_place, name="argmin"), as_the_spec, False),
    "CumSum": (partial(_along, name="cumsum"), as_the_spec, True),
    "CumProd": (partial(_along, name="cumprod"), as_the_spec, True),
    "Sort": (partial(_along, name="sort"), as_it_is, True),
}
"""By the operator's name: its translation, in which orders it reads its inputs, whether it keeps the first one's."""

"""What tensor programs are made of: functions of each element, comparisons, reductions, moves, look-ups."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from archinspect.exporters.code import Raw, Step, code
from archinspect.exporters.orders import as_it_is
from archinspect.exporters.pytorch.features import torch_dtype

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.exporters.orders import Reads, Use

_METHODS = {
    **{name: name.lower() for name in ("Sqrt", "Rsqrt", "Square", "Abs", "Log", "Log1p", "Expm1", "Sin", "Cos", "Erf")},
    **{name: name.lower() for name in ("Reciprocal", "Sign", "Floor", "Ceil", "Round")},
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
    return Step(code(f"{{0}}.clamp({', '.join(f'{name}={{{name}}}' for name in given)})", **given))


def _cast(use: Use) -> Step:
    """Return another data type."""
    return Step(code("{0}.to({dtype})", dtype=Raw(_dtype(use))))


def _dtype(use: Use) -> str:
    """Return the data type of the first output as PyTorch has it."""
    dtype = use.call.outputs[0].dtype
    return "torch.get_default_dtype()" if dtype == "float" else torch_dtype(use, dtype)


OPERATORS: dict[str, tuple[Callable[[Use], Step], Reads, bool]] = {
    **{name: (partial(_method, name=method), as_it_is, True) for name, method in _METHODS.items()},
    "Clip": (_clip, as_it_is, True),
    "Cast": (_cast, as_it_is, True),
}
"""By the operator's name: its translation, in which orders it reads its inputs, whether it keeps the first one's."""

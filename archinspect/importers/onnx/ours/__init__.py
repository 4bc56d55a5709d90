"""Which of our operators ONNX's are: one table, by name.

A function takes a step and returns ours, with the inputs that it reads and those that are its own weights; None where
there is none. Whether it agrees with the file, in shapes, weights and multiply-accumulates, is tried afterwards. To add
an operator: a function in its family's module, its name in the table there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.onnx.ours import elements, moves, sums, windows
from archinspect.importers.onnx.ours.base import Ours, make
from archinspect.importers.onnx.rules import MICROSOFT
from archinspect.importers.onnx.values import RuleError
from archinspect.ops.declared import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.importers.onnx.values import Step

__all__ = ["OPERATORS", "Ours", "make", "ours_of"]
OPERATORS: dict[str, Callable[[Step], Ours | None]] = {
    **elements.OPERATORS,
    **moves.OPERATORS,
    **sums.OPERATORS,
    **windows.OPERATORS,
}
"""By the name in the standard set."""


def ours_of(step: Step) -> Ours | None:
    """Return the operator of ours that a step may be; whether it is, is not said."""
    translate = OPERATORS.get(step.kind)
    if translate is None or step.domain not in ("", "com.microsoft") or (step.domain and step.kind in MICROSOFT):
        return None
    try:
        return translate(step)
    except (ArgumentError, RuleError, ArithmeticError, LookupError, TypeError, ValueError):
        return None

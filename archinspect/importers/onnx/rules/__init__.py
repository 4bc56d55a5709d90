"""Shapes, values and multiply-accumulates of ONNX's operators, by name: https://onnx.ai/onnx/operators/.

A rule is a function of a :class:`~archinspect.importers.onnx.values.Step` that returns its outputs. One that several
share has no name of its own in a table. To add an operator: a rule in its family's module, its name in that table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.onnx.rules import elements, made, moves, products, quantized, reductions, sequences, windows

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.importers.onnx.values import Step, Value

    Rule = Callable[[Step], list[Value]]

STANDARD: dict[str, Rule] = {
    **elements.RULES,
    **made.RULES,
    **moves.RULES,
    **products.RULES,
    **quantized.RULES,
    **reductions.RULES,
    **sequences.RULES,
    **windows.RULES,
}
"""Those of the standard set, of every version."""
MICROSOFT: dict[str, Rule] = quantized.MICROSOFT
"""Those of `com.microsoft`, which onnxruntime has besides."""
SETS: dict[str, dict[str, Rule]] = {
    "": STANDARD,
    "com.microsoft": {**STANDARD, **MICROSOFT},
    "com.microsoft.nchwc": {},
    "ai.onnx.training": {},
    "ai.onnx.preview.training": {},
}


def find(domain: str, kind: str) -> Rule | None:
    """Return the rule of an operator, None where there is none."""
    return SETS.get(domain, {}).get(kind)

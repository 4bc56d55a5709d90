"""Operators over pictures and volumes beside windows: sampling, cutting, filling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.exporters.code import Step, code
from archinspect.exporters.refusal import CannotExportError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.exporters.orders import Use


def part(cuts: Sequence[tuple[int, int]]) -> str:
    """Return the part of a map that is left when positions are cut off its axes; nothing if none are."""
    if not any(map(any, cuts)):
        return ""
    slices = [f"{before or ''}:{-after or ''}" for before, after in cuts]
    return f"[:, :, {', '.join(slices)}]"


def resizing(use: Use) -> Step:
    """Return an interpolation to a size, of the middle that has its ratio."""
    op: Any = use.op
    if op.interpolation.startswith("lanczos"):
        raise CannotExportError(use.node.layer, f"PyTorch has no {op.interpolation} interpolation")
    mode = {"nearest": "nearest-exact"}.get(op.interpolation, op.interpolation)  # Keras's places are centers
    text = f"F.interpolate({{0}}{part(op.cuts(use.call.shapes[0]))}, {{size}}, mode={{mode}})"
    return Step(code(text, size=op.size, mode=mode))

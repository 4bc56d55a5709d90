"""Operators over pictures and volumes beside windows: sampling, cutting, filling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.exporters.onnx.windows import MODES, positions_of, resized
from archinspect.exporters.onnx.writer import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.base.shape import Pair
    from archinspect.exporters.onnx.use import Use


def cut(use: Use, value: Value, cuts: Sequence[Pair]) -> str:
    """Return a map without so many positions before and after each axis."""
    if not any(map(any, cuts)):
        return value.name
    axes = positions_of(use, value.order)
    lengths = [use.shape[value.order[axis]] for axis in axes]
    starts = [before for before, _ in cuts]
    stops = [length - after for length, (_, after) in zip(lengths, cuts, strict=True)]
    return use.emit("Slice", value.name, use.ints(*starts), use.ints(*stops), use.ints(*axes))


def resizing(use: Use) -> Value:
    """`Resizing`: its nearest position is that to a position's center."""
    op = use.op
    mode = {"nearest": "nearest-exact"}.get(op.interpolation, op.interpolation)
    if mode not in MODES:
        use.refuse(f"ONNX has no interpolation '{mode}'")
    value, cuts = use.map(), op.cuts(use.shape)
    given = [use.shape[axis] for axis in value.order]
    left = [*given[:2], *(length - sum(pair) for length, pair in zip(given[2:], cuts, strict=True))]
    wanted = [use.output[axis] for axis in value.order]
    attributes = {"coordinate_transformation_mode": "half_pixel", **MODES[mode]}
    return Value(resized(use, cut(use, value, cuts), left, wanted, attributes), value.order)


OPERATORS: dict[str, Callable[[Use], Value | list[Value]]] = {
    "Resizing": resizing,
}

"""Fourier transforms: ONNX's `DFT`, one axis after the other; its complex numbers have a last axis of two, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from archinspect.exporters.onnx.writer import Value
from archinspect.exporters.orders import spec_order

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.exporters.onnx.use import Use


def _axes(use: Use) -> list[int]:
    """Return the axes as they stand: they are counted without that of the parts."""
    rank = len(use.shape) - use.op.has_parts()
    return [axis % rank for axis in use.op.axes]


def _along(use: Use, name: str, axis: int, *, inverse: bool = False) -> str:
    return use.emit("DFT", name, "", use.index(axis), inverse=int(inverse))


def transform(use: Use) -> Value:
    """`FFT` and `InverseFFT`."""
    name = use.spec() if use.op.has_parts() else use.emit("Unsqueeze", use.spec(), use.ints(-1))
    for axis in _axes(use):
        name = _along(use, name, axis, inverse=type(use.op).__name__ == "InverseFFT")
    return Value(use.hint(name, use.output), spec_order(len(use.output)))


def of_real(use: Use) -> Value:
    """`RFFT`: half of the last axis, then the others."""
    *others, last = _axes(use)
    name = use.emit("Unsqueeze", use.spec(), use.ints(-1))
    name = use.emit("DFT", name, use.index(use.shape[last] * use.op.factor), use.index(last), onesided=1)
    for axis in others:
        name = _along(use, name, axis)
    return Value(use.hint(name, use.output), spec_order(len(use.output)))


def to_real(use: Use) -> Value:
    """`InverseRFFT`: the others, then the last axis, whose other half is that of the conjugates."""
    *others, last = _axes(use)
    name, half = use.spec(), use.shape[last]
    for axis in others:
        name = _along(use, name, axis, inverse=True)
    whole = use.op.n or 2 * (half - 1)
    kept = whole // 2 + 1
    if kept < half:
        name = use.emit("Slice", name, use.ints(0), use.ints(kept), use.ints(last))
    if whole > kept:
        mirrored = use.emit("Slice", name, use.ints(whole - kept), use.ints(0), use.ints(last), use.ints(-1))
        mirrored = use.emit("Mul", mirrored, use.numbers(np.array([1, -1])))
        name = use.emit("Concat", name, mirrored, axis=last)
    name = use.emit("Gather", _along(use, name, last, inverse=True), use.index(0), axis=-1)
    if use.op.factor > 1:
        name = use.emit("Slice", name, use.ints(0), use.ints(use.output[last]), use.ints(last))
    return Value(use.hint(name, use.output), spec_order(len(use.output)))


def product(use: Use) -> Value:
    """`ComplexMultiply`."""
    (a, b), (c, d) = (
        [use.emit("Gather", use.spec(index), use.ints(part), axis=-1) for part in (0, 1)] for index in (0, 1)
    )
    real = use.emit("Sub", use.emit("Mul", a, c), use.emit("Mul", b, d))
    imaginary = use.emit("Add", use.emit("Mul", a, d), use.emit("Mul", b, c))
    return Value(use.emit("Concat", real, imaginary, axis=-1), spec_order(len(use.output)))


OPERATORS: dict[str, Callable[[Use], Value]] = {
    "FFT": transform,
    "InverseFFT": transform,
    "RFFT": of_real,
    "InverseRFFT": to_real,
    "ComplexMultiply": product,
}

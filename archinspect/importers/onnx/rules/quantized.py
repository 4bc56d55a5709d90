"""Operators of quantized networks, and those that onnxruntime has besides: com.microsoft."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.onnx.messages import DTYPES
from archinspect.importers.onnx.rules.products import (
    by_blocks,
    microsoft_attention,
    multi_head_attention,
    recurrent,
)
from archinspect.importers.onnx.values import Step, Value, stretched

if TYPE_CHECKING:
    from collections.abc import Callable


def quantized(use: Step) -> list[Value]:
    """`QuantizeLinear`."""
    dtype = use.input(2).dtype if use.has(2) else DTYPES.get(use.attribute("output_dtype", 2), "uint8")
    return [use.make(use.shape(), dtype, sure=use.input(0).sure)]


def dequantized(use: Step) -> list[Value]:
    """`DequantizeLinear`."""
    made = use.make(use.shape(), use.input(1).dtype, sure=use.input(0).sure)
    made.plain = use.input(0).plain
    return [made]


def measured(use: Step) -> list[Value]:
    """`DynamicQuantizeLinear`: the numbers, their scale, their zero."""
    return [use.make(use.shape(), "uint8"), use.make((), "float"), use.make((), "uint8")]


def first_and_fourth(use: Step) -> list[Value]:
    """Elementwise operators of two quantized inputs, each with scale and zero."""
    return [use.make(stretched(use.shape(0), use.shape(3)))]


def as_first(use: Step) -> list[Value]:
    """Elementwise operators of a quantized input."""
    return [use.make(use.shape())]


def joined_parts(use: Step) -> list[Value]:
    """`QLinearConcat`: scale and zero, then each part with its own."""
    parts = [use.shape(at) for at in range(2, len(use.inputs), 3)]
    axis = use.attribute("axis", 0)
    first = parts[0]
    axis %= len(first)
    dims = (*first[:axis], sum(part[axis] for part in parts), *first[axis + 1 :])
    return [use.make(dims, use.input(2).dtype)]


RULES: dict[str, Callable[[Step], list[Value]]] = {
    "QuantizeLinear": quantized,
    "DequantizeLinear": dequantized,
    "DynamicQuantizeLinear": measured,
}
MICROSOFT: dict[str, Callable[[Step], list[Value]]] = {
    "Attention": microsoft_attention,
    "QAttention": microsoft_attention,
    "MultiHeadAttention": multi_head_attention,
    "GroupQueryAttention": multi_head_attention,
    "MatMulNBits": by_blocks,
    "MatMulBnb4": by_blocks,
    "DynamicQuantizeLSTM": recurrent,
    **dict.fromkeys(("QLinearAdd", "QLinearMul"), first_and_fourth),
    **dict.fromkeys(("QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax"), as_first),
    "QLinearConcat": joined_parts,
}

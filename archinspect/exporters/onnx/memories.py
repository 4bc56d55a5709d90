"""Recurrences of RWKV and xLSTM: scans over the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from archinspect.exporters.onnx import chunks
from archinspect.exporters.onnx.steps import step_graph
from archinspect.exporters.onnx.writer import Value
from archinspect.exporters.orders import spec_order

if TYPE_CHECKING:
    from archinspect.exporters.onnx.use import Use

FIRST = [1, 0, 2, 3, 4]
"""The steps first, then the batch, of values of five axes."""


def generalized_delta_rule(use: Use) -> Value:
    """`GeneralizedDeltaRule`: the states step by step, and what queries read of them."""
    heads, (_, steps, width) = use.op.num_heads, use.output
    keys, values = use.shapes[1][-1] // heads, width // heads
    query, key, decay, reader, writer = (
        use.reshape(use.spec(index), steps, heads, *sizes)
        for index, sizes in zip((0, 1, 3, 4, 5), ([1, keys], [keys, 1], [keys, 1], [1, keys], [keys, 1]), strict=True)
    )
    value = use.reshape(use.spec(2), steps, heads, 1, values)
    start = _start(use, heads, keys, values)
    turned = [use.emit("Transpose", name, perm=FIRST) for name in (key, value, decay, reader, writer)]
    made = [
        ("MatMul", ["reader", "state"], "seen"),
        ("Mul", ["state", "decay"], "kept"),
        ("Mul", ["writer", "seen"], "written"),
        ("Add", ["kept", "written"], "changed"),
        ("Mul", ["key", "value"], "entry"),
        ("Add", ["changed", "entry"], "next_state"),
        ("Identity", ["next_state"], "states"),
    ]
    body = step_graph(use, ["state"], ["key", "value", "decay", "reader", "writer"], made)
    _, found = use.several("Scan", 2, start, *turned, body=body, num_scan_inputs=5)
    found = use.emit("MatMul", query, use.emit("Transpose", found, perm=FIRST))
    return Value(use.reshape(found, steps, width), spec_order(3))


def wkv(use: Use) -> Value:
    """`WKV`: both sums and the largest exponent step by step, and their quotients."""
    _, _, channels = use.output
    key, value = (use.emit("Transpose", use.spec(index), perm=[1, 0, 2]) for index in (0, 1))
    seen = use.emit("Add", key, use.spec(3))
    entries = [key, value, seen, use.emit("Add", use.emit("Mul", key, use.number(0)), use.spec(2))]
    zeros = _start(use, channels)
    start = [zeros, zeros, use.emit("Sub", zeros, use.number(1e38))]
    made = [
        ("Max", ["top", "seen"], "highest"),
        ("Sub", ["top", "highest"], "older"),
        ("Exp", ["older"], "before"),
        ("Sub", ["seen", "highest"], "newer"),
        ("Exp", ["newer"], "now"),
        ("Mul", ["before", "total"], "kept"),
        ("Mul", ["now", "value"], "entry"),
        ("Add", ["kept", "entry"], "above"),
        ("Mul", ["before", "weight"], "weighed"),
        ("Add", ["weighed", "now"], "below"),
        ("Div", ["above", "below"], "outputs"),
        ("Add", ["top", "decay"], "decayed"),
        ("Max", ["decayed", "key"], "next_top"),
        ("Sub", ["decayed", "next_top"], "older_state"),
        ("Exp", ["older_state"], "fading"),
        ("Sub", ["key", "next_top"], "newer_state"),
        ("Exp", ["newer_state"], "entering"),
        ("Mul", ["fading", "total"], "faded"),
        ("Mul", ["entering", "value"], "entered"),
        ("Add", ["faded", "entered"], "next_total"),
        ("Mul", ["fading", "weight"], "faded_weight"),
        ("Add", ["faded_weight", "entering"], "next_weight"),
    ]
    body = step_graph(use, ["total", "weight", "top"], ["key", "value", "seen", "decay"], made)
    *_, found = use.several("Scan", 4, *start, *entries, body=body, num_scan_inputs=4)
    return Value(use.emit("Transpose", found, perm=[1, 0, 2]), spec_order(3))


def mlstm(use: Use) -> Value:
    """`MLSTM`: the matrices, what weighs and the largest exponents step by step, and what queries read."""
    if use.op.chunk is not None:
        return chunks.mlstm(use)
    heads, (_, steps, width) = use.op.num_heads, use.output
    keys, values = use.shapes[1][-1] // heads, width // heads
    sizes = ([1, keys], [keys, 1], [1, values], [1, 1], [1, 1])
    given = [use.reshape(use.spec(index), steps, heads, *of) for index, of in enumerate(sizes)]
    given[0] = use.emit("Mul", given[0], use.number(keys**-0.5))
    given[4] = _log_sigmoid(use, given[4])
    turned = [use.emit("Transpose", name, perm=FIRST) for name in given]
    start = [_start(use, heads, keys, values), _start(use, heads, keys, 1), _start(use, heads, 1, 1)]
    made = [
        ("Add", ["forget", "top"], "older"),
        ("Max", ["older", "entry"], "next_top"),
        ("Sub", ["older", "next_top"], "older_gate"),
        ("Exp", ["older_gate"], "before"),
        ("Sub", ["entry", "next_top"], "newer_gate"),
        ("Exp", ["newer_gate"], "now"),
        ("Mul", ["before", "state"], "kept"),
        ("MatMul", ["key", "value"], "product"),
        ("Mul", ["now", "product"], "entered"),
        ("Add", ["kept", "entered"], "next_state"),
        ("Mul", ["before", "weight"], "kept_weight"),
        ("Mul", ["now", "key"], "entered_weight"),
        ("Add", ["kept_weight", "entered_weight"], "next_weight"),
        ("MatMul", ["query", "next_state"], "above"),
        ("MatMul", ["query", "next_weight"], "read"),
        ("Abs", ["read"], "size"),
        ("Neg", ["next_top"], "least"),
        ("Exp", ["least"], "bound"),
        ("Max", ["size", "bound"], "largest"),
        ("Add", ["largest", use.number(1e-6)], "below"),
        ("Div", ["above", "below"], "outputs"),
    ]
    body = step_graph(use, ["state", "weight", "top"], ["query", "key", "value", "entry", "forget"], made)
    *_, found = use.several("Scan", 4, *start, *turned, body=body, num_scan_inputs=5)
    return Value(use.reshape(use.emit("Transpose", found, perm=FIRST), steps, width), spec_order(3))


def slstm(use: Use) -> Value:
    """`SLSTM`: outputs, states, what weighs and the largest exponents step by step."""
    heads, (_, steps, units) = use.op.num_heads, use.output
    size = units // heads
    given = use.spec()
    if use.op.use_bias:
        given = use.emit("Add", given, use.weight("bias"))
    apart = use.emit("Transpose", use.reshape(given, steps, 4, heads, size), perm=[0, 1, 3, 2, 4])
    given = use.emit("Transpose", use.reshape(apart, steps, heads, 1, 4 * size), perm=FIRST)
    zeros = _start(use, heads, 1, size)
    start = [zeros, zeros, zeros, use.emit("Sub", zeros, use.number(np.inf))]
    kernel = use.weight("recurrent_kernel")
    made = [
        ("MatMul", ["output", kernel], "again"),
        ("Add", ["given", "again"], "sums"),
        ("Split", ["sums"], "entry forget new out"),
        ("Neg", ["forget"], "opposite"),
        ("Softplus", ["opposite"], "soft"),
        ("Sub", ["top", "soft"], "older"),
        ("Max", ["entry", "older"], "next_top"),
        ("Sub", ["entry", "next_top"], "newer_gate"),
        ("Exp", ["newer_gate"], "now"),
        ("Sub", ["older", "next_top"], "older_gate"),
        ("Exp", ["older_gate"], "before"),
        ("Tanh", ["new"], "bounded"),
        ("Mul", ["before", "state"], "kept"),
        ("Mul", ["now", "bounded"], "entered"),
        ("Add", ["kept", "entered"], "next_state"),
        ("Mul", ["before", "weight"], "kept_weight"),
        ("Add", ["kept_weight", "now"], "next_weight"),
        ("Sigmoid", ["out"], "gate"),
        ("Mul", ["gate", "next_state"], "gated"),
        ("Div", ["gated", "next_weight"], "next_output"),
        ("Identity", ["next_output"], "outputs"),
    ]
    body = step_graph(use, ["output", "state", "weight", "top"], ["given"], made)
    *_, found = use.several("Scan", 5, *start, given, body=body, num_scan_inputs=1)
    return Value(use.reshape(use.emit("Transpose", found, perm=FIRST), steps, units), spec_order(3))


def _log_sigmoid(use: Use, name: str) -> str:
    """Return the logarithm of the sigmoid of a value."""
    return use.emit("Neg", use.emit("Softplus", use.emit("Neg", name)))


def _start(use: Use, *sizes: int) -> str:
    """Return zeros of these axes for each sample."""
    shape = (1, *sizes)
    return use.for_each_sample(use.numbers(np.zeros(shape)), shape)


OPERATORS = {"GeneralizedDeltaRule": generalized_delta_rule, "WKV": wkv, "MLSTM": mlstm, "SLSTM": slstm}

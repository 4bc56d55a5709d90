"""Recurrences without weights: a scan over the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import helper

from archinspect.exporters.onnx import chunks
from archinspect.exporters.onnx.writer import Value
from archinspect.exporters.orders import spec_order

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

    from archinspect.exporters.onnx.use import Use

SEES_ITSELF = 5
"""Inputs of attention without a softmax in which a step sees itself by a bonus."""


def selective_scan(use: Use) -> Value:
    """`SelectiveScan`: the decays and what enters for all steps, the states step by step, and their sums."""
    turned = [use.emit("Transpose", use.spec(index), perm=[1, 0, 2]) for index in (0, 1, 3, 4)]
    given, delta, entry, out = turned
    _, _, channels = use.shape
    states = use.shapes[2][2]
    wide = use.emit("Unsqueeze", delta, use.ints(-1))
    decays = use.emit("Exp", use.emit("Mul", wide, use.emit("Unsqueeze", use.spec(2), use.ints(0))))
    entries = use.emit("Mul", wide, use.emit("Unsqueeze", entry, use.ints(2)))
    entries = use.emit("Mul", entries, use.emit("Unsqueeze", given, use.ints(-1)))
    start = use.for_each_sample(use.numbers(np.zeros((1, channels, states))), (1, channels, states))
    _, found = use.several("Scan", 2, start, decays, entries, body=_step(use), num_scan_inputs=2)
    found = use.emit("MatMul", found, use.emit("Unsqueeze", out, use.ints(-1)))
    found = use.emit("Transpose", use.emit("Squeeze", found, use.ints(-1)), perm=[1, 0, 2])
    if len(use.shapes) > 5:  # noqa: PLR2004 - beside x, delta, A, B and C
        found = use.emit("Add", found, use.emit("Mul", use.spec(0), use.emit("Unsqueeze", use.spec(5), use.ints(1))))
    return Value(found, spec_order(3))


def linear_attention(use: Use) -> Value:
    """`LinearAttention`: what enters at all steps, the states step by step, and what queries read of them."""
    op, (_, steps, width) = use.op, use.output
    if (
        op.chunk is not None
        and all(shape[-1] == op.num_heads for shape in use.shapes[3:])
        and len(use.shapes) < SEES_ITSELF
    ):
        return chunks.linear_attention(use)
    heads, groups = op.num_heads, op.groups or op.num_heads
    keys, values = use.shapes[1][-1] // groups, width // heads
    query, key = (_by_heads(use, use.spec(index), steps, groups, keys) for index in (0, 1))
    value = _by_heads(use, use.spec(2), steps, heads, values)
    entries = use.emit("Mul", use.emit("Unsqueeze", key, use.ints(-1)), use.emit("Unsqueeze", value, use.ints(-2)))
    decay = _factors(use, 3, heads) if len(use.shapes) > 3 else use.number(1)  # noqa: PLR2004 - query, key, value
    decays = use.emit("Add", use.emit("Mul", entries, use.number(0)), decay)
    bonus = len(use.shapes) == SEES_ITSELF
    start = use.for_each_sample(use.numbers(np.zeros((1, heads, keys, values))), (1, heads, keys, values))
    turned = [use.emit("Transpose", name, perm=[1, 0, 2, 3, 4]) for name in (decays, entries)]
    _, found = use.several("Scan", 2, start, *turned, body=_step(use, before=bonus), num_scan_inputs=2)
    states = use.emit("Transpose", found, perm=[1, 0, 2, 3, 4])
    if bonus:
        states = use.emit("Add", states, use.emit("Mul", _factors(use, 4, heads), entries))
    found = use.emit("MatMul", use.emit("Unsqueeze", query, use.ints(-2)), states)
    return Value(use.reshape(found, steps, width), spec_order(3))


def delta_rule(use: Use) -> Value:
    """`DeltaRule`: the states step by step, and what queries read of them."""
    heads, (_, steps, width) = use.op.num_heads, use.output
    keys, values = use.shapes[1][-1] // heads, width // heads
    query = use.reshape(use.spec(0), steps, heads, 1, keys)
    key, value = use.reshape(use.spec(1), steps, heads, keys, 1), use.reshape(use.spec(2), steps, heads, 1, values)
    beta = use.reshape(use.spec(3), steps, heads, 1, 1)
    decay = _factors(use, 4, heads) if len(use.shapes) > 4 else use.number(1)  # noqa: PLR2004 - and beta
    decays = use.emit("Add", use.emit("Mul", key, use.number(0)), decay)
    start = use.for_each_sample(use.numbers(np.zeros((1, heads, keys, values))), (1, heads, keys, values))
    turned = [use.emit("Transpose", name, perm=[1, 0, 2, 3, 4]) for name in (decays, key, value, beta)]
    _, found = use.several("Scan", 2, start, *turned, body=_delta_step(use), num_scan_inputs=4)
    found = use.emit("MatMul", query, use.emit("Transpose", found, perm=[1, 0, 2, 3, 4]))
    return Value(use.reshape(found, steps, width), spec_order(3))


def _delta_step(use: Use) -> GraphProto:
    """Return a step as a graph: of the states, the decays, keys, values and shares; it gives its state."""
    path = f"/{use.node.path.replace('.', '/')}/step"
    names = ("state", "decay", "key", "value", "beta", "next_state", "states")
    given = {name: f"{path}/{name}" for name in names}
    made: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("Mul", [given["decay"], given["state"]], "kept", {}),
        ("Transpose", [given["key"]], "turned", {"perm": [0, 1, 3, 2]}),
        ("MatMul", [f"{path}/turned", f"{path}/kept"], "seen", {}),
        ("Sub", [given["value"], f"{path}/seen"], "change", {}),
        ("Mul", [f"{path}/change", given["beta"]], "new", {}),
        ("Mul", [given["key"], f"{path}/new"], "entry", {}),
        ("Add", [f"{path}/kept", f"{path}/entry"], "next_state", {}),
        ("Identity", [given["next_state"]], "states", {}),
    ]
    nodes: list[NodeProto] = [
        helper.make_node(kind, read, [f"{path}/{name}"], name=f"{path}/{kind}_{name}", **how)
        for kind, read, name, how in made
    ]
    infos = [helper.make_tensor_value_info(given[name], use.writer.dtype, None) for name in names]
    return helper.make_graph(nodes, path, infos[:5], infos[5:])


def _by_heads(use: Use, name: str, steps: int, heads: int, width: int) -> str:
    """Return [batch, steps, heads, features] of a tensor, each head as often as others share it."""
    apart, times = use.reshape(name, steps, heads, width), use.op.num_heads // heads
    if times == 1:
        return apart
    each = use.emit("Expand", use.emit("Unsqueeze", apart, use.ints(3)), use.ints(1, 1, 1, times, 1))
    return use.reshape(each, steps, heads * times, width)


def _factors(use: Use, index: int, heads: int) -> str:
    """Return factors of heads or keys as [batch, steps or 1, heads, keys or 1, 1]."""
    shape = use.shapes[index]
    steps = shape[1] if len(shape) > 2 else 1  # noqa: PLR2004 - a factor of each step
    return use.reshape(use.spec(index), steps, heads, shape[-1] // heads, 1)


def _step(use: Use, *, before: bool = False) -> GraphProto:
    """Return a step as a graph: of the states, the decays, and what enters; it gives its state, or that `before`."""
    path = f"/{use.node.path.replace('.', '/')}/step"
    names = ("state", "decay", "entry", "next_state", "states")
    given = {name: f"{path}/{name}" for name in names}
    nodes: list[NodeProto] = [
        helper.make_node("Mul", [given["decay"], given["state"]], [f"{path}/kept"], name=f"{path}/Mul"),
        helper.make_node("Add", [f"{path}/kept", given["entry"]], [given["next_state"]], name=f"{path}/Add"),
        helper.make_node(
            "Identity", [given["state" if before else "next_state"]], [given["states"]], name=f"{path}/Identity"
        ),
    ]
    infos = [helper.make_tensor_value_info(given[name], use.writer.dtype, None) for name in names]
    return helper.make_graph(nodes, path, infos[:3], infos[3:])


OPERATORS = {"SelectiveScan": selective_scan, "LinearAttention": linear_attention, "DeltaRule": delta_rule}

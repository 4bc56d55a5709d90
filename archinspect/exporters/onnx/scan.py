"""Recurrences without weights: a scan over the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from archinspect.exporters.onnx.writer import Value
from archinspect.exporters.orders import spec_order

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

    from archinspect.exporters.onnx.use import Use


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


def _step(use: Use) -> GraphProto:
    """Return a step as a graph: of the states, the decays, and what enters."""
    path = f"/{use.node.path.replace('.', '/')}/step"
    names = ("state", "decay", "entry", "next_state", "states")
    given = {name: f"{path}/{name}" for name in names}
    nodes: list[NodeProto] = [
        helper.make_node("Mul", [given["decay"], given["state"]], [f"{path}/kept"], name=f"{path}/Mul"),
        helper.make_node("Add", [f"{path}/kept", given["entry"]], [given["next_state"]], name=f"{path}/Add"),
        helper.make_node("Identity", [given["next_state"]], [given["states"]], name=f"{path}/Identity"),
    ]
    infos = [helper.make_tensor_value_info(given[name], use.writer.dtype, None) for name in names]
    return helper.make_graph(nodes, path, infos[:3], infos[3:])


OPERATORS = {"SelectiveScan": selective_scan}

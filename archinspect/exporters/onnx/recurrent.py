"""Recurrent layers: an operator of ONNX for each layer, which has the steps first and the directions apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import helper

from archinspect.exporters.onnx.writer import Value
from archinspect.exporters.orders import spec_order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from onnx import GraphProto, NodeProto

    from archinspect.exporters.onnx.use import Use


def recurrent(kind: str) -> Callable[[Use], list[Value]]:
    """Return the translation to `RNN`, `LSTM` or `GRU`."""

    def translate(use: Use) -> list[Value]:
        op = use.op
        directions = ("forward", "backward")[: 1 + op.bidirectional]
        attributes: dict[str, int | str] = {"linear_before_reset": int(op.reset_after)} if kind == "GRU" else {}
        direction = "bidirectional" if op.bidirectional else "forward"
        steps = use.emit("Transpose", use.spec(), perm=[1, 0, 2])
        states = [_initial(use, index) for index in range(1, len(use.shapes))]
        ends = []
        for layer in range(op.num_layers):
            cells = [f"{name}_{layer}" for name in directions]
            first = [_of_layer(use, state, layer, len(cells)) for state in states]
            if getattr(op, "proj_size", 0):
                outputs, *end = _projected(use, steps, cells, first)
            else:
                names = [steps, *_weights(use, cells), *(["", *first] if first else [])]
                attributes |= {"hidden_size": op.units, "direction": direction}
                outputs, *end = use.several(kind, 1 + len(op.state), *names, **attributes)
            ends.append(end)
            steps = _side_by_side(use, outputs, len(cells))
        last = use.emit("Transpose", steps, perm=[1, 0, 2]) if op.return_sequences else _last(use, ends[-1][0])
        found = [last, *(_stacked(use, layers) for layers in zip(*ends, strict=True))][: len(use.outputs)]
        return [Value(name, spec_order(len(shape))) for name, shape in zip(found, use.outputs, strict=True)]

    return translate


def cell(kind: str) -> Callable[[Use], list[Value]]:
    """Return the translation of a cell: a layer of one step."""

    def translate(use: Use) -> list[Value]:
        given, *states = (use.emit("Unsqueeze", use.spec(index), use.ints(0)) for index in range(len(use.shapes)))
        names = [given, *_weights(use, [""]), *(["", *states] if states else [])]
        attributes = {"linear_before_reset": int(use.op.reset_after)} if kind == "GRU" else {}
        _, *ends = use.several(kind, 1 + len(use.op.state), *names, hidden_size=use.op.units, **attributes)
        return [Value(use.emit("Squeeze", end, use.ints(0)), spec_order(2)) for end in ends]

    return translate


def _weights(use: Use, cells: Sequence[str]) -> list[str]:
    """Return a layer's weights for the input, for the state, and biases, each of all directions; one without a name.

    Where a gate has one bias, that for the state is 0.
    """
    found = []
    for name in ("kernel", "recurrent_kernel", "bias"):
        parts = []
        for cell in cells:
            own = f"{cell}_{name}" if cell else name
            weight = use.weights.get(own)
            if weight is None:
                parts.append("")
                continue
            first, sums = weight.shape
            is_bias = name == "bias"
            shape = (1, first * sums) if is_bias else (1, sums, first)
            stored = use.weight(own, (0, 1) if is_bias else (1, 0), shape)
            parts.append(use.emit("Pad", stored, use.ints(0, 0, 0, sums)) if is_bias and first == 1 else stored)
        found.append(parts[0] if len(parts) == 1 or not parts[0] else use.emit("Concat", *parts, axis=0))
    return found


# An LSTM whose output is projected: ONNX's has no projection, so that each direction is a scan over the steps.


def _projected(use: Use, steps: str, cells: Sequence[str], states: Sequence[str]) -> list[str]:
    """Return what ONNX's LSTM gives: all outputs, the last ones, the last states, those of the directions apart."""
    found = []
    for at, cell in enumerate(cells):
        sums = use.emit("MatMul", steps, use.weight(f"{cell}_kernel"))
        if use.op.use_bias:
            biases = use.emit("ReduceSum", use.weight(f"{cell}_bias"), use.ints(0), keepdims=0)
            sums = use.emit("Add", sums, biases)
        if states:
            starts = [use.emit("Gather", state, use.index(at), axis=0) for state in states]
        else:
            starts = [use.for_each_sample(use.numbers(np.zeros((1, size))), (1, size)) for size in use.op.state]
        how = {"scan_input_directions": [at], "scan_output_directions": [at]}
        body = _step(use, cell)
        output, state, outputs = use.several("Scan", 3, *starts, sums, body=body, num_scan_inputs=1, **how)[:3]
        found.append((use.emit("Unsqueeze", outputs, use.ints(1)), *_in_front(use, output, state)))
    if len(cells) == 1:
        return list(found[0])
    return [
        use.emit("Concat", *both, axis=axis) for both, axis in zip(zip(*found, strict=True), (1, 0, 0), strict=True)
    ]


def _in_front(use: Use, *ends: str) -> list[str]:
    return [use.emit("Unsqueeze", end, use.ints(0)) for end in ends]


def _step(use: Use, cell: str) -> GraphProto:
    """Return a step as a graph: of the output and the state before, and the weighted input."""
    kernel, projection = use.weight(f"{cell}_recurrent_kernel"), use.weight(f"{cell}_projection")
    path = f"/{use.node.path.replace('.', '/')}/{cell}"
    names = ("output", "state", "sums", "next_output", "next_state", "outputs")
    given = {name: f"{path}/{name}" for name in names}
    nodes: list[NodeProto] = []

    def emit(kind: str, *inputs: str, output: str = "") -> str:
        name = f"{path}/{kind}_{len(nodes)}"
        made = output or f"{name}_output_0"
        nodes.append(helper.make_node(kind, inputs, [made], name=name))
        return made

    sums = emit("Add", given["sums"], emit("MatMul", given["output"], kernel))
    gates = [f"{path}/gate_{gate}" for gate in "iofc"]
    nodes.append(helper.make_node("Split", [sums], gates, name=f"{path}/Split", axis=-1, num_outputs=4))
    into, out, keep = (emit("Sigmoid", gate) for gate in gates[:3])
    kept, new = emit("Mul", keep, given["state"]), emit("Mul", into, emit("Tanh", gates[3]))
    state = emit("Add", kept, new, output=given["next_state"])
    hidden = emit("Mul", out, emit("Tanh", state))
    output = emit("MatMul", hidden, projection, output=given["next_output"])
    emit("Identity", output, output=given["outputs"])
    infos = [helper.make_tensor_value_info(given[name], use.writer.dtype, None) for name in names]
    return helper.make_graph(nodes, path, infos[:3], infos[3:])


def _initial(use: Use, index: int) -> str:
    """Return a state that the layers start from, those of all cells first."""
    if len(use.shapes[index]) == 2:  # noqa: PLR2004 - of a single cell
        return use.emit("Unsqueeze", use.spec(index), use.ints(0))
    return use.emit("Transpose", use.spec(index), perm=[1, 0, 2])


def _of_layer(use: Use, state: str, layer: int, cells: int) -> str:
    """Return the part of a state with which a layer starts."""
    if use.op.num_layers == 1:
        return state
    return use.emit("Slice", state, use.ints(layer * cells), use.ints((layer + 1) * cells), use.ints(0))


def _side_by_side(use: Use, outputs: str, cells: int) -> str:
    """Return the outputs of all steps, those of both directions side by side."""
    if cells == 1:
        return use.emit("Squeeze", outputs, use.ints(1))
    turned = use.emit("Transpose", outputs, perm=[0, 2, 1, 3])
    return use.emit("Reshape", turned, use.ints(0, 0, cells * use.op.features))


def _last(use: Use, end: str) -> str:
    """Return each direction's last output, side by side."""
    if not use.op.bidirectional:
        return use.emit("Squeeze", end, use.ints(0))
    return use.reshape(use.emit("Transpose", end, perm=[1, 0, 2]), 2 * use.op.features)


def _stacked(use: Use, layers: Sequence[str]) -> str:
    """Return the states with which all cells end."""
    if len(layers) == 1 and not use.op.bidirectional:
        return use.emit("Squeeze", layers[0], use.ints(0))
    joined = layers[0] if len(layers) == 1 else use.emit("Concat", *layers, axis=0)
    return use.emit("Transpose", joined, perm=[1, 0, 2])


OPERATORS = {
    "SimpleRNN": recurrent("RNN"),
    "LSTM": recurrent("LSTM"),
    "GRU": recurrent("GRU"),
    "SimpleRNNCell": cell("RNN"),
    "LSTMCell": cell("LSTM"),
    "GRUCell": cell("GRU"),
}

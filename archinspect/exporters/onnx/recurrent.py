"""Recurrent layers: an operator of ONNX for each layer, which has the steps first and the directions apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.exporters.onnx.writer import Value
from archinspect.exporters.orders import spec_order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.exporters.onnx.use import Use


def recurrent(kind: str) -> Callable[[Use], list[Value]]:
    """Return the translation to `RNN`, `LSTM` or `GRU`."""

    def translate(use: Use) -> list[Value]:
        op = use.op
        if getattr(op, "proj_size", 0):
            use.refuse("ONNX's LSTM does not project its output (proj_size)")
        directions = ("forward", "backward")[: 1 + op.bidirectional]
        attributes = {"linear_before_reset": int(op.reset_after)} if kind == "GRU" else {}
        direction = "bidirectional" if op.bidirectional else "forward"
        steps = use.emit("Transpose", use.spec(), perm=[1, 0, 2])
        states = [_initial(use, index) for index in range(1, len(use.shapes))]
        ends = []
        for layer in range(op.num_layers):
            cells = [f"{name}_{layer}" for name in directions]
            first = [_of_layer(use, state, layer, len(cells)) for state in states]
            names = [steps, *_weights(use, cells), *(["", *first] if first else [])]
            outputs, *end = use.several(
                kind, 1 + len(op.state), *names, hidden_size=op.units, direction=direction, **attributes
            )
            ends.append(end)
            steps = _side_by_side(use, outputs, len(cells))
        last = use.emit("Transpose", steps, perm=[1, 0, 2]) if op.return_sequences else _last(use, ends[-1][0])
        found = [last, *(_stacked(use, layers) for layers in zip(*ends, strict=True))][: len(use.outputs)]
        return [Value(name, spec_order(len(shape))) for name, shape in zip(found, use.outputs, strict=True)]

    return translate


def _weights(use: Use, cells: Sequence[str]) -> list[str]:
    """Return a layer's weights for the input, for the state, and biases, each of all directions.

    Where a gate has one bias, that for the state is 0.
    """
    found = []
    for name in ("kernel", "recurrent_kernel", "bias"):
        parts = []
        for cell in cells:
            weight = use.weights.get(f"{cell}_{name}")
            if weight is None:
                parts.append("")
                continue
            first, sums = weight.shape
            is_bias = name == "bias"
            shape = (1, first * sums) if is_bias else (1, sums, first)
            stored = use.weight(f"{cell}_{name}", (0, 1) if is_bias else (1, 0), shape)
            parts.append(use.emit("Pad", stored, use.ints(0, 0, 0, sums)) if is_bias and first == 1 else stored)
        found.append(parts[0] if len(parts) == 1 or not parts[0] else use.emit("Concat", *parts, axis=0))
    return found


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


OPERATORS = {"SimpleRNN": recurrent("RNN"), "LSTM": recurrent("LSTM"), "GRU": recurrent("GRU")}

"""Operators over pictures and volumes beside windows: sampling, cutting, filling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from archinspect.exporters.onnx.windows import MODES, bias, flat, positions_of, resized
from archinspect.exporters.onnx.writer import Value
from archinspect.exporters.orders import spec_order

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


def conv_lstm(use: Use) -> list[Value]:
    """`ConvLSTM2D`: its steps one after another, each two convolutions."""
    op = use.op
    rank = len(use.shape)
    order = spec_order(rank) if op.data_format == "channels_first" else (0, 1, rank - 1, *range(2, rank - 1))
    film = use.given(0, order).name
    kernels = [use.weight(name, (op.rank + 1, op.rank, *range(op.rank))) for name in ("kernel", "recurrent_kernel")]
    shape = op.state(use.shape)
    made = use.map_order(len(shape))
    if len(use.shapes) > 1:
        output, state = (use.map(index).name for index in (1, 2))
    else:
        zeros = (1, *(shape[axis] for axis in made[1:]))
        output = state = use.for_each_sample(use.numbers(np.zeros(zeros)), zeros)
    outputs = []
    for at in range(use.shape[1]):
        step = use.emit("Gather", film, use.index(at), axis=1)
        first = _convolved(use, op.of_input, step, kernels[0], op.lengths(use.shape), bias(use))
        second = _convolved(use, op.of_state, output, kernels[1], [shape[axis] for axis in made[2:]], [])
        gates = use.several("Split", 4, use.emit("Add", first, second), axis=1, num_outputs=4)
        enter, keep, leave = (use.emit("Sigmoid", gates[index]) for index in (0, 1, 3))
        new = use.emit("Mul", enter, use.emit("Tanh", gates[2]))
        state = use.emit("Add", use.emit("Mul", keep, state), new)
        output = use.emit("Mul", leave, use.emit("Tanh", state))
        outputs.append(output)
    found = [Value(output, made)]
    if op.return_sequences:
        wide = [use.emit("Unsqueeze", one, use.ints(1)) for one in outputs]
        found = [Value(use.emit("Concat", *wide, axis=1), order)]
    return [*found, Value(output, made), Value(state, made)][: len(use.outputs)]


def _convolved(use: Use, op: Any, name: str, kernel: str, lengths: Sequence[int], biases: Sequence[str]) -> str:  # noqa: ANN401 - a convolution
    window = {"kernel_shape": op.kernel_size, "strides": op.strides, "dilations": op.dilation_rate}
    return use.emit("Conv", name, kernel, *biases, **window, pads=flat(op.sliding(lengths).pads))


OPERATORS: dict[str, Callable[[Use], Value | list[Value]]] = {
    "Resizing": resizing,
    "_ConvLSTM": conv_lstm,
}

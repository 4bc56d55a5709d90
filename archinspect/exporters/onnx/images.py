"""Operators over pictures and volumes beside windows: sampling, cutting, filling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from archinspect.exporters.onnx.elements import along
from archinspect.exporters.onnx.windows import MODES, bias, flat, positions_of, resized
from archinspect.exporters.onnx.writer import Value
from archinspect.exporters.orders import spec_order
from archinspect.ops import FAMILIES
from archinspect.ops.spatial import channel_axis

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


def center_crop(use: Use) -> Value:
    """`CenterCrop`, and `RandomCrop` at inference."""
    value = use.given()
    return Value(cut(use, value, use.op.cuts(use.shape)), value.order)


def unchanged(use: Use) -> Value:
    """What changes pictures in training alone."""
    return use.given()


def normalization(use: Use) -> Value:
    """`Normalization`."""
    op, name = use.op, use.spec()
    shape = op.broadcast(use.shape)
    if op.mean is None:
        mean, variance = (use.weight(weight, shape=shape) for weight in ("moving_mean", "moving_variance"))
        use.weight("count")  # stored with the others; nothing reads it
    else:
        mean, variance = (use.numbers(_along(given, shape)) for given in (op.mean, op.variance))
    deviation = use.emit("Max", use.emit("Sqrt", variance), use.number(1e-7))
    found = use.emit("Add", use.emit("Mul", name, deviation), mean) if op.invert else None
    return Value(found or use.emit("Div", use.emit("Sub", name, mean), deviation), spec_order(len(use.shape)))


def _along(given: Sequence[float], shape: Sequence[int]) -> np.ndarray[Any, Any]:
    """Return numbers in the last of these axes that has as many positions."""
    array = np.array(given)
    at = next((axis for axis in reversed(range(len(shape))) if shape[axis] == len(given)), len(shape) - 1)
    return array.reshape([len(given) if axis == at else 1 for axis in range(len(shape))])


def categories(use: Use) -> Value:
    """`Discretization` and `CategoryEncoding`."""
    op, name = use.op, use.spec()
    if hasattr(op, "bin_boundaries"):
        if op.bin_boundaries is None:
            use.refuse("its boundaries are found in the data: give `bin_boundaries`")
        wide = use.emit("Unsqueeze", name, use.ints(len(use.shape)))
        above = use.cast(use.emit("GreaterOrEqual", wide, use.numbers(np.array(op.bin_boundaries))), "int32")
        name = use.emit("ReduceSum", above, use.ints(len(use.shape)), keepdims=0)
    order = spec_order(len(use.output))
    if op.output_mode == "int":
        return Value(name, order)
    if op.output_mode == "one_hot" and use.shape[-1] == 1 and len(use.shape) > 1:
        name = use.emit("Squeeze", name, use.ints(len(use.shape) - 1))
    hot = use.emit("OneHot", use.cast(name, "int64"), use.index(op.categories()), use.numbers(np.array([0, 1])))
    if op.output_mode == "one_hot":
        return Value(hot, order)
    return Value(
        use.emit("ReduceMax" if op.output_mode == "multi_hot" else "ReduceSum", hot, use.ints(1), keepdims=0), order
    )


def table(use: Use) -> Value:
    """Refuse Keras's tables of words."""
    use.refuse("ONNX has no such table of words: let an input be their numbers")


def deformed(use: Use) -> Value:
    """`DeformConv2D`."""
    op = use.op
    name, order = use.map()
    offsets, *mask = (use.map(index).name for index in range(1, len(use.shapes)))
    window = {"kernel_shape": op.kernel_size, "strides": op.strides, "dilations": op.dilation_rate}
    _, given = op.split(use.shapes[1])
    groups = given // (2 * op.kernel_size[0] * op.kernel_size[1])
    pads = flat(op.sliding(op.split(use.shape)[0]).pads)
    biases = [*bias(use), *([""] if mask and not op.use_bias else [])]
    inputs = [name, use.weight("kernel", (3, 2, 0, 1)), offsets, *biases, *mask]
    found = use.emit("DeformConv", *inputs, **window, pads=pads, group=op.groups, offset_group=groups)
    return Value(found, order)


def response_norm(use: Use) -> Value:
    """`GlobalResponseNormalization`."""
    name, order = use.given()
    at = order.index(channel_axis(use.shape, use.op.data_format))
    places = [axis for axis in range(1, len(order)) if axis != at]
    norms = use.emit("ReduceL2", name, use.ints(*places), keepdims=1)
    mean = use.emit("Add", use.emit("ReduceMean", norms, use.ints(at), keepdims=1), use.number(use.op.epsilon))
    shared = use.emit("Mul", name, use.emit("Div", norms, mean))
    scaled = use.emit(
        "Add", use.emit("Mul", shared, along(use, "gamma", at, len(order))), along(use, "beta", at, len(order))
    )
    return Value(use.emit("Add", scaled, name), order)


def maxout(use: Use) -> Value:
    """`Maxout`."""
    name, order = use.given()
    axis = channel_axis(use.shape, use.op.data_format) if use.op.axis is None else use.op.axis % len(order)
    at = order.index(axis)
    sizes = [use.shape[axis] for axis in order]
    groups = (*sizes[1:at], use.op.num_units, sizes[at] // use.op.num_units, *sizes[at + 1 :])
    return Value(use.emit("ReduceMax", use.reshape(name, *groups), use.ints(at + 1), keepdims=0), order)


OPERATORS: dict[str, Callable[[Use], Value | list[Value]]] = {
    "Resizing": resizing,
    "DeformConv2D": deformed,
    "GlobalResponseNormalization": response_norm,
    "Maxout": maxout,
    "CenterCrop": center_crop,
    "_RandomPicture": unchanged,
    "Normalization": normalization,
    "CategoryEncoding": categories,
    "Discretization": categories,
    **dict.fromkeys(FAMILIES["words"], table),
    "_ConvLSTM": conv_lstm,
}

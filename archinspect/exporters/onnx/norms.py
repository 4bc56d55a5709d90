"""Normalizations, and the scaling by a learned vector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from archinspect.base.shape import normal_axes, normal_axis
from archinspect.exporters.onnx.elements import along
from archinspect.exporters.onnx.writer import Value
from archinspect.exporters.orders import spec_order
from archinspect.ops.spatial import channel_axis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.base.shape import Shape
    from archinspect.exporters.onnx.use import Use


def _channels(use: Use) -> int:
    """Return the axis of the channels."""
    given = channel_axis(use.shape, use.op.data_format) if use.op.axis is None else use.op.axis
    return normal_axis(given, len(use.shape))


def _channels_second(use: Use) -> Value:
    """Return the input with the channels after the batch, as it is there if they are."""
    axis, order = _channels(use), use.order()
    if order[1] == axis:
        return use.given()
    return use.given(0, (0, axis, *(other for other in spec_order(len(order)) if other not in (0, axis))))


def _vector(use: Use, name: str, size: int, value: float) -> str:
    """Return a weight, or where there is none as many times the number that does nothing."""
    return use.weight(name) if name in use.weights else use.numbers(np.full(size, value))


def batch_norm(use: Use) -> Value:
    """A normalization by statistics of the network's own, or of the batch."""
    if "moving_mean" not in use.weights:
        name, order = use.given()
        axis = use.axis(_channels(use), order)
        axes = [other for other in range(len(order)) if other != axis]
        return Value(_scaled(use, standardized(use, name, axes, use.op.epsilon), axis, len(order)), order)
    name, order = _channels_second(use)
    size = use.shape[order[1]]
    defaults = {"gamma": 1, "beta": 0, "moving_mean": 0, "moving_variance": 1}
    vectors = [_vector(use, weight, size, value) for weight, value in defaults.items()]
    return Value(use.emit("BatchNormalization", name, *vectors, epsilon=use.op.epsilon), order)


def standardized(use: Use, name: str, axes: Sequence[int], epsilon: float) -> str:
    """Return a value less its mean along axes, divided by its deviation."""
    moved = use.emit("Sub", name, use.emit("ReduceMean", name, use.ints(*axes), keepdims=1))
    variance = use.emit("ReduceMean", use.emit("Mul", moved, moved), use.ints(*axes), keepdims=1)
    return use.emit("Div", moved, use.emit("Sqrt", use.emit("Add", variance, use.number(epsilon))))


def _scaled(use: Use, name: str, axis: int, rank: int) -> str:
    """Return a value times a learned scale along an axis, plus a learned offset, where there are these."""
    for kind, weight in (("Mul", "gamma"), ("Add", "beta")):
        if weight in use.weights:
            name = use.emit(kind, name, along(use, weight, axis, rank))
    return name


def instance_norm(use: Use) -> Value:
    """A normalization of each channel of each sample."""
    if use.op.track_running_stats:
        return batch_norm(use)
    name, order = _channels_second(use)
    size = use.shape[order[1]]
    vectors = [_vector(use, "gamma", size, 1), _vector(use, "beta", size, 0)]
    if len(order) > 2:  # noqa: PLR2004 - there are positions
        return Value(use.emit("InstanceNormalization", name, *vectors, epsilon=use.op.epsilon), order)
    return Value(_scaled(use, use.emit("Sub", name, name), 1, 2), order)


def group_norm(use: Use) -> Value:
    """A normalization of groups of channels: each group is an instance of its own.

    Shape inference of ONNX finds no shape of its `GroupNormalization`.
    """
    name, order = _channels_second(use)
    sizes = [use.shape[axis] for axis in order[1:]]
    groups = sizes[0] if use.op.groups == -1 else use.op.groups
    apart = use.reshape(name, groups, -1)
    nothing = [use.numbers(np.full(groups, value)) for value in (1, 0)]
    normal = use.emit("InstanceNormalization", apart, *nothing, epsilon=use.op.epsilon)
    return Value(_scaled(use, use.reshape(normal, *sizes), 1, len(order)), order)


def _last(use: Use, axes: Sequence[int]) -> Value:
    """Return the input with these axes last, as it is there if they are."""
    order = use.order()
    if order[len(order) - len(axes) :] == tuple(axes):
        return use.given()
    return use.given(0, (*(axis for axis in spec_order(len(order)) if axis not in axes), *axes))


def _normalized(use: Use) -> Shape:
    """Return the axes that are normalized."""
    op, rank = use.op, len(use.shape)
    if op.normalized_shape is None:
        return normal_axes(op.axis, rank)
    return tuple(range(rank - len(op.normalized_shape), rank))


def layer_norm(kind: str) -> Callable[[Use], Value]:
    """Return the translation of a normalization over the last axes."""

    def translate(use: Use) -> Value:
        axes = _normalized(use)
        name, order = _last(use, axes)
        sizes = [use.shape[axis] for axis in axes]
        scale = use.weight("gamma") if "gamma" in use.weights else use.numbers(np.ones(sizes))
        offset = [use.weight("beta")] if "beta" in use.weights else []
        return Value(use.emit(kind, name, scale, *offset, axis=-len(axes), epsilon=use.op.epsilon), order)

    return translate


def local_response(use: Use) -> Value:
    """`LocalResponseNormalization`; where neighbors are as many on both sides of a map's channel, ONNX's `LRN`."""
    op = use.op
    axis, rank = channel_axis(use.shape, op.data_format), len(use.shape)
    order = (0, axis, *(other for other in range(1, rank) if other != axis))
    name, _ = use.given(0, order)
    window = op.window
    if rank == 4 and window % 2:  # noqa: PLR2004 - onnxruntime takes maps alone
        return Value(use.emit("LRN", name, size=window, alpha=op.alpha, beta=op.beta, bias=op.k), order)
    # A mean over the channels, which become positions of a map for that.
    sizes = [use.shape[other] for other in order[1:]]
    rows = use.reshape(use.emit("Mul", name, name), 1, sizes[0], -1)
    pads = [window // 2, 0, (window - 1) // 2, 0]
    means = use.emit("AveragePool", rows, kernel_shape=[window, 1], pads=pads, count_include_pad=1)
    base = use.emit("Add", use.emit("Mul", use.reshape(means, *sizes), use.number(op.alpha)), use.number(op.k))
    return Value(use.emit("Div", name, use.emit("Pow", base, use.number(op.beta))), order)


def to_length_one(use: Use, name: str, axis: int, epsilon: float) -> str:
    """Return vectors along an axis divided by their lengths."""
    length = use.emit("ReduceL2", name, use.ints(axis), keepdims=1)
    return use.emit("Div", name, use.emit("Max", length, use.number(epsilon)))


def unit_norm(use: Use) -> Value:
    """`UnitNormalization`."""
    name, order = use.given()
    return Value(to_length_one(use, name, use.axis(_channels(use), order), use.op.epsilon), order)


def layer_scale(use: Use) -> Value:
    """`LayerScale`."""
    name, order = use.given()
    rank = len(order)
    return Value(use.emit("Mul", name, along(use, "gamma", use.axis(_channels(use), order), rank)), order)


OPERATORS: dict[str, Callable[[Use], Value]] = {
    "BatchNormalization": batch_norm,
    "FrozenBatchNormalization": batch_norm,
    "InstanceNormalization": instance_norm,
    "GroupNormalization": group_norm,
    "LayerNormalization": layer_norm("LayerNormalization"),
    "RMSNormalization": layer_norm("RMSNormalization"),
    "LocalResponseNormalization": local_response,
    "UnitNormalization": unit_norm,
    "LayerScale": layer_scale,
}

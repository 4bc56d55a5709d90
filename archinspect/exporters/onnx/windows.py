"""Operators over positions: convolutions, poolings, resizing, padding."""

from __future__ import annotations

from itertools import product, starmap
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from archinspect.base.shape import ceil_div, sliding
from archinspect.exporters.onnx.elements import along
from archinspect.exporters.onnx.writer import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from archinspect.base.shape import Pair, Shape, Sliding
    from archinspect.exporters.onnx.use import Use
    from archinspect.exporters.orders import Order


def flat(pads: Sequence[Pair]) -> list[int]:
    """Return pads as ONNX has them: those before all axes, then those after."""
    return [pad[0] for pad in pads] + [pad[1] for pad in pads]


def positions_of(use: Use, order: Order) -> list[int]:
    """Return where a value of this order has its positions."""
    first = 2 if use.op.data_format == "channels_first" else 1
    return [order.index(axis) for axis in range(first, first + len(order) - 2)]


def bias(use: Use) -> list[str]:
    """Return the bias, if there is one."""
    return [use.weight("bias")] if "bias" in use.weights else []


# Convolutions


def convolution(use: Use) -> Value:
    """A convolution; a kernel is stored as PyTorch's: [filters, channels of a group, ...]."""
    return _plain(use, use.weight("kernel", _kernel_order(use.op.rank)), use.op.groups)


def depthwise(use: Use) -> Value:
    """A depthwise convolution: as many groups as channels."""
    *taps, channels, multiplier = use.weights["kernel"].shape
    order = (use.op.rank, use.op.rank + 1, *range(use.op.rank))
    return _plain(use, use.weight("kernel", order, (channels * multiplier, 1, *taps)), channels)


def transposed(use: Use) -> Value:
    """A transposed convolution; a kernel is stored as PyTorch's: [channels, filters of a group, ...]."""
    op = use.op
    spatial, _ = op.split(use.shape)
    made, _ = op.split(use.output)
    pads, extra = [], []
    for reach, length, wanted in zip(op.reach(*use.shapes), spatial, made, strict=True):
        full = (length - 1) * reach.up + reach.extent
        extra.append(max(wanted + reach.before - full, 0))
        pads.append((reach.before, full + extra[-1] - reach.before - wanted))
    kernel = use.weight("kernel", _kernel_order(op.rank))
    how = {"group": op.groups, "pads": flat(pads)}
    name, order = use.map()
    if all(more < stride for more, stride in zip(extra, op.strides, strict=True)):
        return Value(_convolution(use, "ConvTranspose", name, kernel, *bias(use), output_padding=extra, **how), order)
    # onnxruntime adds fewer positions than a stride has. None of those is reached by the kernel: they are the bias.
    name = _convolution(use, "ConvTranspose", name, kernel, **how)
    name = use.emit("Pad", name, use.ints(*[0] * (op.rank + 4), *extra))
    return Value(use.emit("Add", name, along(use, "bias", 1, op.rank + 2)) if op.use_bias else name, order)


def _kernel_order(rank: int) -> Order:
    return (rank + 1, rank, *range(rank))


_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""ONNX's words for a padding with what is there."""


def _plain(use: Use, kernel: str, groups: int) -> Value:
    pads = use.op.sliding(use.op.split(use.shape)[0]).pads
    mode = getattr(use.op, "padding_mode", "zeros")
    name, order = use.map()
    if mode != "zeros" and any(map(any, pads)):
        every = use.ints(*flat([(0, 0), (0, 0), *pads]))
        name = use.emit("Pad", name, every, mode=_MODES[mode])
        pads = ((0, 0),) * len(pads)
    return Value(_convolution(use, "Conv", name, kernel, *bias(use), group=groups, pads=flat(pads)), order)


def _convolution(use: Use, kind: str, name: str, *weights: str, **more: object) -> str:
    window = {"kernel_shape": use.op.kernel_size, "strides": use.op.strides, "dilations": use.op.dilation_rate}
    return use.emit(kind, name, *weights, **window, **more)


# Poolings


def pooling(use: Use) -> Value | list[Value]:
    """A pooling whose windows are of one size."""
    op = use.op
    spatial, _ = op.split(use.shape)
    how = op.sliding(spatial)
    made, _ = op.split(use.output)
    rounds_up = made != tuple(
        (length + sum(pad) - window) // stride + 1
        for length, pad, window, stride in zip(spatial, how.pads, how.windows, how.strides, strict=True)
    )
    # ONNX drops a last window that starts after the input, as PyTorch does. Caffe does so only if some axis is padded.
    keeps_all = op.ceil_mode == "caffe" and not any(map(any, how.pads))
    if keeps_all and rounds_up:
        how, rounds_up = how._replace(pads=_reaching(how, spatial, made)), False
    if op.combines == "max":
        return _max_pooling(use, how, ceil_mode=rounds_up, indices=op.return_indices)
    counts = op.reads_padding() and not keeps_all
    if op.divisor_override is None:
        return _average(use, how, ceil_mode=int(rounds_up), count_include_pad=int(counts))
    whole = _average(use, how._replace(pads=_reaching(how, spatial, made)), count_include_pad=1)
    factor = use.number(prod(how.taps) / op.divisor_override)
    return Value(use.emit("Mul", whole.name, factor), whole.order)


def _reaching(how: Sliding, lengths: Sequence[int], made: Sequence[int]) -> tuple[Pair, ...]:
    """Return pads with which the last window ends where the padded input does."""
    return tuple(
        (pad[0], max(pad[1], (count - 1) * stride + window - length - pad[0]))
        for pad, count, stride, window, length in zip(how.pads, made, how.strides, how.windows, lengths, strict=True)
    )


def _average(use: Use, how: Sliding, **attributes: int) -> Value:
    name, order = use.map()
    return Value(use.emit("AveragePool", name, **_window(how), **attributes), order)


def _window(how: Sliding) -> dict[str, object]:
    return {"kernel_shape": how.taps, "strides": how.strides, "dilations": how.dilation, "pads": flat(how.pads)}


def _max_pooling(use: Use, how: Sliding, *, ceil_mode: bool, indices: bool) -> Value | list[Value]:
    name, order = use.map()
    if not indices:
        if any(max(pad) >= taps for pad, taps in zip(how.pads, how.taps, strict=True)):
            # onnxruntime wants less padding than a window has taps, however far apart these are.
            name = use.emit("Pad", name, use.ints(*flat([(0, 0), (0, 0), *how.pads])), use.number(-np.inf))
            how = how._replace(pads=((0, 0),) * len(how.pads))
        return Value(use.emit("MaxPool", name, **_window(how), ceil_mode=int(ceil_mode)), order)
    found, places = use.several("MaxPool", 2, name, **_window(how), ceil_mode=int(ceil_mode))
    # ONNX counts through the whole tensor, PyTorch through a channel's positions.
    within = use.emit("Mod", places, use.index(prod(use.op.split(use.shape)[0])))
    return [Value(found, order), Value(within, order)]


def global_pooling(kind: str) -> Callable[[Use], Value]:
    """Return the translation of a pooling of all positions: `Average` or `Max`."""

    def translate(use: Use) -> Value:
        name, order = use.given()
        if order == use.map_order(len(order)):
            pooled = use.emit(f"Global{kind}Pool", name)
            return Value(pooled, order) if use.op.keepdims else Value(use.emit("Flatten", pooled), (0, 1))
        axes = positions_of(use, order)
        reduced = use.emit(_REDUCE[kind], name, use.ints(*axes), keepdims=int(use.op.keepdims))
        return Value(reduced, order if use.op.keepdims else (0, 1))

    return translate


_REDUCE = {"Average": "ReduceMean", "Max": "ReduceMax"}


def adaptive_pooling(kind: str) -> Callable[[Use], Value | list[Value]]:
    """Return the translation of a pooling to a size: by windows of one size, or by those that there are."""

    def translate(use: Use) -> Value | list[Value]:
        spatial, _ = use.op.split(use.shape)
        made, _ = use.op.split(use.output)
        if any(length % count for length, count in zip(spatial, made, strict=True)):
            return _uneven(use, kind, spatial, made)
        taps = tuple(length // count for length, count in zip(spatial, made, strict=True))
        how = sliding(taps, taps, (1,) * len(taps), "valid", spatial)
        if kind == "Average":
            return _average(use, how)
        return _max_pooling(use, how, ceil_mode=False, indices=len(use.outputs) > 1)

    return translate


def _uneven(use: Use, kind: str, spatial: Shape, made: Shape) -> list[Value]:
    """Pool by windows of several sizes: each one's positions are gathered along an axis of their own."""
    name, order = use.map()
    channels = use.op.split(use.shape)[1]
    windows = list(product(*starmap(_adaptive_windows, zip(spatial, made, strict=True))))
    places = [np.ravel_multi_index(np.ix_(*window), spatial).ravel() for window in windows]
    most = max(map(len, places))
    # A smaller window reads its last position again, which is not larger than itself, and has no weight in a mean.
    table = np.array([[*place, *[place[-1]] * (most - len(place))] for place in places], np.int64)
    gathered = use.emit("Gather", use.reshape(name, channels, -1), use.writer.constant(table), axis=2)
    if kind == "Average":
        shares = np.array([[(at < len(place)) / len(place) for at in range(most)] for place in places])
        weighed = use.emit("Mul", gathered, use.numbers(shares))
        found = [use.emit("ReduceSum", weighed, use.ints(3), keepdims=0)]
    else:
        found = [use.emit("ReduceMax", gathered, use.ints(3), keepdims=0)]
    if len(use.outputs) > 1:
        first = use.writer.constant(np.arange(len(places), dtype=np.int64) * most)
        at = use.emit("Add", use.emit("ArgMax", gathered, axis=3, keepdims=0), first)
        found.append(use.emit("Gather", use.writer.constant(table.ravel()), at))
    return [Value(use.reshape(one, channels, *made), order) for one in found]


def _adaptive_windows(length: int, count: int) -> list[range]:
    """Return the positions of each window along an axis."""
    return [range(at * length // count, ceil_div((at + 1) * length, count)) for at in range(count)]


def roi_align(use: Use) -> Value:
    """Boxes of maps; of several maps each box reads one: the finer the smaller it is (Lin et al. 2017)."""
    op = use.op
    *maps, boxes = range(len(use.shapes))
    batch, count, _ = use.shapes[boxes]
    rows, columns = op.output_size
    listed = use.hint(use.emit("Reshape", use.spec(boxes), use.ints(-1, 4)), (batch * count, 4), times=count)
    samples = _samples(use, batch, count)
    height = op.split(use.shape)[0][0]
    found = []
    for index in maps:
        name = use.map(index).name
        scale = op.split(use.shapes[index])[0][0] / height
        attributes = {"output_height": rows, "output_width": columns, "sampling_ratio": op.sampling_ratio}
        found.append(use.emit("RoiAlign", name, listed, samples, spatial_scale=scale, **attributes))
    chosen = found[0] if len(found) == 1 else _by_size(use, listed, found)
    _, channels = op.split(use.shape)
    sizes = (count, channels, rows, columns)
    apart = use.emit("Reshape", chosen, use.ints(-1, *sizes))
    use.hint(apart, (batch, *sizes))
    return Value(apart, (0, 1, 2, 3, 4) if op.data_format == "channels_first" else (0, 1, 4, 2, 3))


def _samples(use: Use, batch: int, count: int) -> str:
    """Return the number of each box's sample."""
    last = use.emit("Squeeze", use.open_samples()) if use.samples is None else use.index(use.samples)
    numbers = use.hint(use.emit("Range", use.index(0), last, use.index(1)), (batch,), "int64")
    each = use.emit("Expand", use.emit("Unsqueeze", numbers, use.ints(1)), use.ints(1, count))
    return use.hint(use.emit("Reshape", each, use.ints(-1)), (batch * count,), "int64", times=count)


def _by_size(use: Use, boxes: str, found: Sequence[str]) -> str:
    """Return of each box what the map of its size gives: 4 + log2 of its side as a part of 224, from the first, 2."""
    corners = use.several("Split", 2, boxes, axis=1, num_outputs=2)
    sides = use.emit("Sub", *reversed(corners))
    area = use.emit("ReduceProd", sides, use.ints(1), keepdims=1)
    octaves = use.emit("Div", use.emit("Log", area), use.number(2 * np.log(2.0)))
    level = use.emit("Floor", use.emit("Add", octaves, use.number(4 - np.log2(224) - 2 + 1e-6)))
    wide = use.emit("Unsqueeze", level, use.ints(2, 3))
    chosen = found[0]
    for number, name in enumerate(found[1:], 1):
        chosen = use.emit("Where", use.emit("GreaterOrEqual", wide, use.number(number)), name, chosen)
    return chosen


# Resizing, padding, cropping

MODES: dict[str, dict[str, str | float]] = {
    "nearest": {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
    "nearest-exact": {"nearest_mode": "round_prefer_ceil"},
    **{mode: {"mode": "linear"} for mode in ("linear", "bilinear", "trilinear")},
    "bicubic": {"mode": "cubic", "cubic_coeff_a": -0.75},
}


def resizing(use: Use) -> Value:
    """Repeated or interpolated positions, in the coordinates of PyTorch and Keras."""
    op = use.op
    mode = getattr(op, "mode", None) or op.interpolation
    if mode not in MODES:
        use.refuse(f"ONNX has no interpolation '{mode}'")
    attributes: dict[str, str | float] = {"coordinate_transformation_mode": "half_pixel", **MODES[mode]}
    corners = bool(getattr(op, "align_corners", False))
    if corners:
        attributes["coordinate_transformation_mode"] = "align_corners"
    name, order = use.map()
    given, shape = ([sizes[axis] for axis in order] for sizes in (use.shape, use.output))
    # Places are told by the factor as it was given, not by that of the sizes, where a length was rounded down.
    told = getattr(op, "scale_factor", None) if not (corners or getattr(op, "recompute_scale_factor", None)) else None
    if told and len(told) == 1:
        told = told * len(given[2:])
    return Value(resized(use, name, given, shape, attributes, told), order)


def resized(
    use: Use,
    name: str,
    given: Sequence[int],
    wanted: Sequence[int],
    attributes: Mapping[str, str | float],
    told: Sequence[float] | None = None,
) -> str:
    """Return a map with the channels first, interpolated from one shape to the other, by these factors if any."""
    each = told or [count / length for length, count in zip(given[2:], wanted[2:], strict=True)]
    # Factors and not sizes, for those would have to say the batch's, too.
    factors = use.writer.constant(np.array([1, 1, *map(_factor, given[2:], wanted[2:], each)], np.float32))
    found = use.emit("Resize", name, "", factors, **attributes)
    return use.hint(found, wanted, use.dtypes[0])


def _factor(length: int, wanted: int, exact: float) -> np.float32:
    """Return a factor by which a length becomes the wanted one, which programs round down."""
    factor = np.float32(exact)
    return factor if int(float(factor) * length) == wanted else np.nextafter(factor, np.float32(np.inf))


def padding(use: Use) -> Value:
    """Numbers around the positions."""
    name, order = use.given()
    pads = [(0, 0)] * len(order)
    for axis, pad in zip(positions_of(use, order), use.op.padding, strict=True):
        pads[axis] = pad
    mode, every = use.op.mode, use.ints(*flat(pads))
    if mode != "constant":
        return Value(use.emit("Pad", name, every, mode=_MODES[mode]), order)
    return Value(use.emit("Pad", name, every, use.number(use.op.value)), order)


def cropping(use: Use) -> Value:
    """The positions without those at the ends, or as many as another map has, around the middle."""
    name, order = use.given()
    axes = positions_of(use, order)
    starts = [-reach.before for reach in use.op.reach(*use.shapes)]
    stops = [start + use.output[order[axis]] for start, axis in zip(starts, axes, strict=True)]
    return Value(use.emit("Slice", name, use.ints(*starts), use.ints(*stops), use.ints(*axes)), order)


OPERATORS: dict[str, Callable[[Use], Value | list[Value]]] = {
    "_Conv": convolution,
    "_Depthwise": depthwise,
    "_Transpose": transposed,
    "_Pool": pooling,
    "_GlobalAveragePool": global_pooling("Average"),
    "_GlobalMaxPool": global_pooling("Max"),
    "_AdaptiveAveragePool": adaptive_pooling("Average"),
    "_AdaptiveMaxPool": adaptive_pooling("Max"),
    "RoIAlign": roi_align,
    "_UpSampling": resizing,
    "_Upsample": resizing,
    "ResizeLike": resizing,
    "_ZeroPadding": padding,
    "_Cropping": cropping,
    "CropLike": cropping,
}

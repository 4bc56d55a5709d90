"""Operators that read a map at points or in patches, and put such back."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from archinspect.exporters.onnx.windows import bias, flat
from archinspect.exporters.onnx.writer import Value
from archinspect.exporters.orders import channels_first, permutation, spec_order

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.base.shape import Shape
    from archinspect.exporters.onnx.use import Use
    from archinspect.exporters.orders import Order


def grid_sample(use: Use) -> Value:
    """`GridSample`."""
    name, order = use.map()
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(use.op.mode, use.op.mode)
    how = {"mode": mode, "padding_mode": use.op.padding_mode, "align_corners": int(bool(use.op.align_corners))}
    return Value(use.emit("GridSample", name, use.spec(1), **how), order)


def deformable_attention(use: Use) -> Value:
    """`DeformableAttention`: each map of each head read at its points, all weighed and added."""
    (_, queries, heads, levels, count, _), (*_, features) = use.shapes[1], use.output
    width, sizes = features // heads, use.op.sizes
    values = use.reshape(use.spec(0), -1, heads, width)
    parts = use.ints(*(height * length for height, length in sizes))
    maps = use.several("Split", levels, use.emit("Transpose", values, perm=[0, 2, 3, 1]), parts, axis=3)
    places = use.emit("Sub", use.emit("Mul", use.spec(1), use.number(2)), use.number(1))
    turned = use.emit("Transpose", places, perm=[0, 2, 3, 1, 4, 5])
    points = use.several("Split", levels, turned, use.ints(*[1] * levels), axis=2)
    found = []
    for (height, length), one, there in zip(sizes, maps, points, strict=True):
        given = _by_head(use, one, heads, width, height, length)
        grid = _by_head(use, there, heads, queries, count, 2)
        found.append(use.emit("GridSample", given, grid, mode="linear", padding_mode="zeros", align_corners=0))
    weights = use.emit("Transpose", use.spec(2), perm=[0, 2, 1, 3, 4])
    weights = _by_head(use, weights, heads, 1, queries, levels * count)
    weighed = use.emit("Mul", use.emit("Concat", *found, axis=3), weights)
    summed = use.emit("ReduceSum", weighed, use.ints(3), keepdims=0)
    read = use.emit("Reshape", summed, use.ints(-1, heads, width, queries))
    use.hint(read, (0, heads, width, queries))
    apart = use.emit("Transpose", read, perm=[0, 3, 1, 2])
    return Value(use.reshape(apart, queries, features), spec_order(3))


def _by_head(use: Use, name: str, heads: int, *sizes: int) -> str:
    """Return a value with the heads among the samples, before axes of these sizes."""
    return use.hint(use.emit("Reshape", name, use.ints(-1, *sizes)), (0, *sizes), times=heads)


def dynamic_convolution(use: Use) -> Value:
    """`DynamicConv2D`: the windows are gathered, and multiplied by each sample's kernel."""
    op = use.op
    name, _ = use.map()
    lengths, channels = op.split(use.shape)
    pads, counts = op.sliding(lengths).pads, op.slide(lengths)
    if any(map(any, pads)):
        name = use.emit("Pad", name, use.ints(*flat([(0, 0), (0, 0), *pads])))
    padded = [length + sum(pair) for length, pair in zip(lengths, pads, strict=True)]
    table = np.zeros((1, 1), np.int64)
    for length, size, rate, count, step in zip(
        padded, op.kernel_size, op.dilation_rate, counts, op.strides, strict=True
    ):
        own = np.add.outer(np.arange(size) * rate, np.arange(count) * step)
        there = table[:, None, :, None] * length + own[None, :, None, :]
        table = there.reshape(len(table) * size, table.shape[1] * count)
    taps = channels // op.groups * len(table)
    flattened = use.reshape(name, channels, prod(padded))
    gathered = use.emit("Gather", flattened, use.writer.constant(table), axis=2)
    patches = use.reshape(gathered, op.groups, taps, prod(counts))
    kernel = use.reshape(use.spec(1), op.groups, op.filters // op.groups, taps)
    found = use.reshape(use.emit("MatMul", kernel, patches), op.filters, *counts)
    return Value(found, use.map_order(len(use.output)))


def neighborhood_attention(use: Use) -> Value:
    """`NA2D`: what each position reads is gathered, by a table of places."""
    op, (*_, features) = use.op, use.output
    lengths, count = use.output[1:-1], prod(use.output[1:-1])
    places, offsets = _neighbors(lengths, op.kernel_size, op.dilation)
    table = use.writer.constant(places)
    query, key, value = (
        use.emit("Transpose", use.reshape(use.spec(index), count, op.num_heads, width), perm=[0, 2, 1, 3])
        for index, width in enumerate(shape[-1] // op.num_heads for shape in use.shapes)
    )
    query = use.emit("Unsqueeze", query, use.ints(3))
    key = use.emit("Transpose", use.emit("Gather", key, table, axis=2), perm=[0, 1, 2, 4, 3])
    scores = use.emit("Mul", use.emit("MatMul", query, key), use.number((use.shapes[0][-1] // op.num_heads) ** -0.5))
    if op.position_biases:
        biases = use.weight("biases", shape=(op.num_heads, prod(2 * size - 1 for size in op.kernel_size)))
        added = use.emit("Gather", biases, use.writer.constant(offsets), axis=1)
        scores = use.emit("Add", scores, use.emit("Unsqueeze", added, use.ints(2)))
    read = use.emit("MatMul", use.emit("Softmax", scores, axis=-1), use.emit("Gather", value, table, axis=2))
    together = use.emit("Transpose", use.emit("Squeeze", read, use.ints(3)), perm=[0, 2, 1, 3])
    return Value(use.reshape(together, *lengths, features), spec_order(len(use.output)))


def _neighbors(lengths: Shape, sizes: Shape, steps: Shape) -> tuple[Any, Any]:
    """Return which positions each one reads, and which biases; a border moves a window inside."""
    places = offsets = np.zeros((1, 1), np.int64)
    for length, size, step in zip(lengths, sizes, steps, strict=True):
        row, rest = np.divmod(np.arange(length), step)
        first = np.minimum(np.maximum(row - size // 2, 0), (length - 1 - rest) // step + 1 - size)
        there = first[:, None] * step + rest[:, None] + step * np.arange(size)
        which = size - 1 - (row - first)[:, None] + np.arange(size)
        shape = (len(places) * length, places.shape[1] * size)
        places = (places[:, None, :, None] * length + there[:, None]).reshape(shape)
        offsets = (offsets[:, None, :, None] * (2 * size - 1) + which[:, None]).reshape(shape)
    return places, offsets


def affine_grid(use: Use) -> Value:
    """`AffineGrid`: a grid of points, each with a 1, times the matrix."""
    op = use.op
    rank = len(op.size)
    points = [np.linspace(-1, 1, length) if length > 1 else np.zeros(1) for length in op.size]
    if not op.align_corners:
        points = [(2 * np.arange(length) + 1) / length - 1 for length in op.size]
    mesh = np.meshgrid(*points, indexing="ij")[::-1]
    table = np.stack([*(part.ravel() for part in mesh), np.ones(prod(op.size))], axis=-1)
    turned = use.emit("Transpose", use.spec(), perm=[0, 2, 1])
    # Each product apart: PyTorch's counter does not take them for those of matrices.
    wide = use.emit("Unsqueeze", turned, use.ints(1))
    moved = use.emit("Mul", use.numbers(table[None, :, :, None]), wide)
    found = use.emit("ReduceSum", moved, use.ints(2), keepdims=0)
    return Value(use.reshape(found, *op.size, rank), spec_order(rank + 2))


def unfold(use: Use) -> Value:
    """`Unfold`: ONNX has none, so that the places of each patch are gathered."""
    op = use.op
    name, _ = use.map()
    lengths, channels = op.split(use.shape)
    pads = [(side, side) for side in op.padding]
    if any(op.padding):
        name = use.emit("Pad", name, use.ints(*flat([(0, 0), (0, 0), *pads])))
    padded = [length + 2 * side for length, side in zip(lengths, op.padding, strict=True)]
    counts = op.counts(lengths)
    axes = zip(op.kernel_size, op.dilation_rate, counts, op.strides, strict=True)
    rows, columns = (np.add.outer(np.arange(size) * rate, np.arange(count) * step) for size, rate, count, step in axes)
    table = rows[:, None, :, None] * padded[1] + columns[None, :, None, :]
    taps, patches = prod(op.kernel_size), prod(counts)
    places = use.writer.constant(table.reshape(taps, patches).astype(np.int64))
    gathered = use.emit("Gather", use.reshape(name, channels, prod(padded)), places, axis=2)
    found = use.reshape(gathered, channels * taps, patches)
    return Value(found, spec_order(3) if op.data_format == "channels_first" else channels_first(3))


def fold(use: Use) -> Value:
    """`Fold`."""
    op = use.op
    first = op.data_format == "channels_first"
    name = use.given(0, spec_order(3) if first else channels_first(3)).name
    window = {"strides": op.strides, "dilations": op.dilation_rate, "pads": [*op.padding, *op.padding]}
    found = use.emit("Col2Im", name, use.ints(*op.output_size), use.ints(*op.kernel_size), **window)
    return Value(found, use.map_order(4))


def max_unpool(use: Use) -> Value:
    """`MaxUnpooling2D`: zeros, among which elements are put; ONNX's own counts places through the whole tensor."""
    name, order = use.map()
    indices = _indices(use, order)
    spatial, channels = use.op.split(use.output)
    flat_zeros = (1, channels, prod(spatial))
    zeros = use.for_each_sample(use.numbers(np.zeros(flat_zeros)), flat_zeros)
    given = [use.reshape(one, channels, -1) for one in (indices, name)]
    found = use.emit("ScatterElements", zeros, *given, axis=2)
    return Value(use.reshape(found, channels, *spatial), order)


def _indices(use: Use, order: Order) -> str:
    """Return the second input in this order, as the integers that they are."""
    name, there = use.writer.values[use.node.inputs[1]]
    axes = permutation(there, order)
    return use.emit("Transpose", name, perm=axes) if axes else name


def pixel_shuffle(use: Use) -> Value:
    """`PixelShuffle1D` and `PixelShuffle3D`."""
    name, order = use.map()
    factor, rank = use.op.upscale_factor, use.op.rank
    _, channels, *lengths = (use.shape[axis] for axis in order)
    apart = use.reshape(name, channels // factor**rank, *[factor] * rank, *lengths)
    places = [axis + more for axis in range(2, rank + 2) for more in (rank, 0)]
    turned = use.emit("Transpose", apart, perm=[0, 1, *places])
    return Value(use.reshape(turned, channels // factor**rank, *(length * factor for length in lengths)), order)


def pixel_unshuffle(use: Use) -> Value:
    """`PixelUnshuffle1D` and `PixelUnshuffle3D`."""
    name, order = use.map()
    factor, rank = use.op.downscale_factor, use.op.rank
    _, channels, *lengths = (use.shape[axis] for axis in order)
    apart = use.reshape(name, channels, *(size for length in lengths for size in (length // factor, factor)))
    places = [*range(3, 2 * rank + 2, 2), *range(2, 2 * rank + 2, 2)]
    turned = use.emit("Transpose", apart, perm=[0, 1, *places])
    return Value(use.reshape(turned, channels * factor**rank, *(length // factor for length in lengths)), order)


def bilinear(use: Use) -> Value:
    """`Bilinear`: the kernel with the first input, then with the second."""
    first, second = use.spec(0), use.spec(1)
    units, one, other = use.weights["kernel"].shape
    rank = len(use.output)
    flat_kernel = use.weight("kernel", (1, 0, 2), (one, units * other))
    pairs = use.emit("Reshape", use.emit("MatMul", first, flat_kernel), use.ints(*[0] * (rank - 1), units, other))
    weighed = use.emit("Mul", pairs, use.emit("Unsqueeze", second, use.ints(rank - 1)))
    found = use.emit("ReduceSum", weighed, use.ints(rank), keepdims=0)
    return Value(use.emit("Add", found, *bias(use)) if use.op.use_bias else found, spec_order(rank))


OPERATORS: dict[str, Callable[[Use], Value | list[Value]]] = {
    "GridSample": grid_sample,
    "DeformableAttention": deformable_attention,
    **dict.fromkeys(("NA1D", "NA2D", "NA3D"), neighborhood_attention),
    **dict.fromkeys(("DynamicConv1D", "DynamicConv2D", "DynamicConv3D"), dynamic_convolution),
    "AffineGrid": affine_grid,
    "Unfold": unfold,
    "Fold": fold,
    "_MaxUnpool": max_unpool,
    "PixelShuffle1D": pixel_shuffle,
    "PixelShuffle3D": pixel_shuffle,
    "PixelUnshuffle1D": pixel_unshuffle,
    "PixelUnshuffle3D": pixel_unshuffle,
    "Bilinear": bilinear,
}

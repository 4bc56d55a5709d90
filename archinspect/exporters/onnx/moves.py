"""Operators that move, repeat, cut or look up elements, and sums along axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from archinspect.base.shape import ceil_div, normal_axes, normal_axis
from archinspect.exporters.onnx.writer import Value
from archinspect.exporters.orders import spec_order
from archinspect.ops.spatial import channel_axis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.exporters.onnx.use import Use
    from archinspect.exporters.orders import Order


def in_order(use: Use) -> str:
    """Return the input as its elements follow each other in the spec; any order does if they lie along one axis."""
    several = [size for size in use.shape[1:] if size > 1]
    return use.given().name if len(several) <= 1 else use.spec()


def flatten(use: Use) -> Value:
    """`Flatten`."""
    name = in_order(use)
    if len(use.output) == 2:  # noqa: PLR2004 - the batch and one axis
        return Value(use.emit("Flatten", name), (0, 1))
    return Value(use.reshape(name, *use.output[1:]), spec_order(len(use.output)))


def reshape(use: Use) -> Value:
    """`Reshape` and `ReshapeLike`."""
    return Value(use.reshape(in_order(use), *use.output[1:]), spec_order(len(use.output)))


def permute(use: Use) -> Value:
    """`Permute`."""
    name, order = use.given()
    dims = use.op.dims if use.op.dims[:1] == (0,) else (0, *use.op.dims)
    return Value(use.emit("Transpose", name, perm=[order.index(axis) for axis in dims]), spec_order(len(order)))


def repeat(use: Use) -> Value:
    """`RepeatVector`."""
    wide = use.emit("Unsqueeze", use.spec(), use.ints(1))
    return Value(use.emit("Expand", wide, use.ints(1, use.op.n, 1)), (0, 1, 2))


def channel_shuffle(use: Use) -> Value:
    """`ChannelShuffle`."""
    name, order = use.map()
    _, channels, *places = (use.shape[axis] for axis in order)
    apart = use.reshape(name, use.op.groups, channels // use.op.groups, *places)
    turned = use.emit("Transpose", apart, perm=[0, 2, 1, *range(3, len(order) + 1)])
    return Value(use.reshape(turned, channels, *places), order)


def pixel_shuffle(use: Use) -> Value:
    """`PixelShuffle`."""
    name, order = use.map()
    return Value(use.emit("DepthToSpace", name, blocksize=use.op.upscale_factor, mode="CRD"), order)


def pixel_unshuffle(use: Use) -> Value:
    """`PixelUnshuffle`: ONNX's `SpaceToDepth` would have the channels in another order."""
    name, order = use.map()
    factor = use.op.downscale_factor
    _, channels, height, width = (use.shape[axis] for axis in order)
    apart = use.reshape(name, channels, height // factor, factor, width // factor, factor)
    turned = use.emit("Transpose", apart, perm=[0, 1, 3, 5, 2, 4])
    return Value(use.reshape(turned, channels * factor**2, height // factor, width // factor), order)


def slice_(use: Use) -> Value:
    """`Slice`."""
    op = use.op
    name, order = use.given()
    axis = normal_axis(op.axis, len(order))
    stop = use.shape[axis] if op.stop is None else op.stop
    bounds = [use.ints(number) for number in (op.start, stop, order.index(axis), op.step)]
    return Value(use.emit("Slice", name, *bounds), order)


def select(use: Use) -> Value:
    """`Select`."""
    name, order = use.given()
    axis = normal_axis(use.op.axis, len(order))
    return Value(use.emit("Gather", name, use.index(use.op.index), axis=order.index(axis)), without(order, [axis]))


def without(order: Order, axes: Sequence[int]) -> Order:
    """Return the order of what is left of a tensor without these axes."""
    left = [axis for axis in order if axis not in axes]
    return tuple(axis - sum(other < axis for other in axes) for axis in left)


def split(use: Use) -> list[Value]:
    """`Split`."""
    name, order = use.given()
    axis = normal_axis(channel_axis(use.shape, use.op.data_format) if use.op.axis is None else use.op.axis, len(order))
    sizes = use.ints(*(shape[axis] for shape in use.outputs))
    return [Value(part, order) for part in use.several("Split", len(use.outputs), name, sizes, axis=order.index(axis))]


def unbind(use: Use) -> list[Value]:
    """`Unbind`."""
    name, order = use.given()
    axis = normal_axis(use.op.axis, len(order))
    left = without(order, [axis])
    places = range(len(use.outputs))
    return [Value(use.emit("Gather", name, use.index(at), axis=order.index(axis)), left) for at in places]


def top_k(use: Use) -> list[Value]:
    """`TopK`."""
    op = use.op
    name, order = use.given()
    how = {"axis": use.axis(op.axis, order), "largest": int(op.largest), "sorted": int(op.sorted)}
    return [Value(found, order) for found in use.several("TopK", 2, name, use.ints(op.k), **how)]


def reduced(kind: str) -> Callable[[Use], Value]:
    """Return the translation of what joins the elements along axes into one."""

    def translate(use: Use) -> Value:
        name, order = use.given()
        axes = normal_axes(use.op.axis, len(order))
        places = use.ints(*(order.index(axis) for axis in axes))
        found = use.emit(kind, name, places, keepdims=int(use.op.keepdims))
        return Value(found, order if use.op.keepdims else without(order, axes))

    return translate


def roll(use: Use) -> Value:
    """`Roll`: along each axis the end, then what was before it."""
    name, order = use.given()
    shifts = use.op.shift * (len(use.op.axis) if len(use.op.shift) == 1 else 1)
    for shift, axis in zip(shifts, use.op.axis, strict=True):
        place = use.axis(axis, order)
        length = use.shape[order[place]]
        moved = shift % length
        if moved:
            parts = use.several("Split", 2, name, use.ints(length - moved, moved), axis=place)
            name = use.emit("Concat", *reversed(parts), axis=place)
    return Value(name, order)


def window_partition(use: Use) -> Value:
    """`WindowPartition`."""
    window = use.op.window_size
    _, height, width, channels = use.shape
    rows, columns = ceil_div(height, window), ceil_div(width, window)
    name = use.spec()
    missing = (rows * window - height, columns * window - width)
    if any(missing):
        name = use.emit("Pad", name, use.ints(0, 0, 0, 0, 0, *missing, 0))
    apart = use.reshape(name, rows, window, columns, window, channels)
    turned = use.emit("Transpose", apart, perm=[0, 1, 3, 2, 4, 5])
    return Value(use.reshape(turned, rows * columns, window**2, channels), spec_order(4))


def window_reverse(use: Use) -> Value:
    """`WindowReverse`."""
    window = use.op.window_size
    _, height, width, channels = use.output
    rows, columns = ceil_div(height, window), ceil_div(width, window)
    apart = use.reshape(use.spec(), rows, columns, window, window, channels)
    turned = use.emit("Transpose", apart, perm=[0, 1, 3, 2, 4, 5])
    name = use.reshape(turned, rows * window, columns * window, channels)
    if (height, width) != (rows * window, columns * window):
        name = use.emit("Slice", name, use.ints(0, 0), use.ints(height, width), use.ints(1, 2))
    return Value(name, spec_order(4))


def sample(use: Use) -> Value:
    """`SampleGaussian`."""
    order = use.order()
    (mean, _), (log_variance, _) = use.given(0, order), use.given(1, order)
    deviation = use.emit("Exp", use.emit("Mul", log_variance, use.number(0.5)))
    noise = use.emit("RandomNormalLike", mean)
    return Value(use.emit("Add", mean, use.emit("Mul", deviation, noise)), order)


# Learned tables


def embedding(use: Use) -> Value:
    """`Embedding`."""
    name = use.spec()
    if use.dtypes[0] not in ("int32", "int64"):
        name = use.cast(name, "int64")
    return Value(use.emit("Gather", use.weight("embeddings"), name, axis=0), spec_order(len(use.output)))


def masking(use: Use) -> Value:
    """`Masking`."""
    name = use.spec()
    if use.dtypes[0] != "float":
        name = use.cast(name, "float")
    differs = use.cast(use.emit("Not", use.emit("Equal", name, use.number(use.op.mask_value))), "float")
    counts = use.emit("ReduceMax", differs, use.ints(-1), keepdims=1)
    return Value(use.emit("Mul", name, counts), spec_order(len(use.output)))


def embedding_bag(use: Use) -> Value:
    """`EmbeddingBag`: the vectors of all integers, and what becomes of those of a bag."""
    vectors, kind = embedding(use).name, {"sum": "ReduceSum", "mean": "ReduceMean", "max": "ReduceMax"}[use.op.mode]
    return Value(use.emit(kind, vectors, use.ints(1), keepdims=0), spec_order(2))


def sinusoids(use: Use) -> Value:
    """`SinusoidalEmbedding`."""
    pairs = use.op.dim // 2
    name = use.spec()
    if use.dtypes[0] != "float":
        name = use.cast(name, "float")
    wide = use.emit("Unsqueeze", name, use.ints(len(use.shape)))
    angles = use.emit("Mul", wide, use.numbers(10_000.0 ** -(np.arange(pairs) / pairs)))
    both = [use.emit(kind, angles) for kind in ("Sin", "Cos")]
    return Value(use.emit("Concat", *both, axis=-1), spec_order(len(use.output)))


def learned_positions(use: Use) -> Value:
    """`LearnedPositions`: the table, or as many of its steps as the input has."""
    name, order = use.given()
    table = use.weight("position_embeddings", tuple(axis - 1 for axis in order[1:]))
    steps = use.shape[1]
    if use.op.input_dim not in (None, steps):
        place = use.ints(order.index(1) - 1)
        table = use.emit("Slice", table, use.ints(0), use.ints(steps), place)
    return Value(use.emit("Add", name, table), order)


def class_token(use: Use) -> Value:
    """`ClassToken`: tokens of each sample, then its steps."""
    shape = (1, use.op.n, use.shape[-1])
    tokens = use.for_each_sample(use.weight("tokens", shape=shape), shape)
    return Value(use.emit("Concat", tokens, use.spec(), axis=1), (0, 1, 2))


def learned_tokens(use: Use) -> Value:
    """`LearnedTokens`: the same for each sample."""
    shape = (1, *use.output[1:])
    return Value(use.for_each_sample(use.weight("tokens", shape=shape), shape), (0, 1, 2))


def stored(use: Use) -> Value:
    """`Parameter` and `Constant`: a weight as a tensor that is the same for all samples."""
    return Value(use.emit("Unsqueeze", use.weight("value"), use.ints(0)), spec_order(len(use.output)))


OPERATORS: dict[str, Callable[[Use], Value | list[Value]]] = {
    "Flatten": flatten,
    "Reshape": reshape,
    **dict.fromkeys(("ReshapeLike", "_AsQuery"), reshape),
    "Permute": permute,
    "RepeatVector": repeat,
    "ChannelShuffle": channel_shuffle,
    "PixelShuffle": pixel_shuffle,
    "PixelUnshuffle": pixel_unshuffle,
    "Slice": slice_,
    "Select": select,
    "Split": split,
    "Unbind": unbind,
    "TopK": top_k,
    "ReduceSum": reduced("ReduceSum"),
    "ReduceMean": reduced("ReduceMean"),
    "ReduceMax": reduced("ReduceMax"),
    "Roll": roll,
    "WindowPartition": window_partition,
    "WindowReverse": window_reverse,
    "SampleGaussian": sample,
    "Embedding": embedding,
    "EmbeddingBag": embedding_bag,
    "Masking": masking,
    "SinusoidalEmbedding": sinusoids,
    "LearnedPositions": learned_positions,
    "ClassToken": class_token,
    "LearnedTokens": learned_tokens,
    "Parameter": stored,
    "Constant": stored,
}

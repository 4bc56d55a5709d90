"""What operators of several inputs read beside the first: shapes that may go together with it, by chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from networks.guess import SIZES, factors

from archinspect.base.shape import ceil_div, size

if TYPE_CHECKING:
    from random import Random

    from archinspect.base.shape import Shape
    from archinspect.ops.base import Op


def further(rng: Random, kind: type[Op], shape: Shape, layout: str) -> list[Shape]:
    """Shapes of an operator's further inputs, the batch first; none where it needs none."""
    choose = SHAPES.get(kind.__name__)
    return choose(rng, shape, layout) if choose else []


def _stretched(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    """Shapes that stretch to the first, or are it."""
    return [_one_stretched(rng, shape) for _ in range(rng.choice([1, 1, 1, 2, 3]))]


def _one_stretched(rng: Random, shape: Shape) -> Shape:
    form = rng.random()
    if form < 0.6 or len(shape) == 1:
        return shape
    if form < 0.8:
        return (1, *(1 if rng.random() < 0.6 else dim for dim in shape[1:]))
    return (1, *shape[rng.randrange(1, len(shape)) + (form > 0.9) :])


def _pair(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    return [_one_stretched(rng, shape)]


def _same(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    return [shape]


def _beside(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    """Shapes that differ in the channels at most."""
    axis = 1 if layout == "channels_first" else len(shape) - 1
    others = []
    for _ in range(rng.choice([0, 1, 1, 1, 2, 3])):
        dims = list(shape)
        if axis and rng.random() < 0.5:
            dims[axis] = rng.choice(SIZES)
        others.append(tuple(dims))
    return others


def _summed(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    """A shape that has one of the sizes."""
    some = [rng.choice(SIZES) for _ in range(rng.choice([0, 1, 1, 2]))]
    return [(1, *rng.sample([rng.choice(shape[1:] or (1,)), *some], 1 + len(some)))]


def _like(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    return [(1, *(rng.choice([1, dim, 2 * dim, dim + 1, max(dim - 2, 1)]) for dim in shape[1:]))]


def _smaller(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    return [(1, *(rng.randint(1, dim) for dim in shape[1:]))]


def _as_many(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    return [(1, *factors(rng, size(shape), rng.choice([1, 2, 2, 3, 4])))]


def _attended(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    """Nothing, a memory, or keys and values."""
    lead, width = shape[:-2], shape[-1]
    steps = rng.choice([1, 2, 5, 7])
    key, value = (*lead, steps, width), (*lead, steps, rng.choice([width, width, 4, 6]))
    return rng.choice([[], [key], [key, key], [key, value]]) if len(shape) > 2 else []


def _remembered(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    """A memory, or keys and values."""
    memory = (1, rng.choice([1, 2, 5]), shape[-1])
    return [memory] * rng.choice([1, 2]) if len(shape) == 3 else []


def _product(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    if len(shape) < 3:
        return [shape]
    lead = shape[:-2] if rng.random() < 0.7 else (1, *(1 if rng.random() < 0.5 else dim for dim in shape[1:-2]))
    inner, outer = rng.choice([shape[-1], shape[-1], shape[-2]]), rng.choice(SIZES)
    return [(*lead, inner, outer) if rng.random() < 0.6 else (*lead, outer, inner)]


def _windows(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    """The map of which the windows were cut; or none, where its size is an argument."""
    if rng.random() < 0.5 or len(shape) != 4:
        return []
    side = round(shape[2] ** 0.5)
    across = rng.choice([n for n in range(1, shape[1] + 1) if shape[1] % n == 0])
    return [(1, side * across, side * ceil_div(shape[1], across), rng.choice(SIZES))]


def _boxes(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    """Maps of other scales, and boxes."""
    maps = []
    for _ in range(rng.choice([0, 0, 1])):
        halves = [ceil_div(dim, 2) for dim in shape[1:]]
        channels = 0 if layout == "channels_first" else -1
        if halves:
            halves[channels] = shape[1:][channels]
        maps.append((1, *halves))
    return [*maps, (1, rng.choice([1, 2, 5]), 4)]


def _scanned(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    """What a scan reads beside x: delta, A, B, C, and D or not."""
    if len(shape) != 3:
        return []
    states = rng.choice([1, 2, 4])
    weighed = (1, shape[1], states)
    return [shape, (1, shape[2], states), weighed, weighed, *([(1, shape[2])] if rng.random() < 0.5 else [])]


def _linear(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    """What linear attention of one head reads beside queries: keys, values, decays and a bonus or not."""
    if len(shape) != 3:
        return []
    decay = rng.choice([(1, shape[1], 1), (1, shape[2]), shape])
    others = [shape, (1, shape[1], rng.choice(SIZES)), decay, (1, shape[2])]
    return others[: rng.choice([2, 3, 4])]


def _delta(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    """What the delta rule of one head reads beside queries: keys, values, shares, and decays or not."""
    if len(shape) != 3:
        return []
    share = (1, shape[1], 1)
    others: list[Shape] = [shape, (1, shape[1], rng.choice(SIZES)), share, rng.choice([share, shape])]
    return others[: rng.choice([3, 4])]


def _points(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    """What attention to points of one map reads beside values: the points, and their weights."""
    if len(shape) != 3:
        return [shape] * 2
    heads = rng.choice([count for count in (1, 2, 3) if shape[2] % count == 0])
    points = (1, rng.choice(SIZES), heads, 1, rng.choice([1, 2, 4]))
    return [(*points, 2), points]


def _generalized(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    """What the generalized delta rule of one head reads beside queries."""
    return [shape, (1, shape[1], rng.choice(SIZES)), shape, shape, shape] if len(shape) == 3 else [shape] * 5


def _averaged(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    """What RWKV 4's average reads beside keys: values, decays, a bonus."""
    return [shape, (1, shape[2]), (1, shape[2])] if len(shape) == 3 else [shape] * 3


def _memory(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    """What a matrix memory of one head reads beside queries."""
    if len(shape) != 3:
        return [shape] * 4
    gate = (1, shape[1], 1)
    return [shape, (1, shape[1], rng.choice(SIZES)), gate, gate]


def _any(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    return rng.choice([[], [], [shape], [(1, rng.choice(SIZES))]])


def _indexed(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    """Shapes that have some of the sizes."""
    others = []
    for _ in range(rng.choice([0, 0, 1, 1, 1, 2])):
        dims = [dim for dim in shape[1:] if rng.random() < 0.7] + [rng.choice(SIZES)] * (rng.random() < 0.5)
        rng.shuffle(dims)
        others.append((1, *dims))
    return others


def _compared(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    """Another input, or none where a number is an argument."""
    return [_one_stretched(rng, shape)] if rng.random() < 0.6 else []


def _choice(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    return [_one_stretched(rng, shape), _one_stretched(rng, shape)]


def _alike(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    return [shape] * rng.choice([0, 1, 1, 2])


def _places(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    return [(1, *rng.choice([(), (3,), (5,), (2, 3)]))]


def _table(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    return [(1, rng.choice([1, 5, 9]), rng.choice(SIZES))]


def _along(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    return [tuple(dim if axis == 0 or rng.random() < 0.6 else 1 for axis, dim in enumerate(shape))]


def _for_each(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    return [(1, rng.choice(shape[1:] or (1,)))]


def _around(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    """What attention around positions reads beside queries: keys, and values of as many heads."""
    return [shape, (*shape[:-1], rng.choice([1, 2]) * shape[-1])]


def _tables(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    """Cosines and sines of each step, or none."""
    heads = [n for n in range(2, shape[-1] + 1, 2) if shape[-1] % n == 0]
    return [(1, shape[-2], rng.choice(heads))] * 2 if heads and len(shape) > 2 and rng.random() < 0.5 else []


def _kernel(rng: Random, shape: Shape, layout: str) -> list[Shape]:
    """A kernel for each sample."""
    spatial = shape[2:] if layout == "channels_first" else shape[1:-1]
    channels = shape[1] if layout == "channels_first" else shape[-1]
    return [(1, rng.choice(SIZES), channels, *(rng.randint(1, min(3, length)) for length in spatial))]


SHAPES = {
    **dict.fromkeys(("NA1D", "NA2D", "NA3D"), _around),
    **dict.fromkeys(("DynamicConv1D", "DynamicConv2D", "DynamicConv3D"), _kernel),
    **dict.fromkeys(("Add", "Multiply", "Maximum", "Minimum", "Average"), _stretched),
    "Subtract": _pair,
    "RotaryEmbedding": _tables,
    **dict.fromkeys(("ComplexMultiply", "FFTConvolution"), _same),
    "SampleGaussian": _same,
    "Concatenate": _beside,
    "Dot": _summed,
    "ResizeLike": _like,
    "CropLike": _smaller,
    "ReshapeLike": _as_many,
    "MultiHeadAttention": _attended,
    **dict.fromkeys(("Attention", "AdditiveAttention"), _remembered),
    "ScaledDotProductAttention": _attended,
    "MatMul": _product,
    "WindowReverse": _windows,
    "RoIAlign": _boxes,
    "Custom": _any,
    "Einsum": _indexed,
    "SelectiveScan": _scanned,
    "LinearAttention": _linear,
    "DeltaRule": _delta,
    "DeformableAttention": _points,
    "GeneralizedDeltaRule": _generalized,
    "WKV": _averaged,
    "MLSTM": _memory,
    **dict.fromkeys(("LogicalAnd", "LogicalOr", "LogicalXor"), _stretched),
    **dict.fromkeys(("Divide", "MaskedFill"), _pair),
    **dict.fromkeys(("Power", "Equal", "NotEqual", "GreaterThan", "GreaterEqual", "LessThan", "LessEqual"), _compared),
    "Where": _choice,
    "Stack": _alike,
    "Gather": _places,
    "EmbeddingLookup": _table,
    "TakeAlongAxis": _along,
    "ScatterAdd": _for_each,
}

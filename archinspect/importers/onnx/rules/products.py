"""Operators that are sums of products: matrices, equations, recurrences, attention, transforms."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archinspect.importers.onnx.values import OpenError, RuleError, Step, Value, axis_of, stretched

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.base.shape import Shape


def product(one: Shape, two: Shape) -> tuple[Shape, int]:
    """Return the shape of a matrix product as NumPy's, and its multiply-accumulates."""
    if not one or not two:
        raise RuleError("a number has no matrix product")
    left = (1, *one) if len(one) == 1 else one
    right = (*two, 1) if len(two) == 1 else two
    if left[-1] != right[-2]:
        raise RuleError(f"{list(one)} and {list(two)} have no product")
    lead = stretched(left[:-2], right[:-2]) if len(left) > 2 or len(right) > 2 else ()  # noqa: PLR2004 - matrices
    rows, columns = (() if len(one) == 1 else (left[-2],)), (() if len(two) == 1 else (right[-1],))
    found = (*lead, *rows, *columns)
    return found, prod(found) * left[-1]


def matmul(use: Step) -> list[Value]:
    """`MatMul`, and its forms of whole numbers, whose second factor stands elsewhere."""
    second = {"QLinearMatMul": 3}.get(use.kind, 1)
    found, use.macs = product(use.shape(0), use.shape(second))
    return [use.make(found, {"MatMulInteger": "int32", "MatMulIntegerToFloat": "float"}.get(use.kind, ""))]


def fused_matmul(use: Step) -> list[Value]:
    """`FusedMatMul`: either factor may be transposed."""
    shapes = []
    for at, name in enumerate(("transA", "transB")):
        dims = use.shape(at)
        if use.attribute(name, 0) and len(dims) > 1:
            dims = (*dims[:-2], dims[-1], dims[-2])
        shapes.append(dims)
    found, use.macs = product(*shapes)
    return [use.make(found)]


def gemm(use: Step) -> list[Value]:
    """`Gemm`."""
    first, second = use.shape(0), use.shape({"QGemm": 3}.get(use.kind, 1))
    if len(second) != 2:  # noqa: PLR2004 - a matrix
        raise RuleError(f"{list(first)} and {list(second)} are no matrices")
    if len(first) != 2:  # noqa: PLR2004 - as before version 9, all axes after the first together
        first = (first[0], prod(first[1:])) if first else (1, 1)
    rows, inner = first[::-1] if use.attribute("transA", 0) else first
    summed, columns = second[::-1] if use.attribute("transB", 0) else second
    if inner != summed:
        raise RuleError(f"{list(first)} and {list(second)} have no product")
    use.macs = rows * columns * inner
    return [use.make((rows, columns))]


def einsum(use: Step) -> list[Value]:
    """`Einsum`: of two inputs the product of all sizes; of more, joined from left to right."""
    equation = str(use.attribute("equation", "")).replace(" ", "")
    given, arrow, after = equation.partition("->")
    terms = given.split(",")
    shapes = [use.shape(at) for at in range(len(use.inputs))]
    if len(terms) != len(shapes):
        raise RuleError(f"the equation '{equation}' has {len(terms)} inputs, not {len(shapes)}")
    sizes: dict[str, int] = {}
    written = [_letters(term, shape, sizes) for term, shape in zip(terms, shapes, strict=True)]
    everything = "".join(map("".join, written))
    rest = sorted({letter for term in written for letter in term if letter.isdigit()}, reverse=True)
    if not arrow:
        after = ("..." if rest else "") + "".join(
            sorted({one for one in everything if everything.count(one) == 1 and not one.isdigit()})
        )
    out: list[str] = []
    at = 0
    while at < len(after):
        if after.startswith("...", at):
            out += rest
            at += 3
        else:
            out.append(after[at])
            at += 1
    if any(letter not in sizes for letter in out):
        raise RuleError(f"the equation '{equation}' has an output that no input has")
    read = set(written[0])
    for number, term in enumerate(written[1:], 2):
        together = read | set(term)
        use.macs += prod(sizes[letter] for letter in together)
        later = {letter for other in written[number:] for letter in other} | set(out)
        read = together & later
    return [use.make([sizes[letter] for letter in out])]


def _letters(term: str, shape: Shape, sizes: dict[str, int]) -> list[str]:
    """Return an index for each axis, those of `...` counted from the last, and note their sizes."""
    before, dots, behind = term.partition("...")
    count = len(shape) - len(before) - len(behind)
    if count < 0 or (count and not dots):
        raise RuleError(f"'{term}' does not have the {len(shape)} axes of {list(shape)}")
    found = [*before, *(str(at) for at in range(count - 1, -1, -1)), *behind]
    for letter, size in zip(found, shape, strict=True):
        if sizes.setdefault(letter, size) != size:
            if 1 not in (size, sizes[letter]):
                raise RuleError(f"'{letter}' is {sizes[letter]} and {size}")
            sizes[letter] = max(size, sizes[letter])
    return found


def recurrent(use: Step) -> list[Value]:
    """`RNN`, `GRU`, `LSTM`."""
    first, weights, back = use.shape(0), use.shape(1), use.shape(2)
    if use.kind == "DynamicQuantizeLSTM":
        weights, back = ((size[0], size[2], size[1]) for size in (weights, back))
    if len(first) != 3 or len(weights) != 3 or len(back) != 3:  # noqa: PLR2004 - steps, batch, features
        raise RuleError(f"{list(first)} are no steps")
    batch_first = use.attribute("layout", 0)
    steps, batch = first[1::-1] if batch_first else first[:2]
    ways, units = weights[0], back[-1]
    if weights[-1] != first[-1]:
        raise RuleError(f"weights {list(weights)} do not fit {first[-1]} features")
    use.macs = steps * batch * ways * (prod(weights[1:]) + prod(back[1:]))
    states = (batch, ways, units) if batch_first else (ways, batch, units)
    every = (batch, steps, ways, units) if batch_first else (steps, ways, batch, units)
    return [use.make(every), use.make(states), use.make(states)][: max(use.count, 1)]


def attention(use: Step) -> list[Value]:
    """`Attention`, of version 23 and later: scores of every head, query and key, and their sums."""
    query, key, value = use.shape(0), use.shape(1), use.shape(2)
    if len(query) == 3:  # noqa: PLR2004 - batch, steps, features of all heads
        heads, shared = use.attribute("q_num_heads", 1), use.attribute("kv_num_heads", 1)
        batch, steps = query[:2]
        keys, size, out = key[1], query[2] // heads, value[2] // shared
        found: Shape = (batch, steps, heads * out)
    else:
        batch, heads, steps, size = query
        shared, keys, out = key[1], key[2], value[3]
        found = (batch, heads, steps, out)
    past = use.shape(4)[2] if use.has(4) else 0
    use.macs = batch * heads * steps * (keys + past) * (size + out)
    caches = [(batch, shared, keys + past, size), (batch, shared, keys + past, out)]
    return [use.make(dims) for dims in (found, *caches, (batch, heads, steps, keys + past))][: max(use.count, 1)]


def linear_attention(use: Step) -> list[Value]:
    """`LinearAttention`, of version 27: its work depends on the rule of update."""
    query, key, value = use.shape(0), use.shape(1), use.shape(2)
    heads = use.attribute("q_num_heads", 1)
    shared = use.attribute("kv_num_heads", heads)
    out = value[-1] // shared if len(value) == 3 else value[-1]  # noqa: PLR2004 - features of all heads
    use.unknown = ("macs", "flops")
    found = (*query[:-1], heads * out) if len(query) == 3 else (*query[:-1], out)  # noqa: PLR2004 - as above
    state = (query[0], shared, key[-1] // shared if len(key) == 3 else key[-1], out)  # noqa: PLR2004 - as above
    return [use.make(found), use.make(state)][: max(use.count, 1)]


def causal_convolution(use: Step) -> list[Value]:
    """`CausalConvWithState`, of version 27: each channel by itself."""
    dims, kernel = use.shape(0), use.shape(1)
    use.macs = prod(dims) * prod(kernel[1:])
    return [use.make(dims), use.make((*dims[:2], kernel[-1] - 1))][: max(use.count, 1)]


def microsoft_attention(use: Step) -> list[Value]:
    """`Attention` of com.microsoft: one product for queries, keys and values, then heads."""
    dims, weights = use.shape(0), use.shape(1)
    batch, steps, features = dims
    sizes = use.attribute("qkv_hidden_sizes") or [weights[1] // 3] * 3
    past = use.shape(4)[3] if use.has(4) else 0
    use.macs = batch * steps * features * weights[1]
    use.macs += batch * steps * (steps + past) * (sizes[0] + sizes[2])
    heads = use.attribute("num_heads", 1)
    present = (2, batch, heads, steps + past, sizes[2] // heads)
    return [use.make((batch, steps, sizes[2])), use.make(present)][: max(use.count, 1)]


def multi_head_attention(use: Step) -> list[Value]:
    """`MultiHeadAttention` and `GroupQueryAttention` of com.microsoft, without what is packed."""
    if not (use.has(1) and use.has(2)) or len(use.shape(0)) != 3 or len(use.shape(1)) != 3:  # noqa: PLR2004 - features
        raise RuleError("queries, keys and values are packed")
    batch, steps, features = use.shape(0)
    heads = use.attribute("num_heads", 1)
    shared = use.attribute("kv_num_heads", heads)
    keys, value = use.shape(1)[1], use.shape(2)[2]
    groups = use.kind == "GroupQueryAttention"
    at = 3 if groups else 6
    past = use.shape(at)[2] if use.has(at) else 0
    size, out = features // heads, value // shared
    use.macs = batch * heads * steps * (keys + past) * (size + out)
    caches = [(batch, shared, keys + past, size), (batch, shared, keys + past, out)]
    return [use.make(found) for found in ((batch, steps, heads * out), *caches)][: max(use.count, 1)]


def rotary(use: Step) -> list[Value]:
    """`RotaryEmbedding`."""
    return [use.make(use.shape())]


def by_blocks(use: Step) -> list[Value]:
    """`MatMulNBits`: the second factor has few bits."""
    inner, columns = use.attribute("K", 0), use.attribute("N", 0)
    dims = use.shape()
    if dims[-1:] != (inner,):
        raise RuleError(f"{list(dims)} has no product with {inner} rows")
    use.macs = prod(dims) * columns
    return [use.make((*dims[:-1], columns))]


def fourier(use: Step) -> list[Value]:
    """`DFT`: a transform of one axis, of numbers with one part or two."""
    use.unknown = ("macs", "flops")
    dims = use.shape()
    axis = use.attribute("axis", 1) if use.opset < 20 else (use.data(2) or [-2])[0] if use.has(2) else -2  # noqa: PLR2004 - an input since
    at = axis_of(axis, len(dims))
    length = use.data(1)[0] if use.has(1) and use.data(1) else dims[at]  # type: ignore[index] # it is some
    one_sided, inverse = use.attribute("onesided", 0), use.attribute("inverse", 0)
    parts = 1 if one_sided and inverse else 2
    if one_sided and not inverse:
        length = length // 2 + 1
    return [use.make((*dims[:at], length, *dims[at + 1 : -1], parts))]


def short_fourier(use: Step) -> list[Value]:
    """`STFT`: transforms of frames."""
    use.unknown = ("macs", "flops")
    dims, step = use.shape(), use.data(1)
    window = use.shape(2)[0] if use.has(2) else None
    length = (use.data(3) or [window])[0] if use.has(3) else window
    if step is None or length is None:
        raise OpenError("its frames follow from data")
    bins = length // 2 + 1 if use.attribute("onesided", 1) else length
    return [use.make((dims[0], 1 + (dims[1] - length) // step[0], bins, 2))]


def determinant(use: Step) -> list[Value]:
    """`Det`."""
    use.unknown = ("flops",)
    return [use.make(use.shape()[:-2])]


def suppressed(use: Step) -> list[Value]:
    """`NonMaxSuppression`: at most so many of each class."""
    use.unknown = ("flops",)
    batch, classes, count = use.shape(1)
    most = use.data(2) if use.has(2) else [0]
    rows = count if most is None else min(most[0], count) if most else 0
    return [use.make((batch * classes * rows, 3), "int64", sure=False)]


def window_function(use: Step) -> list[Value]:
    """`HannWindow` and its like."""
    size = use.data(0)
    if size is None:
        raise OpenError("its size follows from data")
    return [use.make((size[0],), "float")]


def swiglu(use: Step) -> list[Value]:
    """`SwiGLU`: halves its last axis."""
    dims = use.shape()
    if len(use.inputs) > 1:
        return [use.make(stretched(*(use.shape(at) for at in range(len(use.inputs)) if use.has(at))))]
    return [use.make((*dims[:-1], dims[-1] // 2))]


RULES: dict[str, Callable[[Step], list[Value]]] = {
    **dict.fromkeys(
        ("MatMul", "MatMulInteger", "QLinearMatMul", "MatMulIntegerToFloat", "DynamicQuantizeMatMul"), matmul
    ),
    "FusedMatMul": fused_matmul,
    "TransposeMatMul": fused_matmul,
    "Gemm": gemm,
    "FusedGemm": gemm,
    "QGemm": gemm,
    "Einsum": einsum,
    **dict.fromkeys(("RNN", "GRU", "LSTM"), recurrent),
    "Attention": attention,
    "LinearAttention": linear_attention,
    "CausalConvWithState": causal_convolution,
    "DFT": fourier,
    "STFT": short_fourier,
    "Det": determinant,
    "NonMaxSuppression": suppressed,
    **dict.fromkeys(("HannWindow", "HammingWindow", "BlackmanWindow"), window_function),
    "SwiGLU": swiglu,
}

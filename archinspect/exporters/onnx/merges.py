"""Operators that join tensors: element by element, side by side, by products."""

from __future__ import annotations

from collections import Counter
from functools import reduce
from string import ascii_letters
from typing import TYPE_CHECKING

from archinspect.base.shape import normal_axis
from archinspect.exporters.onnx.norms import to_length_one
from archinspect.exporters.onnx.writer import Value
from archinspect.exporters.orders import spec_order
from archinspect.ops.contraction import REST, written
from archinspect.ops.dense import Projection
from archinspect.ops.spatial import channel_axis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.exporters.onnx.use import Use
    from archinspect.exporters.orders import Order


def common_order(use: Use) -> Order:
    """Return the order that most inputs of the output's rank are in."""
    orders = [use.order(index) for index in range(len(use.shapes))]
    return Counter(order for order in orders if len(order) == len(use.output)).most_common(1)[0][0]


def lined_up(use: Use) -> tuple[list[str], Order]:
    """Return all inputs in one order, those of lower rank with axes of size 1 after the batch, and that order."""
    rank = len(use.output)
    order = common_order(use)
    names = []
    for index, shape in enumerate(use.shapes):
        if len(shape) == rank:
            names.append(use.given(index, order).name)
            continue
        wide = use.emit("Unsqueeze", use.spec(index), use.ints(*range(1, 1 + rank - len(shape))))
        names.append(wide if order == spec_order(rank) else use.emit("Transpose", wide, perm=order))
    return names, order


def joined(kind: str) -> Callable[[Use], Value]:
    """Return the translation of an operator of two inputs, or more one by one."""

    def translate(use: Use) -> Value:
        names, order = lined_up(use)
        return Value(reduce(lambda one, other: use.emit(kind, one, other), names), order)

    return translate


def multiply(use: Use) -> Value:
    """`Multiply`; of truth values ONNX's `And`, as its `Mul` takes none."""
    return joined("And" if use.reads[0] == "bool" else "Mul")(use)


def of_all(kind: str) -> Callable[[Use], Value]:
    """Return the translation of an operator of any number of inputs."""

    def translate(use: Use) -> Value:
        names, order = lined_up(use)
        return Value(use.emit(kind, *names), order)

    return translate


def concatenation(use: Use) -> Value:
    """`Concatenate`."""
    order = common_order(use)
    axis = channel_axis(use.shape, use.op.data_format) if use.op.axis is None else use.op.axis
    names = [use.given(index, order).name for index in range(len(use.shapes))]
    return Value(use.emit("Concat", *names, axis=use.axis(axis, order)), order)


def dot(use: Use) -> Value:
    """`Dot`: the sum that it is, as an equation."""
    first, second = use.shapes
    axes = [normal_axis(axis, len(shape)) for axis, shape in ((use.op.axes[0], first), (use.op.axes[-1], second))]
    names = [use.spec(0), use.spec(1)]
    if use.op.normalize:
        names = [to_length_one(use, name, axis, 1e-12) for name, axis in zip(names, axes, strict=True)]
    one = ascii_letters[: len(first)]
    other = [one[0], *ascii_letters[len(first) : len(first) + len(second) - 1]]
    other[axes[1]] = one[axes[0]]
    rest = [letter for letter in (*one[1:], *other[1:]) if letter != one[axes[0]]]
    found = use.emit("Einsum", *names, equation=f"{one},{''.join(other)}->{one[0]}{''.join(rest)}")
    found = found if rest else use.emit("Unsqueeze", found, use.ints(1))
    return Value(found, spec_order(len(use.output)))


def einsum(use: Use) -> Value:
    """`Einsum`, as it is."""
    names = [use.spec(index) for index in range(len(use.shapes))]
    return Value(use.emit("Einsum", *names, equation=written(*use.op.aligned())), spec_order(len(use.output)))


def einsum_dense(use: Use) -> Value:
    """`EinsumDense`: an equation with a kernel."""
    rank = len(use.output)
    found = use.emit("Einsum", use.spec(), use.weight("kernel"), equation=written(*use.op.terms()))
    if use.op.bias_axes:
        after = use.op.terms()[1]
        # In the output's order, with axes of size 1 for the others; `...` are all that no letter stands for.
        letters = [index for term in after for index in (term if term != REST else "." * (rank - len(after) + 1))]
        order = sorted(range(len(use.op.bias_axes)), key=lambda at: letters.index(use.op.bias_axes[at]))
        sizes = [size if letter in use.op.bias_axes else 1 for letter, size in zip(letters, use.output, strict=True)]
        found = use.emit("Add", found, use.weight("bias", tuple(order), sizes))
    return Value(found, spec_order(rank))


def product(use: Use) -> Value:
    """`MatMul`."""
    names = []
    ranks = list(map(len, use.shapes))
    for index, turned in enumerate((use.op.transpose_a, use.op.transpose_b)):
        name, rank = use.spec(index), ranks[index]
        if turned:
            name = use.emit("Transpose", name, perm=(*range(rank - 2), rank - 1, rank - 2))
        missing = max(ranks) - rank
        names.append(use.emit("Unsqueeze", name, use.ints(*range(1, 1 + missing))) if missing else name)
    return Value(use.emit("MatMul", *names), spec_order(len(use.output)))


def dense(use: Use) -> Value:
    """`Dense`: a `Gemm` of vectors, and else a `MatMul` over the last axis."""
    name, kernel = use.spec(), use.weight("kernel")
    biases: Sequence[str] = [use.weight("bias")] if "bias" in use.weights else []
    rank = len(use.output)
    if rank == 2:  # noqa: PLR2004 - the batch and features
        return Value(use.emit("Gemm", name, kernel, *biases), (0, 1))
    found = use.emit("MatMul", name, kernel)
    return Value(use.emit("Add", found, *biases) if biases else found, spec_order(rank))


OPERATORS: dict[str, Callable[[Use], Value]] = {
    "Add": joined("Add"),
    "Subtract": joined("Sub"),
    "Multiply": multiply,
    "Maximum": of_all("Max"),
    "Minimum": of_all("Min"),
    "Average": of_all("Mean"),
    "Concatenate": concatenation,
    "Dot": dot,
    "Einsum": einsum,
    "EinsumDense": einsum_dense,
    "MatMul": product,
    Projection.__name__: dense,
}

"""Reductions and products."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archinspect.importers.keras.model import Array
from archinspect.importers.keras.operations.base import (
    MixesSamplesError,
    argument,
    axes,
    is_tensor,
    lengths,
)
from archinspect.importers.keras.operations.elements import joined
from archinspect.ops.tensor import Custom

if TYPE_CHECKING:
    from archinspect.importers.keras.build import Use
    from archinspect.importers.keras.layers import Add, Made


def reduced(operator: str) -> Add:
    """Return the function of a reduction."""

    def call(use: Use) -> Made:
        return use.add(operator, use.x, axis=axes(use), keepdims=bool(use.get("keepdims", False)))

    return call


def of_axis(operator: str, default: int = -1, **names: str) -> Add:
    """Return the function of an operator along an axis."""

    def call(use: Use) -> Made:
        rank = len(use.shape())
        axis = use.config.get("axis", default)
        if type(axis) is not int or axis % rank == 0:
            raise MixesSamplesError
        own = {key: use.get(name) for key, name in names.items() if use.get(name) is not None}
        return use.add_all(operator, use.x, axis=axis, **own)

    return call


def norm(use: Use) -> Made:
    """`Norm`."""
    operators = {None: "ReduceL2", 2: "ReduceL2", "fro": "ReduceL2", 1: "ReduceL1"}
    order = use.get("ord")
    if order not in operators:
        raise MixesSamplesError
    return use.add(operators[order], use.x, axis=axes(use), keepdims=bool(use.get("keepdims", False)))


def normalized(use: Use) -> Made:
    """`Normalize`."""
    if use.get("order", 2) != 2:  # noqa: PLR2004 - as vectors are
        raise MixesSamplesError
    (axis,) = axes(use)
    return use.add("UnitNormalization", use.x, axis=axis)


def normed(operator: str) -> Add:
    """Return the function of a normalization of features, whose scale and offset are tensors, numbers, or none."""

    def call(use: Use) -> Made:
        found = use.add(operator, use.x, axis=axes(use), elementwise_affine=False)
        for place, name, merge in ((1, "gamma", "Multiply"), (2, "beta", "Add")):
            value = argument(use, place, name, "scale") if name == "gamma" else argument(use, place, name)
            if value is not None:
                found = joined(use, merge, found, value)
        return found

    return call


# Products


def matmul(use: Use) -> Made:
    """`Matmul`."""
    one, other = argument(use, 0, "x1"), argument(use, 1, "x2")
    if not (is_tensor(one) and is_tensor(other)):
        constant, tensor = (one, other) if is_tensor(other) else (other, one)
        shape = constant.shape if isinstance(constant, Array) else lengths(constant)
        if len(shape) != 2 or not is_tensor(tensor) or tensor is other:  # noqa: PLR2004 - a matrix
            raise MixesSamplesError
        # A matrix of the file's own: a linear layer without weights.
        width = use.shape(tensor)[-1]
        count = prod(use.shape(tensor)[1:-1]) * width * shape[1]
        return use.add(Custom(output_shape=[*use.shape(tensor)[1:-1], shape[1]], params=0, macs=count), tensor)
    if min(len(use.shape(one)), len(use.shape(other))) < 3:  # noqa: PLR2004 - the batch, and a matrix
        raise MixesSamplesError
    return joined(use, "MatMul", one, other)


def einsum(use: Use) -> Made:
    """`Einsum`."""
    if not all(map(is_tensor, use.args)):
        raise MixesSamplesError
    return use.add("Einsum", *use.inputs, equation=use.get("subscripts", ""))


def attention(use: Use) -> Made:
    """`DotProductAttention`: heads have an axis of their own, before the features."""
    query, key, value = (argument(use, at, name) for at, name in enumerate(("query", "key", "value")))
    shapes = [use.shape(one) for one in (query, key, value)]
    if any(len(shape) != 4 for shape in shapes):  # noqa: PLR2004 - the batch, steps, heads, features
        raise MixesSamplesError
    flat = [
        use.add("Reshape", one, target_shape=[shape[1], shape[2] * shape[3]])
        for one, shape in zip((query, key, value), shapes, strict=True)
    ]
    masked = argument(use, 4, "mask") is not None or argument(use, 3, "bias") is not None
    op = use.make(
        "ScaledDotProductAttention",
        num_heads=shapes[0][2],
        num_kv_heads=shapes[1][2],
        causal=bool(use.get("is_causal", False)),
        masked=masked,
    )
    use.row = op
    x = use.add(op, *flat)
    return use.add("Reshape", x, target_shape=[shapes[0][1], shapes[0][2], use.shape(x)[-1] // shapes[0][2]])

"""Operators that make one number of many along axes, or order them."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from archinspect.importers.onnx.values import Step, Value, axis_of

if TYPE_CHECKING:
    from collections.abc import Callable


def reduction(function: Callable[[list[Any]], Any] | None = None) -> Callable[[Step], list[Value]]:
    """Return the rule of a reduction; its value where all axes of a few numbers are reduced."""

    def rule(use: Step) -> list[Value]:
        value = use.input(0)
        axes = use.ints("axes", 1)
        if not axes and use.attribute("noop_with_empty_axes"):
            return [use.make(value.dims)]
        gone = {axis_of(axis, value.rank) for axis in axes or range(value.rank)}
        keeps = use.attribute("keepdims", 1)
        dims = [1 if at in gone else size for at, size in enumerate(value.dims) if keeps or at not in gone]
        given = use.data(0)
        data = None
        if (
            function is not None
            and given is not None
            and len(gone) == value.rank
            and (given or function not in (max, min))
        ):
            data = [function(given)]
        return [use.make(dims, "", data, sure=value.sure)]

    return rule


def place(use: Step) -> list[Value]:
    """`ArgMax`, `ArgMin`."""
    dims = use.shape()
    axis = axis_of(use.attribute("axis", 0), len(dims))
    kept = (1,) if use.attribute("keepdims", 1) else ()
    return [use.make((*dims[:axis], *kept, *dims[axis + 1 :]), "int64")]


def top(use: Step) -> list[Value]:
    """`TopK`."""
    dims, given = use.shape(), use.ints("k", 1) or [1]
    axis = axis_of(use.attribute("axis", -1), len(dims))
    found = (*dims[:axis], given[0], *dims[axis + 1 :])
    return [use.make(found), use.make(found, "int64")]


def loss(use: Step) -> list[Value]:
    """`NegativeLogLikelihoodLoss`, `SoftmaxCrossEntropyLoss`."""
    labels = use.shape(1) if use.attribute("reduction", "mean") == "none" else ()
    return [use.make(labels), *[use.make(use.shape()) for _ in range(use.count - 1)]]


RULES: dict[str, Callable[[Step], list[Value]]] = {
    "ReduceProd": reduction(prod),
    "ReduceSum": reduction(sum),
    "ReduceMax": reduction(max),
    "ReduceMin": reduction(min),
    **dict.fromkeys(
        ("ReduceMean", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"), reduction()
    ),
    "ArgMax": place,
    "ArgMin": place,
    "TopK": top,
    "NegativeLogLikelihoodLoss": loss,
    "SoftmaxCrossEntropyLoss": loss,
}

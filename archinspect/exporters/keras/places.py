"""Axes that come, go and change places; what integers name the places of; tensors of fixed numbers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from archinspect.base.shape import normal_axes, normal_axis
from archinspect.exporters.code import Step, code
from archinspect.exporters.keras.tensors import dtype_of
from archinspect.exporters.keras.use import function, of_each_sample, own

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.exporters.keras.use import Use


def _one_by_one(axes: tuple[int, ...], name: str) -> Step:
    """Return a function of one axis, for several axes in this order."""
    text = "{0}"
    for at in range(len(axes)):
        text = f"ops.{name}({text}, axis={{axis{at}}})"
    return Step(code(text, **{f"axis{at}": axis for at, axis in enumerate(axes)}))


def _squeeze(use: Use) -> Step:
    """Return a tensor without some axes."""
    op: Any = use.op
    return _one_by_one(normal_axes(op.axis, len(use.shape))[::-1], "squeeze")


def _unsqueeze(use: Use) -> Step:
    """Return a tensor with further axes."""
    op: Any = use.op
    return _one_by_one(op.axes(len(use.shape)), "expand_dims")


def _expand(use: Use) -> Step:
    """Return a tensor whose axes stretch; how many samples there are no program of Keras has to say so."""
    missing = len(use.output) - len(use.shape)
    new = f"[:, {', '.join(['None'] * missing)}]" if missing else ""
    given = (*(1,) * missing, *use.shape[1:])
    times = tuple(made // there for made, there in zip(use.output[1:], given, strict=True))
    return Step(code(f"ops.tile({{0}}{new}, {{repeats}})", repeats=(1, *times)))


def _tile(use: Use) -> Step:
    """Return copies of a tensor in a row."""
    op: Any = use.op
    return Step(code("ops.tile({0}, {repeats})", repeats=(1, *op.repeats)))


def _repeat(use: Use) -> Step:
    """Return copies of each position in a row."""
    op: Any = use.op
    axis = normal_axis(op.axis, len(use.shape))
    return Step(code("ops.repeat({0}, {repeats}, axis={axis})", repeats=op.repeats, axis=axis))


def _stack(use: Use) -> Step:
    """Return the inputs along a new axis."""
    op: Any = use.op
    given, parts = of_each_sample(use)
    return Step(code(f"ops.stack([{given}], axis={{axis}})", axis=normal_axis(op.axis, len(use.output))), parts=parts)


def _flip(use: Use) -> Step:
    """Return positions in reverse order."""
    op: Any = use.op
    return Step(code("ops.flip({0}, axis={axis})", axis=normal_axes(op.axis, len(use.shape))))


def _swap(use: Use) -> Step:
    """Return two axes exchanged."""
    op: Any = use.op
    axes = [normal_axis(axis, len(use.shape)) for axis in (op.axis1, op.axis2)]
    return Step(code("ops.swapaxes({0}, {axis1}, {axis2})", axis1=axes[0], axis2=axes[1]))


def _move(use: Use) -> Step:
    """Return axes in other places."""
    op: Any = use.op
    rank = len(use.shape)
    source, destination = (tuple(normal_axis(axis, rank) for axis in axes) for axes in (op.source, op.destination))
    return Step(code("ops.moveaxis({0}, {source}, {destination})", source=source, destination=destination))


def _triangle(use: Use, name: str) -> Step:
    """Return one side of a diagonal."""
    op: Any = use.op
    return Step(code(f"ops.{name}({{0}}, k={{k}})", k=op.diagonal))


def _gather(use: Use) -> Step:
    """Return the positions that an index names."""
    op: Any = use.op
    return Step(code("ops.take({0}, {1}[0], axis={axis})", axis=normal_axis(op.axis, len(use.shape))))


def _embedding(use: Use) -> Step:
    """Return the vectors of a table that an index names."""
    del use
    return Step(code("ops.take({1}[0], {0}, axis=0)"))


def _take(use: Use) -> Step:
    """Return the elements along an axis that an index names."""
    op: Any = use.op
    return Step(code("ops.take_along_axis({0}, {1}, axis={axis})", axis=normal_axis(op.axis, len(use.shape))))


def _scatter(use: Use) -> Step:
    """Return the sums of what an index names the same place for."""
    op: Any = use.op
    axis = normal_axis(op.axis, len(use.shape))
    return function("scatter_add", "{0}, {1}, {axis}, {size}", axis=axis, size=op.size)


def _one_hot(use: Use) -> Step:
    """Return a vector with a single 1 for each integer."""
    op: Any = use.op
    return Step(code("ops.one_hot({0}, {size}, dtype={dtype})", size=op.num_classes, dtype=dtype_of(use)))


def _arange(use: Use) -> Step:
    """Return whole numbers in a row; a layer of Keras needs an input, of which this uses nothing."""
    op: Any = use.op
    values = {"start": op.start, "stop": op.stop, "step": op.step}
    return own("Arange", values, value_dtype=(dtype_of(use), ...))


def _fill(use: Use) -> Step:
    """Return one number everywhere; a layer of Keras needs an input, of which this uses nothing."""
    op: Any = use.op
    return own("Fill", {"shape": use.output[1:], "value": op.value}, value_dtype=(dtype_of(use), ...))


OPERATORS: dict[str, Callable[[Use], Step]] = {
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Expand": _expand,
    "Tile": _tile,
    "Repeat": _repeat,
    "Stack": _stack,
    "Flip": _flip,
    "SwapAxes": _swap,
    "MoveAxis": _move,
    "Tril": partial(_triangle, name="tril"),
    "Triu": partial(_triangle, name="triu"),
    "Gather": _gather,
    "EmbeddingLookup": _embedding,
    "TakeAlongAxis": _take,
    "ScatterAdd": _scatter,
    "OneHot": _one_hot,
    "Arange": _arange,
    "Fill": _fill,
}
"""By the operator's name."""

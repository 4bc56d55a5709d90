"""Axes that come, go and change places; what integers name the places of; tensors of fixed numbers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from archinspect.exporters.code import Raw, Step, call, code
from archinspect.exporters.orders import as_the_spec
from archinspect.exporters.pytorch.dtypes import dtype_of, index_of
from archinspect.exporters.pytorch.elementwise import of_each_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.exporters.orders import Reads, Use


def _squeeze(use: Use) -> Step:
    """Return a tensor without some axes."""
    op: Any = use.op
    axes = tuple(sorted(axis % len(use.shape) for axis in op.axis))
    return Step(code("{0}.squeeze({dim})", dim=axes[0] if len(axes) == 1 else axes))


def _unsqueeze(use: Use) -> Step:
    """Return a tensor with further axes."""
    op: Any = use.op
    axes = op.axes(len(use.shape))
    text = "".join(f".unsqueeze({{dim{at}}})" for at in range(len(axes)))
    return Step(code(f"{{0}}{text}", **{f"dim{at}": axis for at, axis in enumerate(axes)}))


def _sizes(sizes: Sequence[int]) -> tuple[str, dict[str, int]]:
    """Return sizes as arguments, and what they are."""
    return ", ".join(f"{{size_{at}}}" for at in range(len(sizes))), {f"size_{at}": one for at, one in enumerate(sizes)}


def _expand(use: Use) -> Step:
    """Return a tensor whose axes stretch."""
    missing = len(use.output) - len(use.shape)
    new = f"[:, {', '.join(['None'] * missing)}]" if missing else ""
    sizes, values = _sizes(use.output[1:])
    return Step(code(f"{{0}}{new}.expand(-1, {sizes})", **values))


def _tile(use: Use) -> Step:
    """Return copies of a tensor in a row."""
    op: Any = use.op
    sizes, values = _sizes(op.repeats)
    return Step(code(f"{{0}}.repeat(1, {sizes})", **values))


def _repeat(use: Use) -> Step:
    """Return copies of each position in a row."""
    op: Any = use.op
    return Step(code("{0}.repeat_interleave({repeats}, dim={dim})", repeats=op.repeats, dim=op.axis % len(use.shape)))


def _stack(use: Use) -> Step:
    """Return the inputs along a new axis."""
    op: Any = use.op
    operands = ", ".join(of_each_sample(use, index) for index in range(len(use.orders)))
    return Step(code(f"torch.stack([{operands}], dim={{dim}})", dim=op.axis % len(use.output)))


def _flip(use: Use) -> Step:
    """Return positions in reverse order."""
    op: Any = use.op
    return Step(code("{0}.flip({dims})", dims=tuple(axis % len(use.shape) for axis in op.axis)))


def _swap(use: Use) -> Step:
    """Return two axes exchanged."""
    op: Any = use.op
    rank = len(use.shape)
    return Step(code("{0}.transpose({dim0}, {dim1})", dim0=op.axis1 % rank, dim1=op.axis2 % rank))


def _move(use: Use) -> Step:
    """Return axes in other places."""
    op: Any = use.op
    rank = len(use.shape)
    source, destination = (tuple(axis % rank for axis in axes) for axes in (op.source, op.destination))
    return Step(code("{0}.movedim({source}, {destination})", source=source, destination=destination))


def _triangle(use: Use, name: str) -> Step:
    """Return one side of a diagonal."""
    op: Any = use.op
    return Step(code(f"{{0}}.{name}({{diagonal}})" if op.diagonal else f"{{0}}.{name}()", diagonal=op.diagonal))


def _gather(use: Use) -> Step:
    """Return the positions that an index names."""
    op: Any = use.op
    dim, shape = op.axis % len(use.shape), use.call.shapes[1][1:]
    index = f"{{1}}{index_of(use, 1)}"
    if not shape:
        return Step(code(f"{{0}}.index_select({{dim}}, {index}).squeeze({{dim}})", dim=dim))
    if len(shape) == 1:
        return Step(code(f"{{0}}.index_select({{dim}}, {index}[0])", dim=dim))
    text = f"torch.unflatten({{0}}.index_select({{dim}}, {index}.flatten()), {{dim}}, {{sizes}})"
    return Step(code(text, dim=dim, sizes=tuple(shape)))


def _embedding(use: Use) -> Step:
    """Return the vectors of a table that an index names."""
    return Step(code(f"F.embedding({{0}}{index_of(use, 0)}, {{1}}[0])"))


def _take(use: Use) -> Step:
    """Return the elements along an axis that an index names."""
    op: Any = use.op
    dim = op.axis % len(use.shape)
    index = of_each_sample(use, 1)
    values: dict[str, int] = {}
    if use.call.shapes[1][1:] != use.output[1:]:
        sizes, values = _sizes(use.output[1:])
        samples = "-1" if use.node.inputs[1].batched or not use.node.inputs[0].batched else "len({0})"
        index = f"{{1}}.expand({samples}, {sizes})"
    text = f"{of_each_sample(use, 0)}.gather({{dim}}, {index}{index_of(use, 1, long=True)})"
    return Step(code(text, dim=dim, **values))


def _scatter(use: Use) -> Step:
    """Return the sums of what an index names the same place for."""
    op: Any = use.op
    index = f"{{1}}{index_of(use, 1, long=True)}"
    text = f"scatter_add({of_each_sample(use, 0)}, {index}, {{dim}}, {{size}})"
    return Step(code(text, dim=op.axis % len(use.shape), size=op.size), parts=("scatter_add",))


def _one_hot(use: Use) -> Step:
    """Return a vector with a single 1 for each integer."""
    op: Any = use.op
    index = f"{{0}}{index_of(use, 0, long=True)}"
    if op.dtype == "float":
        return Step(code(f"one_hot({index}, {{size}})", size=op.num_classes), parts=("one_hot",))
    values = {"size": op.num_classes, "dtype": Raw(dtype_of(use))}
    return Step(code(f"one_hot({index}, {{size}}, {{dtype}})", **values), parts=("one_hot",))


def _arange(use: Use) -> Step:
    """Return whole numbers in a row."""
    op: Any = use.op
    options = {"dtype": (Raw(dtype_of(use)), ...)}
    module = call("Arange", {"start": op.start, "stop": op.stop, "step": op.step}, **options)
    return Step(code("{self}()"), module, parts=("Arange",))


def _fill(use: Use) -> Step:
    """Return one number everywhere."""
    op: Any = use.op
    dtype = use.call.outputs[0].dtype
    options = {} if dtype == "float" else {"dtype": (Raw(dtype_of(use)), None)}
    module = call("Fill", {"shape": use.output[1:], "value": op.value}, **options)
    return Step(code("{self}()"), module, parts=("Fill",))


_STEPS: dict[str, Callable[[Use], Step]] = {
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
OPERATORS: dict[str, tuple[Callable[[Use], Step], Reads, bool]] = {
    name: (made, as_the_spec, False) for name, made in _STEPS.items()
}
"""As :data:`archinspect.exporters.pytorch.tensors.OPERATORS`."""

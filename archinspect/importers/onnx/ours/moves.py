"""What moves, cuts, repeats or joins elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.onnx.ours.base import Ours, make
from archinspect.importers.onnx.values import axis_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.importers.onnx.values import Step


def reshape(use: Step) -> Ours | None:
    """`Reshape` and its like: the axes of a sample."""
    dims = use.outputs[0].dims
    if not dims or 0 in dims:
        return None
    before = use.shape()
    if len(dims) == 2 and before[:1] == dims[:1]:  # noqa: PLR2004 - batch, features
        return Ours(make("Flatten"))
    return Ours(make("Reshape", target_shape=dims[1:]))


def cut(use: Step) -> Ours | None:
    """`Slice` of one axis, forwards."""
    starts, ends, axes, steps = use.ints("starts", 1), use.ints("ends", 2), use.ints("axes", 3), use.ints("steps", 4)
    if not starts or not ends or len(starts) != 1 or (steps and steps[0] < 1):
        return None
    rank = len(use.shape())
    axis = axis_of(axes[0], rank) if axes else 0
    length = use.shape()[axis]
    stop = None if ends[0] >= length else ends[0]
    return Ours(make("Slice", axis=axis, start=starts[0], stop=stop, step=steps[0] if steps else 1))


def split(use: Step) -> Ours | None:
    """`Split`."""
    axis = axis_of(use.attribute("axis", 0), len(use.shape()))
    sizes = tuple(value.dims[axis] for value in use.outputs)
    if 0 in sizes:
        return None
    return Ours(make("Split", axis=axis, **({"parts": len(sizes)} if len(set(sizes)) == 1 else {"sizes": sizes})))


def squeezed(use: Step) -> Ours | None:
    """`Squeeze`, `Unsqueeze`."""
    axes = use.ints("axes", 1)
    if axes is None:
        axes = [at for at, size in enumerate(use.shape()) if size == 1]
    if not axes:
        return Ours(make("Identity"))
    rank = len(use.shape()) + (len(axes) if use.kind == "Unsqueeze" else 0)
    return Ours(make(use.kind, axis=tuple(axis_of(axis, rank) for axis in axes)))


def transpose(use: Step) -> Ours | None:
    """`Transpose`."""
    order = tuple(use.attribute("perm") or range(len(use.shape()))[::-1])
    return Ours(make("Permute", dims=order[1:])) if order[:1] == (0,) and len(order) > 1 else None


def expand(use: Step) -> Ours | None:
    """`Expand`."""
    dims = use.outputs[0].dims
    return Ours(make("Expand", target_shape=dims[1:])) if dims and 0 not in dims else None


def tile(use: Step) -> Ours | None:
    """`Tile`."""
    repeats = use.data(1) if use.opset > 5 else None  # noqa: PLR2004 - since when it is so
    return Ours(make("Tile", repeats=tuple(repeats[1:]))) if repeats and repeats[0] == 1 and len(repeats) > 1 else None


def concat(use: Step) -> Ours:
    """`Concat`."""
    return Ours(make("Concatenate", axis=use.attribute("axis", 1)), tuple(range(len(use.inputs))))


def identity(use: Step) -> Ours | None:
    """`Identity`."""
    return Ours(make("Identity")) if use.input(0).items is None else None


def top(use: Step) -> Ours:
    """`TopK`."""
    axis = axis_of(use.attribute("axis", -1), len(use.shape()))
    return Ours(make("TopK", k=use.outputs[0].dims[axis], axis=axis))


def gather(use: Step) -> Ours | None:
    """`Gather`: an embedding where the table is the file's own, a part where the place is known."""
    table, axis = use.input(0), use.attribute("axis", 0)
    if table.constant and table.plain and table.rank == 2 and axis % 2 == 0 and not use.input(1).constant:  # noqa: PLR2004 - a table
        return Ours(make("Embedding", input_dim=table.dims[0], output_dim=table.dims[1]), (1,), (0,))
    places = use.data(1)
    if places is not None and use.shape(1) == ():
        return Ours(make("Select", index=places[0], axis=axis))
    return Ours(make("Gather", axis=axis), (0, 1))


OPERATORS: dict[str, Callable[[Step], Ours | None]] = {
    "Gather": gather,
    "Concat": concat,
    "Reshape": reshape,
    "Flatten": reshape,
    "Transpose": transpose,
    "Squeeze": squeezed,
    "Unsqueeze": squeezed,
    "Expand": expand,
    "Tile": tile,
    "Slice": cut,
    "Split": split,
    "Identity": identity,
    "TopK": top,
}
"""By their names in the standard set of ONNX."""

"""The columns that a table of layers can have."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.render.numbers import byte_count, count, shape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.report import Row


class Column(NamedTuple):
    """A column: its title, the value it takes from a row, how that is written, and whether it is a number."""

    title: str
    value: Callable[[Row], object]
    write: Callable[[Row, bool], str]
    number: bool = False
    keep: int = 0
    """How long a narrow terminal keeps it: the lowest goes first."""


def _axes(row: Row, figure: str) -> str:
    """Write what a row sees of the input, one number where all axes have the same."""
    if row.field is None:
        return "all"
    figures = [f"{getattr(axis, figure):.10g}" for axis in row.field]
    return figures[0] if len(set(figures)) == 1 else "x".join(figures)


def _number(title: str, value: Callable[[Row], int], keep: int) -> Column:
    return Column(title, value, lambda row, exact: count(value(row), exact=exact), number=True, keep=keep)


COLUMNS = {
    "layer": Column("Layer (type)", lambda r: r.name, lambda r, _: f"{r.name} ({r.type})", keep=100),
    "inputs": Column("Inputs", lambda r: " ".join(r.inputs), lambda r, _: ", ".join(r.inputs), keep=20),
    "input_shape": Column("Input shape", lambda r: shape(r.input_shape), lambda r, _: shape(r.input_shape), keep=35),
    "output_shape": Column(
        "Output shape", lambda r: shape(r.output_shape), lambda r, _: shape(r.output_shape), keep=90
    ),
    "params": _number("Params", lambda r: r.cost.params, 80),
    "trainable": _number("Trainable", lambda r: r.cost.trainable_params, 40),
    "active": _number("Active", lambda r: r.cost.active_params, 16),
    "buffers": _number("Buffers", lambda r: r.cost.buffers, 15),
    "macs": _number("MACs", lambda r: r.cost.macs, 70),
    "flops": _number("FLOPs", lambda r: r.cost.flops, 30),
    "memory": Column(
        "Memory",
        lambda r: r.cost.output_bytes,
        lambda r, exact: byte_count(r.cost.output_bytes, exact=exact),
        number=True,
        keep=10,
    ),
    "receptive_field": Column("Receptive field", lambda r: _axes(r, "size"), lambda r, _: _axes(r, "size"), keep=25),
    "jump": Column("Jump", lambda r: _axes(r, "jump"), lambda r, _: _axes(r, "jump"), keep=24),
    "center": Column("Centre", lambda r: _axes(r, "center"), lambda r, _: _axes(r, "center"), keep=23),
    "args": Column(
        "Arguments", lambda r: r.args, lambda r, _: ", ".join(f"{k}={v}" for k, v in r.args.items()), keep=5
    ),
}


def cells(name: str, rows: Sequence[Row], *, exact: bool) -> list[str]:
    """Return a column as text; `inputs` is empty for a row that reads just the one before it."""
    written = [COLUMNS[name].write(row, exact) for row in rows]
    if name == "inputs":
        before = [None, *rows[:-1]]
        return [
            "" if b and row.inputs == (b.name,) else text for b, row, text in zip(before, rows, written, strict=True)
        ]
    return written


DEFAULT = ("layer", "output_shape", "params", "macs", "flops", "memory")

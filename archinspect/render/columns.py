"""The columns that a table of layers can have."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, cast

from archinspect.render.numbers import byte_count, count, shape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from archinspect.reports.compute import ComputeRow
    from archinspect.reports.summary import Report, Row


SHOWN_INPUTS = 8
"""Names of inputs that a row of a table has; programs' formats have all."""


class LayerColumn(NamedTuple):
    """A column: its title, the value it takes from a row, how that is written, and whether it is a number."""

    title: str
    value: Callable[[Row], object]
    write: Callable[[Row, bool], str]
    number: bool = False
    keep: int = 0
    """How long a narrow terminal keeps it: the lowest goes first."""
    figure: str = ""
    """What a row names that does not know it, or not of all of its layers."""


def _axes(row: Row, figure: str) -> str:
    """Write what a row sees of the input, one number where all axes have the same."""
    if row.field is None:
        return "all"
    figures = [f"{getattr(axis, figure):.10g}" for axis in row.field]
    return figures[0] if len(set(figures)) == 1 else "x".join(figures)


def _number(title: str, value: Callable[[Row], int], keep: int, figure: str = "") -> LayerColumn:
    return LayerColumn(title, value, _marked(value, figure, count), number=True, keep=keep, figure=figure)


def _marked(value: Callable[[Row], int], figure: str, write: Callable[..., str]) -> Callable[[Row, bool], str]:
    """Return what writes a row's number, with a `?` where it is not known, or not of all of the row's layers."""

    def written(row: Row, exact: bool) -> str:  # noqa: FBT001 - as a column's
        number = write(value(row), exact=exact)
        if figure not in row.unknown:
            return number
        return f"{number} + ?" if value(row) else "?"

    return written


def _names(names: Sequence[str]) -> str:
    """Write names, of many only the first ones: one long cell makes every row as long."""
    if len(names) <= SHOWN_INPUTS:
        return ", ".join(names)
    return f"{', '.join(names[: SHOWN_INPUTS - 1])} and {len(names) - SHOWN_INPUTS + 1:,} more"


def row_title(row: Row | ComputeRow) -> str:
    """Write which layer or composite a row is, and of how many equal ones, or `~` alike ones, it is the sum."""
    return f"{row.name} ({row.type})" + (f" {'' if row.equal else '~'}x{row.copies}" if row.copies > 1 else "")


COLUMNS = {
    "layer": LayerColumn("Layer (type)", lambda r: r.name, lambda r, _: row_title(r), keep=100),
    "inputs": LayerColumn("Inputs", lambda r: " ".join(r.inputs), lambda r, _: _names(r.inputs), keep=20),
    "input_shape": LayerColumn(
        "Input shape", lambda r: shape(r.input_shape), lambda r, _: shape(r.input_shape), keep=35
    ),
    "output_shape": LayerColumn(
        "Output shape", lambda r: shape(r.output_shape), lambda r, _: shape(r.output_shape), keep=90
    ),
    "params": _number("Params", lambda r: r.cost.params, 80, "params"),
    "trainable": _number("Trainable", lambda r: r.cost.trainable_params, 40, "params"),
    "active": _number("Active", lambda r: r.cost.active_params, 16, "params"),
    "buffers": _number("Buffers", lambda r: r.cost.buffers, 15, "params"),
    "macs": _number("MACs", lambda r: r.cost.macs, 70, "macs"),
    "flops": _number("FLOPs", lambda r: r.cost.flops, 30, "flops"),
    "memory": LayerColumn(
        "Memory",
        lambda r: r.cost.output_bytes,
        _marked(lambda r: r.cost.output_bytes, "memory", byte_count),
        number=True,
        keep=10,
        figure="memory",
    ),
    "kept": LayerColumn(
        "Kept",
        lambda r: r.kept or 0,
        _marked(lambda r: r.kept or 0, "kept", byte_count),
        number=True,
        figure="kept",
        keep=75,  # it is there only where asked for
    ),
    "receptive_field": LayerColumn(
        "Receptive field", lambda r: _axes(r, "size"), lambda r, _: _axes(r, "size"), number=True, keep=25
    ),
    "jump": LayerColumn("Jump", lambda r: _axes(r, "jump"), lambda r, _: _axes(r, "jump"), number=True, keep=24),
    "center": LayerColumn(
        "Center", lambda r: _axes(r, "center"), lambda r, _: _axes(r, "center"), number=True, keep=23
    ),
    "copies": LayerColumn("Copies", lambda r: r.copies, lambda r, _: str(r.copies), number=True, keep=6),
    "args": LayerColumn(
        "Arguments", lambda r: r.args, lambda r, _: ", ".join(f"{k}={v}" for k, v in r.args.items()), keep=5
    ),
}


def columns_of(report: Report) -> dict[str, LayerColumn]:
    """Return the columns that a report can have: with a convention, its tool's figures in the place of ours."""
    found = _counted_columns(report)
    return {**found, **{f"{name}%": _share(report, found[name]) for name in SHARES}}


def _share(report: Report, column: LayerColumn) -> LayerColumn:
    """Return the column of a figure's share of the network's total, in percent; not known where the total is not."""

    @cache
    def total() -> int:
        return sum(map(amount, report.layers))

    def share(row: Row) -> float | None:
        return round(100 * amount(row) / (total() or 1), 4) if is_known else None

    def written(row: Row, _: bool) -> str:  # noqa: FBT001 - as a column's
        number = share(row)
        return "?" if number is None else f"{number:.1f}"

    amount = cast("Callable[[Row], int]", column.value)
    is_known = all(column.figure not in figures for figures in report.uncounted.values())
    return LayerColumn(f"{column.title} %", share, written, number=True, keep=column.keep - 1)


def default_shares(report: Report, columns: Sequence[str], sort: str | None) -> list[str]:
    """Return the share that a wide terminal shows besides these columns: of what sorts the rows, else of MACs."""
    figure = sort or "macs"
    known = columns_of(report)
    return [f"{figure}%"] if figure in columns and any(map(known[f"{figure}%"].value, report.layers)) else []


def _counted_columns(report: Report) -> dict[str, LayerColumn]:
    if not report.convention:
        return COLUMNS
    from archinspect.conventions import find_convention  # only where one is asked for

    found = {**COLUMNS, "params": _counted(report.convention, "params", "params", COLUMNS["params"])}
    for figure in find_convention(report.convention).figures:
        place = PLACES[figure.like]
        found[place] = _counted(report.convention, figure.title, figure.name, COLUMNS[place])
    return found


def _counted(convention: str, title: str, figure: str, place: LayerColumn) -> LayerColumn:
    """Return the column of a tool's figure, written as the one whose place it takes."""
    write = byte_count if figure == "memory" else count
    keep = place.keep if figure in ("params", "memory") else COLUMNS["params"].keep + 1  # it is what was asked for

    def value(row: Row) -> int:
        return row.counted.get(figure) or 0

    name = f"{convention} {figure}"
    written = _marked(value, name, write)
    return place._replace(title=f"{convention} {title}", keep=keep, value=value, write=written, figure=name)


def default_columns(report: Report, rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the columns that are shown unless asked otherwise, with `inputs` where the rows are no chain.

    With a convention these are the tool's figures alone.
    """
    chain = all(row.inputs == (before.name,) for before, row in pairwise(rows))
    shown = DEFAULT if chain else (DEFAULT[0], "inputs", *DEFAULT[1:])
    if report.memory:
        shown = (*shown, "kept")
    columns = columns_of(report)
    is_ours = {place for place in PLACES.values() if columns[place] is COLUMNS[place]} if report.convention else set()
    return tuple(name for name in shown if name not in is_ours)


def cells(
    name: str, rows: Sequence[Row], *, exact: bool = False, columns: Mapping[str, LayerColumn] | None = None
) -> list[str]:
    """Return a column as text; `inputs` is empty for a row that reads just the one before it."""
    column = (columns or COLUMNS)[name]
    written = [column.write(row, exact) for row in rows]
    if name == "inputs":
        before = [None, *rows[:-1]]
        return [
            "" if b and row.inputs == (b.name,) else text for b, row, text in zip(before, rows, written, strict=True)
        ]
    return written


SHARES = ("params", "macs", "flops", "memory", "kept")
"""The figures whose share of the total is a column, too: `params%`."""
NAMES = (*COLUMNS, *(f"{name}%" for name in SHARES))
"""All columns."""
PLACES = {"macs": "macs", "flops": "flops", "output_bytes": "memory"}
"""Figures of a cost and their columns."""
DEFAULT = ("layer", "output_shape", "params", "macs", "flops", "memory")

"""Which rows of a report are shown, and what is said of those that are folded."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.render.columns import columns_of, default_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.reports.compute import ComputeRow
    from archinspect.reports.summary import Report, Row

COMFORTABLE_ROWS = 30
FOR_PROGRAMS = ("json", "csv")
"""Formats that have every row unless asked otherwise."""


def shown_depth(report: Report, depth: int | None, form: str) -> int:
    """Return how many levels are shown: those asked for; else all to programs, and a comfortable number to people."""
    if depth:
        return depth
    return report.depth if form in FOR_PROGRAMS else comfortable_depth(report)


def folds(form: str, *, expand: bool | None) -> bool:
    """Return whether equal blocks are one row: as asked for; else not to programs."""
    return form not in FOR_PROGRAMS if expand is None else not expand


def most_rows(depth: int | None) -> int:
    """Return how many rows are shown where that can be had: any number (0) to those who ask for a depth."""
    return 0 if depth else COMFORTABLE_ROWS


def comfortable_depth(report: Report) -> int:
    """Return the deepest level with at most 30 rows, equal ones folded; 1 where every level has more."""
    # A deeper level has no fewer rows, so that of a large network not all levels need to be folded.
    for depth in range(2, report.depth + 1):
        if len(report.fold(depth, equal=True)) > COMFORTABLE_ROWS:
            return depth - 1
    return report.depth


class View(NamedTuple):
    """What is shown of a report: rows and columns, what sorts the rows, and what is said of those that are folded."""

    rows: Sequence[Row]
    columns: Sequence[str]
    sort: str | None
    level: str


def view(
    report: Report,
    form: str,
    *,
    depth: int | None,
    expand: bool | None,
    columns: Sequence[str] | None,
    sort: str | None,
) -> View:
    """Return what a summary shows, as asked for or as suits the format."""
    equal, at_most = folds(form, expand=expand), most_rows(depth)
    depth = shown_depth(report, depth, form)
    rows: Sequence[Row] = report.layers
    if depth < report.depth or (equal and 0 < at_most < len(rows)):
        rows = report.fold(depth, equal=equal, at_most=at_most)
    level = level_note(report, depth, rows)
    columns = columns or default_columns(report, rows)
    if sort:
        rows = sorted(rows, key=columns_of(report)[sort].value, reverse=True)  # type: ignore[arg-type] # numbers
    return View(rows, columns, sort, level)


def level_note(report: Report, depth: int, rows: Sequence[Row] | Sequence[ComputeRow]) -> str:
    """Return a note on how the rows are folded; empty where they are not."""
    notes = []
    if depth < report.depth:
        notes.append(f"folded to depth {depth} of {report.depth}; --depth all shows all {len(report.layers)} layers")
    elif len(rows) < len(report.layers):
        few = "1 row" if len(rows) == 1 else f"{len(rows)} rows"
        notes.append(f"folded to {few}; --expand shows all {len(report.layers)} layers")
    most = max((row.copies for row in rows if row.equal), default=1)
    if most > 1:
        notes.append(f"x{most}: the sum of {most} equal blocks; --expand shows each")
    most = max((row.copies for row in rows if not row.equal), default=1)
    if most > 1:
        notes.append(f"~x{most}: the sum of {most} blocks of one structure, not equal in size; --expand shows each")
    return "\n".join(notes)

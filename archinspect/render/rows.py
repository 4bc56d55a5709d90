"""Which rows of a report are shown, and what is said of those that are folded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.render.columns import columns_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.reports.summary import Report, Row

COMFORTABLE_ROWS = 60


def shown_depth(report: Report, depth: int | None, form: str) -> int:
    """Return how many levels are shown: those asked for; else all to programs, and a comfortable number to people."""
    if depth:
        return depth
    return report.depth if form in ("json", "csv") else comfortable_depth(report)


def comfortable_depth(report: Report) -> int:
    """Return the deepest level with at most 60 rows; 1 where every level has more."""
    depths = range(report.depth, 1, -1)
    return next((depth for depth in depths if len(report.fold(depth)) <= COMFORTABLE_ROWS), 1)


def shown_rows(report: Report, depth: int, sort: str | None) -> Sequence[Row]:
    """Return the rows of a summary: in execution order, or with the largest of a column first."""
    rows = report.layers if depth >= report.depth else report.fold(depth)
    if sort is None:
        return rows
    return sorted(rows, key=columns_of(report)[sort].value, reverse=True)  # type: ignore[arg-type] # numbers


def level_note(report: Report, depth: int) -> str:
    """Return a note on how deep the rows are folded; empty where they are not."""
    if depth >= report.depth:
        return ""
    return f"folded to depth {depth} of {report.depth}; --depth all shows all {len(report.layers)} layers"

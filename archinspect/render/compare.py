"""Several networks side by side: totals with ratios, which layers their stacks show, JSON, CSV and Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from archinspect.render import data
from archinspect.render.numbers import byte_count, count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.reports.summary import Report, Row

COMFORTABLE_BOXES = 48
SHOWN_KINDS = frozenset(("convolution", "dense", "pooling", "composite"))
TotalFigure: TypeAlias = "tuple[Callable[[Report], int], Callable[..., str]]"
TOTAL_FIGURES: dict[str, TotalFigure] = {
    "Params": (lambda r: r.totals.params, count),
    "Active params": (lambda r: r.totals.active_params, count),
    "MACs": (lambda r: r.totals.macs, count),
    "FLOPs": (lambda r: r.totals.flops, count),
    "Weights": (lambda r: r.param_bytes, byte_count),
    "Memory of outputs": (lambda r: r.totals.output_bytes, byte_count),
    "Layers": (lambda r: len(r.layers), count),
    "Weighted layers": (lambda r: sum(row.kind in ("convolution", "dense") for row in r.layers), count),
}
"""The totals that are compared, and how each is written."""


def total_figures(reports: Sequence[Report]) -> dict[str, TotalFigure]:
    """Return the totals that say something of these networks: active parameters only where some are not."""
    chooses = any(report.totals.active_params < report.totals.params for report in reports)
    return {title: figure for title, figure in TOTAL_FIGURES.items() if chooses or title != "Active params"}


def total_rows(reports: Sequence[Report], *, exact: bool = False) -> list[list[str]]:
    """Return a row per figure: its name, then each network's value with its ratio to the first network's."""
    rows = []
    for title, (value, write) in total_figures(reports).items():
        first = value(reports[0])
        cells = [write(first, exact=exact)]
        cells += [f"{write(value(r), exact=exact)} ({_ratio(value(r), first)})" for r in reports[1:]]
        rows.append([title, *cells])
    return [*rows, ["Status", *(report.status for report in reports)]]


def _ratio(value: int, first: int) -> str:
    return f"{value / first:.2f}x" if first else "-"


def boxes(report: Report, depth: int | None) -> Sequence[Row]:
    """Return the rows of a network's stack: whole, or folded until at most 48 are left."""
    depths = [depth] if depth else range(report.depth, 0, -1)
    rows: list[Row] = []
    for level in depths:
        rows = [row for row in report.fold(level) if row.kind in SHOWN_KINDS]
        if len(rows) <= COMFORTABLE_BOXES:
            break
    return rows


def compare_text(reports: Sequence[Report], form: str, *, exact: bool) -> str:
    """Return the networks as `json`, or their totals as `csv` or `markdown`."""
    if form == "json":
        return data.json_text([report.as_dict() for report in reports])
    header = ["", *(report.name for report in reports)]
    if form == "csv":
        figures = total_figures(reports).items()
        rows: list[list[object]] = [[title, *(value(report) for report in reports)] for title, (value, _) in figures]
        return data.csv_text(header, [*rows, ["Status", *(report.status for report in reports)]])
    return data.markdown_table(header, total_rows(reports, exact=exact), range(1, len(header)))

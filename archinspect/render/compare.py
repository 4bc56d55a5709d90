"""Several networks side by side: totals with ratios, JSON, CSV and Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.render import data
from archinspect.render.numbers import byte_count, count
from archinspect.reports.comparison import weighted_layers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.reports.comparison import Comparison
    from archinspect.reports.summary import Report

BEST = "*"
"""The mark of the best figure of a row."""


class Total(NamedTuple):
    """A figure that networks are compared by; None of a network that does not state it."""

    title: str
    value: Callable[[Report], float | None]
    write: Callable[..., str] = count
    best: Callable[..., float] | None = min
    """Which of several is the best; None where none is."""
    asked: bool = False
    """Whether it is shown only if asked for."""


def _metric(name: str) -> Callable[[Report], float | None]:
    return lambda report: value if isinstance(value := report.metrics.get(name), int | float) else None


def _plain(value: float, *, exact: bool = False) -> str:  # noqa: ARG001 - as the other writers
    return str(value)


TOTALS = {
    "year": Total("Year", _metric("year"), _plain, None),
    "top1": Total("Top-1 accuracy %", _metric("top1"), _plain, max),
    "top5": Total("Top-5 accuracy %", _metric("top5"), _plain, max),
    "ilsvrc_top5_error": Total("ILSVRC top-5 error %", _metric("ilsvrc_top5_error"), _plain),
    "params": Total("Params", lambda r: r.totals.params),
    "active": Total("Active params", lambda r: r.totals.active_params),
    "macs": Total("MACs", lambda r: r.totals.macs),
    "flops": Total("FLOPs", lambda r: r.totals.flops),
    "weights": Total("Weights", lambda r: r.param_bytes, byte_count),
    "memory": Total("Memory of outputs", lambda r: r.totals.output_bytes, byte_count),
    "peak": Total("Peak at inference", lambda r: r.memory and r.memory.peak_bytes, byte_count, asked=True),
    "kept": Total("Kept for backward", lambda r: r.memory and r.memory.kept_bytes, byte_count, asked=True),
    "layers": Total("Layers", lambda r: len(r.layers), count, None),
    "weighted": Total("Weighted layers", weighted_layers, count, None),
}
"""The totals that are compared, by the names of columns."""
STATED = frozenset(total.title for total in TOTALS.values() if total.write is _plain)
"""Titles of what specs state."""


def totals_of(reports: Sequence[Report], columns: Sequence[str] = ()) -> dict[str, Total]:
    """Return the totals asked for, or those that say something of these networks; with a convention its figures."""
    found = {name: TOTALS[name] for name in columns} if columns else dict(TOTALS)
    if not columns:
        chooses = any(report.totals.active_params < report.totals.params for report in reports)
        drop = {name for name, total in TOTALS.items() if all(total.value(report) is None for report in reports)}
        drop |= set() if chooses else {"active"}
        found = {name: total for name, total in found.items() if name not in drop}
    convention = reports[0].convention
    for figure in reports[0].counted if convention else ():
        found[f"{convention} {figure}"] = Total(f"{convention} {figure}", _counted(figure))
    return found


def _counted(figure: str) -> Callable[[Report], float | None]:
    return lambda report: report.counted.get(figure)


def total_rows(
    found: Comparison, columns: Sequence[str] = (), *, exact: bool = False, marks: bool = True
) -> list[list[str]]:
    """Return a row per figure: its title, then each network's value with its ratio to the first; the best is marked."""
    rows = []
    for total in totals_of(found.reports, columns).values():
        values = [total.value(report) for report in found.reports]
        known = [value for value in values if value is not None]
        best = total.best(known) if total.best and len(set(known)) > 1 else None
        cells = [_cell(total, value, values[0] if place else None, exact=exact) for place, value in enumerate(values)]
        stars = [BEST if marks and best is not None and value == best else "" for value in values]
        rows.append([total.title, *(cell + star for cell, star in zip(cells, stars, strict=True))])
    return [*rows, ["Status", *(report.status for report in found.reports)]]


def _cell(total: Total, value: float | None, first: float | None, *, exact: bool) -> str:
    if value is None:
        return "-"
    text = total.write(value, exact=exact)
    return f"{text} ({value / first:.2f}x)" if first and total.write is not _plain else text


def compare_text(found: Comparison, form: str, columns: Sequence[str] = (), *, exact: bool) -> str:
    """Return the networks as `json`, or their totals as `csv` or `markdown`."""
    if form == "json":
        return data.json_text([report.as_dict() for report in found.reports])
    header = ["", *found.titles]
    if form == "csv":
        figures = totals_of(found.reports, columns).values()
        rows: list[list[object]] = [[one.title, *(one.value(report) for report in found.reports)] for one in figures]
        return data.csv_text(header, [*rows, ["Status", *(report.status for report in found.reports)]])
    return data.markdown_table(header, total_rows(found, columns, exact=exact), range(1, len(header)))

"""Several networks side by side: totals with ratios, JSON, CSV and Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.render import data
from archinspect.render.numbers import byte_count, count
from archinspect.render.stored import SHOWN_ROLES, stored_differences
from archinspect.reports.totals import TOTALS, Total, is_known

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.reports.comparison import Comparison
    from archinspect.reports.summary import Report

BEST = "*"
"""The mark of the best figure of a row."""


def _plain(value: float, *, exact: bool = False) -> str:  # noqa: ARG001 - as the other writers
    return str(value)


WRITERS: dict[str, Callable[..., str]] = {"count": count, "bytes": byte_count, "stated": _plain}
"""How figures are written, by their units."""


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
    for name, total in totals_of(found.reports, columns).items():
        values = [total.value(report) for report in found.reports]
        whole = [value for value, report in zip(values, found.reports, strict=True) if is_known(name, report)]
        ranked = [value for value in whole if value is not None]
        first = values[0] if is_known(name, found.reports[0]) else None  # no ratio to a part
        best = total.best(ranked) if total.best and len(set(ranked)) > 1 else None
        cells = [
            _cell(total, value, first if place else None, exact=exact)
            if is_known(name, report)
            else _part(total, value)
            for place, (value, report) in enumerate(zip(values, found.reports, strict=True))
        ]
        stars = [BEST if marks and best is not None and value == best else "" for value in values]
        rows.append([total.title, *(cell + star for cell, star in zip(cells, stars, strict=True))])
    return [*rows, ["Status", *(report.status for report in found.reports)], *stored_rows(found.reports)]


def stored_rows(reports: Sequence[Report]) -> list[list[str]]:
    """Return a row for each role of tensors whose types differ: its name, and the types of each network."""
    stored = [report.stored for report in reports if report.stored]
    if len(stored) < len(reports):
        return []
    rows = stored_differences(stored)
    left = len(rows) - SHOWN_ROLES
    return rows if left <= 0 else [*rows[:SHOWN_ROLES], [f"{left} more", *[""] * len(reports)]]


def _cell(total: Total, value: float | None, first: float | None, *, exact: bool) -> str:
    if value is None:
        return "-"
    text = WRITERS[total.unit](value, exact=exact)
    return f"{text} ({_ratio(value / first)})" if first and total.unit != "stated" else text


def _ratio(value: float) -> str:
    """Write how many times the first it is; the figure itself stands beside it."""
    if 0 < value < 0.005:  # noqa: PLR2004 - what two decimals do not show
        return "<0.01x"
    return f"{value:.2f}x" if value < 1000 else f"{value:,.0f}x"  # noqa: PLR2004 - decimals say no more there


def _part(total: Total, value: float | None) -> str:
    """Write a figure of which a part is not known."""
    return f"{WRITERS[total.unit](value)} + ?" if value else "?"


def compare_text(found: Comparison, form: str, columns: Sequence[str] = (), *, exact: bool) -> str:
    """Return the networks as `json`, or their totals as `csv` or `markdown`."""
    if form == "json":
        titled = zip(found.titles, found.reports, strict=True)
        return data.json_text([{"title": title, **report.as_dict()} for title, report in titled])
    header = ["", *found.titles]
    if form == "csv":
        figures = totals_of(found.reports, columns).items()
        rows: list[list[object]] = [
            [one.title, *(one.value(report) if is_known(name, report) else None for report in found.reports)]
            for name, one in figures
        ]
        return data.csv_text(header, [*rows, ["Status", *(report.status for report in found.reports)]])
    return data.markdown_table(header, total_rows(found, columns, exact=exact), range(1, len(header)))

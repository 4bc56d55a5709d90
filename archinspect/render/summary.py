"""A summary as JSON, CSV and Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.printable import printable
from archinspect.render.columns import COLUMNS, cells, columns_of
from archinspect.render.data import csv_text, json_pieces, markdown, markdown_table
from archinspect.render.numbers import byte_count, count
from archinspect.render.status import status_lines
from archinspect.reports.totals import is_known

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.render.columns import LayerColumn
    from archinspect.reports.summary import Report, Row


def summary_text(
    report: Report, rows: Sequence[Row], columns: Sequence[str], form: str, *, exact: bool
) -> str | Iterator[str]:
    """Return the summary as `json`, in pieces, `csv` or `markdown`."""
    if form == "json":
        return json_pieces({**report.head_dict(), "layers": rows})
    if form == "csv":
        return _csv(report, rows, columns)
    return _markdown(report, rows, columns, exact=exact)


def _csv(report: Report, rows: Sequence[Row], columns: Sequence[str]) -> str:
    known = columns_of(report)
    ours = {name: "name" if name == "layer" else name for name in columns if known[name] is COLUMNS.get(name)}
    header = [ours.get(name, name if name.endswith("%") else known[name].title) for name in columns]
    body = ([*(_known(known[name], row) for name in columns), row.type] for row in rows)
    return csv_text([*header, "type"], body)


def _known(column: LayerColumn, row: Row) -> object:
    """Return a row's value; None where it is not known, or not of all of its layers."""
    return None if column.figure in row.unknown else column.value(row)


def _markdown(report: Report, rows: Sequence[Row], columns: Sequence[str], *, exact: bool) -> str:
    known = columns_of(report)
    titles = [known[name].title for name in columns]
    numbers = [index for index, name in enumerate(columns) if known[name].number]
    body = zip(*(cells(name, rows, exact=exact, columns=known) for name in columns), strict=True)
    closing = [("Total", _total(report)), *status_lines(report.uncounted)]
    lines = "\n".join(f"- {title}: {markdown(value)}" for title, value in closing)
    return f"## {markdown(report.name)}\n\n{markdown_table(titles, body, numbers)}\n\n{lines}"


def _total(report: Report) -> str:
    """Return the totals in a line: a tool's, if a convention was asked for."""
    totals = report.totals
    if not report.convention:
        figures = (("parameters", "params"), ("MACs", "macs"), ("FLOPs", "flops"))
        values = (totals.params, totals.macs, totals.flops)
        return ", ".join(
            f"{value:,}{'' if is_known(name, report) else ' + ?'} {title}"
            for value, (title, name) in zip(values, figures, strict=True)
        )
    from archinspect.conventions import find_convention  # only where one is asked for

    words = {
        "params": "parameters",
        **{figure.name: figure.title for figure in find_convention(report.convention).figures},
    }
    counted = [f"{report.counted[name]:,} {word}" for name, word in words.items()]
    return f"{', '.join(counted)} ({report.convention})"


def one_line(name: str, report: Report, *, exact: bool) -> str:
    """Return a network's name and its totals: `resnet50: 25.56 M params, 4.09 G MACs, ...`."""
    totals, layers = report.totals, len(report.layers)
    figures = (
        (count(totals.params, exact=exact), "params", "params"),
        (count(totals.macs, exact=exact), "MACs", "macs"),
        (count(totals.flops, exact=exact), "FLOPs", "flops"),
        (byte_count(report.param_bytes, exact=exact), "weights", "params"),
        (byte_count(totals.output_bytes, exact=exact), "outputs", "memory"),
        (count(layers), "layer" if layers == 1 else "layers", ""),
    )
    unknown = {figure for figures in report.uncounted.values() for figure in figures}
    written = [f"{text} + ? {title}" if figure in unknown else f"{text} {title}" for text, title, figure in figures]
    return f"{printable(name)}: {', '.join(written)}"

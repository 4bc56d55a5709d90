"""Where another tool's figures are not archinspect's, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from archinspect.conventions import find_convention
from archinspect.render.status import status_text
from archinspect.render.styled import folded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from archinspect.conventions import Difference
    from archinspect.reports.explanation import Explained
    from archinspect.reports.summary import Report


def differences_text(explained: Explained, form: str) -> str:
    """Return what makes the difference as `json`, or as rows of `csv` or `markdown`."""
    from archinspect.render import data  # the table does without

    if form == "json":
        return data.json_text(explained.differences_dict())
    rows = [one._asdict() for one in explained.differences]
    names = ("figure", "op", "layers", "ours", "theirs", "why")
    if form == "csv":
        return data.csv_text(names, [[row[name] for name in names] for row in rows])
    cells = [[f"{row[name]:,}" if type(row[name]) is int else row[name] for name in names] for row in rows]
    return data.markdown_table(names, cells, right=[2, 3, 4])


def print_differences(report: Report, differences: Sequence[Difference], console: Console) -> None:
    """Print each figure of a tool beside archinspect's, then what makes the difference, the largest first."""
    convention = find_convention(report.convention)
    figures = [("params", "parameters", "params"), *((f.name, f.title, f.like) for f in convention.figures)]
    head = Text(folded(f"{report.name}, {convention.tool}: {convention.call}", console.width))
    head.stylize("bold", 0, len(report.name))
    console.print(head, soft_wrap=True)
    for name, title, like in figures:
        ours, theirs = report.totals.as_dict()[like], report.counted[name]
        off = f" ({(theirs - ours) / ours:+.2%})" if ours and theirs != ours else ""
        console.print(Text.assemble((f"\n{title}", "bold"), f": {theirs:,}; archinspect {ours:,}{off}"), soft_wrap=True)
        rows = [difference for difference in differences if difference.figure == name]
        if rows:
            _print_table(rows, console)
    console.print()
    console.print(status_text(report.uncounted, console.width), soft_wrap=True)
    if convention.note:
        console.print(Text(f"\n{convention.note}"))


def _print_table(rows: Sequence[Difference], console: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("Operator", overflow="fold")
    for title in ("Layers", "archinspect", "Tool", "Difference"):
        table.add_column(title, justify="right", no_wrap=True)
    reasons: dict[str, list[str]] = {}
    for row in rows:
        table.add_row(row.op, f"{row.layers}", f"{row.ours:,}", f"{row.theirs:,}", f"{row.theirs - row.ours:+,}")
        reasons.setdefault(row.why, []).append(row.op)
    console.print(table)
    for why, operators in reasons.items():
        console.print(Padding(Text.assemble((", ".join(operators), "bold"), f": {why}"), (0, 0, 0, 2), expand=False))

"""Several networks side by side: the table of totals, then their layers as colored stacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from rich import box
from rich.table import Table
from rich.text import Text

from archinspect.render.compare import total_rows
from archinspect.render.status import status_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from archinspect.reports.comparison import AlignedRow
    from archinspect.reports.summary import BatchShape, Report

BOX_STYLES = {
    "input": "black on green",
    "output": "black on green",
    "convolution": "black on yellow",
    "dense": "white on magenta",
    "pooling": "white on red",
    "merge": "white on blue",
    "normalization": "black on cyan",
    "activation": "white on bright_black",
    "composite": "black on bright_yellow",
}
Box: TypeAlias = tuple[str, str]
"""A box's label and the kind of layer that it stands for."""
LEAST_WIDTH = 18
MOST_WIDTH = 34


def print_comparison(
    reports: Sequence[Report], lines: Sequence[AlignedRow], console: Console, *, exact: bool = False
) -> None:
    """Print the totals, then the lines of aligned layers."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    for report in reports:
        table.add_column(report.name, justify="right", overflow="fold")
    for row in total_rows(reports, exact=exact):
        table.add_row(*row)
    console.print(table)
    for report in reports:
        for title, value in status_lines(report.uncounted)[1:]:
            console.print(Text(f"{title} of {report.name}: {value}", "red"), soft_wrap=True)
    console.print()
    console.print(_stacks(reports, lines, console))
    console.print(_legend(lines))


def _stacks(reports: Sequence[Report], lines: Sequence[AlignedRow], console: Console) -> Table:
    width = max(LEAST_WIDTH, min(MOST_WIDTH, (console.width - 2) // len(reports) - 2))
    table = Table(box=None, show_header=True, padding=(0, 1), header_style="bold")
    for report in reports:
        table.add_column(_clip(report.name, width).center(width), width=width)
    columns = zip(*[[_cell(entry, width) for entry in line] for line in _framed(reports, lines)], strict=True)
    # One row of many lines, as Rich's cost is by row.
    table.add_row(*[Text("\n").join(column) for column in columns])
    return table


def _framed(reports: Sequence[Report], lines: Sequence[AlignedRow]) -> list[list[Box | None]]:
    """Return label and kind of every box, the inputs above and the outputs below."""
    inputs = [(_shapes(report.inputs.values(), "input"), "input") for report in reports]
    outputs = [(_shapes(report.outputs.values(), "output"), "output") for report in reports]
    body = [[row and (row.label, row.kind) for row in line] for line in lines]
    return [list(inputs), *body, list(outputs)]


def _shapes(shapes: Iterable[BatchShape], word: str) -> str:
    texts = ["x".join(map(str, dims[1:])) for dims in shapes]
    return f"{word} {', '.join(texts)}"


def _cell(entry: Box | None, width: int) -> Text:
    if entry is None:
        return Text("·".center(width), "bright_black")
    label, kind = entry
    return Text(_clip(label, width - 2).center(width), BOX_STYLES.get(kind, "white on black"))


def _clip(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _legend(lines: Sequence[AlignedRow]) -> Text:
    kinds = dict.fromkeys(row.kind for line in lines for row in line if row)
    text = Text("\n")
    for kind in kinds:
        text.append(f" {kind} ", BOX_STYLES.get(kind, "white on black")).append("  ")
    return text

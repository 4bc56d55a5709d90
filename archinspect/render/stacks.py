"""Several networks side by side: the table of totals, then their layers as stacks of boxes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from rich import box
from rich.cells import set_cell_size
from rich.columns import Columns
from rich.table import Table
from rich.text import Text

from archinspect.render.compare import BEST, total_rows
from archinspect.render.numbers import count
from archinspect.render.palette import has_colors, look_of, style_of
from archinspect.render.status import status_lines
from archinspect.render.styled import cell_len
from archinspect.reports.comparison import align

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console

    from archinspect.reports.comparison import AlignedBoxes, Box, Comparison
    from archinspect.reports.summary import BatchShape, Report


LEAST_WIDTH = 24
MOST_WIDTH = 40
GAP = 2
"""Columns between stacks."""
SPACE = 3
"""Columns between those of a table."""
Entry: TypeAlias = "tuple[str, str, str, str]"
"""Label, cost, share of the network's total, and kind."""
Line: TypeAlias = "Sequence[Entry | None]"
"""The box of each network; None where it has none."""


def print_comparison(
    found: Comparison, columns: Sequence[str], console: Console, *, cost: str = "params", exact: bool = False
) -> None:
    """Print the totals, then the stacks: as many side by side as there is room for, the others below."""
    rows = total_rows(found, columns, exact=exact)
    for place, table in enumerate(_totals(found.titles, rows, console.width)):
        console.print(*[""] * bool(place), table, sep="\n")
    for title, report in zip(found.titles, found.reports, strict=True):
        for what, value in status_lines(report.uncounted)[1:]:
            console.print(Text(f"{what} of {title}: {value}"), soft_wrap=True)
    together = max(1, (console.width + GAP) // (LEAST_WIDTH + GAP))
    for start in range(0, len(found.reports), together):
        console.print()
        console.print(_stacks(part_of(found, start, together), console, cost))
    console.print("", _legend(found, console), sep="\n")
    for note in notes(found):
        console.print(Text(note))
    if any(cell.endswith(BEST) for row in rows for cell in row):
        console.print(f"{BEST} the best of its row")


def part_of(found: Comparison, start: int, count: int) -> Comparison:
    """Return the comparison of some of the networks."""
    some = slice(start, start + count)
    return found._replace(reports=found.reports[some], titles=found.titles[some], stacks=found.stacks[some])


def _totals(titles: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[Table]:
    """Return the totals, a column per network; where these do not fit, a row per network, in as many tables as do."""
    header = ["", *titles]
    if sum(max(map(cell_len, column)) + SPACE for column in zip(header, *rows, strict=True)) <= width + SPACE:
        return [_table(header, rows, {})]
    longest_word = max(cell_len(word) for title in titles for word in title.split())
    first = min(max(map(cell_len, titles)), max(longest_word, width // 3))
    parts: list[dict[str, list[str]]] = []
    widths, room = {"": first}, 0
    for title, *cells in rows:
        if set(cells) == {"complete"}:  # what is not is said below, too
            continue
        texts = [re.sub(r" \(.*\)", "", cell) for cell in cells]  # without ratios
        widths[title] = max(map(len, [*title.split(), *texts]))
        if widths[title] + SPACE > room:
            parts.append({})
            room = width - first
        parts[-1][title] = texts
        room -= widths[title] + SPACE
    return [_table(["", *part], list(zip(titles, *part.values(), strict=True)), widths) for part in parts]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], widths: Mapping[str, int]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for place, title in enumerate(header):
        table.add_column(title, justify="right" if place else "left", width=widths.get(title), overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _stacks(found: Comparison, console: Console, cost: str) -> Table:
    number = len(found.reports)
    width = min(MOST_WIDTH, (console.width - (number - 1) * GAP) // number)
    table = Table(box=None, show_header=True, padding=0, header_style="bold", pad_edge=False)
    for place, title in enumerate(found.titles):
        if place:
            table.add_column(width=GAP)
        table.add_column(_centered(_clip(title, width), width), width=width)
    lines = lines_of(found, cost)
    write = _fitting_cost([entry for line in lines for entry in line if entry], width)
    cells = [[_cell(entry, width, console, write) for entry in line] for line in lines]
    columns = list(zip(*cells, strict=True))
    # One row of many lines, as Rich's cost is by row.
    row = [Text("\n").join(column) for column in columns]
    table.add_row(*[cell for text in row for cell in (Text(), text)][1:])
    return table


def lines_of(found: Comparison, cost: str) -> list[Line]:
    """Return the lines of boxes, the inputs above and the outputs below."""
    inputs = [(_shapes(report.inputs.values(), "input"), "", "", "input") for report in found.reports]
    outputs = [(_shapes(report.outputs.values(), "output"), "", "", "output") for report in found.reports]
    body = [
        [entry and (entry.text, *_cost(entry, report, cost), entry.kind) for entry, report in _with(line, found)]
        for line in align([stack.boxes for stack in found.stacks])
    ]
    return [inputs, *body, outputs]


def _with(line: AlignedBoxes, found: Comparison) -> Iterable[tuple[Box | None, Report]]:
    return zip(line, found.reports, strict=True)


def _cost(entry: Box, report: Report, cost: str) -> tuple[str, str]:
    """Write what a box costs, and its share of the network's total."""
    if not cost:
        return "", ""
    if cost in entry.unknown:
        return "?", "?"
    value, total = getattr(entry, cost), getattr(report.totals, cost)
    if not value:
        return "", ""
    share = "<1%" if value * 200 < total else f"{value / total:.0%}"
    return f"{count(value)} {share:>4}", share


def _fitting_cost(entries: Sequence[Entry], width: int) -> int:
    """Return which part of entries is written: the cost where it fits beside all labels, else the share alone."""
    return 1 if all(cell_len(entry[0]) + len(entry[1]) + 4 <= width for entry in entries) else 2


def _shapes(shapes: Iterable[BatchShape], word: str) -> str:
    texts = ["x".join(map(str, dims[1:])) for dims in shapes]
    return f"{word} {', '.join(texts)}"


def _cell(entry: Entry | None, width: int, console: Console, part: int) -> Text:
    if entry is None:
        return Text("·".center(width))
    look = look_of(entry[-1])
    colored = has_colors(console)
    lead = " " if colored else f"{look.sign} "
    tail = f" {entry[part]} " if entry[part] else " "
    room = width - len(lead) - len(tail)
    label = _clip(entry[0], room)
    return Text(f"{lead}{label}{' ' * (room - cell_len(label))}{tail}", style_of(entry[-1]) if colored else "")


def _centered(text: str, width: int) -> str:
    return text.center(width - cell_len(text) + len(text))


def _clip(text: str, width: int) -> str:
    """Return a text, cut at a comma where it is too long, or between words."""
    if cell_len(text) <= width:
        return text
    cut = set_cell_size(text, width - 1)
    return f"{cut.rpartition(', ')[0] or cut.rpartition(' ')[0] or cut}…"


def _legend(found: Comparison, console: Console) -> Columns:
    kinds = dict.fromkeys(["input", *(entry.kind for stack in found.stacks for entry in stack.boxes), "output"])
    if has_colors(console):
        return Columns([Text(f" {kind} ", style_of(kind)) for kind in kinds], padding=(0, 2))
    return Columns([Text(f"{look_of(kind).sign} {kind}") for kind in kinds], padding=(0, 3))


def notes(found: Comparison) -> list[str]:
    """Return what is said of the stacks: what has no box, how deep they are."""
    said = []
    for title, stack in zip(found.titles, found.stacks, strict=True):
        if stack.left_out:
            named = ", ".join(f"{number} {type_}" for type_, number in stack.left_out.items())
            said.append(f"not drawn of {title}: {named}")
    for title, report in zip(found.titles, found.reports, strict=True):
        measured = report.metrics.get("metrics_input")
        if isinstance(measured, list) and all([*dims[1:]] != measured for dims in report.inputs.values()):
            said.append(f"accuracy of {title} was measured with an input of {'x'.join(map(str, measured))}")
    deepest = max(report.depth for report in found.reports)
    if found.depth < deepest:
        said.append(f"folded to depth {found.depth} of {deepest}")
    return said

"""Several networks side by side: the table of totals, then their layers as stacks of boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from rich import box
from rich.table import Table
from rich.text import Text

from archinspect.render.compare import total_rows, totals_of
from archinspect.render.numbers import count
from archinspect.render.status import status_lines
from archinspect.reports.comparison import align
from archinspect.reports.totals import TOTALS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from archinspect.reports.comparison import AlignedBoxes, Box, Comparison
    from archinspect.reports.summary import BatchShape, Report


class Look(NamedTuple):
    """How a kind of layer is shown: foreground and background, and a sign where there are no colors.

    The backgrounds are those of Okabe & Ito 2008, "Color universal design", and others of their kind: they are told
    apart with any color vision, and text on each has a contrast of 4.5 or more.
    """

    text: str
    fill: str
    sign: str


DARK, LIGHT = "#000000", "#ffffff"
LOOKS = {
    "input": Look(LIGHT, "#333333", ">"),
    "output": Look(LIGHT, "#333333", "<"),
    "convolution": Look(DARK, "#e69f00", "#"),
    "dense": Look(DARK, "#cc79a7", "="),
    "max pooling": Look(LIGHT, "#0072b2", "v"),
    "average pooling": Look(DARK, "#56b4e9", "~"),
    "merge": Look(DARK, "#f0e442", "+"),
    "normalization": Look(DARK, "#009e73", "|"),
    "attention": Look(LIGHT, "#a03000", "@"),
    "recurrent": Look(LIGHT, "#6a3d9a", "o"),
    "embedding": Look(DARK, "#b2df8a", ":"),
    "composite": Look(DARK, "#d9d9d9", "%"),
}
OTHER = Look(LIGHT, "#595959", "-")
"""Of every other kind."""
LEAST_WIDTH = 24
MOST_WIDTH = 40
GAP = 2
"""Columns between stacks."""
Entry: TypeAlias = "tuple[str, str, str, str]"
"""Label, cost, share of the network's total, and kind."""
Line: TypeAlias = "Sequence[Entry | None]"
"""The box of each network; None where it has none."""


def look_of(kind: str) -> Look:
    """Return how a kind of layer is shown."""
    return LOOKS.get(kind, OTHER)


def print_comparison(
    found: Comparison, columns: Sequence[str], console: Console, *, cost: str = "params", exact: bool = False
) -> None:
    """Print the totals, then the stacks: as many side by side as there is room for, the others below."""
    console.print(_totals(found, columns, console.width, exact=exact))
    for title, report in zip(found.titles, found.reports, strict=True):
        for what, value in status_lines(report.uncounted)[1:]:
            console.print(Text(f"{what} of {title}: {value}", "red"), soft_wrap=True)
    together = max(1, (console.width + GAP) // (LEAST_WIDTH + GAP))
    for start in range(0, len(found.reports), together):
        console.print()
        console.print(_stacks(part_of(found, start, together), console, cost))
    console.print(_legend(found, console))
    for note in notes(found):
        console.print(Text(note), soft_wrap=True)


def part_of(found: Comparison, start: int, count: int) -> Comparison:
    """Return the comparison of some of the networks."""
    some = slice(start, start + count)
    return found._replace(reports=found.reports[some], titles=found.titles[some], stacks=found.stacks[some])


def _totals(found: Comparison, columns: Sequence[str], width: int, *, exact: bool) -> Table:
    """Return the totals, a column per network; where these do not fit, a row per network, without ratios."""
    rows = total_rows(found, columns, exact=exact)
    header = ["", *found.titles]
    if sum(max(len(cell) for cell in column) + 3 for column in zip(header, *rows, strict=True)) > width + 3:
        rows = [[*line] for line in zip(header, *rows, strict=True)]
        keep = [0, *_fitting(rows, width)]
        header, *rows = [[line[place].partition(" (")[0] + _star(line[place]) for place in keep] for line in rows]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    table.add_column(header[0], overflow="fold")
    for title in header[1:]:
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def _star(cell: str) -> str:
    return "*" if cell.endswith(")*") else ""


def _fitting(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return the columns for which there is room: what is computed first, then what specs state."""
    widths = [max(len(cell.partition(" (")[0]) + 1 for cell in column) + 3 for column in zip(*rows, strict=True)]
    room, found = width - widths[0], []
    stated = {total.title for total in TOTALS.values() if total.unit == "stated"}
    states = [title in stated for title in rows[0]]
    for place in sorted(range(1, len(widths)), key=lambda place: states[place]):
        if widths[place] <= room:
            found.append(place)
            room -= widths[place]
    return sorted(found)


def _stacks(found: Comparison, console: Console, cost: str) -> Table:
    number = len(found.reports)
    width = min(MOST_WIDTH, (console.width - (number - 1) * GAP) // number)
    table = Table(box=None, show_header=True, padding=0, header_style="bold", pad_edge=False)
    for place, title in enumerate(found.titles):
        if place:
            table.add_column(width=GAP)
        table.add_column(_clip(title, width).center(width), width=width)
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
    share = f"{value / total:.0%}" if value else ""
    return (f"{count(value)} {share:>4}", share) if value else ("", "")


def _fitting_cost(entries: Sequence[Entry], width: int) -> int:
    """Return which part of entries is written beside all labels: the cost, the share, or 0 for none."""
    for part in (1, 2):
        if all(len(entry[0]) + len(entry[part]) + 4 <= width for entry in entries):
            return part
    return 0


def _shapes(shapes: Iterable[BatchShape], word: str) -> str:
    texts = ["x".join(map(str, dims[1:])) for dims in shapes]
    return f"{word} {', '.join(texts)}"


def _cell(entry: Entry | None, width: int, console: Console, part: int) -> Text:
    if entry is None:
        return Text("·".center(width), "dim")
    look = look_of(entry[-1])
    colored = has_colors(console)
    lead = " " if colored else f"{look.sign} "
    tail = f" {entry[part]} " if part and entry[part] else " "
    room = width - len(lead) - len(tail)
    label = entry[0]
    return Text(f"{lead}{_clip(label, room):<{room}}{tail}", f"{look.text} on {look.fill}" if colored else "")


def has_colors(console: Console) -> bool:
    """Return whether what is printed is colored."""
    return console.color_system is not None and not console.no_color


def _clip(text: str, width: int) -> str:
    """Return a text, cut between words where it is too long."""
    if len(text) <= width:
        return text
    cut = text[: width - 1].rpartition(" ")[0].rstrip(" ,") or text[: width - 1]
    return f"{cut}…"


def _legend(found: Comparison, console: Console) -> Text:
    kinds = dict.fromkeys(["input", *(entry.kind for stack in found.stacks for entry in stack.boxes), "output"])
    text = Text("\n")
    for kind in kinds:
        look = look_of(kind)
        if has_colors(console):
            text.append(f" {kind} ", f"{look.text} on {look.fill}").append("  ")
        else:
            text.append(f"{look.sign} {kind}   ")
    return text


def notes(found: Comparison) -> list[str]:
    """Return what is said of the stacks: what has no box, how deep they are, what marks mean."""
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
    if any(total.best for total in totals_of(found.reports).values()):
        said.append("* the best of its row")
    return said

"""A chart in the terminal, and its rows as JSON, CSV and Markdown."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from rich.text import Text

from archinspect.render import data
from archinspect.render.axes import axis, tick_text
from archinspect.render.compare import WRITERS
from archinspect.render.styled import cell_len

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from archinspect.render.axes import Axis
    from archinspect.reports.chart import Chart, Point

WIDEST, HEIGHT = 120, 24
LISTED = 40
"""Networks whose names have no room that are listed below."""
MARKS = ("∙", "•", "●")
"""From the smallest to the largest."""
BEST = "◆"
PLAIN = str.maketrans("∙•●◆│─┼┄", ".oO*|-+.")
"""What stands for signs where an encoding has none of them."""


def chart_text(found: Chart, names: Sequence[str], form: str) -> str:
    """Return a row per point as `json`, `csv` or `markdown`; `names` are those of x, y and size."""
    rows = [
        {"name": point.name, **dict(zip(names, (point.x, point.y, point.size), strict=False)), "best": point.is_best}
        for point in found.points
    ]
    if form == "json":
        return data.json_text({"points": rows, "left_out": dict(found.left_out)})
    header = ["name", *dict.fromkeys(names), "best"]
    if form == "csv":
        return data.csv_text(
            header, [[str(row[name]).lower() if name == "best" else row[name] for name in header] for row in rows]
        )
    cells = [[point.name, *_figures(found, point).values(), "yes" if point.is_best else ""] for point in found.points]
    titles = ["Name", *dict.fromkeys(one.title for one in (found.x, found.y, found.size) if one), "Best"]
    return data.markdown_table(titles, cells, range(1, len(titles) - 1))


def _figures(found: Chart, point: Point) -> dict[str, str]:
    """Return a point's figures by their titles; the size may be one of the other two."""
    pairs = [(found.x, point.x), (found.y, point.y), (found.size, point.size)]
    return {one.title: "?" if value is None else WRITERS[one.unit](value) for one, value in pairs if one}


def print_chart(found: Chart, console: Console) -> None:
    """Print the chart with names where there is room, and a line for each network whose name has none."""
    width = min(console.width, WIDEST)
    x, y = axis([point.x for point in found.points], width // 16, found.x.unit), _y_axis(found)
    ticks = {_row(y, tick): tick_text(tick, found.y.unit) for tick in y.ticks}
    left = max(map(len, ticks.values()), default=0) + 1
    canvas = _Canvas(width - left - 2, HEIGHT)
    if found.line:
        canvas.line(_row(y, found.line[0]), found.line[1])
    for point in _by_size(found):
        canvas.mark(_column(x, point.x, canvas.width), _row(y, point.y), BEST if point.is_best else _mark(found, point))
    unnamed = [point for point in _by_size(found) if not canvas.name(point, x, y)]
    lines = [f"{found.y.title}"]
    lines += [
        f"{ticks.get(row, ''):>{left}}{'┼' if row in ticks else '│'}{text}" for row, text in enumerate(canvas.lines())
    ]
    lines += _x_lines(x, found, canvas.width, left)
    lines += ["", _legend(found)]
    lines += [f"no room for the names of these, with {', '.join(_figures(found, unnamed[0]))}:"] if unnamed else []
    lines += [f"{point.name}: {', '.join(_figures(found, point).values())}" for point in sorted(unnamed)[:LISTED]]
    lines += [f"and {len(unnamed) - LISTED:,} more: --format csv has all"] if len(unnamed) > LISTED else []
    lines += [_left_out(found)] if found.left_out else []
    text = "\n".join(line.rstrip() for line in lines)
    if not _can_encode(console, "".join(MARKS) + BEST):
        text = text.translate(PLAIN)
    console.print(Text(text), soft_wrap=True)


def _can_encode(console: Console, signs: str) -> bool:
    try:
        signs.encode(console.encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _y_axis(found: Chart) -> Axis:
    return axis([*(point.y for point in found.points), *([found.line[0]] if found.line else [])], unit=found.y.unit)


def _row(y: Axis, value: float) -> int:
    return round((1 - y.place(value)) * (HEIGHT - 1))


def _column(x: Axis, value: float, width: int) -> int:
    return round(x.place(value) * (width - 1))


def _by_size(found: Chart) -> list[Point]:
    """Return the points, the best and the largest first: their names have the first choice."""
    return sorted(found.points, key=lambda point: (not point.is_best, -(point.size or 0), point.name))


def _mark(found: Chart, point: Point) -> str:
    share = sqrt((point.size or 0) / found.largest) if found.largest else 0.5
    return MARKS[min(int(share * len(MARKS)), len(MARKS) - 1)]


def _x_lines(x: Axis, found: Chart, width: int, left: int) -> Iterator[str]:
    rule, labels = ["─"] * width, [" "] * (width + 8)
    for tick in x.ticks:
        place, text = _column(x, tick, width), tick_text(tick, found.x.unit)
        start = max(0, min(place - len(text) // 2, width - len(text)))
        if all(sign == " " for sign in labels[max(start - 1, 0) : start + len(text) + 1]):
            rule[place] = "┼"
            labels[start : start + len(text)] = text
    yield " " * left + "┼" + "".join(rule)
    yield " " * (left + 1) + "".join(labels).rstrip()
    yield " " * (left + 1) + found.x.title.center(width)


def _legend(found: Chart) -> str:
    size = f"{' '.join(MARKS)} by {found.size.word}" if found.size else MARKS[1] + " a network"
    best = f"   {BEST} no other is better in both" if any(point.is_best for point in found.points) else ""
    return size + best


def _left_out(found: Chart) -> str:
    named = ", ".join(f"{name} ({what})" for name, what in found.left_out.items())
    return f"not drawn, as these are not known: {named}"


def _cells(text: str) -> list[str]:
    """Return what each cell of a terminal has; the second one of a wide sign has nothing."""
    found: list[str] = []
    for sign in text:
        width = cell_len(sign)
        if not width and found:  # an accent
            found[-1] += sign
        else:
            found += [sign, *[""] * (width - 1)]
    return found


class _Canvas:
    """Rows of letters, in which nothing is written over."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.rows = [[" "] * width for _ in range(height)]

    def line(self, row: int, title: str) -> None:
        self.rows[row][:] = "┄" * self.width
        self.rows[row][-len(title) - 1 : -1] = title[: self.width - 1]

    def mark(self, column: int, row: int, sign: str) -> None:
        """Write a mark, unless a more important one stands there."""
        if self.rows[row][column] in (" ", "┄"):
            self.rows[row][column] = sign

    def name(self, point: Point, x: Axis, y: Axis) -> bool:
        """Write a name to the right of its mark, to the left, below or above; return whether there was room."""
        column, row = _column(x, point.x, self.width), _row(y, point.y)
        text = _cells(point.name)
        for start, line in (
            (column + 2, row),
            (column - len(text) - 1, row),
            *((column - len(text) // 2, row + way) for way in (1, -1)),
            *((column + 1, row + way) for way in (1, -1)),
        ):
            if 0 <= line < len(self.rows) and start >= 0 and start + len(text) <= self.width:
                around = self.rows[line][max(start - 1, 0) : start + len(text) + 1]
                own = [sign for sign in around if sign not in (" ", "┄")]
                if not own or (line == row and own == [self.rows[row][column]] and start == column + 2 > len(around)):
                    self.rows[line][start : start + len(text)] = text
                    return True
        return False

    def lines(self) -> list[str]:
        return ["".join(row) for row in self.rows]

"""A chart as an SVG picture, readable on light and dark pages, with names that never overlap."""

from __future__ import annotations

import textwrap
from html import escape
from math import cos, pi, sin, sqrt
from typing import TYPE_CHECKING, NamedTuple

from archinspect.render.axes import axis, tick_text
from archinspect.render.styled import cell_len

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from archinspect.render.axes import Axis
    from archinspect.reports.chart import Chart, Point

WIDTH, HEIGHT = 860, 520
"""Pixels of the plot, without what stands around it."""
LEFT, TOP, RIGHT, BOTTOM = 76, 28, 20, 56
SIZE, ADVANCE = 11, 6.9
"""Pixels of a letter's height, and of its width at most on average."""
LEAST, LARGEST = 4, 26
"""Radius of the smallest and the largest mark."""
RINGS = (0, 14, 28, 44, 62, 84, 110)
"""Pixels between a mark and its name: further ones have a line to it."""
ANGLES = 16
MOST_NAMES = 1000
"""Names that a place is looked for: more than there is room for."""
LISTED = 40
"""Names without room that are listed below."""
STYLE = f"""
text {{ font: {SIZE}px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #1f2328; }}
.paper {{ fill: #ffffff; }}
.title {{ font-weight: bold; }}
.grid {{ stroke: #d0d7de; }} .axis {{ stroke: #59636e; fill: none; }} .lead {{ stroke: #59636e; stroke-width: 0.7; }}
.mark {{ fill: #0072b2; fill-opacity: 0.45; stroke: #0072b2; }} .best {{ fill: #d55e00; stroke: #a84300; }}
.front {{ fill: none; stroke: #a84300; stroke-dasharray: 5 4; }} .line {{ stroke: #8250df; stroke-dasharray: 2 3; }}
@media (prefers-color-scheme: dark) {{
.paper {{ fill: #0d1117; }} text {{ fill: #e6edf3; }} .grid {{ stroke: #30363d; }} .axis, .lead {{ stroke: #9198a1; }}
.mark {{ fill: #56b4e9; stroke: #56b4e9; }} .best {{ fill: #ff9b4a; stroke: #ffb77c; }}
.front {{ stroke: #ff9b4a; }} .line {{ stroke: #c297ff; }}
}}
"""


class Rect(NamedTuple):
    """A place in the picture."""

    x: float
    y: float
    width: float
    height: float

    def meets(self, other: Rect) -> bool:
        """Return whether two places overlap."""
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )


class Mark(NamedTuple):
    """A point's mark."""

    point: Point
    x: float
    y: float
    radius: float


class Name(NamedTuple):
    """A mark's name, and where it stands."""

    mark: Mark
    place: Rect
    is_far: bool
    """Whether a line leads to it."""


def chart_svg(found: Chart) -> str:
    """Return the picture."""
    values = [point.y for point in found.points] + ([found.line[0]] if found.line else [])
    x, y = axis([point.x for point in found.points], 8, found.x.unit), axis(values, 8, found.y.unit)
    marks = [_mark(found, point, x, y) for point in found.points]
    names = named(marks, [_line_text(found, y)] if found.line else [])
    notes = _notes(found, marks, names)
    height = TOP + HEIGHT + BOTTOM + len(notes) * (SIZE + 5)
    title = f"{found.y.title} over {found.x.title}"
    body = [
        '<rect class="paper" width="100%" height="100%"/>',
        *_axes(found, x, y),
        *_front(marks),
        *(_circle(mark) for mark in sorted(marks, key=lambda mark: -mark.radius)),
        *(part for name in names for part in _name(name)),
        *(_text(LEFT, TOP + HEIGHT + BOTTOM + line * (SIZE + 5), note) for line, note in enumerate(notes)),
    ]
    width = LEFT + WIDTH + RIGHT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img">\n<title>{escape(title)}</title>\n<style>{STYLE}</style>\n' + "\n".join(body) + "\n</svg>"
    )


def _mark(found: Chart, point: Point, x: Axis, y: Axis) -> Mark:
    share = sqrt((point.size or 0) / found.largest) if found.largest else 0.2
    return Mark(point, *_place(point.x, point.y, x, y), LEAST + share * (LARGEST - LEAST))


def _place(x_value: float, y_value: float, x: Axis, y: Axis) -> tuple[float, float]:
    return LEFT + x.place(x_value) * WIDTH, TOP + (1 - y.place(y_value)) * HEIGHT


def named(marks: Sequence[Mark], taken: Sequence[Rect] = ()) -> list[Name]:
    """Return names at places of their own within the plot, the best and the largest marks' first.

    A name for which there is no place is left out.
    """
    found: list[Name] = []
    used = _Taken(taken)
    for mark in marks:
        used.add(Rect(mark.x - LEAST, mark.y - LEAST, 2 * LEAST, 2 * LEAST))
    first = sorted(marks, key=lambda mark: (not mark.point.is_best, -mark.radius, mark.point.name))
    for mark in first[:MOST_NAMES]:
        for place, is_far in _candidates(mark):
            if _is_inside(place) and not used.meets(place):
                found.append(Name(mark, place, is_far))
                used.add(place)
                break
    return found


class _Taken:
    """Places that are taken, by the cells of a grid that they lie in: only neighbors are compared."""

    CELL = 48

    def __init__(self, places: Iterable[Rect] = ()) -> None:
        self.cells: dict[tuple[int, int], list[Rect]] = {}
        for place in places:
            self.add(place)

    def add(self, place: Rect) -> None:
        """Take a place."""
        for cell in self._cells(place):
            self.cells.setdefault(cell, []).append(place)

    def meets(self, place: Rect) -> bool:
        """Return whether a place overlaps with one that is taken."""
        return any(place.meets(other) for cell in self._cells(place) for other in self.cells.get(cell, ()))

    def _cells(self, place: Rect) -> Iterator[tuple[int, int]]:
        across = range(int(place.x // self.CELL), int((place.x + place.width) // self.CELL) + 1)
        down = range(int(place.y // self.CELL), int((place.y + place.height) // self.CELL) + 1)
        return ((x, y) for x in across for y in down)


def _is_inside(place: Rect) -> bool:
    return (
        place.x >= LEFT
        and place.x + place.width <= LEFT + WIDTH
        and place.y >= TOP
        and place.y + place.height <= TOP + HEIGHT
    )


def _candidates(mark: Mark) -> Iterator[tuple[Rect, bool]]:
    """Yield places for a name around its mark, the nearest first, to the right before others."""
    width, height = cell_len(mark.point.name) * ADVANCE, SIZE + 3
    for ring in RINGS:
        for turn in range(ANGLES):
            angle = 2 * pi * turn / ANGLES
            away = mark.radius + 3 + ring
            x, y = mark.x + away * cos(angle), mark.y + away * sin(angle)
            # The side of the name that is next to the mark touches the ring.
            left = x - width * (1 - cos(angle)) / 2
            top = y - height * (1 - sin(angle)) / 2
            yield Rect(left, top, width, height), ring > 0


def _axes(found: Chart, x: Axis, y: Axis) -> Iterator[str]:
    for tick in x.ticks:
        at, _ = _place(tick, y.low, x, y)
        yield f'<line class="grid" x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{TOP + HEIGHT}"/>'
        yield _text(at, TOP + HEIGHT + 16, tick_text(tick, found.x.unit), anchor="middle")
    for tick in y.ticks:
        _, at = _place(x.low, tick, x, y)
        yield f'<line class="grid" x1="{LEFT}" y1="{at:.1f}" x2="{LEFT + WIDTH}" y2="{at:.1f}"/>'
        yield _text(LEFT - 6, at + 4, tick_text(tick, found.y.unit), anchor="end")
    yield f'<rect class="axis" x="{LEFT}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}"/>'
    yield _text(LEFT + WIDTH / 2, TOP + HEIGHT + 36, found.x.title, "title", anchor="middle")
    yield _text(8, 16, found.y.title, "title")
    if found.line:
        value, text = found.line
        _, at = _place(x.low, value, x, y)
        yield f'<line class="line" x1="{LEFT}" y1="{at:.1f}" x2="{LEFT + WIDTH}" y2="{at:.1f}"/>'
        yield _text(LEFT + WIDTH - 6, at - 5, text, anchor="end")


def _line_text(found: Chart, y: Axis) -> Rect:
    """Return where the words of the line for comparison stand."""
    value, text = found.line or (0.0, "")
    width, top = len(text) * ADVANCE, TOP + (1 - y.place(value)) * HEIGHT
    return Rect(LEFT + WIDTH - 6 - width, top - SIZE - 6, width, SIZE + 8)


def _front(marks: Sequence[Mark]) -> list[str]:
    best = [f"{mark.x:.1f},{mark.y:.1f}" for mark in marks if mark.point.is_best]
    return [f'<polyline class="front" points="{" ".join(best)}"/>'] if len(best) > 1 else []


def _circle(mark: Mark) -> str:
    kind = "mark best" if mark.point.is_best else "mark"
    return f'<circle class="{kind}" cx="{mark.x:.1f}" cy="{mark.y:.1f}" r="{mark.radius:.1f}"/>'


def _name(name: Name) -> Iterator[str]:
    mark, place = name.mark, name.place
    if name.is_far:
        x = min(max(mark.x, place.x), place.x + place.width)
        y = min(max(mark.y, place.y), place.y + place.height)
        yield f'<line class="lead" x1="{mark.x:.1f}" y1="{mark.y:.1f}" x2="{x:.1f}" y2="{y:.1f}"/>'
    yield _text(place.x, place.y + SIZE, mark.point.name)


def _notes(found: Chart, marks: Sequence[Mark], names: Sequence[Name]) -> list[str]:
    """Return what stands below: what sizes and colors say, names without room, networks without a point."""
    notes = [f"size: {found.size.word}"] if found.size else []
    notes += ["orange: no other is better in both"] if any(mark.point.is_best for mark in marks) else []
    unnamed = sorted({mark.point.name for mark in marks} - {name.mark.point.name for name in names})
    notes = ["; ".join(notes)] if notes else []
    if unnamed:
        more = f", and {len(unnamed) - LISTED:,} more" if len(unnamed) > LISTED else ""
        notes += _wrapped(f"without a name: {', '.join(unnamed[:LISTED])}{more}")
    if found.left_out:
        notes += _wrapped(
            "not drawn: " + ", ".join(f"{name} ({what} not known)" for name, what in found.left_out.items())
        )
    return notes


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, int(WIDTH / ADVANCE))


def _text(x: float, y: float, text: str, kind: str = "", *, anchor: str = "start") -> str:
    look = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{look}>{escape(text)}</text>'

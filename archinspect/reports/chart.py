"""Networks as points of a chart: two figures, a size, and the front of those that no other beats.

The chart of Canziani, Paszke & Culurciello 2016, "An analysis of deep neural network models for practical
applications" (arXiv:1605.07678), is accuracy over operations with bubbles by parameters.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple

from archinspect.reports.totals import TOTALS, Total, known, stated

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from archinspect.reports.summary import Report

HUMAN = 5.1
"""A person's top-5 error in %, on 1,500 images (Russakovsky et al. 2015, arXiv:1409.0575, section 6.4)."""


class Point(NamedTuple):
    """A network in a chart."""

    name: str
    x: float
    y: float
    size: float | None
    """None where it is not known, or no size was asked for."""
    is_best: bool
    """Whether no other is at least as good in both figures, and better in one."""


class Chart(NamedTuple):
    """Points, by x, and what their axes show."""

    x: Total
    y: Total
    size: Total | None
    points: tuple[Point, ...]
    left_out: Mapping[str, str]
    """Networks without a point, each with the figures that are not known of it."""
    line: tuple[float, str] | None = None
    """A value of y for comparison, and what it is."""
    largest: float = 0
    """The largest size; 0 where none is known."""


def figure(name: str) -> Total:
    """Return a figure by its name: a total, or any number that specs state among their `metrics`."""
    return TOTALS.get(name) or Total(name, stated(name), "stated", min if "error" in name else max)


def values_of(report: Report, names: Iterable[str]) -> dict[str, float | None]:
    """Return figures of a network by name; None for those that are not known."""
    return {name: known(name, report) for name in names}


def chart(
    rows: Sequence[tuple[str, Mapping[str, float | None]]],
    x: str = "macs",
    y: str = "top1",
    size: str = "params",
    line: tuple[float, str] | None = None,
) -> Chart:
    """Return the chart of networks, each a name and its figures by name; an empty `size` is none."""
    left_out = {}
    found = []
    for name, values in rows:
        missing = [what for what in (x, y) if values.get(what) is None]
        if missing:
            left_out[name] = ", ".join(missing)
        else:
            found.append((name, values))
    x_figure, y_figure = figure(x), figure(y)
    places = [(values[x] or 0, values[y] or 0) for _, values in found]
    front = _front(places, x_figure, y_figure)
    points = [
        Point(name, *place, values.get(size) if size else None, place in front)
        for (name, values), place in zip(found, places, strict=True)
    ]
    points.sort(key=lambda point: (point.x, point.y, point.name))
    largest = max((point.size or 0 for point in points), default=0)
    return Chart(x_figure, y_figure, figure(size) if size else None, tuple(points), left_out, line, largest)


def _front(places: Iterable[tuple[float, float]], x: Total, y: Total) -> set[tuple[float, float]]:
    """Return the places that no other beats; none where one of the figures is neither good nor bad."""
    if not (x.best and y.best):
        return set()
    x_way, y_way = (1 if figure.best is min else -1 for figure in (x, y))
    found, best = set(), inf
    for place in sorted(set(places), key=lambda place: (x_way * place[0], y_way * place[1])):
        if y_way * place[1] < best:  # of all that are as good in x, or better
            found.add(place)
            best = y_way * place[1]
    return found

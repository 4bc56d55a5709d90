"""Runs of equal neighbors among a table's rows, which one row can stand for: `blocks.0-11` for `blocks.0` to `.11`."""

from __future__ import annotations

from itertools import groupby
from string import digits
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from archinspect.reports.summary import Row


def runs(rows: Iterable[Row], also: Callable[[Row], object] = lambda _: None) -> list[list[Row]]:
    """Return the rows in runs: composites of one name, numbered on, of the same type, shapes, figures and `also`.

    Every other row is a run of its own.
    """

    def alike(entry: tuple[int, Row]) -> object:
        position, row = entry
        if row.kind != "composite":
            return position
        name, number = _numbered(row.name)
        # What differs from copy to copy: its place, what it reads, what it sees of the input.
        same = row._replace(name=name, label="", inputs=(), edges=(), field=())
        return same, number - position, also(row)

    return [[row for _, row in run] for _, run in groupby(enumerate(rows), alike)]


def run_name(rows: Sequence[Row]) -> str:
    """Return the name of a run: that of the first row, and the number of the last."""
    first, last = rows[0].name, rows[-1].name
    if first == last:
        return first
    return f"{first}-{last.rpartition('.')[2] if first[-1] not in digits else _numbered(last)[1]}"


def _numbered(name: str) -> tuple[str, int]:
    """Return a name without its number, and the number: 0 for the first of `block`, `block_1`, `block_2`."""
    stem = name.rstrip(digits)
    number = name[len(stem) :]
    return stem.removesuffix("_"), int(number or 0)

"""Runs of equal neighbors among a table's rows, which one row can stand for: `blocks.0-11` for `blocks.0` to `.11`."""

from __future__ import annotations

from itertools import groupby
from string import digits
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


class Named(Protocol):
    """What is asked of a row."""

    @property
    def name(self) -> str:
        """Its path."""


R = TypeVar("R", bound=Named)


def runs(rows: Iterable[R], likeness: Callable[[R], object]) -> list[list[R]]:
    """Return the rows in runs whose names are numbered on and whose `likeness` is equal, if it is not None."""

    def alike(entry: tuple[int, R]) -> object:
        position, row = entry
        same = likeness(row)
        name, number = _numbered(row.name)
        return position if same is None else (name, number - position, same)

    return [[row for _, row in run] for _, run in groupby(enumerate(rows), alike)]


def run_name(rows: Sequence[Named]) -> str:
    """Return the name of a run: that of the first row, and the number of the last."""
    first, last = rows[0].name, rows[-1].name
    if first == last:
        return first
    return f"{first}-{_numbered(last)[1] if first[-1] in digits else last.rpartition('.')[2]}"


def _numbered(name: str) -> tuple[str, int]:
    """Return a name without its number, and the number: 0 for the first of `block`, `block_1`, `block_2`."""
    stem = name.rstrip(digits)
    number = name[len(stem) :]
    return stem.removesuffix("_"), int(number or 0)

"""Groups of a table's rows that one row can stand for: `blocks.0-11` for `blocks.0` to `.11`, alike or in turns."""

from __future__ import annotations

from itertools import groupby
from string import digits
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

LONGEST_PERIOD = 24
"""So many rows at most are taken together where they come again."""
MOST_TYPES = 2
"""So many types of a group are named; of more, how many layers they are."""


class Named(Protocol):
    """What is asked of a row."""

    @property
    def name(self) -> str:
        """Its path."""

    @property
    def type(self) -> str:
        """Its operator or block."""

    @property
    def layers(self) -> int:
        """How many layers it stands for."""


R = TypeVar("R", bound=Named)


class Group(NamedTuple, Generic[R]):
    """Rows that one row stands for: the same part, `copies` times."""

    rows: Sequence[R]
    copies: int = 1
    equal: bool = True
    """Whether the copies are equal in their figures, not only in their structure."""

    @property
    def part(self) -> Sequence[R]:
        """The rows of the first copy."""
        return self.rows[: len(self.rows) // self.copies]

    @property
    def name(self) -> str:
        """The name of the first row, and as much of the last one's as differs."""
        return run_name(self.rows)

    @property
    def type(self) -> str:
        """What a copy is: a type, `2 swin_block`, `attention + mlp`, `12 layers`."""
        types = [row.type for row in self.part]
        if len(set(types)) == 1:
            return types[0] if len(types) == 1 else f"{len(types)} {types[0]}"
        if len(types) <= MOST_TYPES:
            return " + ".join(types)
        return f"{sum(row.layers for row in self.part)} layers"


def equal_groups(rows: Iterable[R], likeness: Callable[[R], object]) -> list[Group[R]]:
    """Return the rows in groups: those numbered on and alike are one, and so are several that come again in one order.

    Rows are alike where their `likeness` is equal and not None.
    """
    groups = [Group(run, len(run)) for run in _runs(rows, likeness)]

    def key(group: Group[R]) -> object:
        same = likeness(group.rows[0])
        return None if same is None else (len(group.rows), group.rows[0].name.translate(_WITHOUT_DIGITS), same)

    return joined(groups, [key(group) for group in groups], range(2, LONGEST_PERIOD + 1))


def joined(
    groups: Sequence[Group[R]],
    keys: Sequence[object],
    periods: Iterable[int],
    *,
    opens: Callable[[int], bool] = lambda _: True,
    equal: bool = True,
) -> list[Group[R]]:
    """Return the groups with those joined whose keys repeat."""
    found: list[Group[R]] = []
    for start, period, times in repeats(keys, periods, opens):
        some = groups[start : start + period * times]
        if times == 1:
            found += some
        else:
            found.append(Group([row for group in some for row in group.rows], times, equal))
    return found


def repeats(
    keys: Sequence[object], periods: Iterable[int], opens: Callable[[int], bool] = lambda _: True
) -> Iterator[tuple[int, int, int]]:
    """Yield start, period and times of parts one after the other, as much repeated as can be; (start, 1, 1) for others.

    A key that is None equals no other. Where a repeat can begin at several places, it does where `opens` says so; it
    ends before one that saves more.
    """
    best = _best_repeats(keys, tuple(periods))
    start = 0
    while start < len(keys):
        saved, period, length = best[start]
        near = range(start + 1, min(start + length, start + LONGEST_PERIOD, len(keys)))
        better = next((place for place in near if best[place][0] > saved), None)
        times, spare = divmod(length if better is None else better - start, period)
        if not saved or times <= 1:
            yield start, 1, 1
            start += 1
            continue
        skipped = next((place for place in range(spare + 1) if opens(start + place)), 0)
        yield from ((start + place, 1, 1) for place in range(skipped))
        yield start + skipped, period, times
        start += skipped + period * times


def _best_repeats(keys: Sequence[object], periods: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return, for each start, how many keys the best repeat from there on saves, its period, and how far it holds."""
    best = [(0, 1, 1)] * len(keys)
    for period in periods:
        length = period
        for start in range(len(keys) - period - 1, -1, -1):
            same = keys[start] is not None and keys[start] == keys[start + period]
            length = length + 1 if same else period
            saved = period * (length // period - 1)
            if saved > best[start][0]:
                best[start] = saved, period, length
    return best


def _runs(rows: Iterable[R], likeness: Callable[[R], object]) -> list[list[R]]:
    """Return the rows in runs whose names are numbered on and whose `likeness` is equal, if it is not None."""

    def alike(entry: tuple[int, R]) -> object:
        position, row = entry
        same = likeness(row)
        name, number = _numbered(row.name)
        return position if same is None else (name, number - position, same)

    return [[row for _, row in run] for _, run in groupby(enumerate(rows), alike)]


def run_name(rows: Sequence[Named]) -> str:
    """Return the name of a run: that of the first row, and as much of the last one's as differs."""
    first, last = rows[0].name, rows[-1].name
    if first == last:
        return first
    (stem, _), (last_stem, number) = _numbered(first), _numbered(last)
    if stem == last_stem and first[-1] in digits:
        return f"{first}-{number}"
    parent = first.rpartition(".")[0]
    return f"{first}-{last[len(parent) + 1 :] if parent and last.startswith(f'{parent}.') else last}"


def _numbered(name: str) -> tuple[str, int]:
    """Return a name without its number, and the number: 0 for the first of `block`, `block_1`, `block_2`."""
    stem = name.rstrip(digits)
    number = name[len(stem) :]
    return stem.removesuffix("_"), int(number or 0)


_WITHOUT_DIGITS = str.maketrans("", "", digits)

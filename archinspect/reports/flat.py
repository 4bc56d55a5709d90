"""Short tables of networks without blocks, as Keras, Caffe and ONNX have them: blocks are found in the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from archinspect.reports.folding import LONGEST_PERIOD, Group, Named, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

FOLLOWERS = ("activation", "normalization", "dropout")
"""Kinds of layers that belong to the one before them."""
CHAINS = (2, 3, 4, 6, 8, 12, 16, 24)
"""How many rows of a chain are one, where nothing else makes a table short."""
LARGEST_SHARE = 3
"""A branching part of more than one in so many of all rows is no block: it is shown row by row."""


class Source(Protocol):
    """What is asked of an edge."""

    @property
    def layer(self) -> str:
        """The layer that is read."""

    @property
    def output(self) -> int:
        """Which of its outputs."""


class Linked(Named, Protocol):
    """What is asked of a row."""

    @property
    def kind(self) -> str:
        """What it is to a reader."""

    @property
    def edges(self) -> Sequence[Source]:
        """What it reads."""


R = TypeVar("R", bound=Linked)


def short_groups(rows: Sequence[R], at_most: int, figures: Callable[[R], object]) -> list[Group[R]]:
    """Return the rows in at most so many groups if one of these ways gets there, else in the fewest, tried in order.

    What repeats is one; so are branches up to where they meet; so is a layer with its normalization and activation;
    then, what repeats in structure only; last, chains, no longer ones than it takes, and what repeats of these wherever
    they read. `figures` has what must be equal for two rows to be equal.
    """
    exact, alike = _keys(rows, figures), _keys(rows, lambda _: None)
    places = range(len(rows))
    single = [[place] for place in places]
    blocks = list(_blocks(rows))
    units = list(_units(blocks, rows))
    ways = [(parts, exact, True) for parts in (single, blocks, units)]
    ways += [(parts, alike, False) for parts in (blocks, units)]
    fewest: list[Group[R]] = []
    for parts, keys, equal in ways:
        found = _joined(parts, rows, keys, exact=exact, equal=equal)
        if not fewest or len(found) < len(fewest):
            fewest = found
        if len(found) <= at_most:
            return fewest
    for longest in CHAINS:
        found = _chained(fewest, exact, longest)
        if len(found) <= at_most:
            break
    return found


def _keys(rows: Sequence[R], figures: Callable[[R], object]) -> list[object]:
    """Return, for each row, its type, its figures, and how far before it what it reads is; inputs are before all."""
    places = {row.name: place for place, row in enumerate(rows)}
    known: dict[object, int] = {}
    return [
        known.setdefault(
            (row.type, figures(row), *((place - places.get(edge.layer, -1), edge.output) for edge in row.edges)),
            len(known),
        )
        for place, row in enumerate(rows)
    ]


def _joined(
    parts: Sequence[Sequence[int]], rows: Sequence[R], keys: Sequence[object], *, exact: Sequence[object], equal: bool
) -> list[Group[R]]:
    groups = [Group([rows[place] for place in part]) for part in parts]
    found = joined(
        groups,
        [tuple(keys[place] for place in part) for part in parts],
        range(1, LONGEST_PERIOD + 1),
        opens=lambda place: rows[parts[place][0]].kind not in FOLLOWERS,
    )
    return found if equal else list(_marked(found, exact))


def _chained(groups: Sequence[Group[R]], exact: Sequence[object], longest: int) -> list[Group[R]]:
    """Return the groups with those of a chain, so many at most, as one, and then what is alike of these."""
    chains = list(_chains(groups, longest))
    found = joined(chains, [_structure(chain) for chain in chains], range(1, LONGEST_PERIOD + 1))
    return list(_marked(found, exact))


def _chains(groups: Sequence[Group[R]], longest: int) -> Iterator[Group[R]]:
    """Yield the groups, as one those that each read nothing but what is in those before; repeats stay what they are."""
    chain: list[R] = []
    names: set[str] = set()
    length = 0
    for group in groups:
        read = {edge.layer for row in group.rows for edge in row.edges} - {row.name for row in group.rows}
        if chain and (length == longest or group.copies > 1 or not read or not read <= names):
            yield Group(chain)
            chain, names, length = [], set(), 0
        if group.copies > 1:
            yield group
            continue
        chain = [*chain, *group.rows]
        names |= {row.name for row in group.rows}
        length += 1
    if chain:
        yield Group(chain)


def _structure(group: Group[R]) -> object:
    """Return what is equal for chains that are alike wherever they read; None for what repeats already."""
    places = {row.name: place for place, row in enumerate(group.rows)}
    parts = [(row.type, *((places.get(edge.layer), edge.output) for edge in row.edges)) for row in group.rows]
    return tuple(parts) if group.copies == 1 else None


def _marked(groups: Sequence[Group[R]], exact: Sequence[object]) -> Iterator[Group[R]]:
    """Yield the groups, told which have copies that are alike in structure only."""
    start = 0
    for group in groups:
        keys = exact[start : start + len(group.rows)]
        size = len(keys) // group.copies
        yield group._replace(equal=keys[size:] == keys[:-size] if group.copies > 1 else True)
        start += len(keys)


def _blocks(rows: Sequence[Linked]) -> Iterator[list[int]]:
    """Yield the places of rows that stand between two others through which everything goes."""
    last_read: dict[str, int] = {}
    for place, row in enumerate(rows):
        for edge in row.edges:
            last_read[edge.layer] = place
    part: list[int] = []
    needed = 0
    for place, row in enumerate(rows):
        part.append(place)
        if needed <= place:
            yield from [part] if len(part) * LARGEST_SHARE <= len(rows) else [[one] for one in part]
            part = []
        needed = max(needed, last_read.get(row.name, 0))
    yield from ([one] for one in part)


def _units(parts: Sequence[list[int]], rows: Sequence[Linked]) -> Iterator[list[int]]:
    """Yield the parts, each with the normalizations and activations that follow it."""
    unit: list[int] = []
    for part in parts:
        if unit and rows[part[0]].kind not in FOLLOWERS:
            yield unit
            unit = []
        unit = unit + part
    if unit:
        yield unit

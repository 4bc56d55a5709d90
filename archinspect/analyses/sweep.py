"""Every combination of values of a network's variables: figures by formulas where they hold, each exact.

The network is traced at the first combination that no formula so far holds for; what it refuses has a region, too.
Where formulas hold for a few combinations only, the engine itself takes over.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from archinspect.analyses.formula import BATCH, FIGURES, RefusedError, Symbols, axes, variables
from archinspect.base.diagnostics import refuse_unknown
from archinspect.base.settings import whole
from archinspect.base.symbolic.vectors import LARGEST, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from fractions import Fraction

    from numpy.typing import NDArray

    from archinspect.analyses.facts import Facts
    from archinspect.analyses.formula import Loader

    Array = NDArray[Any]

MOST_VARIABLES = 64
"""Of a sweep; an array of NumPy has no more axes."""
CHUNK = 2**18
"""Combinations that are figured out at once."""
WORTHWHILE = 8
"""A formula should hold for this many combinations; the engine alone is faster otherwise."""
PATIENCE = 16
"""Formulas in a row that did not, after which the engine takes what is left of a chunk."""


class Chunk(NamedTuple):
    """Combinations that follow one another, the last variable varying fastest."""

    start: int
    """The number of the first."""
    values: dict[str, Array]
    """Of each variable, a value per combination."""
    figures: dict[str, Array]
    taken: Array
    """Whether the network takes the combination; figures of others mean nothing."""

    def chosen(self, rows: Array) -> Chunk:
        """Return the rows for which a mask is true, or that a list of numbers names."""
        return Chunk(
            self.start,
            {name: column[rows] for name, column in self.values.items()},
            {name: column[rows] for name, column in self.figures.items()},
            self.taken[rows],
        )


class Condition(NamedTuple):
    """What a combination must fulfil: a column, a comparison, a number."""

    column: str
    relation: str
    number: Fraction


_COMPARE: dict[str, Callable[..., Any]] = {
    "<=": np.less_equal,
    ">=": np.greater_equal,
    "<": np.less,
    ">": np.greater,
    "==": np.equal,
    "=": np.equal,
}


class _Region(NamedTuple):
    """Where a formula of each figure holds, or where the network refuses all."""

    choices: tuple[Any, ...]
    table: Table
    refused: bool


def _sizes(name: str, values: Sequence[Any]) -> list[int]:
    """Return the values of a batch or of an axis; raise ValueError for what is no positive whole number."""
    if all(type(value) is int and value > 0 for value in values):  # most are, and a sweep may have a million
        return list(values)
    return [whole(name, value, 1) for value in values]


class Sweep:
    """A grid of values of variables, whose figures are asked for chunk by chunk."""

    def __init__(
        self, load: Loader, facts: Facts, grid: Mapping[str, Sequence[Any]], figures: Sequence[str] = tuple(FIGURES)
    ) -> None:
        """Take lists of values: of whole variables of the network's formulas, and of any of its parameters.

        Raise ValueError for a name that is neither, and for a batch or a size that is no positive whole number.
        """
        known = variables(facts)
        for name in grid:
            if name not in known and name not in facts.graph.params:
                raise ValueError(f"the network has no variable '{name}', only {', '.join(known)}")
        if len(grid) > MOST_VARIABLES:
            raise ValueError(f"a sweep is over {MOST_VARIABLES} variables at most, not {len(grid):,}")
        for name in figures:
            refuse_unknown("a figure", name, FIGURES)
        self.load = load
        self.facts = facts
        self.figures = tuple(figures)
        sizes = {BATCH, *axes(facts.graph)}
        self.grid = {name: _sizes(name, values) if name in sizes else list(values) for name, values in grid.items()}
        self.whole = [name for name in grid if name in known and all(type(value) is int for value in self.grid[name])]
        self.traces = 0
        """Formulas that were needed."""
        self.by_engine = 0
        """Combinations that the engine took."""
        self._regions: list[_Region] = []

    def __repr__(self) -> str:
        figures, names = ", ".join(self.figures), ", ".join(self.grid)
        return f"<Sweep {self.facts.graph.name}: {figures} of {self.combinations:,} combinations of {names}>"

    def check(self, columns: Sequence[str], figures: Sequence[str] = ()) -> None:
        """Raise ValueError for a column, or a figure, that the sweep has not."""
        for column in columns:
            refuse_unknown("a column", column, [*self.grid, *self.figures])
        for figure in figures:
            refuse_unknown("a figure", figure, self.figures)

    @property
    def combinations(self) -> int:
        """How many there are, which may be more than `len` can say."""
        return prod(map(len, self.grid.values()))

    def __len__(self) -> int:
        return self.combinations

    def chunks(self, start: int = 0) -> Iterator[Chunk]:
        """Yield the combinations from the one of this number on."""
        shape = tuple(map(len, self.grid.values()))
        for first in range(start, len(self), CHUNK):
            places = np.unravel_index(np.arange(first, min(first + CHUNK, len(self))), shape)
            values = {
                name: np.array(known, dtype=None if name in self.whole else object)[place]
                for (name, known), place in zip(self.grid.items(), places, strict=True)
            }
            yield self._chunk(first, values)

    def _chunk(self, start: int, values: dict[str, Array]) -> Chunk:
        count = len(next(iter(values.values()))) if values else 1
        chunk = Chunk(
            start, values, {name: np.zeros(count, dtype=np.int64) for name in self.figures}, np.zeros(count, dtype=bool)
        )
        left = np.ones(count, dtype=bool)
        for region in self._regions:
            self._fill(chunk, left, region)
        poor = 0
        while left.any():
            point = self._point(values, int(left.argmax()))
            before = int(left.sum())
            if poor < PATIENCE:
                region = self._traced(point)
                self._fill(chunk, left, region)
                poor = 0 if before - int(left.sum()) >= min(WORTHWHILE, before) else poor + 1
            else:
                self._run(chunk, left, int(left.argmax()), point)
        return chunk

    def _point(self, values: Mapping[str, Array], row: int) -> dict[str, Any]:
        return {name: column[row].item() if name in self.whole else column[row] for name, column in values.items()}

    def _traced(self, point: Mapping[str, Any]) -> _Region:
        """Return the region around a point."""
        self.traces += 1
        try:
            symbols = Symbols(self.load, self.facts, self.whole, point)
            found = {name: FIGURES[name][1](symbols.facts) for name in self.figures}
            table, refused = Table({name: symbols.trace.formula(number) for name, number in found.items()}), False
        except RefusedError as error:
            table, refused = Table({"": error.where}), True
        region = _Region(tuple(point[name] for name in self.grid if name not in self.whole), table, refused)
        self._regions.append(region)
        return region

    def _fill(self, chunk: Chunk, left: Array, region: _Region) -> None:
        """Put a region's figures where it holds and nothing stands yet."""
        rows = left.copy()
        for name, choice in zip([n for n in self.grid if n not in self.whole], region.choices, strict=True):
            rows &= np.array([value == choice and type(value) is type(choice) for value in chunk.values[name]])
        numbers = np.flatnonzero(rows)
        if not len(numbers):
            return
        given = {name: chunk.values[name][numbers] for name in region.table.variables}
        columns, holds = region.table(**given) if given else region.table()
        inside = numbers[np.broadcast_to(holds, numbers.shape)]
        left[inside] = False
        if not region.refused:
            chunk.taken[inside] = True
            for name in self.figures:
                column = np.broadcast_to(columns[name], numbers.shape)
                if column.dtype == object:  # numbers of more than 64 bits
                    chunk.figures[name] = chunk.figures[name].astype(object)
                chunk.figures[name][inside] = column[holds]

    def _run(self, chunk: Chunk, left: Array, row: int, point: Mapping[str, Any]) -> None:
        """Let the engine find the figures of one combination."""
        self.by_engine += 1
        left[row] = False
        try:
            facts = Symbols(self.load, self.facts, (), point).facts
        except RefusedError:
            return
        chunk.taken[row] = True
        for name in self.figures:
            figure = FIGURES[name][1](facts)
            if figure > LARGEST:
                chunk.figures[name] = chunk.figures[name].astype(object)
            chunk.figures[name][row] = figure


def filtered(chunk: Chunk, conditions: Sequence[Condition]) -> Chunk:
    """Return the combinations that the network takes and for which all conditions hold."""
    rows = chunk.taken.copy()
    for column, relation, number in conditions:
        values = chunk.figures.get(column, chunk.values.get(column))
        # As whole numbers, so that nothing is rounded.
        bound = int(number) if number == int(number) else float(number)
        rows &= _COMPARE[relation](values, bound)
    return chunk if rows.all() else chunk.chosen(np.flatnonzero(rows))


def joined(first: Chunk, second: Chunk) -> Chunk:
    """Return the combinations of two chunks in one."""
    return Chunk(
        first.start,
        {name: np.concatenate([column, second.values[name]]) for name, column in first.values.items()},
        {name: np.concatenate([column, second.figures[name]]) for name, column in first.figures.items()},
        np.concatenate([first.taken, second.taken]),
    )


def ordered(chunk: Chunk, column: str) -> Chunk:
    """Return the combinations, the largest value of a column first, the smallest of `-column`; equal ones in order."""
    name = column.removeprefix("-")
    values = chunk.figures.get(name, chunk.values.get(name))
    assert values is not None  # as Sweep.check has seen
    if name != column:
        return chunk.chosen(np.argsort(values, kind="stable"))
    backwards = np.argsort(np.asarray(values)[::-1], kind="stable")[::-1]
    return chunk.chosen(len(backwards) - 1 - backwards)


def front(chunk: Chunk, figures: Sequence[str]) -> Chunk:
    """Return the combinations of which no other is smaller in one of the figures and larger in none."""
    columns = np.stack([chunk.figures[name].astype(float) for name in figures])
    order = np.lexsort(columns[::-1])
    kept: list[int] = []
    for row in order:
        point = columns[:, row]
        if not kept or not np.any(
            np.all(columns[:, kept] <= point[:, None], axis=0) & np.any(columns[:, kept] < point[:, None], axis=0)
        ):
            kept.append(int(row))
    return chunk.chosen(np.array(sorted(kept), dtype=int))

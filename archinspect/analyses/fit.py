"""The largest number for which something fits: found by doubling and halving, exactly where need grows with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LARGEST = 2**20
"""Beyond this the search ends."""
COARSEST = 256
"""A step between the values that a network takes is looked for up to this one."""
GUESSES = 6
"""How often a line through what is known is followed, before steps are doubled and halved."""


class Fit(NamedTuple):
    """The largest value of `vary` whose need is within the bytes there are; 0 where not even the smallest's is."""

    vary: str
    memory: int
    largest: int
    needed: int
    """Bytes at the largest, or at the smallest that the network takes where that does not fit."""
    beyond: int | None
    """Bytes a step on; None where the network does not take that, or the search ended."""
    step: int = 1
    """How far apart values are that the network takes: 32 for an image that is halved five times."""
    smallest: int | None = None
    """The smallest value that the network takes, where not even that fits."""
    uncounted: Mapping[str, tuple[str, ...]] = {}
    """The layers of whose figures some are not known, and which."""

    @property
    def ended_early(self) -> bool:
        """Whether no larger value was tried."""
        return self.largest >= LARGEST


def largest_that_fits(
    vary: str,
    memory: int,
    need: Callable[[int], int | None],
    start: int = 1,
    bound: Callable[[], int | None] | None = None,
) -> Fit:
    """Return the largest value whose `need` is at most `memory`; a need of None is a value that the network refuses.

    The network takes `start`. Tried are whole steps up and down from it; what is refused below is too small, above too
    large: values that lie unevenly, such as the divisors of a width, may hide a larger one. `bound` may guess, from
    what was asked so far, the largest that the network takes.
    """
    search = _Search(memory, need, start)
    if search.is_over(0):
        search.low, search.high = -((start - 1) // search.step) - 1, 0
    else:
        search.guess(bound or (lambda: None))
        search.double()
    search.halve()
    largest, beyond = search.value(search.low), search.value(search.high)
    needed = search.needs.get(largest)
    if needed is None:
        return Fit(vary, memory, 0, search.needs[beyond] or 0, None, search.step, beyond)
    return Fit(vary, memory, largest, needed, search.needs.get(beyond), search.step)


class _Search:
    """A search in whole steps from a start: `low` fits, `high` does not."""

    def __init__(self, memory: int, need: Callable[[int], int | None], start: int) -> None:
        self.memory = memory
        self.need = need
        self.start = start
        self.needs: dict[int, int | None] = {}
        self.step = _step(start, lambda value: self._asked(value) is not None)
        self.low = 0
        self.high = max(LARGEST - start, 0) // self.step + 1
        """Beyond this no value is tried."""

    def _asked(self, value: int) -> int | None:
        if value not in self.needs:
            self.needs[value] = self.need(value)
        return self.needs[value]

    def value(self, place: int) -> int:
        """Return the value so many steps from the start."""
        return self.start + place * self.step

    def is_over(self, place: int) -> bool:
        """Return whether a value needs too much, or is refused as too large."""
        found = self._asked(self.value(place))
        return place > 0 if found is None else found > self.memory

    def guess(self, bound: Callable[[], int | None]) -> None:
        """Follow a line through what is known: where need grows evenly, it shows the last value that fits."""
        for _ in range(GUESSES):
            place = (_crossing(self.needs, self.memory, bound()) - self.start) // self.step
            place = self.low + 1 if place == self.low else place
            if not self.low < place < self.high:
                break
            self._take(place)

    def double(self) -> None:
        """Take larger and larger steps as long as values fit."""
        further = 1
        while self.low + further < self.high and not self.is_over(self.low + further):
            self.low, further = self.low + further, 2 * further
        self.high = min(self.high, self.low + further)

    def halve(self) -> None:
        """Close in on the last value that fits."""
        while self.high - self.low > 1:
            self._take((self.low + self.high) // 2)

    def _take(self, place: int) -> None:
        if self.is_over(place):
            self.high = place
        else:
            self.low = place


def _crossing(needs: Mapping[int, int | None], memory: int, bound: int | None) -> int:
    """Return the value whose need is the memory, on a line through the two largest that the network takes.

    It is no larger than `bound`. Return 0 where there is no such line.
    """
    known = sorted((value, need) for value, need in needs.items() if need is not None)[-2:]
    if len(known) < 2 or known[0][1] >= known[1][1]:  # noqa: PLR2004 - a line has two points
        return bound or 0
    (first, less), (second, more) = known
    crossing = second + (memory - more) * (second - first) // (more - less)
    return crossing if bound is None else min(crossing, bound)


def _step(start: int, is_taken: Callable[[int], bool]) -> int:
    """Return how far apart values are that the network takes, from what it takes above the start, or else below.

    Of an image that is halved, some sizes are rounded to the same maps: a step that goes on is the better one.
    """
    for times in ((1, 2, 4, 8), (1,)):
        for way in (1, -1):
            for step in range(1, COARSEST + 1):
                values = [start + way * step * n for n in times]
                if min(values) > 0 and all(map(is_taken, values)):
                    return step
    return 1

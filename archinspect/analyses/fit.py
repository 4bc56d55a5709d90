"""The largest number for which something fits: found by doubling and halving, exactly where need grows with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LARGEST = 2**20
"""Beyond this the search ends."""
COARSEST = 256
"""A step between the values that a network takes is looked for up to this one."""


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


def largest_that_fits(vary: str, memory: int, need: Callable[[int], int | None], start: int = 1) -> Fit:
    """Return the largest value whose `need` is at most `memory`; a need of None is a value that the network refuses.

    The network takes `start`. Tried are whole steps up and down from it; what is refused below is too small, above too
    large: values that lie unevenly, such as the divisors of a width, may hide a larger one.
    """
    needs: dict[int, int | None] = {}

    def asked(value: int) -> int | None:
        if value not in needs:
            needs[value] = need(value)
        return needs[value]

    def is_over(value: int) -> bool:
        found = asked(value)
        return value > start if found is None else found > memory

    step = _step(start, lambda value: asked(value) is not None)
    low, high = 0, 1  # in steps from the start
    while start + high * step <= LARGEST and not is_over(start + high * step):
        low, high = high, 2 * high
    if is_over(start):
        low, high = -((start - 1) // step) - 1, 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_over(start + middle * step) else (middle, high)
    largest, beyond = start + low * step, start + high * step
    needed = needs.get(largest)
    if needed is None:
        return Fit(vary, memory, 0, needs[beyond] or 0, None, step, beyond)
    return Fit(vary, memory, largest, needed, needs.get(beyond), step)


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

"""The largest number for which something fits: found by doubling and halving, exactly where need grows with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST = 2**20
"""Beyond this the search ends."""


class Fit(NamedTuple):
    """The largest value of `vary` whose need is within the bytes there are; 0 where not even 1 is."""

    vary: str
    memory: int
    largest: int
    needed: int
    """Bytes at the largest, or at 1 where that does not fit."""
    beyond: int | None
    """Bytes at the next value; None where the network takes no larger one, or the search ended."""


def largest_that_fits(vary: str, memory: int, need: Callable[[int], int | None]) -> Fit:
    """Return the largest value whose `need` is at most `memory`; a need of None is a value that the network refuses."""
    needs: dict[int, int | None] = {}

    def fits(value: int) -> bool:
        if value not in needs:
            needs[value] = need(value)
        found = needs[value]
        return found is not None and found <= memory

    low, high = 0, 1
    while high <= LARGEST and fits(high):
        low, high = high, 2 * high
    while high - low > 1 and low:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return Fit(vary, memory, low, needs.get(low or 1) or 0, needs.get(low + 1) if low else None)

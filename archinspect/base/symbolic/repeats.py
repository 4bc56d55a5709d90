"""Repeats whose number stays open: a few copies stand for any number of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.base.symbolic.trace import Symbolic, Trace

if TYPE_CHECKING:
    from collections.abc import Sequence


class Repeat(NamedTuple):
    """A repeat whose number stays open."""

    times: Symbolic
    indices: list[Symbolic]
    """The number of each copy. That of the last one stands for the numbers of all that follow."""
    copies: list[Sequence[Any]]
    """What each copy made."""


class OpenTrace(Trace):
    """A trace in which it is no guard how often something is repeated.

    What is compared with the number of the last copy decides whether further copies are made as that one is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.repeats: list[Repeat] = []

    def repeat(self, times: Symbolic) -> Repeat:
        """Begin a repeat, whose maker adds what the copies make."""
        place = len(self.repeats)
        indices = [self.symbol(f"index {place} {i}", i, low=i) for i in range(int(times.value))]
        self.repeats.append(Repeat(times, indices, []))
        return self.repeats[-1]

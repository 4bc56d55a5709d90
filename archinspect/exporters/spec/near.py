"""Layers beside a group that are all but a copy of it: a block with a projection, one without a sum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.exporters.spec.sections import Item, Places, is_section

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from archinspect.exporters.spec.tree import Child
    from archinspect.graph.graph import Tensor

LACKING = 4
"""So many layers more a group has at most that is of the kind of those beside it."""
MORE = 2
"""By such a part of its layers a group may be longer than those of its kind."""
LESS = 5
"""By such a part of its layers a group may be shorter than those of its kind."""


class Beside:
    """The children of a scope, some of which are groups of a kind."""

    def __init__(
        self,
        children: Sequence[Child],
        key: Callable[[Child], Any],
        wanted: Sequence[Any],
        outputs: frozenset[Tensor],
    ) -> None:
        self.children = list(children)
        self.wanted = list(wanted)
        """What the layers of the kind are."""
        self.outputs = outputs
        self._key = key
        self.keys = [key(child) for child in children]
        self._places: Places | None = None

    def put(self, first: int, end: int, group: Child) -> None:
        """Put a group in the place of layers."""
        self.children[first:end] = [group]
        self.keys[first:end] = [self._key(group)]
        self._places = None

    def near(self, at: int, kind: Any) -> Iterator[tuple[int, int]]:  # noqa: ANN401 - a key
        """Yield stretches beside a group of a kind that are nearly one, the most alike first."""
        count = len(self.wanted)
        more = [count + extra for extra in range(1, min(count // MORE, LACKING) + 1)]
        less = [count - lacking for lacking in range(1, count // LESS + 1)]
        for length in (*more, *less):
            for first in (at - length, at + 1):
                keys = self.keys[max(first, 0) : first + length]
                if len(keys) == length and kind not in keys and self._is_near(keys, first):
                    yield first, first + length

    def _is_near(self, keys: Sequence[Any], first: int) -> bool:
        if keys[0] != self.wanted[0]:
            return False
        is_longer = len(keys) > len(self.wanted)
        if is_longer and keys[-1] != self.wanted[-1]:
            return False
        if not (_is_within(self.wanted, keys) if is_longer else _is_within(keys, self.wanted)):
            return False
        if self._places is None:
            self._places = Places([Item([child], None) for child in self.children], self.outputs)
        return is_section(self._places, first, first + len(keys))


def _is_within(part: Sequence[Any], whole: Sequence[Any]) -> bool:
    """Return whether all of a part stand in the whole, in this order."""
    rest = iter(whole)
    return all(any(one == other for other in rest) for one in part)

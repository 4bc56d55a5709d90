"""Which nodes of two graphs are the same: by what they compute and what they are called, in execution order.

The best alignment of the two sequences, as in Needleman and Wunsch (1970): every pair has a score by what the two have
in common, and pairs never cross. So a graph that holds some nodes of one and some of the other still has an order.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from archinspect.graph.graph import Graph, Node

SAME_TYPE, SAME_NAME, SAME_PATH, SAME_OP = 2, 1, 3, 4
"""What is added to a score: the same kind of operator; a common last name; a common path; equal arguments."""
MAX_CELLS = 25_000_000
"""Pairs of nodes that are looked at; beyond that nodes are cut into parts by what is the same and there only once."""


class Entry(NamedTuple):
    """A node of each graph that are the same, or one that only one of them has."""

    old: Node | None
    new: Node | None


def match(old: Graph, new: Graph) -> list[Entry]:
    """Return all nodes of two graphs, inputs first, in an order in which each stands after what it reads."""
    return [
        *_aligned(old.inputs, new.inputs),
        *_aligned(old.nodes, new.nodes),
    ]


def _aligned(old: Sequence[Node], new: Sequence[Node]) -> Iterator[Entry]:
    start = _common(zip(old, new, strict=False))
    rest = min(len(old), len(new)) - start
    end = _common(list(zip(reversed(old), reversed(new), strict=False))[:rest])
    yield from map(Entry, old[:start], new[:start])
    yield from _between(old[start : len(old) - end], new[start : len(new) - end])
    yield from map(Entry, old[len(old) - end :], new[len(new) - end :])


def _common(pairs: Iterable[tuple[Node, Node]]) -> int:
    """Return how many pairs in a row are equal."""
    count = 0
    for one, other in pairs:
        if one.path != other.path or one.op != other.op:
            break
        count += 1
    return count


def _between(old: Sequence[Node], new: Sequence[Node]) -> Iterator[Entry]:
    if len(old) * len(new) <= MAX_CELLS:
        yield from _best(old, new)
        return
    anchors = _anchors(old, new)
    if not anchors:  # all is another network
        yield from [Entry(node, None) for node in old]
        yield from [Entry(None, node) for node in new]
        return
    before = 0, 0
    for place, other in [*anchors, (len(old), len(new))]:
        yield from _between(old[before[0] : place], new[before[1] : other])
        if place < len(old):
            yield Entry(old[place], new[other])
        before = place + 1, other + 1


def _anchors(old: Sequence[Node], new: Sequence[Node]) -> list[tuple[int, int]]:
    """Return the places of nodes that have a path in common, and do not cross, about a thousand apart."""
    places = {node.path: place for place, node in enumerate(new)}
    found: list[tuple[int, int]] = []
    for place, node in enumerate(old):
        other = places.get(node.path)
        last = found[-1] if found else (-1000, -1)
        if other is not None and place - last[0] >= 1000 and other > last[1] and fits(node, new[other]):  # noqa: PLR2004 - as said
            found.append((place, other))
    return found


def fits(one: Node, other: Node) -> bool:
    """Return whether two nodes can be the same, with other arguments or another operator."""
    same_place = type(one.op) is type(other.op) or one.path == other.path
    return same_place and len(one.outputs) == len(other.outputs)


def _best(old: Sequence[Node], new: Sequence[Node]) -> list[Entry]:
    """Return the alignment with the highest score."""
    if not old or not new:
        return [*(Entry(node, None) for node in old), *(Entry(None, node) for node in new)]
    import numpy as np  # 60 ms, and only networks that differ need it

    numbers: Counter[object] = Counter()

    def codes(nodes: Sequence[Node], of: int) -> np.ndarray:
        return np.array([numbers.setdefault(_features(node)[of], len(numbers)) for node in nodes])

    mine, theirs = ([codes(nodes, of) for of in range(5)] for nodes in (old, new))
    best = np.zeros((len(old) + 1, len(new) + 1), np.int32)
    scores = np.zeros((len(old), len(new)), np.int8)
    for row in range(len(old)):
        type_, name, path, op, count = (a[row] == b for a, b in zip(mine, theirs, strict=True))
        score = type_ * (SAME_TYPE + name * SAME_NAME + op * SAME_OP) + path * SAME_PATH
        scores[row] = score * (count & (type_ | path))
        reached = np.maximum(best[row, 1:], (best[row, :-1] + scores[row]) * (scores[row] > 0))
        best[row + 1, 1:] = np.maximum.accumulate(reached)
    return _traced(old, new, best, scores)


def _features(node: Node) -> tuple[object, ...]:
    kind = type(node.op).__name__
    leaf = node.path.rpartition(".")[2]
    return kind, ("leaf", leaf), ("path", node.path), node.op, len(node.outputs)


def _traced(old: Sequence[Node], new: Sequence[Node], best, scores) -> list[Entry]:  # type: ignore[no-untyped-def] # arrays  # noqa: ANN001
    row, column = len(old), len(new)
    found = []
    while row and column:
        score = scores[row - 1, column - 1]
        if score and best[row, column] == best[row - 1, column - 1] + score:
            row, column = row - 1, column - 1
            found.append(Entry(old[row], new[column]))
        elif best[row, column] == best[row - 1, column]:
            row -= 1
            found.append(Entry(old[row], None))
        else:
            column -= 1
            found.append(Entry(None, new[column]))
    found += [Entry(node, None) for node in reversed(old[:row])] + [
        Entry(None, node) for node in reversed(new[:column])
    ]
    return found[::-1]

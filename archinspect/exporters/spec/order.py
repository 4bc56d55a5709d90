"""The order of layers where a file leaves it open: the branches of a merge one after another, as paths are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.exporters.spec.tree import Child
    from archinspect.graph.graph import Tensor

LONGEST = 200
"""So many layers a merge's branches have at most."""


def in_branches(children: Sequence[Child], outputs: frozenset[Tensor]) -> list[Child]:
    """Return children in an order in which the branches of each merge follow one another, in that of its inputs."""
    order = list(children)
    for at, merge in enumerate(children):  # what is put in order stands before it
        if merge.leaf is None or len(set(merge.leaf.inputs)) < 2:  # noqa: PLR2004 - several
            continue
        first = _begin(order, at, outputs)
        if first is not None:
            order[first:at] = _sorted(order[first:at], merge)
    return order


def _begin(order: Sequence[Child], at: int, outputs: frozenset[Tensor]) -> int | None:
    """Return where the branches of a merge begin: from there on all read one tensor, and nothing else reads theirs."""
    outer = set(order[at].reads())
    inside = {id(node) for leaf in order[at].leaves() if leaf.leaf for node in leaf.leaf.nodes}
    for first in range(at - 1, max(at - LONGEST, 0) - 1, -1):
        child = order[first]
        gives = _gives(child)
        inside |= {id(node) for leaf in child.leaves() if leaf.leaf for node in leaf.leaf.nodes}
        if any(t in outputs or any(id(reader) not in inside for reader in t.readers) for t in gives):
            return None
        outer = (outer - set(gives)) | set(child.reads())
        if len(outer) == 1:
            return first
    return None


def _gives(child: Child) -> list[Tensor]:
    return [tensor for leaf in child.leaves() if leaf.leaf for tensor in leaf.leaf.outputs]


def _sorted(inside: Sequence[Child], merge: Child) -> list[Child]:
    """Return children of branches in the order in which a merge's inputs ask for them, if they can run in it."""
    made = {tensor: child for child in inside for tensor in _gives(child)}
    found: dict[int, Child] = {}
    waiting: list[tuple[Child, bool]] = [(made[t], False) for t in reversed(merge.reads()) if t in made]
    begun: set[int] = set()
    while waiting:
        child, is_ready = waiting.pop()
        if is_ready:
            found[id(child)] = child
        elif id(child) not in begun:
            begun.add(id(child))
            waiting.append((child, True))
            waiting += [(made[t], False) for t in reversed(child.reads()) if t in made and made[t] is not child]
    order = list(found.values())
    place = {id(child): at for at, child in enumerate(order)}
    is_whole = len(order) == len(inside)
    runs = is_whole and all(place[id(made[t])] < at for at, one in enumerate(order) for t in one.reads() if t in made)
    return order if runs else list(inside)

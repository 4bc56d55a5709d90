"""What makes the difference between two networks: edits, and what each adds to every figure.

Edits are made one after the other, in execution order, and the network is inferred anew after each. So what an edit
adds is exact, with all that follows from it, and the edits add up to the difference. Where an edit alone makes no
network, as one of two branches that are then summed, it is made together with the next. From the new network to the old
one the same steps are gone backwards: every figure is the opposite.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from archinspect.analyses.cost import added_costs, sum_of_costs
from archinspect.analyses.facts import Facts, facts_of
from archinspect.analyses.memory import kept_bytes, peak_bytes
from archinspect.base.diagnostics import Problems
from archinspect.graph.hybrid import Between

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from archinspect.analyses.cost import Cost
    from archinspect.graph.graph import Node
    from archinspect.graph.hybrid import Edit

MOST_STEPS = 200
"""Networks between the two that are inferred; where there are more edits, some are made together."""

Figures = dict[str, int]
"""What is added to each figure of :class:`Cost`, and to `peak_bytes` and `kept_bytes`; none where nothing is."""


class Step(NamedTuple):
    """Edits that are made together, and what they add."""

    edits: tuple[Edit, ...]
    total: Figures
    own: Mapping[int, Figures]
    """What is added in the nodes that are edited themselves, by the numbers of their entries."""
    through: Mapping[int, Figures]
    """What is added in nodes that follow, as what they read has another shape; else as `own`."""


class Difference(NamedTuple):
    """Two networks, from the old one to the new one."""

    between: Between
    """What they have in common. Where `is_reversed` its old network is the new one."""
    is_reversed: bool
    steps: tuple[Step, ...]
    old: Figures
    """All figures of the old network."""
    new: Figures


class _State(NamedTuple):
    costs: Mapping[int, Cost]
    """By the number of an entry."""
    memory: Figures

    def figures(self) -> Figures:
        """Return all figures of the network."""
        return {**sum_of_costs(self.costs.values()).as_dict(), **self.memory}


def difference(old: Facts, new: Facts) -> Difference:
    """Return what makes the difference between two networks, which must be asked for with the same settings."""
    is_reversed = _key(old) > _key(new)
    first, last = (new, old) if is_reversed else (old, new)
    between = Between(first.graph, last.graph)
    states = list(_states(between, first, last))
    steps = [_step(edits, one, other) for (_, one), (edits, other) in pairwise(states)]
    ends = states[0][1].figures(), states[-1][1].figures()
    if is_reversed:
        steps = [_opposite(step) for step in reversed(steps)]
        ends = ends[::-1]
    return Difference(between, is_reversed, tuple(steps), *ends)


def _key(facts: Facts) -> list[tuple[object, ...]]:
    """Return what tells two networks apart, whichever is the old one."""
    return [
        (node.path, repr(node.op), [tensor.name for tensor in node.inputs], node.trainable, node.cached)
        for node in facts.graph.everything
    ]


def _states(between: Between, old: Facts, new: Facts) -> Iterator[tuple[tuple[Edit, ...], _State]]:
    """Give the old network, and the network after each step, with the edits of the step."""
    yield (), _state(old, {number: entry.old for number, entry in enumerate(between.entries) if entry.old is not None})
    made: list[Edit] = []
    pending: list[Edit] = []
    at_once = -(-len(between.edits) // MOST_STEPS)
    for number, edit in enumerate(between.edits[:-1], 1):
        pending.append(edit)
        if number % at_once:
            continue  # also where the edits before made no network: there are no more tries than steps
        graph, nodes = between.graph([*made, *pending])
        facts = facts_of(graph, old.settings, Problems())
        if facts is not None:
            made += pending
            yield tuple(pending), _state(facts, nodes)
            pending = []
    if between.edits:
        nodes = {number: entry.new for number, entry in enumerate(between.entries) if entry.new is not None}
        yield (*pending, between.edits[-1]), _state(new, nodes)


def _state(facts: Facts, nodes: Mapping[int, Node]) -> _State:
    costs = added_costs(facts)
    by_number = {number: costs[node] for number, node in nodes.items() if node in costs}
    return _State(by_number, {"peak_bytes": peak_bytes(facts), "kept_bytes": kept_bytes(facts)})


def _step(edits: Sequence[Edit], before: _State, after: _State) -> Step:
    edited = {number for edit in edits for number in edit.entries}
    own: dict[int, Figures] = {}
    through: dict[int, Figures] = {}
    for number in sorted(before.costs.keys() | after.costs.keys()):
        if before.costs.get(number) is not after.costs.get(number):
            figures = _change(*[s.costs[number].as_dict() if number in s.costs else {} for s in (before, after)])
            if figures:
                (own if number in edited else through)[number] = figures
    return Step(tuple(edits), _change(before.figures(), after.figures()), own, through)


def _change(before: Mapping[str, int], after: Mapping[str, int]) -> Figures:
    found = {name: after.get(name, 0) - before.get(name, 0) for name in {**before, **after}}
    return {name: change for name, change in found.items() if change}


def _opposite(step: Step) -> Step:
    def opposite(figures: Figures) -> Figures:
        return {name: -change for name, change in figures.items()}

    own, through = (
        {number: opposite(figures) for number, figures in part.items()} for part in (step.own, step.through)
    )
    return Step(step.edits, opposite(step.total), own, through)

"""How a network grows with the copies of a repeat: exact figures of thousands of copies from a few.

A parameter that says how often a block is repeated makes another network with each value, so that no formula holds.
But where a few copies are alike, and nothing that made the last one depends on its number, all that follow are like it:
each has inputs of the same types, and is made by the same steps. What is summed over layers then grows evenly.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from archinspect.analyses.formula import RefusedError, Symbols
from archinspect.base.symbolic.repeats import OpenTrace
from archinspect.base.symbolic.trace import at_point

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from archinspect.analyses.facts import Facts
    from archinspect.analyses.formula import Loader
    from archinspect.base.symbolic.formulas import Formula
    from archinspect.base.symbolic.repeats import Repeat
    from archinspect.graph.graph import Node

BASES = (4, 8, 16)
"""Values from which growth is looked for: a copy is compared with the one before, which reads a third."""
RUNS = 4
"""Values that are computed one after another: what copies hand on, such as whether backward passes, settles at once."""
FEWEST = 4
"""The fewest copies among which two are compared."""


class Growth(NamedTuple):
    """Figures that grow evenly with a parameter."""

    base: int
    """The smallest value for which they do."""
    first: tuple[int, ...]
    """The figures there."""
    steps: tuple[int, ...]
    """What each grows by."""
    name: str
    symbols: Mapping[str, int]
    guards: Formula
    """For which values the network is made as it is here."""

    def at(self, value: int) -> tuple[int, ...] | None:
        """Return the figures for a value of the parameter; None where they need not grow evenly."""
        values = {**self.symbols, self.name: value}
        if value < self.base or not self.guards.holds(**{one: values[one] for one in self.guards.variables}):
            return None
        return tuple(first + (value - self.base) * step for first, step in zip(self.first, self.steps, strict=True))


def growth(load: Loader, facts: Facts, name: str, figures: Callable[[Facts], tuple[int, ...]]) -> Growth | None:
    """Return how figures grow with a parameter, if it only says how often something is repeated.

    None where that is not so. Figures are sums over nodes, or grow no slower with each further copy.
    """
    for base in BASES:
        found = _from(base, load, facts, name, figures)
        if found is not None:
            return found
    return None


def _from(
    base: int, load: Loader, facts: Facts, name: str, figures: Callable[[Facts], tuple[int, ...]]
) -> Growth | None:
    trace = OpenTrace()
    try:
        symbols = Symbols(load, facts, [name], {name: base}, trace)
        variable = trace.form(trace.symbols[name])
        forms = [trace.form(figure) for figure in figures(symbols.facts)]
        is_even = all(_is_even(symbols.facts, repeat) for repeat in trace.repeats)
        is_linear = all(set(trace.form(repeat.times).terms) <= {(), *variable.terms} for repeat in trace.repeats)
        guards = trace.formula(0)
        runs = [figures(Symbols(load, facts, [], {name: base + i}).facts) for i in range(RUNS)]
    except RefusedError:
        return None
    last = {str(trace.form(repeat.indices[-1]).atom) for repeat in trace.repeats if repeat.indices}
    steps = {tuple(b - a for a, b in zip(*pair, strict=True)) for pair in pairwise(runs)}
    is_free = last.isdisjoint(guards.variables) and all(form.constant is not None for form in forms)
    if not (trace.repeats and is_even and is_linear and is_free and len(steps) == 1):
        return None
    points = {one: int(at_point(symbol)) for one, symbol in trace.symbols.items()}
    return Growth(base, runs[0], steps.pop(), name, points, guards)


def _is_even(facts: Facts, repeat: Repeat) -> bool:
    """Return whether the last two copies are alike: the same operators, on inputs of the same types and places."""
    if len(repeat.copies) < FEWEST:
        return False
    before, one, two = ({node: place for place, node in enumerate(copy)} for copy in repeat.copies[-3:])
    return len(one) == len(two) and all(
        _made(facts, a, one, before) == _made(facts, b, two, one) for a, b in zip(one, two, strict=True)
    )


def _made(facts: Facts, node: Node, own: Mapping[Node, int], before: Mapping[Node, int]) -> list[object]:
    """Return how a node of a copy is made, what it reads as places in this copy or the one before."""

    def place(other: Node) -> object:
        return (0, own[other]) if other in own else (1, before[other]) if other in before else other

    reads = [(place(tensor.producer), tensor.index, facts.types[tensor.position]) for tensor in node.inputs]
    return [node.op, node.trainable, node.shares and place(node.shares), reads]

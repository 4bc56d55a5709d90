"""Networks as specs of our own language, from whatever they were read: the same figures, layer by layer."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from archinspect.analyses.facts import facts_of
from archinspect.base.diagnostics import Problems
from archinspect.exporters.refusal import CannotExportError
from archinspect.exporters.spec.blocks import Blocks
from archinspect.exporters.spec.grouping import Grouping
from archinspect.exporters.spec.head import expected, head, inputs
from archinspect.exporters.spec.layers import Layers
from archinspect.exporters.spec.names import Names, leave_out
from archinspect.exporters.spec.proof import prove
from archinspect.exporters.spec.text import entry, lines
from archinspect.exporters.spec.ties import Ties
from archinspect.exporters.spec.tree import Tree
from archinspect.exporters.spec.wiring import Wiring

FOLDED = 0.1
"""So many lines a layer has a spec whose composites have said what repeats."""
SHORTER = 0.8
"""So many times as long a spec with groups is at most, to be worth other names than the file's."""
SIMPLER = 0.95
"""The same of one in which composites of the file are put in order, and no others are made."""

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from archinspect.analyses.facts import Facts
    from archinspect.exporters.spec.steps import Step
    from archinspect.graph.graph import Tensor


class Spec:
    """A network as a spec."""

    def __init__(self, facts: Facts, layers: Layers, grouping: Grouping | None = None, *, flat: bool = False) -> None:
        """Raise :class:`CannotExportError` for what the language cannot say.

        `grouping` puts what repeats into groups that the network's names do not tell of.
        """
        self.facts = self.expects = facts
        self.unsaid = layers.unsaid
        graph = facts.graph
        self.tree = Tree(graph, layers.leaves, None if grouping is None else grouping.group)
        names = Names(self.tree)
        wiring = Wiring(names, graph.named, frozenset(graph.outputs), blocks=not flat)
        start = graph.inputs[0].output if len(graph.inputs) == 1 else None
        steps = wiring.lay(self.tree.root, start)
        Ties(self.tree, names).say(steps, self.tree.root)
        self.blocks = Blocks(graph.layout, merges=grouping is not None)
        if flat:
            self._leave_out(steps)
            self.steps = steps
        else:
            self.steps = self.blocks.of(steps, list(self.tree.inputs.values()))
        self.outputs = self._outputs(names)

    def _leave_out(self, steps: Sequence[Step]) -> None:
        leave_out(steps, list(self.tree.inputs.values()))
        for step in _all(steps):
            if step.body is not None:
                leave_out(step.body)

    def _outputs(self, names: Names) -> list[Any]:
        """Return how the outputs are called; nothing where they are what the last step gives."""
        graph, root = self.facts.graph, self.tree.root
        given: Sequence[Tensor] = graph.outputs
        if root.children:
            result = root.children[-1].result()
            last = result.producer.outputs if result is result.producer.outputs[0] else [result]
        else:
            last = [node.output for node in graph.inputs] if len(graph.inputs) == 1 else []
        if list(given) == list(last):
            return []
        return [names.ref(tensor, self.tree.root) for tensor in given]

    @property
    def text(self) -> str:
        """The text of a YAML file."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        graph = self.facts.graph
        yield from head(self.facts)
        yield from inputs(graph, self.facts, self.tree.inputs)
        if self.blocks.found:
            yield "blocks:"
            for block in self.blocks.found:
                yield from block.lines()
        yield "layers:"
        yield from lines(self.steps, 1) if self.steps else ["  - {layers: []}"]
        if self.outputs:
            yield from entry("outputs", self.outputs if len(self.outputs) > 1 else self.outputs[0])
        yield from expected(self.expects, self.unsaid)


def _all(steps: Sequence[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        yield from step.inside()


def write(facts: Facts, *, flat: bool = False) -> str:
    """Return a network as the text of a spec, which was read again: it has the same figures, layer by layer.

    With `flat` every layer stands by itself. Raise as :class:`Spec`.
    """
    try:
        return _written(facts, Layers(facts), flat=flat)
    except CannotExportError:
        with suppress(CannotExportError):
            return _written(facts, Layers(facts, is_plain=True), flat=flat)
        raise


def _written(facts: Facts, layers: Layers, *, flat: bool) -> str:
    as_named = Spec(facts, layers, flat=flat)
    count = as_named.text.count("\n")
    if not flat and count > FOLDED * len(layers.leaves) and not _is_of_an_author(facts):
        found = grouped(facts, layers, count)
        if found is not None:
            with suppress(CannotExportError):
                return _proven(found, layers)
    return _proven(as_named, layers)


def _proven(found: Spec, layers: Layers) -> str:
    """Return the text, which has the same figures; it expects those of a sample, also of a program of a fixed batch."""
    again = prove(found.facts, found.text, found.tree.paths, layers)
    one = facts_of(again.graph, again.settings._replace(batch=1), Problems()) if layers.meant.fixed > 1 else again
    found.expects = one or again
    return found.text


def _is_of_an_author(facts: Facts) -> bool:
    """Return whether a network was written in our language, or in a program: its names are the author's."""
    graph = facts.graph
    return graph.held is not None or any(node.arguments is not None or node.callers for node in graph.nodes)


def grouped(facts: Facts, layers: Layers, longest: float) -> Spec | None:
    """Return the spec with what repeats in groups; None where that makes it hardly shorter than so many lines."""
    for names_far in (False, True):
        with suppress(CannotExportError):
            grouping = Grouping(facts.graph, names_far=names_far)
            found = Spec(facts, layers, grouping)
            most = SHORTER if grouping.count else SIMPLER
            return found if found.text.count("\n") <= most * longest else None
    return None

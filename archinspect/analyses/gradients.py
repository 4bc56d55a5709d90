"""Which tensors need a gradient, and which nodes backward passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from archinspect.analyses.facts import Facts
    from archinspect.graph.graph import Node


class Gradients(NamedTuple):
    """Which gradients a backward pass finds, from the outputs of a network to what trains."""

    facts: Facts
    needed: list[bool]
    """Of each tensor, by its position, whether backward finds its gradient."""
    summed: list[int]
    """How many gradients are summed to it: one for each reader that has one, and one for an output of the network."""

    def of_inputs(self, node: Node) -> tuple[bool, ...]:
        """Return of each input whether backward finds its gradient here; what only lends its shape has none."""
        passed = self.facts.call(node).differentiated
        return tuple([i in passed and self.needed[tensor.position] for i, tensor in enumerate(node.inputs)])

    def arriving(self, node: Node) -> tuple[int, ...]:
        """Return how many gradients arrive at each output of a node; empty where backward does not pass it."""
        counts = tuple([self.summed[tensor.position] for tensor in node.outputs])
        return counts if any(counts) else ()


def gradients(facts: Facts) -> Gradients:
    """Return the gradients that training needs."""
    return _gradients(facts, to_inputs=False)


def gradients_to_inputs(facts: Facts) -> Gradients:
    """Return those of a backward pass that goes on to the network's inputs, as in one that stands after another."""
    return _gradients(facts, to_inputs=True)


def _gradients(facts: Facts, *, to_inputs: bool) -> Gradients:
    """Backward needs none in front of the first weight that trains, and passes nothing on which no output depends."""
    graph = facts.graph
    read = {node: [node.inputs[i] for i in facts.call(node).differentiated] for node in graph.nodes}
    needed = [to_inputs and facts.is_float(tensor) for node in graph.inputs for tensor in node.outputs]
    for node in graph.nodes:
        passed = facts.trains(node) or any(needed[tensor.position] for tensor in read[node])
        by_loss = facts.call(node).op.trains_by_loss
        needed += [passed and (by_loss or facts.is_float(tensor)) for tensor in node.outputs]
    summed = [0] * len(needed)
    for tensor in graph.outputs:
        summed[tensor.position] = int(needed[tensor.position])
    for node in reversed(graph.nodes):
        if any(summed[tensor.position] for tensor in node.outputs):
            for tensor in read[node]:
                summed[tensor.position] += needed[tensor.position]
    return Gradients(facts, needed, summed)

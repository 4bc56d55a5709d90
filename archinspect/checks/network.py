"""What rules ask of a network, found once for all of them."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archinspect.ops.spatial import Spatial

if TYPE_CHECKING:
    from archinspect.analyses.facts import Facts
    from archinspect.base.shape import Shape
    from archinspect.graph.graph import Node, Tensor

PASSED = frozenset(("Dropout", "Identity", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout"))
"""Operators that change nothing at inference."""


def by_operator(facts: Facts) -> dict[str, list[Node]]:
    """Return the nodes by the name of their operator."""
    found: dict[str, list[Node]] = {}
    for node in facts.graph.nodes:
        found.setdefault(type(node.op).__name__, []).append(node)
    return found


def nodes_of(facts: Facts, *names: str) -> list[Node]:
    """Return the nodes of these operators, in execution order."""
    found = facts.once(by_operator)
    nodes = [node for name in names for node in found.get(name, ())]
    return sorted(nodes, key=lambda node: node.position) if len(names) > 1 else nodes


def nodes_of_kind(facts: Facts, kind: str) -> list[Node]:
    """Return the nodes whose operators are of this kind to a reader."""
    nodes = [node for nodes in facts.once(by_operator).values() if nodes[0].op.kind == kind for node in nodes]
    return sorted(nodes, key=lambda node: node.position)


MAX_WALK = 100
"""Operators that change nothing in a row that are passed over."""


def only_reader(facts: Facts, tensor: Tensor) -> Node | None:
    """Return the node that alone reads a tensor; None for several, none, and an output of the network."""
    return tensor.readers[0] if len(tensor.readers) == 1 and not _is_output(facts, tensor) else None


def next_layer(facts: Facts, node: Node) -> Node | None:
    """Return the only reader of a node's output, dropout and the like passed over."""
    reader = only_reader(facts, node.output) if len(node.outputs) == 1 else None
    for _ in range(MAX_WALK):
        if reader is None or type(reader.op).__name__ not in PASSED:
            break
        reader = only_reader(facts, reader.output)
    return reader


def source_of(node: Node) -> Node:
    """Return what made a node's first input, dropout and the like passed over."""
    made = node.inputs[0].producer
    for _ in range(MAX_WALK):
        if type(made.op).__name__ not in PASSED:
            break
        made = made.inputs[0].producer
    return made


def places(facts: Facts, node: Node) -> Shape:
    """Return the spatial sizes of what a node reads; empty where it has no axes of places, and for its rank."""
    shape = facts.shape(node.inputs[0])
    if isinstance(node.op, Spatial) and node.op.rank:
        return node.op.split(shape)[0]
    if len(shape) <= 2:  # noqa: PLR2004 - batch and features
        return ()
    return shape[2:] if node.op.data_format == "channels_first" else shape[1:-1]


def per_sample(shape: Shape) -> int:
    """Return the elements of a sample."""
    return prod(shape[1:])


def outputs_of(facts: Facts) -> set[Node]:
    """Return the nodes that make the network's outputs."""
    return facts.once(_ends)


def _ends(facts: Facts) -> set[Node]:
    return {tensor.producer for tensor in facts.graph.outputs}


def is_text(facts: Facts) -> bool:
    """Return whether the network comes from the text of a spec."""
    return bool(facts.graph.origin.source.text)


def _is_output(facts: Facts, tensor: Tensor) -> bool:
    return tensor in facts.once(_outputs)


def _outputs(facts: Facts) -> frozenset[Tensor]:
    return frozenset(facts.graph.outputs)

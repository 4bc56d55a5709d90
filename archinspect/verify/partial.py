"""What of a network can be measured where a target has no words for some layers: the rest, with these as stubs.

A stub reads what the layer reads and gives tensors of the shapes that are predicted for it. It has no weights, computes
nothing and keeps nothing; the figures of the network without the layers are those that are compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.analyses.facts import Facts
from archinspect.exporters.refusal import CannotExportError
from archinspect.graph.call import Call
from archinspect.graph.graph import Graph, Node, Tensor
from archinspect.ops.tensor import Custom

if TYPE_CHECKING:
    from collections.abc import Collection

UNSAID = "the spec does not say what it computes"
UNWRITTEN = "float8"
"""The type that frameworks store, by several names, and do not compute in."""


def unsaid(facts: Facts) -> dict[str, str]:
    """Return the layers that the spec only counts, with the reason."""
    return {node.layer: UNSAID for node in facts.graph.nodes if is_stub(node)}


def is_stub(node: Node) -> bool:
    """Return whether a node stands for something that nobody can compute."""
    return isinstance(node.op, Custom)


def alike(facts: Facts, layer: str) -> list[str]:
    """Return the layers that apply the same operators to the same shapes as one, which is among them."""
    calls: dict[str, list[Call]] = {}
    for node in facts.graph.nodes:
        calls.setdefault(node.layer, []).append(facts.call(node))
    return [name for name, found in calls.items() if found == calls.get(layer)] or [layer]


def stubs(facts: Facts) -> dict[str, list[tuple[list[int], str]]]:
    """Return shape and type of all that each stub gives, by its path. Raise :class:`CannotExportError`."""
    found = {}
    for node in facts.graph.nodes:
        if is_stub(node):
            outputs = facts.call(node).outputs
            if any(type_.dtype == UNWRITTEN for type_ in outputs):
                raise CannotExportError(node.layer, f"no program of a framework computes in {UNWRITTEN}")
            found[node.path] = [(list(shape), dtype) for shape, dtype in outputs]
    return found


def without(facts: Facts, layers: Collection[str]) -> Facts:
    """Return the facts of a network in which these layers are stubs."""
    if not layers:
        return facts
    calls = list(facts.calls)
    ops: dict[Node, Any] = {}
    for node in facts.graph.nodes:
        if node.layer in layers:
            call = facts.call(node)
            stub = Custom(output_shape=list(call.output[1:]), params=0, macs=0, flops=0, kept_elements=0)
            ops[node] = stub
            calls[node.position] = Call(stub, call.inputs, call.outputs)
    return Facts(_with_ops(facts.graph, ops), calls, facts.settings)


def _with_ops(graph: Graph, ops: dict[Node, Any]) -> Graph:
    """Return a copy of a graph in which some nodes apply another operator, each as a layer of its own."""
    nodes = {node: Node() for node in graph.everything}
    tensors = {tensor: Tensor() for tensor in graph.tensors}

    def copied(value: Any) -> Any:  # noqa: ANN401 - of any attribute
        if isinstance(value, Node):
            return nodes[value]
        if isinstance(value, Tensor):
            return tensors[value]
        return type(value)(map(copied, value)) if type(value) in (tuple, frozenset) else value

    for node, copy in nodes.items():
        for name in Node.__slots__:
            object.__setattr__(copy, name, copied(getattr(node, name)))
        if node in ops:
            object.__setattr__(copy, "op", ops[node])
            object.__setattr__(copy, "layer_op", ops[node])
            object.__setattr__(copy, "shares", None)
    for tensor, other in tensors.items():
        for name in Tensor.__slots__:
            object.__setattr__(other, name, copied(getattr(tensor, name)))
    parts = ("inputs", "nodes", "outputs", "tensors", "named")
    return graph.replace(**{name: copied(getattr(graph, name)) for name in parts})

"""What a decoder caches while it generates step by step: keys and values, latent vectors, states.

Which layers run at every step follows from where the outputs come from: going back from these, attention that is not
causal is passed by its queries alone. What is only reached by keys and values, such as an encoder, runs once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.shape import size, smallest
from archinspect.ops.attending import Attending
from archinspect.ops.recurrent import Recurrent

PRODUCTS = ("MatMul", "Einsum", "Dot")
"""Operators that attention is written out with: a product of two, a softmax, a product with what that makes."""

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from archinspect.analyses.facts import Facts
    from archinspect.graph.graph import Graph, Node, Tensor


class Decoding(NamedTuple):
    """The layers of a network that keep something from step to step, by what they keep."""

    causal: tuple[Node, ...] = ()
    """Attention to the steps before, whose keys and values are cached as they come."""
    cross: tuple[Node, ...] = ()
    """Attention to what does not change from step to step, whose keys and values are cached once."""
    latent: tuple[Node, ...] = ()
    """What a spec marks by `cache: true`: its output is cached, in the place of the keys and values made of it."""
    recurrent: tuple[Node, ...] = ()
    """Recurrent layers that go on from their last state."""


def decoding(graph: Graph) -> Decoding:
    """Return the layers that keep something while the network generates; none of a network that has no such step."""
    at_every_step = _at_every_step(graph)
    causal = [node for node in at_every_step if isinstance(node.op, Attending) and node.op.looks_back]
    recurrent = [node for node in at_every_step if isinstance(node.op, Recurrent) and node.op.goes_on]
    if not (causal or recurrent):
        return Decoding()
    latent = [node for node in at_every_step if node.cached]
    made_of_latent = _made_of(graph, latent)
    sources = _sources(graph)
    others = [node for node in at_every_step if isinstance(node.op, Attending) and not node.op.looks_back]
    return Decoding(
        tuple([node for node in causal if not made_of_latent.issuperset(_memory(node))]),
        tuple([node for node in others if _is_cross(node, sources)]),
        tuple(latent),
        tuple(recurrent),
    )


def _at_every_step(graph: Graph) -> list[Node]:
    """Return the nodes that run at every step, in execution order."""
    found: set[Node] = set()
    todo = [tensor.producer for tensor in graph.outputs]
    while todo:
        node = todo.pop()
        if node not in found:
            found.add(node)
            todo.extend(tensor.producer for tensor in _carried(node))
    return [node for node in graph.nodes if node in found]


def _carried(node: Node) -> tuple[Tensor, ...]:
    """Return what a node reads anew at every step."""
    if isinstance(node.op, Attending) and not node.op.looks_back:
        return node.inputs[:1]
    if node.op.kind == "recurrent":
        return node.inputs[:1] if isinstance(node.op, Recurrent) and node.op.goes_on else ()
    return node.inputs


def _memory(node: Node) -> tuple[Tensor, ...]:
    """Return the keys and values that a node attends to."""
    return node.inputs[1:] or node.inputs


def _made_of(graph: Graph, marked: Iterable[Node]) -> set[Tensor]:
    """Return the tensors that are made of those of marked nodes without attention in between."""
    found = {tensor for node in marked for tensor in node.outputs}
    for node in graph.nodes if found else ():
        if not isinstance(node.op, Attending) and not found.isdisjoint(node.inputs):
            found.update(node.outputs)
    return found


def _sources(graph: Graph) -> Mapping[Tensor, frozenset[Node]]:
    """Return the inputs of the network of which each tensor is made."""
    found: dict[Tensor, frozenset[Node]] = {}
    for node in graph.everything:
        own = (node,) if node.position < len(graph.inputs) else ()
        of = frozenset(own).union(*[found[tensor] for tensor in node.inputs])
        found.update(dict.fromkeys(node.outputs, of))
    return found


def _is_cross(node: Node, sources: Mapping[Tensor, frozenset[Node]]) -> bool:
    """Return whether queries depend on an input of the network on which keys and values do not."""
    return any(not sources[node.inputs[0]] <= sources[tensor] for tensor in _memory(node))


def kv_cache(facts: Facts, steps: int, dtype: str = "float") -> int:
    """Return the bytes that a decoder holds after so many steps, its keys and values in this type.

    Causal attention has 2 x heads of keys x size of a head for each step and sample, of at most `window` steps.
    Attention to an encoder has that of the encoder's steps, made once. A layer marked `cache: true` has its output of
    every step, and keys and values made of it are none. A recurrent layer has its state, in the network's own type.
    """
    found = facts.once(_decoding)
    elements = 0
    for node in (*found.causal, *found.cross):
        call, op = facts.call(node), node.op
        assert isinstance(op, Attending)
        held = smallest(steps, op.span or steps) if op.looks_back else op.memory_steps(*call.shapes)
        elements += op.cache(*call.shapes) * held * facts.batch
    for node in found.latent:
        shape = facts.call(node).output
        elements += size(shape[1:-2]) * shape[-1] * steps * facts.batch
    states = 0
    for node in found.recurrent:
        assert isinstance(node.op, Recurrent)
        states += sum(size(shape) for shape in node.op.states(facts.call(node).shapes[0]))
    return elements * facts.sizes[dtype] + states * facts.sizes["float"]


def _decoding(facts: Facts) -> Decoding:
    return decoding(facts.graph)


def written_out(facts: Facts) -> list[str]:
    """Return the layers in which attention is written by hand, whose keys and values are not found.

    That is a product of what a softmax makes of another product, with nothing but element by element work, and other
    views, in between.
    """
    from_product: set[Tensor] = set()
    from_softmax: set[Tensor] = set()
    layers = []
    for node in facts.graph.nodes:
        if type(node.op).__name__ in PRODUCTS:
            if not from_softmax.isdisjoint(node.inputs):
                layers.append(node.layer)
            from_product.update(node.outputs)
        elif type(node.op).__name__ == "Softmax":
            if not from_product.isdisjoint(node.inputs):
                from_softmax.update(node.outputs)
        elif node.op.pointwise or node.op.kind in ("merge", "reshape"):
            for found in (from_product, from_softmax):
                if not found.isdisjoint(node.inputs):
                    found.update(node.outputs)
    return layers

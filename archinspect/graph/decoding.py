"""How a decoder generates step by step: what runs at every step, and what it keeps from one to the next.

Which layers run at every step follows from where the outputs come from: going back from these, attention that is not
causal is passed by its queries alone. What is only reached by keys and values, such as an encoder, runs once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.graph.latent import latent_of
from archinspect.ops.attending import Attending
from archinspect.ops.conv import OverSteps
from archinspect.ops.fourier import FFT, RFFT
from archinspect.ops.tensor import Slice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from archinspect.graph.graph import Graph, Node, Tensor
    from archinspect.ops.base import Op

PRODUCTS = ("MatMul", "Einsum", "Dot")
"""Operators that attention is written out with: a product of two, a softmax, a product with what that makes."""


INPUTS = 3
"""Of attention: queries, keys, values."""


class Decoding(NamedTuple):
    """The layers of a network that keep something from step to step, by what they keep."""

    causal: tuple[Node, ...] = ()
    """Attention to the steps before, whose keys and values are cached as they come."""
    cross: tuple[Node, ...] = ()
    """Attention to what does not change from step to step, whose keys and values are cached once."""
    of_latent: tuple[Node, ...] = ()
    """Attention to the steps before, whose keys and values are made of what is latent."""
    latent: tuple[Node, ...] = ()
    """What is cached in the place of the keys and values made of it: marked by `cache: true`, or found."""
    states: tuple[Node, ...] = ()
    """What goes on from a state of one size: recurrence, convolutions over the steps before."""


def decoding(graph: Graph) -> Decoding:
    """Return the layers that keep something while the network generates; none of a network that has no such step."""
    at_every_step = _at_every_step(graph)
    causal = [node for node in at_every_step if isinstance(node.op, Attending) and node.op.looks_back]
    states = [node for node in at_every_step if node.op.goes_on or cut_behind(node)]
    if not (causal or states):
        return Decoding()
    found = {latent for node in causal if _is_apart(node) for latent in latent_of(node, graph.outputs)}
    latent = [node for node in at_every_step if node.cached or node in found]
    made_of_latent = _made_of(graph, latent)
    of_latent = [node for node in causal if made_of_latent.issuperset(_memory(node))]
    sources = _sources(graph)
    others = [node for node in at_every_step if isinstance(node.op, Attending) and not node.op.looks_back]
    return Decoding(
        tuple([node for node in causal if node not in of_latent]),
        tuple([node for node in others if _is_cross(node, sources)]),
        tuple(of_latent),
        tuple(latent),
        tuple(states),
    )


def _is_apart(node: Node) -> bool:
    """Return whether attention to all steps reads keys and values that are made outside."""
    op = node.op
    return isinstance(op, Attending) and op.apart() is op and op.span is None and len(node.inputs) == INPUTS


def _at_every_step(graph: Graph) -> list[Node]:
    """Return the nodes that run at every step, in execution order."""
    found = graph.behind(_carried)
    return [node for node in graph.nodes if node in found]


def _carried(node: Node) -> tuple[Tensor, ...]:
    """Return what a node reads anew at every step."""
    if isinstance(node.op, Attending) and not node.op.looks_back:
        return node.inputs[:1]
    if node.op.kind == "recurrent" and not node.op.goes_on:
        return ()
    return node.inputs[: node.op.anew]


def _memory(node: Node) -> tuple[Tensor, ...]:
    """Return the keys and values that a node attends to."""
    return node.inputs[1:] or node.inputs


def cut_behind(node: Node) -> list[Node]:
    """Return what cuts off the positions behind the last step that a convolution has, padded at both ends.

    What is left is a convolution over the steps before, as transformers' mixers have it.
    """
    op = node.op
    if not (isinstance(op, OverSteps) and op.before and op.padding == ((op.before, op.before),) and op.strides == (1,)):
        return []
    cuts = [reader for reader in node.output.readers if reader.op == _cut(op)]
    return cuts if len(cuts) == len(node.output.readers) else []


def _cut(op: OverSteps) -> Op:
    return Slice(stop=-op.before, axis=2 if op.data_format == "channels_first" else 1)


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


def unknown(graph: Graph) -> list[str]:
    """Return the layers of which is not known what they keep: attention by hand, and transforms of all steps."""
    transforms = [node.layer for node in graph.nodes if isinstance(node.op, FFT | RFFT)]
    return [*written_out(graph), *dict.fromkeys(transforms)]


def written_out(graph: Graph) -> list[str]:
    """Return the layers in which attention is written by hand, whose keys and values are not found.

    That is a product of what a softmax makes of another product, with nothing but element by element work, and other
    views, in between.
    """
    from_product: set[Tensor] = set()
    from_softmax: set[Tensor] = set()
    layers = []
    for node in graph.nodes:
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

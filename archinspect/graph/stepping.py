"""A step of a decoder that goes on after others: which operators see cached steps, and what ran before.

What ran before has no figures in a step but its weights: an encoder, keys and values made of it, an initial state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.settings import SettingError
from archinspect.graph.decoding import cut_behind, decoding, unknown
from archinspect.graph.graph import behind
from archinspect.graph.latent import moved, moves
from archinspect.ops.absorbed import AbsorbedAttention
from archinspect.ops.attending import Attending
from archinspect.ops.attention import AttentionLayer, roles_of
from archinspect.ops.conv import OverSteps
from archinspect.ops.dense import Dense
from archinspect.ops.identity import Identity

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from archinspect.graph.call import TensorType
    from archinspect.graph.decoding import Decoding
    from archinspect.graph.graph import Graph, Node, Tensor
    from archinspect.ops.base import Op

TAKES_APART = ("Slice", "Split")
"""Operators of which each output is a part of a latent vector's features."""


class Step(NamedTuple):
    """How a network runs in a step after cached ones."""

    instead: Mapping[Node, Op] = {}
    """The operators that see cached steps, by the nodes in whose place they stand."""
    before: frozenset[Node] = frozenset()
    """What ran once, before the steps."""


def steps_of_inputs(graph: Graph) -> dict[str, list[int]]:
    """Return the shapes of the inputs of a step, by their names, where other inputs are read once, before the steps.

    Empty where none is.
    """
    before = _before(graph, decoding(graph))
    new = [node for node in graph.inputs if node not in before]
    return {node.path: [1, *node.op.output()[2:]] for node in new} if before.intersection(graph.inputs) else {}


def after(graph: Graph, steps: int, types: Sequence[TensorType]) -> Step:
    """Return how the network goes on after so many steps; `types` are those of its tensors, by their position.

    Raise :class:`SettingError` for a network of which a step is not known.
    """
    found = decoding(graph)
    by_hand = unknown(graph)
    if by_hand:
        raise SettingError("cached", f"what '{by_hand[0]}' keeps of the steps before is not known")
    if not any(found):
        raise SettingError("cached", "the network has neither causal attention nor recurrence")
    before = _before(graph, found)
    _refuse_all_steps(graph, found, before)
    instead: dict[Node, Op] = {node: node.op.after(steps) for node in (*found.causal, *found.states)}
    for node in found.of_latent:
        instead[node] = _Latent(found, types).after(node, steps)
    for node in found.states:
        for cut in cut_behind(node):
            assert isinstance(node.op, OverSteps)
            instead[node] = node.op.replace(padding=((node.op.before, 0),))
            instead[cut] = Identity()
    return Step(instead, before)


def _before(graph: Graph, found: Decoding) -> frozenset[Node]:
    """Return the nodes that run once: on which outputs depend through keys, values and initial states alone."""
    cross = frozenset(found.cross)
    anew = graph.behind(lambda node: node.inputs[: 1 if node in cross else node.op.anew])
    before = set(graph.behind(lambda node: node.inputs) - anew)
    for node in graph.nodes:  # what nothing reads runs when what it reads does
        if node.inputs and node not in anew and before.issuperset([one.producer for one in node.inputs]):
            before.add(node)
    return frozenset(before)


def _refuse_all_steps(graph: Graph, found: Decoding, before: frozenset[Node]) -> None:
    """Raise :class:`SettingError` for what runs at every step, and needs the later ones, too."""
    known = {*found.causal, *found.cross, *found.of_latent, *before}
    for node in graph.nodes:
        if node in known:
            continue
        if isinstance(node.op, Attending) and not node.op.looks_back:
            raise SettingError("cached", f"'{node.layer}' attends to later steps: say `causal: true` where it does not")
        if node.op.kind == "recurrent" and not node.op.goes_on and node.op.anew is not None:
            raise SettingError("cached", f"'{node.layer}' needs all steps: it runs both ways, or gives the last alone")


class _Latent:
    """Keys and values that are made of latent vectors, which are cached in their place.

    The products that make them are linear, so that programs multiply queries, and what is attended to, by their kernels
    instead: every head attends to the vectors themselves (DeepSeek-AI 2024, arXiv:2405.04434, 2.1.2).
    """

    def __init__(self, found: Decoding, types: Sequence[TensorType]) -> None:
        self.cached = found.latent
        self.types = types

    def after(self, node: Node, steps: int) -> Op:
        """Return what takes the place of attention to what is made of latent vectors."""
        op = node.op
        assert isinstance(op, AttentionLayer)
        _, *memory = roles_of(node.inputs)
        made = [self._made_of(tensor, node) for tensor in memory]
        cached = [one for one in behind(memory, self._uncached) if one in self.cached]
        if not any(by_products for _, by_products in made):
            return op.after(steps)
        key, value = (sum(map(self._width, parts)) for parts, _ in made)
        return AbsorbedAttention.of(op.after(steps), key, value, sum(self._width(one.output) for one in cached))

    def _uncached(self, node: Node) -> Sequence[Tensor]:
        return () if node in self.cached else node.inputs

    def _width(self, tensor: Tensor) -> int:
        return self.types[tensor.position].shape[-1]

    def _made_of(self, tensor: Tensor, reader: Node) -> tuple[Collection[Tensor], bool]:
        """Return the latent tensors of which a key or value is made, and whether products make it.

        What is turned by its position after a product cannot be made of queries by the same product.
        """
        found: dict[Tensor, None] = {}
        by_products = False
        todo, seen = [(tensor, False)], {(tensor, False)}
        while todo:
            made, turned = todo.pop()
            node = made.producer
            name = type(node.op).__name__
            if node in self.cached or (name in TAKES_APART and node.inputs[0].producer in self.cached):
                found[made] = None
            elif isinstance(node.op, Dense) and not turned:
                by_products = True
                found[node.inputs[0]] = None
            elif moves(node):
                nearer = [(one, turned or name == "RotaryEmbedding") for one in moved(node)]
                todo += [one for one in nearer if one not in seen]
                seen.update(nearer)
            else:
                what = f"'{node.layer}' stands between what is cached and '{reader.layer}'"
                raise SettingError("cached", f"{what}: keys and values would be made anew of all steps")
        return found, by_products

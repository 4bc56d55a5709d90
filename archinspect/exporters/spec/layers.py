"""The layers of a network as steps that a spec can have."""

from __future__ import annotations

from contextlib import suppress
from math import prod
from typing import TYPE_CHECKING, Any

from archinspect.exporters.refusal import CannotExportError
from archinspect.exporters.spec.cuts import cut, looked_up, moved, passed_on, reshaped
from archinspect.exporters.spec.leaf import Leaf
from archinspect.exporters.spec.meant import Meant, figures
from archinspect.exporters.spec.recurrence import recurrence
from archinspect.exporters.spec.spelling import Unspelled, as_written, behind_the_batch, in_single, spelled
from archinspect.exporters.spec.stated import further, is_held, state
from archinspect.ops.base import Op
from archinspect.ops.declared import ArgumentError
from archinspect.ops.identity import Identity
from archinspect.ops.layout import SwapAxes
from archinspect.ops.merge import Concatenate
from archinspect.ops.reshape import Permute
from archinspect.ops.wrap import TimeDistributed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.analyses.facts import Facts
    from archinspect.graph.graph import Node, Tensor

MOST_INPUTS = 16
"""So many inputs are tried for an operator that stands for several."""


class Layers:
    """All layers of a network, in the order in which they run, and what of it a spec leaves out."""

    def __init__(self, facts: Facts, *, is_plain: bool = False) -> None:
        """With `is_plain` no layer becomes an operator that it is not, though its figures would be the same."""
        self.facts = facts
        self.left_out: dict[str, int] = {}
        """How many numbers of each layer are left out: those of buffers that nothing reads, such as a counter."""
        self.parts: dict[str, list[str]] = {}
        """The paths of the steps that each layer is."""
        self.unsaid: set[str] = set()
        """The layers whose arithmetic no step can say."""
        self.meant = Meant(facts, is_plain=is_plain)
        self.leaves = list(self._leaves())

    def _leaves(self) -> Iterator[Leaf]:
        groups: dict[str, list[Node]] = {}
        for node in self.facts.graph.nodes:
            groups.setdefault(node.layer, []).append(node)
        for layer, nodes in groups.items():
            left = [node for node in nodes if len(nodes) == 1 or not self._is_counter(node)]
            if len(left) < len(nodes):
                self.left_out[layer] = len(nodes) - len(left)
            if left and not self._makes_nothing(left):
                leaves = self._of(left)
                if any(leaf.unsaid for leaf in leaves):
                    self.unsaid.add(layer)
                self.parts[layer] = [leaf.path for leaf in leaves]
                yield from sorted(leaves, key=lambda leaf: (leaf.position, leaf.rank))

    def _of(self, nodes: Sequence[Node]) -> list[Leaf]:
        """Return the steps that a layer is, the one first that gives its output: several only where one cannot be."""
        leaf = Leaf(nodes)
        held = [node for node in nodes if not node.inputs and not node.op.batched]
        others = [node for node in nodes if node not in held]
        is_shared = bool(held and others) and self._is_shared(held, nodes)
        if not is_shared and self._is_ours(leaf):
            return [*leaf.before, leaf]
        found = self._apart(held, others) if is_shared else self._without_tables(nodes)
        return found or self._with_parts(leaf)

    def _apart(self, held: Sequence[Node], others: Sequence[Node]) -> list[Leaf]:
        """Return the steps of a layer and of the tensors that it holds."""
        rest = Leaf(others)
        return [*self._with_parts(rest), *(part for leaf in _besides(rest, held) for part in self._with_parts(leaf))]

    def _without_tables(self, nodes: Sequence[Node]) -> list[Leaf] | None:
        """Return the steps of an operator of ours and of what its layer makes for it of tensors that it holds.

        None where there are none, or where it is no operator of ours.
        """
        *tables, last = nodes
        if not tables or any(node.inputs[:1] and node.inputs[0].producer not in tables for node in tables):
            return None
        if not any(is_held(self.facts, node) for node in tables):
            return None
        rest = Leaf([last])
        with suppress(CannotExportError):
            parts = [part for leaf in _besides(rest, tables) for part in self._with_parts(leaf)]
            return [rest, *parts] if self._is_ours(rest) else None
        return None

    def _is_shared(self, held: Sequence[Node], nodes: Sequence[Node]) -> bool:
        """Return whether others read tensors that a layer holds, or it makes what it gives of these alone."""
        reads_more = any(tensor.producer not in nodes for node in nodes for tensor in node.inputs)
        return not reads_more or any(reader not in nodes for node in held for reader in node.output.readers)

    def _with_parts(self, leaf: Leaf) -> list[Leaf]:
        """Return a layer's step, and those for what it cannot say."""
        if not self._is_ours(leaf):
            self._state(leaf)
        return [leaf, *leaf.before, *further(self.meant, leaf)]

    def _is_counter(self, node: Node) -> bool:
        """Return whether a node is a number that the network keeps and that nothing reads."""
        if node.output.readers or node.output in self.facts.graph.outputs or not is_held(self.facts, node):
            return False
        weights = self.facts.call(node).weights.values()
        return all(not weight.parameter and prod(weight.shape) == 1 for weight in weights)

    def _is_ours(self, leaf: Leaf) -> bool:
        """Return whether a layer is an operator of ours; it is then that one."""
        leaf.weighted = any(self.facts.call(node).learns for node in leaf.nodes)
        op = _each_step(_with_activation(leaf.nodes), leaf.nodes)
        try:
            args = spelled(op, self.facts.graph.layout)
            found = _as_built(op, leaf.nodes)
        except Unspelled:
            return self._is_like(leaf)
        if found is None:
            return False
        leaf.inputs, leaf.outputs = found
        if any(map(self._is_empty, (*leaf.inputs, *leaf.outputs))):
            return self._joins_others(leaf, op)
        if self.meant.keeps(leaf, op):
            leaf.op, leaf.args = type(op).__name__, self._shorter(leaf, op, args)
            return True
        return self._is_shifted(leaf, op)

    def _is_like(self, leaf: Leaf) -> bool:
        """Return whether a program's operator is one of ours that counts its axes otherwise; it is then that one."""
        if recurrent := recurrence(self.meant, leaf):
            leaf.op, leaf.args = type(recurrent).__name__, spelled(recurrent, self.facts.graph.layout)
            return True
        (node, *others) = leaf.nodes
        like = vars(node.op).get("like") if hasattr(node.op, "__dict__") else None
        if others or like is None or "likes" not in vars(node.op) or isinstance(like, Permute | SwapAxes):
            return False
        if len(node.inputs) != len(vars(node.op)["likes"]) or any(map(self._is_empty, node.inputs)):
            return False
        leaf.inputs, leaf.outputs = node.inputs, node.outputs
        if any(name.startswith("axis") for name in like.args):
            return self._is_shifted(leaf, like)
        if not self.meant.makes(leaf, like):
            return False
        leaf.op, leaf.args = type(like).__name__, spelled(like, self.facts.graph.layout)
        return True

    def _is_shifted(self, leaf: Leaf, op: Op) -> bool:
        """Return whether a layer is an operator of ours behind the axis of a batch that its tensors lack."""
        places = {self.meant.batch_at(tensor) for tensor in leaf.inputs}
        if len(places) > 1 or places <= {0}:
            return False
        for other in behind_the_batch(op, *places):
            if self.meant.makes(leaf, other):
                args = spelled(other, self.facts.graph.layout)
                leaf.op, leaf.args = type(op).__name__, self._shorter(leaf, other, args)
                return True
        return False

    def _is_empty(self, tensor: Tensor) -> bool:
        return 0 in self.facts.shape(tensor)

    def _makes_nothing(self, nodes: Sequence[Node]) -> bool:
        """Return whether a layer does no more than make tensors without elements."""
        made = [tensor for node in nodes for tensor in node.outputs]
        return all(map(self._is_empty, made)) and not any(figures(self.facts, nodes))

    def _joins_others(self, leaf: Leaf, op: Op) -> bool:
        """Return whether a layer joins tensors some of which have no elements: it is what joins the others."""
        left = tuple(tensor for tensor in leaf.inputs if not self._is_empty(tensor))
        if type(op) is not Concatenate or not left:
            return False
        leaf.inputs, found = left, op if len(left) > 1 else Identity()
        if not self.meant.makes(leaf, found):
            return False
        leaf.op, leaf.args = type(found).__name__, self._shorter(leaf, found, spelled(found, self.facts.graph.layout))
        return True

    def _state(self, leaf: Leaf) -> None:
        """Say of a layer what it makes, or by its figures what it is."""
        outputs = {*self.facts.graph.outputs}
        read = [t for node in leaf.nodes for t in node.outputs if t.readers or t in outputs]
        if any(map(self._is_empty, read)):
            raise CannotExportError(leaf.path, "a tensor of it has no elements")
        for way in (cut, moved, reshaped, passed_on, looked_up):
            with suppress(ArgumentError):
                op = way(self.meant, leaf)
                if op is not None:
                    leaf.op, leaf.args = type(op).__name__, spelled(op, self.facts.graph.layout)
                    return
        state(self.meant, leaf)

    def _shorter(self, leaf: Leaf, op: Op, args: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of an operator as a person gives them."""
        layout = self.facts.graph.layout
        # An axis is one of the input, or where the output has more, of that.
        shapes = [self.meant.type(tensor).shape for tensor in (*leaf.inputs[:1], *leaf.outputs[:1])]
        other = as_written(op, max(shapes, key=len), layout) if leaf.inputs else op
        if self.facts.graph.held is None and leaf.nodes[-1].arguments is None:  # else the numbers are an author's
            other = in_single(other)
        return args if other is op else spelled(other, layout)


def _besides(rest: Leaf, nodes: Sequence[Node]) -> list[Leaf]:
    """Return steps beside a layer for nodes of it."""
    leaves = [Leaf([node], node.path) for node in nodes]
    for leaf in leaves:
        leaf.place = beside(rest.path, leaf.path)
    return leaves


def beside(layer: str, path: str) -> str:
    """Return a place beside a layer, for what is called by a path below it; a tensor's name says its scope no more."""
    above = layer.split(".")[:-1]
    said = set("_".join(above).split("_"))
    words = path.removeprefix(layer).strip(".").split("_")
    first = next((at for at, word in enumerate(words) if word not in said), 0)
    while first and words[first].isdigit():
        first -= 1  # the number of the word before it
    return ".".join([*above, "_".join(words[first:])])


def _with_activation(nodes: Sequence[Node]) -> Op:
    """Return a layer's operator, with the activation that a file has in the same layer."""
    op = nodes[-1].layer_op
    if len(nodes) != 2 or nodes[0].op is not op or "activation" not in op.args or op.activation is not None:  # noqa: PLR2004 - and its activation
        return op
    return op.replace(activation=nodes[1].op) if nodes[1].op.kind == "activation" else op


def _each_step(op: Op, nodes: Sequence[Node]) -> Op:
    """Return a layer's operator within the wrappers that its nodes have, which its row does not name."""
    inner = nodes[-1].op
    while isinstance(inner, TimeDistributed) and not isinstance(nodes[-1].layer_op, TimeDistributed):
        op, inner = TimeDistributed(layer=op), inner.layer
    return op


def _as_built(op: Op, nodes: Sequence[Node]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]] | None:
    """Return the inputs of which an operator's layer makes these nodes, and its outputs; None where it makes others."""
    if len(nodes) == 1 and nodes[0].op is op and op.activation is None and type(op).build is Op.build:
        return nodes[0].inputs, nodes[0].outputs
    low, high = op.inputs
    first = len(nodes[0].inputs)
    counts = [first, *(n for n in range(low, MOST_INPUTS) if n != first)]
    for count in counts:
        if low <= count and (high is None or count <= high):
            found = _bound(op, nodes, count)
            if found is not None:
                return found
    return None


class _Unlike(Exception):  # noqa: N818 - ends a comparison
    """The layer would make another node."""


def _bound(op: Op, nodes: Sequence[Node], count: int) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]] | None:
    """Lay what an operator's layer makes of so many inputs beside nodes, one after another."""
    inputs: list[Any] = [None] * count
    rest = iter(nodes)

    def emit(part: Op, read: Sequence[Any]) -> tuple[Any, ...]:
        node = next(rest, None)
        if node is not None and node.op.activation is None and part.activation is not None:
            part = part.replace(activation=None)  # a file has it as a node of the layer
        if node is None or node.op != part or len(node.inputs) != len(read):
            raise _Unlike
        for place, tensor in zip(read, node.inputs, strict=True):
            if isinstance(place, int):
                if inputs[place] not in (None, tensor):
                    raise _Unlike
                inputs[place] = tensor
            elif place is not tensor:
                raise _Unlike
        return node.outputs

    try:
        outputs = op.build(emit, range(count))
    except _Unlike:
        return None
    if next(rest, None) is not None or None in inputs or any(isinstance(one, int) for one in outputs):
        return None
    return tuple(inputs), tuple(outputs)

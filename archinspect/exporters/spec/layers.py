"""The layers of a network as steps that a spec can have: operators, or `Custom` with the figures that are stated."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from archinspect import ops
from archinspect.ops.base import Op
from archinspect.exporters.refusal import CannotExportError
from archinspect.exporters.spec.spelling import Unspelled, spelled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.analyses.facts import Facts
    from archinspect.graph.graph import Node, Tensor

MOST_INPUTS = 16
"""So many inputs are tried for an operator that stands for several."""


class Leaf:
    """A layer: what a step of the spec says of it, and what it reads and makes."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.path = nodes[0].layer
        self.nodes = nodes
        self.op = ""
        self.args: dict[str, Any] = {}
        self.weighted = False
        """Whether training could change a weight of it."""
        self.inputs: tuple[Tensor, ...] = ()
        self.outputs: tuple[Tensor, ...] = ()

    @property
    def position(self) -> int:
        """Its place in the order in which the network runs."""
        return self.nodes[0].position

    @property
    def frozen(self) -> bool:
        """Whether it has nodes that training could change, and changes none of them."""
        learning = [node for node in self.nodes if node.op.trains]
        return bool(learning) and not any(node.trainable for node in learning)

    @property
    def shares(self) -> Node | None:
        """A node whose weights it uses."""
        return next((node.shares for node in self.nodes if node.shares is not None), None)

    @property
    def cached(self) -> bool:
        """Whether a decoder caches what it makes."""
        return any(node.cached for node in self.nodes)


class Layers:
    """All layers of a network, in the order in which they run, and what of it a spec leaves out."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.left_out: list[Node] = []
        """Tensors of a program that nothing computes with, such as a counter of batches."""
        self.stated: list[Leaf] = []
        """Layers that are `Custom`."""
        self.leaves = list(self._leaves())

    def _leaves(self) -> Iterator[Leaf]:
        groups: dict[str, list[Node]] = {}
        for node in self.facts.graph.nodes:
            groups.setdefault(node.layer, []).append(node)
        for nodes in groups.values():
            leaf = self._leaf(nodes)
            if leaf is not None:
                yield leaf

    def _leaf(self, nodes: list[Node]) -> Leaf | None:
        """Return a layer; None for one that is left out."""
        leaf = Leaf(nodes)
        outputs = set(self.facts.graph.outputs)
        unread = [node for node in nodes if _is_held(self.facts, node) and not node.output.readers and node.output not in outputs]
        counters = [node for node in unread if _is_number(self.facts.call(node).output)]
        self.left_out += counters
        nodes = [node for node in nodes if node not in counters]
        if not nodes:
            return None
        leaf.nodes = nodes
        leaf.weighted = any(self.facts.call(node).learns for node in nodes)
        main = nodes[-1].layer_op
        try:
            leaf.args = spelled(main, self.facts.graph.layout)
        except Unspelled:
            leaf.inputs, leaf.outputs = _outside(nodes), nodes[-1].outputs
            self._state(leaf)
            return leaf
        found = _as_built(main, nodes)
        if found is None:
            leaf.inputs, leaf.outputs = _outside(nodes), nodes[-1].outputs
            self._state(leaf)
            return leaf
        leaf.op = type(main).__name__
        leaf.inputs, leaf.outputs = found
        return leaf

    def _state(self, leaf: Leaf) -> None:
        """Make a layer `Custom`, with its figures; raise where these cannot be stated."""
        nodes, facts = leaf.nodes, self.facts
        if len(nodes) == 1 and _is_held(facts, nodes[0]):
            self._hold(leaf)
            return
        self.stated.append(leaf)
        if len([tensor for tensor in leaf.outputs if tensor.readers or tensor in facts.graph.outputs]) > 1:
            raise CannotExportError(leaf.path, f"it is {_kind(nodes)}, which has several outputs; `Custom` has one")
        leaf.op = "Custom"
        output = facts.shape(leaf.outputs[0])
        if not leaf.inputs:
            self._make(leaf)
            return
        batch = output[0] if output else 0
        if not output or not leaf.outputs[0].batched or not leaf.inputs[0].batched:
            raise CannotExportError(leaf.path, f"it is {_kind(nodes)}, and the first axis of {list(output)} is no batch")
        params = buffers = macs = other = 0
        for node in nodes:
            call = facts.call(node)
            work = call.work
            macs, other = macs + work.macs, other + work.other
            own = facts.own_weights(node).values()
            params += sum(prod(weight.shape) for weight in own if weight.parameter)
            buffers += sum(prod(weight.shape) for weight in own if not weight.parameter)
        if buffers:
            raise CannotExportError(leaf.path, f"it is {_kind(nodes)} with buffers, which `Custom` cannot state")
        if macs % batch or other % batch:
            raise CannotExportError(leaf.path, f"it is {_kind(nodes)}, whose figures are not so many a sample")
        missing = {figure for node in nodes for figure in node.op.unknown()}
        leaf.args = {"output_shape": list(output[1:])}
        if facts.shape(leaf.inputs[0])[1:] == output[1:]:
            leaf.args = {}
        leaf.args |= {} if "params" in missing else {"params": params}
        if "macs" not in missing and (macs or "flops" in missing):
            leaf.args["macs"] = macs // batch
        if "flops" not in missing and (other or not macs):
            leaf.args["flops"] = (2 * macs + other) // batch

    def _hold(self, leaf: Leaf) -> None:
        """Make a tensor of the network's own."""
        node = leaf.nodes[0]
        shape, dtype = self.facts.types[node.output.position]
        weights = self.facts.call(node).weights
        learned = any(weight.parameter for weight in weights.values())
        leaf.op = "Parameter" if learned else "Constant" if weights else "Fill"
        leaf.args = {"shape": list(shape[1:] if shape[:1] == (1,) else shape)}
        if dtype != "float":
            if learned:
                raise CannotExportError(leaf.path, f"it is a parameter of the type {dtype}")
            leaf.args["dtype"] = dtype

    def _make(self, leaf: Leaf) -> None:
        """Make a tensor that every pass makes anew, of nothing."""
        shape, dtype = self.facts.types[leaf.outputs[0].position]
        call = self.facts.call(leaf.nodes[-1])
        if len(leaf.nodes) > 1 or call.weights or any(call.work):
            raise CannotExportError(leaf.path, f"it is {_kind(leaf.nodes)}, and reads nothing of the network")
        leaf.op = "Fill"
        leaf.args = {"shape": list(shape[1:] if shape[:1] == (1,) else shape)}
        leaf.args |= {"dtype": dtype} if dtype != "float" else {}


def merges(op: str) -> bool:
    """Return whether an operator takes paths."""
    kind = ops.find_operator(op)
    return kind is not None and kind.inputs[1] != 1 and kind.inputs != (0, 0)


def main_of(op: str) -> str:
    """Return the argument that a bare value of an operator means; empty where there is none."""
    kind = ops.find_operator(op)
    return (kind.main_arg(op) if kind else None) or ""


def reads_nothing(op: str) -> bool:
    """Return whether an operator has no inputs."""
    kind = ops.find_operator(op)
    return kind is not None and kind.inputs == (0, 0)


def _kind(nodes: Sequence[Node]) -> str:
    return f"`{type(nodes[-1].op).__name__}`"


def _is_held(facts: Facts, node: Node) -> bool:
    """Return whether a node is a tensor of the network's own, which lies in no storage but its weight's."""
    return not node.inputs and not node.op.batched and facts.call(node).stored[0] == 0


def _is_number(shape: tuple[int, ...]) -> bool:
    return prod(shape) == 1


def _outside(nodes: Sequence[Node]) -> tuple[Tensor, ...]:
    """Return what nodes read that none of them makes."""
    own = set(nodes)
    return tuple(dict.fromkeys(t for node in nodes for t in node.inputs if t.producer not in own))


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

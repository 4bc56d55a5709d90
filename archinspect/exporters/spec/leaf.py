"""A layer as a step of a spec will be, and what its operator can be given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect import ops
from archinspect.graph.graph import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.graph.graph import Node


class Leaf:
    """A layer: what a step of the spec says of it, and what it reads and makes."""

    rank = 0
    """Of steps that run where the layer does, those with less first."""

    def __init__(self, nodes: Sequence[Node], path: str = "") -> None:
        self.path = path or nodes[0].layer
        self.place = self.path
        """Where it stands: the names of the composites around it, and its own."""
        self.nodes = nodes
        self.op = ""
        self.args: dict[str, Any] = {}
        self.weighted = False
        """Whether training could change a weight of it."""
        self.inputs: tuple[Tensor, ...] = ()
        self.outputs: tuple[Tensor, ...] = ()
        self.unsaid = False
        """Whether no step can say its arithmetic, which grows with the batch in another way, or is known in part."""
        self.before: list[Leaf] = []
        """Steps that it needs besides, which run before it."""

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
    def cached(self) -> bool | None:
        """Whether a decoder caches what it makes, where that is said."""
        return next((node.cached for node in self.nodes if node.cached is not None), None)


class Further(Leaf):
    """A step that stands for a part of a layer: one more output, what is done once for all samples."""

    rank = -1
    frozen = False
    shares = None
    cached = None


class Besides(Tensor):
    """A tensor that the steps of a layer have between them, and the network does not."""

    __slots__ = ()

    def __init__(self, node: Node) -> None:
        values = {"producer": node, "index": 0, "position": -1, "readers": (node,), "batched": False}
        for name, value in values.items():
            object.__setattr__(self, name, value)


def is_held(tensor: Tensor) -> bool:
    """Return whether a tensor is the network's own, the same for all samples and made of nothing."""
    return not tensor.batched and not tensor.producer.inputs


def merges(op: str) -> bool:
    """Return whether an operator takes paths."""
    kind = ops.find_operator(op)
    return kind is not None and kind.inputs[1] != 1 and kind.inputs != (0, 0)


def joins(op: str) -> bool:
    """Return whether an operator is one that people write with paths: one of ours that joins what it reads."""
    return merges(op) and op != "Custom"


def main_of(op: str) -> str:
    """Return the argument that a bare value of an operator means; empty where there is none."""
    kind = ops.find_operator(op)
    return (kind.main_arg(op) if kind else None) or ""


def reads_nothing(op: str) -> bool:
    """Return whether an operator has no inputs."""
    kind = ops.find_operator(op)
    return kind is not None and kind.inputs == (0, 0)

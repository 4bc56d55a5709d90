"""A network as a graph: nodes that apply operators to tensors. Every front end ends here."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.base.shape import Shape
    from archinspect.base.source import Map, Span, Tree
    from archinspect.ops.base import Op

MAX_NODES = 250_000


@contextmanager
def collection_paused() -> Iterator[None]:
    """Keep Python's garbage collector off: a graph drops nothing, and looking over and over is slower than linear."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class Tensor:
    """What a node produces. The shape (batch first) is None until it is inferred, and where that failed."""

    __slots__ = ("dtype", "producer", "shape")

    def __init__(self, producer: Node) -> None:
        self.producer = producer
        self.shape: Shape | None = None
        self.dtype = "float"


class Node:
    """One application of an operator.

    Several nodes may belong to one layer, such as a convolution and its `activation:`; `layer` is
    the layer's path and names its row, `path` is the node's own.
    """

    __slots__ = (
        "args",
        "callers",
        "inputs",
        "layer",
        "layer_op",
        "number",
        "op",
        "output",
        "path",
        "shares",
        "span",
        "trainable",
    )

    def __init__(self, op: Op, inputs: Sequence[Tensor], path: str, layer: str, span: Span) -> None:
        self.op = op
        self.inputs = list(inputs)
        self.output = Tensor(self)
        self.path = path
        self.layer = layer
        self.layer_op = op
        """The operator that the layer's row is called after."""
        self.span = span
        self.args: Map | None = None
        """The arguments as the spec gives them, for messages that point at one."""
        self.callers: tuple[Span, ...] = ()
        """The steps that expanded to this one, innermost first."""
        self.trainable = True
        self.number = -1
        """Its place in execution order, once sorted; inputs of the network have negative ones, the last -1."""
        self.shares: Node | None = None
        """The node whose weights this one uses."""


class Graph:
    """A network: its nodes in execution order, its inputs and outputs, and what its author says of it."""

    def __init__(self, name: str, span: Span) -> None:
        self.name = name
        self.span = span
        """The head of the file, for messages about the network as a whole."""
        self.source = ""
        self.description = ""
        self.layout = "channels_last"
        self.metrics: dict[str, Any] = {}
        self.params: dict[str, Any] = {}
        self.inputs: list[Node] = []
        self.nodes: list[Node] = []
        """All nodes but the inputs; after :meth:`sort`, each stands behind what it reads."""
        self.outputs: list[Tensor] = []
        self.groups: dict[str, str] = {}
        """Path of every composite and what it is: a block's name, `group`."""
        self.modules: set[str] = set()
        """Paths of the composites whose callers hold their inputs until they end, even with a single kernel."""
        self.named: set[Node] = set()
        """The nodes whose output another step reads by name."""
        self.expect: Tree | None = None
        self.values: Tree | None = None
        """Numbers for the inputs and the layers' weights, to work sums out with."""

    def sort(self) -> list[Node]:
        """Put the nodes into execution order, as near to the spec's as can be; return one cycle if there is any."""
        self._number()
        if all(tensor.producer.number < i for i, node in enumerate(self.nodes) for tensor in node.inputs):
            return []
        from heapq import heapify, heappop, heappush  # only specs with forward references sort

        waits = {node: sum(t.producer.number >= 0 for t in node.inputs) for node in self.nodes}
        readers: dict[Node, list[Node]] = {node: [] for node in self.nodes}
        for node in self.nodes:
            for tensor in node.inputs:
                if tensor.producer.number >= 0:
                    readers[tensor.producer].append(node)
        ready = [node.number for node, count in waits.items() if count == 0]
        heapify(ready)
        order = []
        while ready:
            node = self.nodes[heappop(ready)]
            order.append(node)
            for reader in readers[node]:
                waits[reader] -= 1
                if waits[reader] == 0:
                    heappush(ready, reader.number)
        if len(order) < len(self.nodes):
            return _cycle([node for node in self.nodes if waits[node] > 0])
        self.nodes = order
        self._number()
        return []

    def _number(self) -> None:
        for i, node in enumerate(self.nodes):
            node.number = i
        for i, node in enumerate(self.inputs, -len(self.inputs)):
            node.number = i

    def unused(self) -> list[Node]:
        """Return the nodes on which no output depends."""
        used: set[Node] = set()
        todo = [tensor.producer for tensor in self.outputs]
        while todo:
            node = todo.pop()
            if node not in used:
                used.add(node)
                todo.extend(tensor.producer for tensor in node.inputs)
        return [node for node in self.nodes if node not in used]


def _cycle(stuck: list[Node]) -> list[Node]:
    """Return one cycle among nodes that all wait for one another or for those that do."""
    among = set(stuck)
    path: list[Node] = []
    place: dict[Node, int] = {}
    node = stuck[0]
    while node not in place:
        place[node] = len(path)
        path.append(node)
        node = next(tensor.producer for tensor in node.inputs if tensor.producer in among)
    return path[place[node] :][::-1]


def composites(path: str) -> list[str]:
    """Return the paths above a layer's, the outermost first."""
    if "." not in path:
        return []
    names = path.split(".")
    return [".".join(names[:i]) for i in range(1, len(names))]


def shape_of(tensor: Tensor) -> Shape:
    """Return the shape of a tensor, which the caller has made sure is known."""
    assert tensor.shape is not None  # as the caller has made sure
    return tensor.shape


def shapes_of(node: Node) -> tuple[Shape, ...]:
    """Return the shapes of a node's inputs, known as for :func:`shape_of`."""
    return tuple([shape_of(tensor) for tensor in node.inputs])


def is_float(tensor: Tensor) -> bool:
    """Return whether a tensor has a gradient."""
    return "float" in tensor.dtype

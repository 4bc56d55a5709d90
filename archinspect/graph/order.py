"""An order in which nodes can run."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archinspect.graph.graph import Node, Tensor


class CycleError(Exception):
    """Nodes that wait for one another: `nodes`, each of which reads the one before."""

    def __init__(self, nodes: list[Node]) -> None:
        super().__init__(" -> ".join([*(node.path for node in nodes), nodes[0].path]))
        self.nodes = nodes


def in_order(nodes: list[Node]) -> list[Node]:
    """Return nodes in an order of execution, as near to theirs as can be; those of a layer stay together.

    Raise :class:`CycleError`.
    """
    if all(tensor.producer.position < node.position for node in nodes for tensor in node.inputs):
        return nodes
    from heapq import heapify, heappop, heappush  # only specs with forward references sort

    layers = [list(group) for _, group in groupby(nodes, key=attrgetter("layer"))]
    place = {node: i for i, layer in enumerate(layers) for node in layer}
    reads = [
        [place[t.producer] for node in layer for t in node.inputs if t.producer in place and not _precedes(t, node)]
        for layer in layers
    ]
    waits = list(map(len, reads))
    readers: list[list[int]] = [[] for _ in layers]
    for i, others in enumerate(reads):
        for other in others:
            readers[other].append(i)
    ready = [i for i, count in enumerate(waits) if count == 0]
    heapify(ready)
    order = []
    while ready:
        i = heappop(ready)
        order += layers[i]
        for reader in readers[i]:
            waits[reader] -= 1
            if waits[reader] == 0:
                heappush(ready, reader)
    if len(order) < len(nodes):
        stuck = [layer for layer, count in zip(layers, waits, strict=True) if count > 0]
        raise CycleError(_cycle([node for layer in stuck for node in layer]))
    return order


def _precedes(tensor: Tensor, node: Node) -> bool:
    """Return whether an earlier node of the same layer gives a tensor."""
    producer = tensor.producer
    return producer.layer == node.layer and producer.position < node.position


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

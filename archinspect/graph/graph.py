"""A network as a graph: nodes that apply operators to tensors.

Only :class:`archinspect.graph.builder.GraphBuilder` makes one; from then on nothing of it changes. What the operators'
rules say of it, shapes among that, stands beside it, in :mod:`archinspect.analyses.facts`.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from archinspect.base.source import Map, Span, Tree
    from archinspect.graph.stored import Stored
    from archinspect.ops.base import Op

SHOWN_NODES = 200
"""Nodes that a graph's text shows."""


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


class Frozen:
    """What is set by the builder alone."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen: a GraphBuilder makes another")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} is not pickled: pickle a network's reports")


class Tensor(Frozen):
    """One output of a node, and who reads it."""

    __slots__ = ("batched", "index", "position", "producer", "readers")

    producer: Node
    index: int
    """Which of the producer's outputs it is."""
    position: int
    """Its place among :attr:`Graph.tensors`."""
    readers: tuple[Node, ...]
    """The nodes that compute with it, in execution order, each as often as it does."""
    batched: bool
    """Whether it differs from sample to sample; of others the first axis is 1, whatever the batch."""

    @property
    def name(self) -> str:
        """The producer's path, and which output it is if there are several."""
        several = len(self.producer.outputs) > 1
        return f"{self.producer.path}.{self.index}" if several else self.producer.path

    def __repr__(self) -> str:
        return f"Tensor({self.name})"


class Node(Frozen):
    """One application of an operator.

    Several nodes may belong to one layer, such as a convolution and its `activation:`; `layer` is
    the layer's path and names its row, `path` is the node's own.
    """

    __slots__ = (
        "arguments",
        "cached",
        "callers",
        "inputs",
        "layer",
        "layer_op",
        "op",
        "origin",
        "outputs",
        "path",
        "position",
        "shares",
        "trainable",
    )

    op: Op
    inputs: tuple[Tensor, ...]
    """What it reads, in order: a tensor that is read twice stands here twice."""
    outputs: tuple[Tensor, ...]
    path: str
    layer: str
    layer_op: Op
    """The operator that the layer's row is called after."""
    origin: Span
    """Where it comes from."""
    arguments: Map | None
    """The arguments as a text gives them, for messages that point at one; None for a layer that no text of ours has."""
    callers: tuple[Span, ...]
    """The steps that expanded to this one, innermost first."""
    trainable: bool
    cached: bool | None
    """Whether a decoder caches its first output, in the place of keys and values that are made of it; None unsaid."""
    position: int
    """Its place in execution order, the network's inputs first."""
    shares: Node | None
    """The node whose weights this one uses."""

    @property
    def output(self) -> Tensor:
        """The first output."""
        return self.outputs[0]

    @property
    def reads(self) -> tuple[Tensor, ...]:
        """The inputs that it computes with; the others only lend it their shape."""
        return self.inputs[: self.op.reads]

    @property
    def varied_by(self) -> tuple[Tensor, ...]:
        """The inputs by which its outputs differ from sample to sample: it computes with them, or has their batch."""
        return self.reads or self.inputs

    def __repr__(self) -> str:
        names = ", ".join(tensor.name for tensor in self.outputs) if len(self.outputs) > 1 else self.path
        return f"{names} = {self.op!r}({', '.join(tensor.name for tensor in self.inputs)})"


class Composite(NamedTuple):
    """What several layers belong to: a block, a named group, the copies of a repeat."""

    kind: str
    """A block's name, or `group`."""
    args: Mapping[str, Any] = {}
    """The block's arguments."""
    is_module: bool | None = None
    """Whether its caller holds its inputs until it ends, even with a single kernel; None where that follows from it."""


class Graph(Frozen):
    """A network: its nodes in execution order, its inputs and outputs, and what its author says of it."""

    __slots__ = (
        "batch",
        "composites",
        "description",
        "expect",
        "held",
        "inputs",
        "layout",
        "metrics",
        "name",
        "named",
        "nodes",
        "open",
        "origin",
        "outputs",
        "params",
        "source",
        "stored",
        "tensors",
        "values",
    )

    name: str
    origin: Span
    """The head of the file, for messages about the network as a whole."""
    source: str
    description: str
    layout: str
    metrics: Mapping[str, Any]
    params: Mapping[str, Any]
    batch: int | None
    """The only batch that its inputs can have; None where it is open."""
    inputs: tuple[Node, ...]
    open: Mapping[str, tuple[int, ...]]
    """By the path of each input that has nulls in its shape, the axes, counted with the batch, of no known size."""
    nodes: tuple[Node, ...]
    """All nodes but the inputs; each stands after what it reads."""
    outputs: tuple[Tensor, ...]
    tensors: tuple[Tensor, ...]
    """All tensors, those of the inputs first, then in execution order."""
    composites: Mapping[str, Composite]
    """By path."""
    held: Mapping[Tensor, Node] | None
    """The tensors that variables of a program hold, each up to a node; None where that follows from the layers."""
    named: frozenset[Tensor]
    """The tensors that another step reads by name."""
    expect: Tree | None
    stored: Stored | None
    """What the files of the network's weights hold, where there are some."""
    values: Tree | None
    """Numbers for the inputs and the layers' weights, to work sums out with."""

    @property
    def everything(self) -> tuple[Node, ...]:
        """Inputs and nodes, by their position."""
        return self.inputs + self.nodes

    def replace(self, **changes: Any) -> Graph:  # noqa: ANN401 - as the attributes
        """Return the graph with other values of some attributes."""
        other = Graph()
        for name in self.__slots__:
            object.__setattr__(other, name, changes.get(name, getattr(self, name)))
        return other

    def unused(self) -> list[Node]:
        """Return the nodes on which no output depends."""
        used = self.behind(lambda node: node.inputs)
        return [node for node in self.nodes if node not in used]

    def behind(self, reads: Callable[[Node], Sequence[Tensor]]) -> set[Node]:
        """Return the nodes on which outputs depend, through those tensors of each that `reads` gives."""
        return behind(self.outputs, reads)

    def __repr__(self) -> str:
        lines = [f"{self.name}({', '.join(node.path for node in self.inputs)})"]
        lines += [f"  {node!r}" for node in self.nodes[:SHOWN_NODES]]
        if len(self.nodes) > SHOWN_NODES:
            lines.append(f"  ... {len(self.nodes) - SHOWN_NODES:,} more")
        lines.append(f"  return {', '.join(tensor.name for tensor in self.outputs)}")
        return "\n".join(lines)


def behind(tensors: Iterable[Tensor], reads: Callable[[Node], Sequence[Tensor]]) -> set[Node]:
    """Return the nodes on which tensors depend, through those tensors of each that `reads` gives.

    Each is asked once: of ways through a network there are as many as subsets of its skip connections.
    """
    found: set[Node] = set()
    todo = [tensor.producer for tensor in tensors]
    while todo:
        node = todo.pop()
        if node not in found:
            found.add(node)
            todo.extend(tensor.producer for tensor in reads(node))
    return found


def composites_above(path: str) -> list[str]:
    """Return the paths above a layer's, the outermost first."""
    if "." not in path:
        return []
    names = path.split(".")
    return [".".join(names[:i]) for i in range(1, len(names))]

"""The one way to make a graph: for the spec language, for readers of other formats, for tests."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from archinspect.base.settings import Open
from archinspect.base.source import Source, Span
from archinspect.graph.graph import Composite, Graph, Node, Tensor
from archinspect.graph.order import in_order
from archinspect.ops.base import Op

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from archinspect.base.source import Map, Tree
    from archinspect.graph.stored import Stored

MAX_NODES = 250_000
NOWHERE = Span(Source("", ""))
_set = object.__setattr__


class TooManyNodesError(Exception):
    """The network has more nodes than its builder takes: how many these are."""


class Later(Tensor):
    """Stands for a tensor that is known when everything is added: see :meth:`GraphBuilder.build`."""

    __slots__ = ()


class GraphBuilder:
    """Collects the layers of a network, and makes a :class:`Graph` of them.

    Names are unique; without one a layer is called after its operator, as Keras does: `conv2d`, `conv2d_1`.

    >>> from archinspect.graph.builder import GraphBuilder
    >>> from archinspect.ops.conv import Conv2D
    >>> net = GraphBuilder("tiny")
    >>> image = net.input(8, 8, 3)
    >>> with net.scope("stem"):
    ...     maps = net.add(Conv2D(filters=4, kernel_size=3), image, name="conv")
    >>> net.build(maps)
    tiny(input)
      stem.conv = Conv2D(kernel_size=(3, 3), filters=4)(input)
      return stem.conv
    """

    def __init__(self, name: str = "network", *, layout: str = "channels_last", origin: Span = NOWHERE) -> None:
        self.name = name
        self.layout = layout
        self.origin = origin
        self.source = ""
        self.description = ""
        self.metrics: Mapping[str, Any] = {}
        self.params: Mapping[str, Any] = {}
        self.batch: int | None = None
        self.held: Mapping[Tensor, Node] | None = None
        self.expect: Tree | None = None
        self.values: Tree | None = None
        self.stored: Stored | None = None
        self.most = MAX_NODES
        self.inputs: list[Node] = []
        self.nodes: list[Node] = []
        self.composites: dict[str, Composite] = {}
        self.open: dict[str, tuple[int, ...]] = {}
        self.stand_in = Open()
        """What is taken for sizes of inputs that are not known."""
        self.taken: dict[str, Span] = {}
        """Every path in use, and where it comes from."""
        self.unknown = self._node(Op(), (), "?", origin).outputs[0]
        """Stands for what could not be made; it has no shape, and neither has what reads it."""
        self._prefix = ""
        self._trainable = True
        self._counts: dict[tuple[str, str], int] = {}
        self._waiting: list[Node] = []
        """The nodes that read something that is known later."""

    # What most need

    def input(
        self, *shape: int, name: str = "", dtype: str = "float", batch: bool = True, origin: Span = NOWHERE
    ) -> Tensor:
        """Add an input of the network; `shape` is a sample's. With `batch=False` it is the same for all samples."""
        from archinspect.ops.source import Input

        return self.add_input(Input(shape=list(shape), dtype=dtype, batch=batch), self.claim(name, "input"), origin)

    def add(self, op: Op, *inputs: Tensor, name: str = "", trainable: bool = True, origin: Span = NOWHERE) -> Tensor:
        """Add a layer and return its output, the first if there are several."""
        return self.add_all(op, *inputs, name=name, trainable=trainable, origin=origin)[0]

    def add_all(
        self, op: Op, *inputs: Tensor, name: str = "", trainable: bool = True, origin: Span = NOWHERE
    ) -> tuple[Tensor, ...]:
        """Add a layer and return all its outputs."""
        path = self.claim(name, snake(type(op).__name__))
        return self.add_layer(op, inputs, path, trainable=trainable and self._trainable, origin=origin)

    @contextmanager
    def scope(
        self,
        name: str = "",
        kind: str = "group",
        args: Mapping[str, Any] | None = None,
        *,
        is_module: bool | None = None,
        trainable: bool = True,
    ) -> Iterator[str]:
        """Put what is added within into a composite; give its path."""
        path = self.claim(name, snake(kind))
        self.composites[path] = Composite(kind, args or {}, is_module)
        with self.below(path, trainable=trainable):
            yield path

    def share(self, path: str, other: str) -> int:
        """Let a layer, or all of a composite, use the weights of another; return how many nodes do.

        Nodes are paired by what their paths have after the two. Raise :class:`ValueError` for a layer's own weights.
        """
        by_path = {node.path: node for node in self.nodes}
        return self.pair([node for node in self.nodes if _is_within(node.path, path)], path, other, by_path)

    # What readers of formats need besides

    @property
    def trains(self) -> bool:
        """Whether the composites that what is added stands in leave its weights to training."""
        return self._trainable

    @contextmanager
    def below(self, path: str, *, trainable: bool = True) -> Iterator[None]:
        """Put what is added below a path that was claimed for a layer, or a composite."""
        outer = self._prefix, self._trainable
        self._prefix, self._trainable = f"{path}.", self._trainable and trainable
        try:
            yield
        finally:
            self._prefix, self._trainable = outer

    def claim(self, name: str = "", default: str = "", prefix: str | None = None, origin: Span = NOWHERE) -> str:
        """Return the path of a new layer or composite: of this name, or of the default with a running number.

        Raise :class:`ValueError` for a name that is taken.
        """
        prefix = self._prefix if prefix is None else prefix
        path = prefix + name
        if name and path in self.taken:
            raise ValueError(f"the name '{path}' is taken")
        if not name:
            path, self._counts[prefix, default] = self._next(default, prefix)
        self.taken[path] = origin
        return path

    def next_name(self, default: str) -> str:
        """Return the path that :meth:`claim` would give without a name."""
        return self._next(default, self._prefix)[0]

    def _next(self, default: str, prefix: str) -> tuple[str, int]:
        """Return the path of the next layer that is called so by default, and how many there are then."""
        count = self._counts.get((prefix, default), 0)
        path = f"{prefix}{default}_{count}" if count else prefix + default
        while path in self.taken:
            count += 1
            path = f"{prefix}{default}_{count}"
        return path, count + 1

    def add_input(self, op: Op, path: str, origin: Span = NOWHERE) -> Tensor:
        """Add an input of the network at a path that was claimed."""
        shape = getattr(op, "shape", ())
        if None in shape:
            closed, self.open[path] = self.stand_in.closed(shape)
            op = op.replace(shape=closed)
        node = self._node(op, (), path, origin)
        self.inputs.append(node)
        return node.outputs[0]

    def add_layer(  # noqa: PLR0913 - as much is known of a layer
        self,
        op: Op,
        inputs: Sequence[Tensor],
        path: str,
        *,
        origin: Span = NOWHERE,
        arguments: Map | None = None,
        callers: tuple[Span, ...] = (),
        trainable: bool = True,
    ) -> tuple[Tensor, ...]:
        """Add the operators that a layer stands for at a path that was claimed; return its outputs.

        The first operator bears the layer's path, the others hang below it. Raise :class:`TooManyNodesError`.
        """
        counts: dict[str, int] = {}

        def emit(part: Op, read: Sequence[Tensor]) -> tuple[Tensor, ...]:
            own = path
            if counts:
                name = snake(type(part).__name__.lstrip("_"))
                number = counts[name] = counts.get(name, -1) + 1
                own = f"{path}.{name}" + (f"_{number}" if number else "")
            else:
                counts[""] = 0
            node = self.add_node(
                part,
                read,
                own,
                layer=path,
                layer_op=op,
                origin=origin,
                arguments=arguments,
                callers=callers,
                trainable=trainable,
            )
            return node.outputs

        return op.build(emit, inputs)

    def add_node(  # noqa: PLR0913 - as much is known of a node
        self,
        op: Op,
        inputs: Sequence[Tensor],
        path: str,
        *,
        layer: str = "",
        layer_op: Op | None = None,
        origin: Span = NOWHERE,
        arguments: Map | None = None,
        callers: tuple[Span, ...] = (),
        trainable: bool = True,
    ) -> Node:
        """Add one operator, a layer of its own unless `layer` says to which it belongs. Raise as :meth:`add_layer`."""
        node = self._node(op, tuple(inputs), path, origin)
        _set(node, "layer", layer or path)
        _set(node, "layer_op", layer_op or op)
        _set(node, "arguments", arguments)
        _set(node, "callers", callers)
        _set(node, "trainable", trainable and op.trains)
        self.nodes.append(node)
        if len(self.nodes) > self.most:
            raise TooManyNodesError(self.most)
        for tensor in node.inputs:
            if isinstance(tensor, Later):
                self._waiting.append(node)
                break
        return node

    def add_copy(
        self, node: Node, inputs: Sequence[Tensor], op: Op | None = None, *, trainable: bool | None = None
    ) -> Node:
        """Add a node of another graph, which reads these tensors; with another operator, or frozen, perhaps."""
        own = op or node.op
        copy = self.add_node(
            own,
            inputs,
            node.path,
            layer=node.layer,
            layer_op=own if node.layer_op is node.op else node.layer_op,
            origin=node.origin,
            arguments=node.arguments,
            callers=node.callers,
            trainable=node.trainable if trainable is None else trainable,
        )
        _set(copy, "cached", node.cached)
        return copy

    def _node(self, op: Op, inputs: tuple[Tensor, ...], path: str, origin: Span) -> Node:
        node = Node()
        _set(node, "op", op)
        _set(node, "inputs", inputs)
        _set(node, "path", path)
        _set(node, "layer", path)
        _set(node, "layer_op", op)
        _set(node, "origin", origin)
        _set(node, "arguments", None)
        _set(node, "callers", ())
        _set(node, "trainable", True)
        _set(node, "shares", None)
        _set(node, "cached", None)
        _set(node, "position", len(self.nodes) + len(self.inputs))  # as added, until the graph is built
        count = op.output_count
        _set(node, "outputs", (_tensor(node, 0),) if count == 1 else tuple([_tensor(node, i) for i in range(count)]))
        return node

    def pair(self, nodes: Iterable[Node], path: str, other: str, by_path: Mapping[str, Node]) -> int:
        """Let nodes at or below a path use the weights of those at or below another; return how many do."""
        shared = 0
        for node in nodes:
            partner = by_path.get(other + node.path[len(path) :]) if _is_within(node.path, path) else None
            while partner is not None and partner.shares is not None and partner is not node:
                partner = partner.shares
            if partner is node:
                raise ValueError(f"'{path}' cannot share its own weights")
            if partner is not None:
                _set(node, "shares", partner)
                shared += 1
        return shared

    def resolve(self, find: Callable[[Later], Tensor]) -> frozenset[Tensor]:
        """Put tensors in the place of those that were to be known later; return those that were found."""
        found: set[Tensor] = set()
        for node in self._waiting:
            inputs = tuple([find(tensor) if isinstance(tensor, Later) else tensor for tensor in node.inputs])
            found.update(new for new, old in zip(inputs, node.inputs, strict=True) if new is not old)
            _set(node, "inputs", inputs)
        self._waiting = []
        return frozenset(found)

    def tie(self, node: Node, other: Node) -> None:
        """Let a node use the weights of another."""
        _set(node, "shares", other)

    def cache(self, tensor: Tensor, *, cached: bool = True) -> None:
        """Say whether a decoder caches a tensor, in the place of keys and values that are made of it."""
        _set(tensor.producer, "cached", cached)

    def build(self, *outputs: Tensor, named: Iterable[Tensor] = (), batched: Container[Tensor] | None = None) -> Graph:
        """Return the graph, in execution order, as near to the order of addition as can be.

        `named` are the tensors that programs hold in variables of their own, `batched` those whose first axis is the
        batch; without, that follows from the operators. Raise :class:`CycleError`.
        """
        nodes = in_order(self.nodes)
        tensors: list[Tensor] = []
        readers: list[list[Node]] = []
        for position, node in enumerate((*self.inputs, *nodes)):
            _set(node, "position", position)
            for tensor in node.outputs:
                _set(tensor, "position", len(tensors))
                tensors.append(tensor)
                readers.append([])
        _set(self.unknown, "position", len(tensors))
        readers.append([])
        for node in nodes:
            for tensor in node.reads:
                readers[tensor.position].append(node)
        for tensor in (*tensors, self.unknown):
            _set(tensor, "readers", tuple(readers[tensor.position]))
        if batched is None:
            self._spread_batch(nodes)
        else:
            for tensor in tensors:
                _set(tensor, "batched", tensor in batched)
        graph = Graph()
        for name in (
            "name",
            "origin",
            "source",
            "description",
            "layout",
            "metrics",
            "params",
            "batch",
            "expect",
            "stored",
            "values",
        ):
            _set(graph, name, getattr(self, name))
        _set(graph, "held", self.held)
        _set(graph, "inputs", tuple(self.inputs))
        _set(graph, "nodes", tuple(nodes))
        _set(graph, "outputs", outputs)
        _set(graph, "tensors", tuple(tensors))
        _set(graph, "composites", self.composites)
        _set(graph, "open", self.open)
        _set(graph, "named", frozenset(named))
        return graph

    def _spread_batch(self, nodes: Sequence[Node]) -> None:
        """Tell of each tensor whether it differs from sample to sample."""
        constant = [node for node in (*self.inputs, *nodes) if not node.op.batched]
        for node in constant:
            for tensor in node.outputs:
                _set(tensor, "batched", False)
        if not constant:
            return
        reads: dict[str, list[Tensor]] = {}
        for node in nodes:
            if node.layer_op.is_module:
                outside = [tensor for tensor in node.inputs if tensor.producer.layer != node.layer]
                reads.setdefault(node.layer, []).extend(outside)
        for node in nodes:
            given = reads[node.layer] if node.layer_op.is_module else node.varied_by
            if node.inputs and not any(tensor.batched for tensor in given):
                for tensor in node.outputs:
                    _set(tensor, "batched", False)


def _tensor(node: Node, index: int) -> Tensor:
    tensor = Tensor()
    _set(tensor, "producer", node)
    _set(tensor, "index", index)
    _set(tensor, "batched", True)  # until the graph is built
    return tensor


def _is_within(path: str, other: str) -> bool:
    return path == other or path.startswith(f"{other}.")


_WORD_START = re.compile(r"(.)([A-Z][a-z]+)")
_LOWER_UPPER = re.compile(r"([a-z])([A-Z])")
_snakes: dict[str, str] = {}


def snake(name: str) -> str:
    """Return a type's name as Keras names its layers: `conv2d`, `max_pooling2d`, `re_lu`."""
    known = _snakes.get(name)
    if known is None:
        plain = re.sub(r"\W+", "", name)
        known = _snakes[name] = _LOWER_UPPER.sub(r"\1_\2", _WORD_START.sub(r"\1_\2", plain)).lower()
    return known

"""The graph of a model: every call of every layer, with the shapes of what it reads."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.base.diagnostics import show
from archinspect.base.shape import Mismatch, text
from archinspect.graph.builder import snake
from archinspect.ops import find_operator
from archinspect.ops.args import MAX_AXES, Ints
from archinspect.ops.declared import ArgumentError
from archinspect.ops.tensor import Custom
from archinspect.ops.wrap import TimeDistributed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from archinspect.base.shape import Shape
    from archinspect.base.source import SourceError
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Node, Tensor
    from archinspect.importers.file import File
    from archinspect.importers.keras.model import Layer, Model, Sizes
    from archinspect.ops.base import Op

MAX_CALLS = 20_000
"""Calls of layers."""
AUTHORS = "it is a function or a layer of the author's own, which is not run, and the file has no shape of it"
"""Why most layers are not known."""
UNREAD = "it is of a kind that is not read, and the file has no shape of it"
"""Why one of Keras's own is not."""


class Said(NamedTuple):
    """Shapes of what a call gives, as the file has them: None for one that it does not have."""

    shapes: tuple[Sizes | None, ...] = ()


class Net:
    """Makes nodes, and knows the shape of every tensor, for one sample."""

    enter: Callable[[Layer, Sizes | None], Tensor]
    """Adds an input of the network for a layer; the shape is that of the file, where it has one."""
    add: Callable[[Use], tuple[Tensor, ...]]
    """Adds the nodes of a call."""
    run: Callable[[Net, Model, Sequence[Tensor] | None], list[Tensor]]
    """Adds the layers of a model; without tensors that it reads it has inputs of its own."""

    def __init__(self, file: File, builder: GraphBuilder, version: str) -> None:
        self.file = file
        self.builder = builder
        self.version = version
        self.shapes: dict[Tensor, Shape] = {}
        self.types: dict[Tensor, str] = {}
        self.is_as_said = True
        """Whether inputs have the shapes of the file."""
        self.unknown: dict[str, None] = {}
        """Layers that are not Keras's own, in order."""
        self.steps = 0
        """Within how many `TimeDistributed` a layer stands."""
        self.calls = 0
        self.params: Mapping[str, Any] = {}
        """What was asked for: shapes of what layers give that are not known, by the layers' names."""
        self.asks: dict[str, None] = {}
        """The layers of which that may be asked."""
        self.batch_said: int | None = None
        """The batch that the file has, None where it is open."""

    def refuse(self, layer: Layer, message: str, help: str = "") -> SourceError:
        """Return the error of a layer that cannot be read."""
        return self.file.refuse(f"{layer.title}: {message}", help, layer.name)

    def path(self, name: str, taken: set[str], number: int = 0) -> str:
        """Return the path of a layer, or of a further call of it: with a number that no layer's name has."""
        if number:
            name = f"{name}_{number}"
            while name in taken:
                name += "_"
        return self.builder.claim(name)

    def count(self, layer: Layer) -> None:
        """Count a call."""
        self.calls += 1
        if self.calls > MAX_CALLS:
            raise self.refuse(layer, f"the model has more than {MAX_CALLS:,} calls of layers")

    @contextmanager
    def distributed(self) -> Iterator[None]:
        """Let what is added be applied to each step by itself."""
        self.steps += 1
        try:
            yield
        finally:
            self.steps -= 1

    def tie(self, nodes: Sequence[Node], path: str, others: Sequence[Node], other: str) -> None:
        """Let nodes of a further call use the weights of the first."""
        self.builder.pair(nodes, path, other, {node.path: node for node in others})


class Use:
    """A call of a layer: what a function of :mod:`archinspect.importers.keras.layers` makes nodes for."""

    def __init__(self, net: Net, layer: Layer, path: str, args: list[Any], kwargs: dict[str, Any], said: Said) -> None:
        self.net = net
        self.layer = layer
        self.path = path
        self.args = args
        self.kwargs = kwargs
        self.said = said
        self.inputs: list[Tensor] = list(tensors(args))
        """All tensors among the arguments without names."""
        self.row: Op | None = None
        """The operator that the layer's row is called after: the first, unless another is."""
        self._counts: dict[str, int] = {}

    # What the call says

    @property
    def config(self) -> dict[str, Any]:
        """The layer's arguments."""
        return self.layer.config

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - as the file says
        """Return an argument of the layer; the default where it is missing or null."""
        value = self.layer.config.get(name)
        return default if value is None else value

    def whole(self, name: str, default: int | None = None) -> int:
        """Return an argument that is a whole number."""
        value = self.get(name, default)
        if type(value) is not int:
            raise self.refuse(f"{name} must be a whole number, not {value!r}"[:200])
        return value

    @property
    def x(self) -> Tensor:
        """The first tensor."""
        if not self.inputs:
            raise self.refuse("the file does not say what it reads")
        return self.inputs[0]

    def shape(self, tensor: Tensor | None = None) -> Shape:
        """Return the shape of a tensor, the first by default, the batch of 1 first; of steps that of each."""
        shape = self.net.shapes[self.x if tensor is None else tensor]
        return (1, *shape[1 + self.net.steps :])

    def refuse(self, message: str, help: str = "") -> SourceError:
        """Return the error of this layer."""
        return self.net.refuse(self.layer, message, help)

    # What it adds

    def make(self, operator: str, **args: Any) -> Op:  # noqa: ANN401 - as the operator takes
        """Return an operator."""
        kind = find_operator(operator)
        assert kind is not None  # all names are of the table of operators
        try:
            return kind(**args)
        except ArgumentError as error:
            raise self.refuse(error.message, error.help) from None

    def add(self, op: Op | str, *inputs: Tensor, **args: Any) -> Tensor:  # noqa: ANN401 - as the operator takes
        """Add an operator, which reads the first input by default; return its first output."""
        return self.add_all(op, *inputs, **args)[0]

    def add_all(self, op: Op | str, *inputs: Tensor, **args: Any) -> tuple[Tensor, ...]:  # noqa: ANN401 - as above
        """Add an operator, and return all outputs."""
        made = self.make(op, **args) if isinstance(op, str) else op
        read = inputs or (self.x,)
        low, high = made.inputs
        if len(read) < low or (high is not None and len(read) > high):
            raise self.refuse(f"it reads {len(read)} tensors, and {type(made).__name__} does not take so many")
        if self.row is None:
            self.row = made
        return made.build(self.emit, read)

    def source(self, op: Op) -> Tensor:
        """Add an operator that reads nothing: weights or numbers as data."""
        if self.net.steps:
            raise self.refuse("it has tensors of its own, which is not known within TimeDistributed")
        return self.emit(op, ())[0]

    def emit(self, part: Op, read: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Add one node of the layer; return its outputs."""
        net = self.net
        own = self.path
        if "" in self._counts or not read:  # weights and numbers leave the layer's own name to what reads them
            name = snake(type(part).__name__)
            number = self._counts[name] = self._counts.get(name, -1) + 1
            own += f".{name}" + (f"_{number}" if number else "")
        else:
            self._counts[""] = 0
        for _ in range(net.steps if read else 0):
            part = TimeDistributed(layer=part)
        try:
            shapes = part.outputs(*[net.shapes[tensor] for tensor in read])
        except Mismatch as error:
            raise self.refuse(error.message, error.help) from None
        row = self.row or part
        node = net.builder.add_node(
            part,
            read,
            own,
            layer=self.path,
            layer_op=row,
            origin=net.file.span(self.layer.name),
            trainable=net.builder.trains and self.config.get("trainable") is not False,
        )
        types = part.output_dtypes(*[net.types[tensor] for tensor in read])
        for tensor, shape, dtype in zip(node.outputs, shapes, types, strict=True):
            net.shapes[tensor], net.types[tensor] = shape, dtype
        return node.outputs

    def unknown(self, *, params: int | None = None, is_own: bool = True, why: str = AUTHORS) -> tuple[Tensor, ...]:
        """Add what is known of a layer by its shapes alone; raise :class:`SourceError` where not even these are."""
        said = self.given_shapes(why)
        if not is_own:
            self.net.unknown[self.layer.title] = None
        return tuple(
            [
                self.add(Custom(output_shape=list(shape), params=params if at == 0 else 0), *self.inputs)
                for at, shape in enumerate(said)
            ]
        )

    def given_shapes(self, why: str = AUTHORS) -> list[Shape]:
        """Return what the file, or who asks, says that this call gives, without the batch."""
        name = self.layer.name
        self.net.asks[name] = None
        if self.net.params.get(name) is not None:
            return _stated(self, self.net.params[name])
        said = self.said.shapes
        if not said or None in said:
            help_ = f"say its shape without the batch: `--set {name}=[28, 28, 3]`"
            raise self.refuse(f"what it gives is not known: {why}", help_)
        if not self.net.is_as_said:
            help_ = f"leave out --input, or say its shape: `--set {name}=[28, 28, 3]`"
            raise self.refuse("what it gives is known for the file's own input alone", help_)
        found = []
        for sizes in said:
            assert sizes is not None  # as was looked for
            known = self.shape() if self.inputs else ()
            closed = [known[at] if size is None and at < len(known) else size for at, size in enumerate(sizes)][1:]
            if None in closed or (sizes and sizes[0] not in (None, *known[:1], self.net.builder.batch)):
                raise self.refuse(f"what it gives, {text(sizes)}, has sizes that are not known")  # type: ignore[arg-type] # nulls are shown
            found.append(tuple(closed))
        return found  # type: ignore[return-value] # no null is left


def _stated(use: Use, value: Any) -> list[Shape]:  # noqa: ANN401 - as it was asked for
    """Return the shape that was asked for what a layer gives."""
    try:
        return [Ints(1, empty=True, most=MAX_AXES).convert(value)]
    except ValueError as error:
        raise use.refuse(f"its shape must be {error}, not {show(value)}") from None


def tensors(data: Any) -> Iterator[Tensor]:  # noqa: ANN401 - of any nesting
    """Yield the tensors of a structure."""
    if isinstance(data, dict):
        for key in sorted(data, key=str):
            yield from tensors(data[key])
    elif isinstance(data, list):
        for one in data:
            yield from tensors(one)
    elif hasattr(data, "producer"):
        yield data

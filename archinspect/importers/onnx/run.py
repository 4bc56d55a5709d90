"""A model executed on shapes, and on the few values that decide them: every operator with its inputs and outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.graph.builder import MAX_NODES
from archinspect.importers.onnx import rules
from archinspect.importers.onnx.flow import FLOW
from archinspect.importers.onnx.messages import DTYPES, GraphOf, ModelOf, NodeOf, Reference, TypeOf
from archinspect.importers.onnx.model import MAX_DEPTH
from archinspect.importers.onnx.values import Frame, OpenError, RuleError, Step, Value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_ELEMENTS = 50_000_000
"""Elements of all values that are followed."""
NAMES_PER_STEP = 50
"""Of a graph within another, as many names that it sees take as long as an operator."""
KEEPS = frozenset(
    (
        *("Identity", "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Cast", "DequantizeLinear"),
        *("Constant", "ConstantOfShape"),
    )
)
"""Operators whose output is a constant's numbers, in whatever order and type."""


class StepError(Exception):
    """An operator that does not fit its inputs, and its name."""

    def __init__(self, message: str, node: str) -> None:
        super().__init__(message)
        self.message = message
        self.node = node


class Run:
    """All operators of a model, in order, for inputs of these shapes."""

    def __init__(self, model: ModelOf, entries: Mapping[str, Value], rebatched: int = 0) -> None:
        """Execute; raise :class:`StepError`. `rebatched` is the batch in the place of one of 1."""
        self.model = model
        self.entries = entries
        self.rebatched = rebatched
        self.steps: list[Step] = []
        self._executed = self._elements = 0
        self.outputs = self.graph(model.graph, Frame(dict(entries), model.opsets))

    def graph(self, graph: GraphOf, frame: Frame) -> list[Value]:
        """Execute a graph's operators; return its outputs."""
        if frame.depth > MAX_DEPTH:
            raise StepError(f"functions or graphs nest deeper than {MAX_DEPTH}", frame.prefix)
        names = frame.names
        for name, stored in graph.stored.items():
            names.setdefault(name, Value.of(stored))
        for node in _in_order(graph.nodes, names):
            self._node(node, graph.types, frame)
        missing = next((output.name for output in graph.outputs if output.name not in names), None)
        if missing is not None:
            raise StepError(f"nothing makes the output '{missing}'", frame.prefix)
        return [names[output.name] for output in graph.outputs]

    def inside(
        self, step: Step, body: GraphOf, given: Mapping[str, Value], frame: Frame
    ) -> tuple[list[Step], list[Value]]:
        """Execute a graph within a step, which sees all names of that; return its steps, and its outputs."""
        self._count(1 + len(frame.names) // NAMES_PER_STEP, step.path)
        outer, self.steps = self.steps, []
        inner = frame._replace(
            names={**frame.names, **given}, prefix=f"{step.path}/", scopes=step.scopes, depth=frame.depth + 1
        )
        try:
            outputs = self.graph(body, inner)
            return self.steps, outputs
        finally:
            self.steps = outer

    def add(self, step: Step, outputs: list[Value]) -> list[Value]:
        """Note a step with its outputs; say of these whether they are constants, and of which stored tensors."""
        given = [value for value in step.inputs if value is not None]
        constant = all(value.constant for value in given) and not step.varies
        sure = all(value.sure for value in given)
        stored = tuple(dict.fromkeys(one for value in given for one in value.stored))
        for value in outputs:
            value.constant = constant
            value.sure = value.sure and sure
            value.plain = value.plain and step.kind in KEEPS
            if not value.stored and (constant or value.data is not None):
                value.stored = stored
            self._elements += len(value.data or ())
        if self._elements > MAX_ELEMENTS:
            raise StepError(f"values of more than {MAX_ELEMENTS:,} elements decide shapes", step.path)
        step.outputs = outputs
        self.steps.append(step)
        return outputs

    def _count(self, steps: int, path: str) -> None:
        self._executed += steps
        if self._executed > MAX_NODES:
            raise StepError(f"there are more than {MAX_NODES:,} operators", path)

    def _node(self, node: NodeOf, types: Mapping[str, TypeOf], frame: Frame) -> None:
        """Execute an operator."""
        own = frame.prefix + (node.name or next(filter(None, node.outputs), "") or node.kind)
        self._count(1, own)
        if not any(node.outputs):
            raise StepError(f"{node.kind or 'an operator without a name'} has no output", own)
        step = self._step(node, own, frame)
        try:
            found = self._execute(step, frame)
        except RuleError as error:
            raise StepError(f"{node.kind}: {error}", own) from None
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise StepError(f"{node.kind}: its inputs or attributes do not fit ({error})", own) from None
        for name, value in zip(node.outputs, found, strict=False):
            if name:
                value.name = value.name or name
                _declare(value, types.get(name))
                frame.names[name] = value
        for name in filter(None, node.outputs[len(found) :]):
            frame.names[name] = Value(sure=False, name=name)
        if node.kind == "ConstantOfShape":
            for one in found[0].stored:
                one.role = self.model.roles.get(node.outputs[0], "")

    def _step(self, node: NodeOf, path: str, frame: Frame) -> Step:
        missing = next((name for name in node.inputs if name and name not in frame.names), None)
        if missing is not None:
            raise StepError(f"nothing makes its input '{missing}'", path)
        attributes = {
            name: frame.attributes.get(value.name) if isinstance(value, Reference) else value
            for name, value in node.attributes.items()
        }
        return Step(
            node,
            frame.opsets.get(node.domain, 1),
            attributes,
            [frame.names[name] if name else None for name in node.inputs],
            path=path,
            scopes=node.scopes or frame.scopes,
            file=self.model.data,
            rebatched=self.rebatched,
        )

    def _execute(self, step: Step, frame: Frame) -> list[Value]:
        node = step.node
        function = self.model.functions.get((node.domain, node.kind, node.overload))
        if function is not None:
            return self._function(step, function, frame)
        if step.domain == "" and step.kind in FLOW:
            return FLOW[step.kind](self, step, frame)
        rule = rules.find(step.domain, step.kind)
        if rule is None:
            step.unknown = ("macs", "flops")
            return self.add(step, _like_first(step))
        try:
            found = rule(step)
        except OpenError:
            found = _like_first(step)
        except RuleError:
            if all(value is None or value.sure for value in step.inputs):
                raise
            found = _like_first(step)  # guessed shapes need not fit
            step.unknown = ("macs", "flops")
        return self.add(step, found)

    def _function(self, step: Step, function: GraphOf, frame: Frame) -> list[Value]:
        """Execute a function's operators in the place of its call."""
        given = zip(function.inputs, step.inputs, strict=False)
        inner = Frame(
            {declared.name: value for declared, value in given if value is not None},
            {**frame.opsets, **function.opsets},
            {**function.defaults, **step.attributes},
            f"{step.path}/",
            step.scopes,
            frame.depth + 1,
        )
        return self.graph(function, inner)


def _like_first(step: Step) -> list[Value]:
    """Return outputs of which nothing is known, for want of better as the first input."""
    first = next((value for value in step.inputs if value is not None), Value())
    return [Value(first.dims, first.dtype, sure=False) for _ in step.node.outputs]


def _declare(value: Value, said: TypeOf | None) -> None:
    """Take what the file says of a value of which nothing else is known."""
    if not value.sure and said is not None and said.dims is not None:
        dims = [size for size in said.dims if type(size) is int]
        if len(dims) == len(said.dims):
            value.dims, value.sure = tuple(dims), True
            value.dtype = DTYPES.get(said.code, value.dtype)


def _in_order(nodes: Sequence[NodeOf], names: Mapping[str, Value]) -> Sequence[NodeOf]:
    """Return operators so that each stands after what it reads, as they do in files that are as they should be."""
    made = set(names)
    for node in nodes:
        if any(name and name not in made for name in node.inputs):
            break
        made.update(node.outputs)
    else:
        return nodes
    makers = {name: at for at, node in enumerate(nodes) for name in node.outputs if name}
    waits = [{makers[name] for name in node.inputs if name in makers} for node in nodes]
    readers: list[list[int]] = [[] for _ in nodes]
    for at, others in enumerate(waits):
        for other in others:
            readers[other].append(at)
    counts = list(map(len, waits))
    ready = [at for at, count in enumerate(counts) if not count]
    for at in ready:
        for other in readers[at]:
            counts[other] -= 1
            if not counts[other]:
                ready.append(other)
    if len(ready) < len(nodes):
        stuck = next(node for node, count in zip(nodes, counts, strict=True) if count)
        raise StepError("it waits for what is made of it", stuck.name or stuck.kind)
    return [nodes[at] for at in ready]

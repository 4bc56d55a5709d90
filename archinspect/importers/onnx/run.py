"""A model executed on shapes, and on the few values that decide them: every operator with its inputs and outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.graph.builder import MAX_NODES
from archinspect.importers.onnx import rules
from archinspect.importers.onnx.model import DTYPES, MAX_DEPTH, GraphOf, ModelOf, NodeOf, Reference, TypeOf
from archinspect.importers.onnx.values import OpenError, RuleError, Step, Value, axis_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from archinspect.base.shape import Shape

NO_VALUE = Value(sure=False)
MAX_TRIPS = 64
"""Rounds of a loop that are executed one by one, so that what it makes of sizes is known."""


class StepError(Exception):
    """An operator that does not fit its inputs, and its name."""

    def __init__(self, message: str, node: str) -> None:
        super().__init__(message)
        self.message = message
        self.node = node


class Run:
    """All operators of a model, in order, for inputs of these shapes."""

    def __init__(self, model: ModelOf, inputs: Mapping[str, Value], rebatched: int = 0) -> None:
        """Execute; raise :class:`StepError`. `rebatched` is the batch in the place of one of 1."""
        self.model = model
        self.rebatched = rebatched
        self.entries = inputs
        self.steps: list[Step] = []
        self._into = self.steps
        self._count = 0
        self._hints = True
        names: dict[str, Value] = dict(inputs)
        self.outputs = self._graph(model.graph, names, "", "", model.opsets, {}, 0)

    def _graph(
        self,
        graph: GraphOf,
        names: dict[str, Value],
        prefix: str,
        scopes: str,
        opsets: Mapping[str, int],
        attributes: Mapping[str, Any],
        depth: int,
    ) -> list[Value]:
        """Execute a graph's operators; return its outputs."""
        if depth > MAX_DEPTH:
            raise StepError(f"functions or graphs nest deeper than {MAX_DEPTH}", prefix)
        for name, stored in graph.stored.items():
            names.setdefault(
                name, Value(stored.dims, stored.dtype, None, (stored,), constant=True, name=name, plain=True)
            )
        for node in _in_order(graph.nodes, names):
            self._node(node, graph, names, prefix, scopes, opsets, attributes, depth)
        found = []
        for output in graph.outputs:
            if output.name not in names:
                raise StepError(f"nothing makes the output '{output.name}'", prefix)
            found.append(names[output.name])
        return found

    def _node(
        self,
        node: NodeOf,
        graph: GraphOf,
        names: dict[str, Value],
        prefix: str,
        scopes: str,
        opsets: Mapping[str, int],
        attributes: Mapping[str, Any],
        depth: int,
    ) -> None:
        self._count += 1
        if self._count > MAX_NODES:
            raise StepError(f"there are more than {MAX_NODES:,} operators", node.name)
        inputs: list[Value | None] = []
        for name in node.inputs:
            if name and name not in names:
                raise StepError(f"nothing makes its input '{name}'", node.name or node.kind)
            inputs.append(names[name] if name else None)
        given = {
            name: attributes.get(value.name) if isinstance(value, Reference) else value
            for name, value in node.attributes.items()
        }
        own = node.name or next(filter(None, node.outputs), "") or node.kind
        step = Step(
            node,
            node.kind,
            node.domain,
            opsets.get(node.domain, 1),
            given,
            inputs,
            prefix + own,
            node.scopes or scopes,
            self.model.data,
            len(node.outputs),
            rebatched=self.rebatched,
        )
        function = self.model.functions.get((node.domain, node.kind, node.overload))
        try:
            found = self._execute(step, function, names, opsets, depth)
        except RuleError as error:
            raise StepError(f"{node.kind}: {error}", step.path) from None
        except StepError:
            raise
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise StepError(f"{node.kind}: its inputs or attributes do not fit ({error})", step.path) from None
        for name, value in zip(node.outputs, found, strict=False):
            if name:
                value.name = value.name or name
                if step.kind == "ConstantOfShape":
                    for one in value.stored:
                        one.role = self.model.roles.get(name, "")
                self._declared(value, graph.types.get(name))
                names[name] = value
        for name in node.outputs[len(found) :]:
            if name:
                names[name] = Value(sure=False, name=name)

    def _declared(self, value: Value, said: TypeOf | None) -> None:
        """Take what the file says of a value of which nothing else is known."""
        if value.sure or said is None or said.dims is None:
            return
        if all(type(size) is int for size in said.dims):
            value.dims, value.sure = said.dims, True  # type: ignore[assignment] # all are whole numbers
            value.dtype = DTYPES.get(said.code, value.dtype)

    def _execute(
        self, step: Step, function: GraphOf | None, names: dict[str, Value], opsets: Mapping[str, int], depth: int
    ) -> list[Value]:
        if function is not None:
            return self._function(step, function, opsets, depth)
        if step.domain == "" and step.kind in _FLOW:
            return _FLOW[step.kind](self, step, names, opsets, depth)
        rule = rules.find(step.domain, step.kind)
        if rule is None:
            found = [
                Value(step.inputs[0].dims if step.inputs and step.inputs[0] else (), sure=False)
                for _ in step.node.outputs
            ]
            step.unknown = ("macs", "flops")
        else:
            try:
                found = rule(step)
            except OpenError:
                given = next((value for value in step.inputs if value is not None), Value())
                found = [Value(given.dims, given.dtype, sure=False) for _ in step.node.outputs]
        self._spread(step, found)
        step.outputs = found
        self._into.append(step)
        return found

    def _spread(self, step: Step, found: Sequence[Value]) -> None:
        """Say of outputs whether they are constants, and of which stored tensors, and whether their shape is sure."""
        given = [value for value in step.inputs if value is not None]
        constant = all(value.constant for value in given) and not step.kind.startswith("Random")
        sure = all(value.sure for value in given)
        stored = tuple(dict.fromkeys(one for value in given for one in value.stored))
        for value in found:
            value.constant = constant
            value.sure = value.sure and sure
            if not value.stored and (constant or value.data is not None):
                value.stored = stored
            if step.kind not in _ORDERING:
                value.plain = value.plain and step.kind in ("Constant", "ConstantOfShape")

    def _function(self, step: Step, function: GraphOf, opsets: Mapping[str, int], depth: int) -> list[Value]:
        """Execute a function's operators in the place of its call."""
        names = {}
        for declared, value in zip(function.inputs, step.inputs, strict=False):
            if value is not None:
                names[declared.name] = value
        attributes = {**function.defaults, **step.attributes}
        versions = {**opsets, **function.opsets}
        return self._graph(function, names, f"{step.path}/", step.scopes, versions, attributes, depth + 1)


_ORDERING = frozenset(
    ("Identity", "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Cast", "DequantizeLinear", "Constant")
)
"""Operators whose output has a constant's numbers, in whatever order and type."""


def _in_order(nodes: list[NodeOf], names: Mapping[str, Value]) -> list[NodeOf]:
    """Return operators so that each stands after what it reads, as files should have them."""
    made = set(names)
    for node in nodes:
        if any(name and name not in made for name in node.inputs):
            break
        made.update(node.outputs)
    else:
        return nodes
    makers = {name: node for node in nodes for name in node.outputs if name}
    waits = {
        id(node): {id(makers[name]) for name in node.inputs if name in makers and makers[name] is not node}
        for node in nodes
    }
    readers: dict[int, list[NodeOf]] = {}
    for node in nodes:
        for one in waits[id(node)]:
            readers.setdefault(one, []).append(node)
    counts = {one: len(others) for one, others in waits.items()}
    ready = [node for node in nodes if not counts[id(node)]]
    for node in ready:
        for other in readers.get(id(node), ()):
            counts[id(other)] -= 1
            if not counts[id(other)]:
                ready.append(other)
    if len(ready) < len(nodes):
        stuck = next(node for node in nodes if counts[id(node)])
        raise StepError("it waits for what is made of it", stuck.name or stuck.kind)
    return ready


# Control flow


def _branches(run: Run, step: Step, names: dict[str, Value], opsets: Mapping[str, int], depth: int) -> list[Value]:
    """`If`: the branch that is taken where sizes decide it, else the one with more work."""
    condition = step.data(0)
    found: list[tuple[list[Step], list[Value]]] = []
    chosen = (
        ("then_branch", "else_branch") if condition is None else ("then_branch",) if condition[0] else ("else_branch",)
    )
    for name in chosen:
        inside: list[Step] = []
        outer, run._into = run._into, inside
        try:
            outputs = run._graph(
                step.attributes[name], dict(names), f"{step.path}/", step.scopes, opsets, step.attributes, depth + 1
            )
        finally:
            run._into = outer
        found.append((inside, outputs))
    best = max(found, key=lambda branch: sum(one.macs for one in branch[0]))
    run._into.extend(best[0])
    if len(found) == 1:
        return best[1]
    steps, outputs = best
    step.unknown = ("macs", "flops")
    step.notes = "which branch is taken follows from data: the one with more multiply-accumulates is shown"
    step.inputs = [step.inputs[0], *outputs]
    other = next(branch for branch in found if branch is not best)
    step.inside = [one for one in other[0]]
    step.outputs = [
        Value(one.dims, one.dtype, sure=one.sure and one.dims == two.dims, items=one.items)
        for one, two in zip(outputs, other[1], strict=False)
    ]
    run._into.append(step)
    return step.outputs


def _loop(run: Run, step: Step, names: dict[str, Value], opsets: Mapping[str, int], depth: int) -> list[Value]:
    """`Loop`: its body as often as is known."""
    body: GraphOf = step.attributes["body"]
    trips = step.data(0) if step.has(0) else None
    count = int(trips[0]) if trips else 1
    carried = list(step.inputs[2:])
    scanned = len(body.outputs) - 1 - len(carried)
    number = Value((), "int64", [0])
    outputs: list[Value] = []
    rows: list[Value] = []
    executed: list[Step] = []
    known_steps = (
        trips is not None
        and count <= MAX_TRIPS
        and any(
            value is not None and value.items is not None or value is not None and value.data is not None
            for value in carried
        )
    )
    state = carried
    for trip in range(count if known_steps else min(count, 2)):
        inside: list[Step] = []
        outer, run._into = run._into, inside
        number = Value((), "int64", [trip] if known_steps else None)
        given = dict(names)
        for declared, value in zip(body.inputs, (number, Value((), "bool", [True]), *state), strict=False):
            if value is not None:
                given[declared.name] = value if known_steps else _unread(value)
        try:
            outputs = run._graph(body, given, f"{step.path}/", step.scopes, opsets, step.attributes, depth + 1)
        finally:
            run._into = outer
        rows = outputs[1 + len(carried) :]
        executed = [*executed, *inside] if known_steps else inside
        state = list(outputs[1 : 1 + len(carried)])
    step.inside = executed
    step.trips = 1 if known_steps else max(count, 0)
    step.macs = step.trips * sum(one.macs for one in executed)
    if trips is None:
        step.unknown = ("macs", "flops")
        step.notes = "how often it runs follows from data: once is counted"
    finals = [
        Value(
            v.dims,
            v.dtype,
            v.data if known_steps else None,
            sure=v.sure and (trips is not None or v.items is None),
            items=v.items,
        )
        if v is not None
        else Value(sure=False)
        for v in state
    ]
    stacks = [
        Value((count, *value.dims), value.dtype, sure=trips is not None and value.sure) for value in rows[:scanned]
    ]
    step.outputs = [*finals, *stacks]
    run._spread(step, step.outputs)
    for value in step.outputs:
        value.constant = False
    run._into.append(step)
    return step.outputs


def _unread(value: Value) -> Value:
    """Return a value of which a later round may have another."""
    return Value(value.dims, value.dtype, None, sure=value.sure, items=value.items)


def _scan(run: Run, step: Step, names: dict[str, Value], opsets: Mapping[str, int], depth: int) -> list[Value]:
    """`Scan`: its body for every position of an axis; of version 8 with a batch before."""
    body: GraphOf = step.attributes["body"]
    scanned = step.attribute("num_scan_inputs", 1)
    old = step.opset < 9  # noqa: PLR2004 - with the lengths of sequences, and a batch
    given = step.inputs[1:] if old else step.inputs
    states, sequences = given[: len(given) - scanned], given[len(given) - scanned :]
    axes = step.attribute("scan_input_axes", [0] * scanned)
    lead: Shape = ()
    inner = dict(names)
    count = 1
    for declared, value in zip(body.inputs, states, strict=False):
        if value is not None:
            lead = value.dims[:1] if old else ()
            inner[declared.name] = Value(value.dims[1:] if old else value.dims, value.dtype, sure=value.sure)
    for declared, value, axis in zip(body.inputs[len(states) :], sequences, axes, strict=False):
        if value is None:
            raise RuleError("what it scans is missing")
        lead = value.dims[:1] if old else ()
        dims = value.dims[1:] if old else value.dims
        at = axis_of(axis, len(dims))
        count = dims[at]
        inner[declared.name] = Value((*dims[:at], *dims[at + 1 :]), value.dtype, sure=value.sure)
    inside: list[Step] = []
    outer, run._into = run._into, inside
    try:
        outputs = run._graph(body, inner, f"{step.path}/", step.scopes, opsets, step.attributes, depth + 1)
    finally:
        run._into = outer
    step.inside = inside
    batch = lead[0] if lead else 1
    step.trips = count * batch
    step.macs = step.trips * sum(one.macs for one in inside)
    finals = outputs[: len(states)]
    rows = outputs[len(states) :]
    places = step.attribute("scan_output_axes", [0] * len(rows))
    found = [Value((*lead, *value.dims), value.dtype, sure=value.sure) for value in finals]
    for value, axis in zip(rows, places, strict=False):
        at = axis + len(value.dims) + 1 if axis < 0 else axis
        found.append(Value((*lead, *value.dims[:at], count, *value.dims[at:]), value.dtype, sure=value.sure))
    step.outputs = found
    run._spread(step, found)
    for value in found:
        value.constant = False
    run._into.append(step)
    return found


def _map(run: Run, step: Step, names: dict[str, Value], opsets: Mapping[str, int], depth: int) -> list[Value]:
    """`SequenceMap`: its body for every item."""
    body: GraphOf = step.attributes["body"]
    items = step.input(0).items
    if items is None:
        raise RuleError("what the sequence holds is not known")
    made: list[list[Value]] = [[] for _ in body.outputs]
    for at, item in enumerate(items):
        given = dict(names)
        for declared, value in zip(body.inputs, (item, *step.inputs[1:]), strict=False):
            if value is not None:
                given[declared.name] = value.items[at] if value.items is not None else value
        outputs = run._graph(body, given, f"{step.path}/", step.scopes, opsets, step.attributes, depth + 1)
        for into, value in zip(made, outputs, strict=True):
            into.append(value)
    step.outputs = [
        Value(part[0].dims if part else (), part[0].dtype if part else "float", items=part) for part in made
    ]
    run._into.append(step)
    return step.outputs


_FLOW: dict[str, Callable[[Run, Step, dict[str, Value], Mapping[str, int], int], list[Value]]] = {
    "If": _branches,
    "Loop": _loop,
    "Scan": _scan,
    "SequenceMap": _map,
}

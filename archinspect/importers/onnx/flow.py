"""Control flow: branches, loops, scans, of which as much is executed as decides shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from archinspect.importers.onnx.messages import GraphOf
from archinspect.importers.onnx.values import OpenError, RuleError, Step, Value, axis_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from archinspect.base.shape import Shape
    from archinspect.importers.onnx.values import Frame

MAX_TRIPS = 64
"""Rounds of a loop that are executed one by one, so that what each makes of sizes is known."""


class Run(Protocol):
    """What executes steps: :class:`archinspect.importers.onnx.run.Run`."""

    steps: list[Step]

    def inside(
        self, step: Step, body: GraphOf, given: Mapping[str, Value], frame: Frame
    ) -> tuple[list[Step], list[Value]]:
        """Execute a graph within a step; return its steps and its outputs."""

    def add(self, step: Step, outputs: list[Value]) -> list[Value]:
        """Note a step with its outputs."""


def _body(step: Step, name: str = "body") -> GraphOf:
    found = step.attributes.get(name)
    if not isinstance(found, GraphOf):
        raise RuleError(f"'{name}' is no graph")
    return found


def branches(run: Run, step: Step, frame: Frame) -> list[Value]:
    """`If`: the branch that is taken where sizes decide it; else the one with more work, and what differs is said."""
    condition = step.data(0)
    if condition is not None:
        taken = _body(step, "then_branch" if condition[0] else "else_branch")
        steps, outputs = run.inside(step, taken, {}, frame)
        run.steps += steps
        return outputs
    found = [run.inside(step, _body(step, name), {}, frame) for name in ("then_branch", "else_branch")]
    found.sort(key=lambda branch: sum(one.macs for one in branch[0]), reverse=True)
    (steps, outputs), (others, other_outputs) = found
    run.steps += steps
    step.unknown = ("macs", "flops")
    step.note = "which branch is taken follows from data; the one with more multiply-accumulates is shown"
    step.inputs = [step.inputs[0], *outputs]
    step.inside, step.trips = others, 0
    step.varies = True
    return run.add(
        step,
        [
            Value(one.dims, one.dtype, sure=one.sure and one.dims == other.dims, items=one.items)
            for one, other in zip(outputs, other_outputs, strict=False)
        ],
    )


def loop(run: Run, step: Step, frame: Frame) -> list[Value]:
    """`Loop`: its body as often as is known, once where that follows from data."""
    body = _body(step)
    trips = step.data(0) if step.has(0) else None
    count = int(trips[0]) if trips else 1
    state = step.inputs[2:]
    follows = any(value is not None and (value.items is not None or value.data is not None) for value in state)
    one_by_one = trips is not None and count <= MAX_TRIPS and follows
    rows: list[Value] = []
    for trip in range(count if one_by_one else min(count, 2)):
        # Of what is not followed round by round, the second has the shapes of all that come after.
        number = Value((), "int64", [trip] if one_by_one else None)
        given = [number, Value((), "bool", [True]), *(value if one_by_one else _unread(value) for value in state)]
        named = {said.name: value for said, value in zip(body.inputs, given, strict=False) if value is not None}
        steps, outputs = run.inside(step, body, named, frame)
        step.inside = [*step.inside, *steps] if one_by_one else steps
        state, rows = list(outputs[1 : 1 + len(state)]), outputs[1 + len(state) :]
    step.trips = 1 if one_by_one else max(count, 0)
    step.macs = step.trips * sum(one.macs for one in step.inside)
    if trips is None:
        step.unknown = ("macs", "flops")
        step.note = "how often it runs follows from data; one round is counted"
    step.varies = True
    known = trips is not None
    finals = [_final(value, known=known, data=one_by_one) for value in state]
    stacks = [Value((max(count, 0), *value.dims), value.dtype, sure=known and value.sure) for value in rows]
    return run.add(step, [*finals, *stacks])


def _unread(value: Value | None) -> Value | None:
    """Return a value of which a later round may have another."""
    return None if value is None else Value(value.dims, value.dtype, sure=value.sure, items=value.items)


def _final(value: Value | None, *, known: bool, data: bool) -> Value:
    """Return a state after the last round."""
    if value is None:
        return Value(sure=False)
    sure = value.sure and (known or value.items is None)
    return Value(value.dims, value.dtype, value.data if data else None, sure=sure, items=value.items)


def scan(run: Run, step: Step, frame: Frame) -> list[Value]:
    """`Scan`: its body for every position of an axis; of version 8 with a batch before all axes."""
    body = _body(step)
    scanned = step.attribute("num_scan_inputs", 1)
    batched = step.opset < 9  # noqa: PLR2004 - with the lengths of sequences as an input, too
    given = [step.input(at) for at in range(1 if batched else 0, len(step.inputs))]
    states = len(given) - scanned
    if states < 0:
        raise RuleError(f"it has {len(given)} inputs, and scans {scanned}")
    axes = [0] * states + list(step.attribute("scan_input_axes", [0] * scanned))
    lead: Shape = ()
    count, named = 1, {}
    for at, (said, value, axis) in enumerate(zip(body.inputs, given, axes, strict=True)):
        dims = value.dims[1:] if batched else value.dims
        lead = value.dims[:1] if batched else ()
        if at >= states:
            place = axis_of(axis, len(dims))
            count, dims = dims[place], (*dims[:place], *dims[place + 1 :])
        named[said.name] = Value(dims, value.dtype, sure=value.sure)
    step.inside, outputs = run.inside(step, body, named, frame)
    step.trips = count * (lead[0] if lead else 1)
    step.macs = step.trips * sum(one.macs for one in step.inside)
    step.varies = True
    found = [Value((*lead, *value.dims), value.dtype, sure=value.sure) for value in outputs[:states]]
    rows = outputs[states:]
    for value, axis in zip(rows, step.attribute("scan_output_axes", [0] * len(rows)), strict=True):
        place = axis_of(axis, len(value.dims) + 1)
        dims = (*lead, *value.dims[:place], count, *value.dims[place:])
        found.append(Value(dims, value.dtype, sure=value.sure))
    return run.add(step, found)


def each_item(run: Run, step: Step, frame: Frame) -> list[Value]:
    """`SequenceMap`: its body for every item."""
    body = _body(step)
    items = step.input(0).items
    if items is None:
        raise OpenError("what the sequence holds is not known")
    made: list[list[Value]] = [[] for _ in body.outputs]
    for at, item in enumerate(items):
        given = [item, *(value.items[at] if value and value.items is not None else value for value in step.inputs[1:])]
        named = {said.name: value for said, value in zip(body.inputs, given, strict=False) if value is not None}
        steps, outputs = run.inside(step, body, named, frame)
        step.inside += steps
        for into, value in zip(made, outputs, strict=True):
            into.append(value)
    step.macs = sum(one.macs for one in step.inside)
    step.varies = True
    return run.add(
        step, [Value(part[0].dims if part else (), part[0].dtype if part else "float", items=part) for part in made]
    )


FLOW: dict[str, Callable[[Run, Step, Frame], list[Value]]] = {
    "If": branches,
    "Loop": loop,
    "Scan": scan,
    "SequenceMap": each_item,
}
"""Operators that execute graphs, by their names in the standard set."""

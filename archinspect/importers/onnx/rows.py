"""Which steps of a model become rows, and where these stand in the hierarchy of modules."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from archinspect.importers.onnx.names import Place, place_of
from archinspect.importers.onnx.ours import ours_of
from archinspect.ops.dense import Dense

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.importers.onnx.run import Run
    from archinspect.importers.onnx.values import Step, Value


class Row(NamedTuple):
    """A step that is a row, at each batch; with the addition of its bias, where that is another step."""

    steps: tuple[Step, ...]
    bias: tuple[Step, ...] = ()


def readers_of(run: Run) -> Counter[Value]:
    """Return how often each value is read, the network's outputs once more."""
    readers = Counter(value for step in run.steps for value in all_inputs(step))
    readers.update(run.outputs)
    return readers


def all_inputs(step: Step) -> Iterator[Value]:
    """Yield what a step reads, and what steps within it do."""
    yield from (value for value in step.inputs if value is not None)
    for one in step.inside:
        yield from all_inputs(one)


def rows_of(runs: Sequence[Run], readers: Counter[Value]) -> list[Row]:
    """Return the rows: what follows from constants and sizes alone is none."""
    found: list[Row] = []
    by_output: dict[Value, int] = {}
    for steps in zip(*[run.steps for run in runs], strict=True):
        if all(map(_is_folded, steps)):
            continue
        at = _biased(steps[0], found, by_output, readers)
        if at is not None:
            found[at] = Row(found[at].steps, steps)
            continue
        by_output |= dict.fromkeys(steps[0].outputs[:1], len(found))
        found.append(Row(steps))
    return found


def _is_folded(step: Step) -> bool:
    """Whether nothing is computed of data: all outputs follow from constants and sizes."""
    if step.inside or step.unknown:
        return False
    return all(value.constant or (value.data is not None and value.items is None) for value in step.outputs)


def _biased(step: Step, rows: list[Row], by_output: dict[Value, int], readers: Counter[Value]) -> int | None:
    """Return the row of the product to which a step adds a bias, as exporters write a fully connected layer."""
    if step.kind != "Add" or step.domain or not (step.has(0) and step.has(1)):
        return None
    for one, other in ((0, 1), (1, 0)):
        value, bias = step.input(one), step.input(other)
        at = by_output.get(value)
        if at is None or readers[value] > 1 or rows[at].bias or not _is_dense(rows[at].steps[0]):
            continue
        if bias.constant and bias.plain and bias.dims == value.dims[-1:]:
            return at
    return None


def _is_dense(step: Step) -> bool:
    ours = ours_of(step) if step.kind == "MatMul" else None
    return ours is not None and isinstance(ours.op, Dense)


def places_of(rows: Sequence[Row]) -> list[Place]:
    """Return where rows stand; one of which the file says nothing, beside others, with what it reads first."""
    scoped = any(row.steps[0].scopes for row in rows)
    modules: dict[Value, tuple[str, ...]] = {}
    found = []
    for row in rows:
        step = row.steps[0]
        kernel = step.inputs[1] if len(step.inputs) > 1 else None
        weight = kernel.stored[0].name if kernel is not None and kernel.constant and len(kernel.stored) == 1 else ""
        place = place_of(step, weight)
        if scoped and not step.scopes:
            before = next((modules[value] for value in step.inputs if value in modules), ())
            place = Place(before, place.own)
        modules |= dict.fromkeys((row.bias or row.steps)[0].outputs, place.module)
        found.append(place)
    return found

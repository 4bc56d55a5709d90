"""ONNX files, opsets 6 to 28: read in place, without the `onnx` package, and none of the weights.

`wire` reads protocol buffers, `model` the messages. A `run` executes a model on shapes, and on the few values that
decide them, by the `rules` of its operators. It is executed at several batches; `build` makes the graph of what came
out, with operators of ours where the table of `ours` has one that agrees with the file, and else a `row` with the
file's own shapes and costs.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from archinspect.importers.onnx.build import BATCHES, graph_of
from archinspect.importers.onnx.inputs import entries_of
from archinspect.importers.onnx.messages import ModelOf, Stored
from archinspect.importers.onnx.model import parse
from archinspect.importers.onnx.row import at as size_at
from archinspect.importers.onnx.row import fitted
from archinspect.importers.onnx.run import Run, StepError
from archinspect.importers.onnx.values import Value
from archinspect.ops.declared import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.base.diagnostics import Problems
    from archinspect.base.settings import Settings
    from archinspect.graph.graph import Graph
    from archinspect.importers.file import File
    from archinspect.importers.onnx.inputs import Entries

OPSETS = range(1, 29)
"""Versions of the standard operators that rules are written for."""
REFUSED = {
    "ai.onnx.ml": "operators of classical machine learning, such as trees and classifiers, which are no network's",
}
"""Sets of operators that are not read, and why."""


ANOTHER = 7
"""A batch at which is tried what follows from the others."""
AS_STORED = (
    "parameters as stored in the file: exporters fold batch normalization into convolutions, untie what was tied, "
    "leave out what is zero"
)
"""What a reader of figures has to know."""


def read(file: File, settings: Settings, problems: Problems) -> Graph | None:
    """Return the graph of a model."""
    model = file.once(parse)
    _refuse(model, file)
    found = entries_of(model.graph, file, settings, problems)
    if problems.failed:
        return None
    runs, fixed = _runs(model, found, file)
    name = os.path.basename(file.path).removesuffix(".onnx")
    try:
        graph = graph_of(runs, found.entries, name, file)
    except ArgumentError as error:
        raise file.refuse(f"the file has a size that no tensor has: {error.message}", error.help) from None
    return graph.replace(
        description=_described(model, found, fixed),
        source="",
        params={k: v for k, v in found.params.items() if v is not None},
    )


def _refuse(model: ModelOf, file: File) -> None:
    version = model.opsets.get("", 1)
    if version not in OPSETS:
        message = f"the file is of opset {version}; {OPSETS.start} to {OPSETS.stop - 1} are known"
        raise file.refuse(message, "export it again with `opset_version=21`")
    for node in model.graph.nodes:
        why = REFUSED.get(node.domain)
        if why:
            raise file.refuse(f"'{node.kind}' is of {node.domain}: {why}", "they are not read", node.name or node.kind)


def execute(model: ModelOf, found: Entries, batch: int) -> Run:
    """Return a model executed at a batch; raise :class:`StepError`."""
    values = {entry.name: entry.value(batch) for entry in found.entries}
    return Run(model, {**_missing_weights(model, found), **values}, batch if found.baked and batch > 1 else 0)


def _runs(model: ModelOf, found: Entries, file: File) -> tuple[list[Run], bool]:
    """Return the model executed at several batches; at the file's own alone where no other fits."""
    try:
        first = execute(model, found, BATCHES[0])
    except StepError as error:
        raise file.refuse(f"its operators do not fit together: {error.message}", node=error.node) from None
    if all(entry.batch is None for entry in found.entries):
        return [first], True
    try:
        others = [execute(model, found, batch) for batch in BATCHES[1:]]
    except StepError:
        return [first], True
    runs = [first, *others]
    if not _are_alike(runs) or (found.baked and not _follow(runs)) or not _are_polynomials(model, found, runs):
        return [first], True
    return runs, False


def _are_alike(runs: list[Run]) -> bool:
    """Return whether the same operators ran at every batch, on as many axes."""

    def kinds(run: Run) -> list[tuple[str, list[int]]]:
        return [(step.kind, [len(value.dims) for value in step.outputs]) for step in run.steps]

    return all(kinds(run) == kinds(runs[0]) for run in runs[1:])


def _are_polynomials(model: ModelOf, found: Entries, runs: list[Run]) -> bool:
    """Return whether what is no line through three batches is not one through the fourth either.

    A size such as half the batch, rounded down, would be taken for a parabola.
    """
    sizes = [list(_sizes(run)) for run in runs]
    curved = [
        (at, fitted(values))
        for at, values in enumerate(zip(*sizes, strict=True))
        if values[1] - values[0] != values[2] - values[1]
    ]
    if not curved:
        return True
    try:
        another = list(_sizes(execute(model, found, ANOTHER)))
    except StepError:
        return False
    return len(another) == len(sizes[0]) and all(size_at(size, ANOTHER) == another[at] for at, size in curved)


def _sizes(run: Run) -> Iterator[int]:
    """Yield every size of a run, and its multiply-accumulates."""
    for step in run.steps:
        yield step.macs
        for value in step.outputs:
            yield from value.dims


def _follow(runs: list[Run]) -> bool:
    """Return whether outputs that begin with the file's batch of 1 begin with every other."""
    return all(
        run.outputs[at].dims[:1] == (batch,)
        for at, value in enumerate(runs[0].outputs)
        if value.dims[:1] == (1,)
        for batch, run in zip(BATCHES, runs, strict=True)
    )


def _missing_weights(model: ModelOf, found: Entries) -> dict[str, Value]:
    """Return the inputs that are weights as constants of which only the shape is known."""
    values = {}
    for said in model.graph.inputs:
        if said.name in found.weights:
            dims = tuple(size for size in said.dims or () if type(size) is int)
            stored = Stored(said.name, dims, said.code)
            stored.initializer = stored.is_external = True
            values[said.name] = Value.of(stored)
    return values


def _described(model: ModelOf, found: Entries, fixed: bool) -> str:  # noqa: FBT001 - a fact that is told
    """Return what a reader of a summary has to know of the file."""
    made = f" of {model.producer}" if model.producer else ""
    lines = [f"ONNX{made}, opset {model.opsets.get('', 1)}; {AS_STORED}"]
    if fixed:
        lines.append("the batch is baked into the file, and figures are for its own")
    elif found.baked:
        lines.append("the file has a batch of 1; figures of others are what its operators would cost")
    if found.weights:
        lines.append(f"{len(found.weights)} inputs are taken for weights, which the file has no numbers for")
    return "; ".join(lines)

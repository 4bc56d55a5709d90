"""The proof of a written spec: it is read again, and has the same figures, layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.analyses.cost import layer_costs
from archinspect.analyses.facts import facts_of
from archinspect.base.diagnostics import Problems
from archinspect.base.settings import Settings
from archinspect.base.source import Source
from archinspect.exporters.refusal import CannotExportError
from archinspect.exporters.spec.meant import OTHER, core, in_another_batch, without_ones
from archinspect.language.load import load
from archinspect.reports.summary import uncounted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from archinspect.analyses.facts import Facts
    from archinspect.base.shape import Shape
    from archinspect.exporters.spec.layers import Layers


class Row(NamedTuple):
    """What has to be the same of a layer."""

    output: Shape
    type: str
    params: int
    trainable: int
    buffers: int
    macs: int
    flops: int
    unknown: tuple[str, ...]


SUMMED = ("params", "trainable", "buffers", "macs", "flops")
"""The figures of a row that those of its steps add up to."""


def prove(facts: Facts, text: str, paths: Mapping[str, str], layers: Layers) -> Facts:
    """Return what is read of the text; raise :class:`CannotExportError` for the first layer that is another one.

    `paths` are the steps' paths in the text, by their own; `layers` say which steps each layer is, and what of it they
    leave out.
    Where the batch is open, that holds for another one, too.
    """
    again = _read(facts, text)
    _compare(facts, again, paths, layers, shapes=True)
    one = in_another_batch(facts)
    if one is not None:
        other = facts_of(again.graph, again.settings._replace(batch=OTHER), Problems())
        if other is not None:
            _compare(one, other, paths, layers, shapes=False)
    return again


def _read(facts: Facts, text: str) -> Facts:
    """Return what the text is when it is read; a null that comes first is taken as readers do, for what fits."""
    settings = Settings(batch=facts.settings.batch or facts.graph.batch, open=facts.settings.open)
    first = None
    for batch_first in (settings.open.batch_first, False, True) if facts.graph.open else (None,):
        problems = Problems()
        asked = settings._replace(open=settings.open._replace(batch_first=batch_first))
        graph = load(Source("the spec", text), asked, problems)
        again = None if graph is None else facts_of(graph, asked, problems)
        if again is not None and not problems.failed:
            return again
        first = first or problems.all()[0].message
    raise CannotExportError(facts.graph.name, f"what is written is no spec: {first}")


def _compare(facts: Facts, again: Facts, paths: Mapping[str, str], layers: Layers, *, shapes: bool) -> None:
    """Compare layers; of shapes, a program may have another first axis for another batch."""
    theirs = dict(_rows(again, shapes=shapes))
    last = {node.layer: node.output for node in facts.graph.nodes}
    for layer, row in _rows(facts, shapes=shapes):
        parts = [paths[part] for part in layers.parts.get(layer, ()) if part in paths]
        if not parts:
            continue
        wanted = row._replace(buffers=row.buffers - layers.left_out.get(layer, 0))
        found = _sum([theirs.pop(part, None) for part in parts])
        if found is not None and layer in layers.unsaid:
            wanted = wanted._replace(macs=found.macs, flops=found.flops, unknown=("flops", "macs"))
        if found is not None and shapes and last[layer] in layers.meant.within:
            wanted = wanted._replace(output=core(layers.meant.sample(last[layer])))
            found = found._replace(output=core(found.output[found.output[:1] == (layers.meant.fixed,) :]))
        if found != wanted:
            raise CannotExportError(layer, _difference(wanted, found, facts.batch))
    if theirs:
        raise CannotExportError(next(iter(theirs)), "it is no layer of the network")
    outputs = [[one.shape(tensor) for tensor in one.graph.outputs] for one in (facts, again)]
    known = shapes and layers.meant.within.keys().isdisjoint(facts.graph.outputs)  # others are in their layers' rows
    if known and [*map(without_ones, outputs[0])] != [*map(without_ones, outputs[1])]:
        raise CannotExportError(facts.graph.name, f"the outputs are {outputs[0]}, and {outputs[1]} when read again")


def _sum(rows: Sequence[Row | None]) -> Row | None:
    """Return the row of steps that are one layer, the first of which gives its output; None where one is missing."""
    known = [row for row in rows if row is not None]
    if len(known) < len(rows):
        return None
    first = known[0]
    figures = {name: sum(getattr(row, name) for row in known) for name in SUMMED}
    return first._replace(**figures, unknown=tuple(sorted({name for row in known for name in row.unknown})))


def _rows(facts: Facts, *, shapes: bool) -> Iterator[tuple[str, Row]]:
    last = {node.layer: node for node in facts.graph.nodes}
    unknown = uncounted(facts.graph)
    for layer, cost in layer_costs(facts).items():
        shape, dtype = facts.types[last[layer].output.position]
        output = without_ones(shape) if shapes else ()
        missing = tuple(sorted(unknown.get(layer, ())))
        arithmetic = cost.macs, cost.flops, missing
        yield layer, Row(output, dtype, cost.params, cost.trainable_params, cost.buffers, *arithmetic)


def _difference(wanted: Row, found: Row | None, batch: int) -> str:
    if found is None:
        return "it is missing when the spec is read"
    name = next(name for name in Row._fields if getattr(wanted, name) != getattr(found, name))
    of = f", for a batch of {batch}," if batch > 1 else ""
    return f"its {name}{of} is {getattr(wanted, name)}, and {getattr(found, name)} when the spec is read"

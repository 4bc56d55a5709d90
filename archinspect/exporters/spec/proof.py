"""The proof of a written spec: it is read again, and has the same figures, layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.analyses.cost import layer_costs
from archinspect.analyses.facts import facts_of
from archinspect.base.diagnostics import Problems
from archinspect.base.settings import Settings
from archinspect.base.source import Source
from archinspect.exporters.refusal import CannotExportError
from archinspect.language.load import load
from archinspect.reports.summary import uncounted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from archinspect.analyses.facts import Facts
    from archinspect.base.shape import Shape


class Row(NamedTuple):
    """What has to be the same of a layer."""

    output: Shape
    params: int
    trainable: int
    buffers: int
    macs: int
    flops: int
    unknown: tuple[str, ...]


def prove(facts: Facts, text: str, paths: Mapping[str, str], left_out: Mapping[str, int]) -> None:
    """Raise :class:`CannotExportError` for the first layer that is another one when the text is read.

    `paths` are the layers' paths in the text, by their own; `left_out` says how many buffers of each it leaves out.
    """
    problems = Problems()
    graph = load(Source("the spec", text), Settings(batch=_batch(facts), open=facts.settings.open), problems)
    again = None if graph is None else facts_of(graph, Settings(batch=_batch(facts)), problems)
    if again is None or problems.failed:
        raise CannotExportError(facts.graph.name, f"what is written is no spec: {problems.all()[0].message}")
    theirs = dict(_rows(again))
    for layer, row in _rows(facts):
        if layer not in paths:
            continue
        wanted = row._replace(buffers=row.buffers - left_out.get(layer, 0))
        found = theirs.pop(paths[layer], None)
        if found != wanted:
            raise CannotExportError(layer, _difference(wanted, found))
    if theirs:
        raise CannotExportError(next(iter(theirs)), "it is no layer of the network")
    outputs = [[one.shape(tensor) for tensor in one.graph.outputs] for one in (facts, again)]
    if list(map(_plain, outputs[0])) != list(map(_plain, outputs[1])):
        raise CannotExportError(facts.graph.name, f"the outputs are {outputs[0]}, and {outputs[1]} when read again")


def _batch(facts: Facts) -> int | None:
    return facts.settings.batch or facts.graph.batch


def _rows(facts: Facts) -> Iterator[tuple[str, Row]]:
    last = {node.layer: node for node in facts.graph.nodes}
    unknown = uncounted(facts.graph)
    for layer, cost in layer_costs(facts).items():
        output = _plain(facts.shape(last[layer].output))
        missing = tuple(sorted(unknown.get(layer, ())))
        yield layer, Row(output, cost.params, cost.trainable_params, cost.buffers, cost.macs, cost.flops, missing)


def _plain(shape: Shape) -> Shape:
    """Return a shape without a first axis of 1, which what is the same for all samples has in a spec."""
    return shape[1:] if shape[:1] == (1,) else shape


def _difference(wanted: Row, found: Row | None) -> str:
    if found is None:
        return "it is missing when the spec is read"
    name = next(name for name in Row._fields if getattr(wanted, name) != getattr(found, name))
    return f"its {name} is {getattr(wanted, name)}, and {getattr(found, name)} when the spec is read"

"""What a spec says before and after its layers: the network's name, source, inputs, outputs, figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.analyses.cost import layer_costs, sum_of_costs
from archinspect.exporters.spec.text import entry
from archinspect.language.parse import LAYOUTS, MAX_TEXT
from archinspect.reports.summary import uncounted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from archinspect.analyses.facts import Facts
    from archinspect.graph.graph import Graph, Node


class Count(int):
    """A number with its thousands marked."""

    def __repr__(self) -> str:
        return f"{self:_}"


def head(facts: Facts) -> Iterator[str]:
    """Yield the lines that say what the network is."""
    graph = facts.graph
    yield from entry("name", " ".join(graph.name.split())[:MAX_TEXT] or "network")
    for key in ("source", "description"):
        text = " ".join(str(getattr(graph, key)).split())
        if text:
            yield from entry(key, text[:MAX_TEXT])
    if graph.metrics:
        yield from entry("metrics", dict(graph.metrics))
    if graph.layout != LAYOUTS[0]:
        yield from entry("layout", graph.layout)


def inputs(graph: Graph, facts: Facts, names: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines that say what comes in."""
    given = {names[node.path]: _input(graph, facts, node) for node in graph.inputs}
    is_read = any(tensor.producer in graph.inputs for node in graph.nodes for tensor in node.inputs)
    if list(given) == ["input"] or (len(given) == 1 and not is_read):
        yield from entry("input", next(iter(given.values())))
    elif given:
        yield from entry("inputs", given)


def _input(graph: Graph, facts: Facts, node: Node) -> Any:  # noqa: ANN401 - a shape, or more
    shape, dtype = facts.types[node.output.position]
    sample: list[int | None] = list(shape[1:] if node.output.batched or shape[:1] in ((1,), (graph.batch,)) else shape)
    for axis in graph.open.get(node.path, ()):
        sample[axis - 1] = None
    if sample[:1] == [None] and sample.count(None) == 1:
        sample.insert(0, None)  # the batch, as Keras prints it: the only null would be that
    more: dict[str, Any] = {"dtype": dtype} if dtype != "float" else {}
    if not node.output.batched and shape[:1] != (graph.batch,):
        more["batch"] = False
    return {"shape": sample, **more} if more else sample


def expected(facts: Facts, unsaid: Collection[str]) -> Iterator[str]:
    """Yield the line of the figures that the network has: those that are known, and that its layers say."""
    if any(facts.graph.open.values()):
        return
    totals = sum_of_costs(facts.once(layer_costs).values())
    missing = {figure for figures in uncounted(facts.graph).values() for figure in figures}
    missing |= {"macs", "flops"} if unsaid else set()
    found: dict[str, Any] = {}
    if not facts.settings.batch or facts.settings.batch == 1:
        figures = {"params": totals.params, "macs": totals.macs, "flops": totals.flops}
        found = {name: Count(figure) for name, figure in figures.items() if name not in missing}
    shapes = [list(facts.shape(tensor)[1:]) for tensor in dict.fromkeys(facts.graph.outputs)]
    found |= {"output": shapes[0]} if len(shapes) == 1 else {"outputs": shapes}
    yield from entry("expect", found)

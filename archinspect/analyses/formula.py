"""Closed formulas of a network's figures, in its parameters, the sizes of its inputs and the batch.

There is no second copy of any rule: the network is expanded and analyzed once, on symbols, and a formula is what came
out. It holds where every comparison on the way turns out as it did: its guards say where.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.analyses.cost import layer_costs, sum_of_costs
from archinspect.analyses.facts import facts_of
from archinspect.analyses.memory import kept_bytes, peak_bytes
from archinspect.base.diagnostics import InvalidSpecError, Problems, refuse_unknown
from archinspect.base.shape import axis_names_of
from archinspect.base.symbolic.trace import Symbolic, Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from archinspect.analyses.facts import Facts
    from archinspect.base.diagnostics import Diagnostic
    from archinspect.base.settings import Settings
    from archinspect.base.symbolic.formulas import Formula
    from archinspect.graph.graph import Graph

    Loader = Callable[[Settings, Problems], "Graph | None"]

FIGURES: dict[str, tuple[str, Callable[[Facts], int]]] = {
    "params": ("parameters, trainable and frozen", lambda facts: sum_of_costs(layer_costs(facts).values()).params),
    "macs": ("multiply-accumulates", lambda facts: sum_of_costs(layer_costs(facts).values()).macs),
    "flops": ("FLOPs", lambda facts: sum_of_costs(layer_costs(facts).values()).flops),
    "output_bytes": (
        "bytes of all layers' outputs",
        lambda facts: sum_of_costs(layer_costs(facts).values()).output_bytes,
    ),
    "kept": ("bytes that backward keeps", kept_bytes),
    "peak": ("bytes of activations alive at once at inference", peak_bytes),
}
"""What there is a formula of: a few words, and how facts give it."""
BATCH = "batch"
SEVERAL = 2
"""Samples that stand for any number: an axis of one lies in memory in ways of its own, and would be the only case."""


def variables(facts: Facts) -> dict[str, int]:
    """Return all variables of a network's formulas, with their values: batch, whole parameters, sizes of inputs.

    Sizes are called by their axes, `height`, `width`, `channels`, `steps`, `features`, with the input's name before
    them where there are several, or where a parameter has that name.
    """
    graph = facts.graph
    found = {BATCH: facts.batch}
    found.update({name: value for name, value in graph.params.items() if type(value) is int and name != BATCH})
    outputs = {node.path: node.output for node in graph.inputs}
    for name, (path, axis) in axes(graph).items():
        found[name] = facts.shape(outputs[path])[axis]
    return found


def axes(graph: Graph) -> dict[str, tuple[str, int]]:
    """Return the names of the inputs' axes: for each the input and the axis, counted with the batch."""
    found = {}
    for node in graph.inputs:
        names = axis_names_of(len(node.op.output()), graph.layout)
        for axis, name in enumerate(names, 1):
            several = len(graph.inputs) > 1 or name in graph.params
            found[f"{node.path}_{name}" if several else name] = (node.path, axis)
    return found


MAX_OPERATORS = 5_000
"""Of a network whose formulas are asked for: each takes a third of a millisecond, for each figure."""


class RefusedError(InvalidSpecError):
    """The network does not take a point; `where` is a formula whose guards say where it refuses all for this reason."""

    def __init__(self, diagnostics: list[Diagnostic], where: Formula) -> None:
        super().__init__(diagnostics)
        self.where = where


class Symbols:
    """A network run on symbols: the facts of which every number knows how it came about."""

    def __init__(
        self,
        load: Loader,
        facts: Facts,
        names: Sequence[str],
        values: Mapping[str, Any] | None = None,
        trace: Trace | None = None,
    ) -> None:
        """Trace at the network's own values of the variables named, or at other `values`; a batch not said is several.

        `values` may name parameters that are no numbers, too. Raise :class:`RefusedError` where the network refuses
        them.
        """
        own = variables(facts)
        for name in names:
            refuse_unknown("a variable", name, own)
        self.names = tuple(names)
        self.trace = trace or Trace()
        batch = {BATCH: SEVERAL} if facts.settings.batch is None else {}
        point = own | batch | dict(values or {})
        symbols = {name: self.trace.symbol(name, point[name], low=min(1, point[name])) for name in names}
        problems = Problems()
        settings = _settings(facts, {**{name: point[name] for name in values or {}}, **symbols})
        graph = load(settings, problems)
        found = None if graph is None else facts_of(graph, settings, problems, remember=False)
        if found is None or problems.failed:
            raise RefusedError(problems.all(), self.trace.formula(0))
        self.facts = found

    def formula(self, figure: str) -> Formula:
        """Return a figure's formula, with the guards of all that was computed so far."""
        return self.trace.formula(FIGURES[figure][1](self.facts))

    def sizes_of_inputs(self) -> set[str]:
        """Return the variables of inputs whose sizes follow from no parameter."""
        sizes: dict[str, tuple[object, ...]] = {node.path: node.op.output() for node in self.facts.graph.inputs}
        places = axes(self.facts.graph)
        return {name for name, (path, axis) in places.items() if type(sizes[path][axis]) is not Symbolic}


def _settings(facts: Facts, given: Mapping[str, Any]) -> Settings:
    """Return the settings with these values of variables, symbols or not."""
    graph, places = facts.graph, axes(facts.graph)
    params = {name: value for name, value in given.items() if name in graph.params and name not in places}
    outputs = {node.path: node.output for node in graph.inputs}
    shapes: dict[str, list[Any]] = {}
    for name, value in given.items():
        if name in places:
            path, axis = places[name]
            shapes.setdefault(path, list(facts.shape(outputs[path])[1:]))[axis - 1] = value
    settings = facts.settings
    return settings._replace(
        batch=given.get(BATCH, settings.batch),
        params={**settings.params, **params},
        inputs={**settings.shapes_for([node.path for node in graph.inputs]), **shapes},
    )


def formulas(load: Loader, facts: Facts, figures: Sequence[str] = (), names: Sequence[str] = ()) -> dict[str, Formula]:
    """Return the formulas of figures, all of :data:`FIGURES` unless some are named, each with guards of its own.

    Without `names` their variables are all that the network's structure does not depend on: the batch, its parameters,
    and the sizes of its inputs but for channels and features. Raise ValueError for what is none, and for a network of
    more than :data:`MAX_OPERATORS`.
    """
    for figure in figures:
        refuse_unknown("a figure", figure, FIGURES)
    count = len(facts.graph.nodes)
    if count > MAX_OPERATORS:
        raise ValueError(
            f"the network has {count:,} operators, and formulas are found for at most {MAX_OPERATORS:,}: "
            "with fewer copies of its blocks they are as informative"
        )
    chosen = list(names) or free_variables(load, facts)
    return {figure: Symbols(load, facts, chosen).formula(figure) for figure in figures or FIGURES}


def free_variables(load: Loader, facts: Facts) -> list[str]:
    """Return the variables that the structure of the network leaves open."""
    own = variables(facts)
    places = axes(facts.graph)
    params = [name for name, value in own.items() if name not in places and value > 0]
    free = Symbols(load, facts, params).sizes_of_inputs()
    sizes = [name for name in places if name in free and not name.endswith(("channels", "features"))]
    traced = Symbols(load, facts, [*params, *sizes])
    ranges = traced.formula("macs").ranges
    return [name for name in traced.names if name not in ranges or ranges[name][0] < ranges[name][1]]

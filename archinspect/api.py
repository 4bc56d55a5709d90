"""What a Python user imports and the commands call: inspect, explain, memory_report, fit, compare, check."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.diagnostics import InvalidSpecError, Problems, suggest
from archinspect.base.source import Source, SourceError, decode, read_file, read_tree
from archinspect.graph.graph import collection_paused
from archinspect.graph.infer import infer
from archinspect.language import library
from archinspect.language.expand import Settings
from archinspect.language.load import is_template, load
from archinspect.language.parse import parse_spec
from archinspect.reports.summary import Report, report, uncounted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from archinspect.analyses.fit import Fit
    from archinspect.base.diagnostics import Diagnostic
    from archinspect.base.source import Value
    from archinspect.conventions import Difference
    from archinspect.graph.graph import Graph
    from archinspect.reports.explanation import Explained
    from archinspect.reports.memory import MemoryReport, Plan
    from archinspect.reports.worked import Worked


class NotFoundError(Exception):
    """No file and no built-in network of this name; the message names the nearest."""


class Checked(NamedTuple):
    """What `check` found in one file; `report` is None where the spec has errors."""

    path: str
    diagnostics: list[Diagnostic]
    report: Report | None
    template: bool = False
    """Whether it needs parameters, and so stands for a family of networks; only its form is checked."""

    @property
    def ok(self) -> bool:
        """Return whether there are no errors (there may be warnings)."""
        return all(diagnostic.severity != "error" for diagnostic in self.diagnostics)


def inspect(  # noqa: PLR0913 - each by its name
    spec: str | Path,
    *,
    batch: int | None = None,
    dtype: str = "float32",
    params: Mapping[str, Value] | None = None,
    inputs: Mapping[str, Sequence[int]] | None = None,
    convention: str = "",
    memory: bool = False,
) -> Report:
    """Return what a network is and costs.

    `spec` is the path of a file, `-` for standard input, or the name of a built-in network.
    `params` overrides the spec's parameters, `inputs` its input shapes (without the batch); figures
    are for a batch of `batch` samples, or one. With a `convention`, such as `fvcore`, the report also
    holds what that tool counts, as `counted`; with `memory` what is held at one time.

    Raise :class:`NotFoundError` where there is no such spec, :class:`InvalidSpecError` where it has errors,
    :class:`ValueError` where there is no such convention.

    >>> import archinspect
    >>> archinspect.inspect("vgg16").totals.params
    138357544
    >>> archinspect.inspect("vgg16", convention="fvcore").counted
    {'params': 138357544, 'flops': 15470289408}
    """
    with collection_paused():
        graph = _network(open_spec(spec), Settings(params, inputs), batch)
        return report(graph, batch=batch, dtype=dtype, convention=convention, memory=memory)


def explain(
    spec: str | Path,
    *,
    batch: int | None = None,
    params: Mapping[str, Value] | None = None,
    inputs: Mapping[str, Sequence[int]] | None = None,
    convention: str = "",
) -> Explained:
    """Return the formula behind every figure of every layer; arguments and errors as for :func:`inspect`.

    With a `convention` also where that tool's figures are not archinspect's, and why.

    >>> import archinspect
    >>> conv, relu = archinspect.explain("alexnet").layers["conv1"]
    >>> conv.weights[0].elements.formula
    'kernel_height * kernel_width * in_channels * filters'
    """
    from archinspect.reports.explanation import Explained, explain_graph  # a summary does without

    with collection_paused():
        graph = _network(open_spec(spec), Settings(params, inputs), batch)
        found = report(graph, batch=batch, convention=convention)
        return Explained(found, explain_graph(graph, batch), _worked(graph), _differences(graph, convention))


def network(
    spec: str | Path,
    *,
    batch: int | None = None,
    params: Mapping[str, Value] | None = None,
    inputs: Mapping[str, Sequence[int]] | None = None,
) -> Graph:
    """Return a network's graph, its shapes known for a batch of `batch` samples, or one.

    It is what :mod:`archinspect.analyses.memory` reads. Arguments and errors are those of :func:`inspect`.

    >>> from archinspect.api import network
    >>> from archinspect.analyses.memory import kept
    >>> kept(network("vgg16")).total
    73355264
    """
    with collection_paused():
        return _network(open_spec(spec), Settings(params, inputs), batch)


def memory_report(
    spec: str | Path,
    plan: Plan | None = None,
    *,
    batch: int | None = None,
    params: Mapping[str, Value] | None = None,
    inputs: Mapping[str, Sequence[int]] | None = None,
) -> MemoryReport:
    """Return what a network takes at inference and in training, by a plan; arguments and errors as for :func:`inspect`.

    >>> import archinspect
    >>> archinspect.memory_report("vgg16", batch=32).training.optimizer
    1106860352
    """
    from archinspect.reports import memory as budget  # a summary does without

    plan = plan or budget.Plan()
    with collection_paused():
        graph = _network(open_spec(spec), Settings(params, inputs), batch)
        activations = plan.activations(graph)
        return budget.MemoryReport(
            report(graph, batch=batch, dtype=plan.dtype),
            plan,
            budget.ledger(graph),
            budget.inference(activations, plan, batch or 1),
            budget.training(activations, plan),
        )


def fit(  # noqa: PLR0913 - each by its name
    spec: str | Path,
    memory: int,
    plan: Plan | None = None,
    *,
    training: bool = False,
    vary: Sequence[str] = (),
    batch: int | None = None,
    params: Mapping[str, Value] | None = None,
    inputs: Mapping[str, Sequence[int]] | None = None,
) -> list[Fit]:
    """Return the largest batch, and the largest value of other parameters of the spec, that fit into so many bytes.

    `vary` names them; without, they are `batch` and, where the spec has it, `seq`, each by itself. A parameter is
    searched from its value up and down, in steps that the network takes. Raise
    :class:`ValueError` for one that is no whole number; arguments and errors are otherwise those of :func:`inspect`.

    >>> import archinspect
    >>> archinspect.fit("vgg16", 24 * 2**30, training=True)[0].largest
    321
    """
    from archinspect.analyses.fit import largest_that_fits
    from archinspect.reports import memory as budget  # a summary does without

    how = plan or budget.Plan()
    source = open_spec(spec)

    def need(name: str, value: int) -> int | None:
        problems = Problems()
        graph: Graph | None = known
        if name == "batch":
            samples = value
            infer(known, problems, samples)
        else:
            samples = batch or 1
            graph = _load(source, problems, Settings({**(params or {}), name: value}, inputs), samples)
        if graph is None or problems.failed:
            return None
        alive = how.activations(graph)
        return (budget.training(alive, how) if training else budget.inference(alive, how, samples)).total

    with collection_paused():
        known = _network(source, Settings(params, inputs), batch)
        starts = {"batch": 1, **{name: value for name, value in known.params.items() if type(value) is int}}
        wanted = list(dict.fromkeys(vary)) or [name for name in ("batch", "seq") if name in starts]
        for name in wanted:
            if name not in starts:
                raise ValueError(f"no parameter '{name}' that is a whole number: {suggest(name, starts)}")
        found = [largest_that_fits(name, memory, partial(need, name), starts[name]) for name in wanted]
        unknown = uncounted(known)
        return [one._replace(uncounted=unknown) for one in found]


def compare(*specs: str | Path, batch: int | None = None, dtype: str = "float32") -> list[Report]:
    """Return the reports of several networks, in the order given."""
    return [inspect(spec, batch=batch, dtype=dtype) for spec in specs]


def check(spec: str | Path) -> Checked:
    """Return everything that is wrong with a spec, its `expect` included; never raises for a bad spec."""
    problems = Problems()
    try:
        source = open_spec(spec)
    except SourceError as error:
        problems.source_error(error)
        return Checked(str(spec), problems.all(), None)
    if is_template(source):
        return Checked(source.name, _check_template(source), None, template=True)
    with collection_paused():
        graph = _load(source, problems, Settings(), None)
    if graph is None or problems.failed:
        return Checked(source.name, problems.all(), None)
    result = report(graph)
    from archinspect.checks import run_checks  # a summary does without

    run_checks(graph, result, problems)
    return Checked(source.name, problems.all(), result)


def builtin_reports() -> Iterator[tuple[str, Report]]:
    """Return the name and report of every built-in network, templates left out."""
    for name, path in library.builtins().items():
        source = library.read(path)
        if not is_template(source):
            yield name, report(_network(source, Settings(), None))


def open_spec(spec: str | Path) -> Source:
    """Return the text of a spec; a file wins over a built-in network of the same name."""
    if spec == "-":
        return decode(sys.stdin.buffer.read(), "<stdin>")
    path = os.fspath(spec)
    builtin = None if os.path.isfile(path) else library.find(path)
    if builtin is None and not os.path.exists(path):
        raise NotFoundError(f"no file and no built-in network '{path}': {suggest(path, library.builtins())}")
    return library.read(builtin) if builtin else read_file(path)


def _differences(graph: Graph, convention: str) -> tuple[Difference, ...]:
    if not convention:
        return ()
    from archinspect.conventions import differences  # only where one is asked for

    return tuple(differences(graph, convention))


def _worked(graph: Graph) -> tuple[Worked, ...]:
    if graph.values is None:
        return ()
    from archinspect.reports.worked import work_out  # numpy only for specs with numbers

    problems = Problems()
    worked = work_out(graph, problems)
    if problems.failed:
        raise InvalidSpecError(problems.all())
    return tuple(worked)


def _network(source: Source, settings: Settings, batch: int | None) -> Graph:
    problems = Problems()
    graph = _load(source, problems, settings, batch)
    if graph is None or problems.failed:
        raise InvalidSpecError(problems.all())
    return graph


def _check_template(source: Source) -> list[Diagnostic]:
    problems = Problems()
    parse_spec(read_tree(source), problems)
    return problems.all()


def _load(source: Source, problems: Problems, settings: Settings, batch: int | None) -> Graph | None:
    graph = load(source, settings, problems)
    if graph is not None:
        infer(graph, problems, batch or 1)
    return graph

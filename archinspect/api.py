"""What a Python user imports and the commands call: each function is a question to a :class:`Network`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from archinspect._network import Network
from archinspect.base.diagnostics import InvalidSpecError, Problems
from archinspect.base.settings import Lora, Settings, names_of
from archinspect.base.source import Source, SourceError
from archinspect.graph.graph import Graph, collection_paused
from archinspect.language import library
from archinspect.language.load import (
    NotFoundError,
    check_template,
    is_template,
    load,
    may_be_of_another_format,
    not_found,
    open_spec,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from archinspect.analyses.compute import Compute
    from archinspect.analyses.devices import Device
    from archinspect.analyses.fit import Fit
    from archinspect.base.source import Value
    from archinspect.checks import Limits
    from archinspect.checks.outcome import Checked
    from archinspect.importers import Opened
    from archinspect.reports.diff import Diff
    from archinspect.reports.explanation import Explained
    from archinspect.reports.memory import MemoryReport, Plan
    from archinspect.reports.summary import Report

    Spec = str | Path | Mapping[str, Any] | Graph | Network

__all__ = [
    "Network",
    "NotFoundError",
    "builtin_reports",
    "check",
    "compare",
    "compute",
    "diff",
    "explain",
    "fit",
    "inspect",
    "memory_report",
    "network",
    "networks",
    "spec_text",
]


def network(  # noqa: PLR0913 - as the settings
    spec: Spec | Any,  # noqa: ANN401 - or a module of torch, which is not imported for its name
    inputs: Mapping[str, Sequence[int]] | Any = None,  # noqa: ANN401 - or its tensors
    *,
    batch: int | None = None,
    dtype: str = "float32",
    params: Mapping[str, Value] | None = None,
    past: int = 0,
    lora: Lora | Mapping[str, Any] | str | None = None,
    fold_bn: bool = False,
) -> Network:
    """Return a network, which answers everything else.

    `spec` is the path of a file, `-` for standard input, the name of a built-in network, YAML text, a dict of what a
    file would hold, or a graph made by :class:`archinspect.graph.builder.GraphBuilder`. A file may be of any format of
    :data:`archinspect.importers.FORMATS`; `pt2:FILE` says which. `params` overrides the spec's
    parameters, `inputs` its input shapes (without the batch); figures are for a batch of `batch` samples, or one.

    It may be a `torch.nn.Module`, too: `inputs` are then example inputs with their batch, a tensor, a tuple of several,
    or a dict of those that `forward` takes by name. It is exported as it stands, at inference; nothing is computed.

    With `past` figures are of a step of a decoder that has so many steps cached: of one, unless `seq` or the inputs say
    more. With `lora`, such as `r=8,targets=q|v`, nothing trains but adapters of these products. With `fold_bn` batch
    normalization is a part of the convolution before it.

    Raise :class:`NotFoundError` where there is no such spec, :class:`InvalidSpecError` where it has errors or cannot be
    read, :class:`ValueError` where there is no such type, or step, or product.

    >>> import archinspect
    >>> net = archinspect.network({"input": [8], "layers": [{"Dense": 4}, "ReLU"]})
    >>> net.report().totals.params
    36
    >>> net.graph
    <dict>(input)
      dense = Dense(units=4)(input)
      re_lu = ReLU()(dense)
      return re_lu
    """
    adapters = None if lora is None else Lora.of(lora)
    if "torch" in sys.modules and not isinstance(spec, str | os.PathLike | Mapping | Graph | Network):
        from archinspect.importers import torch  # only modules need it

        if torch.is_module(spec):
            load_module = torch.loader(spec, inputs)
            settings = Settings(batch, dtype, params or {}, {}, past, adapters, fold_bn)
            return Network(lambda asked, problems: _changed(load_module(asked, problems), asked, problems), settings)
    settings = Settings(batch, dtype, params or {}, inputs or {}, past, adapters, fold_bn)
    if isinstance(spec, Network):
        return spec.with_settings(**settings._asdict())
    if isinstance(spec, Graph):
        if params or inputs:
            raise ValueError("a graph has no parameters and no inputs to change: build another")
        return Network(lambda asked, problems: _changed(spec, asked, problems), settings)
    return _network(_opened(spec), settings)


def networks(*words: str) -> list[str]:
    """Return the names of the built-in networks, of those that have all `words` in their name; templates left out.

    >>> import archinspect
    >>> archinspect.networks("vgg", "bn")
    ['vgg16_bn']
    """
    parts = [word.lower() for word in names_of("words", words)]
    return [one.name for one in library.index() if all(part in one.name for part in parts)]


@collection_paused()
def inspect(spec: Spec, *, convention: str = "", memory: bool = False, **settings: Any) -> Report:  # noqa: ANN401 - as network takes them
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
    return network(spec, **settings).report(convention=convention, memory=memory)


@collection_paused()
def explain(spec: Spec, *, convention: str = "", **settings: Any) -> Explained:  # noqa: ANN401 - as network takes them
    """Return the formula behind every figure of every layer; arguments and errors as for :func:`inspect`.

    With a `convention` also where that tool's figures are not archinspect's, and why.

    >>> import archinspect
    >>> conv, relu = archinspect.explain("alexnet").layers["conv1"]
    >>> conv.weights[0].elements.formula
    'kernel_height * kernel_width * in_channels * filters'
    """
    return network(spec, **settings).explain(convention=convention)


@collection_paused()
def memory_report(spec: Spec, plan: Plan | None = None, **settings: Any) -> MemoryReport:  # noqa: ANN401 - as network takes them
    """Return what a network takes at inference and in training, by a plan; arguments and errors as for :func:`inspect`.

    >>> import archinspect
    >>> archinspect.memory_report("vgg16", batch=32).training.optimizer
    1106860352
    """
    return network(spec, **settings).memory(plan)


@collection_paused()
def compute(
    spec: Spec,
    *,
    training: bool = False,
    device: Device | str | None = None,
    attention: str = "fused",
    tf32: bool = False,
    **settings: Any,  # noqa: ANN401 - as network takes them
) -> Compute:
    """Return what a network computes and moves, with `training` backward included, and with a `device` a roofline.

    `device` may be a name, `h100`. `attention` is how attention is computed (`fused`, `math` or `eager`); `tf32` is
    float32 in tensor cores. Further arguments and errors are those of :func:`network`; raise :class:`ValueError` where
    there is no such device, or it states no peak for the type.

    >>> import archinspect
    >>> archinspect.compute("vgg16", training=True).total.macs
    46324088832
    """
    return network(spec, **settings).compute(training=training, device=device, attention=attention, tf32=tf32)


@collection_paused()
def fit(
    spec: Spec,
    memory: int,
    plan: Plan | None = None,
    *,
    training: bool = False,
    vary: Sequence[str] = (),
    **settings: Any,  # noqa: ANN401 - as network takes them
) -> list[Fit]:
    """Return the largest batch, and the largest value of other parameters of the spec, that fit into so many bytes.

    `vary` names them; without, they are `batch` and, where the spec has it, `seq`, each by itself. A parameter is
    searched from its value up and down, in steps that the network takes. Raise
    :class:`ValueError` for one that is no whole number; arguments and errors are otherwise those of :func:`inspect`.

    >>> import archinspect
    >>> archinspect.fit("vgg16", 24 * 2**30, training=True)[0].largest
    321
    """
    return network(spec, **settings).fit(memory, plan, training=training, vary=vary)


@collection_paused()
def compare(*specs: Spec, **settings: Any) -> list[Report]:  # noqa: ANN401 - as network takes them
    """Return the reports of several networks, in the order given; further arguments are those of :func:`network`."""
    return [inspect(spec, **settings) for spec in specs]


def diff(old: Spec, new: Spec, **settings: Any) -> Diff:  # noqa: ANN401 - as network takes them
    """Return what makes the difference between two networks; further arguments and errors are those of :func:`network`.

    >>> import archinspect
    >>> found = archinspect.diff("vgg16", "vgg19")
    >>> found.change["params"], sum(cause.total["params"] for cause in found.causes)
    (5309696, 5309696)
    """
    return network(old, **settings).diff(network(new, **settings))


@collection_paused()
def check(
    spec: str | Path | Source,
    rules: Collection[str] | None = None,
    limits: Limits | None = None,
    *,
    with_report: bool = True,
) -> Checked:
    """Return everything that is wrong with a spec, its `expect` included; never raises for a bad spec.

    `rules` are the codes of the rules that look, as in `archinspect rule --all`; without, errors and warnings.
    `limits` are budgets and what a baseline has stored. Without its report, which costs as much, it is None.

    >>> import archinspect
    >>> [one.code for one in archinspect.check("vgg16", ["heavy-layer"]).diagnostics]
    []
    """
    from archinspect.checks.outcome import Checked  # a summary needs no rules
    from archinspect.checks.selection import known

    known(rules)
    try:
        opened = _opened(spec)
    except InvalidSpecError as error:
        return Checked(str(spec), error.diagnostics, None)
    source = opened if isinstance(opened, Source) else opened.file.source
    if isinstance(opened, Source) and is_template(opened):
        return Checked(source.name, check_template(opened), None, template=True)
    try:
        found = _network(opened, Settings())
    except InvalidSpecError as error:
        from archinspect.checks import kept  # as Network.check

        return Checked(source.name, kept(error.diagnostics, source, rules), None)
    report = found.report() if with_report else None
    return Checked(source.name, found.check(rules, limits), report, partial=bool(found.uncounted()))


def spec_text(spec: str | Path, *, flat: bool = False) -> tuple[str, str]:
    """Return a spec's name and text, with `flat` that of one that extends nothing and gives the same network.

    Raise :class:`NotFoundError`, and :class:`InvalidSpecError` for what cannot be read, or extends what there is not.
    """
    source = _opened(spec)
    if not isinstance(source, Source):
        from archinspect.importers import FORMATS  # the error path only

        what = FORMATS[source.format].what
        raise source.file.refuse(f"this is {what}, and no text of a spec: `archinspect convert` writes one")
    if not flat:
        return source.name, source.text
    from archinspect.language.flatten import flatten  # only where asked for

    problems = Problems()
    text = flatten(source, problems)
    if problems.failed:
        raise InvalidSpecError(problems.all())
    return source.name, text


def builtin_reports(
    *, as_measured: bool = False, stated: Collection[str] = (), memory: bool = False
) -> Iterator[tuple[str, Report]]:
    """Return the name and report of every built-in network, templates left out.

    With `as_measured` it is of the input for which its metrics are stated; with `stated`, of those alone that state all
    of these metrics; with `memory`, what of it is alive and kept is worked out, which takes longer.
    """
    chosen = {one.name for one in library.index() if one.metrics.keys() >= {*stated}} if stated else {}
    for name, path in library.builtins().items():
        if stated and name not in chosen:
            continue
        source = library.read_builtin(path)
        if not is_template(source):
            found = _network(source, Settings())
            yield name, (found.as_measured() if as_measured else found).report(memory=memory)


def _opened(spec: str | Path | Mapping[str, Any] | Source) -> Source | Opened:
    """Return the text of a spec, or a file of another format; what cannot be read is an :class:`InvalidSpecError`."""
    try:
        return _open(spec)
    except SourceError as error:
        problems = Problems()
        problems.source_error(error)
        raise InvalidSpecError(problems.all()) from None


def _open(spec: str | Path | Mapping[str, Any] | Source) -> Source | Opened:
    if isinstance(spec, Source):
        return spec
    if isinstance(spec, Mapping):
        return open_spec(spec)
    path, format_ = os.fspath(spec), ""
    if ":" in path or may_be_of_another_format(path):
        from archinspect import importers  # specs need none

        format_, path = importers.split(path)
        if format_ == importers.SPEC:
            return open_spec(path)
        if format_ and not importers.FORMATS[format_].is_code and not os.path.exists(path):
            raise NotFoundError(not_found(path, is_file=True))
        if format_ or may_be_of_another_format(path):
            found = importers.open_file(path, format_)
            if found is not None:
                return found
    return open_spec(spec)


def _network(opened: Source | Opened, settings: Settings) -> Network:
    def graph(asked: Settings, problems: Problems) -> Graph | None:
        found = load(opened, asked, problems) if isinstance(opened, Source) else opened.load(asked, problems)
        return _changed(found, asked, problems)

    return Network(graph, settings)


def _changed(graph: Graph | None, settings: Settings, problems: Problems) -> Graph | None:
    """Return the graph with what the settings change of it; of a network with errors some tensors are not known."""
    if graph is None or problems.failed or not (settings.lora or settings.fold_bn):
        return graph
    from archinspect.graph.changes import changed  # only where asked for

    return changed(graph, settings)

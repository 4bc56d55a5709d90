"""What must hold of any network, whatever it is: archinspect agrees with itself, and nothing fails."""

from __future__ import annotations

import json
import tempfile
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml
from command_line import run

import archinspect
from archinspect import Plan
from archinspect.analyses.cost import costs, sum_of_costs
from archinspect.analyses.formula import variables
from archinspect.analyses.memory import POLICIES
from archinspect.api import spec_text
from archinspect.conventions import CONVENTIONS
from archinspect.language.expressions import evaluate
from archinspect.ops.figures import ATTENTION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from archinspect import Explanation, Network
    from archinspect.analyses.compute import Figures

COMMANDS = [
    *(("summary", ("--format", form)) for form in ("table", "json", "csv", "markdown")),
    *(("summary", (option,)) for option in ("--memory", "--methods", "--convention=fvcore", "--depth=1", "--oneline")),
    *(("explain", ("--format", form)) for form in ("table", "json", "csv", "markdown")),
    *(("memory", ("--format", form)) for form in ("table", "json", "csv", "markdown")),
    *(("compute", ("--train", "--device", "a100", "--format", form)) for form in ("table", "json", "csv", "markdown")),
    *(("formula", ("--format", form)) for form in ("text", "json", "csv", "markdown", "latex", "python")),
    ("check", ()),
    ("show", ("--flat",)),
    ("compare", ("lenet5",)),
    ("fit", ("--memory", "1GiB")),
    ("sweep", ("--batch", "1..3", "--format", "csv")),
]


class Complaint(NamedTuple):
    """What is wrong with a network: which check says so, and what it says."""

    check: str
    message: str

    @property
    def kind(self) -> str:
        """What complaints of the same cause have in common: the check and the message without its numbers."""
        words = [word for word in self.message.split() if not any(letter.isdigit() for letter in word)]
        return f"{self.check}: {' '.join(words[:8])}"


class Case(NamedTuple):
    """A network to be checked."""

    spec: dict[str, Any]
    number: int
    network: Network


def complaints(spec: dict[str, Any], number: int = 0, names: Iterable[str] = ()) -> Iterator[Complaint]:
    """What is wrong with a network, by all checks or by those named; `number` chooses among tools and commands."""
    try:
        case = Case(spec, number, archinspect.network(spec))
    except archinspect.InvalidSpecError as error:
        first = error.diagnostics[0]
        yield Complaint("valid", f"{first.code}: {first.message}")
        return
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        yield Complaint("valid", told(error))
        return
    for name in names or CHECKS:
        try:
            found = next(iter(CHECKS[name](case)), "") if name in CHECKS else ""
        except Exception as error:  # noqa: BLE001 - as above
            found = told(error)
        if found:
            yield Complaint(name, found)


def told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]


def _differ(what: str, one: object, other: object) -> Iterator[str]:
    if one != other:
        yield f"{what}: {one} and {other}"[:500]


def is_valid(case: Case) -> Iterator[str]:
    for diagnostic in case.network.check():
        if diagnostic.severity == "error":
            yield f"{diagnostic.code}: {diagnostic.message}"


def rows_sum_to_totals(case: Case) -> Iterator[str]:
    report = case.network.report()
    for depth, equal in product(range(1, report.depth + 1), (False, True)):
        found = sum_of_costs(row.cost for row in report.fold(depth, equal=equal))
        yield from _differ(f"rows and totals at depth {depth}", found, report.totals)


def explained(case: Case) -> Iterator[str]:
    facts = case.network.with_settings(batch=3).facts if case.number % 2 else case.network.facts
    layers = archinspect.Network(lambda *_: facts.graph, facts.settings).explain().layers
    parts = {part.name: part for several in layers.values() for part in several}
    counted = costs(facts)
    for node in facts.graph.nodes:
        figures, cost = evaluated(parts[node.path]), counted[node]
        out = [figures[name] for name in figures if name.startswith("out_")]
        yield from _differ(f"output of {node.op!r}", out, [*facts.shape(node.output)[1:]])
        sums = {figure.name: figure.value for figure in parts[node.path].params}
        found = [sums.get("params", 0), sums.get("buffers", 0), figures["MACs"], figures["FLOPs"]]
        yield from _differ(f"figures of {node.op!r}", found, [cost.params, cost.buffers, cost.macs, cost.flops])


def evaluated(explanation: Explanation) -> dict[str, float]:
    """The figures by name, each computed from its formula and the figures before it."""
    figures: dict[str, Any] = {figure.name: figure.value for figure in explanation.given}
    weights = [weight.elements for weight in explanation.weights]
    steps = [*explanation.output, *weights, *explanation.params, *explanation.work, *(explanation.field or ())]
    for figure in steps:
        value = evaluate(figure.formula, figures) if figure.formula else figure.value
        assert value == figure.value, figure
        if figure.numbers:
            assert evaluate(figure.numbers, {}) == figure.value, figure
        if figure.terms:
            assert sum(figure.terms) == figure.value, figure
        figures[figure.name] = value
    return figures


def formulas_are_the_engine_s(case: Case) -> Iterator[str]:
    formulas = case.network.formulas(variables=("batch",))
    for batch in (1, 2, 5):
        engine = _figures(case.network.with_settings(batch=batch))
        for name, formula in formulas.items():
            values = dict.fromkeys(formula.variables, batch)
            if batch == 2 or formula.holds(**values):
                yield from _differ(f"formula of {name}", formula(**values), engine[name])
    if case.number % 10 == 0:  # they take longest
        network = case.network.with_settings(batch=3)
        own, engine = variables(network.facts), _figures(network)
        for name, formula in network.formulas().items():
            found = formula(**{variable: own[variable] for variable in formula.variables})
            yield from _differ(f"formula of {name} in all variables", found, engine[name])


def _figures(network: Network) -> dict[str, int]:
    report = network.report(memory=True)
    assert report.memory
    held = {"kept": report.memory.kept_bytes, "peak": report.memory.peak_bytes}
    return {**report.totals.as_dict(), **held}


def flat_is_the_same(case: Case) -> Iterator[str]:
    text = spec_text(case.spec, flat=True)[1]  # type: ignore[arg-type] # a dict does as well
    yield from _same("flat", case, text)


def text_is_the_same(case: Case) -> Iterator[str]:
    yield from _same("YAML", case, yaml.safe_dump(case.spec, sort_keys=False))


def _same(what: str, case: Case, text: str) -> Iterator[str]:
    one, other = (network.report().as_dict() for network in (case.network, archinspect.network(text)))
    yield from _differ(what, *({**report, "name": ""} for report in (one, other)))


def converted_is_the_same(case: Case) -> Iterator[str]:
    network = case.network
    for flat in (False, True) if network.graph.nodes else ():
        again = archinspect.network(network.convert(flat=flat))
        one, other = (
            sorted((row.name, row.output_shape, row.cost) for row in one.report().layers) for one in (network, again)
        )
        yield from _differ(f"converted ({flat=})", one, other)
        wrong = [one.message for one in again.check() if one.severity == "error"]
        yield from _differ("expected", wrong, [])


def batches_are_alike(case: Case) -> Iterator[str]:
    one, two, three = (archinspect.network(case.spec, batch=batch) for batch in (1, 2, 3))
    yield from _differ("batch 3", three.report().as_dict(), case.network.with_settings(batch=3).report().as_dict())
    figures = [network.report().totals for network in (one, two, three)]
    for name in ("macs", "flops", "output_bytes"):
        first, second, third = (getattr(totals, name) for totals in figures)
        yield from _differ(f"{name} grow evenly", second - first, third - second)
    yield from _differ("parameters", figures[0].params, figures[2].params)


def json_holds_all(case: Case) -> Iterator[str]:
    network = case.network
    for answer in (network.report(memory=True), network.explain(), network.memory(), network.compute(training=True)):
        plain = answer.to_dict()
        yield from _differ("JSON", json.loads(json.dumps(plain)), json.loads(json.dumps(plain, allow_nan=False)))
    report = network.report().as_dict()
    yield from _differ("JSON", json.loads(json.dumps(report)), report)


def memory_adds_up(case: Case) -> Iterator[str]:
    peaks = {}
    for policy, attention in product(POLICIES, ATTENTION):
        checkpointing = case.number % 2 == 1
        report = case.network.memory(Plan(policy=policy, attention=attention, checkpointing=checkpointing))
        peak, kept = report.inference.peak, report.training.kept
        yield from _differ(f"kept ({attention})", sum(kept.layers.values()), kept.total)
        yield from _differ(f"peak ({policy})", max([one.during for one in peak.timeline] or [peak.bytes]), peak.bytes)
        yield from _differ(f"alive ({policy})", sum(one.bytes for one in peak.alive) + peak.workspace, peak.bytes)
        if any(value < 0 for value in (*kept.layers.values(), peak.workspace, peak.bytes)):
            yield f"less than nothing ({policy})"
        peaks[policy, attention] = peak.bytes
    for policy, attention in product(POLICIES, ATTENTION):
        if peaks["ideal", attention] > peaks[policy, attention]:
            yield f"the ideal peak is above that of {policy}"


def compute_adds_up(case: Case) -> Iterator[str]:
    found, totals = case.network.compute(training=True), case.network.report().totals
    for parts in (found.layers, found.operators):
        for name in ("macs", "flops", "bytes"):
            whole = sum(getattr(part, name) for part in parts.values())
            yield from _differ(f"{name} of the parts", whole, getattr(found.total, name))
        if any(_has_less_than_nothing(part) for part in parts.values()):
            yield "less than nothing"
    forward = found.total.forward
    yield from _differ("forward", (forward.macs, forward.flops), (totals.macs, totals.flops))


def _has_less_than_nothing(part: Figures) -> bool:
    works = (part.forward, part.input_gradients, part.weight_gradients)
    return any(number < 0 for work in works for number in work) or part.forward_bytes < 0 or part.backward_bytes < 0


def conventions_add_up(case: Case) -> Iterator[str]:
    name = [*CONVENTIONS][case.number % len(CONVENTIONS)]
    report = case.network.explain(convention=name).report
    for figure, total in report.counted.items():
        rows = sum(row.counted[figure] or 0 for row in report.layers)
        yield from _differ(f"{name} {figure}", rows, total)


def commands_succeed(case: Case) -> Iterator[str]:
    command, options = COMMANDS[case.number % len(COMMANDS)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.yaml"
        path.write_text(json.dumps(case.spec, indent=1), encoding="utf-8")
        result = run(command, str(path), *options, COLUMNS="100")
    if result.exit_code:
        yield f"{command} {' '.join(options)} ends with {result.exit_code}: {result.stderr[:300]}"


CHECKS: dict[str, Callable[[Case], Iterable[str]]] = {
    "valid": is_valid,
    "totals": rows_sum_to_totals,
    "explain": explained,
    "formulas": formulas_are_the_engine_s,
    "flat": flat_is_the_same,
    "text": text_is_the_same,
    "convert": converted_is_the_same,
    "batch": batches_are_alike,
    "json": json_holds_all,
    "memory": memory_adds_up,
    "compute": compute_adds_up,
    "conventions": conventions_add_up,
    "command": commands_succeed,
}
"""By name; each yields what is wrong."""

"""A network as a value that everything can be asked of."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.analyses.facts import facts_of
from archinspect.base.diagnostics import InvalidSpecError, Problems, suggest
from archinspect.base.settings import Open, SettingError, Settings, flag, instance, names_of, whole
from archinspect.graph.builder import MAX_NODES
from archinspect.graph.graph import Graph, collection_paused
from archinspect.ops.figures import own_name
from archinspect.reports.summarizing import report
from archinspect.reports.summary import uncounted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from archinspect.analyses.compute import Compute
    from archinspect.analyses.devices import Device
    from archinspect.analyses.facts import Facts
    from archinspect.analyses.fit import Fit
    from archinspect.analyses.growth import Growth
    from archinspect.analyses.sweep import Sweep
    from archinspect.base.diagnostics import Diagnostic
    from archinspect.base.symbolic.formulas import Formula
    from archinspect.checks import Limits
    from archinspect.reports.diff import Diff
    from archinspect.reports.explanation import Explained
    from archinspect.reports.memory import MemoryReport, Plan
    from archinspect.reports.summary import Report

    Loader = Callable[[Settings, Problems], "Graph | None"]
    """Makes the graph of a network with these parameters and inputs; tells what is wrong."""


class Network:
    """A network with a batch, a type and values of its parameters; it never changes.

    Figures are found when asked for, and what they share is found once.

    >>> import archinspect
    >>> net = archinspect.network("vgg16", batch=32)
    >>> net.report().totals.params
    138357544
    >>> net.memory().training.optimizer
    1106860352
    >>> net.with_settings(params={"classes": 10}).report().totals.params
    134301514
    """

    def __init__(self, load: Loader, settings: Settings = Settings(), *, graph: Graph | None = None) -> None:  # noqa: B008 - a value that never changes
        """Raise :class:`InvalidSpecError` for one with errors, ValueError for settings that are none.

        `graph` is what `load` would give for these settings.
        """
        settings = settings.checked()._replace(dtype=own_name(settings.dtype))
        with collection_paused():
            found = _made(load, settings, graph)
            if found.graph is not None and found.graph.open and found.problems.failed:
                others = (_made(load, settings._replace(open=one)) for one in STAND_INS)
                found = next((other for other in others if not other.problems.failed), found)
        if found.facts is None or found.problems.failed:
            raise InvalidSpecError(found.problems.all())
        self.facts: Facts = found.facts
        self.settings = found.settings
        self.warnings = found.problems.all()
        self._load = load

    @property
    def graph(self) -> Graph:
        """Its nodes and tensors."""
        return self.facts.graph

    @cached_property
    def otherwise(self) -> Network | None:
        """The network with other numbers for the sizes that its inputs leave open; None where they leave none open."""
        if not any(self.graph.open.values()):
            return None
        taken = self.settings.open
        for other in STAND_INS:
            if other.batch_first == taken.batch_first and other.size != taken.size:
                with suppress(InvalidSpecError):
                    return Network(self._load, self.settings._replace(open=other))
        return None

    def uncounted(self, figures: Sequence[str] = ()) -> dict[str, tuple[str, ...]]:
        """Return the layers of whose figures, all or some, not all are known, and which are not."""
        unknown = {
            layer: [f for f in missing if not figures or f in figures]
            for layer, missing in uncounted(self.graph).items()
        }
        return {layer: tuple(missing) for layer, missing in unknown.items() if missing}

    def __repr__(self) -> str:
        return f"Network({self.graph.name!r}, {len(self.graph.nodes):,} operators)"

    def with_settings(self, **changes: Any) -> Network:  # noqa: ANN401 - as the settings' fields
        """Return the network with another `batch`, `dtype`, or further `params` or `inputs`."""
        for name in ("params", "inputs"):
            if isinstance(changes.get(name), Mapping):
                changes[name] = {**getattr(self.settings, name), **changes[name]}
        same_graph = not {"params", "inputs", "past", "lora", "fold_bn"} & changes.keys()
        return Network(self._load, self.settings._replace(**changes), graph=self.graph if same_graph else None)

    def as_measured(self) -> Network:
        """Return the network with the input for which its metrics are stated, unless it was given another."""
        shape = self.graph.metrics.get("metrics_input")
        given = not isinstance(shape, list) or self.settings.inputs
        return self if given else self.with_settings(inputs={"": shape})

    def report(self, *, convention: str = "", memory: bool = False) -> Report:
        """Return what the network is and costs; see :func:`archinspect.inspect`."""
        memory = flag("memory", memory)
        with collection_paused():
            found = report(self.facts, convention=convention, memory=memory)
        if self.otherwise:
            from archinspect.reports.open import common

            other = report(self.otherwise.facts, convention=convention, memory=memory)
            found = common(found, other, [name for name, axes in self.graph.open.items() if axes])
        return found._replace(warnings=tuple(self.warnings))

    def with_known_sizes(self) -> Network:
        """Return this network; raise :class:`SettingError` where its inputs leave sizes open."""
        for name, axes in self.graph.open.items():
            if axes:
                node = next(node for node in self.graph.inputs if node.path == name)
                sizes = list(enumerate(node.op.output()))[1:]
                shape = "x".join("?" if axis in axes else str(size) for axis, size in sizes)
                raise SettingError("input", f"'{name}' is {shape}: say a number for each size that it leaves open")
        return self

    def memory(self, plan: Plan | None = None) -> MemoryReport:
        """Return what the network takes of a machine's memory; see :func:`archinspect.memory_report`."""
        from archinspect.analyses.caches import steps_after
        from archinspect.reports.memory import Plan, memory_report

        self.with_known_sizes()
        plan = Plan(dtype=self.settings.dtype) if plan is None else plan
        instance("plan", plan, Plan)
        plan = plan.checked()
        if self.settings.past and not plan.cached:
            plan = plan._replace(cached=steps_after(self.facts))
        with collection_paused():
            return memory_report(self.facts.in_dtype(plan.dtype), plan)

    def compute(
        self,
        *,
        training: bool = False,
        device: Device | str | None = None,
        attention: str = "fused",
        tf32: bool = False,
    ) -> Compute:
        """Return what the network computes and moves; see :func:`archinspect.compute`."""
        from archinspect.analyses.compute import analyze

        self.with_known_sizes()
        if device is not None:
            from archinspect.analyses.devices import Device, find_device

            device = find_device(device) if isinstance(device, str) else device
            instance("device", device, Device)
        if flag("training", training) and self.settings.past:
            raise SettingError("cached", "a step of a decoder that generates has no backward")
        with collection_paused():
            return analyze(self.facts, training=training, device=device, attention=attention, tf32=tf32)

    def explain(self, *, convention: str = "") -> Explained:
        """Return the formula behind every figure; see :func:`archinspect.explain`."""
        from archinspect.reports.explaining import explain
        from archinspect.reports.explanation import Explained

        self.with_known_sizes()
        with collection_paused():
            found = Explained(self.report(convention=convention), explain(self.facts), self._worked())
            if not convention:
                return found
            from archinspect.conventions import differences

            return found._replace(differences=tuple(differences(self.facts, convention)))

    def fit(
        self, memory: int, plan: Plan | None = None, *, training: bool = False, vary: Sequence[str] = ()
    ) -> list[Fit]:
        """Return the largest batch, and parameters, that fit into so many bytes; see :func:`archinspect.fit`."""
        from archinspect.analyses.fit import largest_that_fits
        from archinspect.reports.memory import Plan, evenly_needed, not_known

        self.with_known_sizes()
        batch = {} if self.graph.batch else {"batch": 1}
        starts = {**batch, **{name: value for name, value in self.graph.params.items() if type(value) is int}}
        wanted = list(dict.fromkeys(names_of("vary", vary))) or [name for name in ("batch", "seq") if name in starts]
        for name in wanted:
            if name not in starts:
                raise ValueError(f"vary: no parameter '{name}' that is a whole number: {suggest(name, starts)}")
        if not wanted:
            raise ValueError(f"the network is for a batch of {self.graph.batch} alone, and leaves nothing open")
        plan = Plan(dtype=self.settings.dtype) if plan is None else plan
        instance("plan", plan, Plan)
        plan = plan.checked()
        memory, training = whole("memory", memory, 0), flag("training", training)
        found = []
        for name in wanted:
            needs = _Needs(
                self, name, lambda facts: evenly_needed(facts.in_dtype(plan.dtype), plan, for_training=training)
            )
            found.append(largest_that_fits(name, memory, needs, starts[name], needs.bound))
        missing = not_known(self.facts.in_dtype(plan.dtype), plan, for_training=training)
        return [one._replace(uncounted=missing) for one in found]

    def formula(self, figure: str, *variables: str) -> Formula:
        """Return a figure's closed formula; see :meth:`formulas`."""
        return self.formulas([figure], variables)[figure]

    def formulas(self, figures: Sequence[str] = (), variables: Sequence[str] = ()) -> dict[str, Formula]:
        """Return closed formulas of figures: some of `params`, `macs`, `flops`, `output_bytes`, `kept`, `peak`, or all.

        `variables` are `batch`, parameters of the network and axes of its inputs (`height`); without, all that its
        structure leaves open. Others have the values that the network has. Raise ValueError for what is none.

        >>> import archinspect
        >>> macs = archinspect.network("alexnet").formula("macs", "batch", "classes")
        >>> print(macs)
        batch * (720_310_816 + 4_096 * classes)
        >>> macs(batch=2, classes=10)
        1440703552
        """
        from archinspect.analyses.formula import formulas

        with collection_paused():
            return formulas(self._load, self.facts, figures, variables)

    def sweep(self, grid: Mapping[str, Sequence[Any]], figures: Sequence[str] = ()) -> Sweep:
        """Return a sweep over lists of values of variables and parameters, whose figures come chunk by chunk.

        >>> import archinspect
        >>> (chunk,) = archinspect.network("alexnet").sweep({"batch": [1, 2], "classes": [10, 1000]}, ["macs"]).chunks()
        >>> chunk.figures["macs"].tolist()
        [720351776, 724406816, 1440703552, 1448813632]
        """
        from archinspect.analyses.formula import FIGURES
        from archinspect.analyses.sweep import Sweep

        return Sweep(self._load, self.facts, grid, tuple(figures) or tuple(FIGURES))

    def export(self, target: str) -> str | bytes:
        """Return the network as a program or file of another tool: a name of :data:`archinspect.exporters.TARGETS`.

        Raise :class:`archinspect.exporters.refusal.CannotExportError` for a layer that the target cannot say, with the
        reason, and ValueError for another target.

        >>> import archinspect
        >>> text = archinspect.network({"input": [8], "layers": [{"Dense": 4}, "ReLU"]}).export("pytorch")
        >>> "nn.Linear(8, 4)" in text
        True
        """
        from archinspect.exporters import OPEN, export

        if target not in OPEN:
            self.with_known_sizes()
        with collection_paused():
            return export(self.facts, target)

    def convert(self, *, flat: bool = False) -> str:
        """Return the network as a spec, from whatever it was read; with `flat` every layer stands by itself.

        What is written is read again, and has the same figures, layer by layer. Raise as :meth:`export`.

        >>> import archinspect
        >>> net = archinspect.network({"input": [8], "layers": [{"Dense": 8}, {"Dense": 8}]})
        >>> print("".join(net.convert().partition("layers")[1:]), end="")
        layers:
          - {Dense: 8, repeat: 2}
        expect: {params: 144, macs: 128, flops: 272, output: [8]}
        """
        from archinspect.exporters import export

        with collection_paused():
            return str(export(self.facts, "spec", flat=flat))

    def compare(self, *others: Network) -> list[Report]:
        """Return the reports of this network and others, in this order."""
        return [network.report() for network in (self, *others)]

    def diff(self, new: Network) -> Diff:
        """Return what makes the difference from this network to a new one; see :func:`archinspect.diff`."""
        from archinspect.reports.diff import diff

        self.with_known_sizes()
        new.with_known_sizes()
        with collection_paused():
            return diff(self.facts, new.facts)

    def check(self, rules: Collection[str] | None = None, limits: Limits | None = None) -> list[Diagnostic]:
        """Return what is wrong with a network that fits together, its `expect` included, in file order.

        `rules` are the codes of the rules that look; without, those that do by default. `limits` are budgets and what a
        baseline has stored.
        """
        found = self._checked(rules, limits)
        return _whatever_the_sizes(found, self.otherwise._checked(rules, limits)) if self.otherwise else found  # noqa: SLF001 - its own

    def _checked(self, rules: Collection[str] | None, limits: Limits | None) -> list[Diagnostic]:
        from archinspect.checks import Limits, run_checks
        from archinspect.checks.selection import known

        limits = Limits() if limits is None else limits
        instance("limits", limits, Limits)
        with collection_paused():
            return run_checks(self.facts, self.warnings, known(rules), limits)

    def _worked(self) -> tuple[Any, ...]:
        """Return the layers that can be worked out with the network's own numbers."""
        if self.graph.values is None:
            return ()
        from archinspect.reports.worked import work_out

        problems = Problems()
        worked = work_out(self.facts, problems)
        if problems.failed:
            raise InvalidSpecError(problems.all())
        return tuple(worked)


def _whatever_the_sizes(found: list[Diagnostic], others: list[Diagnostic]) -> list[Diagnostic]:
    """Return what is wrong with any sizes; what is said of a figure that depends on them is that it is not known."""
    same = {(one.code, one.span): one for one in others}
    return [
        one
        if one == same[one.code, one.span]
        else one._replace(message=f"{one.message.partition(':')[0]}: not known, as sizes are open", fix=None)
        for one in found
        if (one.code, one.span) in same
    ]


def _stepping(graph: Graph, settings: Settings) -> Settings:
    from archinspect.graph.stepping import steps_of_inputs  # only in a step of a decoder

    return settings.in_a_step(graph.params, steps_of_inputs(graph))


class _Made(NamedTuple):
    """What became of a network with some settings."""

    settings: Settings
    graph: Graph | None
    facts: Facts | None
    problems: Problems


def _made(load: Loader, settings: Settings, graph: Graph | None = None) -> _Made:
    problems = Problems()
    if graph is None:
        graph = load(settings, problems)
        if graph is not None and settings.past and not problems.failed:
            stepping = _stepping(graph, settings)
            if stepping != settings:
                settings, graph = stepping, load(stepping, problems)
    return _Made(settings, graph, None if graph is None else facts_of(graph, settings, problems), problems)


STAND_INS = [
    Open(size, batch_first=batch_first)
    for batch_first in (None, False, True)
    for size in (256, 320, 224, 288, 64, 96, 32, 48, 512, 640, 16, 24, 8, 12)
]
"""Numbers for sizes that are not known, until a network takes one: even and odd multiples of what strides come to."""


class _Needs:
    """What a network needs with other values of one variable: by formulas where they hold, by the engine where not."""

    def __init__(self, network: Network, name: str, need: Callable[[Facts], tuple[int, ...]]) -> None:
        self.network = network
        self.name = name
        self.need = need
        """Returns what is needed first, and whatever grows evenly if that does."""
        self.formulas: list[Formula] = []
        self.is_structural = False
        """Whether the network is another one with each value, so that formulas hold for one alone."""
        self.growth: Growth | None = None
        """How need, and the number of operators, grow then."""

    def __call__(self, value: int) -> int | None:
        """Return the bytes, or whatever is needed; None where the network refuses the value."""
        for formula in self.formulas:
            if formula.holds(**dict.fromkeys(formula.variables, value)):
                return int(formula(**dict.fromkeys(formula.variables, value)))
        grown = self.growth and self.growth.at(value)
        if grown:
            nodes, need, *_ = grown
            return need if nodes <= MAX_NODES else None
        with collection_paused():
            return self._run(value) if self.is_structural else self._traced(value)

    def _traced(self, value: int) -> int | None:
        from archinspect.analyses.formula import RefusedError, Symbols
        from archinspect.analyses.growth import growth

        load, facts = self.network._load, self.network.facts  # noqa: SLF001 - this is a part of it
        try:
            symbols = Symbols(load, facts, [self.name], {self.name: value})
        except RefusedError:
            return None
        formula = symbols.trace.formula(self.need(symbols.facts)[0])
        low, high = formula.ranges.get(self.name, (0, 1))
        self.is_structural = low == high
        if self.is_structural:
            self.growth = growth(load, facts, self.name, lambda facts: (len(facts.graph.nodes), *self.need(facts)))
        else:
            self.formulas.append(formula)
        return int(formula(**dict.fromkeys(formula.variables, value)))

    def _run(self, value: int) -> int | None:
        try:
            other = self.network.with_settings(params={self.name: value})
        except InvalidSpecError:
            return None
        return self.need(other.facts)[0]

    def bound(self) -> int | None:
        """Return the largest value for which the network has not too many operators, if that is known."""
        if self.growth is None or self.growth.steps[0] <= 0:
            return None
        return self.growth.base + (MAX_NODES - self.growth.first[0]) // self.growth.steps[0]

"""Where a layer's figures come from: its operators' own rules, run on numbers that remember how they came about.

There is no second copy of any rule here; a formula is what the rule computed.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, cast

from archinspect.analyses.receptive_field import Field, deciding, fields, spanning, together
from archinspect.base.diagnostics import show
from archinspect.base.shape import AXES, axis_names, size
from archinspect.base.symbolic.traced import (
    Number,
    Traced,
    is_long,
    named,
    named_numbers,
    plain,
    structure,
    terms,
    written,
)
from archinspect.ops.figures import Reach, Work
from archinspect.ops.modules import find_module
from archinspect.ops.spatial import Spatial, Windowed, positions_of
from archinspect.reports.explanation import Explanation, Figure, WeightFigure
from archinspect.reports.forms import WORK, Form, Rules, Seen, Shared, Way, filled
from archinspect.reports.summarizing import batch_shape
from archinspect.reports.tracing import traced_op

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from archinspect.analyses.facts import Facts
    from archinspect.analyses.receptive_field import Fields
    from archinspect.base.shape import Shape
    from archinspect.graph.graph import Node, Tensor
    from archinspect.ops.figures import Weight


TRACED_SPANS = 16
"""Of a pattern whose formula may be read."""


def explain(facts: Facts) -> dict[str, tuple[Explanation, ...]]:
    """Return the explanations of every layer of a network, an operator each.

    Formulas name the batch where one was asked for. What operators that are alike have in common is found once.
    """
    seen = facts.once(fields)
    known: dict[object, Explainer] = {}
    shared = Shared.new()
    layers: dict[str, list[Explanation]] = {}
    for node in facts.graph.nodes:
        key = (facts.call(node), node.shares and tuple(facts.own_weights(node)))
        explainer = known.get(key)
        if explainer is None:
            explainer = known[key] = Explainer(facts, node, shared)
        sources = tuple([seen[tensor.position] for tensor in node.reads])
        layers.setdefault(node.layer, []).append(explainer.explain(node, sources, seen[node.output.position]))
    return {name: tuple(parts) for name, parts in layers.items()}


def _as_module(node: Node) -> str:
    """Return what is to be said of a layer that the spec calls as PyTorch does."""
    name = node.origin.text()
    module = find_module(name)
    if module is None or not module.defaults:
        return ""
    defaults = ", ".join(f"{key} {show(value)}" for key, value in module.defaults.items())
    return f"\n\n`{name}` is PyTorch's module, with its defaults: {defaults}."


_RAN_BEFORE = "\n\nIt runs once, before the steps, and has no work in one of them."


class Explainer:
    """Runs the rules of one call on traced numbers, and keeps the names that its formulas use."""

    def __init__(self, facts: Facts, node: Node, shared: Shared) -> None:
        self.facts = facts
        self.call = call = facts.call(node)
        self.layout = call.op.data_format if isinstance(call.op, Spatial) else facts.graph.layout
        self.batch = named(facts.batch, "batch") if facts.settings.batch and node.output.batched else 1
        if call.op not in shared.traced:
            shared.traced[call.op] = traced_op(call.op)
        self.op = shared.traced[call.op]
        self.shared = shared
        shapes = tuple(
            self._shape(shape, f"in{at}" if len(call.shapes) > 1 else "in") for at, shape in enumerate(call.shapes, 1)
        )
        own = facts.own_weights(node)
        rules = self._rules(shapes, own)
        self.values: dict[str, int | float] = {}
        """The numbers that the names of formulas stand for."""
        key = rules.structure(self.values)
        self.given: dict[str, Figure] = {}
        self.shown: set[str] = set()
        """The names that stand in front of the formulas to come."""
        form = shared.forms.get(key)
        if form is None:
            form = shared.forms[key] = self._form(rules)
        self.values |= {name: plain(number) for name, number in rules.results()}
        self.shown = set(form.shown)
        weights, params = self._of_weights(form, own)
        way = self._way(shapes)
        self.reaches = way.reaches
        self.common = Explanation(
            name="",
            type=type(call.op).__name__.lstrip("_"),
            label=call.op.label(),
            doc=(type(call.op).__doc__ or "") + _as_module(node) + _RAN_BEFORE * call.before,
            inputs=(),
            output_shapes=(),
            given=filled(form.given, self.values),
            output=filled(form.output, self.values),
            unread=way.unread,
            weights=weights,
            params=params,
            work=_with_terms(filled(form.work, self.values), rules.work),
            field=None,
            unknown=call.op.unknown(),
        )
        self.way = way.structure, frozenset(self.shown.intersection(way.values))
        self.values |= way.values
        self.seen: Seen = shared.passed if self.reaches == () else {}

    def explain(self, node: Node, sources: tuple[Fields, ...], seen: Fields) -> Explanation:
        """Return the explanation of a node that calls so, whose inputs see these fields, and which sees this one."""
        found = self.seen.get(sources)
        if found is None:
            found = self.seen[sources] = self._field(sources, seen)
        given, field = found
        return self.common._replace(
            name=node.path,
            inputs=tuple([(_source(tensor, node), batch_shape(tensor, self.facts)) for tensor in node.inputs]),
            output_shapes=tuple([batch_shape(tensor, self.facts) for tensor in node.outputs]),
            given=(*self.common.given, *given),
            field=field,
            shares=node.shares.layer if node.shares else "",
        )

    def _shape(self, shape: Shape, prefix: str) -> Shape:
        """Return an input's shape, its sizes named for formulas."""
        if not shape:
            return ()
        axes = _axes(len(shape), self.call.op.rank, self.layout)
        # What is the same for all samples may meet them as it is.
        batch = self.batch if shape[0] == self.facts.batch else shape[0]
        key = batch, type(batch), shape, prefix, axes
        found = self.shared.shapes.get(key)
        if found is None:
            dims = [named(dim, f"{prefix}_{axis}") for dim, axis in zip(shape[1:], axes, strict=True)]
            found = self.shared.shapes[key] = (batch, *dims)
        return found

    def _rules(self, shapes: Sequence[Shape], own: Mapping[str, Weight]) -> Rules:
        outputs, sizes = self._outputs(self.op.outputs(*shapes))
        weights = self.op.weights(*shapes)
        if self.call.before:
            return Rules(sizes, weights, tuple(own), ())
        macs, other = self.op.work(shapes, outputs[0])
        flops = Work(named(macs, "MACs") if macs else 0, other).flops
        return Rules(sizes, weights, tuple(own), (macs, flops))

    def _outputs(self, results: Sequence[Shape]) -> tuple[list[Shape], dict[str, Number]]:
        """Return the outputs' dimensions as further formulas call them, and how they come about."""
        shapes: list[Shape] = []
        sizes: dict[str, Number] = {}
        for at, (result, made) in enumerate(zip(results, self.call.outputs, strict=True), 1):
            if not result:
                shapes.append(())
                continue
            dims = [self.batch if made.shape[0] == self.facts.batch else result[0]]
            for dim, axis in zip(result[1:], _axes(len(result), self.call.op.rank, self.layout), strict=True):
                name = f"out{at}_{axis}" if at > 1 else f"out_{axis}"
                sizes[name] = dim
                is_named = isinstance(dim, Traced) and dim.name
                dims.append(dim if is_named else named(dim, name, dim))
            shapes.append(tuple(dims))
        return shapes, sizes

    def _way(self, shapes: Sequence[Shape]) -> Way:
        """Return what an output position reads; windows of one kind slide alike over maps of one size."""
        op, call = self.call.op, self.call
        key = (op, op.split(call.shapes[0])[0]) if isinstance(op, Windowed) else None
        found = self.shared.ways.get(key)
        if found is None:
            values: dict[str, int | float] = {}
            reaches = self.op.reach(*shapes)
            numbers = structure([number for reach in reaches or () for number in reach], values)
            unread = positions_of(op, call.shapes[0], call.output) if isinstance(op, Windowed) else ""
            found = Way(reaches, numbers, values, unread)
            if key:
                self.shared.ways[key] = found
        return found

    def _of_weights(self, form: Form, own: Mapping[str, Weight]) -> tuple[tuple[WeightFigure, ...], tuple[Figure, ...]]:
        """Return the weights, and the sums of those that are the layer's own."""
        figures = []
        counts: dict[str, int] = {}
        sums = {"params": 0, "buffers": 0}
        for (name, weight), figure in zip(self.call.weights.items(), form.weights, strict=True):
            counts[name] = count = size(weight.shape)
            if name in own:
                sums["params" if weight.parameter else "buffers"] += count
            elements = figure.elements
            numbers = elements.numbers.format_map(self.values)
            figures.append(figure._replace(shape=weight.shape, elements=Figure(name, count, elements.formula, numbers)))
        return tuple(figures), tuple(
            [
                figure._replace(value=sums[figure.name], numbers=figure.numbers.format_map(counts))
                for figure in form.params
            ]
        )

    def _form(self, rules: Rules) -> Form:
        """Return how the figures come about."""
        output: list[Figure] = []
        for name, number in rules.sizes.items():
            output += self._figures(name, number)
            self.shown.add(name)
        weights, params = self._weights(rules)
        work: list[Figure] = []
        for name, number in zip(WORK, rules.work, strict=False):
            work += self._figures(name, number)
            self.shown.add(name)
        given, shown = tuple(self.given.values()), frozenset(self.shown)
        return Form(given, shown, tuple(output), weights, params, tuple(work))

    def _weights(self, rules: Rules) -> tuple[tuple[WeightFigure, ...], tuple[Figure, ...]]:
        figures = []
        sums: dict[str, Number] = {}
        for name, weight in rules.weights.items():
            *before, elements = self._figures(name, size(weight.shape))
            assert not before  # a weight's sizes are of the input and the arguments
            dims = tuple([written(dim).text for dim in weight.shape])
            figures.append(WeightFigure(dims, (), elements, weight.parameter, name not in rules.own))
            if name in rules.own:
                total = "params" if weight.parameter else "buffers"
                sums[total] = sums.get(total, 0) + named(elements.value, name)
                self.shown.add(name)
        return tuple(figures), tuple(_figure(name, number) for name, number in sums.items())

    def _field(self, sources: Sequence[Fields], seen: Fields) -> tuple[tuple[Figure, ...], tuple[Figure, ...] | None]:
        """Return what is given beside, and what follows: `sources` are the inputs' fields, `seen` is the output's."""
        if self.reaches is None or not sources or None in sources or len({len(source or ()) for source in sources}) > 1:
            return (), None
        axes = list(zip(*[source for source in sources if source], strict=True))[: len(AXES)]  # which have names
        seen = seen and seen[: len(AXES)]
        is_plain = seen is not None and len(seen) == len(axes) and not any(reach.up for reach in self.reaches)
        if seen is None or not is_plain or any(len(field.spans) > 1 for at in axes for field in at):
            given, field, values = self._traced(axes)
            return filled(given, values), field and filled(field, values)
        # What comes of the inputs' fields depends on which of them decide, and how it is written on what is negative.
        deciders = list(map(deciding, axes))
        values = self.values.copy()
        negative = []
        for suffix, of_inputs, chosen, of_output in zip(axis_names("", len(axes)), axes, deciders, seen, strict=True):
            for at in {*chosen}:
                values |= zip(_field_names(_prefix(at, of_inputs), suffix), _numbers(of_inputs[at]), strict=True)
            ((first, count),) = of_output.spans
            figures = (count, of_output.step, first, of_output.center)
            values |= zip(_figure_names(suffix), figures, strict=True)
            negative += [of_inputs[at].spans[0][0] < 0 for at in chosen] + [first < 0]
        key = (*self.way, len(sources) == 1, *deciders, *negative)
        form = self.shared.fields.get(key)
        if form is None:
            form = self.shared.fields[key] = self._traced(axes)[:2]
        given, field = form
        return filled(given, values), filled(field or (), values)

    def _traced(
        self, axes: Sequence[Sequence[Field]]
    ) -> tuple[tuple[Figure, ...], tuple[Figure, ...] | None, dict[str, int | float]]:
        """Return what is given beside, what follows from the inputs' fields of each axis, and what names stand for."""
        before = self.shown, self.values
        self.given, self.shown, self.values = {}, {*self.shown}, {**self.values}
        figures, values = self._traced_figures(axes), self.values
        self.shown, self.values = before
        return tuple(self.given.values()), figures, values

    def _traced_figures(self, axes: Sequence[Sequence[Field]]) -> tuple[Figure, ...] | None:
        reaches = (self.reaches or [Reach()] * len(axes))[: len(axes)]
        figures: list[Figure] = []
        for suffix, reach, sources in zip(axis_names("", len(axes)), reaches, axes, strict=True):
            seen = self._behind(reach, sources, suffix)
            if seen is None:
                return None
            figures += self._seen(seen, suffix)
        return tuple(figures)

    def _behind(self, reach: Reach, sources: Sequence[Field], suffix: str) -> Field | None:
        """Return what is seen along an axis after several fields; traced unless it is a pattern of several spans."""
        if not reach.up and all(len(source.spans) == 1 for source in sources):
            chosen = deciding(sources)
            called = {at: _named_field(sources[at], _prefix(at, sources), suffix) for at in chosen}
            return spanning(*[called[at] for at in chosen]).through(reach)
        if any(len(source.spans) > TRACED_SPANS for source in sources):
            reach = Reach(*map(plain, reach))  # type: ignore[arg-type] # ints
        return together(sources).through(reach)

    def _seen(self, seen: Field, suffix: str) -> Iterator[Figure]:
        yield from self._figures(f"receptive_field{suffix}", seen.size)
        yield from self._figures(f"jump{suffix}", seen.jump)
        if len(seen.spans) == 1:
            ((first, count),) = seen.spans
            yield from self._figures(f"first{suffix}", first)
            parts = [named(part, f"{name}{suffix}") for part, name in ((first, "first"), (count, "receptive_field"))]
            seen = Field((cast("tuple[int, int]", tuple(parts)),), seen.step)
            self.shown |= {f"first{suffix}", f"receptive_field{suffix}"}
        yield from self._figures(f"center{suffix}", seen.center)

    def _figures(self, name: str, number: Number) -> Iterator[Figure]:
        """Yield the figure, after the computed ones that its formula names and that were not told yet."""
        if not isinstance(number, Traced):
            yield Figure(name, number)
            return
        for part in named_numbers(number):
            self.values[part.name] = plain(part)
            if part.name in self.shown:
                continue
            self.shown.add(part.name)
            if part.definition is None:
                self.given[part.name] = _figure(part.name, cast("Number", part))
            else:
                yield _figure(part.name, part.definition)
        yield _figure(name, number)


def _with_terms(work: tuple[Figure, ...], traced: Sequence[Number]) -> tuple[Figure, ...]:
    """Return the figures of work, FLOPs last, with the values of what is added up in them."""
    parts = tuple(map(plain, terms(traced[-1]))) if traced else ()
    return (*work[:-1], work[-1]._replace(terms=parts)) if len(parts) > 1 else work


def _figure(name: str, number: Number) -> Figure:
    """Return a figure whose formula leaves its numbers open."""
    value = plain(number)
    if not isinstance(number, Traced) or number.name == name or is_long(number):
        return Figure(name, value)
    form = written(number)
    return Figure(name, value, form.text, form.numbers)


def _source(tensor: Tensor, node: Node) -> str:
    """Return where a tensor comes from: a layer, or another operator of the same one, and which output of several."""
    producer = tensor.producer
    if producer.layer == node.layer:
        return tensor.name
    return f"{producer.layer}.{tensor.index}" if len(producer.outputs) > 1 else producer.layer


@cache
def _axes(rank: int, spatial_rank: int, layout: str) -> tuple[str, ...]:
    """Return what the axes after the batch are called."""
    spatial: Sequence[str]
    if rank == spatial_rank + 2 == 3:  # noqa: PLR2004 - batch, length, channels
        spatial = ["length"]
    elif rank in (4, 5):
        spatial = AXES[2 - rank :]
    else:
        known = {1: (), 2: ("features",), 3: ("steps", "features")}
        return known.get(rank) or tuple([f"axis{at}" for at in range(1, rank)])
    return ("channels", *spatial) if layout == "channels_first" else (*spatial, "channels")


@cache
def _field_names(prefix: str, suffix: str) -> tuple[str, str, str]:
    """Return what the numbers of an input's field are called."""
    return f"{prefix}_first{suffix}", f"{prefix}_field{suffix}", f"{prefix}_jump{suffix}"


@cache
def _figure_names(suffix: str) -> tuple[str, str, str, str]:
    """Return what the figures of an output's field are called."""
    return f"receptive_field{suffix}", f"jump{suffix}", f"first{suffix}", f"center{suffix}"


def _numbers(field: Field) -> tuple[int, int, int]:
    """Return the numbers of a field of one span."""
    return *field.spans[0], field.step


def _named_field(field: Field, prefix: str, suffix: str) -> Field:
    """Return a field of one span whose numbers are called by name."""
    first, count, step = map(named, _numbers(field), _field_names(prefix, suffix))
    return Field(((first, count),), step)


def _prefix(at: int, sources: Sequence[Field]) -> str:
    """Return what the field of an input is called."""
    return f"in{at + 1}" if len(sources) > 1 else "in"

"""Where a layer's figures come from: its operators' own rules, run on numbers that remember how they came about.

There is no second copy of any rule here; a formula is what the rule computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast

from archinspect.analyses.receptive_field import Field, deciding, fields, spanning, together
from archinspect.base.diagnostics import show
from archinspect.base.shape import AXES, axis_names, size
from archinspect.base.symbolic.traced import (
    Number,
    Traced,
    history,
    is_long,
    named,
    named_numbers,
    plain,
    terms,
    written,
)
from archinspect.ops.figures import Reach, Work
from archinspect.ops.modules import find_module
from archinspect.ops.spatial import Spatial, Windowed, positions_of
from archinspect.reports.explanation import Explanation, Figure, WeightFigure
from archinspect.reports.summarizing import batch_shape
from archinspect.reports.tracing import traced_op

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from archinspect.analyses.facts import Facts
    from archinspect.analyses.receptive_field import Fields
    from archinspect.base.shape import Shape
    from archinspect.graph.graph import Node, Tensor
    from archinspect.ops.base import Op
    from archinspect.ops.figures import Weight


TRACED_SPANS = 16
"""Of a pattern whose formula may be read."""

_Seen: TypeAlias = "dict[tuple[Fields, ...], tuple[tuple[Figure, ...], tuple[Figure, ...] | None]]"
"""What is given, and what follows of receptive fields, by the fields of the inputs."""


class Shared(NamedTuple):
    """What is found once for all operators."""

    traced: dict[Op, Op]
    """Operators whose arguments are traced."""
    passed: _Seen
    """After what reads position by position, the same is seen whatever it computes."""
    forms: dict[object, _Form]
    """How receptive fields come about, by all that this depends on but for the numbers of the inputs' fields."""
    sizes: dict[object, tuple[list[Figure], dict[str, Figure], set[str]]]
    """Figures of outputs' sizes, by how they came about: those, what is given beside, and all names then known."""

    @classmethod
    def new(cls) -> Shared:
        """Return one that holds nothing yet."""
        return cls({}, {}, {}, {})


class _Form(NamedTuple):
    """How receptive fields come about: the figures of a case, whose formulas leave open what else a case has."""

    given: tuple[Figure, ...]
    field: tuple[Figure, ...]

    def filled(self, values: Mapping[str, float]) -> tuple[tuple[Figure, ...], tuple[Figure, ...]]:
        """Return the figures of another case: what is given, and what follows."""
        given = tuple([figure._replace(value=values.get(figure.name, figure.value)) for figure in self.given])
        return given, tuple(
            [
                Figure(name, values.get(name, value), formula, numbers.format_map(values), terms)
                for name, value, formula, numbers, terms in self.field
            ]
        )


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
        self.layout = facts.graph.layout
        self.batch = named(facts.batch, "batch") if facts.settings.batch and node.output.batched else 1
        if call.op not in shared.traced:
            shared.traced[call.op] = traced_op(call.op)
        self.op = shared.traced[call.op]
        self.shared = shared
        self.given: dict[str, Figure] = {}
        self.shown: set[str] = set()
        """The names that stand in front of the formulas to come."""
        shapes = tuple(
            self._shape(shape, f"in{at}" if len(call.shapes) > 1 else "in") for at, shape in enumerate(call.shapes, 1)
        )
        outputs, dims = self._outputs(self.op.outputs(*shapes))
        weights, params = self._weights(shapes, facts.own_weights(node))
        work = () if call.before else tuple(self._work(self.op.work(shapes, outputs[0])))
        self.reaches = self.op.reach(*shapes)
        self.common = Explanation(
            name="",
            type=type(call.op).__name__.lstrip("_"),
            label=call.op.label(),
            doc=(type(call.op).__doc__ or "") + _as_module(node) + _RAN_BEFORE * call.before,
            inputs=(),
            output_shapes=(),
            given=(),
            output=tuple(dims),
            unread=positions_of(call.op, call.shapes[0], call.output) if isinstance(call.op, Windowed) else "",
            weights=weights,
            params=params,
            work=work,
            field=None,
            unknown=call.op.unknown(),
        )
        self.way = tuple([tuple(map(history, reach)) for reach in self.reaches or ()]), frozenset(self.shown)
        self.seen: _Seen = shared.passed if self.reaches == () else {}

    def explain(self, node: Node, sources: tuple[Fields, ...], seen: Fields) -> Explanation:
        """Return the explanation of a node that calls so, whose inputs see these fields, and which sees this one."""
        if sources not in self.seen:
            self.seen[sources] = self._field(sources, seen)
        given, field = self.seen[sources]
        return self.common._replace(
            name=node.path,
            inputs=tuple([(_source(tensor, node), batch_shape(tensor, self.facts)) for tensor in node.inputs]),
            output_shapes=tuple([batch_shape(tensor, self.facts) for tensor in node.outputs]),
            given=(*self.given.values(), *given),
            field=field,
            shares=node.shares.layer if node.shares else "",
        )

    def _shape(self, shape: Shape, prefix: str) -> Shape:
        if not shape:
            return ()
        axes = _axes(self.call.op, len(shape), self.layout)
        dims = [named(dim, f"{prefix}_{axis}") for dim, axis in zip(shape[1:], axes, strict=True)]
        # What is the same for all samples may meet them as it is.
        return cast("Shape", (self.batch if shape[0] == self.facts.batch else shape[0], *dims))

    def _outputs(self, results: Sequence[Shape]) -> tuple[list[Shape], list[Figure]]:
        """Return the outputs' dimensions as further formulas call them, and how they come about."""
        shapes: list[Shape] = []
        figures: list[Figure] = []
        for at, (result, made) in enumerate(zip(results, self.call.outputs, strict=True), 1):
            if not result:
                shapes.append(())
                continue
            dims: list[Number] = [self.batch if made.shape[0] == self.facts.batch else result[0]]
            for dim, axis in zip(result[1:], _axes(self.call.op, len(result), self.layout), strict=True):
                name = f"out{at}_{axis}" if at > 1 else f"out_{axis}"
                figures += self._sizes(name, dim)
                is_named = isinstance(dim, Traced) and dim.name
                dims.append(dim if is_named else named(dim, name, dim))
                self.shown.add(name)
            shapes.append(cast("Shape", tuple(dims)))
        return shapes, figures

    def _sizes(self, name: str, dim: Number) -> list[Figure]:
        """Return the figures of an output's size: windows of one kind slide alike over maps of one size."""
        key = name, history(dim), frozenset(self.shown)
        if key not in self.shared.sizes:
            before = len(self.given)
            figures = list(self._figures(name, dim))
            self.shared.sizes[key] = figures, dict(list(self.given.items())[before:]), set(self.shown)
        figures, given, shown = self.shared.sizes[key]
        self.given |= given
        self.shown |= shown
        return figures

    def _weights(
        self, shapes: Sequence[Shape], own: Mapping[str, Weight]
    ) -> tuple[tuple[WeightFigure, ...], tuple[Figure, ...]]:
        weights = self.op.weights(*shapes)
        figures = []
        sums: dict[str, Number] = {}
        for name, weight in weights.items():
            *before, elements = self._figures(name, size(weight.shape))
            assert not before  # a weight's sizes are of the input and the arguments
            shape = tuple(int(dim) for dim in weight.shape)
            dims = tuple([written(dim).text for dim in weight.shape])
            figures.append(WeightFigure(dims, shape, elements, weight.parameter, name not in own))
            if name in own:
                total = "params" if weight.parameter else "buffers"
                sums[total] = sums.get(total, 0) + cast("int", named(elements.value, name))
                self.shown.add(name)
        return tuple(figures), tuple(_figure(name, number) for name, number in sums.items())

    def _work(self, work: Work) -> Iterator[Figure]:
        yield from self._figures("MACs", work.macs)
        self.shown.add("MACs")
        macs = cast("int", named(work.macs, "MACs")) if work.macs else 0
        flops = Work(macs, work.other).flops
        parts = tuple(map(plain, terms(flops)))
        for figure in self._figures("FLOPs", flops):
            yield figure._replace(terms=parts if figure.name == "FLOPs" and len(parts) > 1 else ())

    def _field(self, sources: Sequence[Fields], seen: Fields) -> tuple[tuple[Figure, ...], tuple[Figure, ...] | None]:
        """Return what is given beside, and what follows: `sources` are the inputs' fields, `seen` is the output's."""
        if self.reaches is None or not sources or None in sources or len({len(source or ()) for source in sources}) > 1:
            return (), None
        axes = list(zip(*[source for source in sources if source], strict=True))[: len(AXES)]  # which have names
        seen = seen and seen[: len(AXES)]
        is_plain = seen is not None and len(seen) == len(axes) and not any(reach.up for reach in self.reaches)
        if seen is None or not is_plain or any(len(field.spans) > 1 for at in axes for field in at):
            return self._traced(axes)
        # What comes of the inputs' fields depends on which of them decide, and how it is written on what is negative.
        deciders = list(map(deciding, axes))
        values: dict[str, float] = {}
        negative = []
        for suffix, of_inputs, chosen, of_output in zip(axis_names("", len(axes)), axes, deciders, seen, strict=True):
            for at in {*chosen}:
                prefix, ((first, count),) = _prefix(at, of_inputs), of_inputs[at].spans
                values[f"{prefix}_first{suffix}"] = first
                values[f"{prefix}_field{suffix}"] = count
                values[f"{prefix}_jump{suffix}"] = of_inputs[at].step
            ((first, count),) = of_output.spans
            values[f"receptive_field{suffix}"] = count
            values[f"jump{suffix}"] = of_output.step
            values[f"first{suffix}"] = first
            values[f"center{suffix}"] = of_output.center
            negative += [of_inputs[at].spans[0][0] < 0 for at in chosen] + [first < 0]
        key = (*self.way, len(sources) == 1, *deciders, *negative)
        form = self.shared.forms.get(key)
        if form is None:
            given, field = self._traced(axes, is_open=True)
            form = self.shared.forms[key] = _Form(given, field or ())
        return form.filled(values)

    def _traced(
        self, axes: Sequence[Sequence[Field]], *, is_open: bool = False
    ) -> tuple[tuple[Figure, ...], tuple[Figure, ...] | None]:
        """Return what is given beside, and what follows, from the inputs' fields of each axis."""
        before = dict(self.given), set(self.shown)
        figures = self._traced_figures(axes, is_open=is_open)
        given = tuple(self.given.values())[len(before[0]) :]
        self.given, self.shown = before
        return given, figures

    def _traced_figures(self, axes: Sequence[Sequence[Field]], *, is_open: bool) -> tuple[Figure, ...] | None:
        reaches = (self.reaches or [Reach()] * len(axes))[: len(axes)]
        figures: list[Figure] = []
        for suffix, reach, sources in zip(axis_names("", len(axes)), reaches, axes, strict=True):
            seen = self._behind(reach, sources, suffix, is_open=is_open)
            if seen is None:
                return None
            figures += self._seen(seen, suffix, is_open=is_open)
        return tuple(figures)

    def _behind(self, reach: Reach, sources: Sequence[Field], suffix: str, *, is_open: bool) -> Field | None:
        """Return what is seen along an axis after several fields; traced unless it is a pattern of several spans."""
        if not reach.up and all(len(source.spans) == 1 for source in sources):
            chosen = deciding(sources)
            called = {at: _named_field(sources[at], _prefix(at, sources), suffix, is_open=is_open) for at in chosen}
            return spanning(*[called[at] for at in chosen]).through(reach)
        if any(len(source.spans) > TRACED_SPANS for source in sources):
            reach = Reach(*map(plain, reach))  # type: ignore[arg-type] # ints
        return together(sources).through(reach)

    def _seen(self, seen: Field, suffix: str, *, is_open: bool) -> Iterator[Figure]:
        yield from self._figures(f"receptive_field{suffix}", seen.size)
        yield from self._figures(f"jump{suffix}", seen.jump)
        if len(seen.spans) == 1:
            ((first, count),) = seen.spans
            yield from self._figures(f"first{suffix}", first)
            parts = [
                named(part, f"{name}{suffix}", is_open=is_open)
                for part, name in ((first, "first"), (count, "receptive_field"))
            ]
            seen = Field((cast("tuple[int, int]", tuple(parts)),), seen.step)
            self.shown |= {f"first{suffix}", f"receptive_field{suffix}"}
        yield from self._figures(f"center{suffix}", seen.center)

    def _figures(self, name: str, number: Number) -> Iterator[Figure]:
        """Yield the figure, after the computed ones that its formula names and that were not told yet."""
        if not isinstance(number, Traced):
            yield Figure(name, number)
            return
        for part in named_numbers(number):
            if part.name in self.shown:
                continue
            self.shown.add(part.name)
            if part.definition is None:
                self.given[part.name] = _figure(part.name, cast("Number", part))
            else:
                yield _figure(part.name, part.definition)
        yield _figure(name, number)


def _figure(name: str, number: Number) -> Figure:
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


def _axes(op: Op, rank: int, layout: str) -> list[str]:
    """Return what the axes after the batch are called."""
    if isinstance(op, Spatial):
        layout = op.data_format
    if rank == op.rank + 2 == 3:  # noqa: PLR2004 - batch, length, channels
        spatial = ["length"]
    elif rank in (4, 5):
        spatial = list(AXES[2 - rank :])
    else:
        known = {1: [], 2: ["features"], 3: ["steps", "features"]}
        return known.get(rank) or [f"axis{at}" for at in range(1, rank)]
    return ["channels", *spatial] if layout == "channels_first" else [*spatial, "channels"]


def _named_field(field: Field, prefix: str, suffix: str, *, is_open: bool) -> Field:
    """Return a field of one span whose numbers are called by name."""
    first, count, step = [
        cast("int", named(number, f"{prefix}_{name}{suffix}", is_open=is_open))
        for name, number in zip(("first", "field", "jump"), (*field.spans[0], field.step), strict=True)
    ]
    return Field(((first, count),), step)


def _prefix(at: int, sources: Sequence[Field]) -> str:
    """Return what the field of an input is called."""
    return f"in{at + 1}" if len(sources) > 1 else "in"

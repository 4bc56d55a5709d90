"""Layers around another layer, as Keras's wrappers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from archinspect import ops
from archinspect.base.diagnostics import Near
from archinspect.base.shape import Mismatch, size
from archinspect.base.strides import copied, in_order, reshaped
from archinspect.ops.args import Choice, Kind, arg
from archinspect.ops.attending import Attending
from archinspect.ops.base import TRAITS, Op, make_argument
from archinspect.ops.cells import Cell
from archinspect.ops.declared import ArgumentError
from archinspect.ops.figures import Reach
from archinspect.ops.merge import Add, Average, Concatenate, Multiply
from archinspect.ops.recurrent import Recurrent
from archinspect.ops.spatial import data_format_arg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.base.source import Value
    from archinspect.ops.base import Emit, T
    from archinspect.ops.figures import Elements, Kept, Run, View


class LayerKind(Kind):
    """An operator of one input, by name, `Flatten`, or with arguments, `{Conv2D: {filters: 8, kernel_size: 3}}`."""

    expected = "an operator of one input"

    def convert(self, value: Value, rank: int = 0) -> Op:
        """Return the operator."""
        name, given = _split(value)
        kind = ops.find_operator(name)
        if name and kind is None:
            found = Near(name, [n for names in ops.FAMILIES.values() for n in names])
            raise ArgumentError(f"unknown operator '{name}'", name, near=found)
        if kind is None or kind.inputs[0] != 1 or not kind.batched:
            raise ValueError(self.expected)
        return make_argument(kind, name, given)


def _split(value: Value | Op) -> tuple[str, Value]:
    """Return an operator's name, empty where there is none, and its arguments as a spec gives them."""
    name, given = next(iter(value.items())) if isinstance(value, dict) and len(value) == 1 else (value, None)
    return (name, given) if isinstance(name, str) else ("", None)


def in_layout(values: dict[str, Value | Op]) -> dict[str, Value | Op]:
    """Return a wrapper's arguments, its layer's with the layout that it would have by itself."""
    name, given = _split(values.get("layer"))
    kind = ops.find_operator(name)
    if kind is None or "data_format" not in kind.args or "data_format" not in values:
        return values
    arguments = given if isinstance(given, dict) else {} if given is None else {kind.main_arg(): given}
    return {**values, "layer": {name: {"data_format": values["data_format"], **arguments}}}  # type: ignore[dict-item] # no Op


def _steps_in_batch(shape: Shape) -> Shape:
    if len(shape) == 1:
        raise Mismatch("the input has no axis of steps")
    return (shape[0] * shape[1], *shape[2:])


# What the wrapper delegates to the layer, to which a step is a sample.


def _of_shapes(rule: str) -> Any:  # noqa: ANN401 - of the type of the rule
    """Return a rule of inputs' shapes and the output's."""

    def ask(self: TimeDistributed, shapes: Sequence[Shape], output: Shape, *runs: Run) -> object:
        inside = [*map(_steps_in_batch, shapes)]
        given = [_of_steps(shapes, run) for run in runs]
        return getattr(self.layer, rule)(inside, _steps_in_batch(output), *given)

    return ask


def _joined(shape: Shape, strides: Shape | None) -> Shape | None:
    """Return the strides of an input whose samples and steps are one axis; None where its elements are in order then.

    Where the two do not follow each other in memory, they become one by a copy.
    """
    return strides and reshaped(shape, strides, _steps_in_batch(shape))


def _of_steps(shapes: Sequence[Shape], run: Run) -> Run:
    """Return how the layer runs of a wrapper that runs so."""
    others = tuple(map(_joined, shapes[1:], run.others))
    return run._replace(strides=_joined(shapes[0], run.strides), others=others)


def _copied(shapes: Sequence[Shape], run: Run) -> list[int]:
    """Return the elements of the copies of inputs whose samples and steps do not follow each other in memory."""
    lying = (run.strides, *(run.others or (None,) * len(shapes[1:])))
    return [copied(shape, strides, _steps_in_batch(shape)) for shape, strides in zip(shapes, lying, strict=True)]


def _of_inputs(rule: str) -> Any:  # noqa: ANN401 - as above
    """Return a rule of inputs' shapes."""

    def ask(self: TimeDistributed, *shapes: Shape) -> object:
        return getattr(self.layer, rule)(*map(_steps_in_batch, shapes))

    return ask


def _as_it_is(rule: str) -> Any:  # noqa: ANN401 - as above
    """Return a rule to which shapes are nothing."""

    def ask(self: TimeDistributed, *args: object, **how: object) -> object:
        return getattr(self.layer, rule)(*args, **how)

    return ask


class Trait:
    """A trait: the layer's; of the wrapper without one, that of any operator."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, wrapper: Op | None, kind: type) -> Any:  # noqa: ANN401 - as above
        return getattr(Op if wrapper is None else wrapper.layer, self.name)  # type: ignore[attr-defined] # of a wrapper


class TimeDistributed(Op):
    """Applies a layer to every step by itself, with the same weights, as Keras's wrapper.

    The steps are the first axis: `TimeDistributed: {layer: {Conv2D: {filters: 8, kernel_size: 3}}}` takes a film,
    [steps, height, width, channels], picture by picture. MACs and FLOPs: the layer's, per step.
    """

    layer: Op = arg("the layer, by name or as `{Conv2D: {filters: 8, kernel_size: 3}}`", LayerKind())
    data_format: str = data_format_arg()

    def __init__(self, **values: Value | Op) -> None:
        super().__init__(**in_layout(values))

    def build(self, emit: Emit[T], inputs: Sequence[T]) -> tuple[T, ...]:
        def each_step(op: Op, inputs: Sequence[T]) -> tuple[T, ...]:
            wrapper = _AttendingSteps if isinstance(op, Attending) else TimeDistributed
            return emit(self if op is self.layer and wrapper is type(self) else wrapper(layer=op), inputs)

        return self.layer.build(each_step, inputs)

    def outputs(self, *shapes: Shape) -> tuple[Shape, ...]:
        inner = [*map(_steps_in_batch, shapes)]
        try:
            inside = self.layer.outputs(*inner)
        except Mismatch as error:
            message = f"{type(self.layer).__name__}, for one step: {error.message}"
            raise Mismatch(message, args=error.blamed, help=error.help) from None
        return tuple((*shapes[0][:2], *shape[1:]) for shape in inside)

    def output(self, *shapes: Shape) -> Shape:
        return self.outputs(*shapes)[0]

    def reach(self, *shapes: Shape) -> tuple[Reach, ...] | None:
        inside = self.layer.reach(*map(_steps_in_batch, shapes))
        return (Reach(), *inside) if inside else inside

    def axis_flow(self, *shapes: Shape) -> str:
        return self.layer.axis_flow(*map(_steps_in_batch, shapes)).replace("batch", "batch steps")

    def unwrapped(self, *shapes: Shape) -> tuple[Op, tuple[Shape, ...]]:
        return self.layer.unwrapped(*map(_steps_in_batch, shapes))

    def view(self, *, training: bool) -> View | None:
        view = self.layer.view(training=training)
        return view and view._replace(strided=True, in_order=True)

    def view_strides(self, shape: Shape, strides: Shape, output: Shape) -> Shape | None:
        before, after, inner = _steps_in_batch(shape), _steps_in_batch(output), _joined(shape, strides)
        view = self.layer.view(training=False)
        given = self.layer.view_strides if view and view.strided else reshaped
        found = inner and given(before, inner, after)
        return found and (found[0] * shape[1], *found)

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        if self._is_view(shapes, output):  # of the copy
            return self.view_strides(shapes[0], in_order(shapes[0]), output)
        inside = [*map(_steps_in_batch, shapes)]
        inner = [*map(_joined, shapes, strides)]
        found = self.layer.own_strides(inside, inner, _steps_in_batch(output))
        return found and (found[0] * output[1], *found)

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        kept: Kept = self._kept(shapes, output, run)
        copied = _copied(shapes, run)
        own = sum([copied[number] for number in kept.inputs])
        inputs = tuple([number for number in kept.inputs if not copied[number]])
        return kept._replace(inputs=inputs, extra=(*kept.extra, ("float", own)))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        copied = 0 if self._is_view(shapes, output) else sum(_copied(shapes, run))
        return (*self._workspace(shapes, output, run), ("float", copied))

    def stored(self, shapes: Sequence[Shape], output: Shape) -> int:
        return size(shapes[0]) if self._is_view(shapes, output) else self._stored(shapes, output)

    def _is_view(self, shapes: Sequence[Shape], output: Shape) -> bool:
        """Return whether the layer's output is a view of what it reads, which may be a copy."""
        return self.layer.view(training=False) is not None and not self.copies(shapes, output)

    def label(self) -> str:
        return f"{self.layer.label()}, each step"

    weights = _of_inputs("weights")
    work = _of_shapes("work")
    backward = _of_shapes("backward")
    weights_read = _of_shapes("weights_read")
    _kept = _of_shapes("kept")
    _workspace = _of_shapes("workspace")
    _stored = _of_shapes("stored")
    copies = _of_shapes("copies")
    quantities = _of_shapes("quantities")
    variants = _of_inputs("variants")
    undifferentiated_of = _of_inputs("undifferentiated_of")
    output_dtype = _as_it_is("output_dtype")
    output_dtypes = _as_it_is("output_dtypes")
    unknown = _as_it_is("unknown")
    output_count = Trait("output_count")
    overwrites = Trait("overwrites")
    shared_here = Trait("shared_here")
    kept_as = Trait("kept_as")
    index_dtypes = Trait("index_dtypes")


for _name in TRAITS:
    setattr(TimeDistributed, _name, Trait(_name))


class _AttendingSteps(TimeDistributed, Attending):
    """Attention within every step."""

    fused_inputs = _as_it_is("fused_inputs")
    memory_steps = _of_inputs("memory_steps")
    looks_back = Trait("looks_back")
    span = Trait("span")

    def cache(self, *shapes: Shape) -> int:
        return shapes[0][1] * cast("Attending", self.layer).cache(*map(_steps_in_batch, shapes))

    def probabilities(self, shapes: Sequence[Shape], attention: str) -> Shape | None:
        layer = cast("Attending", self.layer)
        return layer.probabilities([*map(_steps_in_batch, shapes)], attention)


_MERGES = {"sum": Add, "mul": Multiply, "ave": Average}


class Bidirectional(Op):
    """Runs a recurrent layer both ways, with weights for each, and joins the two outputs, as Keras's wrapper.

    `Bidirectional: {layer: {LSTM: 64}}` is `LSTM: {units: 64, bidirectional: true}`. Other merges, and layers of
    several layers, are two copies of it and an `Add`, `Multiply`, `Average` or `Concatenate`. MACs and FLOPs: those of
    what it is.
    """

    kind = "recurrent"
    has_kernel = True

    layer: Recurrent = arg("the recurrent layer, by name or as `{LSTM: {units: 64}}`", LayerKind())
    merge_mode: str = arg("how the outputs are joined", Choice("concat", *_MERGES), "concat")

    def check(self) -> None:
        layer: Op = self.layer
        if not isinstance(layer, Recurrent) or isinstance(layer, Cell):
            name = type(layer).__name__
            raise ArgumentError(f"Bidirectional: layer must be a recurrent one, not {name}", "layer")
        if self.layer.return_state:
            name = type(self.layer).__name__
            raise ArgumentError(
                "Bidirectional: has no outputs for the layer's states",
                "layer",
                help=f"`{name}: {{bidirectional: true, return_state: true}}` has",
            )

    def build(self, emit: Emit[T], inputs: Sequence[T]) -> tuple[T, ...]:
        concatenates = self.merge_mode == "concat"
        if concatenates and self.layer.num_layers == 1 and not self.layer.bidirectional:
            return emit(self.layer.replace(bidirectional=True), inputs)
        both = (*emit(self.layer, inputs), *emit(self.layer, inputs))
        return emit(Concatenate(axis=-1) if concatenates else _MERGES[self.merge_mode](), both)

    def label(self) -> str:
        return f"{self.layer.label()}, both ways"

"""Layers around another layer, as Keras's wrappers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect import ops
from archinspect.base.diagnostics import near
from archinspect.base.shape import Mismatch, size
from archinspect.ops.args import Choice, Kind, arg
from archinspect.ops.base import ArgumentError, Op, make_argument
from archinspect.ops.figures import Backward, Kept, Reach, View, Work
from archinspect.ops.recurrent import Recurrent
from archinspect.ops.spatial import data_format_arg

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.base.shape import Shape
    from archinspect.base.source import Value
    from archinspect.ops.base import Emit, T
    from archinspect.ops.figures import Elements, Run, Weight


class LayerKind(Kind):
    """An operator of one input, by name, `Flatten`, or with arguments, `{Conv2D: {filters: 8, kernel_size: 3}}`."""

    expected = "an operator of one input"

    def convert(self, value: Value, rank: int = 0) -> Op:
        """Return the operator."""
        name, given = _split(value)
        kind = ops.find(name)
        if name and kind is None:
            found = near(name, [n for names in ops.FAMILIES.values() for n in names])
            raise ArgumentError(f"unknown operator '{name}'", name, near=found)
        if kind is None or kind.inputs[0] != 1:
            raise ValueError(self.expected)
        return make_argument(kind, name, given)


def _split(value: Value | Op) -> tuple[str, Value]:
    """Return an operator's name, empty where there is none, and its arguments as a spec gives them."""
    name, given = next(iter(value.items())) if isinstance(value, dict) and len(value) == 1 else (value, None)
    return (name, given) if isinstance(name, str) else ("", None)


class TimeDistributed(Op):
    """Applies a layer to every step by itself, with the same weights, as Keras's wrapper.

    The steps are the first axis: `TimeDistributed: {layer: {Conv2D: {filters: 8, kernel_size: 3}}}` takes a film,
    [steps, height, width, channels], picture by picture. MACs and FLOPs: the layer's, for each step.
    """

    layer: Op = arg("the layer, by name or as `{Conv2D: {filters: 8, kernel_size: 3}}`", LayerKind())
    data_format: str = data_format_arg()

    def __init__(self, **values: Value | Op) -> None:
        name, given = _split(values.get("layer"))
        kind = ops.find(name)
        if kind is not None and "data_format" in kind.args and "data_format" in values:
            # Inside it has the network's layout, as it would have by itself.
            arguments = given if isinstance(given, dict) else {} if given is None else {kind.main_arg(): given}
            values["layer"] = {name: {"data_format": values["data_format"], **arguments}}  # type: ignore[dict-item] # no Op
        super().__init__(**values)

    def check(self) -> None:
        vars(self)["kind"] = self.layer.kind

    def build(self, emit: Emit[T], inputs: Sequence[T]) -> tuple[T, ...]:
        def step(op: Op, inputs: Sequence[T]) -> tuple[T, ...]:
            return emit(self if op is self.layer else TimeDistributed(layer=op), inputs)

        return self.layer.build(step, inputs)

    def output(self, *shapes: Shape) -> Shape:
        inner = [*map(_steps_in_batch, shapes)]
        try:
            inside = self.layer.output(*inner)
        except Mismatch as error:
            message = f"{type(self.layer).__name__}, for one step: {error.message}"
            raise Mismatch(message, args=error.blamed, help=error.help) from None
        return (*shapes[0][:2], *inside[1:])

    def output_dtype(self, *dtypes: str) -> str:
        return self.layer.output_dtype(*dtypes)

    def weights(self, *shapes: Shape) -> Mapping[str, Weight]:
        return self.layer.weights(*map(_steps_in_batch, shapes))

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return self.layer.work([*map(_steps_in_batch, shapes)], _steps_in_batch(output))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return self.layer.backward([*map(_steps_in_batch, shapes)], _steps_in_batch(output), run)

    def weights_read(self, shapes: Sequence[Shape], output: Shape) -> int:
        return self.layer.weights_read([*map(_steps_in_batch, shapes)], _steps_in_batch(output))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return self.layer.kept([*map(_steps_in_batch, shapes)], _steps_in_batch(output), run)

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return self.layer.workspace([*map(_steps_in_batch, shapes)], _steps_in_batch(output), run)

    def stored(self, shapes: Sequence[Shape], output: Shape) -> int:
        return self.layer.stored([*map(_steps_in_batch, shapes)], _steps_in_batch(output))

    def view(self, *, training: bool) -> View | None:
        return self.layer.view(training=training)

    def reach(self, *shapes: Shape) -> tuple[Reach, ...] | None:
        inside = self.layer.reach(*map(_steps_in_batch, shapes))
        return (Reach(), *inside) if inside else inside

    def label(self) -> str:
        return f"{self.layer.label()}, each step"


def _steps_in_batch(shape: Shape) -> Shape:
    if len(shape) == 1:
        raise Mismatch("the input has no axis of steps")
    return (shape[0] * shape[1], *shape[2:])


class Bidirectional(Op):
    """Runs a recurrent layer both ways, with weights for each, and joins the two outputs, as Keras's wrapper.

    `Bidirectional: {layer: {LSTM: 64}}` is `LSTM: {units: 64, bidirectional: true}`. MACs and FLOPs: twice the
    layer's; 1 FLOP more an output element for a sum or a product, 2 for a mean.
    """

    kind = "recurrent"
    has_kernel = True

    layer: Op = arg("the recurrent layer, by name or as `{LSTM: {units: 64}}`", LayerKind())
    merge_mode: str = arg("how the outputs are joined", Choice("concat", "sum", "mul", "ave"), "concat")

    def check(self) -> None:
        if not isinstance(self.layer, Recurrent):
            name = type(self.layer).__name__
            raise ArgumentError(f"Bidirectional: layer must be a recurrent one, not {name}", "layer")

    def output(self, *shapes: Shape) -> Shape:
        *others, features = self.layer.output(*shapes)
        return (*others, features * 2 if self.merge_mode == "concat" else features)

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        one = self.layer.weights(*shapes)
        return {f"{way}_{name}": weight for way in ("there", "back") for name, weight in one.items()}

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        macs, other = self.layer.work(shapes, self.layer.output(*shapes))
        joining = {"concat": 0, "sum": 1, "mul": 1, "ave": 2}[self.merge_mode]
        return Work(2 * macs, 2 * other + joining * size(output))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        inputs, weights = self.layer.backward(shapes, self.layer.output(*shapes), run)
        joining = {"concat": 0, "sum": 0, "mul": 2, "ave": 1}[self.merge_mode]
        return Backward(
            Work(2 * inputs.macs, 2 * inputs.other + joining * size(output)), Work(2 * weights.macs, 2 * weights.other)
        )

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        one = self.layer.kept(shapes, self.layer.output(*shapes), run)
        joined = (("float", 2 * size(output)),) if self.merge_mode == "mul" else ()
        return one._replace(extra=(*one.extra, *one.extra, *joined))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        inside = self.layer.output(*shapes)
        both = 2 * self.layer.stored(shapes, inside)
        return (*self.layer.workspace(shapes, inside, run), ("float", both))

    def label(self) -> str:
        return f"{self.layer.label()}, both ways"

"""An operator at its place, as its translation sees it: its inputs, its weights, and what it adds to the graph."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from onnx import helper

from archinspect.exporters.onnx.writer import BATCH, DOMAIN, Value, annotate
from archinspect.exporters.orders import channels_first, permutation, spec_order
from archinspect.exporters.refusal import CannotExportError
from archinspect.ops.base import json_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from onnx import NodeProto, TensorProto

    from archinspect.base.shape import Shape
    from archinspect.exporters.onnx.writer import Writer
    from archinspect.exporters.orders import Order
    from archinspect.graph.graph import Node
    from archinspect.ops.base import Op
    from archinspect.ops.figures import Weight

STUB = "Custom"
"""The operator that stands for those that ONNX does not have."""


class Use:
    """A node of the network that is being translated."""

    def __init__(self, writer: Writer, node: Node) -> None:
        self.writer = writer
        self.node = node
        self.op: Any = node.op
        call = writer.facts.call(node)
        self.shapes = call.shapes
        """Of the inputs, in the spec's order."""
        self.outputs: list[Shape] = [type_.shape for type_ in call.outputs]
        self.dtypes = [type_.dtype for type_ in call.inputs]
        self.reads = [call.outputs[0].dtype if node.op.joins else self.dtypes[0] for _ in self.dtypes]
        """The type in which it has each input: a merge in that of its output, others in that of the first."""
        self.layout = writer.facts.graph.layout
        self.added: list[NodeProto] = []
        """The nodes that it has become so far."""
        self.times = 1
        """How many samples its inputs have for one of the network's."""

    # What it reads

    @property
    def shape(self) -> Shape:
        """The first input's shape, in the spec's order."""
        return self.shapes[0]

    @property
    def output(self) -> Shape:
        """The first output's shape, in the spec's order."""
        return self.outputs[0]

    def order(self, index: int = 0) -> Order:
        """Return the order in which an input is there."""
        return self.writer.values[self.node.inputs[index]].order

    def given(self, index: int = 0, order: Order = ()) -> Value:
        """Return an input with its axes in this order; in that in which it is there without one."""
        tensor = self.node.inputs[index]
        name, there = self.writer.values[tensor]
        if self.node.output.batched and not tensor.batched and not self.op.stretches:
            shape = [self.writer.facts.shape(tensor)[axis] for axis in there]
            name = self.once(("batch", name), lambda: self.for_each_sample(name, shape, self.dtypes[index]))
        wanted = self.reads[index]
        if self.writer.type(self.dtypes[index]) != self.writer.type(wanted):
            name = self.cast(name, wanted)
        if order and order != there:
            axes = permutation(there, order)
            name = self.once((name, axes), lambda: self.emit("Transpose", name, perm=axes))
        return Value(name, order or there)

    def spec(self, index: int = 0) -> str:
        """Return an input in the spec's order."""
        return self.given(index, spec_order(len(self.shapes[index]))).name

    def map(self, index: int = 0) -> Value:
        """Return an input with the channels first."""
        rank = len(self.shapes[index])
        return self.given(index, self.map_order(rank))

    def map_order(self, rank: int) -> Order:
        """Return the order in which a tensor of the operator's layout has the channels first."""
        return spec_order(rank) if self.op.data_format == "channels_first" else channels_first(rank)

    def axis(self, axis: int, order: Order) -> int:
        """Return where a value of this order has an axis of the spec's."""
        return order.index(axis % len(order))

    def for_each_sample(self, name: str, shape: Sequence[int], dtype: str = "float") -> str:
        """Return a value that is the same for all samples, repeated for each."""
        return self.hint(self.emit("Expand", name, self._samples_and([1] * (len(shape) - 1))), shape, dtype)

    @property
    def samples(self) -> int | None:
        """How many samples the inputs have; None where the settings leave it open."""
        batch = self.writer.facts.settings.batch if self.node.output.batched else 1
        return None if batch is None else batch * self.times

    def _samples_and(self, rest: Sequence[int]) -> str:
        """Return a shape: as many samples as the inputs have, then these sizes."""
        if self.samples is not None:
            return self.ints(self.samples, *rest)
        sizes = [self.open_samples(), *([self.ints(*rest)] if rest else [])]
        return self.once(("shape", self.times, *rest), lambda: self.emit("Concat", *sizes, axis=0))

    def open_samples(self) -> str:
        """Return a list of one number, how many samples the inputs turn out to have."""
        graph = self.writer.facts.graph
        tensor = next(node.output for node in graph.inputs if node.output.batched)
        name = self.writer.values[tensor].name
        found = self.once(BATCH, lambda: self.emit("Shape", name, start=0, end=1))
        if self.times == 1:
            return found
        return self.once((BATCH, self.times), lambda: self.emit("Mul", found, self.ints(self.times)))

    def once(self, key: object, make: Callable[[], str]) -> str:
        """Return what this makes, made once for all operators."""
        if key not in self.writer.made:
            self.writer.made[key] = make()
        return self.writer.made[key]

    def weight(self, name: str, order: Order = (), shape: Sequence[int] = (), *, of: Node | None = None) -> str:
        """Return a weight with its axes in this order, and that in this shape; `of` is another node."""
        node = of or self.node
        sizes = self.writer.facts.call(node).weights[name].shape
        order = order or spec_order(len(sizes))
        wanted = tuple(shape) or tuple(sizes[axis] for axis in order)
        found, steps = self.writer.weight(node, name, order, wanted)
        for kind, how in steps:
            if kind == "Transpose":
                found = self.once((found, how), partial(self.emit, kind, found, perm=how))
            else:
                found = self.emit(kind, found, self.ints(*how))
        return found

    @property
    def weights(self) -> Mapping[str, Weight]:
        """The weights by name."""
        return self.writer.facts.call(self.node).weights

    # What it adds

    def emit(self, kind: str, *inputs: str, **attributes: object) -> str:
        """Add a node and return its output."""
        return self.several(kind, 1, *inputs, **attributes)[0]

    def several(self, kind: str, outputs: int, *inputs: str, **attributes: object) -> list[str]:
        """Add a node and return its outputs."""
        domain = DOMAIN if kind == STUB else ""
        name = self.writer.claim(f"/{self.node.path.replace('.', '/')}/{kind}")
        made = [self.writer.claim(f"{name}_output_{number}") for number in range(outputs)]
        node = helper.make_node(kind, inputs, made, name=name, domain=domain)
        node.attribute.extend(helper.make_attribute(key, value) for key, value in sorted(attributes.items()))
        about = {"layer": self.node.layer, "operator": type(self.node.op).__name__.strip("_")}
        if self.node.path != self.node.layer:
            about["node"] = self.node.path
        if not self.added:
            arguments = {key: json_value(value) for key, value in self.node.op.given().items()}
            about["arguments"] = json.dumps(arguments)
        annotate(node, about)
        self.added.append(node)
        self.writer.nodes.append(node)
        return made

    def ints(self, *numbers: int) -> str:
        """Return a constant list of integers."""
        return self.writer.constant(np.array(numbers, np.int64))

    def index(self, number: int) -> str:
        """Return a constant integer."""
        return self.writer.constant(np.array(number, np.int64))

    def float32(self, number: float) -> str:
        """Return a constant of float32, whatever the network computes in."""
        return self.writer.constant(np.array(number, np.float32))

    def number(self, number: float) -> str:
        """Return a constant of the type in which the network computes."""
        return self.numbers(np.array(number))

    def numbers(self, array: np.ndarray[Any, Any]) -> str:
        """Return constants of the type in which the network computes."""
        return self.writer.constant(array.astype(helper.tensor_dtype_to_np_dtype(self.writer.dtype)))

    def zero(self) -> TensorProto:
        """Return the value that `ConstantOfShape` takes for 0."""
        return helper.make_tensor("value", self.writer.dtype, [1], [0])

    def reshape(self, name: str, *sizes: int) -> str:
        """Return a value with other axes after the batch."""
        return self.emit("Reshape", name, self.ints(0, *sizes))

    def hint(self, name: str, shape: Sequence[int], dtype: str = "float", *, times: int = 1) -> str:
        """Say what shape a value has, where shape inference does not find it; return the value.

        `times` is how many entries of the first axis a sample has.
        """
        times *= self.times
        open_ = BATCH if times == 1 else f"{times}*{BATCH}"
        first = open_ if self.samples is None else self.samples // self.times * times
        self.writer.describe(name, self.writer.type(dtype), [first, *shape[1:]])
        return name

    def refuse(self, reason: str) -> NoReturn:
        """Raise the error of a layer that ONNX cannot say."""
        raise CannotExportError(self.node.layer, reason)

    def cast(self, name: str, dtype: str) -> str:
        """Return a value in another data type."""
        return self.emit("Cast", name, to=self.writer.type(dtype))


class Inside(Use):
    """An operator that is an argument of another, on a value that this one has made."""

    def __init__(self, use: Use, op: Op, name: str, shape: Shape) -> None:
        vars(self).update(vars(use), op=op, shapes=(shape,), outputs=[shape])
        self._name = name

    def order(self, index: int = 0) -> Order:
        """Return the spec's order, in which other operators' values are."""
        return spec_order(len(self.shapes[index]))

    def given(self, index: int = 0, order: Order = ()) -> Value:  # noqa: ARG002 - it is in the spec's
        """Return the value."""
        return Value(self._name, self.order(index))


class EachStep(Use):
    """A layer that :class:`archinspect.ops.wrap.TimeDistributed` applies to every step: a step is a sample to it."""

    def __init__(self, use: Use) -> None:
        shapes = [_steps_in_batch(shape) for shape in use.shapes]
        vars(self).update(vars(use), op=use.op.layer, shapes=tuple(shapes))
        self.outputs = [*map(_steps_in_batch, use.outputs)]
        self._outer = use
        self.times = use.times * use.shape[1]

    def order(self, index: int = 0) -> Order:
        """Return the order of a step's axes, the spec's where steps are not in front."""
        order = self._outer.order(index)
        return (0, *(axis - 1 for axis in order[2:])) if order[:2] == (0, 1) else spec_order(len(order) - 1)

    def given(self, index: int = 0, order: Order = ()) -> Value:
        """Return an input with its steps as samples."""
        order = order or self.order(index)
        shape = [self.shapes[index][axis] for axis in order]
        name, _ = self._outer.given(index, (0, *(axis + 1 for axis in order)))
        merged = self.emit("Reshape", name, self.ints(-1, *shape[1:]))
        return Value(self.hint(merged, shape, self.dtypes[0]), order)

    def apart(self, value: Value, shape: Shape) -> Value:
        """Return an output, of this shape, with the steps as an axis again."""
        order = (0, *(axis + 1 for axis in value.order))
        sizes = [shape[axis] for axis in order]
        name = self.emit("Reshape", value.name, self.ints(-1, *sizes[1:]))
        return Value(self._outer.hint(name, sizes), order)


def _steps_in_batch(shape: Shape) -> Shape:
    return (shape[0] * shape[1], *shape[2:])

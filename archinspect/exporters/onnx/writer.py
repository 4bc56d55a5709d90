"""What a graph of ONNX is made of: nodes, weights, constants, and the values that each tensor of a network is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from archinspect.exporters.orders import permutation, spec_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto

    from archinspect.analyses.facts import Facts
    from archinspect.base.shape import Shape
    from archinspect.exporters.onnx import Given
    from archinspect.exporters.orders import Order
    from archinspect.graph.graph import Node, Tensor

DOMAIN = "archinspect"
"""Of metadata, and of stubs for operators that ONNX does not have."""
BATCH = "batch"
TYPES: dict[str, int] = {
    **{name: getattr(TensorProto, name.upper()) for name in ("int64", "int32", "int16", "int8", "uint8", "bool")},
    **{name: getattr(TensorProto, name.upper()) for name in ("float16", "bfloat16")},
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "float8": TensorProto.FLOAT8E4M3FN,
}
_EXCHANGED = {"in": "out", "out": "in"}
_NAMES = {
    **dict.fromkeys(("kernel", "embeddings", "gamma", "alpha"), "weight"),
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
"""What PyTorch calls weights, as most files of ONNX do."""


class Value(NamedTuple):
    """A value, and in which order it has the axes of the spec's tensor."""

    name: str
    order: Order


class Stored(NamedTuple):
    """A weight in the file."""

    name: str
    order: Order
    """For each of its axes, which of the weight's it is, before it was given its shape."""
    shape: Shape


class Writer:
    """Collects the nodes of a graph."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.dtype = TYPES[facts.dtype]
        """What the network computes in."""
        self.nodes: list[NodeProto] = []
        self.values: dict[Tensor, Value] = {}
        """Each tensor as it was made."""
        self.made: dict[object, str] = {}
        """What several nodes use, by what it is."""
        self.has_stubs = False
        self._weights: dict[tuple[Node, str], Stored] = {}
        self._sources: list[NodeProto] = []
        """What makes weights: it stands before everything else."""
        self._inputs: list[ValueInfoProto] = []
        self._outputs: list[ValueInfoProto] = []
        self._ends: set[str] = set()
        """Names of inputs and outputs."""
        self._infos: dict[str, ValueInfoProto] = {}
        self._initializers: list[TensorProto] = []
        self._taken = {tensor.name for tensor in facts.graph.tensors}

    # Inputs, outputs, and what is known of values between

    def add_input(self, tensor: Tensor, order: Order) -> None:
        """Add an input of the network, whose axes are in this order."""
        self.values[tensor] = Value(tensor.name, order)
        self._inputs.append(self._info_of(tensor))
        self._ends.add(tensor.name)

    def add_output(self, tensor: Tensor) -> None:
        """Add an output of the network; one that is an input, or stands twice, is a copy."""
        name = self.values[tensor].name
        info = self._info_of(tensor)
        if name in self._ends:
            info.name = self.claim(f"{name}.output")
            self.nodes.append(helper.make_node("Identity", [name], [info.name], name=f"/{info.name}"))
        self.forget(name)
        self._outputs.append(info)
        self._ends.add(info.name)

    def add_value(self, tensor: Tensor, value: Value) -> None:
        """Say that a value is a tensor of the network."""
        self.values[tensor] = value
        self._infos[value.name] = self._info_of(tensor)

    def forget(self, name: str) -> None:
        """Take back what was said of a value."""
        self._infos.pop(name, None)

    def describe(self, name: str, dtype: int, shape: Sequence[int | str], **about: str) -> None:
        """Say what a value is, where shape inference would not find it."""
        self._infos[name] = helper.make_tensor_value_info(name, dtype, shape)
        annotate(self._infos[name], about)

    def _info_of(self, tensor: Tensor) -> ValueInfoProto:
        name, order = self.values[tensor]
        shape, dtype = self.facts.types[tensor.position]
        is_open = tensor.batched and self.facts.settings.batch is None
        dims = [BATCH if is_open else shape[0], *(shape[axis] for axis in order[1:])]
        info = helper.make_tensor_value_info(name, self.type(dtype), dims)
        if order != spec_order(len(shape)):
            annotate(info, {"order": " ".join(map(str, order))})
        return info

    def type(self, dtype: str) -> int:
        """Return a data type's number."""
        return self.dtype if dtype == "float" else TYPES[dtype]

    def claim(self, name: str) -> str:
        """Return a name that nothing else has."""
        found, number = name, 1
        while found in self._taken:
            found, number = f"{name}_{number}", number + 1
        self._taken.add(found)
        return found

    # Weights

    def weight(self, node: Node, name: str, order: Order, shape: Shape) -> tuple[str, list[tuple[str, Shape]]]:
        """Return where a node's weight is stored, and what that lacks to have its axes in this order, and this shape.

        These are operators, each with its argument: none, unless it was stored for another one that shares it.
        """
        owner, own, axes = self._owner(node, name)
        order = tuple(axes[axis] for axis in order)
        stored = self._weights.get((owner, own))
        if stored is None:
            stored = self._weights[owner, own] = self._store(owner, own, order, shape)
        if stored.order == order and stored.shape == shape:
            return stored.name, []
        sizes = self.facts.call(owner).weights[own].shape
        plain, turned = (tuple(sizes[axis] for axis in one) for one in (stored.order, order))
        steps = [("Reshape", plain)] if plain != stored.shape else []
        steps += [("Transpose", permutation(stored.order, order))] if stored.order != order else []
        return stored.name, [*steps, *([("Reshape", shape)] if turned != shape else [])]

    def _owner(self, node: Node, name: str) -> tuple[Node, str, Order]:
        """Return the node whose weight one is, how it calls it, and for each axis which of that one's it is."""
        weight = self.facts.call(node).weights[name]
        if node.shares is not None and name not in self.facts.own_weights(node):
            theirs = self.facts.call(node.shares).weights
            if name in theirs and theirs[name].shape == weight.shape:
                return node.shares, name, spec_order(len(weight.shape))
            for other, there in theirs.items():
                for names in (there.axes, tuple(_EXCHANGED.get(axis, axis) for axis in there.axes)):
                    sizes = dict(zip(names, there.shape, strict=True))
                    if len(there.shape) > 1 and sizes == dict(zip(weight.axes, weight.shape, strict=True)):
                        return node.shares, other, tuple(names.index(axis) for axis in weight.axes)
        return node, name, spec_order(len(weight.shape))

    def _store(self, node: Node, name: str, order: Order, shape: Shape) -> Stored:
        weight = self.facts.call(node).weights[name]
        dtype = self.dtype if node.inputs else self.type(self.facts.types[node.output.position].dtype)
        stored = self.claim(f"{node.path}.{_NAMES.get(name, name)}")
        trained = "parameter" if node.trainable else "frozen"
        kind = trained if weight.parameter else "buffer"
        self.describe(stored, dtype, shape, layer=node.layer, weight=name, kind=kind)
        value = helper.make_tensor("value", dtype, [1], [0])
        self._sources.append(
            helper.make_node(
                *("ConstantOfShape", [self.constant(np.array(shape, np.int64))], [stored]),
                name=f"/{stored.replace('.', '/')}",
                value=value,
            )
        )
        return Stored(stored, order, shape)

    def fill(self, model: ModelProto, how: str | Given) -> None:
        """Put initializers, zeros, random numbers or given ones, in the place of what makes the weights of a model."""
        graph = model.graph
        types = {info.name: info.type.tensor_type for info in graph.value_info}
        weights = [node.output[0] for node in self._sources]
        nodes = [node for node in graph.node if node.output[0] not in weights]
        used = {name for node in nodes for name in node.input}
        shapes = {node.input[0] for node in self._sources} - used
        initializers = [tensor for tensor in graph.initializer if tensor.name not in shapes]
        rng = np.random.default_rng(0)
        given = {} if isinstance(how, str) else self._arrays(how)
        for name in weights:
            shape = [dim.dim_value for dim in types[name].shape.dim]
            numbers = rng.uniform(-0.5, 0.5, shape) if how == "random" else given.get(name, np.zeros(shape))
            if how == "random" and name.endswith("running_var"):
                numbers += 1
            array = numbers.astype(helper.tensor_dtype_to_np_dtype(types[name].elem_type))
            initializers.append(numpy_helper.from_array(array, name))
        for field, kept in ((graph.node, nodes), (graph.initializer, initializers)):
            del field[:]
            field.extend(kept)

    def _arrays(self, given: Given) -> dict[str, np.ndarray[Any, Any]]:
        """Return given weights by their names in the file, as they are stored there."""
        return {
            stored.name: given[node.path][weight].transpose(stored.order).reshape(stored.shape)
            for (node, weight), stored in self._weights.items()
            if weight in given.get(node.path, {})
        }

    # Constants

    def constant(self, array: np.ndarray[Any, Any]) -> str:
        """Return the name of a constant, one for all that are equal."""
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self.made:
            name = self.made[key] = self.claim(_called(array))
            self._initializers.append(numpy_helper.from_array(array, name))
        return self.made[key]

    def graph(self) -> GraphProto:
        """Return all of it."""
        return helper.make_graph(
            *([*self._sources, *self.nodes], self.facts.graph.name, self._inputs, self._outputs, self._initializers),
            value_info=list(self._infos.values()),
        )


def _called(array: np.ndarray[Any, Any]) -> str:
    """Return what a constant is called: by its numbers if they are few."""
    most = 6
    values = [f"{number:g}" for number in array.ravel()[:most]]
    return "_".join(["constant", *values, *(["and", str(array.size - most), "more"] if array.size > most else [])])


def annotate(proto: NodeProto | ValueInfoProto, about: Mapping[str, str]) -> None:
    """Put metadata on a node or a value."""
    for name, text in about.items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = f"{DOMAIN}.{name}", text

"""ONNX files that tests look into and run, and networks of a single layer to write as such."""

# ruff: noqa: ARG001, ARG005 - operators' counts have one signature

from collections.abc import Callable
from math import prod

import numpy as np
import pytest
from small import add_inputs, make
from small import facts as facts_of

from archinspect.exporters.onnx import write
from archinspect.graph.builder import GraphBuilder

onnx = pytest.importorskip("onnx")
PREFIX = "archinspect."
TYPES = {"float": "FLOAT", "float32": "FLOAT", "float64": "DOUBLE", "float8": "FLOAT8E4M3FN"}


def about(proto):
    """Return the metadata of a model, a node or a value."""
    return {entry.key.removeprefix(PREFIX): entry.value for entry in proto.metadata_props}


def dims(info):
    """Return a value's shape: a number or a symbol for each axis, None for one that is not known."""
    shape = info.type.tensor_type.shape
    return [dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None for dim in shape.dim]


def values(model):
    """Return what is known of each value."""
    graph = model.graph
    return {info.name: info for info in (*graph.input, *graph.output, *graph.value_info)}


def as_written(facts, tensor, info):
    """Return a tensor's shape as its value has it."""
    shape = facts.shape(tensor)
    return [shape[int(axis)] for axis in about(info).get("order", " ".join(map(str, range(len(shape))))).split()]


def written(facts, **options):
    """Return a network's model."""
    return onnx.load_from_string(write(facts, **options))


def checked(facts, **options):
    """Return a network's model, after the checks of the onnx package and of what is said of its values."""
    model = written(facts, **options)
    onnx.checker.check_model(model, full_check=True)
    found = values(model)
    made = [name for node in model.graph.node for name in node.output if name]
    assert len(made) == len({*made})
    for name in made:
        assert found[name].type.tensor_type.HasField("shape"), name
        assert not any(dim is None or str(dim).startswith("unk") for dim in dims(found[name])), (
            name,
            dims(found[name]),
        )
    names = [node.name for node in model.graph.node]
    assert len(names) == len({*names})
    return model


def inferred(facts):
    """Return shape, type and description of each value, all that shape inference finds from the inputs alone."""
    model = checked(facts)
    stubs = {name for node in model.graph.node if node.domain for name in node.output}
    bare = onnx.load_from_string(model.SerializeToString())
    del bare.graph.value_info[:]
    bare.graph.value_info.extend(info for name, info in values(model).items() if name in stubs)
    for info in bare.graph.output:
        if info.name not in stubs:
            info.type.tensor_type.ClearField("shape")
    found = values(onnx.shape_inference.infer_shapes(bare, strict_mode=True, data_prop=True))
    for name, info in values(model).items():
        assert dims(info) == dims(found[name]), name
    return {name: (dims(info), info.type.tensor_type.elem_type, info) for name, info in values(model).items()}


def assert_as_the_engine_says(facts):
    found = inferred(facts)
    for tensor in facts.graph.tensors:
        shape, dtype, info = found[tensor.name]
        assert shape == as_written(facts, tensor, info), tensor
        named = facts.types[tensor.position].dtype
        assert dtype == onnx.TensorProto.DataType.Value(TYPES.get(named, named.upper())), tensor


def parameters(model, kinds=("parameter", "frozen")):
    return sum(prod(dims(info)) for info in values(model).values() if about(info).get("kind") in kinds)


def macs(model):
    """Return the multiply-accumulates of a model's operators by the shapes of their values, as readers count them."""
    known = {name: dims(info) for name, info in values(model).items()}
    return sum(
        MACS[node.op_type](known[node.output[0]], *[known.get(name) for name in node.input], node)
        for node in model.graph.node
        if node.op_type in MACS
    )


def _of_attention(output, query, key, value, *more):
    if len(query) == 4:  # the heads are an axis
        return prod(query[:3]) * key[2] * (query[3] + value[3])
    return prod(query) * key[1] + prod(output) * key[1]


def _of_equation(output, one, other, node):
    (equation,) = [attribute.s.decode() for attribute in node.attribute]
    sizes: dict[str, int] = {}
    for letter, size in zip(equation.split("->")[0].replace(",", ""), (*one, *other), strict=True):
        sizes[letter] = max(size, sizes.get(letter, 1))  # an axis of one stretches
    return prod(sizes.values())


def _of_steps(output, steps, weights, state_weights, *more):
    return steps[0] * steps[1] * (prod(weights) + prod(state_weights))


MACS: dict[str, Callable[..., int]] = {
    "Conv": lambda output, given, kernel, *more: prod(output) * prod(kernel[1:]),
    "DeformConv": lambda output, given, kernel, *more: prod(output) * prod(kernel[1:]),
    "ConvTranspose": lambda output, given, kernel, *more: prod(given) * prod(kernel[1:]),
    **dict.fromkeys(("Gemm", "MatMul"), lambda output, given, *more: prod(output) * given[-1]),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _of_steps),
    "Attention": _of_attention,
    "Einsum": _of_equation,
}


def layer(name, args, shapes, layout="channels_first", batch=None, dtypes=()):
    """Return the facts of a layer on inputs of these shapes, batch first."""
    op = make(name, args, layout)
    builder = GraphBuilder(name, layout=layout)
    inputs = add_inputs(builder, op, shapes, dtypes)
    return facts_of(builder.build(*builder.add_layer(op, inputs, builder.claim("layer"))), batch)


def run(facts, *inputs):
    """Return the outputs, and the weights by name, of a network with random weights; all arrays in the spec's order."""
    model = written(facts, weights="random")
    known = values(model)
    feeds = {
        info.name: np.transpose(array, order_of(info, array.ndim))
        for info, array in zip(model.graph.input, inputs, strict=True)
    }
    outputs = [
        np.transpose(array, np.argsort(order_of(known[info.name], array.ndim)))
        for info, array in zip(model.graph.output, computed(model, feeds), strict=True)
    ]
    weights = {
        tensor.name.removeprefix("layer."): onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer
    }
    return outputs, weights


def order_of(info, rank):
    return [int(axis) for axis in about(info).get("order", "").split()] or range(rank)


def computed(model, feeds):
    """Return a model's outputs: by onnxruntime, or where that is not there, by the onnx package's own reference."""
    try:
        import onnxruntime
    except ImportError:
        from onnx.reference import ReferenceEvaluator

        return ReferenceEvaluator(model).run(None, feeds)
    onnxruntime.set_default_logger_severity(4)
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, feeds)


def numbers(shapes, dtype="float32"):
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal(shape) if dtype == "float32" else rng.integers(0, 5, shape) for shape in shapes]
    return [array.astype(dtype) for array in arrays]


WAVE, IMAGE, VOLUME, STEPS = (2, 6, 11), (2, 6, 9, 10), (2, 6, 5, 6, 7), (2, 5, 6)

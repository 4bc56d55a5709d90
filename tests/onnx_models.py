"""Small ONNX files, written by the onnx package, or byte by byte."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
FLOAT, INT64, INT8 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64, onnx.TensorProto.INT8
helper = onnx.helper


def weight(name, *shape, code=FLOAT, data=None):
    """Return an initializer; without numbers it is as a file from which the weights were taken."""
    if data is None:
        found = onnx.TensorProto(name=name, data_type=code, dims=shape)
    else:
        array = np.array(data)
        found = onnx.numpy_helper.from_array(array.astype("float32") if array.dtype == "float64" else array, name)
    return found


def value(name, *shape, code=FLOAT):
    return helper.make_tensor_value_info(name, code, shape)


def node(kind, inputs, outputs, **attributes):
    """Return a node; inputs and outputs are names between spaces, `-` for one that is left out."""
    names = [["" if name == "-" else name for name in part.split()] for part in (inputs, outputs)]
    return helper.make_node(kind, *names, **attributes)


def model(nodes, inputs, outputs, weights=(), opset=18, *, functions=(), sparse=(), domains=()):  # noqa: PLR0913
    """Return a file's bytes; outputs are names, or values."""
    made = [helper.make_empty_tensor_value_info(one) if isinstance(one, str) else one for one in outputs]
    graph = helper.make_graph(nodes, "net", inputs, made, list(weights), sparse_initializer=list(sparse))
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(name, 1) for name in domains)]
    found = helper.make_model(graph, opset_imports=opsets, ir_version=10, functions=list(functions))
    return found.SerializeToString()


def classifier(batch="batch"):
    """Return a convolution, a pooling and a fully connected layer, named as PyTorch's older exporter does."""
    return model(
        [
            node(
                "Conv", "x conv.weight conv.bias", "c", name="/stem/stem.0/conv/Conv", kernel_shape=[3, 3], pads=[1] * 4
            ),
            node("Relu", "c", "r", name="/stem/stem.0/relu/Relu"),
            node("GlobalAveragePool", "r", "p", name="/pool/GlobalAveragePool"),
            node("Flatten", "p", "f", name="/Flatten"),
            node("Gemm", "f fc.weight fc.bias", "y", name="/fc/Gemm", transB=1),
        ],
        [value("x", batch, 3, 8, 8)],
        ["y"],
        [weight("conv.weight", 4, 3, 3, 3), weight("conv.bias", 4), weight("fc.weight", 10, 4), weight("fc.bias", 10)],
    )


def tokens():
    """Return an embedding and a layer, of sequences of any length, with weights that are in another file."""
    weights = [weight("embed.weight", 100, 8), weight("head.weight", 8, 8)]
    for one in weights:
        one.data_location = onnx.TensorProto.EXTERNAL
        entry = one.external_data.add()
        entry.key, entry.value = "location", "tokens.onnx.data"
    nodes = [
        node("Gather", "embed.weight ids", "e", name="/embed/Gather"),
        node("MatMul", "e head.weight", "y", name="/head/MatMul"),
    ]
    return model(nodes, [value("ids", "batch", "seq", code=INT64)], ["y"], weights)


MADE = {"digits.onnx": classifier, "tokens.onnx": tokens}
"""Files by the names that the documentation gives them."""

# Byte by byte


def varint(number):
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def field(number, content):
    """Return a field: a number, or bytes."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content

"""Networks as ONNX files: what the onnx package and the engine say of them."""

import json
import sys
from functools import partial

import numpy as np
import pytest
from onnx_files import (
    about,
    assert_as_the_engine_says,
    checked,
    dims,
    layer,
    macs,
    numbers,
    parameters,
    run,
    values,
    written,
)
from ops.test_rows import LAYOUTS, ROWS
from small import make, small

import archinspect
from archinspect import ops
from archinspect.exporters.onnx import write
from archinspect.exporters.refusal import CannotExportError

onnx = pytest.importorskip("onnx")

# Every network and every operator


# What a scan computes stands in a graph within, whose products are not counted here.
WITHIN = {"DeltaRule", "GeneralizedDeltaRule", "MLSTM", "SLSTM"}


@pytest.mark.parametrize("name", archinspect.networks())
def test_a_network_passes_the_checks_and_has_the_engines_shapes(name):
    net = archinspect.network(name)
    model = checked(net.facts)
    assert parameters(model) == net.report().totals.params
    about_nodes = [about(node) for node in model.graph.node]
    first = [one.get("node", one["layer"]) for one in about_nodes if "arguments" in one]
    assert first == [node.path for node in net.graph.nodes]
    for batch in (1, 3):
        other = net.with_settings(batch=batch)
        assert_as_the_engine_says(other.facts)
    by_steps = {type(node.op).__name__ for node in net.graph.nodes if getattr(node.op, "chunk", None) is None}
    if not WITHIN & by_steps:
        assert macs(written(other.facts)) == other.report().totals.macs


# Which steps find a place where experts have so many is for a kernel to say.
EXPORTED = [(kind, row) for kind, row in ROWS if row["output"] is not None and "capacity_factor" not in row["args"]]
IDS = [f"{i}-{row['op']}" for i, (_, row) in enumerate(EXPORTED)]


@pytest.mark.parametrize(("framework", "row"), EXPORTED, ids=IDS)
def test_every_row_of_the_operators_is_exported(framework, row):
    one = partial(layer, row["op"], row["args"], row["inputs"], LAYOUTS[framework])
    model = checked(one())
    assert parameters(model, ["parameter"]) == row["params"]
    assert parameters(model, ["buffer", "frozen"]) == row["buffers"]
    for batch in (1, 3):
        assert_as_the_engine_says(one(batch=batch))
    # How an equation is joined, ONNX does not say.
    within = row["op"] in WITHIN or "proj_size" in row["args"]
    if row["inputs"] and "Einsum" not in row["op"] and not within:
        assert macs(written(one(batch=row["inputs"][0][0]))) == row["macs"]


# Layers that are made of others, and never a node.
MADE_OF_OTHERS = {
    *("Activation", "Bidirectional", "MultiHeadAttention", "SeparableConv1D", "SeparableConv2D"),
    *("Attention", "AdditiveAttention", "FFTConvolution", "Transpose"),
    "Input",
}


def test_every_operator_has_a_translation():
    from archinspect.exporters.onnx.operators import OPERATORS

    without = {op.__name__ for op in ops.all_ops() if not any(base.__name__ in OPERATORS for base in op.__mro__)}
    assert without == MADE_OF_OTHERS


# Names, metadata, weights


def kinds(model):
    """Return the kinds of nodes in order, but for those that make weights."""
    return [node.op_type for node in model.graph.node if about(node)]


def weights(model):
    """Return of each weight its shape and what it is."""
    return {name: (dims(info), about(info)["kind"]) for name, info in values(model).items() if "weight" in about(info)}


def test_names_and_metadata_give_back_the_layers():
    net = archinspect.network("resnet50")
    model = checked(net.facts)
    path = "stage1.0.conv_bn.conv2d"
    (node,) = [node for node in model.graph.node if node.name == f"/{path.replace('.', '/')}/Conv"]
    assert [*node.input] == ["stem.max_pooling2d", f"{path}.weight"]
    assert [*node.output] == [path]
    assert about(node)["layer"] == path
    assert about(node)["operator"] == "Conv2D"
    (layer,) = [node for node in net.graph.nodes if node.path == path]
    assert make("Conv2D", json.loads(about(node)["arguments"])) == layer.op
    assert about(model)["params"] == json.dumps(net.graph.params)


def test_pictures_have_their_channels_first_and_nothing_is_transposed():
    model = checked(archinspect.network("resnet50").facts)
    (picture,) = model.graph.input
    assert dims(picture) == ["batch", 3, 224, 224]
    assert about(picture) == {"order": "0 3 1 2"}
    assert "Transpose" not in kinds(model)
    assert kinds(checked(archinspect.network("vgg16").facts)).count("Transpose") == 1  # before it is flattened


def test_both_layouts_compute_the_same():
    block = [
        {"Conv2D": {"filters": 6, "kernel_size": 3, "padding": 1, "activation": "relu"}, "name": "conv"},
        {"GlobalAveragePooling2D": {"keepdims": True}},
        {"Conv2D": {"filters": 6, "kernel_size": 1}},
        {"Multiply": None, "from": ["conv", -1]},
        "BatchNormalization",
        {"Concatenate": None, "from": ["conv", -1]},
        {"SeparableConv2D": {"filters": 5, "kernel_size": 3, "strides": 2, "padding": "same"}},
        {"GroupNormalization": {"groups": 5}},
        {"LayerScale": None},
        {"MaxPooling2D": 2},
    ]
    (image,) = numbers([(2, 3, 12, 12)])
    first, _ = run(small(*block, shape=(3, 12, 12), layout="channels_first"), image)
    last, _ = run(small(*block, shape=(12, 12, 3)), np.moveaxis(image, 1, -1))
    np.testing.assert_allclose(first[0], np.moveaxis(last[0], -1, 1), rtol=1e-5)


def test_a_shared_weight_is_stored_once():
    tied = small(
        {"Embedding": {"input_dim": 7, "output_dim": 4}, "name": "words"},
        {"Dense": {"units": 4}, "name": "one"},
        {"Dense": {"units": 4}, "weights": "one"},
        {"Dense": {"units": 7, "use_bias": False}, "weights": "words"},
        input={"shape": [5], "dtype": "int32"},
    )
    model = checked(tied)
    assert weights(model) == {
        "words.weight": ([7, 4], "parameter"),
        "one.weight": ([4, 4], "parameter"),
        "one.bias": ([4], "parameter"),
    }
    assert kinds(model).count("Transpose") == 1
    given = np.array([[0, 3, 6, 1, 2]], np.int32)
    (found,), stored = run(tied, given)
    hidden = stored["words.weight"][given]
    for _ in range(2):
        hidden = hidden @ stored["one.weight"] + stored["one.bias"]
    np.testing.assert_allclose(found, hidden @ stored["words.weight"].T, rtol=1e-4)


def test_a_kernel_can_be_tied_to_that_of_the_way_back():
    tied = small(
        {"Conv2D": {"filters": 7, "kernel_size": 3, "use_bias": False}, "name": "there"},
        {"Conv2DTranspose": {"filters": 4, "kernel_size": 3, "use_bias": False}, "weights": "there"},
    )
    assert weights(checked(tied)) == {"there.weight": ([7, 4, 3, 3], "parameter")}
    assert "Transpose" not in kinds(checked(tied))  # both have the kernel's axes so


def test_frozen_weights_and_buffers_are_told_apart():
    model = checked(
        small(
            {"Conv2D": {"filters": 3, "kernel_size": 1}, "trainable": False, "name": "conv"},
            {"BatchNormalization": {"center": False}, "name": "norm"},
            {"Constant": {"shape": [3], "dtype": "int64"}, "name": "table"},
            outputs=["norm", "table"],
        )
    )
    assert weights(model) == {
        "conv.weight": ([3, 4, 1, 1], "frozen"),
        "conv.bias": ([3], "frozen"),
        "norm.weight": ([3], "parameter"),
        "norm.running_mean": ([3], "buffer"),
        "norm.running_var": ([3], "buffer"),
        "table.value": ([3], "buffer"),
    }
    assert values(model)["table.value"].type.tensor_type.elem_type == onnx.TensorProto.INT64


def test_a_large_network_is_a_small_file():
    assert len(write(archinspect.network("mixtral_8x7b").facts)) < 1_000_000  # of 46.7 G parameters


@pytest.mark.parametrize("how", ["zeros", "random"])
def test_weights_can_be_initializers(how):
    facts = archinspect.network("lenet5").facts
    model = checked(facts, weights=how)
    assert "ConstantOfShape" not in {node.op_type for node in model.graph.node}
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    assert {name: list(stored[name].shape) for name in weights(model)} == {
        name: shape for name, (shape, _) in weights(model).items()
    }
    assert {stored[name].any() for name in weights(model)} == {how == "random"}
    assert write(facts, weights=how) == write(facts, weights=how)


def test_what_is_the_same_for_all_samples_is_repeated_for_each():
    net = partial(
        small,
        {"Parameter": {"shape": [6, 4]}, "name": "queries"},
        {"MultiHeadAttention": {"num_heads": 2, "key_dim": 4}, "from": ["queries", "input"]},
        {"TimeDistributed": {"layer": {"ClassToken": None}}, "from": "film"},
        inputs={"input": [9, 4], "film": [3, 5, 8]},
        outputs=["multi_head_attention", "time_distributed"],
        input=None,
    )
    model = checked(net())
    assert [dims(info) for info in model.graph.output] == [["batch", 6, 4], ["batch", 3, 6, 8]]
    for batch in (1, 3):
        assert_as_the_engine_says(net(batch=batch))


FOUND = {
    "a layer is called as a constant could be": [
        {"Flatten": None, "name": "constant_0"},
        {"Dense": 3, "name": "constant"},
    ],
    "types that differ": [
        {"Constant": {"shape": [8, 8, 4], "dtype": "int64"}, "name": "table"},
        {"Add": None, "from": ["input", "table"]},
        {"Concatenate": None, "from": ["table", "add", "table"]},
    ],
    "the shape of what is resized is no output's": [
        {"TimeDistributed": {"layer": {"Upsample": {"size": 7, "mode": "linear"}}}},
    ],
    "integers step by step": [
        {"Constant": {"shape": [8, 8, 4], "dtype": "int64"}, "name": "table"},
        {"TimeDistributed": {"layer": {"Embedding": {"input_dim": 5, "output_dim": 2}}}},
    ],
    "biases of positions step by step": [
        {
            "TimeDistributed": {
                "layer": {"MultiHeadAttention": {"num_heads": 2, "key_dim": 4, how: 5 if how[0] == "p" else True}}
            }
        }
        for how in ("position_biases", "shared_position_biases")
    ],
    "a factor that is no binary number": [{"Upsample": {"size": [11, 13]}}, {"Upsample": {"size": [25, 31]}}],
}
"""Networks of kinds that random ones found to be wrong."""


@pytest.mark.parametrize("steps", FOUND.values(), ids=FOUND)
def test_a_kind_that_was_wrong(steps):
    checked(small(*steps))
    for batch in (1, 3):
        assert_as_the_engine_says(small(*steps, batch=batch))


def test_an_input_that_is_an_output_is_copied():
    model = checked(small({"Dense": 3}, input=[5], outputs=["input", "dense", "dense"]))
    assert len({info.name for info in (*model.graph.input, *model.graph.output)}) == len(model.graph.output) + 1


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_a_network_computes_in_its_own_type(dtype):
    model = checked(
        small({"Conv2D": {"filters": 3, "kernel_size": 3, "activation": "celu"}}, "LayerNormalization", dtype=dtype)
    )
    number = onnx.TensorProto.DataType.Value({"float64": "DOUBLE"}.get(dtype, dtype.upper()))
    assert {values(model)[name].type.tensor_type.elem_type for node in model.graph.node for name in node.output} == {
        number
    }


def test_the_opset_is_the_newest_that_onnxruntime_computes():
    assert [
        model.opset_import[0].version
        for model in map(checked, (small("SiLU"), small({"SampleGaussian": None, "from": ["input", "input"]})))
    ] == [24, 21]


def test_a_layer_of_ones_own_is_a_stub():
    model = checked(small({"Custom": {"params": 5, "macs": 1, "output_shape": [3]}, "name": "mine"}, input=[4]))
    (node,) = [node for node in model.graph.node if about(node)]
    assert (node.domain, node.op_type, [*node.input]) == ("archinspect", "Custom", ["input", "mine.weights"])
    assert dims(model.graph.output[0]) == ["batch", 3]


REFUSED = [
    ({"UpSampling2D": {"interpolation": "lanczos3"}}, {}, "up_sampling2d: ONNX has no interpolation 'lanczos3'"),
    (
        {"MultiHeadAttention": {"num_heads": 2, "key_dim": 4, "shared_position_biases": True}},
        {"input": [5, 8]},
        "multi_head_attention: no attention before it has position biases that it could share",
    ),
    (
        {"MixtureOfExperts": {"num_experts": 2, "units": 4, "activation": "prelu"}},
        {"input": [5, 8]},
        "mixture_of_experts: PReLU within an expert would have weights of its own",
    ),
    (
        "RotaryEmbedding",
        {"dtype": "float64"},
        "rotary_embedding: ONNX refuses it: X typestr: T, has unsupported type: tensor(double)",
    ),
    ("ReLU", {"dtype": "float8"}, "small: ONNX computes in no float8"),
]


@pytest.mark.parametrize(("step", "top", "message"), REFUSED)
def test_what_onnx_cannot_say_is_refused_with_the_reason(step, top, message):
    with pytest.raises(CannotExportError) as error:
        write(small(step, **top))
    assert str(error.value) == message


def test_unknown_weights_are_refused():
    with pytest.raises(ValueError, match="weights must be one of none, zeros, random, not 'ones'"):
        write(small("ReLU"), weights="ones")


def test_without_the_extra_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"export to ONNX needs onnx: pip install 'archinspect\[onnx\]'"):
        write(small("ReLU"))

"""ONNX files: what is read of them, and what is refused. The shapes of operators are those of the onnx package."""

import random
import tracemalloc
from typing import Any

import pytest
from onnx_models import FLOAT, INT8, INT64, classifier, field, helper, model, node, onnx, tokens, value, varint, weight

import archinspect
from archinspect.analyses.memory import kept_bytes
from archinspect.importers.onnx import model as messages
from archinspect.importers.onnx import run as running
from archinspect.importers.onnx import wire


@pytest.fixture
def write(tmp_path):
    def write(content, name="net.onnx"):
        path = tmp_path / name
        path.write_bytes(content)
        return str(path)

    return write


@pytest.fixture
def read(write):
    """Return the network of a file."""
    return lambda content, **settings: archinspect.network(write(content), **settings)


@pytest.fixture
def refused(read):
    """Return what is said of a file that is refused."""

    def refused(content, **settings):
        with pytest.raises(archinspect.InvalidSpecError) as caught:
            read(content, **settings)
        return str(caught.value)

    return refused


def rows(net):
    return {row.name: (row.type, row.output_shape, row.cost.params, row.cost.macs) for row in net.report().layers}


def totals(net):
    found = net.report().totals
    return found.params, found.macs


# Our own files


# A file of ONNX has no weights that nothing reads, and no scan by chunks.
UNREAD = {
    *("dinov2_small", "dinov2_base", "dinov2_large", "wav2vec2_base", "wav2vec2_large", "clip_vit_b32", "siglip_base"),
    *("mamba2_130m", "xlstm_7b", "rt_detr_r50"),
}
# There a learned tensor is a weight of the operator that reads it, whose name it then counts under.
LEARNED = {
    *("blip_base", "gat_cora", "gcn_cora", "kan_mnist", "sam_vit_b", "sam_vit_h", "sam_vit_l"),
    "sam_prompt_encoder",
    *("rwkv4_169m", "rwkv7_0_1b", "rwkv7_0_4b", "edgenext_small"),
    *("whisper_tiny", "whisper_base", "whisper_small", "whisper_medium", "whisper_large_v3", "whisper_large_v3_turbo"),
}


@pytest.mark.parametrize("name", [name for name in archinspect.networks() if name not in UNREAD])
def test_a_network_comes_back_as_it_was_exported(read, name):
    net = archinspect.network(name)
    back = read(net.export("onnx"))
    for batch in (1, 3):
        one, other = (which.with_settings(batch=batch).report() for which in (net, back))
        assert (other.totals.params, other.totals.buffers, other.totals.macs) == (
            one.totals.params,
            one.totals.buffers,
            one.totals.macs,
        )
        names = {row.name for row in one.layers}
        if name not in LEARNED:
            assert by_layer(other, names) == by_layer(one, names)
        # The file has other axes first; a layer may be several operators, of which the last has its shape.
        assert [sorted(shape) for shape in other.outputs.values()] == [sorted(shape) for shape in one.outputs.values()]
        shapes = {of_layer(row.name, names): sorted(row.output_shape) for row in other.layers}
        kernels = [row for row in one.layers if row.cost.macs and row.name in shapes and row.type in EXACT]
        assert {row.name: shapes[row.name] for row in kernels} == {
            row.name: sorted(row.output_shape) for row in kernels
        }


EXACT = ("Conv2D", "Conv1D", "Dense", "DepthwiseConv2D", "Conv2DTranspose")
"""Layers that are one operator, and a bias, in a file."""


def of_layer(name, names):
    while name and name not in names:
        name = name.rpartition(".")[0]
    return name


def by_layer(report, names):
    found: dict[str, tuple[int, int]] = {}
    for row in report.layers:
        params, macs = found.get(of_layer(row.name, names), (0, 0))
        found[of_layer(row.name, names)] = params + row.cost.params, macs + row.cost.macs
    return {name: figures for name, figures in found.items() if figures != (0, 0)}


# Names and places


def test_names_are_the_paths_of_modules(read):
    assert rows(read(classifier())) == {
        "stem.0.conv": ("Conv2D", (None, 4, 8, 8), 112, 6912),
        "stem.0.relu": ("ReLU", (None, 4, 8, 8), 0, 0),
        "pool": ("GlobalAveragePooling2D", (None, 4, 1, 1), 0, 0),
        "Flatten": ("Flatten", (None, 4), 0, 0),
        "fc": ("Dense", (None, 10), 50, 40),
    }


def scoped(made, scopes):
    entry = made.metadata_props.add()
    entry.key, entry.value = "pkg.torch.onnx.name_scopes", repr(scopes)
    return made


def test_names_are_scopes_where_the_file_has_them(read):
    nodes = [
        # What took a batch normalization in has its scope; the weight's name says better.
        scoped(
            node("Conv", "x block.0.conv1.weight", "c", name="node_1"), ["", "block", "block.0", "block.0.bn1", "n"]
        ),
        scoped(node("Relu", "c", "r", name="node_2"), ["", "block", "block.0", "relu_1"]),
        node("Sigmoid", "r", "y", name="node_3"),
    ]
    net = read(model(nodes, [value("x", "batch", 3, 8, 8)], ["y"], [weight("block.0.conv1.weight", 4, 3, 3, 3)]))
    assert list(rows(net)) == ["block.0.conv1", "block.0.relu_1", "block.0.node_3"]


@pytest.mark.parametrize("names", [["a", "a"], ["", ""], ["/a/b", "/a/b/c"], ["a\x1b[2J", "a.b"], ["x", "y"]])
def test_any_names_are_distinct_and_printable(read, names):
    nodes = [node("Relu", "x", "m", name=names[0]), node("Relu", "m", "y", name=names[1])]
    found = list(rows(read(model(nodes, [value("x", "batch", 8)], ["y"]))))
    assert len({*found}) == 2
    assert all(name.isprintable() for name in found)


# Batch and open sizes


def test_the_batch_is_open(read):
    net = read(classifier())
    assert totals(net.with_settings(batch=3)) == (162, 3 * 6952)
    assert str(net.formula("macs", "batch", "height", "width")) == "batch * (40 + 108 * height * width)"


def test_a_batch_of_one_is_changed_where_the_operators_allow(read):
    net = read(classifier(batch=1))
    assert totals(net.with_settings(batch=3)) == (162, 3 * 6952)
    assert "the file has a batch of 1" in net.graph.description


def reshaped(first, weights=()):
    nodes = [node("Reshape", "x shape", "r"), node("MatMul", "r w", "y")]
    shape = weight("shape", data=[first, 4])
    return model(nodes, [value("x", 1, 2, 2)], ["y"], [weight("w", 4, 5), shape, *weights])


def test_a_batch_in_the_shape_of_a_reshape_is_changed_too(read):
    assert totals(read(reshaped(1), batch=3)) == (20, 60)


def test_a_batch_that_is_baked_in_is_refused(refused, read):
    nodes = [node("Add", "x w", "s"), node("Concat", "s w", "y", axis=1)]
    baked = model(nodes, [value("x", 1, 4)], ["y"], [weight("w", 1, 4)])
    assert "the batch is baked into the file" in read(baked).graph.description
    assert "the network is for a batch of 1, not 3" in refused(baked, batch=3)


@pytest.mark.parametrize(("layout", "sizes"), [(0, (7, 1, 6)), (1, (1, 7, 6))])
def test_recurrences_keep_what_ours_keep(read, layout, sizes):
    nodes = [node("GRU", "x w r b", "y h", hidden_size=5, layout=layout)]
    weights = [weight("w", 1, 15, 6), weight("r", 1, 15, 5), weight("b", 1, 30)]
    found = read(model(nodes, [value("x", *sizes)], ["y", "h"], weights))
    ours = archinspect.network({"input": [7, 6], "layers": [{"GRU": {"units": 5, "biases": 2, "return_state": True}}]})
    assert kept_bytes(found.facts) == kept_bytes(ours.facts) == 1148  # of nn.GRU, by PyTorch 2.13 on the meta device
    assert found.report().totals.macs == ours.report().totals.macs


def test_a_batch_that_is_not_the_first_axis(read):
    nodes = [node("LSTM", "x w r b", "y h", hidden_size=4)]
    weights = [weight("w", 1, 16, 6), weight("r", 1, 16, 4), weight("b", 1, 32)]
    net = read(model(nodes, [value("x", 20, "batch", 6)], ["y", "h"], weights), batch=3)
    assert rows(net)["y"] == ("LSTM", (20, 1, 3, 4), 192, 3 * 20 * 160)
    assert net.report().inputs == {"x": (3, 20, 6)}
    assert [list(net.facts.shape(tensor)) for tensor in net.graph.outputs] == [[20, 1, 3, 4], [1, 3, 4]]


def test_an_input_without_elements(read):
    net = read(model([node("Concat", "x w", "y", axis=1)], [value("x", "N", 0, 4)], ["y"], [weight("w", 1, 2, 4)]))
    assert net.graph.description.endswith("and figures are for its own")
    net = read(
        model(
            [node("Relu", "x", "r"), node("Shape", "r", "s"), node("Expand", "one s", "y")],
            [value("x", "N", 0, 4)],
            ["y"],
            [weight("one", data=1.0)],
        ),
        batch=3,
    )
    assert net.facts.shape(net.graph.outputs[0]) == (3, 0, 4)


def test_open_sizes_are_parameters(read, refused):
    message = refused(tokens())
    assert "error[missing-param]: the file leaves open how large 'seq' is, axis 1 of the input 'ids'" in message
    assert "`--set seq=...`" in message
    net = read(tokens(), params={"seq": 5})
    assert totals(net) == (864, 320)
    assert totals(read(tokens(), inputs={"ids": [5]})) == (864, 320)
    assert str(net.formula("macs", "seq")) == "64 * seq"
    assert "must be a whole number" in refused(tokens(), params={"seq": "long"})
    assert "no parameter 'steps'" in refused(tokens(), params={"steps": 5})


def test_sizes_are_followed_through_their_arithmetic(read):
    # [batch, seq, 8] to [batch * seq / 2, 2, 8] and back, as exporters write `view`.
    nodes = [
        node("Shape", "x", "s"),
        node("Gather", "s zero", "b", axis=0),
        node("Gather", "s one", "n", axis=0),
        node("Mul", "b n", "m"),
        node("Div", "m two", "h"),
        *(node("Unsqueeze", f"{name} axes", f"{name}1") for name in ("h", "b", "n")),
        node("Concat", "h1 pair", "t", axis=0),
        node("Reshape", "x t", "v"),
        node("MatMul", "v w", "p"),
        node("Concat", "b1 n1 eight", "u", axis=0),
        node("Reshape", "p u", "y"),
    ]
    numbers = {"zero": 0, "one": 1, "two": 2, "axes": [0], "pair": [2, 8], "eight": [8]}
    weights = [weight("w", 8, 8), *(weight(name, data=data) for name, data in numbers.items())]
    net = read(model(nodes, [value("x", "batch", "seq", 8)], ["y"], weights), params={"seq": 6})
    assert [(row.type, row.output_shape) for row in net.with_settings(batch=3).report().layers] == [
        ("Reshape", (9, 2, 8)),
        ("Dense", (9, 2, 8)),
        ("Reshape", (3, 6, 8)),
    ]
    assert str(net.formula("macs", "batch")) == "384 * batch"
    assert net.formula("macs", "seq")(seq=20) == 64 * 20


def test_a_batch_that_is_halved_is_no_polynomial(read):
    nodes = [node("Shape", "x", "s"), node("Slice", "s zero one", "b"), node("Div", "b two", "h")]
    nodes += [node("ConstantOfShape", "h", "c"), node("Concat", "c c", "d", axis=0), node("ReduceSum", "d", "e")]
    nodes += [node("Add", "x e", "y"), node("Identity", "c", "z")]
    weights = [weight(name, data=[number]) for name, number in (("zero", 0), ("one", 1), ("two", 2))]
    halved = model(nodes, [value("x", "N", 6)], ["y", "z"], weights)
    assert "the batch is baked into the file" in read(halved).graph.description


# Weights


def product(weights, *, inputs=(), **more):
    return model([node("MatMul", "x w", "y")], [value("x", "batch", 6), *inputs], ["y"], weights, **more)


def external(name, *shape):
    found = weight(name, *shape)
    found.data_location = onnx.TensorProto.EXTERNAL
    entry = found.external_data.add()
    entry.key, entry.value = "location", "not_there.bin"
    return found


def coordinates():
    return helper.make_sparse_tensor(weight("w", data=[1.0, 2.0]), weight("places", data=[1, 5]), [6, 4])


@pytest.mark.parametrize(
    "content",
    [
        product([weight("w", 6, 4, data=[[0.0] * 4] * 6)]),
        product([weight("w", 6, 4)]),
        product([external("w", 6, 4)]),
        product([], sparse=[coordinates()]),
        product([], inputs=[value("w", 6, 4)]),
        model(
            [node("Constant", "", "w", value=weight("", 6, 4)), node("MatMul", "x w", "y")], [value("x", "N", 6)], ["y"]
        ),
        model(
            [node("ConstantOfShape", "s", "w"), node("MatMul", "x w", "y")],
            [value("x", "N", 6)],
            ["y"],
            [weight("s", data=[6, 4])],
        ),
        model(
            [node("Transpose", "v", "w"), node("MatMul", "x w", "y")], [value("x", "N", 6)], ["y"], [weight("v", 4, 6)]
        ),
    ],
    ids=["inside", "left out", "elsewhere", "sparse", "inputs", "constant", "filled", "turned"],
)
def test_weights_are_known_by_their_shapes(read, content):
    net = read(content)
    assert totals(net) == (24, 24)
    assert [row.type for row in net.report().layers] == ["Dense"]


def test_weights_are_stepped_over(tmp_path):
    # The weights are 1 GiB that are not there.
    size = 2**30
    tensor = field(1, 2**28) + field(2, FLOAT) + field(8, b"b") + varint(9 << 3 | 2) + varint(size)
    graph = field(1, field(1, b"x") + field(1, b"b") + field(2, b"y") + field(4, b"Add"))
    typed = field(1, field(1, FLOAT) + field(2, field(1, field(2, b"batch")) + field(1, field(1, 2**28))))
    rest = field(11, field(1, b"x") + field(2, typed)) + field(12, field(1, b"y"))
    whole = len(graph) + len(varint(5 << 3 | 2)) + len(varint(len(tensor) + size)) + len(tensor) + size + len(rest)
    with open(tmp_path / "net.onnx", "wb") as file:
        file.write(field(1, 8) + field(8, field(2, 18)) + varint(7 << 3 | 2) + varint(whole) + graph)
        file.write(varint(5 << 3 | 2) + varint(len(tensor) + size) + tensor)
        file.seek(size, 1)
        file.write(rest)
    tracemalloc.start()
    net = archinspect.network(str(tmp_path / "net.onnx"))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert totals(net) == (2**28, 0)
    assert most < 2**23


def test_a_weight_that_is_used_twice_counts_once(read):
    nodes = [node("Gemm", "x w b", "m"), node("Gemm", "m w b", "y")]
    net = read(model(nodes, [value("x", "N", 6)], ["y"], [weight("w", 6, 6), weight("b", 6)]))
    assert totals(net) == (42, 72)
    assert [row.shares for row in net.report().layers] == ["", "m"]


def test_an_output_layer_that_shares_with_its_embedding(read):
    nodes = [node("Gather", "t x", "e"), node("Transpose", "t", "w", perm=[1, 0]), node("MatMul", "e w", "y")]
    net = read(model(nodes, [value("x", "N", 5, code=INT64)], ["y"], [weight("t", 100, 8)]))
    assert totals(net) == (800, 4000)


def test_layers_that_share_a_kernel_and_no_bias(read):
    nodes = [node("Gemm", "x w b", "m"), node("Gemm", "m w c", "y")]
    net = read(model(nodes, [value("x", "N", 6)], ["y"], [weight("w", 6, 6), weight("b", 6), weight("c", 6)]))
    assert totals(net) == (48, 72)


def test_a_product_and_an_addition_are_a_layer(read):
    nodes = [node("MatMul", "x w", "m", name="/fc/MatMul"), node("Add", "b m", "y", name="/fc/Add")]
    net = read(model(nodes, [value("x", "N", 3, 6)], ["y"], [weight("w", 6, 4), weight("b", 4)]))
    assert rows(net) == {"fc": ("Dense", (None, 3, 4), 28, 72)}


def test_constants_of_any_shape_are_added_as_numpy_does(read):
    shapes = {"a": (8,), "b": (1, 8), "c": (5, 8), "d": (1, 5, 8), "e": (1,), "f": ()}
    nodes = [node("Add", f"{x} {name}", y) for x, name, y in zip("xmnopq", shapes, "mnopqy", strict=True)]
    net = read(model(nodes, [value("x", "N", 5, 8)], ["y"], [weight(name, *dims) for name, dims in shapes.items()]))
    assert totals(net.with_settings(batch=3)) == (8 + 8 + 40 + 40 + 1 + 1, 0)
    assert net.report().totals.flops == 6 * 40
    assert [row.type for row in net.report().layers] == ["Add"] * 6


def test_running_statistics_are_buffers(read):
    weights = [weight(name, 4) for name in "abcd"]
    net = read(model([node("BatchNormalization", "x a b c d", "y")], [value("x", "N", 4, 6)], ["y"], weights))
    found = net.report().totals
    assert (found.params, found.buffers) == (8, 8)


def test_quantized_weights_are_parameters_and_whole_numbers_are_none(read):
    nodes = [node("DequantizeLinear", "w s z", "d"), node("MatMul", "x d", "m"), node("Gather", "m i", "y", axis=1)]
    weights = [weight("w", 6, 4, code=INT8), weight("s"), weight("z", code=INT8), weight("i", 300, code=INT64)]
    net = read(model(nodes, [value("x", "N", 6)], ["y"], weights))
    assert totals(net)[1] == 24
    assert 24 <= totals(net)[0] <= 26


# Operators


CASES: list[tuple[Any, ...]] = [
    ("Conv", "x:2,4,9,9 w:6,2,3,3=", {"group": 2, "strides": [2, 2], "pads": [1, 0, 1, 2], "dilations": [2, 1]}),
    ("Conv", "x:2,4,9 w:6,4,3=", {"auto_pad": "SAME_UPPER", "strides": [2]}),
    ("Conv", "x:2,4,9,8 w:6,4,3,2=", {"auto_pad": "VALID"}),
    (
        "ConvTranspose",
        "x:2,4,9,9 w:4,3,3,3=",
        {"group": 2, "strides": [2, 2], "output_padding": [1, 1], "pads": [1] * 4},
    ),
    ("ConvTranspose", "x:2,4,9 w:4,3,3=", {"auto_pad": "SAME_UPPER", "strides": [3]}),
    ("MaxPool", "x:2,4,9,9", {"kernel_shape": [3, 2], "strides": [2, 2], "ceil_mode": 1, "pads": [1, 0, 1, 0]}),
    ("MaxPool", "x:2,4,9", {"kernel_shape": [3], "dilations": [2], "auto_pad": "SAME_LOWER"}),
    ("AveragePool", "x:2,4,9,9", {"kernel_shape": [2, 2], "strides": [2, 2]}),
    ("LpPool", "x:2,4,9,9", {"kernel_shape": [2, 2]}),
    ("GlobalMaxPool", "x:2,4,9,9", {}),
    ("Gemm", "x:2,5 w:5,3= c:3=", {}),
    ("Gemm", "x:5,2 w:5,3=", {"transA": 1}),
    ("MatMul", "x:2,3,5,4 w:3,4,6", {}),
    ("MatMul", "x:2,3,4 w:4", {}),
    ("MatMul", "x:4 w:2,4,3", {}),
    ("Reshape", "x:2,3,4 s=0,-1", {}),
    ("Reshape", "x:0,3,4 s=3,0,4", {"allowzero": 1}),
    ("Flatten", "x:2,3,4,5", {"axis": 2}),
    ("Flatten", "x:2,3,4,5", {"axis": -1}),
    ("Transpose", "x:2,3,4", {"perm": [2, 0, 1]}),
    ("Transpose", "x:2,3,4", {}),
    ("Concat", "x:2,3,4 y:2,5,4", {"axis": 1}),
    ("Split", "x:2,7,4", {"axis": 1, "num_outputs": 3}, 3),
    ("Split", "x:2,7,4 s=3,4", {"axis": 1}, 2),
    ("Squeeze", "x:2,1,4,1", {}),
    ("Squeeze", "x:2,1,4,1 a=-1", {}),
    ("Unsqueeze", "x:2,4 a=0,-1", {}),
    ("Slice", "x:8,9,5 s=1,-1 e=7,-100 a=0,1 t=2,-2", {}),
    ("Slice", "x:8,9,5 s=-3 e=9223372036854775807", {}),
    ("Gather", "x:8,9,5 i=0,2,1", {"axis": 1}),
    ("Gather", "x:8,9,5 i:2,3i", {"axis": -1}),
    ("GatherElements", "x:8,9 i:8,4i", {"axis": 1}),
    ("GatherND", "x:2,9,5 i:2,4,1i", {"batch_dims": 1}),
    ("ScatterND", "x:8,9 i:4,1i u:4,9", {}),
    ("Expand", "x:3,1,5 s=2,1,4,1", {}),
    ("Tile", "x:3,2,5 r=2,1,3", {}),
    ("Pad", "x:3,2,5 p=1,0,2,0,3,-1", {}),
    ("Pad", "x:3,2,5 p=1,2 - a=2", {}),
    ("ReduceMean", "x:3,2,5 a=1", {"keepdims": 0}),
    ("ReduceSum", "x:3,2,5", {}),
    ("ReduceMax", "x:3,2,5", {"noop_with_empty_axes": 1}),
    ("ArgMax", "x:3,2,5", {"axis": 1}),
    ("ArgMin", "x:3,2,5", {"axis": -1, "keepdims": 0}),
    ("TopK", "x:3,2,5 k=2,", {}, 2),
    ("Softmax", "x:3,2,5", {"axis": 1}),
    ("LayerNormalization", "x:3,2,5 w:2,5= b:2,5=", {"axis": 1}, 3),
    ("InstanceNormalization", "x:3,2,5 w:2= b:2=", {}),
    ("Resize", "x:3,2,5,5 - s=1.0,1.0,2.0,1.5", {"mode": "nearest"}),
    ("Resize", "x:3,2,5,5 - - z=3,2,7,9", {"mode": "linear"}),
    ("Resize", "x:3,2,5,5 - - z=7,9", {"axes": [2, 3], "keep_aspect_ratio_policy": "not_larger"}),
    ("DepthToSpace", "x:3,8,5,5", {"blocksize": 2}),
    ("SpaceToDepth", "x:3,2,6,4", {"blocksize": 2}),
    ("OneHot", "x:3,2i d=7 v:2", {"axis": 1}),
    ("Einsum", "x:3,2,5 y:3,5,4", {"equation": "bij,bjk->bik"}),
    ("Einsum", "x:3,2,5", {"equation": "...i->..."}),
    ("Einsum", "x:2,5 y:5,4", {"equation": "ij,jk"}),
    ("LSTM", "x:7,3,5 w:2,16,5= r:2,16,4=", {"hidden_size": 4, "direction": "bidirectional"}, 3),
    ("GRU", "x:7,3,5 w:1,12,5= r:1,12,4=", {"hidden_size": 4}, 2),
    ("RNN", "x:3,7,5 w:1,4,5= r:1,4,4=", {"hidden_size": 4, "layout": 1}, 2),
    ("Where", "c:3,1b x:2 y:1,2", {}),
    ("Add", "x:3,2,5 y:2,1", {}),
    ("Equal", "x:3,2,5 y:5", {}),
    ("Clip", "x:3,2", {}),
    ("Cast", "x:3,2", {"to": INT64}),
    ("Dropout", "x:3,2", {}, 2),
    ("CumSum", "x:3,2 a=1", {}),
    ("Trilu", "x:3,4", {}),
    ("Range", "a=2 b=13 c=3", {}),
    ("ConstantOfShape", "s=2,3,4", {}),
    ("EyeLike", "x:3,4", {}),
    ("Shape", "x:3,4,5", {"start": 1}),
    ("Size", "x:3,4,5", {}),
    ("GridSample", "x:3,2,5,5 g:3,4,6,2", {}),
    ("Col2Im", "x:3,8,12 i=4,5 b=2,2", {}),
    ("CenterCropPad", "x:3,8,12 s=4,20", {"axes": [1, 2]}),
    ("RoiAlign", "x:1,2,9,9 r:5,4 b:5i", {"output_height": 3, "output_width": 2}),
    ("QuantizeLinear", "x:3,4 s=1.5", {}),
    ("DynamicQuantizeLinear", "x:3,4", {}, 3),
    ("Hardmax", "x:3,4", {}),
    ("Identity", "x:3,4", {}),
    ("Upsample", "x:3,2,5,5 s=1.0,1.0,2.0,3.0", {}, 1, 9),
    ("Slice", "x:8,9", {"starts": [1], "ends": [5], "axes": [1]}, 1, 9),
    ("Pad", "x:8,9", {"pads": [1, 2, 3, 4]}, 1, 9),
    ("Unsqueeze", "x:8,9", {"axes": [0, 3]}, 1, 9),
    ("ReduceSum", "x:8,9", {"axes": [1], "keepdims": 0}, 1, 9),
    ("Split", "x:8,9", {"axis": 1, "split": [4, 5]}, 2, 9),
    ("Clip", "x:8,9", {"min": 0.0, "max": 6.0}, 1, 9),
    ("Softmax", "x:8,9,4", {"axis": 1}, 1, 9),
    ("Dropout", "x:8,9", {"ratio": 0.3}, 1, 9),
    ("TopK", "x:3,5", {"k": 2}, 2, 9),
    ("Resize", "x:3,2,5,5 s=1.0,1.0,2.0,1.5", {"mode": "nearest"}, 1, 10),
    ("Attention", "q:2,4,12 k:2,6,6 v:2,6,8", {"q_num_heads": 4, "kv_num_heads": 2}, 1, 23),
    ("RMSNormalization", "x:3,4 w:4=", {}, 1, 23),
    ("RotaryEmbedding", "x:2,3,4,8 c:50,4= s:50,4= p:2,4i", {}, 1, 23),
    ("Swish", "x:3,4", {}, 1, 24),
    ("Gelu", "x:3,4", {}, 1, 20),
    ("AffineGrid", "x:3,2,3 s=3,4,5,6", {}, 1, 20),
    ("DFT", "x:2,10,1 - a=1", {"onesided": 1}, 1, 20),
]
"""Operators, inputs by name and shape: `=` after one that is a weight, numbers of one that is known, `i` integers."""


def given(text):
    """Return inputs, weights and names."""
    inputs, weights, names = [], [], []
    for part in text.split():
        name, colon, dims = part.partition(":")
        if part == "-":
            names.append("-")
        elif not colon:
            name, _, numbers = part.partition("=")
            names.append(name)
            numbers = [float(one) if "." in one else int(one) for one in numbers.split(",") if one]
            is_number = name in "bcd" and len(numbers) == 1
            weights.append(weight(name, data=numbers[0] if is_number else numbers))
        else:
            names.append(name)
            code = {"i": INT64, "b": onnx.TensorProto.BOOL}.get(dims[-1], FLOAT)
            sizes = [int(size) for size in dims.rstrip("ib=").split(",")]
            if dims.endswith("="):
                weights.append(weight(name, *sizes))
            else:
                inputs.append(value(name, *sizes, code=code))
    return inputs, weights, " ".join(names)


def whole(kind, text, attributes, count=1, opset=18):
    return kind, text, attributes, count, opset


@pytest.mark.parametrize("case", CASES, ids=[f"{number}-{case[0]}" for number, case in enumerate(CASES)])
def test_shapes_are_those_of_the_onnx_package(read, case):
    kind, text, attributes, count, opset = whole(*case)
    inputs, weights, names = given(text)
    if kind == "Range":
        weights = [weight(name, data=number) for name, number in (("a", 2), ("b", 13), ("c", 3))]
    if kind in ("CumSum", "DFT", "QuantizeLinear"):
        weights = [weight(one.name, data=onnx.numpy_helper.to_array(one)[0]) for one in weights]
    outputs = [f"out{number}" for number in range(count)]
    content = model([node(kind, names, " ".join(outputs), **attributes)], inputs, outputs, weights, opset)
    known = onnx.shape_inference.infer_shapes(onnx.load_from_string(content), strict_mode=True, data_prop=True)
    expected = [[size.dim_value for size in one.type.tensor_type.shape.dim] for one in known.graph.output]
    net = read(content)
    assert [list(net.facts.shape(tensor)) for tensor in net.graph.outputs] == expected


@pytest.mark.parametrize(
    ("kind", "text", "attributes", "macs"),
    [
        ("Conv", "x:2,4,9,9 w:6,2,3,3=", {"group": 2}, 2 * 6 * 49 * 18),
        ("ConvTranspose", "x:2,4,9 w:4,3,5=", {}, 2 * 4 * 9 * 15),
        ("MatMul", "x:2,3,5,4 w:3,4,6", {}, 2 * 3 * 5 * 6 * 4),
        ("Gemm", "x:5,2 w:5,3=", {"transA": 1}, 30),
        ("Einsum", "x:3,2,5 y:3,5,4", {"equation": "bij,bjk->bik"}, 120),
        ("LSTM", "x:7,3,5 w:2,16,5= r:2,16,4=", {"hidden_size": 4}, 21 * 2 * (80 + 64)),
        ("MatMulInteger", "x:2,4u w:4,3u", {}, 24),
        ("ConvInteger", "x:2,4,9u w:6,4,3u", {}, 2 * 6 * 7 * 12),
    ],
)
def test_multiply_accumulates(read, kind, text, attributes, macs):
    inputs, weights, names = given(text.replace("u", ""))
    for one in inputs if "u" in text else ():
        one.type.tensor_type.elem_type = onnx.TensorProto.UINT8
    assert totals(read(model([node(kind, names, "y", **attributes)], inputs, ["y"], weights)))[1] == macs


@pytest.mark.parametrize(
    ("kind", "attributes", "flops"),
    [
        ("LpNormalization", {"axis": 1}, 3 * 24),
        ("LpNormalization", {"axis": 1, "p": 1}, 3 * 24),
        ("ReduceSumSquare", {}, 2 * 24),
        ("ReduceLogSum", {}, 24 + 1),
    ],
)
def test_operations(read, kind, attributes, flops):
    report = read(model([node(kind, "x", "y", **attributes)], [value("x", 2, 3, 4)], ["y"])).report()
    assert (report.totals.flops, report.status) == (flops, "complete")


@pytest.mark.parametrize(
    ("kind", "inputs", "attributes", "macs", "shape"),
    [
        (
            "Attention",
            {"x": (2, 5, 8), "w": (8, 24), "b": (24,)},
            {"num_heads": 2},
            2 * (5 * 8 * 24 + 5 * 5 * 16),
            (2, 5, 8),
        ),
        ("MatMulNBits", {"x": (2, 64), "w": (10, 2, 16), "s": (20,)}, {"K": 64, "N": 10}, 1280, (2, 10)),
        ("FusedMatMul", {"x": (2, 5, 3), "y": (2, 5, 4)}, {"transA": 1}, 2 * 3 * 4 * 5, (2, 3, 4)),
        ("SkipLayerNormalization", {"x": (2, 5, 8), "y": (2, 5, 8), "g": (8,)}, {}, 0, (2, 5, 8)),
        ("Gelu", {"x": (2, 5)}, {}, 0, (2, 5)),
        (
            "MultiHeadAttention",
            {"q": (2, 5, 8), "k": (2, 6, 8), "v": (2, 6, 8)},
            {"num_heads": 2},
            2 * 5 * 6 * 16,
            (2, 5, 8),
        ),
    ],
)
def test_operators_of_onnxruntime(read, kind, inputs, attributes, macs, shape):
    made = node(kind, " ".join(inputs), "out", domain="com.microsoft", **attributes)
    given_ = [value(name, *dims) for name, dims in inputs.items()]
    net = read(model([made], given_, ["out"], domains=["com.microsoft"]))
    assert (totals(net)[1], net.facts.shape(net.graph.outputs[0])) == (macs, shape)
    assert net.report().status == "complete"


# What is not known


def test_an_unknown_operator_is_a_row_without_figures(read):
    nodes = [node("Relu", "x", "r"), node("Magic", "r", "m", domain="com.acme", name="spell"), node("Relu", "m", "y")]
    net = read(model(nodes, [value("x", "N", 8)], ["y"], domains=["com.acme"]))
    assert [(row.type, row.unknown) for row in net.report().layers][1] == ("Custom", ("macs", "flops"))
    assert net.report().layers[1].args == {"operator": "com.acme:Magic"}
    assert net.report().status == "partial"


def test_what_the_file_says_of_its_output_goes_on(read):
    nodes = [node("Magic", "x", "m", domain="com.acme"), node("MatMul", "m w", "y")]
    content = onnx.load_from_string(model(nodes, [value("x", 1, 8)], ["y"], [weight("w", 5, 3)], domains=["com.acme"]))
    content.graph.value_info.append(value("m", 1, 5))
    assert totals(read(content.SerializeToString())) == (15, 15)


def test_sizes_that_follow_from_data_are_said_not_to_be_known(read):
    nodes = [node("NonZero", "x", "n"), node("Transpose", "n", "y")]
    net = read(model(nodes, [value("x", 2, 8)], ["y"]))
    assert net.report().status == "partial"


def test_sizes_that_are_guessed_need_not_fit_together(read):
    nodes = [node("Slice", "table s e", "part"), node("Div", "x part", "y")]
    inputs = [value("x", "N", 8), value("s", 1, code=INT64), value("e", 1, code=INT64)]
    report = read(model(nodes, inputs, ["y"], [weight("table", data=[1.0] * 3)])).report()
    assert (report.status, [*report.uncounted]) == ("partial", ["part", "y"])
    nodes[0] = node("Identity", "table", "part")
    with pytest.raises(archinspect.InvalidSpecError, match="do not fit together"):
        read(model(nodes, inputs[:1], ["y"], [weight("table", data=[1.0] * 3)]))


# Control flow and functions


def body(nodes, inputs, outputs, weights=()):
    return helper.make_graph(
        nodes, "body", inputs, [helper.make_empty_tensor_value_info(one) for one in outputs], weights
    )


def branches():
    one = body([node("MatMul", "x w", "p")], [], ["p"], [weight("w", 6, 6)])
    other = body([node("Relu", "x", "q")], [], ["q"])
    return node("If", "c", "y", then_branch=one, else_branch=other)


def test_a_branch_that_sizes_decide(read):
    nodes = [node("Shape", "x", "s"), node("Gather", "s i", "n"), node("Equal", "n six", "c"), branches()]
    weights = [weight("i", data=1), weight("six", data=6)]
    net = read(model(nodes, [value("x", "N", 6)], ["y"], weights))
    assert (totals(net), net.report().status) == ((36, 36), "complete")


def test_a_branch_that_data_decide(read):
    net = read(model([branches()], [value("x", "N", 6), value("c", code=onnx.TensorProto.BOOL)], ["y"]))
    assert (totals(net), net.report().status) == ((36, 36), "partial")
    assert "the one with more multiply-accumulates is shown" in net.report().layers[-1].args["note"]


def loop(trips):
    inner = body(
        [node("MatMul", "h w", "g"), node("Identity", "k", "again")],
        [value("n", code=INT64), value("k", code=onnx.TensorProto.BOOL), value("h", "N", 6)],
        ["again", "g", "g"],
    )
    inputs = [value("x", "N", 6)] + ([value("t", code=INT64)] if trips is None else [])
    weights = [weight("w", 6, 6), *([] if trips is None else [weight("t", data=trips)])]
    return model([node("Loop", "t - x", "y all", body=inner)], inputs, ["y", "all"], weights)


def test_a_loop_runs_as_often_as_is_known(read):
    net = read(loop(12), batch=3)
    assert (totals(net), net.report().status) == ((36, 12 * 3 * 36), "complete")
    assert [net.facts.shape(tensor) for tensor in net.graph.outputs] == [(3, 6), (12, 3, 6)]
    net = read(loop(None))
    assert (totals(net), net.report().status) == ((36, 36), "partial")


def test_a_scan_runs_for_every_position(read):
    inner = body(
        [node("MatMul", "h w", "g"), node("Add", "g s", "u")], [value("h", "N", 6), value("s", "N", 6)], ["u", "u"]
    )
    nodes = [node("Scan", "x q", "y all", body=inner, num_scan_inputs=1)]
    net = read(model(nodes, [value("x", "N", 6), value("q", 7, "N", 6)], ["y", "all"], [weight("w", 6, 6)]), batch=3)
    assert totals(net) == (36, 7 * 3 * 36)
    assert [net.facts.shape(tensor) for tensor in net.graph.outputs] == [(3, 6), (7, 3, 6)]


def function(name, inputs, outputs, nodes, attributes=(), overload=""):
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("my", 1)]
    made = helper.make_function("my", name, inputs, outputs, nodes, opsets, list(attributes))
    made.overload = overload
    return made


def test_functions_are_written_out(read):
    leaky = node("LeakyRelu", "m", "y", alpha=0.1)
    leaky.attribute[0].CopyFrom(
        onnx.AttributeProto(name="alpha", type=onnx.AttributeProto.FLOAT, ref_attr_name="slope")
    )
    functions = [
        function("Layer", ["x", "w"], ["y"], [node("MatMul", "x w", "m"), leaky], ["slope"]),
        function(
            "Twice",
            ["x", "w"],
            ["y"],
            [node("Layer", "x w", "m", domain="my", slope=0.5), node("Layer", "m w", "y", domain="my")],
        ),
    ]
    nodes = [node("Twice", "x w", "y", domain="my", name="twice")]
    net = read(model(nodes, [value("x", "N", 6)], ["y"], [weight("w", 6, 6)], functions=functions, domains=["my"]))
    assert totals(net) == (36, 72)
    assert next(row.args for row in net.report().layers if row.type == "LeakyReLU") == {"negative_slope": 0.5}


@pytest.mark.parametrize("kind", ["Conv", "MatMul"])
def test_what_another_set_calls_so_is_not_ours(read, kind):
    net = read(model([node(kind, "x", "y", domain="com.acme")], [value("x", 1, 3)], ["y"], domains=["com.acme"]))
    assert net.report().status == "partial"


def test_sequences(read):
    nodes = [
        node("SplitToSequence", "x", "s", axis=1),
        node("SequenceInsert", "s z", "t"),
        node("SequenceAt", "t i", "a"),
        node("ConcatFromSequence", "t", "y", axis=1),
    ]
    inputs = [value("x", 2, 3), value("z", 2, 1)]
    net = read(model(nodes, inputs, ["y", "a"], [weight("i", data=1)]))
    assert [net.facts.shape(tensor) for tensor in net.graph.outputs] == [(2, 4), (2, 1)]


# What is refused


def test_sets_of_operators_that_are_not_read(refused):
    nodes = [node("Scaler", "x", "y", domain="ai.onnx.ml")]
    assert "'Scaler' is of ai.onnx.ml" in refused(model(nodes, [value("x", 1, 3)], ["y"], domains=["ai.onnx.ml"]))
    assert "the file is of opset 99; 1 to 28 are known" in refused(model([], [value("x", 1, 3)], ["x"], opset=99))


RELU = field(1, b"x") + field(2, b"y") + field(4, b"Relu")
INPUT = field(11, field(1, b"x") + field(2, field(1, field(1, 1) + field(2, field(1, field(1, 4))))))


def written(graph):
    return field(1, 8) + field(8, field(2, 18)) + field(7, graph)


NESTED = field(1, RELU)
for _ in range(messages.MAX_DEPTH + 1):
    NESTED = field(1, field(4, b"If") + field(5, field(1, b"then_branch") + field(6, NESTED)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS"),
        (b"layers", "not an ONNX file, or a damaged one"),
        (written(INPUT + field(1, RELU))[:-1], "does not fit into the file"),
        (written(INPUT + field(1, RELU) + varint(1 << 3 | 2) + varint(2**32)), "does not fit into the file"),
        (written(INPUT) + varint(1 << 3) + b"\xff" * 11, "a number is too long"),
        (written(INPUT) + varint(1 << 3) + b"\xff", "the file ends within a number"),
        (written(INPUT) + b"\x00\x00", "a field has the number 0"),
        (written(INPUT) + b"\x0f\x00", "7 is not a type of fields"),
        (written(INPUT) + b"\x0b" * 60, "groups nest too deep"),
        (written(INPUT) + b"\x0d\x00", "the file ends within a number"),
        (written(NESTED), f"graphs nest deeper than {messages.MAX_DEPTH}"),
        (field(1, 8) + field(8, field(2, 18)), "the file has no graph"),
        (written(field(11, field(1, b"x")) + field(1, RELU)), "does not say how many axes the input 'x' has"),
        (written(INPUT + field(5, field(1, 2**63) + field(8, b"w"))), "axes that no tensor has"),
        (written(INPUT + field(12, field(1, b"y"))), "nothing makes the output 'y'"),
        (written(INPUT + field(1, field(1, b"z") + field(2, b"y") + field(4, b"Relu"))), "nothing makes its input 'z'"),
        (
            written(
                INPUT
                + field(1, field(1, b"z") + field(2, b"y") + field(4, b"Relu"))
                + field(1, field(1, b"y") + field(2, b"z") + field(4, b"Relu"))
            ),
            "it waits for what is made of it",
        ),
        (written(INPUT + field(1, field(1, b"x") + field(2, b"y") + field(4, b"Conv"))), "Conv: input 1 is missing"),
        (written(INPUT + field(1, field(1, b"x") + field(4, b"Relu"))), "Relu has no output"),
    ],
)
def test_what_is_damaged_is_refused(refused, content, message):
    assert message in refused(content)


def test_operators_in_any_order_are_read(read):
    graph = (
        INPUT
        + field(1, field(1, b"m") + field(2, b"y") + field(4, b"Relu"))
        + field(1, field(1, b"x") + field(2, b"m") + field(4, b"Relu"))
    )
    assert len(read(written(graph + field(12, field(1, b"y")))).report().layers) == 2


def test_fields_that_are_not_known_are_stepped_over(read):
    unknown = field(99, 5) + field(98, b"abc") + varint(97 << 3 | 5) + b"1234" + varint(96 << 3 | 1) + b"12345678"
    group = varint(95 << 3 | 3) + field(1, 7) + field(2, b"xyz") + varint(95 << 3 | 4)
    assert len(read(written(INPUT + field(1, RELU + unknown)) + unknown + group).report().layers) == 1


def test_a_graph_in_two_pieces_is_one(read):
    assert len(read(written(INPUT) + field(7, field(1, RELU))).report().layers) == 1


@pytest.mark.parametrize(
    ("module", "limit", "most", "message"),
    [
        (running, "MAX_NODES", 3, "there are more than 3 operators"),
        (messages, "MAX_NODES", 3, "more than 3 operators"),
        (messages, "MAX_PARTS", 3, "more than 3 tensors, values and attributes"),
        (wire, "MAX_TEXT", 3, "a name is longer than"),
        (running, "MAX_ELEMENTS", 1, "values of more than 1 elements decide shapes"),
    ],
)
def test_limits(refused, monkeypatch, module, limit, most, message):
    monkeypatch.setattr(module, limit, most)
    nodes = [node("Shape", "x", "s"), *(node("Identity", one, other) for one, other in ("st", "tu", "uv"))]
    nodes.append(node("Reshape", "x v", "yyyy"))
    assert message in refused(model(nodes, [value("x", "N", 6)], ["yyyy"]))


@pytest.mark.parametrize(
    "made",
    [
        node("Split", "x", "y", num_outputs=10**9),
        node("ConstantOfShape", "huge", "y"),
        node("Range", "zero many one", "y"),
        node("Tile", "x huge", "y"),
        node("Expand", "x huge", "y"),
    ],
    ids=lambda made: made.op_type,
)
def test_huge_sizes_are_refused(refused, made):
    numbers = {"huge": [2**31, 2**31], "zero": 0, "many": 2**62, "one": 1}
    used = [weight(name, data=data) for name, data in numbers.items() if name in made.input]
    assert "error[" in refused(model([made], [value("x", 2, 6)], ["y"], used))


def test_sizes_that_are_given_are_no_guess(read):
    made = node("MaxUnpool", "x i s", "y", kernel_shape=[2, 2], strides=[2, 2])
    given = [value("x", 1, 1, 2, 2), value("i", 1, 1, 2, 2, code=7)]
    asked = model([made], [*given, value("s", 4, code=7)], ["y"])
    assert read(asked).report().status == "partial"
    stored = read(model([made], given, ["y"], [weight("s", data=[1, 1, 5, 5])])).report()
    assert ([*stored.outputs.values()], stored.status) == ([(1, 1, 5, 5)], "complete")


# Mutations


def test_mutated_files_are_read_or_refused(tmp_path):
    rng = random.Random(7)
    originals = [classifier(), tokens(), loop(12), product([], sparse=[coordinates()])]
    outcomes = [mutated(tmp_path / f"{number}.onnx", rng, rng.choice(originals)) for number in range(600)]
    assert {*outcomes} == {"", "read"}


def mutated(path, rng, original):
    """Return `read` for a file that is, else what is said of a damage that the reader does not know."""
    content = bytearray(original)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(len(content))
        if rng.random() < 0.7:
            content[at] = rng.choice((0, 1, 2, 4, 8, 127, 128, 255, rng.randrange(256)))
        else:
            content[at : at + rng.randrange(8)] = content[: rng.randrange(8)]
    path.write_bytes(content)
    try:
        archinspect.network(f"onnx:{path}").with_settings(batch=3).report()
    except archinspect.InvalidSpecError as error:
        return str(error) if "of a version that is not known" in str(error) else ""
    return "read"


# Commands


@pytest.mark.parametrize("command", ["summary", "memory", "explain", "check"])
def test_commands_take_files(write, command, capsys):
    from archinspect.cli import main

    with pytest.raises(SystemExit) as ended:
        main([command, write(classifier())])
    assert not ended.value.code
    assert capsys.readouterr().out

"""Names of axes: every weight has them, and what an operator says of its output's axes fits all sizes."""

import json
from pathlib import Path

import pytest
from small import make, single_layer, small

from archinspect.ops import axes
from archinspect.ops.figures import Weight

TRUTH = Path(__file__).parents[1] / "truth"
LAYOUTS = {"torch": "channels_first", "keras": "channels_last"}
ROWS = [
    (row["op"], row["args"], row["inputs"], layout)
    for name, layout in LAYOUTS.items()
    for row in json.loads((TRUTH / f"ops_{name}.json").read_text(encoding="utf-8"))["rows"]
    if row["output"] is not None
]
OTHERS = [
    ("Custom", {"params": 5, "macs": 0}, [(2, 5)], "channels_last"),
    ("LayerScale", {"axis": 1}, [(2, 5, 3)], "channels_last"),
    ("LayerScale", {}, [(2, 5, 3)], "channels_first"),
    ("BatchNormalization", {"axis": 1}, [(2, 5, 3, 4)], "channels_last"),
    ("PReLU", {"shared_axes": [1]}, [(2, 5, 3)], "channels_last"),
    ("SDPA", {"num_heads": 2, "position_biases": 7}, [(2, 5, 4)], "channels_last"),
    ("TimeDistributed", {"layer": {"DepthwiseConv2D": {"kernel_size": 3}}}, [(2, 5, 6, 7, 3)], "channels_last"),
]


@pytest.mark.parametrize(
    ("op", "args", "shapes", "layout"), ROWS + OTHERS, ids=[f"{i}-{row[0]}" for i, row in enumerate(ROWS + OTHERS)]
)
def test_axes_have_names_and_sizes(op, args, shapes, layout):
    for call in single_layer(op, args, shapes, layout).calls:
        for weight in call.weights.values():
            assert len(weight.axes) == len(weight.shape) == len({*weight.axes})
            assert all(map(axes.is_axis_name, weight.axes)), weight.axes
        flow = axes.read_flow(call.op.axis_flow(*call.shapes), call.shapes)
        if flow is None:
            continue
        named = [*zip(call.shapes, flow.inputs, strict=True)]
        named += zip([type_.shape for type_ in call.outputs], flow.outputs, strict=True)
        named += [(weight.shape, weight.axes) for weight in call.weights.values()]
        sizes: dict[str, int] = {}
        for shape, names in named:
            for name, size in zip(names, shape, strict=True):
                moved = name[-1] in "~*" or (op == "PReLU" and size == 1)  # whose alpha may be shared
                assert moved or sizes.setdefault(name, size) == size, name


def test_every_name_is_used():
    used = set()
    for op, args, shapes, layout in ROWS + OTHERS:
        for call in single_layer(op, args, shapes, layout).calls:
            used |= {name for weight in call.weights.values() for name in weight.axes}
    assert {name for name in used if not axes.is_axis_name(name)} == set()
    assert {*axes.NAMES} <= used


def roles(op, args, shape, layout="channels_last"):
    layer = make(op, args, layout)
    flow = axes.read_flow(layer.axis_flow(shape), [shape])
    return {
        name: [flow.role(axis) for axis in weight.axes] if flow else None
        for name, weight in layer.weights(shape).items()
    }


CONV = {"filters": 4, "kernel_size": 3}


@pytest.mark.parametrize(
    ("op", "args", "shape", "expected"),
    [
        ("Dense", {"units": 4}, (2, 5, 3), {"kernel": ["summed", "made"], "bias": ["made"]}),
        ("Conv2D", CONV, (2, 8, 8, 3), {"kernel": ["", "", "summed", "made"], "bias": ["made"]}),
        ("Conv2D", {**CONV, "groups": 2}, (2, 8, 8, 4), {"kernel": None, "bias": None}),
        ("Conv2DTranspose", CONV, (2, 8, 8, 3), {"kernel": ["", "", "made", "summed"], "bias": ["made"]}),
        ("DepthwiseConv2D", {"kernel_size": 3, "use_bias": False}, (2, 8, 8, 3), {"kernel": ["", "", "shared", ""]}),
        (
            "BatchNormalization",
            {"center": False},
            (2, 8, 3),
            {name: ["shared"] for name in ("gamma", "moving_mean", "moving_variance")},
        ),
        ("LayerNormalization", {"center": False}, (2, 8, 3), {"gamma": [""]}),
        ("PReLU", {}, (2, 8, 3), {"alpha": ["shared", "shared"]}),
        ("Embedding", {"input_dim": 9, "output_dim": 4}, (2, 8), {"embeddings": ["", "made"]}),
        (
            "EinsumDense",
            {"equation": "abc,cde->abde", "output_shape": [None, 2, 4]},
            (2, 8, 3),
            {"kernel": ["summed", "made", "made"]},
        ),
        (
            "EinsumDense",
            {"equation": "abc,bcd->abd", "output_shape": [None, 4]},
            (2, 8, 3),
            {"kernel": ["shared", "summed", "made"]},
        ),
        (
            "LSTM",
            {"units": 4, "use_bias": False},
            (2, 8, 3),
            dict.fromkeys(("forward_0_kernel", "forward_0_recurrent_kernel")),
        ),
    ],
)
def test_what_becomes_of_a_weights_axes(op, args, shape, expected):
    assert roles(op, args, shape) == expected


def test_the_layout_changes_the_output_and_not_the_kernel():
    shape = (2, 3, 8, 8)
    flow = axes.read_flow(make("Conv2D", CONV, "channels_first").axis_flow(shape), [shape])
    assert flow == ((("batch", "in", "height~", "width~"),), (("batch", "out", "height~", "width~"),))
    assert roles("Conv2D", CONV, shape, "channels_first")["kernel"] == ["", "", "summed", "made"]


def test_several_side_by_side_are_one_axis():
    flow = axes.read_flow("... steps~ heads* -> ... steps~ heads*", [(2, 5, 6)])
    assert [flow.role(axis) for axis in ("heads", "heads*", "in")] == ["shared", "shared", ""]


def test_three_dots_are_the_axes_that_all_terms_have():
    flow = axes.read_flow("... in -> ... out", [(2, 5, 6, 3)])
    assert flow == ((("...0", "...1", "...2", "in"),), (("...0", "...1", "...2", "out"),))
    assert axes.read_flow("", [(2, 5)]) is None


def test_weights_are_one_by_the_names_of_their_axes():
    table = Weight((9, 4), ("in", "out"))
    assert axes.pairs(table, Weight((4, 9), ("in", "out")))  # the transposed
    assert axes.pairs(table, Weight((9, 4), ("in", "out")))
    assert axes.pairs(table, Weight((9, 4), ("out", "in")))  # written the other way round
    assert not axes.pairs(table, Weight((9, 5), ("in", "out")))
    assert not axes.pairs(table, Weight((9, 4), ("in", "gates")))
    assert not axes.pairs(table, Weight((9, 4, 1), ("in", "out", "height")))


def test_a_convolution_is_shared_with_the_transposed_one_and_not_with_one_of_the_same_sizes():
    first = {"Conv1D": {"filters": 5, "kernel_size": 3, "use_bias": False}, "name": "first"}

    def own(step):
        net = small(first, {**step, "from": "input", "weights": "first"}, shape=[8, 3])
        return [*net.own_weights(net.graph.nodes[-1])]

    assert own({"Conv1D": {"filters": 5, "kernel_size": 3, "use_bias": False}}) == []
    assert own({"Conv1D": {"filters": 3, "kernel_size": 5, "use_bias": False}}) == ["kernel"]

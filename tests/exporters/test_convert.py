"""Specs from files of programs and exporters: what only these have becomes what an author would write."""

import json

import pytest
from onnx_models import model, node, value, weight
from programs import Program

import archinspect
from archinspect import ops
from archinspect.exporters.refusal import CannotExportError
from archinspect.exporters.spec.dissolving import renumber
from archinspect.exporters.spec.layers import beside
from archinspect.exporters.spec.leaf import Leaf
from archinspect.exporters.spec.proof import prove
from archinspect.exporters.spec.steps import Step
from archinspect.exporters.spec.titles import named_by_steps
from archinspect.exporters.spec.tree import Child, Scope


def times(count):
    """Return a size that is so many times the batch."""
    return f"Mul(Integer({count}), Symbol('s0', positive=True, integer=True))"


@pytest.fixture
def converted(tmp_path):
    """Return what gives the text of a file's spec, which was read again for one sample and for two."""

    def convert(content, name="net.pt2"):
        path = tmp_path / name
        path.write_bytes(content.save() if isinstance(content, Program) else content)
        return archinspect.network(path).convert()

    return convert


def test_the_batch_is_in_front_wherever_a_program_has_it(converted):
    net = Program()
    x = net.input("s0", 6, 3, 2, 4)
    x = net.call("aten.permute.default", (3, "s0", 2, 6, 4), self=x, dims=[2, 0, 3, 1, 4])
    query, key, _ = net.call("aten.unbind.int", [("s0", 2, 6, 4)] * 3, self=x)
    y = net.call("aten.add.Tensor", ("s0", 2, 6, 4), self=query, other=key)
    text = converted(net.output(y))
    assert "- Permute: [2, 3, 1, 4]\n  - Unbind: 3\n  - {Add: , from: [-1, unbind.1]}" in text


def test_a_batch_between_axes_leaves_and_comes_back(converted):
    net = Program()
    x = net.input("s0", 5, 8)
    x = net.call("aten.transpose.int", (5, "s0", 8), self=x, dim0=0, dim1=1)
    x = net.call(
        "aten.linear.default", (5, "s0", 4), "head", "Linear", input=x, weight=net.parameter("head.weight", 4, 8)
    )
    x = net.call("aten.transpose.int", ("s0", 5, 4), self=x, dim0=0, dim1=1)
    text = converted(net.output(x))
    assert "Custom" not in text
    assert text.count("Identity") == 2


@pytest.mark.parametrize("batch", ["s0", 1, 2])
def test_a_recurrence_may_give_its_last_state_alone(converted, batch):
    net = Program()
    x = net.input(batch, 5, 8)
    sizes = {"w_ih": (48, 8), "w_hh": (48, 16), "b_ih": (48,), "b_hh": (48,)}
    held = [net.parameter(f"r.{name}", *size) for name, size in sizes.items()]
    state = net.call("aten.zeros.default", (1, batch, 16), size=[1, 1, 16])
    how = {"has_biases": True, "num_layers": 1, "bidirectional": False, "batch_first": True}
    made = [(batch, 5, 16), (1, batch, 16)]
    _, last = net.call("aten.gru.input", made, "r", "GRU", input=x, hx=state, params=held, **how)
    again = archinspect.network(converted(net.output(last)))
    assert {one.code for one in again.check()} <= {"unused"}
    assert again.report().totals.macs == 5760


def test_a_program_of_a_fixed_batch_becomes_one_of_samples(converted):
    net = Program()
    x = net.input(4, 6, 3, 2, 8)
    x = net.call("aten.permute.default", (3, 4, 2, 6, 8), self=x, dims=[2, 0, 3, 1, 4])
    x, _, _ = net.call("aten.unbind.int", [(4, 2, 6, 8)] * 3, self=x)
    x = net.call("aten.view.default", (8, 6, 8), self=x, size=[8, 6, 8])
    x = net.call("aten.linear.default", (8, 6, 5), "fc", "Linear", input=x, weight=net.parameter("fc.weight", 5, 8))
    x = net.call("aten.view.default", (4, 2, 6, 5), self=x, size=[4, 2, 6, 5])
    token = net.call("aten.expand.default", (4, 1, 6, 5), self=net.parameter("token", 1, 1, 6, 5), size=[4, -1, -1, -1])
    text = converted(net.output(net.call("aten.cat.default", (4, 3, 6, 5), tensors=[token, x], dim=1)))
    again = archinspect.network(text)
    assert "Custom" not in text
    assert [problem.code for problem in again.check()] == ["unread-parts"]
    assert (again.report().totals.macs, again.report().layers[-1].output_shape) == (480, (None, 3, 6, 5))


def test_axes_of_windows_are_those_behind_the_batch(converted):
    net = Program()
    x = net.input("s0", 4, 5, 6)
    x = net.call("aten.view.default", (times(4), 5, 6), self=x, size=[-1, 5, 6])
    x = net.call("aten.permute.default", (times(4), 6, 5), self=x, dims=[0, 2, 1])
    text = converted(net.output(net.call("aten.relu.default", (times(4), 6, 5), self=x)))
    assert "Permute: [1, 3, 2]" in text


def test_a_token_that_is_stretched_over_the_batch_reads_only_itself(converted):
    net = Program()
    x = net.input("s0", 4, 8)
    token = net.parameter("token", 1, 1, 8)
    token = net.call("aten.expand.default", ("s0", 1, 8), self=token, size=[-1, -1, -1])
    x = net.call("aten.cat.default", ("s0", 5, 8), tensors=[token, x], dim=1)
    assert "- Expand: [1, 8]\n" in converted(net.output(x))


def test_what_has_no_elements_is_left_out(converted):
    net = Program()
    x = net.input("s0", 4, 8)
    whole = net.call("aten.slice.Tensor", ("s0", 4, 8), self=x, dim=2, start=0, end=8)
    rest = net.call("aten.slice.Tensor", ("s0", 4, 0), self=x, dim=2, start=8, end=2**63 - 1)
    x = net.call("aten.cat.default", ("s0", 4, 8), tensors=[whole, rest], dim=2)
    text = converted(net.output(x))
    assert "Concatenate" not in text
    assert "Identity" in text


def test_what_grows_otherwise_than_the_batch_is_not_known(converted):
    net = Program()
    x = net.input("s0", 8)
    x = net.call("aten.view.default", (times(8),), self=x, size=[-1])
    values, places = net.call("aten.sort.default", [(times(8),)] * 2, self=x)
    del places
    text = converted(net.output(net.call("aten.view.default", ("s0", 8), self=values, size=[-1, 8])))
    report = archinspect.network(text).report()
    assert report.status == "partial"
    assert "macs" not in text[text.index("expect:") :]


def test_what_is_done_once_for_all_samples_is_a_step_before(converted):
    sizes = {"d_model": 32, "n_head": 2, "n_layer": 2, "d_inner": 64, "vocab_size": 100}
    config = {"model_type": "xlnet", "architectures": ["XLNetLMHeadModel"], "max_position_embeddings": 16, **sizes}
    text = converted(json.dumps(config).encode(), "config.json")
    assert "{Fill: [], name: r_start}" in text
    assert "name: r_once}" in text
    assert ", from: [q, -1]}" in text


def onnx(nodes, shape, weights):
    return model(nodes, [value("x", "batch", *shape)], ["y"], weights)


def test_a_table_that_an_operator_adds_stands_beside_it(converted):
    made = onnx([node("Add", "x /embed/positions", "y", name="/embed/Add")], (4, 8), [weight("/embed/positions", 4, 8)])
    text = converted(made, "net.onnx")
    assert "Parameter: [4, 8]" in text
    assert "{Add: , name: embed, from: [x, -1]}" in text


def test_recurrences_of_onnx_are_ours_whose_batch_is_in_front(converted):
    """With steps before samples, and an axis of both ways, as PyTorch's exporter writes them."""
    both = {"hidden_size": 3, "direction": "bidirectional"}
    nodes = [
        node("Transpose", "x", "t", name="/rnn/Transpose", perm=[1, 0, 2]),
        node("LSTM", "t w1 r1 b1", "l h", name="/rnn/LSTM", **both),
        node("Transpose", "l", "lt", name="/rnn/Transpose_1", perm=[0, 2, 1, 3]),
        node("Reshape", "lt shape", "lr", name="/rnn/Reshape"),
        node("GRU", "lr w2 r2", "g", name="/gru/GRU", hidden_size=4),
        node("Squeeze", "g one", "s", name="/gru/Squeeze"),
        node("Transpose", "s", "y", name="/gru/Transpose", perm=[1, 0, 2]),
    ]
    weights = [
        *(weight("w1", 2, 12, 5), weight("r1", 2, 12, 3), weight("b1", 2, 24), weight("w2", 1, 12, 6)),
        *(weight("r2", 1, 12, 4), weight("shape", data=[0, 0, -1]), weight("one", data=[1])),
    ]
    text = converted(onnx(nodes, (7, 5), weights), "net.onnx")
    assert "Custom" not in text
    assert "LSTM: {units: 3, return_sequences: true, bidirectional: true, biases: 2}" in text
    assert "{Reshape: [7, 6], name: Reshape}" in text
    assert "GRU: {units: 4, " in text


def test_a_number_that_layers_share_keeps_them_alike(converted):
    nodes, last = [], "x"
    for number in range(4):
        at = f"/layers/layers.{number}"
        nodes += [
            node("Relu", last, f"r{number}", name=f"{at}/act/Relu"),
            node("Mul", f"r{number} half", f"m{number}", name=f"{at}/act/Mul"),
            node("Add", f"m{number} {last}", f"a{number}", name=f"{at}/Add"),
            node("MatMul", f"a{number} w{number}", f"d{number}", name=f"{at}/fc/MatMul"),
        ]
        last = f"d{number}"
    nodes.append(node("Sigmoid", last, "y", name="/Sigmoid"))
    text = converted(
        onnx(nodes, (4, 8), [weight("half"), *(weight(f"w{number}", 8, 8) for number in range(4))]), "net.onnx"
    )
    assert text.count("Parameter") == text.count("MatMul") + text.count("Dense") == 1
    assert "repeat: 4" in text


def test_keras_s_wrappers_are_written_as_such(converted):
    """Whether Keras 3 writes the layer of the other way, too, or not."""
    cell = {"class_name": "GRU", "config": {"name": "g", "units": 3, "return_sequences": True, "reset_after": True}}
    dense = {"class_name": "Dense", "config": {"name": "d", "units": 2, "activation": "relu"}}
    first = {"class_name": "InputLayer", "config": {"name": "x", "batch_input_shape": [None, None, 4]}}
    layers = [
        first,
        {"class_name": "Bidirectional", "config": {"name": "both", "layer": cell, "backward_layer": cell}},
        {"class_name": "Bidirectional", "config": {"name": "sum", "layer": cell, "merge_mode": "sum"}},
        {"class_name": "TimeDistributed", "config": {"name": "each", "layer": dense}},
    ]
    model = {"class_name": "Sequential", "keras_version": "2.4.0", "config": {"name": "net", "layers": layers}}
    text = converted(json.dumps(model).encode(), "net.json")
    assert "Bidirectional: {layer: {GRU: {units: 3, return_sequences: true}}}, name: both}" in text
    assert "merge_mode: sum}" in text
    assert "{TimeDistributed: {layer: {Dense: {units: 2, activation: relu}}}, name: each}" in text


def test_layers_that_are_joined_one_by_one_are_no_repeat():
    builder = archinspect.GraphBuilder("flat")
    made = [builder.input(4, 4, 8)]
    with builder.scope("mid"):
        for number in range(5):
            made.append(builder.add(ops.find_operator("Conv2D")(filters=8, kernel_size=1), made[-1], name=str(number)))
        joined = builder.add(ops.find_operator("Concatenate")(), *made, name="cat")
    text = archinspect.network(builder.build(joined)).convert()
    assert "from: all" in text
    assert "repeat" not in text


def test_a_layer_of_ones_own_has_no_paths():
    builder = archinspect.GraphBuilder("flat")
    x = builder.input(8)
    one, two = (builder.add(ops.find_operator("Dense")(units=8), x, name=name) for name in "ab")
    custom = builder.add(ops.find_operator("Custom")(params=0, flops=8), x, one, two, name="join")
    text = archinspect.network(builder.build(custom)).convert()
    assert "from: [input, a, -1]" in text


@pytest.mark.parametrize(
    ("layer", "path", "place"),
    [
        ("m.embed.add", "m.embed.add.m_embed_cls_token", "m.embed.cls_token"),
        ("stages.1.blocks.0.attn.Add", "stages.1.blocks.0.attn.Add.stages_stages_1_blocks_blocks_0_attn_table",
         "stages.1.blocks.0.attn.table"),
        ("net.block_2.mul", "net.block_2.mul.net_block_6_scale", "net.block_2.block_6_scale"),
        ("fc", "fc.weight", "weight"),
        ("a.b", "a.b.a", "a.a"),
    ],
)  # fmt: skip
def test_a_table_s_name_does_not_say_its_scope_again(layer, path, place):
    assert beside(layer, path) == place


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["gelu", "gelu_1", "gelu_2"], ["gelu", "gelu_1", "gelu_2"]),
        (["gelu_1", "gelu_1_1", "gelu_1_2"], ["gelu", "gelu_1", "gelu_2"]),
        (["gelu", "gelu_7_1", "gelu_7_2"], ["gelu", "gelu_1", "gelu_2"]),
        (["view_17", "view_18"], ["view", "view_1"]),
        (["conv_1_1", "conv_2_1", "conv_2_2"], ["conv_1", "conv_2", "conv_2_1"]),
    ],
)
def test_names_of_calls_are_counted_anew_in_each_composite(names, found):
    builder = archinspect.GraphBuilder("net")
    x = builder.input(8)
    for name in names:
        x = builder.add(ops.find_operator("ReLU")(), x, name=name)
    graph = builder.build(x)
    scope = Scope("", "scope", "group", {})
    scope.children = [Child("", node.path, Leaf([node])) for node in graph.nodes if node.inputs]
    renumber(scope)
    assert [child.name for child in scope.children] == found


def steps(*names, paths=None):
    found = [Step(name, "") for name in names]
    for step in found:
        step.leaf = Leaf((), "net")
    found[-1].paths = paths
    return found


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (steps("Conv2D", "HardSwish"), "conv_hardswish"),
        (steps("ReLU", "Add", paths=[steps("Dense"), []]), "residual"),
        (steps("Multiply", paths=[[], steps("Dense")]), "gate"),
        (steps("Dense", "ReLU", "Dense", "ReLU"), ""),
    ],
)
def test_blocks_of_a_list_are_called_after_their_steps(made, name):
    assert named_by_steps(made) == name


def test_plain_layers_are_written_where_others_are_not_proven(converted, monkeypatch):
    net = Program()
    x = net.input("s0", 6, 3, 4)
    x = net.call("aten.permute.default", (3, "s0", 6, 4), self=x, dims=[2, 0, 1, 3])
    one, two, _ = net.call("aten.unbind.int", [("s0", 6, 4)] * 3, self=x)
    net.output(net.call("aten.add.Tensor", ("s0", 6, 4), self=one, other=two))
    assert "Permute" in converted(net)

    def doubt(facts, text, paths, layers):
        if "Permute" in text:
            raise CannotExportError("net", "it is another one")
        return prove(facts, text, paths, layers)

    monkeypatch.setattr("archinspect.exporters.spec.prove", doubt)
    assert "name: permute" in converted(net)

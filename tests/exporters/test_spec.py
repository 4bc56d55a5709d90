"""Specs from networks: what is written reads again with the same figures, layer by layer, and as a person's would."""

import pytest
from command_line import run
from programs import Program, residual_net

import archinspect
from archinspect import ops
from archinspect.analyses.memory import POLICIES, peak_bytes
from archinspect.base.diagnostics import Problems
from archinspect.exporters.spec.runs import by_index
from archinspect.language.expressions import evaluate
from archinspect.language.flatten import flatten
from archinspect.language.load import open_spec

LONGER = 1.5
"""So much longer than its author's text a built-in network may be."""
# If all were one function, variables would hold what steps read by name; which these are, a graph does not tell.
NAMED_OTHERWISE = ("dit_", "hiera_", "mobileone_", "modernbert_", "rwkv", "sd3", "segformer_", "vnet", "xlstm")
# Lines of ready-made blocks, which are written out.
READY = {"rwkv4_169m": 44, "rwkv7_0_1b": 90, "rwkv7_0_4b": 90, "xlstm_7b": 27}


def spec(*layers, shape=(8,), **more):
    return archinspect.network({"input": list(shape), "layers": list(layers), **more})


def layers_of(network):
    text = network.convert()
    return text[text.index("layers:\n") + 8 : text.index("expect:")]


@pytest.mark.parametrize("name", archinspect.networks())
def test_a_built_in_network_is_the_same_when_it_is_read_again(name):
    network = archinspect.network(name)
    text = network.convert()
    again = archinspect.network(text)
    assert_about_as_long(name, text)
    assert [one for one in again.check() if one.severity == "error"] == []  # what a spec's comments allow is not copied
    assert rows(network) == rows(again)
    for policy in {*POLICIES} - ({"inline"} if name.startswith(NAMED_OTHERWISE) else set()):
        assert peak_bytes(network.facts, policy) == peak_bytes(again.facts, policy)
    flat = archinspect.network(network.convert(flat=True))
    assert figures(network) == figures(flat)


def rows(network):
    memory = network.memory()
    return [*figures(network), memory.training, memory.inference]


def figures(network):
    return [(row.name, row.output_shape, row.cost) for row in network.report().layers]


def assert_about_as_long(name, converted):
    """Fail where a network is much longer than its author wrote it."""
    source = open_spec(name)
    by_hand = max(
        len([line for line in text.splitlines() if line]) for text in (source.text, flatten(source, Problems()))
    )
    by_hand += READY.get(name, 0)
    assert converted.count("\n") <= LONGER * by_hand


@pytest.mark.parametrize("name", ["densenet121", "gpt2", "segformer_b0", "yolov8n"])
def test_what_is_written_is_always_the_same(name):
    assert archinspect.network(name).convert() == archinspect.network(name).convert()


def test_what_follows_itself_is_a_repeat():
    assert layers_of(spec({"Dense": 8}, {"Dense": 8}, "ReLU")) == "  - {Dense: 8, repeat: 2}\n  - ReLU\n"


def test_of_a_row_only_the_first_says_what_it_reads():
    cells = [{"Constant": 4, "name": "state"}, {"GRUCell": 4, "from": ["input", "state"]}, {"GRUCell": 4}]
    again = "  - {Constant: 4, name: state}\n  - {GRUCell: 4, from: [input, state], repeat: 2}\n"
    assert layers_of(spec(*cells)).endswith(again)


def test_what_differs_in_a_row_is_an_expression_of_the_index():
    text = layers_of(spec(*({"Dense": 8 * 2**n, "name": f"wide{n + 1}"} for n in range(4))))
    assert text == '  - {Dense: "${8 * 2 ** index}", name: "wide${index + 1}", repeat: 4}\n'


def test_a_layer_within_a_layer_has_arguments_that_differ():
    layers = [{"TimeDistributed": {"layer": {"Dense": {"units": 8 * 2**n, "use_bias": False}}}} for n in range(4)]
    text = layers_of(spec(*layers, shape=(5, 8)))
    assert text == '  - {TimeDistributed: {layer: {Dense: {units: "${8 * 2 ** index}", use_bias: false}}}, repeat: 4}\n'
    branch = [{"TimeDistributed": {"layer": {"Dense": "$units"}}}, "ReLU", {"Dense": "$units"}, "Tanh", {"Dense": 7}]
    blocks = {"pair": {"params": {"units": None}, "layers": branch}}
    assert "units: $units" in spec(*({"pair": units} for units in (3, 5, 4)), shape=(5, 8), blocks=blocks).convert()


@pytest.mark.parametrize("outputs", [{}, {"outputs": "b"}])
@pytest.mark.parametrize("flat", [False, True])
def test_a_network_without_layers_has_an_empty_group(outputs, flat):
    nothing = {"ReLU": None, "repeat": 0, "from": "a"}
    text = archinspect.network({"inputs": {"a": [8], "b": [4]}, "layers": [nothing], **outputs}).convert(flat=flat)
    assert "layers:\n  - {layers: []}\n" in text
    assert ("outputs: b\n" in text) == bool(outputs)
    assert "layers: []" in archinspect.network({"layers": [{"Input": [8]}]}).convert(flat=flat)


def test_the_command_prints_it_and_export_does_too():
    done = run("convert", "lenet5")
    assert done.stdout == run("export", "lenet5", "--to", "spec").stdout
    assert done.stdout.startswith("name: LeNet-5")
    assert (done.exit_code, done.stderr) == (0, "")


def test_an_axis_that_an_operator_adds_is_counted_among_those_of_its_output():
    steps = [{"ReLU": None, "name": "a"}, {"Stack": {"axis": -3}, "name": "b", "from": ["a", "input"]}]
    found = archinspect.network({"input": [12, 5, 4], "layers": steps})
    assert "Stack: -3" in found.convert()


def test_what_has_the_size_of_another_stays_one_for_all_samples():
    layers = [{"ResizeLike": None, "from": ["table", "map"]}, {"Dense": 2}, "ReLU"]
    inputs = {"table": {"shape": [1, 1, 4], "batch": False}, "map": [3, 3, 4]}
    network = archinspect.network({"inputs": inputs, "layers": layers})
    assert not network.graph.outputs[0].batched
    assert "Custom" not in network.convert()


def test_branches_are_the_paths_of_a_merge():
    layers = [{"Dense": 8, "name": "one"}, {"Dense": 8}, {"Add": None, "from": [-1, "input"]}, "ReLU"]
    text = layers_of(spec(*layers))
    assert "from" in text  # as its author wrote it
    builder = archinspect.GraphBuilder("built")
    x = builder.input(8)
    y = builder.add(ops.find_operator("Dense")(units=8), x)
    y = builder.add(ops.find_operator("Add")(), y, x)
    assert layers_of(archinspect.network(builder.build(y))) == "  - Add: [{Dense: 8}, []]\n"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([1, 2, 3], "1 + index"),
        ([9, 6, 3], "9 - 3 * index"),
        ([4, 8, 16], "4 * 2 ** index"),
        ([2, 1, 1], "2 if index == 0 else 1"),
        ([1, 1, 2, 2, 2], "1 if index < 2 else 2"),
        ([1, 2, 1, 2], "1 if index % 2 == 0 else 2"),
        ([True, False, False], "index == 0"),
        (["a", "b", "b"], "'a' if index == 0 else 'b'"),
        ([3, 4, 23, 3], "[3, 4, 23, 3][index]"),
        ([0.1 * at / 17 for at in (3, 4, 5)], "0.1 * (index + 3) / 17"),
        ([0, 0.1, 0.2], "0.1 * index"),
        ([0.3, 0.1, 0.7], None),
        ([1, "a", None], None),
    ],
)
def test_values_by_the_index_are_those_values(values, text):
    found = by_index(values)
    assert (found and found.text) == text
    if found:
        assert [evaluate(text, {"index": index}) for index in range(len(values))] == values


def test_a_block_has_what_differs_as_parameters():
    branch = [{"Dense": "$units"}, "ReLU", {"Dense": "${2 * units}"}, "Tanh", {"Dense": 7}, "LayerNormalization"]
    blocks = {"pair": {"params": {"units": None}, "layers": branch}}
    network = spec(*({"pair": units} for units in (3, 5, 4)), blocks=blocks)
    text = network.convert()
    assert "  pair:\n    params: {units: }\n" in text
    assert '- Dense: "${2 * units}"' in text
    assert "- pair: 3\n  - pair: 5\n  - pair: 4\n" in text


def test_what_is_shared_and_frozen_is_said_of_a_composite_as_a_whole():
    group = [{"Dense": 8, "name": "one"}, {"Dense": 8, "name": "two"}]
    text = spec(
        {"name": "a", "layers": group, "trainable": False}, {"name": "b", "layers": group, "weights": "a"}
    ).convert()
    assert text.count("trainable: false") == text.count("weights: a") == 1


@pytest.mark.parametrize(
    ("pooling", "line"),
    [
        ({}, "TimeDistributed: {layer: {AdaptiveMaxPooling2D: {output_size: 1}}}"),
        (
            {"data_format": "channels_last"},
            "TimeDistributed: {layer: {AdaptiveMaxPooling2D: {output_size: 1, data_format: channels_last}}}",
        ),
    ],
)
def test_a_layer_within_another_has_a_layout_of_its_own(pooling, line):
    layer = {"layer": {"AdaptiveMaxPooling2D": {"output_size": 1, **pooling}}}
    assert line in layers_of(spec({"TimeDistributed": layer}, shape=(4, 3, 5, 2), layout="channels_first"))


def test_what_trains_is_no_path_of_a_merge_that_does_not():
    tokens, given = {"LearnedTokens": 1, "name": "tokens"}, {"Constant": [1, 1]}
    text = layers_of(spec(tokens, given, {"AdditiveAttention": None, "from": [-2, -1], "trainable": False}, shape=(1,)))
    assert "from: [tokens, -1], trainable: false" in text


def program(tmp_path, made):
    path = tmp_path / "net.pt2"
    path.write_bytes(made.save())
    return archinspect.network(path)


def test_a_program_keeps_its_figures_where_the_batch_is_not_the_first_axis(tmp_path):
    net = Program()
    x = net.input("s0", 5, 8)
    x = net.call("aten.permute.default", (5, "s0", 8), self=x, dims=[1, 0, 2])
    weight = net.parameter("head.weight", 24, 8)
    x = net.call("aten.linear.default", (5, "s0", 24), "head", "Linear", input=x, weight=weight)
    x = net.call("aten.view.default", (5, "s0", 3, 8), self=x, size=[5, 1, 3, 8])
    parts = net.call("aten.unbind.int", [(5, "s0", 8)] * 3, self=x, dim=2)
    x = net.call("aten.strange.default", (5, "s0", 8), self=parts[0], other=parts[2])
    network = program(tmp_path, net.output(x))
    text = network.convert()
    again = archinspect.network(text)
    assert "permute" in text
    assert "{Reshape: [5, 3, 8], name: view}\n  - Unbind: {parts: 3, axis: 2}" in text
    for batch in (1, 2, 3):
        one, other = (each.with_settings(batch=batch).report() for each in (network, again))
        assert [row.cost.macs for row in one.layers] == [row.cost.macs for row in other.layers]
    assert again.report().status == "partial"


def test_counters_that_nothing_reads_are_left_out(tmp_path):
    network = program(tmp_path, residual_net())
    again = archinspect.network(network.convert())
    assert network.report().totals.buffers - again.report().totals.buffers == 2
    assert network.report().totals.macs == again.report().totals.macs

"""A network as a value: what it is made from, what it answers, several outputs, what is the same for all samples."""

import copy
import json
import pickle

import pytest

import archinspect
from archinspect import GraphBuilder, InvalidSpecError, Settings
from archinspect.analyses import compute, memory
from archinspect.ops.conv import Conv2D
from archinspect.ops.dense import Dense
from archinspect.ops.merge import Subtract

SPEC = {"name": "small", "params": {"units": 4}, "input": [8], "layers": [{"Dense": "$units"}, "Tanh"]}

TEXT = "input: [8]\nlayers: [{Dense: 4}, Tanh]\n"


def test_a_network_is_made_from_whatever_describes_it(tmp_path):
    file = tmp_path / "small.yaml"
    file.write_text(json.dumps(SPEC), encoding="utf-8")
    net = GraphBuilder("small")
    graph = archinspect.network(file).graph
    x = net.input(8)
    built = net.build(net.add(Dense(units=4), x))
    for spec in (file, str(file), json.dumps(SPEC), TEXT, SPEC, graph):
        found = archinspect.network(spec).report()
        assert (found.totals.params, len(found.layers)) == (36, 2)
    assert archinspect.network(built).report().totals.params == 36
    assert archinspect.network("vgg16").report().totals.params == 138_357_544
    network = archinspect.network(SPEC)
    assert archinspect.network(network, batch=3).report().batch == 3


def test_a_network_answers_everything():
    network = archinspect.network("keras_demo", batch=2)
    assert network.report() == archinspect.inspect("keras_demo", batch=2)
    assert network.memory() == archinspect.memory_report("keras_demo", batch=2)
    assert network.compute(training=True) == archinspect.compute("keras_demo", batch=2, training=True)
    assert network.explain().layers == archinspect.explain("keras_demo", batch=2).layers
    assert network.fit(2**30) == archinspect.fit("keras_demo", 2**30)
    assert archinspect.network("keras_demo").check() == []
    assert network.compare(archinspect.network("lenet5"))[1] == archinspect.inspect("lenet5")
    assert repr(network) == "Network('Keras demo', 10 operators)"


def test_other_settings_make_another_network():
    network = archinspect.network(SPEC)
    other = network.with_settings(params={"units": 5}, batch=3)
    assert [net.report().totals.params for net in (network, other)] == [36, 45]
    assert other.with_settings(dtype="float16").report().param_bytes == 2 * 45
    assert other.with_settings(dtype="float16").graph is other.graph
    with pytest.raises(InvalidSpecError, match="the spec has no parameter 'width'"):
        network.with_settings(params={"width": 5})
    with pytest.raises(ValueError, match="dtype is one of"):
        network.with_settings(dtype="halve")


def test_settings_serve_several_networks():
    settings: dict = {"inputs": {"": [4]}}
    for name in ("a", "b"):
        spec = {"inputs": {name: [8]}, "layers": [{"Dense": 3}]}
        assert archinspect.network(spec, **settings).report().inputs == {name: (None, 4)}
    assert settings == {"inputs": {"": [4]}}
    assert Settings(inputs={"": [4]}).shapes_for(["a", "b"]) == {"": [4]}


def test_a_graph_has_nothing_to_set():
    graph = archinspect.network(SPEC).graph
    with pytest.raises(ValueError, match="a graph has no parameters"):
        archinspect.network(graph, params={"units": 3})


def test_a_dict_that_no_file_could_hold_is_refused():
    with pytest.raises(ValueError, match="the spec holds what no file can"):
        archinspect.network({"input": {8}, "layers": []})
    with pytest.raises(InvalidSpecError) as caught:
        archinspect.network({"input": [8], "layers": [{"Dnse": 4}]})
    (problem,) = caught.value.diagnostics
    assert (problem.span.source.name, problem.span.text()) == ("<dict>", '"Dnse"')


def test_networks_are_values_that_are_not_copied_and_not_pickled():
    network = archinspect.network("lenet5")
    assert copy.deepcopy(network.graph) is network.graph
    assert copy.deepcopy(network).report() == network.report()
    for what in (network, network.graph):
        with pytest.raises(TypeError, match="a Graph is not pickled: pickle a network's reports"):
            pickle.dumps(what)


def test_reports_can_be_pickled():
    network = archinspect.network("resnet18")
    for report in (network.report(memory=True), network.memory(), network.compute(training=True), network.explain()):
        assert pickle.loads(pickle.dumps(report)) == report  # noqa: S301 - our own


def test_edges_are_as_often_as_they_are_read():
    net = GraphBuilder()
    y = net.add(Dense(units=4), net.input(8), name="a")
    report = archinspect.network(net.build(net.add(Subtract(), y, y))).report()
    row = report.as_dict()["layers"][1]
    assert row["inputs"] == ["a"]
    assert row["edges"] == [{"layer": "a", "output": 0}, {"layer": "a", "output": 0}]


SEVERAL = """
input: [8, 6]
layers:
  - Split: {parts: 2}
    name: halves
  - {LSTM: {units: 4, return_state: true, return_sequences: true}, name: lstm, from: halves.1}
  - {Dense: 3, from: lstm.2, name: last}
  - {Concatenate: {axis: 1}, from: [lstm.1, -1]}
"""


def test_outputs_are_read_by_number():
    report = archinspect.network(SEVERAL, batch=2).report()
    rows = {row["name"]: row for row in report.as_dict()["layers"]}
    assert rows["halves"]["output_shapes"] == [[2, 8, 3], [2, 8, 3]]
    assert rows["lstm"]["output_shapes"] == [[2, 8, 4], [2, 4], [2, 4]]
    assert rows["lstm"]["edges"] == [{"layer": "halves", "output": 1}]
    assert rows["concatenate"]["edges"] == [{"layer": "lstm", "output": 1}, {"layer": "last", "output": 0}]
    assert report.layers[-1].output_shape == (2, 7)
    with pytest.raises(InvalidSpecError, match=r"unknown layer 'halves\.2'"):
        archinspect.network(SEVERAL.replace("halves.1", "halves.2"))


def test_halves_lie_in_what_was_split():
    facts = archinspect.network(SEVERAL).facts
    assert [one.layer for one in memory.peak(facts).alive if one.layer == "halves"] == []
    kept = memory.kept(facts).layers
    assert "halves" not in kept
    assert kept["input"] == 8 * 6 * 4


GRAPH = """
inputs:
  nodes: [5, 4]
  adjacency: {shape: [5, 5], batch: false}
layers:
  - {Parameter: {shape: [5, 4]}, name: table}
  - {Add: , from: [nodes, table], name: sum}
  - {Dense: 5, from: adjacency, name: edges}
  - {MatMul: , from: [edges, sum], name: spread}
  - {Concatenate: {axis: -1}, from: [spread, table]}
"""


def test_what_is_the_same_for_all_samples_does_not_grow_with_the_batch():
    one, three = (archinspect.network(GRAPH, batch=batch).report() for batch in (1, 3))
    costs = [{row.name: row.cost for row in report.layers} for report in (one, three)]
    for name in ("edges", "table"):
        assert costs[0][name] == costs[1][name]
    for name in ("sum", "spread"):
        assert 3 * costs[0][name].flops == costs[1][name].flops
    shapes = {row.name: row.output_shape for row in archinspect.network(GRAPH).report().layers}
    assert (shapes["edges"], shapes["spread"], shapes["concatenate"]) == ((1, 5, 5), (None, 5, 4), (None, 5, 8))
    assert (one.totals.params, three.totals.params) == (20 + 30, 20 + 30)


def test_memory_and_compute_agree_on_what_backward_passes():
    """Nothing reads the branch: backward keeps and computes nothing of it."""
    spec = {"input": [8], "layers": [{"Dense": 4, "name": "a"}, {"Dense": 4, "from": "input", "name": "b"}, "Tanh"]}
    facts = archinspect.network(spec | {"outputs": ["a"]}).facts
    assert memory.kept(facts).layers == {"input": 32}
    layers = compute.analyze(facts, training=True).layers
    assert layers["a"].weight_gradients.macs == 32
    assert (layers["b"].weight_gradients.macs, layers["tanh"].input_gradients.flops) == (0, 0)


def test_operators_with_an_instance_each_are_inferred_once():
    net = GraphBuilder()
    tensor = net.input(8, 8, 4)
    for _ in range(50):
        tensor = net.add(Conv2D(filters=4, kernel_size=3, padding="same"), tensor)
    facts = archinspect.network(net.build(tensor)).facts
    assert len({*map(facts.call, facts.graph.nodes)}) == 1

"""Every printed formula, evaluated anew as an expression of a spec, gives the figure that the engine counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import run
from networks.consistency import evaluated
from small import single_layer, small

from archinspect.analyses.cost import costs
from archinspect.analyses.receptive_field import fields
from archinspect.api import network
from archinspect.language import library
from archinspect.language.load import is_template
from archinspect.reports.explaining import Explainer, explain
from archinspect.reports.forms import Shared

TRUTH = Path(__file__).parent / "truth"
LAYOUTS = {"torch": "channels_first", "keras": "channels_last"}
ROWS = [
    (framework, row)
    for framework in LAYOUTS
    for row in json.loads((TRUTH / f"ops_{framework}.json").read_text(encoding="utf-8"))["rows"]
]
NETWORKS = [name for name, path in library.builtins().items() if not is_template(library.read_builtin(path))]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("batch", [None, 3])
def test_formulas_of_a_network(name, batch):
    facts = network(name, batch=batch).facts
    counted, seen = costs(facts), fields(facts)
    layers = explain(facts)
    for node in facts.graph.nodes:
        explanation = next(part for part in layers[node.layer] if part.name == node.path)
        figures = evaluated(explanation)
        assert [figures[name] for name in figures if name.startswith("out_")] == list(facts.shape(node.output)[1:])
        cost = counted[node]
        assert figures.get("params", 0) == cost.params
        assert figures.get("buffers", 0) == cost.buffers
        assert (figures["MACs"], figures["FLOPs"]) == (cost.macs, cost.flops)
        field = seen[node.output.position]
        if field is None:
            assert explanation.field is None
        else:
            found = [
                [value for name, value in figures.items() if name.startswith(what)]
                for what in ("receptive_field", "jump", "center")
            ]
            assert found == [[a.size for a in field], [a.jump for a in field], [a.center for a in field]]


@pytest.mark.parametrize(("framework", "row"), [row for row in ROWS if row[1]["output"]])
def test_formulas_of_a_measured_layer(framework, row):
    """Every operator with every combination of arguments that is measured: dilation, groups, padding, ceiling, ..."""
    facts = single_layer(row["op"], row["args"], row["inputs"], LAYOUTS[framework], apart=True)
    counted = costs(facts)
    for node, (explanation, *_) in zip(facts.graph.nodes, explain(facts).values(), strict=True):
        figures = evaluated(explanation)
        assert [figures[name] for name in figures if name.startswith("out_")] == list(facts.shape(node.output)[1:])
        assert (figures.get("params", 0), figures.get("buffers", 0)) == (counted[node].params, counted[node].buffers)
        assert (figures["MACs"], figures["FLOPs"]) == (counted[node].macs, counted[node].flops)


def test_every_output_is_explained():
    lstm = {"LSTM": {"units": 4, "return_sequences": True, "return_state": True}, "name": "lstm"}
    layers = explain(small(lstm, {"Add": None, "from": ["lstm.1", "lstm.2"]}, shape=(10, 8)))
    (part,) = layers["lstm"]
    assert part.output_shapes == ((None, 10, 4), (None, 4), (None, 4))
    assert {figure.name: figure.value for figure in part.output}["out3_features"] == 4
    assert layers["add"][0].inputs == (("lstm.1", (None, 4)), ("lstm.2", (None, 4)))


@pytest.mark.parametrize("batch", [None, 3])
def test_what_is_the_same_for_all_samples_has_no_batch(batch):
    layers = explain(small({"Parameter": {"shape": [5, 4]}}, shape=(10, 8), batch=batch))
    assert layers["parameter"][0].output_shapes == ((1, 5, 4),)


def test_where_inputs_of_different_axes_meet_everything_is_seen():
    net = network({"inputs": {"a": [4, 3, 2], "b": [3, 2]}, "layers": [{"Add": None, "from": ["a", "b"]}]})
    assert net.explain().layers["add"][0].field is None


def test_what_is_made_of_the_same_for_all_samples_counts_once():
    steps = {"Parameter": [8], "name": "p"}, {"Dense": 4, "name": "once"}, {"Dense": 8, "from": "input", "name": "each"}
    parts = explain(small(*steps, {"Add": None, "from": ["p", "each"]}, shape=(5, 8), batch=3))
    found = {name: evaluated(part)["FLOPs"] for name, (part,) in parts.items()}
    assert found == {"p": 0, "once": 2 * 8 * 4 + 4, "each": 3 * 5 * (2 * 8 * 8 + 8), "add": 3 * 5 * 8}


def test_a_long_list_of_layers_is_not_folded_for_a_narrow_terminal(tmp_path):
    path = tmp_path / "long.yaml"
    path.write_text("input: [300]\nlayers:\n  - {Dense: 300, repeat: 2100}\n")
    lines = run("explain", str(path), COLUMNS="60").stdout.splitlines()
    assert sum("300 * 300 + 300 = 90,300" in line for line in lines) == 2100


def test_parts_of_a_layer_have_names_of_their_own():
    spec = {"input": [4, 8], "layers": [{"nn.MultiheadAttention": {"embed_dim": 8, "num_heads": 2}}]}
    parts = explain(network(spec).facts)["multi_head_attention"]
    attended, made = (part.name for part in parts[-2:])
    assert (attended, made) == ("multi_head_attention.packed", "multi_head_attention.dense")


@pytest.mark.parametrize("padding", ["same", "valid", 2])
def test_what_layers_have_in_common_changes_no_formula(padding):
    conv = {"Conv2D": {"filters": 4, "kernel_size": 3, "padding": padding}}
    same = {"Conv2D": {"filters": 4, "kernel_size": [3, 1], "padding": "same"}}
    wide = {"Conv2D": {"filters": 4, "kernel_size": [1, 5], "padding": "same"}}
    pools = [{"MaxPooling2D": {"pool_size": size, "strides": 2, "padding": "same"}} for size in (2, 3)]
    joined = [
        {"Concatenate": [[], [same], [same, same, wide]]},
        {"Add": [[same], [wide]]},
        {"Concatenate": [[pools[0]], [pools[1], same], [pools[0]]]},
        {"UpSampling2D": {"size": [2, 1]}},
    ]
    network = small(
        *[conv, {"Cropping2D": 1}, *joined, "ReLU"], *[conv, *joined, "ReLU"], {"ZeroPadding2D": 3}, shape=(40, 40, 3)
    )
    together = explain(network)
    seen = fields(network)
    for node in network.graph.nodes:
        alone = Explainer(network, node, Shared.new())
        part = alone.explain(node, tuple([seen[tensor.position] for tensor in node.reads]), seen[node.output.position])
        assert part in together[node.layer]


@pytest.mark.parametrize("step", [{"CropLike": None, "from": [-1, -1]}, {"Add": None, "from": [-1, -1]}])
def test_of_more_axes_than_have_names_those_are_told_that_have(step):
    found = network({"layers": [{"Input": [2, 3, 4, 5, 1]}, step]}).explain().to_dict()
    ((layer,),) = found["layers"].values()
    seen = [figure["name"] for figure in layer["field"] if figure["name"].startswith("receptive_field")]
    assert seen == ["receptive_field_depth", "receptive_field_height", "receptive_field_width"]


def test_a_sum_of_any_number_of_inputs_is_explained():
    (part,) = explain(small({"Concatenate": [[]] * 1_500}, shape=(2, 2, 1)))["concatenate"]
    assert part.output[-1].value == 1_500


def test_a_weight_may_be_called_as_the_sum_of_weights_is():
    (part,) = explain(small({"Custom": {"params": 2, "buffers": 3}}))["custom"]
    assert [(figure.name, figure.value) for figure in part.params] == [("params", 2), ("buffers", 3)]

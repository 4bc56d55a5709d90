"""A user's own layer as data: figures that are expressions of the inputs' axes."""

import pytest
from small import facts, small

import archinspect
from archinspect.analyses.cost import costs
from archinspect.analyses.memory import kept
from archinspect.language.computed import value_of
from archinspect.ops.computed import Computed
from archinspect.reports.explaining import explain

MIXING = {
    "output_shape": ["${in[1]}", "${units}"],
    "params": "${in[-1] * units}",
    "macs": "${in[1] * in[2] * units}",
    "units": 64,
}


def custom(*inputs, batch=None, **args):
    """Return the figures of the last layer: output, params, MACs, FLOPs."""
    found = small({"Custom": args}, shape=inputs, batch=batch)
    node = found.graph.nodes[-1]
    cost = costs(found)[node]
    return list(found.shape(node.output)), cost.params, cost.macs, cost.flops


def test_figures_scale_with_the_input_and_the_batch():
    assert custom(6, 12, **MIXING) == ([1, 6, 64], 12 * 64, 6 * 12 * 64, 2 * 6 * 12 * 64)
    assert custom(7, 5, batch=3, **MIXING) == ([3, 7, 64], 5 * 64, 3 * 7 * 5 * 64, 2 * 3 * 7 * 5 * 64)
    assert custom(7, 5, **{**MIXING, "units": 2})[0] == [1, 7, 2]


def test_flops_and_what_is_kept_are_expressions_too():
    args = {"params": 0, "macs": "${in[1]}", "flops": "${3 * in[1]}", "kept": "${2 * in[1]}"}
    assert custom(5, batch=2, **args)[2:] == (10, 30)
    net = small({"Dense": 5}, {"Custom": args}, shape=[5], batch=2)
    assert kept(net).layers["custom"] == 4 * (2 * 2 * 5)


def test_integers_are_what_they_were():
    stated = {"output": [7], "params": 11, "macs": 10, "flops": 25}
    assert custom(4, 3, batch=2, **stated) == ([2, 7], 11, 20, 50)
    net = small({"Dense": 5}, {"Custom": {"params": 0, "macs": 1}}, shape=[5], batch=2)
    assert kept(net).layers["dense"] == 4 * (2 * 5)  # its input


def test_several_inputs_are_told_by_number():
    net = small(
        {"Dense": 4, "name": "first"},
        {"Dense": 6, "from": "input", "name": "second"},
        {"Custom": {"params": 0, "macs": "${inputs[0][1] * inputs[1][1]}"}, "from": ["first", "second"]},
        shape=[5],
    )
    assert costs(net)[net.graph.nodes[-1]].macs == 24


BLOCK = """
input: [6, 12]
params: {width: 3, in: 5}
blocks:
  mix:
    params: {units: }
    layers:
      - Custom: {params: "${inputs[0][-1] * units + width * more}", macs: 0, more: "${units + index}", units: 2}
layers:
  - {mix: {units: 7}, repeat: 2}
  - Custom: {params: "${in}", macs: 0}
"""


def test_names_are_those_of_the_step_then_those_around_it(tmp_path):
    file = tmp_path / "net.yaml"
    file.write_text(BLOCK, encoding="utf-8")
    found = archinspect.inspect(file).layers
    # A step's own names may use those around it; a parameter of the spec that is called `in` stays that.
    assert [row.cost.params for row in found] == [12 * 2 + 3 * 7, 12 * 2 + 3 * 8, 5]
    assert found[0].args == {
        "params": "${inputs[0][-1] * units + width * more}",
        "macs": 0,
        "more": 7,
        "units": 2,
        "width": 3,
    }


def test_a_layer_is_equal_by_text_and_names():
    net = small({"Custom": MIXING}, {"Custom": {**MIXING, "units": 12}}, {"Custom": {**MIXING, "units": 12}})
    first, second, third = (node.op for node in net.graph.nodes)
    assert second is third
    assert first != second
    text = Computed("in[1] * n", {"n": 3}, value_of)
    assert text == Computed("in[1] * n", {"n": 3}, value_of)
    assert hash(text) == hash(Computed("in[1] * n", {"n": 4}, value_of))
    assert text not in {Computed("in[1] * n", {"n": 4}, value_of), "${in[1] * n}"}
    assert (str(text), repr(text)) == ("${in[1] * n}", "Computed('in[1] * n', n=3)")


def test_it_is_explained_by_its_own_names():
    ((explanation,),) = explain(small({"Custom": MIXING}, shape=[6, 12])).values()
    assert [figure.name for figure in explanation.given] == ["in_steps", "units", "in_features"]
    assert explanation.work[0].formula == "in_steps * in_features * units"
    assert explanation.weights[0].elements.formula == "in_features * units"


def test_what_is_not_stated_is_not_known():
    found = small({"Custom": {"params": "${in[1]}"}}, shape=[5])
    assert found.graph.nodes[0].op.unknown() == ("macs", "flops")


def test_a_graph_of_it_can_be_asked_for_another_batch():
    one = small({"Custom": MIXING}, shape=[6, 12])
    assert costs(facts(one.graph, 3))[one.graph.nodes[0]].macs == 3 * costs(one)[one.graph.nodes[0]].macs


@pytest.mark.parametrize("text", ["${in[0]}", "${inputs[0][0] + 1}", "${-in[-3]}"])
def test_no_figure_depends_on_the_batch(text, tmp_path):
    file = tmp_path / "net.yaml"
    file.write_text(f"input: [6, 12]\nlayers:\n  - Custom: {{params: '{text}'}}\n", encoding="utf-8")
    (problem,) = archinspect.check(file).diagnostics
    assert "the batch" in problem.message
    assert problem.span.column == 22


def test_a_wrapped_layer_computes_with_a_step_s_axes():
    layer = {
        "Custom": {"output_shape": ["${in[1] // 2}"], "params": "${in[1] * units}", "macs": "${in[1]}", "units": 4}
    }
    net = small({"TimeDistributed": {"layer": layer}}, shape=(10, 8))
    (node,) = net.graph.nodes
    assert net.shape(node.output) == (1, 10, 4)
    assert (costs(net)[node].params, costs(net)[node].macs) == (8 * 4, 10 * 8)

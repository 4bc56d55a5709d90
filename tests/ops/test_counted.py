"""Every operator, by itself and inside wrappers, under every convention: a figure is counted or said to be unknown."""

import json
from pathlib import Path

import pytest
from small import make, single_layer

import archinspect
from archinspect import ops
from archinspect.conventions import CONVENTIONS, counted_by, differences
from archinspect.conventions.quantities import DECLARED, OperatorCall, amount
from archinspect.ops.figures import Run
from archinspect.reports.summarizing import report

TRUTH = Path(__file__).parents[1] / "truth"
LAYOUTS = {"torch": "channels_first", "keras": "channels_last"}
ROWS = [
    (row["op"], row["args"], row["inputs"], layout)
    for name, layout in LAYOUTS.items()
    for row in json.loads((TRUTH / f"ops_{name}.json").read_text(encoding="utf-8"))["rows"]
    if row["output"] is not None and row["inputs"]
]
OTHERS = [
    ("Custom", {}, [(2, 5)], "channels_last"),
    ("Custom", {"params": 3, "macs": 4}, [(2, 5)], "channels_first"),
    ("LayerScale", {}, [(2, 5, 3)], "channels_last"),
    ("StochasticDepth", {}, [(2, 5, 3)], "channels_last"),
    ("Einsum", {"equation": "bi->b"}, [(2, 5)], "channels_first"),
]
BOTH_WAYS = [
    ("Bidirectional", {"layer": {op: {"units": 4, **more}}, "merge_mode": mode}, [(2, 5, 3)], "channels_last")
    for op in ("SimpleRNN", "LSTM", "GRU")
    for more in ({}, {"num_layers": 2}, {"bidirectional": True, "return_sequences": True})
    for mode in ("concat", "sum", "mul", "ave")
]
IN_STEPS = [
    ("TimeDistributed", {"layer": {op: args}}, [(shape[0], 3, *shape[1:])], layout)
    for op, args, (shape, *more), layout in ROWS + OTHERS + BOTH_WAYS
    if not more and (kind := ops.find_operator(op)).inputs[0] == 1 and kind.batched
]
EVERY = ROWS + OTHERS + BOTH_WAYS + IN_STEPS
# Figures that are not known of an operator whose own figures are, and why.
UNKNOWN = {
    ("convnet-burden", "flops", "RoIAlign"): "MatConvNet's layer moves no window, and has a rule of its own",
}


@pytest.mark.parametrize(
    ("op", "args", "shapes", "layout"), EVERY, ids=[f"{i}-{row[0]}" for i, row in enumerate(EVERY)]
)
def test_every_operator_is_counted_or_said_to_be_unknown(op, args, shapes, layout):
    facts = single_layer(op, args, shapes, layout, apart=True)
    for tool in CONVENTIONS:
        for node, counted in counted_by(facts, tool).items():
            inside = type(node.op.unwrapped()[0]).__name__
            figures = {"params": counted.params, **counted.figures}
            unknown = {name for name, figure in figures.items() if figure is None}
            if not node.op.unknown():
                assert all((tool, name, inside) in UNKNOWN for name in unknown)
            assert all(figure >= 0 or "Transpose" in inside for figure in figures.values() if figure is not None)
        differences(facts, tool)


@pytest.mark.parametrize(("op", "args", "shapes", "layout"), [row for row in ROWS + OTHERS if len(row[2]) == 1][::7])
def test_in_steps_it_counts_as_on_as_many_samples(op, args, shapes, layout):
    ((batch, *rest),) = shapes
    kind = ops.find_operator(op)
    if kind.inputs[0] != 1 or not kind.batched:
        return
    one = single_layer(op, args, [(3 * batch, *rest)], layout, apart=True)
    steps = single_layer("TimeDistributed", {"layer": {op: args}}, [(batch, 3, *rest)], layout, apart=True)
    for tool in CONVENTIONS:
        assert [*counted_by(steps, tool).values()] == [*counted_by(one, tool).values()]


def test_figures_are_whole_numbers():
    """No floats, which are rounded where they are large."""
    for op, args, shapes, layout in ROWS + OTHERS:
        facts = single_layer(op, args, shapes, layout)
        for node in facts.graph.nodes:
            call = facts.call(node)
            run = Run((True,) * len(call.shapes), attention="math")
            numbers = [size for type_ in call.outputs for size in type_.shape]
            numbers += [size for weight in call.weights.values() for size in weight.shape]
            numbers += [*call.work, *(part for work in call.backward(run) for part in work)]
            numbers += [count for _, count in (*call.kept(run).extra, *call.workspace(run))]
            numbers += [call.weights_read, *call.op.quantities(call.shapes, call.output).values()]
            numbers += [part for reach in call.op.reach(*call.shapes) or () for part in reach]
            assert {type(number) for number in numbers} == {int}, (op, args)


def test_what_is_declared_is_known():
    declared = set()
    for op, args, shapes, layout in ROWS:
        facts = single_layer(op, args, shapes, layout)
        for call in map(facts.call, facts.graph.nodes):
            declared |= {*call.op.quantities(call.shapes, call.output)}
    assert declared == {*DECLARED}


def test_what_is_not_declared_is_not_counted():
    call = OperatorCall(make("Dense", {"units": 4}), ((2, 3),), (2, 4), "channels_last")
    assert amount({"macs": 1, "state": 1}, call) is None
    assert amount({"macs": 2, "bias": 1}, call) == 2 * 24 + 8


def test_a_report_is_partial_where_a_tool_s_figure_is_not_known():
    facts = single_layer("RoIAlign", {"output_size": 2}, [(1, 4, 4, 2), (1, 5, 4)], "channels_last", apart=True)
    found = report(facts, convention="convnet-burden")
    (row,) = found.layers
    assert (found.status, found.uncounted) == ("partial", {"part": ("convnet-burden flops",)})
    assert row.counted == {"params": 0, "flops": None, "memory": 4 * 5 * 2 * 2 * 2}
    assert found.counted["flops"] == 0
    assert report(facts).status == "complete"


WRAPPED = """
input: [5, 8]
layers:
  - {LSTM: {units: 8, bidirectional: true}}
  - {Bidirectional: {layer: {LSTM: 8}}, from: input}
"""


@pytest.mark.parametrize("tool", CONVENTIONS)
def test_both_ways_are_counted_as_the_layers_own(tool, tmp_path):
    file = tmp_path / "net.yaml"
    file.write_text(WRAPPED, encoding="utf-8")
    own, wrapped = archinspect.inspect(file, convention=tool).layers
    assert own.counted == wrapped.counted
    assert own.unknown == wrapped.unknown == ()


def test_a_layer_that_nobody_counts_is_not_known_to_any_tool(run, tmp_path):
    file = tmp_path / "net.yaml"
    file.write_text("input: [5, 8]\nlayers:\n  - TimeDistributed: {layer: Custom}\n  - Dense: 4\n", encoding="utf-8")
    found = archinspect.inspect(file, convention="thop")
    assert found.uncounted == {"time_distributed": ("params", "macs", "flops")}
    assert [row.counted for row in found.layers] == [{"params": None, "macs": None}, {"params": 36, "macs": 5 * 32}]
    lines = run("summary", str(file), "--convention", "thop").stdout.splitlines()
    first = next(line for line in lines if line.startswith("time_distributed"))
    assert first.split()[-2:] == ["?", "?"]
    assert "Status: partial" in lines

"""Compute of whole networks: MACs of training against measurements, bytes and times by hand."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from small import Frozen, single_layer, small

from archinspect import ops
from archinspect.analyses import compute, devices
from archinspect.api import network
from archinspect.ops.figures import Run, Work
from archinspect.render.numbers import duration
from archinspect.reports.compute import compute_report

TRUTH = Path(__file__).parent / "truth"
MEASURED = json.loads((TRUTH / "training_macs.json").read_text(encoding="utf-8"))
CASES = MEASURED["cases"]
SET = {
    name: figures["set"]
    for name, figures in json.loads((TRUTH / "measured.json").read_text(encoding="utf-8"))["models"].items()
    if "set" in figures
}


def facts_of(case):
    name = case["network"]
    facts = network(name, batch=case["batch"], params=SET.get(name)).facts
    return Frozen(facts, lambda node: f"{node.layer}.".startswith(tuple(case["layers"])))


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join([case["network"], *case["layers"]]))
def test_training_has_the_macs_that_are_measured(case):
    found = compute.analyze(facts_of(case), training=True, attention="math")
    assert found.total.macs == case["macs"]


@pytest.mark.parametrize("case", MEASURED["fused_attention"], ids=lambda case: str(case["key"]))
def test_fused_attention_has_the_macs_of_the_counters_formulas(case):
    shapes = [(batch, steps, heads * size) for batch, heads, steps, size in (case["query"], case["key"], case["value"])]
    heads = {"num_heads": case["query"][1], "num_kv_heads": case["key"][1]}
    op = ops.find_operator("ScaledDotProductAttention")(**heads)
    output = op.output(*shapes)
    backward = op.backward(shapes, output, Run((True, True, True), weights=False))
    assert op.work(shapes, output).macs + backward.inputs.macs == case["macs"]
    assert backward.weights == Work()


DENSE = {"Dense": 10}


def test_a_dense_layer_by_hand():
    # The input's 3 x 8 elements, the 8 x 10 weights and 10 biases, the 3 x 10 outputs.
    forward = compute.analyze(small(DENSE, shape=[8], batch=3)).total
    assert forward == compute.Figures(Work(3 * 80, 30), forward_bytes=4 * (24 + 90 + 30))
    assert forward.intensity == (2 * 240 + 30) / (4 * 144)
    assert isinstance(forward.bytes, int)  # exact, whatever its size
    # Backward reads the output's gradient and the kept input, and writes the weights' gradients.
    training = compute.analyze(small(DENSE, shape=[8], batch=3, dtype="bfloat16"), training=True).total
    assert training.input_gradients == Work()
    assert training.weight_gradients == Work(3 * 80, 30)
    assert training.forward_bytes == 2 * 144
    assert training.backward_bytes == 2 * (30 + 24 + 90)
    assert training.macs == 2 * 240
    assert training.flops == 2 * (2 * 240 + 30)


def test_the_second_layer_needs_the_gradient_of_its_input():
    found = compute.analyze(small(DENSE, {"Dense": 5}, shape=[8]), training=True).layers
    first, second = found.values()
    assert first.input_gradients == Work()
    assert second.input_gradients == Work(50)
    # The output's gradient, the weights for the input's gradient, the kept input; the gradients of both.
    assert second.backward_bytes == 4 * (5 + 55 + 10 + 10 + 55)


def test_gradients_of_several_readers_are_summed():
    skip = small(DENSE, {"Dense": 10, "name": "inner"}, {"Add": None, "from": [-1, -2]}, shape=[8])
    chain = small(DENSE, {"Dense": 10, "name": "inner"}, shape=[8])
    sums = [compute.analyze(graph, training=True).total.input_gradients for graph in (skip, chain)]
    assert sums[0].other - sums[1].other == 10


def test_what_does_not_train_has_no_backward():
    graph = small({**DENSE, "trainable": False}, "ReLU", shape=[8])
    assert compute.analyze(graph, training=True).total == compute.analyze(graph).total
    graph = small(DENSE, {"Dense": 5, "trainable": False}, shape=[8])
    frozen = list(compute.analyze(graph, training=True).layers.values())[1]
    assert frozen.weight_gradients == Work()
    assert frozen.input_gradients == Work(50)


def test_views_move_nothing():
    figures = compute.analyze(small("Flatten", "Identity"), training=True).total
    assert figures.bytes == 0
    assert figures.intensity == 0
    assert figures.bound == ""


def test_what_is_a_view_in_inference_alone_moves_in_backward():
    """Dropout reads its output's gradient and 10 factors, and writes its input's gradient."""
    _, dropout = compute.analyze(small(DENSE, {"Dropout": 0.5}, shape=[8]), training=True).layers.values()
    assert (dropout.forward_bytes, dropout.backward_bytes) == (0, 3 * 40)


def test_an_embedding_reads_the_rows_that_it_looks_up():
    graph = small({"Embedding": {"input_dim": 1000, "output_dim": 16}}, shape=[5])
    assert compute.analyze(graph).total.forward_bytes == 4 * (5 + 2 * 80)


@pytest.mark.parametrize("batch", [1, 3])
def test_positions_are_read_once_whatever_the_table_has(batch):
    facts = small({"LearnedPositions": {"input_dim": 100}}, shape=[5, 4], batch=batch)
    assert compute.analyze(facts).total.forward_bytes == 4 * (20 * batch + 20 + 20 * batch)


def test_an_average_of_both_ways_divides_its_gradient():
    """Of 2 * 5 * 4 outputs; an addition hands the gradient on."""
    found = {}
    for mode in ("sum", "ave"):
        layer = {"Bidirectional": {"layer": {"LSTM": {"units": 4, "return_sequences": True}}, "merge_mode": mode}}
        found[mode] = compute.analyze(small(layer, shape=[5, 3], batch=2), training=True).total
    assert found["ave"].input_gradients.other - found["sum"].input_gradients.other == 40
    assert found["ave"].input_gradients.macs == found["sum"].input_gradients.macs


def test_experts_that_are_not_used_are_not_read():
    experts = {"MixtureOfExperts": {"num_experts": 8, "units": 6, "top_k": 2}}
    for steps, read in ((1, 2), (3, 6), (9, 8)):
        found = compute.analyze(small(experts, shape=[steps, 4])).total
        assert found.forward_bytes == 4 * (2 * steps * 4 + 4 * 8 + read * 3 * 4 * 6)


DEVICE = devices.Device("mine", 2**30, 10**9, {"float32": 10**10, "tf32": 10**11})


def test_each_pass_takes_what_is_longer():
    graph = small({"Conv2D": {"filters": 64, "kernel_size": 3}}, "ReLU", shape=(16, 16, 4))
    found = compute.analyze(graph, device=DEVICE)
    conv, relu = found.layers.values()
    assert (conv.compute_time, conv.memory_time) == (conv.flops / 10**10, 0)
    assert (relu.compute_time, relu.memory_time) == (0, relu.bytes / 10**9)
    assert (conv.bound, relu.bound) == ("compute", "memory")
    assert found.total.time == pytest.approx(conv.time + relu.time)
    trained = compute.analyze(
        small(*[{"Conv2D": {"filters": 64, "kernel_size": 3}}] * 2, shape=(16, 16, 4)), training=True, device=DEVICE
    )
    assert trained.total.compute_time == pytest.approx(trained.total.flops / 10**10)
    faster = compute.analyze(graph, tf32=True, device=DEVICE).total
    assert faster.bytes == found.total.bytes
    assert faster.time < found.total.time


def test_rows_have_times_where_there_is_a_device():
    """A product of 8 x 10 with biases moves 108 numbers, an activation of 10 moves 20: the bandwidth bounds both."""
    graph = small(DENSE, "ReLU", shape=[8])
    plain = {"macs": 80, "flops": 180, "bytes": 4 * (108 + 20), "intensity": 180 / 512}
    found = compute.analyze(graph).to_dict()
    assert found.pop("totals") == plain
    dense, relu = found.pop("layers")
    assert dense == {"name": "dense", "macs": 80, "flops": 170, "bytes": 432, "intensity": 170 / 432}
    assert relu == {"name": "re_lu", "macs": 0, "flops": 10, "bytes": 80, "intensity": 10 / 80}
    assert found == {"dtype": "float32", "training": False, "device": None}
    timed = compute.analyze(graph, device=DEVICE).to_dict()
    assert timed["device"] == "mine"
    assert timed["layers"] == [
        {**dense, "time": 432 / 10**9, "bound": "memory"},
        {**relu, "time": 80 / 10**9, "bound": "memory"},
    ]
    assert timed["totals"] == {**plain, "time": 512 / 10**9, "bound": "memory"}


def test_what_is_said_of_it_in_one_line():
    graph = small(DENSE, "ReLU", shape=[8])
    assert repr(compute.analyze(graph)) == "<Compute: 80 MACs, 180 FLOPs, 512 bytes, forward>"
    trained = repr(compute.analyze(graph, training=True, device=DEVICE))
    assert trained.endswith(", forward and backward, 1.064e-06 s or more on mine>")


@pytest.mark.parametrize("name", ["resnet18", "vit_b_16", "lstm_classifier", "mixtral_8x7b", "yolov3"])
def test_layers_sum_to_the_total_and_scale_with_the_batch(name):
    one, two = (compute.analyze(network(name, batch=batch).facts, training=True) for batch in (1, 2))
    assert compute.sum_of_figures(one.layers.values()) == one.total
    assert two.total.macs == 2 * one.total.macs
    assert one.total.bytes < two.total.bytes <= 2 * one.total.bytes
    assert one.total.forward == compute.analyze(network(name).facts).total.forward


def test_what_cannot_be_analyzed():
    graph = network("keras_demo").facts
    with pytest.raises(ValueError, match=r"dtype is one of float64, .*, not 'float20'"):
        graph.in_dtype("float20")
    with pytest.raises(ValueError, match="attention is one of fused, math, eager, not 'slow'"):
        compute.analyze(graph, attention="slow")
    with pytest.raises(ValueError, match="mine has no peak for int8, only for float32, tf32"):
        compute.analyze(graph.in_dtype("int8"), device=DEVICE)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ("--device h1000", 2, "no device 'h1000': did you mean 'h100'"),
        ("--device t4 --dtype bfloat16", 2, "t4 has no peak for bfloat16, only for float32, float16, int8"),
        ("--devices own.yaml", 2, "--devices: choose one with --device: mine, h100, "),
        ("--device mine --devices none.yaml", 2, "none.yaml: error[file]: cannot read the file"),
        ("--device mine --devices broken.yaml", 1, "broken.yaml:1:10: error[device]: name must be text"),
        ("--device mine --devices list.yaml", 1, "list.yaml:1:1: error[yaml]: "),
    ],
)
def test_a_wrong_device_is_said(options, code, message, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = "- {name: mine, memory: 8 GB, bandwidth: 50 GB/s, flops: {float32: 1.5 T}}"
    (tmp_path / "own.yaml").write_text(own)
    (tmp_path / "broken.yaml").write_text(own.replace("{name: mine", "{name: []"))
    (tmp_path / "list.yaml").write_text("\t- name")
    result = run("compute", "keras_demo", *options.split())
    assert result.exit_code == code
    assert message in result.stderr


def test_depth_and_sort(run):
    output = run("compute", "resnet18", "--depth", "1", "--sort", "macs", "--format", "csv").stdout
    header, *rows = [line.split(",") for line in output.splitlines()]
    macs = [int(row[header.index("macs")]) for row in rows]
    assert macs == sorted(macs, reverse=True)
    assert sum(macs) == 1_814_073_344
    assert rows[0][0] == "stage1"


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_reports_rows_sum_to_the_total_at_any_depth(depth):
    resnet = network("resnet18")
    computed = resnet.compute(training=True, device=devices.find_device("h100"))
    found = compute_report(computed, resnet.report(), depth)
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301 - our own
    assert [row.name for row in found.rows] == [row.name for row in found.report.fold(depth)]
    sums = compute.sum_of_figures(row.figures for row in found.rows)
    assert sums[:5] == computed.total[:5]
    assert sums.time == pytest.approx(computed.total.time)


def test_a_narrow_terminal_shortens_names(run):
    lines = run("compute", "resnet18", "--depth", "all", COLUMNS="50").stdout.splitlines()
    table = lines[3 : lines.index("", 4)]
    assert max(map(len, table)) <= 50
    assert any(line.startswith("…") for line in table)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 ns"), (2.5e-9, "2.5 ns"), (1.234e-5, "12.3 µs"), (0.5, "500 ms"), (2, "2 s"), (12_345, "12,345 s")],
)
def test_times_as_people_read_them(seconds, text):
    assert duration(seconds) == text


def test_a_tensor_that_is_read_twice_moves_once():
    facts = small("Tanh", {"Multiply": [[], []]}, {"Multiply": [["Sigmoid"], []]}, shape=[4])
    assert [found.bytes for found in compute.analyze(facts).layers.values()] == [32, 32, 32, 48]


@pytest.mark.parametrize(
    ("attention", "kept"),
    [("fused", 2 * 480 + 2 * 672 + 120), ("eager", 480 + 2 * 672 + 840), ("math", 672 + 1152 + 840)],
)
def test_backward_reads_what_the_kind_of_attention_keeps(attention, kept):
    """Bytes of three samples' queries (480), keys, values (672 each) and scores (840), of two heads' sums (120)."""
    facts = single_layer("ScaledDotProductAttention", {"num_heads": 2}, [(3, 5, 8), (3, 7, 8), (3, 7, 8)])
    found = compute.analyze(facts, training=True, attention=attention, input_gradients=True).total
    gradients = 480 + (480 + 2 * 672)
    assert found.backward_bytes == gradients + kept

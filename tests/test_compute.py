"""Compute of whole networks: MACs of training against measurements, bytes and times by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archinspect import compute, ops
from archinspect.api import network
from archinspect.op import Run, Work

TRUTH = Path(__file__).parent / "truth"
MEASURED = json.loads((TRUTH / "training_macs.json").read_text(encoding="utf-8"))
CASES = MEASURED["cases"]
SET = {
    name: figures["set"]
    for name, figures in json.loads((TRUTH / "measured.json").read_text(encoding="utf-8"))["models"].items()
    if "set" in figures
}


def graph_of(case):
    name = case["network"]
    graph = network(name, batch=case["batch"], params=SET.get(name))
    for node in graph.nodes:
        if f"{node.layer}.".startswith(tuple(case["layers"])):
            node.trainable = False
    return graph


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join([case["network"], *case["layers"]]))
def test_training_has_the_macs_that_are_measured(case):
    found = compute.analyze(graph_of(case), training=True, attention="math")
    assert found.total.macs == case["macs"]


@pytest.mark.parametrize("case", MEASURED["fused_attention"], ids=lambda case: str(case["key"]))
def test_fused_attention_has_the_macs_of_the_counters_formulas(case):
    shapes = [(batch, steps, heads * size) for batch, heads, steps, size in (case["query"], case["key"], case["value"])]
    heads = {"num_heads": case["query"][1], "num_kv_heads": case["key"][1]}
    op = ops.find("ScaledDotProductAttention")(**heads)
    output = op.output(*shapes)
    backward = op.backward(shapes, output, Run((True, True, True), weights=False))
    assert op.work(shapes, output).macs + backward.inputs.macs == case["macs"]
    assert backward.weights == Work()

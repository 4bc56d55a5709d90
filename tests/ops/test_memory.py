"""What backward keeps of every operator, against what PyTorch keeps; what it needs at inference, and in place."""

import json
from pathlib import Path

import pytest

from archinspect import memory, ops
from archinspect.diagnostics import Problems
from archinspect.graph import Graph, Node
from archinspect.infer import infer
from archinspect.source import Source, Span

TRUTH = Path(__file__).parents[1] / "truth"
ROWS = [
    row
    for row in json.loads((TRUTH / "ops_torch.json").read_text(encoding="utf-8"))["rows"]
    if row["output"] is not None
]
SPAN = Span(Source("row", ""), 1, 1, 1, 1)


def network(name, args, inputs, *, layout="channels_first"):
    """Return the graph of a single layer."""
    kind = ops.find(name)
    op = kind(**({"data_format": layout, **args} if "data_format" in kind.args else args))
    graph = Graph("row", SPAN)
    dtype = "int64" if kind.__name__ == "Embedding" else "float"
    find_input = ops.find("Input")
    graph.inputs = [
        Node(find_input(shape=shape[1:], dtype=dtype), [], f"input{i}", f"input{i}", SPAN)
        for i, shape in enumerate(inputs)
    ]

    def emit(part, tensors):
        node = Node(part, tensors, f"{name}{len(graph.nodes)}", name, SPAN)
        node.layer_op = op
        graph.nodes.append(node)
        return node.output

    graph.outputs = [op.build(emit, [node.output for node in graph.inputs])]
    problems = Problems()
    infer(graph, problems, inputs[0][0])
    assert not problems.failed
    return graph


# Where PyTorch keeps something else, and why.
DIFFERENT = {
    "ReflectionPad1d": "keeps its input, which padding with zeros does not; a spec says no mode",
    "ReflectionPad2d": "as ReflectionPad1d",
    "ReplicationPad2d": "as ReflectionPad1d",
    "FeatureAlphaDropout": "drops whole channels; it is read as AlphaDropout, which does not",
}


def is_different(row):
    dropped_between_layers = row["op"] in {"RNN", "LSTM", "GRU"} and "dropout" in row["args"]
    return row["op"] in DIFFERENT or dropped_between_layers or row["args"].get("padding_mode") == "reflect"


@pytest.mark.parametrize("row", ROWS, ids=[f"{i}-{row['op']}" for i, row in enumerate(ROWS)])
def test_backward_keeps_what_pytorch_keeps(row):
    graph = network(row["op"], row["args"], row["inputs"])
    found = memory.kept(graph, attention="math", input_gradients=True).total
    assert (found == row["kept"]) != is_different(row)


# Where PyTorch on the meta device has something else alive, and why.
ALIVE_DIFFERENT = {
    "ScaledDotProductAttention": "repeated heads and masks are counted nearly",
    "MultiheadAttention": "at inference a kernel of its own where it can",
    "GroupedQueryAttention": "as ScaledDotProductAttention",
    **dict.fromkeys(("RNN", "LSTM", "GRU"), "the tensors of a step are counted nearly"),
}


@pytest.mark.parametrize("row", ROWS, ids=[f"{i}-{row['op']}" for i, row in enumerate(ROWS)])
def test_as_much_is_alive_as_in_pytorch(row):
    graph = network(row["op"], row["args"], row["inputs"])
    peak = memory.peak(graph, attention="math")
    found = peak.bytes - sum(one.bytes for one in peak.alive if one.layer.startswith("input"))
    if row["op"] in ALIVE_DIFFERENT:
        assert 0.7 < found / row["alive"] < 2
    elif row["args"].get("inplace") and "Dropout" not in row["op"]:
        assert (found, row["alive"]) == (row["kept"], 0)  # no network overwrites its input
    elif row["args"].get("padding_mode") == "reflect":
        assert found < row["alive"]
    elif row["args"].get("momentum", 0) is None:
        assert found == row["alive"] + 2 * 4 * 6  # measured on the CPU, which needs no statistics at inference
    else:
        assert found == row["alive"]

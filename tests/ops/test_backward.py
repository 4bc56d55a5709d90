"""MACs of every operator's backward pass against those that PyTorch counts."""

import json
from pathlib import Path

import pytest

from archinspect import compute, ops
from archinspect.diagnostics import Problems
from archinspect.graph import Graph, Node
from archinspect.infer import infer
from archinspect.source import Source, Span

TRUTH = Path(__file__).parents[1] / "truth"
ROWS = json.loads((TRUTH / "training_macs.json").read_text(encoding="utf-8"))["operators"]
SPAN = Span(Source("row", ""), 1, 1, 1, 1)


def network(name, args, inputs):
    """Return the graph of a single layer."""
    kind = ops.find(name)
    op = kind(**({"data_format": "channels_first", **args} if "data_format" in kind.args else args))
    graph = Graph("row", SPAN)
    find_input = ops.find("Input")
    graph.inputs = [
        Node(find_input(shape=shape[1:]), [], f"input{i}", f"input{i}", SPAN) for i, shape in enumerate(inputs)
    ]

    def emit(part, tensors):
        node = Node(part, tensors, f"{name}{len(graph.nodes)}", name, SPAN)
        graph.nodes.append(node)
        return node.output

    graph.outputs = [op.build(emit, [node.output for node in graph.inputs])]
    problems = Problems()
    infer(graph, problems, inputs[0][0])
    assert not problems.failed
    return graph


@pytest.mark.parametrize("wanted", [False, True])
@pytest.mark.parametrize("row", ROWS, ids=[f"{i}-{row['op']}" for i, row in enumerate(ROWS)])
def test_training_has_the_macs_that_are_measured(row, wanted):
    graph = network(row["op"], row["args"], row["inputs"])
    found = compute.analyze(graph, training=True, attention="math", input_gradients=wanted)
    assert found.total.macs == row["macs_to_inputs" if wanted else "macs"]

"""Networks as ONNX files: what the onnx package and the engine say of them."""

import re
from functools import partial

import pytest
from onnx_files import about, assert_as_the_engine_says, checked, layer, parameters
from ops.test_rows import LAYOUTS, ROWS

import archinspect
from archinspect import ops
from archinspect.exporters.onnx import write
from archinspect.exporters.refusal import CannotExportError

onnx = pytest.importorskip("onnx")

# Every network and every operator


@pytest.mark.parametrize("name", archinspect.networks())
def test_a_network_passes_the_checks_and_has_the_engines_shapes(name):
    net = archinspect.network(name)
    model = checked(net.facts)
    assert parameters(model) == net.report().totals.params
    assert {node.layer for node in net.graph.nodes} == {
        about(node)["layer"] for node in model.graph.node if node.metadata_props
    }
    for batch in (1, 3):
        assert_as_the_engine_says(net.with_settings(batch=batch).facts)


REFUSED = {"LSTM": "ONNX's LSTM does not project its output (proj_size)"}


EXPORTED = [(framework, row) for framework, row in ROWS if row["output"] is not None]
IDS = [f"{i}-{row['op']}" for i, (_, row) in enumerate(EXPORTED)]


@pytest.mark.parametrize(("framework", "row"), EXPORTED, ids=IDS)
def test_every_row_of_the_operators_is_exported(framework, row):
    one = partial(layer, row["op"], row["args"], row["inputs"], LAYOUTS[framework])
    if row["args"].get("proj_size"):
        with pytest.raises(CannotExportError, match=re.escape(REFUSED[row["op"]])):
            write(one())
        return
    model = checked(one())
    assert parameters(model) == row["params"]
    assert parameters(model, ["buffer"]) == row["buffers"]
    for batch in (1, 3):
        assert_as_the_engine_says(one(batch=batch))


# Layers that are made of others, and never a node.
MADE_OF_OTHERS = {
    *("Activation", "Bidirectional", "MultiHeadAttention", "SeparableConv1D", "SeparableConv2D"),
    "Input",
}


def test_every_operator_has_a_translation():
    from archinspect.exporters.onnx.operators import OPERATORS

    without = {op.__name__ for op in ops.all_ops() if not any(base.__name__ in OPERATORS for base in op.__mro__)}
    assert without == MADE_OF_OTHERS

"""The model: every node of a network translated, in order, and what shape inference adds to that."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from onnx import helper, shape_inference

from archinspect.exporters.onnx.operators import translate
from archinspect.exporters.onnx.writer import DOMAIN, Writer
from archinspect.exporters.orders import channels_first, spec_order
from archinspect.exporters.refusal import CannotExportError
from archinspect.ops.spatial import Spatial
from archinspect.ops.wrap import TimeDistributed

if TYPE_CHECKING:
    from onnx import ModelProto

    from archinspect.analyses.facts import Facts
    from archinspect.exporters.onnx import Given
    from archinspect.exporters.orders import Order
    from archinspect.graph.graph import Tensor
    from archinspect.ops.base import Op

OPSET = 24
"""The newest for which onnxruntime (1.32) computes what is written here: 25 takes `Swish` from it."""
OLDER = 21
"""The newest for which onnxruntime computes :data:`UNTIL_OLDER`."""
UNTIL_OLDER = frozenset(("RandomNormalLike", "RoiAlign"))
AFTER_OLDER = frozenset(("Attention", "RMSNormalization", "RotaryEmbedding", "Swish"))
MAPS = range(3, 6)
"""Ranks of tensors that have positions: batch, one to three axes of positions, channels."""
_NODE = re.compile(r"node name: /(.*?)/\w+\)")


def model_of(facts: Facts, weights: str | Given) -> ModelProto:
    """Return a network as a model with these weights; raise :class:`CannotExportError`."""
    graph = facts.graph
    if facts.dtype == "float8":
        raise CannotExportError(graph.name, "ONNX computes in no float8")
    writer = Writer(facts)
    for node in graph.inputs:
        writer.add_input(node.output, order_of_input(facts, node.output))
    for node in graph.nodes:
        translate(writer, node)
    for tensor in graph.outputs:
        writer.add_output(tensor)
    kinds = {node.op_type for node in writer.nodes}
    opset = OLDER if kinds & UNTIL_OLDER and not kinds & AFTER_OLDER else OPSET
    opsets = [helper.make_opsetid("", opset), *([helper.make_opsetid(DOMAIN, 1)] if writer.has_stubs else [])]
    model = helper.make_model(
        writer.graph(),
        opset_imports=opsets,
        ir_version=helper.find_min_ir_version_for(opsets[:1]),
        producer_name="archinspect",
    )
    about = {"source": graph.source, "description": graph.description, "layout": graph.layout}
    if graph.params:
        about["params"] = json.dumps(dict(graph.params), default=str)
    helper.set_model_props(model, {f"{DOMAIN}.{name}": text for name, text in about.items() if text})
    try:
        model = shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except shape_inference.InferenceError as error:
        found = _NODE.search(str(error))
        layer = found[1].replace("/", ".") if found else graph.name
        raise CannotExportError(layer, f"ONNX refuses it: {str(error).splitlines()[-1].rpartition('): ')[2]}") from None
    if weights != "none":
        writer.fill(model, weights)
    return model


def order_of_input(facts: Facts, tensor: Tensor) -> Order:
    """Return the order of an input's axes: channels first where the first operators to which it matters slide windows.

    So a picture is what programs that run ONNX files expect, and nothing has to be transposed.
    """
    rank = len(facts.shape(tensor))
    todo, seen = [tensor], {tensor}
    while todo:
        for node in todo.pop(0).readers:
            wanted = _wanted(node.op, rank)
            if wanted:
                return wanted
            if (node.op.pointwise or node.op.joins) and not node.op.has_kernel:
                more = [made for made in node.outputs if made not in seen and len(facts.shape(made)) == rank]
                todo += more
                seen.update(more)
    return spec_order(rank)


def _wanted(op: Op, rank: int) -> Order:
    """Return the order in which an operator needs its input; nothing where it takes any."""
    if isinstance(op, TimeDistributed):
        return over_steps(_wanted(op.layer, rank - 1))
    is_map = isinstance(op, Spatial) and op.data_format == "channels_last" and rank in MAPS
    return channels_first(rank) if is_map else ()


def over_steps(order: Order) -> Order:
    """Return the order of a tensor with steps, each of which has this one."""
    return (0, *(axis + 1 for axis in order)) if order else ()

"""A conditional random field: Viterbi's algorithm as a scan forward and one back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto, helper

from archinspect.exporters.onnx.writer import Value
from archinspect.exporters.orders import spec_order

if TYPE_CHECKING:
    from onnx import GraphProto

    from archinspect.exporters.onnx.use import Use


def crf(use: Use) -> Value:
    """`CRF`: the best scores of each step's tags and the tags before them, then the best tags from the last one on."""
    _, steps, tags = use.shape
    given = use.emit("Transpose", use.reshape(use.spec(), steps, 1, tags), perm=[1, 0, 2, 3])
    first = use.emit("Gather", given, use.index(0), axis=0)
    scores = use.emit("Transpose", use.emit("Add", first, use.weight("start_transitions")), perm=[0, 2, 1])
    pairs, ends, found = use.weight("transitions"), use.weight("end_transitions", shape=[tags, 1]), []
    if steps > 1:
        others = use.emit("Slice", given, use.ints(1), use.ints(steps), use.ints(0))
        scores, places = use.several("Scan", 2, scores, others, body=_forward(use, pairs), num_scan_inputs=1)
    last = use.emit("ArgMax", use.emit("Add", scores, ends), axis=1, keepdims=1)
    if steps > 1:
        _, before = use.several("Scan", 2, last, _reversed(use, places), body=_back(use), num_scan_inputs=1)
        found.append(use.reshape(use.emit("Transpose", _reversed(use, before), perm=[1, 0, 2, 3]), steps - 1))
    return Value(use.emit("Concat", *found, use.reshape(last, 1), axis=1), spec_order(2))


def _forward(use: Use, pairs: str) -> GraphProto:
    """Return a step as a graph: of the scores so far and those of its tags, the new scores and the tags before."""
    path = f"/{use.node.path.replace('.', '/')}/forward"
    scores, given, sums, before, best, added, after = (
        f"{path}/{name}" for name in ("scores", "given", "sums", "before", "best", "added", "after")
    )
    nodes = [
        helper.make_node("Add", [scores, pairs], [sums], f"{sums}/Add"),
        helper.make_node("ArgMax", [sums], [before], f"{before}/ArgMax", axis=1),
        helper.make_node("GatherElements", [sums, before], [best], f"{best}/GatherElements", axis=1),
        helper.make_node("Add", [best, given], [added], f"{added}/Add"),
        helper.make_node("Transpose", [added], [after], f"{after}/Transpose", perm=[0, 2, 1]),
    ]
    infos = [helper.make_tensor_value_info(name, use.writer.dtype, None) for name in (scores, given, after)]
    places = helper.make_tensor_value_info(before, TensorProto.INT64, None)
    return helper.make_graph(nodes, path, infos[:2], [infos[2], places])


def _reversed(use: Use, name: str) -> str:
    """Return the entries of the first axis from the last one on."""
    return use.emit("Slice", name, use.ints(-1), use.ints(-use.shape[1]), use.ints(0), use.ints(-1))


def _back(use: Use) -> GraphProto:
    """Return a step back as a graph: of a step's tag and the tags before each, the tag before it."""
    path = f"/{use.node.path.replace('.', '/')}/back"
    tag, places, before, found = (f"{path}/{name}" for name in ("tag", "places", "before", "found"))
    nodes = [
        helper.make_node("GatherElements", [places, tag], [before], f"{before}/GatherElements", axis=2),
        helper.make_node("Identity", [before], [found], f"{found}/Identity"),
    ]
    infos = [helper.make_tensor_value_info(name, TensorProto.INT64, None) for name in (tag, places, before, found)]
    return helper.make_graph(nodes, path, infos[:2], infos[2:])


OPERATORS = {"CRF": crf}

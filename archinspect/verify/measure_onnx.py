"""Measure an ONNX file by the onnx package's checks and shape inference: run by the Python that has onnx.

`python measure_onnx.py < jobs.json > figures.json`. A job has `model`, the file's bytes in base 64. Shapes are inferred
strictly, from those of the inputs alone: what the file says of its values is taken away before. Or it has `numbers`:
`model`, the same with weights, `inputs` by name, and `wanted`, the values that are computed. It imports nothing but
onnx, NumPy, which onnx needs, onnxruntime if it is there, and Python's own library.
"""

import base64
import json
import os
import sys
import warnings
from math import prod

import numpy as np
import onnx

PREFIX = "archinspect."


def about(info):
    """Return what the file says of a value."""
    return {entry.key.removeprefix(PREFIX): entry.value for entry in info.metadata_props}


def dims(info):
    """Return a value's shape; None where an axis is not known."""
    found = [dim.dim_value if dim.HasField("dim_value") else None for dim in info.type.tensor_type.shape.dim]
    return None if None in found or not info.type.tensor_type.HasField("shape") else found


def inferred(model):
    """Return a model with the shapes that follow from those of its inputs."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    unknown = {name for node in bare.graph.node if node.domain for name in node.output}
    said = [info for info in bare.graph.value_info if info.name in unknown]
    del bare.graph.value_info[:]
    bare.graph.value_info.extend(said)
    for info in bare.graph.output:
        if info.name not in unknown:
            info.type.tensor_type.ClearField("shape")
    return onnx.shape_inference.infer_shapes(bare, check_type=True, strict_mode=True, data_prop=True)


def measure(job):
    """Return the figures of a job."""
    model = onnx.load_from_string(base64.b64decode(job["model"]))
    onnx.checker.check_model(model, full_check=True)
    said = {info.name: about(info) for info in (*model.graph.input, *model.graph.output, *model.graph.value_info)}
    graph = inferred(model).graph
    shapes = {info.name: dims(info) for info in (*graph.input, *graph.output, *graph.value_info)}
    orders = {name: [int(axis) for axis in words["order"].split()] for name, words in said.items() if "order" in words}
    totals, layers = {"parameter": 0, "frozen": 0, "buffer": 0}, {}
    for name, words in said.items():
        if words.get("kind") in totals:
            count = prod(shapes[name])
            totals[words["kind"]] += count
            layer = words["layer"]
            layers[layer] = layers.get(layer, 0) + (count if words["kind"] != "buffer" else 0)
    return {
        "version": onnx.__version__,
        "params": totals["parameter"] + totals["frozen"],
        "trainable": totals["parameter"],
        "buffers": totals["buffer"],
        "outputs": [shapes[info.name] for info in graph.output],
        "orders_of_outputs": [orders.get(info.name) for info in graph.output],
        "shapes": shapes,
        "orders": orders,
        "layer_params": layers,
    }


def computed(numbers):
    """Return values of a model, computed with its weights and the numbers of a job, all in the spec's order of axes."""
    model = onnx.load_from_string(base64.b64decode(numbers["model"]))
    known = {info.name: info for info in (*model.graph.input, *model.graph.output, *model.graph.value_info)}
    orders = {
        name: [int(axis) for axis in about(info)["order"].split()]
        for name, info in known.items()
        if "order" in about(info)
    }
    feeds = {}
    for info in model.graph.input:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)
        feeds[info.name] = np.array(numbers["inputs"][info.name], dtype)
        if info.name in orders:
            feeds[info.name] = feeds[info.name].transpose(orders[info.name])
    keep(model.graph, [known[name] for name in numbers["wanted"]])
    arrays, by = run(model, feeds)
    values = dict(zip(numbers["wanted"], arrays, strict=True))
    return {
        "values": {
            name: (values[name].transpose(np.argsort(orders[name])) if name in orders else values[name]).tolist()
            for name in numbers["wanted"]
        },
        "computed_by": by,
    }


def keep(graph, outputs):
    """Keep of a graph what these outputs are computed with."""
    wanted, nodes = {info.name for info in outputs}, []
    for node in reversed(graph.node):
        if not wanted.isdisjoint(node.output):
            wanted.update(node.input)
            nodes.append(node)
    for field, kept in ((graph.node, nodes[::-1]), (graph.output, outputs)):
        copies = [type(one).FromString(one.SerializeToString()) for one in kept]
        del field[:]
        field.extend(copies)


def run(model, feeds):
    """Return a model's outputs, and what computed them: onnxruntime, or else onnx's own reference."""
    try:
        import onnxruntime
    except ImportError:
        from onnx.reference import ReferenceEvaluator

        return ReferenceEvaluator(model).run(None, feeds), "onnx's reference"
    onnxruntime.set_default_logger_severity(4)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, feeds), f"onnxruntime {onnxruntime.__version__}"


def answer(job):
    """Return the figures of a job, or what onnx says against it."""
    try:
        return computed(job["numbers"]) if "numbers" in job else measure(job)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    """Read the jobs, write the figures of each."""
    warnings.simplefilter("ignore")
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)  # whatever a program prints is no part of the answer
        json.dump([answer(job) for job in json.load(sys.stdin)], out)


if __name__ == "__main__":
    main()

"""Compares what the readers of text formats say with figures measured by the programs that own them.

    python tests/importers/corpus_texts.py FOLDER darknet|ultralytics|caffe [NAME...]

FOLDER has `index.csv`, with a row per file, and `measured/`. Nothing of it belongs to the project: the script is run
by hand. It ends with 1 where a figure differs.
"""

import csv
import gzip
import json
import sys
import time
from collections import Counter
from pathlib import Path

import archinspect
from archinspect.base.diagnostics import InvalidSpecError


def main(folder, kind, *names):
    folder = Path(folder)
    found: Counter[str] = Counter()
    slowest = (0.0, "")
    for label, path, settings, wanted in CASES[kind](folder):
        if names and not any(name in label for name in names):
            continue
        start = time.perf_counter()
        try:
            network = archinspect.network(path, **settings)
            ours = figures(network, wanted)
        except InvalidSpecError as error:
            found["refused"] += 1
            print(f"{label} refused: {' '.join(str(error).split())[:200]}")
            continue
        slowest = max(slowest, (time.perf_counter() - start, label))
        wrong = [f"{key} {ours[key]:,} not {value:,}" for key, value in wanted.items() if ours.get(key) != value]
        status = network.report().status
        found["wrong" if wrong else "equal" if wanted else "read"] += 1
        if wrong or names or status != "complete":
            print(f"{label}: {'; '.join(wrong)} {status} {ours}")
    print(f"{dict(found)}, slowest: {slowest[1]} {slowest[0]:.2f} s")
    return int(found["wrong"] > 0)


def figures(network, wanted):
    """Return what is compared."""
    totals = network.report().totals
    found = {"params": totals.params, "macs": totals.macs, "buffers": totals.buffers}
    if "shapes" in wanted:
        found["shapes"] = 0
    return found


def index(folder, kind):
    with (folder / "index.csv").open(encoding="utf-8") as file:
        return list({row["file"]: row for row in csv.DictReader(file) if row["file"].startswith(kind + "/")}.values())


def darknet(folder):
    shapes = {}
    for name in ("pjreddie", "AlexeyAB"):
        with gzip.open(folder / "measured" / f"darknet_{name}_layers.json.gz") as file:
            shapes.update(json.load(file))
    for row in index(folder, "darknet"):
        path = folder / row["file"]
        wanted = {key: int(row[f"ref_{key}"]) for key in ("params", "buffers", "macs") if row[f"ref_{key}"]}
        yield path.name, path, {}, wanted
        for layer, (count, theirs) in enumerate(outputs(path, shapes.get(path.name, []))):
            if count != int(theirs[1]):
                print(f"{path.name} layer {layer}: {count} not {theirs}")


def outputs(path, measured):
    """Yield how many numbers each layer gives, beside what is measured."""

    network = archinspect.network(path)
    last = {}
    for node, call in zip(network.graph.nodes, network.facts.calls[len(network.graph.inputs) :], strict=True):
        shape = call.output[1:]
        count = 1
        for size in shape:
            count *= size
        last[int(node.path.split(".")[0])] = count
    return [(last.get(layer), theirs) for layer, theirs in enumerate(measured)]


def ultralytics(folder):
    measured = set()
    with (folder / "measured" / "ultralytics.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            flops = int(row["flops_conv_linear"]) + int(row["flops_attention_bmm"])
            settings: dict = {"inputs": {"": (int(row["imgsz"]), int(row["imgsz"]), 3)}}
            if row["scale"]:
                settings["params"] = {"scale": row["scale"]}
            measured.add(row["file"])
            wanted = {"params": int(row["params"]), "macs": flops // 2}
            yield f"{row['file']} {row['scale']}", folder / "ultralytics" / row["file"], settings, wanted
    for row in index(folder, "ultralytics"):
        path = folder / row["file"]
        if path.name not in measured:
            yield path.name, path, {}, {}


def caffe(folder):
    with gzip.open(folder / "measured" / "caffe_layer_shapes.json.gz") as file:
        shapes = json.load(file)
    for row in index(folder, "caffe"):
        path = folder / row["file"]
        wanted = {key: int(row[f"ref_{key}"]) for key in ("params", "macs") if row[f"ref_{key}"]}
        measured = shapes.get(path.name, {})
        batch = next((outputs[0][0] for outputs, _, _ in measured.values() if outputs and outputs[0]), 1)
        yield path.name, path, {"batch": batch}, wanted
        if path.name in shapes and archinspect.check(path).report:
            compared(path, shapes[path.name])


def compared(path, measured):
    """Print which layers give other shapes than those measured."""
    network = archinspect.network(path)
    calls = network.facts.calls[len(network.graph.inputs) :]
    last = {}
    for node, call in zip(network.graph.nodes, calls, strict=True):
        names = [one for one in measured if node.path == one or node.path.startswith(one + ".")]
        name = max(names, key=len, default="")
        last[name] = call.output
    for name, (outputs, _, _) in measured.items():
        ours = last.get(name)
        if outputs and outputs[0] and ours is not None and list(ours[1:]) != outputs[0][1:]:
            print(f"  {path.name} {name}: {ours} not {outputs[0]}")


CASES = {"darknet": darknet, "ultralytics": ultralytics, "caffe": caffe}

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

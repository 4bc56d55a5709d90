"""Compares what the reader says of Keras models with figures measured on Keras.

    python tests/importers/corpus_keras.py FOLDER [NAME...]

FOLDER has models and a file `truth.json`, by the name of a file with or without its ending: `params`, all weights,
`trainable`, `output`, and `layers`, a list of name, shape and weights of each layer, or their number. A `.json.gz` is
unpacked. Nothing of it belongs to the project: the script is run by hand. It ends with 1 where a figure differs.
"""

import gzip
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import archinspect
from archinspect.base.diagnostics import InvalidSpecError


def main(folder, *names):
    truth = json.loads((Path(folder) / "truth.json").read_text())
    found: Counter[str] = Counter()
    slowest = (0.0, "")
    for path in sorted(Path(folder).iterdir()):
        name = path.name.split(".")[0]
        measured = truth.get(path.name) or truth.get(name)
        if path.name == "truth.json" or measured is None or (names and name not in names):
            continue
        start = time.perf_counter()
        with tempfile.NamedTemporaryFile(suffix=".json" if path.suffix == ".gz" else path.suffix) as plain:
            plain.write(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
            plain.flush()
            try:
                wrong = differences(archinspect.network(f"keras:{plain.name}"), measured)
            except InvalidSpecError as error:
                found["refused"] += 1
                print(f"{path.name}: refused: {str(error).splitlines()[0].partition('error')[2]}")
                continue
        slowest = max(slowest, (time.perf_counter() - start, path.name))
        found["wrong" if wrong else "equal"] += 1
        if wrong:
            print(f"{path.name}: {'; '.join(wrong[:6])}")
    print(f"{dict(found)}, slowest: {slowest[1]} {slowest[0]:.2f} s")
    return int(found["wrong"] > 0)


def differences(network, measured):
    """Return what differs of a network."""
    totals, facts = network.report().totals, network.facts
    ours = {"params": totals.params + totals.buffers, "trainable": totals.trainable_params}
    wrong = [f"{key} {value:,} not {measured[key]:,}" for key, value in ours.items() if measured.get(key) != value]

    def shape(tensor):
        return list(facts.shape(tensor))[1:]

    outputs = [shape(tensor) for tensor in network.graph.outputs]
    wanted = measured.get("output")
    if wanted:
        wanted = wanted if isinstance(wanted[0], list) else [wanted]
        wrong += [
            f"output {own}, not {other}"
            for own, other in zip(outputs, [one[1:] for one in wanted], strict=True)
            if not fits(own, other)
        ]
    if not isinstance(measured.get("layers"), list):
        return wrong
    return wrong + layer_differences(network, measured["layers"], shape)


def layer_differences(network, layers, shape):
    """Return what differs of layers."""
    wrong = []
    given: dict[str, list] = {}
    for node in network.graph.nodes:
        for path in {node.layer, node.layer.split(".")[0]}:
            given.setdefault(path, []).extend(shape(tensor) for tensor in node.outputs)
    weights: Counter[str] = Counter()
    for row in network.report().layers:
        for path in {row.name, row.name.split(".")[0]}:
            weights[path] += row.cost.params + row.cost.buffers
    for name, shapes, count in layers:
        path = name.replace(".", "-")
        if path not in given:
            wrong += [f"{name}: no such row"] if count else []
            continue
        if count is not None and weights[path] != count:
            wrong.append(f"{name}: {weights[path]:,} weights, not {count:,}")
        wrong += [
            f"{name}: gives {given[path][-1]}, not {other}"
            for other in shapes
            if not any(fits(own, other[1:]) for own in given[path])
        ]
    return wrong


def fits(own, other):
    """Return whether a shape is another that may have open sizes."""
    return len(own) == len(other) and all(b in (None, a) for a, b in zip(own, other, strict=True))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

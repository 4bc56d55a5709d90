"""How many ONNX files of a folder are read as measured: run by hand, `python tests/importers/corpus_onnx.py FOLDER`.

The folder has `models/`, `truth.csv` with the figures of onnxruntime and of the rules of MACs, `shapes/` with the shape
of every value, and `malformed/`; such a folder is no part of this project. Printed are how many files are equal, which
are refused, with the reason, and which are wrong, with what.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
from pathlib import Path
from typing import Any

from archinspect import InvalidSpecError, Network, network
from archinspect.base.diagnostics import Problems
from archinspect.base.settings import Settings
from archinspect.importers.file import File
from archinspect.importers.onnx import execute
from archinspect.importers.onnx.inputs import entries_of
from archinspect.importers.onnx.model import parse

SIZES = {"seq": 16, "h": 32, "w": 40, "height": 224, "width": 224}
"""Sizes that files leave open, as they were measured."""
OTHERS = {"lstm": 20, "gru": 20, "mha": 10, "encoder": 10, "embedbag": 7}
"""The numbers of steps of files whose names have this."""


def sizes_of(path: Path) -> dict[str, int]:
    """Return the sizes that a file leaves open."""
    graph = parse(File(str(path))).graph
    names = {size for said in graph.inputs for size in said.dims or () if type(size) is str}
    seq = next((steps for part, steps in OTHERS.items() if part in path.name), SIZES["seq"])
    return {name: (SIZES | {"seq": seq})[name] for name in sorted(names) if name in SIZES}


def wrong_shapes(path: Path, batch: int, known: dict[str, Any]) -> list[str]:
    """Return the values whose shapes are not those that were measured."""
    file = File(str(path))
    model = file.once(parse)
    found = entries_of(model.graph, file, Settings(params=sizes_of(path)), Problems())
    made: dict[str, Any] = {}
    for step in execute(model, found, batch).steps:
        for name, value in zip(step.node.outputs, step.outputs, strict=False):
            made[name] = None if name in made else value  # in functions and branches names occur again
    return [
        f"'{name}' is {list(value.dims)}, not {known[name]}"
        for name, value in made.items()
        if value is not None and value.items is None and value.sure and _is_shape(known.get(name))
        if list(value.dims) != known[name]
    ]


def _is_shape(shape: object) -> bool:
    return isinstance(shape, list) and all(type(size) is int for size in shape)


def wrong_at(net: Network, batch: int, row: dict[str, str]) -> list[str]:
    """Return the figures and outputs that are not those that were measured."""
    wrong = []
    macs, wanted = net.report().totals.macs, row[f"best_macs_b{batch}"]
    if wanted and macs != int(wanted):
        wrong.append(f"{macs:,} MACs at batch {batch}, not {int(wanted):,}")
    measured = json.loads(row[f"outputs_b{batch}"] or "{}").values()
    for tensor, shape in zip(net.graph.outputs, measured, strict=False):
        if _is_shape(shape) and list(net.facts.shape(tensor)) != shape:
            wrong.append(f"an output is {list(net.facts.shape(tensor))} at batch {batch}, not {shape}")
    return wrong


def differences(path: Path, row: dict[str, str], shapes: dict[str, Any]) -> tuple[list[str], bool, bool]:
    """Return what is not as measured, whether it is partial, and whether the batch is baked into the file.

    Raise InvalidSpecError for a file that is refused.
    """
    net = network(str(path), params=sizes_of(path))
    baked = "baked" in net.graph.description
    wrong = []
    for batch in (1,) if baked or row["ort_error_b3"] else (1, 3):
        wrong += wrong_at(net.with_settings(batch=batch), batch, row)
        wrong += wrong_shapes(path, batch, shapes.get(f"ort_b{batch}") or shapes.get(f"inf_b{batch}") or {})
    totals = net.report().totals
    stored = totals.params + totals.buffers
    least, most = int(row["init_float_elems"]), int(row["init_elems"]) + int(row["const_float_elems"])
    is_known = not net.graph.description.endswith("numbers for") and "light_" not in path.name
    if is_known and not least <= stored <= most:
        wrong.append(f"{totals.params:,} parameters and {totals.buffers:,} buffers, not {least:,} to {most:,}")
    return wrong, bool(net.uncounted()), baked


def main(folder: Path) -> None:
    """Print the counts."""
    lists: dict[str, list[str]] = {name: [] for name in ("equal", "partial", "baked", "refused", "wrong")}
    with open(folder / "truth.csv", encoding="utf-8") as text:
        rows = list(csv.DictReader(text))
    for row in rows:
        path = folder / "models" / row["file"]
        stored = folder / "shapes" / f"{path.stem}.json.gz"
        shapes = json.loads(gzip.decompress(stored.read_bytes())) if stored.exists() else {}
        try:
            found, is_partial, is_baked = differences(path, row, shapes)
        except InvalidSpecError as error:
            lists["refused"].append(f"{path.name}: {error.diagnostics[0].message}")
            continue
        lists["wrong" if found else "equal"].append(f"{path.name}: {'; '.join(found[:4])}")
        lists["partial"] += [path.name] * is_partial
        lists["baked"] += [path.name] * is_baked
    print(f"{len(rows)} files:", ", ".join(f"{len(names)} {kind}" for kind, names in lists.items()))
    for kind, names in lists.items():
        if kind != "equal":
            print(f"\n{kind}", *names, sep="\n  ")
    for path in sorted((folder / "malformed").glob("*.onnx")):
        try:
            totals = network(str(path)).report().totals
        except InvalidSpecError as error:
            print(f"{path.name}: {error.diagnostics[0].message}")
        else:
            print(f"{path.name}: {totals.params} parameters, {totals.macs} MACs")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

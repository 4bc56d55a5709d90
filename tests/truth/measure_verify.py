"""Measure the exported PyTorch program of built-in networks, at batch 1 and 3, as `archinspect verify` does.

`python tests/truth/measure_verify.py [NAME ...]` writes tests/truth/verify.json anew, after each network, with a Python
that has torch and this package: all networks, those that are named, or with `--missing` those that it lacks. From the
file, docs/accuracy.py writes its table; what is predicted is found anew each time.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

import archinspect
from archinspect.verify import measure_pytorch
from archinspect.verify.against_pytorch import Program
from archinspect.verify.partial import alike, unsaid, without

FILE = Path(__file__).with_name("verify.json")
BATCHES = (1, 3)
FIGURES = ("params", "trainable", "buffers", "macs", "training_macs", "kept", "peak", "outputs", "refused")


def main() -> None:
    """Write the file."""
    known = json.loads(FILE.read_text(encoding="utf-8"))["models"] if FILE.exists() else {}
    wanted = sys.argv[1:] or archinspect.networks()
    if wanted == ["--missing"]:
        wanted = [name for name in archinspect.networks() if name not in known]
    measure_pytorch.leave_out_compiler()
    for name in wanted:
        known[name] = {str(batch): measured(name, batch) for batch in BATCHES}
        write(known)


def write(models: dict[str, Any]) -> None:
    """Write figures of networks, each batch on a line of its own, so that a difference shows what has changed."""
    lines = [
        f" {json.dumps(name)}: {{\n"
        + ",\n".join(f"  {json.dumps(batch)}: {json.dumps(found)}" for batch, found in models[name].items())
        + "\n }"
        for name in archinspect.networks()
        if name in models
    ]
    head = f'{{"torch": {json.dumps(torch.__version__)}, "models": {{\n'
    FILE.write_text(head + ",\n".join(lines) + "\n}}\n", encoding="utf-8")


def measured(name: str, batch: int) -> dict[str, Any]:
    """Return the figures of a network; what cannot be measured is left out, and said in `partial`."""
    print(name, batch, file=sys.stderr, flush=True)
    network = archinspect.network(name, batch=batch)
    left = unsaid(network.facts)
    while True:
        program = Program(without(network.facts, left.keys()))
        figures = measure_pytorch.answer(program.job)
        if "error" not in figures:
            return _shortened(program, figures) | ({"partial": left} if left else {})
        reason = figures["error"].split(". ")[0].partition(" raises ")[0]
        left |= dict.fromkeys(alike(network.facts, program.layer_at(figures["at"])), reason)


def _shortened(program: Program, figures: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of the whole network, what is kept by operator, and the rows of layers that are not equal."""
    rows = [row for row in program.rows(figures) if row.layer and row.figure != "kept"]
    found = {name: figures[name] for name in FIGURES if name in figures}
    found["layers"] = len(rows)
    found["unequal"] = [list(row[:4]) for row in rows if not row.equal]
    if "layer_kept" in figures:
        found["kept_by"] = by_operator(program, program.kept_by_layer(figures))
    found["peak_at"] = program.layer_at(figures["peak_at"])
    return found


def by_operator(program: Program, layers: dict[str, int]) -> dict[str, int]:
    """Return bytes of layers as those of their operators."""
    kinds = {node.layer: type(node.layer_op).__name__ for node in program.facts.graph.everything}
    found: dict[str, int] = {}
    for layer, count in layers.items():
        kind = kinds.get(layer, "")
        found[kind] = found.get(kind, 0) + count
    return found


if __name__ == "__main__":
    main()

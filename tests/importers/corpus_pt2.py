"""Compares what the reader says of many programs of `torch.export` with figures measured on them by PyTorch.

    python tests/importers/corpus_pt2.py FOLDER [NAME...]

FOLDER has files `NAME.pt2` and `truth.csv` with a row per file: `params`, `buffers`, `macs_b1`, `macs_b3`, `out_b1`,
`out_b3`, `kept_b1`, `peak_b1`; a cell without a figure was not measured. Nothing of it belongs to the project: the
script is run by hand. It ends with 1 where a figure other than kept bytes and peak differs.
"""

import csv
import json
import sys
import time
from collections import Counter
from pathlib import Path

import archinspect
from archinspect.analyses.memory import kept_bytes, peak_bytes
from archinspect.base.diagnostics import InvalidSpecError


def main(folder, *names):
    with (Path(folder) / "truth.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if not names or row["name"] in names]
    equal: Counter = Counter()
    measured: Counter = Counter()
    partial, close, slowest = 0, 0, (0.0, "")
    for row in rows:
        path = Path(folder) / f"{row['name']}.pt2"
        if not path.exists():
            continue
        start = time.perf_counter()
        try:
            found, status = figures(path, row)
        except InvalidSpecError as error:
            found, status = {}, str(error).splitlines()[0]
        slowest = max(slowest, (time.perf_counter() - start, row["name"]))
        partial += status == "partial"
        wrong = []
        for figure in FIGURES:
            truth = json.loads(row[figure]) if row[figure][:1] in ("[", *"0123456789") and row[figure] else None
            if truth is None:
                continue
            measured[figure] += 1
            equal[figure] += found.get(figure) == truth
            close += figure == "peak_b1" and abs(found.get(figure, 0) - truth) <= truth / 20
            if found.get(figure) != truth:
                ratio = (
                    f" ({found[figure] / truth:.4f})" if isinstance(truth, int) and figure in found and truth else ""
                )
                wrong.append(f"{figure} {found.get(figure)} not {truth}{ratio}")
        if wrong or status not in ("complete", "partial") or names:
            print(f"{row['name']} [{status}]: {'; '.join(wrong)}")
    for figure in FIGURES:
        print(f"{figure:10} equal for {equal[figure]:3} of {measured[figure]:3}")
    print(f"peak within 5 % for {close} of {measured['peak_b1']}")
    print(f"partial: {partial} of {len(rows)}; slowest: {slowest[1]} {slowest[0]:.2f} s")
    return int(any(equal[figure] < measured[figure] for figure in FIGURES[:6]))


FIGURES = ("params", "buffers", "macs_b1", "macs_b3", "out_b1", "out_b3", "kept_b1", "peak_b1")


def figures(path, row):
    """Return the figures as the table has them, and the status."""
    one = archinspect.network(path)
    report = one.report()
    found = {
        "params": report.totals.params,
        "buffers": report.totals.buffers,
        "macs_b1": report.totals.macs,
        "out_b1": outputs(one),
        # The figures are of the meta device, where PyTorch computes attention by products of its own.
        "kept_b1": kept_bytes(one.facts, attention="math"),
        "peak_b1": peak_bytes(one.facts, attention="math"),
    }
    if row["macs_b3"]:
        three = archinspect.network(path, batch=3)
        found |= {"macs_b3": three.report().totals.macs, "out_b3": outputs(three)}
    return found, report.status


def outputs(network):
    return [list(network.facts.shape(tensor)) for tensor in network.graph.outputs]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

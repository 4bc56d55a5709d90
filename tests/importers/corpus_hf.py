"""Compares what the reader says of configurations of transformers with figures measured on its models.

    python tests/importers/corpus_hf.py FOLDER [NAME...]

FOLDER has files `configs/NAME.json` and `truth.csv` with a row per file: `params`, `macs_seq128`, `active_params`,
`kv_4096_bf16`; a cell without a figure was not measured. Nothing of it belongs to the project: the script is run by
hand. It ends with 1 where a figure differs.
"""

import csv
import re
import sys
import time
from collections import Counter
from pathlib import Path

import archinspect
from archinspect.analyses.caches import kv_cache
from archinspect.base.diagnostics import InvalidSpecError

FIGURES = {
    "params": "params",
    "macs_seq128": "macs",
    "macs_image": "image",
    "active_params": "active",
    "kv_4096_bf16": "cache",
}
SIGHT = r"(model\.)?(vision|visual|multi_modal|connector)"
"""How paths begin of what sees."""
csv.field_size_limit(10**7)


def main(folder, *names):
    with (Path(folder) / "truth.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if not names or row["name"] in names]
    found: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    slowest = (0.0, "")
    for row in rows:
        path = Path(folder) / "configs" / f"{row['name']}.json"
        start = time.perf_counter()
        try:
            ours = figures(path, row)
        except InvalidSpecError as error:
            found["refused"] += 1
            refused[str(error).splitlines()[0].partition(": ")[2]] += 1
            if names:
                print(row["name"], error)
            continue
        slowest = max(slowest, (time.perf_counter() - start, row["name"]))
        wrong = [
            f"{name} {ours[name]:,} not {int(row[column]):,} ({ours[name] / max(int(row[column]), 1):.5f})"
            for column, name in FIGURES.items()
            if row[column] and ours.get(name) != int(row[column])
        ]
        found["wrong" if wrong else "equal"] += 1
        if wrong or names:
            print(f"{row['name']} [{row['model_type']}]: {'; '.join(wrong)}")
    for reason, count in sorted(refused.items()):
        print(f"refused: {count} {reason}")
    print(f"{dict(found)}, slowest: {slowest[1]} {slowest[0]:.2f} s")
    return int(found["wrong"] > 0)


def figures(path, row):
    """Return the figures as the table has them."""
    network = archinspect.network(f"hf:{path}")
    changes: dict = {}
    if "seq" in network.graph.params:
        steps = re.search(r"(?:ids|decoder) 1x(\d+)", row["input"])
        changes["params"] = {"seq": int(steps[1]) if steps else 128}
    if picture := re.fullmatch(r"image 1x3x(\d+)x(\d+)", row["input"]):
        changes["inputs"] = {"": (int(picture[1]), int(picture[2]), 3)}
    network = network.with_settings(**changes)
    totals = network.report().totals
    facts = network.facts.in_dtype("bfloat16")
    cache = kv_cache(facts, 4096) - kv_cache(facts, 0)  # what grows: neither states nor the keys of an encoder
    macs = {"macs": totals.macs}
    if row["macs_image"] or "macs_image" in row["how"]:  # measured without a picture; of the tower and what follows it
        seen = sum(macs_of_sight(network))
        macs = {"macs": totals.macs - seen, "image": seen}
    return {"params": totals.params, **macs, "active": totals.active_params, "cache": cache}


def macs_of_sight(network):
    """Yield the MACs of what is not computed without a picture: of a tower, and of layers that attend to it alone."""
    layers = network.report().layers
    crossed = {one.name.partition(".cross_attn")[0] + "." for one in layers if ".cross_attn." in one.name}
    for one in layers:
        if re.match(SIGHT, one.name) or one.name.startswith(tuple(crossed)):
            yield one.cost.macs


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

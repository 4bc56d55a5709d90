"""A million variants of ResNet-50 and of GPT-2, each a whole process: rows of exact figures, written as CSV.

    python benchmarks/sweep.py [--samples 1000]

Prints the seconds of each sweep, then compares sampled rows with what the engine alone says, and tells what the engine
would take for all of them.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import archinspect

FIGURES = ("params", "macs", "flops", "output_bytes")
SWEEPS = {
    "resnet50": ("--input", "64..460:4x64..460:4x3", "--set", "classes=10..910:100", "--batch", "1..10"),
    "gpt2": ("--set", "seq=1..1000", "--set", "width=12..1200:12", "--batch", "1..10"),
}


def engine(name: str, row: dict[str, str]) -> list[int]:
    """Return the figures of a row by a summary."""
    given = {key: int(value) for key, value in row.items() if key not in FIGURES}
    batch = given.pop("batch")
    inputs = {"": [given.pop("height"), given.pop("width"), 3]} if "height" in given else {}
    totals = archinspect.inspect(name, batch=batch, params=dict(given), inputs=inputs).totals
    return [getattr(totals, figure) for figure in FIGURES]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1000)
    samples = parser.parse_args().samples
    for name, options in SWEEPS.items():
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rows.csv"
            command = [sys.executable, "-m", "archinspect", "sweep", name, *options, "--format", "csv", "-o", str(file)]
            start = time.perf_counter()
            subprocess.run(command, check=True)
            seconds = time.perf_counter() - start
            with file.open(encoding="utf-8") as text:
                rows = list(csv.DictReader(text))
        print(f"{name}: {len(rows):,} rows in {seconds:.2f} s")
        start = time.perf_counter()
        chosen = Random(name).sample(rows, samples)
        wrong = [row for row in chosen if engine(name, row) != [int(row[figure]) for figure in FIGURES]]
        each = (time.perf_counter() - start) / samples
        print(f"    {samples - len(wrong):,} of {samples:,} sampled rows are the engine's")
        print(f"    the engine alone: {each * 1000:.1f} ms per row, {each * len(rows) / 3600:.1f} hours for all")


if __name__ == "__main__":
    main()

"""How long `archinspect check` takes for many specs, beside yamllint and check-jsonschema in the same run.

    python benchmarks/check.py [--specs 2000] [--layers 60] [--runs 3]

A warm run is one of which nothing has changed since the last. The other two read the same files in turn, with their own
defaults and the schema of `archinspect schema`. One that is not installed is left out.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from statistics import median

OTHERS = ("yamllint", "check_jsonschema")
TARGETS = {"cold, one core": 3.0, "cold, all cores": 5.0}
"""How many times as fast as the faster other a run is to be; a warm one is to take half a second at most."""
STEPS = (
    "  - Conv2D: {filters: %d, kernel_size: 3, padding: same}\n",
    "  - BatchNormalization\n",
    "  - ReLU\n",
)


def write(folder: str, specs: int, layers: int) -> None:
    """Write specs, each with other sizes."""
    for number in range(specs):
        steps = [STEPS[place % 3] for place in range(layers)]
        body = "".join(step % (8 + (number + place) % 56) if "%" in step else step for place, step in enumerate(steps))
        text = f"---\nname: net {number}\ninput: [32, 32, 3]\nlayers:\n{body}"
        Path(folder, f"net{number:04}.yaml").write_text(text, encoding="utf-8")


def commands(folder: str, schema: str) -> dict[str, list[str]]:
    """Return what is measured, by name; what is not installed is left out."""
    run = [sys.executable, "-m"]
    ours = [*run, "archinspect", "check", "--isolated", folder]
    cache = ["--cache-dir", os.path.join(folder, ".archinspect_cache")]
    files = sorted(str(path) for path in Path(folder).glob("*.yaml"))
    found = {
        "cold, one core": [*ours, "--no-cache", "--jobs", "1"],
        "cold, all cores": [*ours, "--no-cache"],
        "warm": [*ours, *cache],
        "yamllint": [*run, "yamllint", folder],
        "check_jsonschema": [*run, "check_jsonschema", "--schemafile", schema, *files],
    }
    return {name: command for name, command in found.items() if command[2] == "archinspect" or find_spec(command[2])}


def timed(command: list[str]) -> tuple[float, float]:
    """Return the seconds of a command on the clock, and of processors."""
    start, begin = os.times(), time.perf_counter()
    subprocess.run(command, capture_output=True, check=False)
    clock, end = time.perf_counter() - begin, os.times()
    return clock, end.children_user + end.children_system - start.children_user - start.children_system


def main() -> None:
    """Measure, and print a line per tool."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--specs", type=int, default=2000)
    parser.add_argument("--layers", type=int, default=60)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--without", action="append", default=[], help="check_jsonschema takes half an hour")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write(folder, asked.specs, asked.layers)
        schema = os.path.join(folder, "schema.json")
        subprocess.run([sys.executable, "-m", "archinspect", "schema", "-o", schema], check=True)
        measured = {name: one for name, one in commands(folder, schema).items() if name not in asked.without}
        timed(measured["warm"])  # stores what it finds
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in measured}
        for _ in range(asked.runs):
            for name, command in measured.items():
                times[name].append(timed(command))
    print(f"{asked.specs:,} specs of {asked.layers} layers, median of {asked.runs} runs:")
    clocks = {name: median(clock for clock, _ in found) for name, found in times.items()}
    others = [clocks[name] for name in OTHERS if name in clocks]
    for name, found in times.items():
        target = TARGETS.get(name)
        ratio = f", {min(others) / clocks[name]:.1f}x as fast as the faster other" if target and others else ""
        ratio += f" (asked {target:g})" if ratio else ""
        processors = median(one for _, one in found)
        print(f"  {name}: {clocks[name]:.2f} s on the clock, {processors:.2f} s of processors{ratio}")


if __name__ == "__main__":
    main()

"""How long `archinspect check` takes for many specs, beside yamllint and check-jsonschema in the same run.

    python benchmarks/check.py [--specs 2000] [--layers 60] [--runs 3]

The other two read the same files in turn, with their own defaults and the schema of `archinspect schema`. One that is
not installed is left out.
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

TARGET = 3.0
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


def main() -> None:
    """Measure, and print a line per tool."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--specs", type=int, default=2000)
    parser.add_argument("--layers", type=int, default=60)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write(folder, asked.specs, asked.layers)
        schema = os.path.join(folder, "schema.json")
        run = [sys.executable, "-m"]
        subprocess.run([*run, "archinspect", "schema", "-o", schema], check=True)
        files = sorted(str(path) for path in Path(folder).glob("*.yaml"))
        commands = {
            "archinspect": [*run, "archinspect", "check", "--isolated", folder],
            "yamllint": [*run, "yamllint", folder],
            "check_jsonschema": [*run, "check_jsonschema", "--schemafile", schema, *files],
        }
        commands = {name: command for name, command in commands.items() if find_spec(name)}
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(asked.runs):
            for name, command in commands.items():
                start = os.times()
                begin = time.perf_counter()
                subprocess.run(command, capture_output=True, check=False)
                clock, end = time.perf_counter() - begin, os.times()
                cpu = end.children_user + end.children_system - start.children_user - start.children_system
                times[name].append(cpu)
                print(f"  {name}: {clock:.2f} s on the clock, {cpu:.2f} s of processors")
        ours = median(times["archinspect"])
        others = [median(found) for name, found in times.items() if name != "archinspect"]
        ratio = f", {min(others) / ours:.1f}x as fast as the faster other (asked {TARGET:g})" if others else ""
        print(f"{asked.specs:,} specs of {asked.layers} layers: {ours:.2f} s{ratio}")


if __name__ == "__main__":
    main()

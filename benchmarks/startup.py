"""How long `archinspect summary vgg16` takes as a whole process, against the import of what such a program is made of.

    python benchmarks/startup.py [--runs 31]

Runs it, into a pipe and on a terminal, and `python -c "import click, yaml, rich.table"` in turn, in the environment of
the Python that runs this script (install the wheel there: an editable install compiles nothing ahead), and prints
medians and the median ratios, then what the time is made of.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from statistics import median

FLOOR = [sys.executable, "-c", "import click, yaml, rich.table"]
TARGET = 1.2

# Each stage in a process of its own would measure start-up again: one process, a clock between the stages.
STAGES = """
import sys, time
marks = [("", time.perf_counter())]
def mark(name): marks.append((name, time.perf_counter()))
import click, yaml, rich.table
mark("click, yaml, rich.table")
import archinspect.cli, archinspect.cli.summary_command, archinspect.api, archinspect.render.table
mark("archinspect's own modules, without operators")
report = archinspect.inspect("vgg16")
mark("read, expand, infer and count vgg16, its operators' modules included")
from archinspect.cli.common import stdout_page
from archinspect.render.rows import view
shown = view(report, "table", depth=None, expand=None, columns=None, sort=None)
archinspect.render.table.print_summary(report, shown, stdout_page())
mark("print the table")
for (_, before), (name, after) in zip(marks, marks[1:]):
    print(f"{(after - before) * 1000:7.1f} ms  {name}", file=sys.stderr)
print("numpy imported" if "numpy" in sys.modules else "numpy not imported", file=sys.stderr)
"""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=31)
    runs = parser.parse_args().runs
    script = Path(sys.executable).with_name("archinspect")
    command = [str(script), "summary", "vgg16"]
    seconds(command), seconds(FLOOR)
    found = [(seconds(command), seconds_on_terminal(command), seconds(FLOOR)) for _ in range(runs)]
    piped, shown, floors = zip(*found, strict=True)
    print(f"import click, yaml, rich.table     {median(floors) * 1000:6.1f} ms (median of {runs})")
    for where, times in (("into a pipe", piped), ("on a terminal", shown)):
        ratio = median(ours / floor for ours, floor in zip(times, floors, strict=True))
        print(f"summary vgg16, {where:20}{median(times) * 1000:6.1f} ms, median ratio {ratio:.2f} (at most {TARGET})")
    print("of which, in one process behind the interpreter's own start:", flush=True)
    subprocess.run([sys.executable, "-c", STAGES], stdout=subprocess.DEVNULL, check=True)


def seconds(command: list[str]) -> float:
    """Return the wall time of a whole process."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def seconds_on_terminal(command: list[str]) -> float:
    """Return the wall time of a whole process whose output is a terminal."""
    import pty  # not on Windows

    ours, theirs = pty.openpty()
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "100"})
    os.close(theirs)
    with suppress(OSError):  # of a terminal whose process has ended
        while os.read(ours, 1 << 16):
            pass
    process.wait()
    found = time.perf_counter() - start
    os.close(ours)
    return found


if __name__ == "__main__":
    main()

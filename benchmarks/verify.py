"""How long `archinspect verify resnet50` takes as a whole process, beside importing torch and building the module.

    python benchmarks/verify.py [--runs 5] [--python PATH]

Runs it and, in the Python that has torch, `import torch` with the exported module built on the meta device, in turn;
prints medians and the median ratio of the pairs, as time on the clock and on processors, which other programs that run
at the time disturb less. Then what the measurement's own process is made of.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import archinspect
from archinspect.exporters import pytorch

TARGET = 1.5
BUILD = """
import torch
with torch.device("meta"):
    NETWORK()
"""
STAGES = """
import json, sys, time
marks = [("", time.process_time())]
def mark(name): marks.append((name, time.process_time()))
import torch
mark("import torch")
sys.path.insert(0, SCRIPTS)
import measure_pytorch
measure_pytorch.leave_out_compiler()
mark("import what counts operations")
job = json.load(open(JOB))
notes = measure_pytorch.Notes()
model = measure_pytorch.build(job, notes)
mark("build the module")
weights = [*model.parameters(), *model.buffers()]
notes.follow(dict(model.named_modules()), job["wanted"])
measure_pytorch.inference(model.eval(), job, weights, notes)
mark("a pass at inference")
measure_pytorch.training(model.train(), job, weights, notes)
mark("a pass in training, with backward")
for (_, before), (name, after) in zip(marks, marks[1:]):
    print(f"{after - before:7.2f} s  {name}")
"""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--python", default=sys.executable, help="a Python that has torch")
    args = parser.parse_args()
    if subprocess.run([args.python, "-c", "import torch"], capture_output=True, check=False).returncode:
        print("verify: left out, as torch is not installed; --python names a Python that has it")
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(args.python, args.runs, Path(folder))


def compare(python: str, runs: int, folder: Path) -> None:
    """Print how long both take."""
    import json

    from archinspect.verify import process
    from archinspect.verify.against_pytorch import Program

    program = Program(archinspect.network("resnet50").facts)
    plain = pytorch.export(program.facts)
    (folder / "net.py").write_text(plain.text + BUILD.replace("NETWORK", plain.name), encoding="utf-8")
    (folder / "job.json").write_text(json.dumps(program.job), encoding="utf-8")
    command = [sys.executable, "-m", "archinspect", "verify", "resnet50", "--python", python]
    floor = [python, str(folder / "net.py")]
    seconds(command), seconds(floor)
    pairs = [(seconds(command), seconds(floor)) for _ in range(runs)]
    for place, what in enumerate(("on the clock", "on processors")):
        ours, theirs = ([one[place] for one in side] for side in zip(*pairs, strict=True))
        ratio = median(one / other for one, other in zip(ours, theirs, strict=True))
        print(f"verify resnet50, {what:<20} {median(ours):6.2f} s (median of {runs})")
        print(f"import torch, build the module        {median(theirs):6.2f} s")
        print(f"ratio, median of pairs                {ratio:6.2f}   (to reach: at most {TARGET})")
    print("of which, on processors, in the measurement's own process:", flush=True)
    where = {"SCRIPTS": str(Path(process.__file__).parent), "JOB": str(folder / "job.json")}
    text = STAGES
    for name, value in where.items():
        text = text.replace(name, repr(value))
    subprocess.run([python, "-c", text], check=True)


def seconds(command: list[str]) -> tuple[float, float]:
    """Return how long a command takes, on the clock and on processors."""
    used, start = os.times(), time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    now = os.times()
    spent = now.children_user + now.children_system - used.children_user - used.children_system
    return time.perf_counter() - start, spent


if __name__ == "__main__":
    main()

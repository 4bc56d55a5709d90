"""Feed hostile inputs to every command: `python tests/fuzz/fuzz.py --seed 0 --count 1000000 --processes 2`.

A command ends with a result or with problems; never with a traceback, never late, never with text that steers what
shows it. What breaks a rule is printed, with the number from which `--start NUMBER --count 1` makes it again.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

sys.path.append(str(Path(__file__).parents[1]))

import inputs
from command_line import run

SECONDS = 10
"""Of computing, for one input: a network of 250,000 layers takes them."""
BYTES = 2 * 2**30
"""That the process may have: what it began with, and 500 MiB for one input."""
COMMANDS = [
    ("check", ()),
    *(("check", ("--format", form)) for form in ("concise", "json")),
    *(("summary", ("--format", form)) for form in ("table", "json", "csv", "markdown")),
    *(("summary", (option,)) for option in ("--memory", "--methods", "--convention=fvcore", "--depth=1", "--oneline")),
    *(("explain", ("--format", form)) for form in ("table", "json", "csv", "markdown")),
    *(("memory", ("--format", form)) for form in ("table", "json", "csv", "markdown")),
    *(("compute", ("--train", "--device", "a100", "--format", form)) for form in ("table", "json", "csv", "markdown")),
    *(("formula", ("--format", form)) for form in ("text", "json", "csv", "markdown", "latex", "python")),
    *(("compare", ("lenet5", "--format", form)) for form in ("table", "json", "csv", "markdown")),
    ("fit", ("--memory", "1GiB")),
    ("sweep", ("--batch", "1..3", "--format", "csv")),
    ("sweep", ("--set", "a=1..3", "--format", "json")),
    ("memory", ("--precision", "amp", "--checkpointing")),
    ("memory", ("--lora", "r=2,targets=all-linear", "--weights-dtype", "nf4")),
    ("memory", ("--policy", "inline", "--attention", "eager", "--fold-bn")),
    ("summary", ("--cached", "3")),
    *(("export", ("--to", form)) for form in ("pytorch", "keras")),
    ("export", ("--to", "onnx", "-o", "net.onnx")),
    ("diff", ("lenet5", "--format", "markdown")),
    ("show", ("--flat",)),
    ("fmt", ("--diff",)),
]
_UNPRINTABLE = re.compile("[^\n -~\xa0-\U0010ffff]|[\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_TOLD = re.compile(r"error\[|\"severity\": \"error\"|^Error: ", re.MULTILINE)
_COMMAND = re.compile(r"^\s*::|##\[|##vso\[", re.MULTILINE)


class TooLateError(Exception):
    """An input took longer than it may."""


def complaint(data: bytes, number: int) -> str:
    """Return what is wrong with how a command takes an input; which one, the input's number decides. Empty: nothing."""
    return judged(data, *Random(number).choice(COMMANDS))


def judged(data: bytes, command: str, options: tuple[str, ...]) -> str:
    """Return what is wrong with how this command takes an input."""
    path = Path("net.yaml")
    path.write_bytes(data)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        result = run(command, str(path), *options, COLUMNS="100")
        found = _broken(result, command, options)
    except TooLateError:
        found = f"more than {SECONDS} s"
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        found = f"{type(error).__name__}: {error}"[:300]
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return found and f"{' '.join([command, *options])}: {found}"


def _broken(result, command, options) -> str:
    """Return the rule that a command's output breaks."""
    text = result.output
    if result.exit_code not in (0, 1, 2):
        return f"exit code {result.exit_code}"
    if "Traceback" in text or "internal-error" in text:  # which `check` makes of an exception
        return "a traceback"
    if result.exit_code == 1 and command not in ("fit", "fmt") and not _TOLD.search(text):
        return "failed without an error"
    if match := _UNPRINTABLE.search(text) or _COMMAND.search(text):
        return f"prints {text[max(match.start() - 20, 0) : match.end() + 20]!r}"
    return _wrong_sums(json.loads(result.stdout), command) if "json" in options and result.stdout else ""


def _wrong_sums(report, command) -> str:
    """Return a total of a summary that is not the sum of its layers'."""
    for figure in ("params", "macs", "flops", "output_bytes") if command == "summary" else ():
        if report["totals"][figure] != sum(layer[figure] for layer in report["layers"]):
            return f"{figure} of the layers are not the total"
    return ""


def prepare() -> None:
    """Let an input that takes too long end with :class:`TooLateError`."""

    def late(*_: object) -> None:
        raise TooLateError

    signal.signal(signal.SIGVTALRM, late)


def _work(task: tuple[int, range, Path]) -> Counter:
    seed, numbers, keep = task
    prepare()
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    counts: Counter = Counter()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for number in numbers:
            data = inputs.make(seed, number)
            found = complaint(data, number)
            counts["inputs"] += 1
            if found:
                counts["complaints"] += 1
                print(f"{number}: {found}", flush=True)
                if keep:
                    (keep / f"{seed}_{number}.yaml").write_bytes(data)
    return counts


def main() -> None:
    """Run as the options say; end with 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0, help="the first input's number")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder for the inputs that break a rule")
    asked = parser.parse_args()
    keep = asked.keep and asked.keep.resolve()
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
    size = 2_000
    end = asked.start + asked.count
    tasks = [(asked.seed, range(at, min(at + size, end)), keep) for at in range(asked.start, end, size)]
    begun = time.monotonic()
    counts: Counter = Counter()
    # A process does one task and ends, so that what an input leaves behind does not gather.
    with multiprocessing.Pool(asked.processes, maxtasksperchild=1) as pool:
        for found in pool.imap_unordered(_work, tasks):
            counts += found
    seconds = time.monotonic() - begun
    print(f"{counts['inputs']:,} inputs in {seconds:,.0f} s, {counts['inputs'] / seconds:,.0f} per second")
    print(f"{counts['complaints']:,} complaints")
    sys.exit(bool(counts["complaints"]))


if __name__ == "__main__":
    main()

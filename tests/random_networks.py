"""Check random networks: `python tests/random_networks.py --seed 0 --count 50000 --processes 2`.

Each network follows from seed and number. archinspect must agree with itself about it, by the checks of
tests/networks/consistency.py. With `--against pytorch`, what it says must also be what the exported program measures.
What is wrong is printed with the number, from which `--start NUMBER --count 1` makes the network again; of each kind
the first one is also shrunk to the smallest network that is wrong in the same way.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import yaml

sys.path.append(str(Path(__file__).parent))

from networks.consistency import complaints
from networks.coverage import Coverage
from networks.generate import make
from networks.shrink import shrink

import archinspect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from networks.consistency import Complaint

TASK = 100
"""Networks that a process checks at once."""


class Found(NamedTuple):
    """What is wrong with a network."""

    number: int
    complaint: Complaint


def all_complaints(spec: dict[str, Any], number: int, against: str, *, held: bool) -> Iterator[Complaint]:
    """What is wrong with a network, by itself and by what a framework measures."""
    yield from complaints(spec, number)
    if against:
        from networks.measured import differences  # needs the framework

        yield from differences(spec, against, held=held)


def smallest(spec: dict[str, Any], found: Found, against: str) -> dict[str, Any]:
    """The smallest network that is wrong in the same way."""
    check = found.complaint.check

    def fails(other: dict[str, Any]) -> bool:
        if check in against.split(","):
            from networks.measured import differences

            again = differences(other, check, held=True)
        else:
            again = complaints(other, found.number, [check])
        return any(one.kind == found.complaint.kind for one in again)

    return shrink(spec, fails)


class Task(NamedTuple):
    """Networks that a process checks."""

    seed: int
    chains: bool
    numbers: range
    against: str
    held: bool


def _work(task: Task) -> list[Found]:
    return [
        Found(number, one)
        for number in task.numbers
        for one in all_complaints(make(task.seed, number, chain=task.chains), number, task.against, held=task.held)
    ]


def _report(asked: argparse.Namespace, found: Found, *, is_first: bool) -> None:
    spec = make(asked.seed, found.number, chain=asked.chains)
    print(f"{found.number}: {found.complaint.check}: {found.complaint.message}", flush=True)
    if is_first:
        small = smallest(spec, found, asked.against)
        print(yaml.safe_dump(small, sort_keys=False, default_flow_style=None, width=110), flush=True)
        if asked.keep:
            asked.keep.mkdir(parents=True, exist_ok=True)
            text = f"# {found.complaint.message}\n".splitlines()[0] + "\n" + yaml.safe_dump(small, sort_keys=False)
            (asked.keep / f"{asked.seed}_{found.number}.yaml").write_text(text, encoding="utf-8")


def _coverage(asked: argparse.Namespace, end: int) -> int:
    coverage = Coverage()
    for number in range(asked.start, end):
        coverage.add(archinspect.network(make(asked.seed, number, chain=asked.chains)).graph)
    print(coverage.report())
    missing = coverage.missing()
    print(f"{asked.count:,} networks; too few reach {', '.join(missing) or 'nothing'}")
    return bool(missing)


def main() -> int:
    """Run as the options say; return 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0, help="the first network's number")
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--against", default="", help="frameworks that measure each network: pytorch, keras, onnx")
    parser.add_argument("--held", action="store_true", help="compare bytes kept and the peak, too")
    parser.add_argument("--chains", action="store_true", help="make networks without branches")
    parser.add_argument("--keep", type=Path, help="a folder for the smallest networks that are wrong")
    parser.add_argument("--coverage", action="store_true", help="count the operators and arguments that are reached")
    asked = parser.parse_args()
    end = asked.start + asked.count
    if asked.coverage:
        return _coverage(asked, end)
    tasks = [
        Task(asked.seed, asked.chains, range(at, min(at + TASK, end)), asked.against, asked.held)
        for at in range(asked.start, end, TASK)
    ]
    begun = time.monotonic()
    kinds: Counter[str] = Counter()
    with multiprocessing.Pool(asked.processes, maxtasksperchild=20) as pool:
        for done, task in enumerate(pool.imap_unordered(_work, tasks), 1):
            for found in task:
                kind = found.complaint.kind
                kinds[kind] += 1
                if kinds[kind] <= 3:
                    _report(asked, found, is_first=kinds[kind] == 1)
            if done % 50 == 0:
                print(f"{done * TASK:,} networks, {time.monotonic() - begun:,.0f} s", flush=True)
    seconds = time.monotonic() - begun
    for kind, count in kinds.most_common():
        print(f"{count:7,}  {kind}")
    print(f"{asked.count:,} networks in {seconds:,.0f} s, {kinds.total():,} complaints of {len(kinds)} kinds")
    return bool(kinds)


if __name__ == "__main__":
    sys.exit(main())

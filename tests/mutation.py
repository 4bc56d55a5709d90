"""Mutation tests: change the code in one place, run the tests that reach it, and see whether one of them fails.

    nox -s mutation -- [--sample 300] [--seed 0] [PATTERN ...]

Without a pattern it takes mutants of `archinspect/ops` and `archinspect/analyses`; a pattern is one of functions,
`archinspect.ops.pool*`. It prints the share that tests kill, by file, and of every survivor what was changed: kill it
by a test, or know why it does no harm. What mutmut makes lies in `mutants/`; a second run asks only what is new.

A change of `strict=` in a `zip` is no mutant here: it guards against mistakes of ours that no input can make.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path

MUTMUT = Path(sys.executable).with_name("mutmut")
MUTANTS = Path("mutants/archinspect")
STRICT = re.compile(r",\s*strict=\w+|,\s*(?=\))")
VERDICTS = {0: "survived", 33: "no test", 36: "timed out", None: "not run"}
"""By mutmut's code; with any other the tests failed."""


def main() -> None:
    """Run the mutants and print the verdicts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("patterns", nargs="*", default=["*"])
    parser.add_argument("--sample", type=int, help="so many of them, chosen by --seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    # Mutants have names once they are made, and mutmut makes them when it runs some.
    _mutmut("run", "archinspect.ops.figures*", "--max-children", str(asked.processes))
    chosen = sorted(name for name in verdicts() if any(fnmatch(name, pattern) for pattern in asked.patterns))
    if asked.sample and asked.sample < len(chosen):
        chosen = sorted(random.Random(asked.seed).sample(chosen, asked.sample))
    _mutmut("run", *chosen, "--max-children", str(asked.processes))
    report(chosen)


def verdicts() -> dict[str, str]:
    """Return what became of each mutant."""
    found: dict[str, str] = {}
    for path in sorted(MUTANTS.rglob("*.meta")):
        codes = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
        found |= {name: VERDICTS.get(code, "killed") for name, code in codes.items()}
    return found


def report(chosen: list[str]) -> None:
    """Print the score of each file, and what the survivors changed."""
    known = verdicts()
    survivors = {}
    counts: dict[str, Counter[str]] = {}
    for name in chosen:
        verdict = known[name]
        if verdict in {"survived", "no test"}:
            change = _change(name)
            if len({STRICT.sub("", line[1:]).strip() for line in change}) == 1:
                continue
            survivors[name] = verdict, change
        counts.setdefault(name.partition(".x")[0], Counter())[verdict] += 1
    for name, (verdict, change) in survivors.items():
        print(f"\n{name}: {verdict}", *change, sep="\n    ")
    print()
    for module, count in sorted(counts.items()):
        print(f"{module:40} {_score(count)}")
    print(f"{'all':40} {_score(sum(counts.values(), Counter()))}")


def _score(count: Counter[str]) -> str:
    total = sum(count.values())
    detected = count["killed"] + count["timed out"]
    others = ", ".join(f"{number} {verdict}" for verdict, number in sorted(count.items()) if verdict != "killed")
    return f"{detected:5} of {total:5} found, {detected / total:6.1%}" + (f" ({others})" if others else "")


def _change(name: str) -> list[str]:
    lines = _mutmut("show", name, quiet=True).splitlines()
    return [line for line in lines if line[:1] in {"-", "+"} and line[:3] not in {"---", "+++"}]


def _mutmut(*args: str, quiet: bool = False) -> str:
    """Run mutmut; return what it printed where that is not to be seen."""
    done = subprocess.run([MUTMUT, *args], check=True, stdout=subprocess.PIPE if quiet else None, encoding="utf-8")
    return done.stdout or ""


if __name__ == "__main__":
    main()

"""Formulas of every built-in network and figure against the engine, at random points.

    python benchmarks/formulas.py [--points 200] [NETWORK ...]

Prints, for each network, at how many points its formulas hold and how many figures are not the engine's; the last line
sums up. Points within which no formula holds say nothing, and are counted apart.
"""

from __future__ import annotations

import argparse
import time
from random import Random

import archinspect
from archinspect.analyses.formula import FIGURES, RefusedError, Symbols, free_variables, variables
from archinspect.language import library
from archinspect.language.load import is_template


def compared(name: str, count: int) -> tuple[int, int, float]:
    """Return how many figures of a network were compared, how many are wrong, and the seconds of the formulas."""
    random = Random(name)
    network = archinspect.network(name)
    start = time.perf_counter()
    formulas = network.formulas()
    seconds = time.perf_counter() - start
    own, free = variables(network.facts), free_variables(network._load, network.facts)
    inside = wrong = 0
    for _ in range(count):
        moved = random.sample(free, random.randint(1, min(3, len(free))))
        point = {name: own[name] for name in free}
        point |= {name: max(int(own[name] * random.uniform(0.4, 2)) + random.randint(-1, 1), 1) for name in moved}
        holding = [figure for figure, formula in formulas.items() if holds(formula, point)]
        if not holding:
            continue
        try:
            facts = Symbols(network._load, network.facts, (), point).facts
        except RefusedError:
            wrong += len(holding)
            continue
        for figure in holding:
            inside += 1
            formula = formulas[figure]
            values = {name: point[name] for name in formula.variables}
            wrong += formula(**values) != FIGURES[figure][1](facts)
    return inside, wrong, seconds


def holds(formula: archinspect.Formula, point: dict[str, int]) -> bool:
    """Return whether a formula holds at a point."""
    return formula.holds(**{name: point[name] for name in formula.variables})


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("networks", nargs="*")
    options = parser.parse_args()
    every = [name for name, path in library.builtins().items() if not is_template(library.read_builtin(path))]
    total = wrong = 0
    for name in options.networks or every:
        found, bad, seconds = compared(name, options.points)
        total, wrong = total + found, wrong + bad
        print(f"{name}: {found:,} figures compared, {bad} wrong; formulas in {seconds:.2f} s", flush=True)
    print(f"{total:,} figures compared, {wrong} wrong")


if __name__ == "__main__":
    main()

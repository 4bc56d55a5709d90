"""Random edits of built-in networks, and what must hold of the difference to what they were.

`python tests/random_edits.py --count 10000 --seed 1` tries so many and prints the first that does not hold.
"""

from __future__ import annotations

import argparse
import copy
import random
import sys
import time

import yaml

import archinspect
from archinspect.api import spec_text
from archinspect.base.diagnostics import InvalidSpecError
from archinspect.render.diff import MAX_COMMENT, markdown_text

LAYER_FIGURES = (
    *("params", "trainable_params", "non_trainable_params", "buffers", "macs", "flops"),
    *("output_bytes", "active_params"),
)
SMALLER = "alexnet", "vgg11", "resnet18", "squeezenet1_1", "lenet5", "mobilenet_v2", "googlenet", "gpt2"


def text_of(name: str) -> dict:
    """Return a built-in network's spec, one that extends nothing."""
    return yaml.safe_load(spec_text(name, flat=True)[1])


def edited(spec: dict, rng: random.Random) -> dict:
    """Return a spec with one to three random edits; it may be none that fits together."""
    other = copy.deepcopy(spec)
    for key in ("expect", "values"):
        other.pop(key, None)
    for _ in range(rng.randint(1, 3)):
        steps = rng.choice([found for found in _lists(other) if found] or [[{}]])
        place = rng.randrange(len(steps))
        rng.choice((_remove, _repeat, _swap, _renumber, _renumber, _renumber))(steps, place, rng)
    return other


def _lists(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("layers", "steps") and isinstance(inner, list):
                yield inner
            yield from _lists(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _lists(inner)


def _remove(steps, place, _):
    del steps[place]


def _repeat(steps, place, _):
    step = copy.deepcopy(steps[place])
    if isinstance(step, dict):
        step.pop("name", None)
    steps.insert(place, step)


def _swap(steps, place, rng):
    other = rng.randrange(len(steps))
    steps[place], steps[other] = steps[other], steps[place]


def _renumber(steps, place, rng):
    numbers = [*_numbers(steps[place])]
    if numbers:
        holder, key = rng.choice(numbers)
        holder[key] = max(1, holder[key] * rng.choice((2, 3)) // 2 + rng.choice((-1, 0, 0, 1)))


def _numbers(value):
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if type(inner) is int:
            yield value, key
        else:
            yield from _numbers(inner)


def hold(old: archinspect.Network, new: archinspect.Network) -> archinspect.Diff:
    """Return the difference of two networks; raise AssertionError where it is none."""
    found = old.diff(new)
    for name in {**found.old, **found.new}:
        change = found.new.get(name, 0) - found.old.get(name, 0)
        assert sum(cause.total.get(name, 0) for cause in found.causes) == change, name
    for cause in found.causes:
        for name in LAYER_FIGURES:
            assert cause.own.get(name, 0) + cause.through.get(name, 0) == cause.total.get(name, 0), name
            assert sum(figures.get(name, 0) for _, figures in cause.followers) == cause.through.get(name, 0), name
    assert found.old["params"] == old.report().totals.params
    assert found.new["output_bytes"] == new.report().totals.output_bytes
    back = new.diff(old)
    assert [{name: -value for name, value in cause.total.items()} for cause in reversed(back.causes)] == [
        cause.total for cause in found.causes
    ]
    assert old.diff(old).is_empty
    assert len(markdown_text([("net", found)], 20)) <= MAX_COMMENT
    return found


def tried(names, count: int, seed: int):
    """Give each random edit that makes a network: the name, the seed and the difference."""
    rng = random.Random(seed)
    specs = {name: text_of(name) for name in names}
    done = 0
    while done < count:
        name = rng.choice(list(names))
        number = rng.randrange(10**9)
        try:
            new = archinspect.network(edited(specs[name], random.Random(number)))
        except InvalidSpecError:
            continue
        done += 1
        yield name, number, hold(archinspect.network(specs[name]), new)


def main() -> None:
    """Try random edits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--all", action="store_true", help="of all built-in networks")
    asked = parser.parse_args()
    start, causes = time.time(), 0
    for _, _, found in tried(archinspect.networks() if asked.all else SMALLER, asked.count, asked.seed):
        causes += len(found.causes)
    sys.stdout.write(f"{asked.count:,} edits, {causes:,} causes, all add up; {time.time() - start:.0f} s\n")


if __name__ == "__main__":
    main()

"""Operators' rules, run once on symbols, give at other sizes what they give when run there, or their guards say no."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest
from ops.test_rows import FLOPS
from small import make

from archinspect.base.shape import Mismatch
from archinspect.base.symbolic.evaluation import COMPARISONS, evaluated
from archinspect.base.symbolic.trace import Symbolic, Trace
from archinspect.ops.attending import Attending
from archinspect.ops.declared import ArgumentError
from archinspect.ops.figures import ATTENTION, Run

TRUTH = Path(__file__).parents[1] / "truth"
LAYOUTS = {"torch": "channels_first", "keras": "channels_last"}
MEASURED = [
    (row["op"], row["args"], row["inputs"], LAYOUTS[framework])
    for framework in LAYOUTS
    for row in json.loads((TRUTH / f"ops_{framework}.json").read_text(encoding="utf-8"))["rows"]
    if row["output"]
]
ROWS = [*MEASURED, *((op, args, inputs, "channels_last") for op, args, inputs, _ in FLOPS)]
SAMPLES = 6


def facts(op, shapes):
    """Build the layer on inputs of these shapes; return everything that the rules of its operators say."""
    said = []

    def emit(part, inputs):
        given = [tensor.shape for tensor in inputs]
        outputs = part.outputs(*given)
        said.append((type(part).__name__, *outputs, *rules(part, given, outputs[0])))
        return tuple(SimpleNamespace(shape=output) for output in outputs)

    op.build(emit, [SimpleNamespace(shape=tuple(shape)) for shape in shapes])
    return said


def rules(op, shapes, output):
    """Yield what the rules of an operator say of its shapes, but for labels, which are for reading."""
    yield {name: tuple(weight) for name, weight in op.weights(*shapes).items()}
    yield from (op.work(shapes, output), op.weights_read(shapes, output), op.stored(shapes, output))
    yield from (op.reach(*shapes), op.unknown(), op.quantities(shapes, output))
    yield from (op.view(training=False), op.view(training=True), op.output_dtype(*["float"] * len(shapes)))
    if isinstance(op, Attending):
        yield (op.cache(*shapes), op.memory_steps(*shapes), op.fused_inputs())
        yield [op.probabilities(shapes, attention) for attention in ATTENTION]
    count = len(shapes)
    for run in (
        Run((True,) * count),
        Run((False,) * count, in_place=True),
        Run(tuple(i == 0 for i in range(count)), weights=False, attention="math"),
        Run((True,) * count, attention="eager"),
    ):
        yield from (op.backward(shapes, output, run), op.kept(shapes, output, run), op.workspace(shapes, output, run))


class Place:
    """Where a whole number stands in a list."""

    def __init__(self, at):
        self.at = at


def places(value, found):
    """Return a tree of lists and dicts with places for its whole numbers, and put those into a list."""
    if isinstance(value, dict):
        return {key: places(item, found) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [places(item, found) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        found.append(value)
        return Place(len(found) - 1)
    return value


def filled(tree, values):
    """Return a tree with these values in its places."""
    if isinstance(tree, dict):
        return {key: filled(item, values) for key, item in tree.items()}
    if isinstance(tree, list):
        return [filled(item, values) for item in tree]
    return values[tree.at] if isinstance(tree, Place) else tree


def leaves(value):
    """Yield the numbers and words of a tree, and where its branches begin and end."""
    if type(value) is not Symbolic and isinstance(value, dict | list | tuple):
        yield "("
        for item in value.items() if isinstance(value, dict) else value:
            yield from leaves(item)
        yield ")"
    else:
        yield value


def holds(guards, values):
    for guard in guards:
        try:
            left, right = evaluated((guard.left, guard.right), values)
        except ZeroDivisionError:
            return False
        if not COMPARISONS[guard.relation](left, right):
            return False
    return True


def points(values, random):
    """Yield the traced values and others: each number alone, and several together."""
    yield values
    for at, value in enumerate(values):
        for other in {value + 1, 2 * value, max(value - 1, 1)}:
            yield [*values[:at], other, *values[at + 1 :]]
    for _ in range(SAMPLES):
        share, factor = random.choice((0.3, 0.6, 1)), random.choice((1, 2, 3))
        yield [
            max(factor * value + random.randint(-2, 4), 1) if value > 0 and random.random() < share else value
            for value in values
        ]


@pytest.fixture(scope="module")
def checked():
    """Count the points within guards, which are the ones that say something, and those outside."""
    counts = {True: 0, False: 0}
    yield counts
    if sum(counts.values()) > len(ROWS):  # all rows were run
        assert counts[True] > 2 * counts[False] > 0


@pytest.mark.parametrize("row", ROWS, ids=[f"{i}-{row[0]}" for i, row in enumerate(ROWS)])
def test_rules_run_on_symbols(row, checked):
    """With every size of the inputs, batch included, and every whole argument a symbol."""
    name, args, inputs, layout = row
    values: list[int] = []
    tree = places([args, inputs], values)
    names = [f"n{at}" for at in range(len(values))]
    trace = Trace()
    symbols = [trace.symbol(*named, low=min(named[1], 1)) for named in zip(names, values, strict=True)]

    def run(numbers):
        arguments, shapes = filled(tree, numbers)
        return list(leaves(facts(make(name, arguments, layout), shapes)))

    said = run(symbols)
    conditions = trace.formula(0).conditions()
    forms = [number.form for number in said if type(number) is Symbolic]
    for point in points(values, Random(name)):
        given = dict(zip(names, point, strict=True))
        within = holds(conditions, given)
        try:
            expected = run(point)
        except (Mismatch, ArgumentError):
            assert not within, given
            continue
        checked[within] += 1
        if within:
            known = iter(evaluated(forms, given))
            assert [next(known) if type(leaf) is Symbolic else leaf for leaf in said] == expected, given
        assert within or point != values

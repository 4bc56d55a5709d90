"""Normal forms, guards, bounds and vectors against Python's own arithmetic, at random points."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archinspect.base.shape import gcd, largest, smallest
from archinspect.base.symbolic.evaluation import COMPARISONS, evaluated
from archinspect.base.symbolic.trace import Symbolic, Trace
from archinspect.base.symbolic.vectors import Table

often = settings(max_examples=150, deadline=None)
NAMES = ("a", "b", "c")
HUGE = 2**70
numbers = st.one_of(st.integers(-9, 9), st.integers(-HUGE, HUGE))
lows = st.tuples(*[st.sampled_from((None, 0, 1))] * 3)
leaves = st.one_of(st.sampled_from(NAMES), st.integers(-12, 12), st.integers(-HUGE, HUGE), st.booleans())
SIGNS = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "//": lambda x, y: x // y,
    "%": lambda x, y: x % y,
    "max": lambda x, y: largest(*map(number, (x, y))),
    "min": lambda x, y: smallest(*map(number, (x, y))),
    "gcd": lambda x, y: gcd(*map(number, (x, y))),
    "up": lambda x, y: -(-x // y),
    "abs": lambda x, y: abs(x - y),
    "if": lambda x, y: x if x < y else y - 1,
    "same": lambda x, y: 2 * x if x == y else x + 3 * y,
    "power": lambda x, y: x**2 - y,
}
trees = st.recursive(leaves, lambda inner: st.tuples(st.sampled_from(sorted(SIGNS)), inner, inner), max_leaves=9)


def number(value):
    """Return a whole number of the kind that rules compute with: True is 1."""
    return int(value) if isinstance(value, bool) else value


def computed(tree, values):
    """Return what an expression computes from these values, or symbols."""
    if isinstance(tree, tuple):
        sign, left, right = tree
        return SIGNS[sign](computed(left, values), computed(right, values))
    return values[tree] if isinstance(tree, str) else tree


def attempted(tree, values):
    """Return what an expression computes; None where it divides by 0."""
    try:
        return computed(tree, values)
    except ZeroDivisionError:
        return None


def traced(tree, values, low, trace=None):
    """Return a trace of an expression at a point, and its number; None where it has none."""
    trace = trace or Trace()
    symbols = {name: trace.symbol(name, values[name], bound) for name, bound in zip(NAMES, low, strict=True)}
    return trace, attempted(tree, symbols)


def point(low):
    """Return values of the variables within their declared ranges."""
    least = [-HUGE if bound is None else bound for bound in low]
    return st.tuples(*[st.one_of(st.integers(max(bound, -9), 12), st.integers(bound, HUGE)) for bound in least]).map(
        lambda values: dict(zip(NAMES, values, strict=True))
    )


@st.composite
def cases(draw):
    low = draw(lows)
    return draw(trees), low, draw(point(low)), draw(st.lists(point(low), min_size=1, max_size=6))


@often
@given(cases())
def test_formulas_are_what_python_computes(case):
    tree, low, start, points = case
    trace, result = traced(tree, start, low)
    if result is None:
        return
    formula = trace.formula(result)
    for values in (start, *points):
        given_ = {name: values[name] for name in formula.variables}
        if formula.holds(**given_):
            assert formula(**given_) == computed(tree, values)
        else:
            assert values != start


@often
@given(cases())
def test_other_paths_are_outside_of_the_guards(case):
    """Where an expression goes another way than in the trace, or divides by 0, some guard does not hold."""
    tree, low, start, points = case
    trace, result = traced(tree, start, low)
    if result is None:
        return
    guards = trace.formula(result).conditions()
    for values in points:
        if attempted(tree, values) is None:
            assert not hold(guards, values)


def hold(guards, values):
    for guard in guards:
        try:
            left, right = evaluated((guard.left, guard.right), values)
        except ZeroDivisionError:
            return False
        if not COMPARISONS[guard.relation](left, right):
            return False
    return True


class Logged(Trace):
    """A trace that keeps all comparisons as they were made."""

    def __init__(self):
        super().__init__()
        self.log = []

    def found(self, relation, left, right, *, holds=True):
        self.log.append((relation, left, right, holds))
        super().found(relation, left, right, holds=holds)


@often
@given(cases(), st.lists(st.tuples(st.sampled_from(sorted(COMPARISONS)), trees, trees), max_size=4))
def test_simplified_guards_say_what_comparisons_have_found(case, compared):
    """No less, and no more."""
    tree, low, start, points = case
    trace, _ = traced(tree, start, low, Logged())
    for relation, left, right in compared:
        one, other = (attempted(side, trace.symbols) for side in (left, right))
        if one is not None and other is not None:
            COMPARISONS[relation](one, other)
    guards = trace.formula(0).conditions()
    for values in (start, *points):
        assert hold(guards, values) == found_again(trace.log, values)


def found_again(log, values):
    try:
        return all(
            COMPARISONS[relation](*evaluated((left, right), values)) == holds for relation, left, right, holds in log
        )
    except ZeroDivisionError:
        return False


@often
@given(cases())
def test_python_source_is_the_formula(case):
    tree, low, start, points = case
    trace, result = traced(tree, start, low)
    if result is None:
        return
    formula = trace.formula(result)
    names: dict = {}
    exec(formula.python("figure"), names)  # noqa: S102 - what it is for
    for values in (start, *points):
        given_ = {name: values[name] for name in formula.variables}
        if formula.holds(**given_):
            assert names["figure"](**given_) == formula(**given_)
        else:
            with pytest.raises((ValueError, ZeroDivisionError)):
                names["figure"](**given_)


@often
@given(cases())
def test_bounds_hold(case):
    tree, low, start, points = case
    trace, result = traced(tree, start, low)
    if type(result) is not Symbolic:
        return
    bounds = trace.algebra.bounds
    for values in (start, *points):
        try:
            (value,) = evaluated([result.form], values)
        except ZeroDivisionError:
            continue
        if hold(trace.formula(result).conditions(), values):
            assert bounds.lower(result.form) <= value <= bounds.upper(result.form)


@often
@given(cases())
def test_vectors_are_formulas(case):
    tree, low, start, points = case
    trace, result = traced(tree, start, low)
    if result is None:
        return
    formulas = {"one": trace.formula(result), "more": trace.formula(result * 3 - 2)}
    table = Table(formulas)
    columns = {name: [values[name] for values in (start, *points)] for name in table.variables}
    found, holds = table(**columns)
    for at in range(len(points) + 1 if table.variables else 0):
        values = {name: column[at] for name, column in columns.items()}
        assert holds[at] == all(
            formula.holds(**{name: values[name] for name in formula.variables}) for formula in formulas.values()
        )
        if holds[at]:
            for name, formula in formulas.items():
                assert found[name][at] == formula(**{name: values[name] for name in formula.variables})


@often
@given(cases())
def test_vectors_of_a_mesh(case):
    tree, low, start, points = case
    trace, result = traced(tree, start, low)
    if result is None:
        return
    formula = trace.formula(result)
    table = Table({"figure": formula})
    columns = [np.array([values[name] for values in (start, *points)], dtype=object) for name in table.variables]
    found, holds = table(**dict(zip(table.variables, np.ix_(*columns), strict=True)))
    assert found["figure"].shape == holds.shape == tuple(map(len, columns))
    for place in [(0,) * len(columns), (-1,) * len(columns)]:
        values = {name: column[at] for name, column, at in zip(table.variables, columns, place, strict=True)}
        assert holds[place] == formula.holds(**values)
        if holds[place]:
            assert found["figure"][place] == formula(**values)


@often
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9), st.integers(-9, 9)), min_size=1, max_size=4), st.data())
def test_a_chain_of_layers_is_one_division(layers, data):
    """`(x + p) // s + o`, again and again, as windows on windows do."""
    trace = Trace()
    size = trace.symbol("size", 10**6)
    length = size
    for stride, pad, more in layers:
        length = (length + pad) // stride + more
    formula = trace.formula(length)
    divisions = str(formula).count("//") + str(formula).count("ceil")
    assert divisions <= 1
    value = data.draw(st.integers(1, 10**7))
    expected = value
    for stride, pad, more in layers:
        expected = (expected + pad) // stride + more
    assert formula(size=value) == expected


def test_a_guard_that_follows_is_left_out():
    trace = Trace()
    height, width = trace.symbol("height", 224), trace.symbol("width", 224)
    for least in (7, 32, 14):
        assert height >= least
        assert height * width > least
    assert (height + 31) // 32 != 1
    assert trace.formula(height).guards == ("height >= 33",)
    assert math.prod((height, width)) != 0

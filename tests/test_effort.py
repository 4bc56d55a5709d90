"""Work grows as networks do: twice as many of anything take about twice as many steps of Python."""

from __future__ import annotations

import sys
from functools import partial

import pytest

import archinspect
from archinspect.base.symbolic.polynomial import Polynomial
from archinspect.exporters.spec import blocks

FEW, MOST = 64, 2.12
"""So many of each, and how much more work twice as many may be."""


def steps_of(function):
    """Return how many operations of Python's machine a call takes; what C does is not seen."""
    count = 0

    def trace(frame, event, _):
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    function()  # what is done once
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count


def inputs(count):
    names = range(count)
    layers = [{"Dense": 8, "from": f"i{n}", "name": f"d{n}"} for n in names]
    return {"inputs": {f"i{n}": [8] for n in names}, "layers": layers, "outputs": [f"d{n}" for n in names]}


def residual(count):
    pair = ["ReLU", {"Add": None, "from": [-1, -2]}]
    return {"input": [8], "layers": pair * (count // 2)}


def named(count):
    names = [f"p{n}" for n in range(count)]
    return {"params": dict.fromkeys(names, 3), "input": [8], "layers": [{"Dense": f"${name}"} for name in names]}


QUESTIONS = {
    "memory": lambda network: network.memory().as_dict(),
    "keras": lambda network: network.export("keras"),
    "pytorch": lambda network: network.export("pytorch"),
    "convert": lambda network: network.convert(),
}


def ask(question, spec):
    return QUESTIONS[question](archinspect.network(spec))


@pytest.mark.parametrize(
    ("spec", "question"), [(inputs, "memory"), (inputs, "keras"), (inputs, "pytorch"), (residual, "convert")]
)
def test_work_grows_as_the_network(spec, question):
    few, many = (steps_of(partial(ask, question, spec(count))) for count in (FEW, 2 * FEW))
    assert many < MOST * few


def test_formulas_grow_as_their_variables(monkeypatch):
    """A sum of n names is not made n times: all polynomials together have a number of terms per name."""
    terms = 0
    make = Polynomial.__init__

    def counted(self, found):
        nonlocal terms
        terms += len(found)
        make(self, found)

    monkeypatch.setattr(Polynomial, "__init__", counted)
    made = []
    for count in (FEW, 2 * FEW):
        terms = 0
        archinspect.network(named(count)).formulas()
        made.append(terms)
    assert made[1] < MOST * made[0]


def test_blocks_are_compared_with_those_of_their_kind(monkeypatch):
    """Of n blocks of n kinds, none is compared with any other."""
    monkeypatch.setattr(blocks._Group, "takes", lambda _, others: pytest.fail(f"compared: {others[0].kind}"))
    names = [f"b{n}" for n in range(FEW)]
    kinds = {name: [{"Dense": n + 1}] for n, name in enumerate(names)}
    archinspect.network({"blocks": kinds, "input": [8], "layers": names}).convert()

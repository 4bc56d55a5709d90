"""Expressions: what they compute, and that they compute nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archinspect.language.expressions import FAILED, ExpressionError, evaluate, substitute

ENV: dict[str, Any] = {"n": 4, "f": 1.5, "xs": [3, 4, [5]], "name": "net", "yes": True, "none": None, "true": 7}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("n", 4),
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 4 - 3", 3),
        ("64 // 7 // 2", 4),
        ("2 ** 3 ** 2", 512),
        ("-2 ** 2", -4),
        ("(-2) ** 2", 4),
        ("2 ** -1", 0.5),
        ("- - n", 4),
        ("+n", 4),
        ("7 / 2", 3.5),
        ("-7 // 2", -4),
        ("-7 % 3", 2),
        ("1_000 + .5", 1000.5),
        ("1e3", 1000.0),
        ("1 < 2", True),
        ("2 <= 1", False),
        ("n == 4", True),
        ("n != 4", False),
        ("name == 'net'", True),
        ('name == "net"', True),
        ("name == 4", False),
        ("xs[0]", 3),
        ("xs[-1][0]", 5),
        ("[1, n, name]", [1, 4, "net"]),
        ("[]", []),
        ("[[1]][0]", [1]),
        ("1 if n > 3 else 2", 1),
        ("1 if n > 4 else 2 if n > 3 else 3", 2),
        ("(1 if yes else 2) + 1", 2),
        ("not yes", False),
        ("not n == 4", False),
        ("not not 1 + 1", True),
        ("yes and n", 4),
        ("none or n", 4),
        ("n or 1 / 0", 4),
        ("none and 1 / 0", None),
        ("1 if yes else 1 / 0", 1),
        ("1 == 1 and 2 == 2 or 1 / 0", True),
        ("1 or 0 and 0", 1),
        ("min(3, n, 2)", 2),
        ("max(xs[0], f)", 3),
        ("max([1, 5, 2])", 5),
        ("round(2.5)", 3),
        ("round(-2.5)", -3),
        ("round(0.49)", 0),
        ("ceil(n / 3)", 2),
        ("floor(-f)", -2),
        ("int(-f)", -1),
        ("int(7.9) * 2", 14),
        ("false", False),
        ("true", 7),  # a parameter's own name comes first
        ("null", None),
        (" n\t", 4),
    ],
)
def test_value(text, value):
    found = evaluate(text, ENV)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$n", 4),
        ("${n + 1}", 5),
        ("$xs", [3, 4, [5]]),
        ("conv$n", "conv4"),
        ("${n}x${n}", "4x4"),
        ("$$", "$"),
        ("$$n", "$n"),
        ("a$$b$n", "a$b4"),
        ("$name-$f", "net-1.5"),
        ("no reference", "no reference"),
    ],
)
def test_substitute(text, value):
    found = substitute(text, ENV)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    [
        *("", "1 +", "+", "(1", "1)", "1 2", "[1", "1]", "f(1)", "n(1)", "n.real", "n if", "if", "n else 1", "not"),
        *("1 if 2", "a b", "xs[]", "xs[0:1]", "min(", "min(1,)", "min(1 2)", "1 = 1", "1 & 1", "~1", "lambda: 1"),
        *("'a", "f'{n}'", "{1}", "n := 1", "1; 2", "x\\y", "\0", "__class__", "xs.__class__", "min.real", "and 1"),
        *("1 / 0", "1 % 0", "0 ** -1", "9 ** 65", "10 ** 19", "(-1) ** 0.5", "1e400", "9" * 400, "1e18 * 10"),
        *("name + 1", "xs * 2", "name * 9", "xs + xs", "none + 1", "-name", "xs < xs", "name[0]", "xs[3]", "xs['a']"),
        *("xs[yes]", "xs[1.0]", "min()", "min(1)", "min(1, name)", "round(name)", "int(name)", "ceil(xs)"),
        *("missing", "min", "floor(1, 2)", "int(none)", "round(none)", "xs[0][0]"),
    ],
)
def test_everything_else_is_an_error(text):
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, ENV)
    assert caught.value.message
    assert len(caught.value.message) < 200


def test_what_uses_a_failed_parameter_fails_silently():
    with pytest.raises(ExpressionError) as caught:
        evaluate("a + missing", {"a": FAILED})
    assert caught.value.message == ""


@pytest.mark.parametrize(
    "text", ["(" * 24 + "n" + ")" * 24, "-" * 45 + "n", "1 ** " * 45 + "1", "xs[" * 12 + "0" + "]" * 12]
)
def test_what_people_could_nest_is_read(text):
    assert evaluate(text, ENV | {"xs": [0]}) in (1, 4, -4, 0)


@pytest.mark.parametrize("length", [498])
def test_a_long_chain_does_not_nest(length):
    assert evaluate("1+" * length + "1", {}) == length + 1


SAFE = settings(max_examples=300, deadline=None, derandomize=True)
PIECES = [
    "n",
    "f",
    "xs",
    "name",
    "1",
    "0",
    "2.5",
    "99",
    "'a'",
    "(",
    ")",
    "[",
    "]",
    ",",
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "**",
]
PIECES += ["==", "<", "if", "else", "and", "or", "not", "min", "round", "int", "true", "null", " ", "$", "{", "}", "'"]


@SAFE
@given(st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join) | st.text(max_size=30))
def test_any_text_gives_a_value_or_an_error(text):
    try:
        value = evaluate(text, ENV)
    except ExpressionError:
        return
    assert isinstance(value, bool | int | float | str | list | None)


NUMBERS = st.integers(-9, 9).map(lambda n: f"({n})")
SUMS = st.recursive(
    NUMBERS,
    lambda inner: (
        st.tuples(inner, st.sampled_from(["+", "-", "*", "//", "%", "<", "==", "and", "or"]), inner).map(
            lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
        )
        | st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} if {parts[1]} else {parts[2]})")
        | inner.map(lambda part: f"(not {part})")
    ),
    max_leaves=6,
)


@SAFE
@given(st.lists(SUMS, min_size=1, max_size=4), st.data())
def test_arithmetic_is_pythons(terms, data):
    text = terms[0]
    for term in terms[1:]:
        text += f" {data.draw(st.sampled_from(['+', '-', '*', '//', '%', 'and', 'or', '**', '<']))} {term}"
    try:
        expected = eval(text, {})  # noqa: S307 - made of numbers and signs above
    except ArithmeticError:
        expected = None
    try:
        found = evaluate(text, {})
    except ExpressionError:
        return  # a limit, or no number
    if "<" in text or "==" in text:
        return  # Python chains comparisons
    assert found == expected

"""Symbols, guards and formulas: what they record, how they read, what they refuse."""

from __future__ import annotations

import doctest
import json
import math
import operator
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from archinspect.base.shape import broadcast, gcd, largest, same_padding, size, smallest, total
from archinspect.base.symbolic.trace import Symbolic, Trace
from archinspect.base.symbolic.vectors import BLOCK, Table


@pytest.fixture
def trace():
    return Trace()


@pytest.fixture
def height(trace):
    return trace.symbol("height", 224)


@pytest.fixture
def width(trace):
    return trace.symbol("width", 225)


@pytest.fixture
def batch(trace):
    return trace.symbol("batch", 2)


@pytest.fixture
def heads(trace):
    return trace.symbol("heads", 4)


@pytest.mark.parametrize("name", ["trace", "vectors"])
def test_examples(name):
    found = doctest.testmod(import_module(f"archinspect.base.symbolic.{name}"))
    assert found.attempted
    assert not found.failed


# Sums.


def test_a_sum_of_many_is_that_of_each(trace, height, width):
    numbers = [height, 3 * width, 5, -height, height // 2, True]
    assert trace.form(total(numbers)) == trace.form(height - height + 3 * width + 6 + height // 2)
    assert str(total(numbers)) == str(3 * 225 + 6 + 112)
    assert trace.total([height, 0.5]) == height + 0.5
    assert total([height, -height]) == 0
    assert (total([]), total(iter([1, 2]))) == (0, 3)


# How formulas read.


def test_terms_of_low_degree_come_first_and_large_numbers_are_grouped(trace):
    classes = trace.symbol("classes", 1000)
    assert str(trace.formula(134_260_544 + 4097 * classes)) == "134_260_544 + 4097 * classes"


def test_strided_layers_round_up_once(trace, height):
    for kernel, pad in ((7, 3), (3, 1), (1, 0), (3, 1), (1, 0)):
        height = (height + 2 * pad - kernel) // 2 + 1
    assert str(trace.formula(height)) == "ceil(height / 32)"


@pytest.mark.parametrize("kernel", [1, 2, 3, 7])
def test_strided_layers_that_pad_as_tensorflow_round_up_once(trace, height, kernel):
    for _ in range(5):
        height = (height + same_padding(height, kernel, 2) - kernel) // 2 + 1
    assert str(trace.formula(height)) == "ceil(height / 32)"
    assert trace.formula(height).guards == ("height >= 1",)


def test_what_all_terms_have_stands_before_the_bracket(trace, batch):
    seq, width = trace.symbol("seq", 1024), trace.symbol("width", 768)
    total = 0
    for _ in range(12):
        total += batch * seq * 12 * width * width
        total += 2 * batch * seq * seq * width
    assert str(trace.formula(total)) == "24 * batch * seq * width * (seq + 6 * width)"


def test_factors_that_are_sums_stay_together(trace, height, width):
    assert str(trace.formula(3 * (height - 2) * (width - 4))) == "3 * (height - 2) * (width - 4)"
    other = 5 * ((height - 3) // 2 + 1 - 2) * ((width - 3) // 2 + 1 - 2)
    assert str(trace.formula(other)) == "5 * ((height - 5) // 2) * ((width - 5) // 2)"


def test_what_guards_say_makes_formulas_shorter(trace, height, heads):
    width = trace.symbol("width", 768)
    head = width // heads
    assert not width % heads
    assert -(-height // 16) == 2 * -(-height // 32)
    assert str(trace.formula(3 * heads * head * width + 7 * -(-height // 16))) == (
        "14 * ceil(height / 32) + 3 * width ** 2"
    )
    assert str(trace.formula(5 * head)) == "5 * (width // heads)"
    assert trace.formula(0).guards == (
        "height >= 1",
        "heads >= 1",
        "width >= 1",
        "width % heads == 0",
        "ceil(height / 16) == 2 * ceil(height / 32)",
    )


READS = {
    "height % 2": lambda h, _: h % 2,
    "(height + 1) % heads": lambda h, w: (h + 1) % w,
    "ceil(height / heads)": lambda h, w: -(-h // w),
    "7 * ceil(height / heads)": lambda h, w: 7 * ((h - 1) // w) + 7,
    "3 - height": lambda h, _: 3 - h,
    "-(height * heads)": lambda h, w: -h * w,
    "abs(height - heads)": lambda h, w: abs(h - w),
    "max(height, 2 * heads, 7)": lambda h, w: largest(h, 7, 2 * w),
    "2 * max(height, heads)": lambda h, w: largest(2 * h, 2 * w),
    "min(height, heads) + 1": lambda h, w: smallest(h, w) + 1,
    "6 * gcd(height, 2 * heads)": lambda h, w: gcd(6 * h, 12 * w),
    "height ** 2 * heads": lambda h, w: h * w * h,
    "3 * height // (2 * heads)": lambda h, w: 6 * h // (4 * w),
    "height // 12": lambda h, _: h // 3 // 4,
    "height": lambda h, w: h * w // w,
    "heads * (height // 2) // 5": lambda h, w: (h // 2) * w // 5,
    "0": lambda h, _: h * 0,
    "12": lambda h, _: (h + 12) - h,
    "height / 3 + 1": lambda h, _: h / 3 + 1,
    "(height + 1) / 2": lambda h, _: (h + 1) / 2,
    "floor(height * 0.5)": lambda h, _: math.floor(h * 0.5),
}


@pytest.mark.parametrize("expected", READS)
def test_formulas_read_as_people_write(trace, height, heads, expected):
    assert str(trace.formula(READS[expected](height, heads))) == expected


def test_a_formula_in_every_form(trace, batch, height):
    formula = trace.formula(3 * batch * -(-height // 32) * gcd(height, 49) + 12_345)
    assert str(formula) == "12_345 + 3 * batch * ceil(height / 32) * gcd(height, 49)"
    assert formula.latex() == (
        r"12\,345 + 3 \cdot \mathrm{batch} \cdot \left\lceil \frac{\mathrm{height}}{32} \right\rceil"
        r" \cdot \gcd\left(\mathrm{height}, 49\right)"
    )
    assert formula.latex_guards() == (r"\mathrm{batch} \ge 1", r"\mathrm{height} \ge 1")
    assert formula.python("macs") == (
        "import math\n\n\n"
        "def macs(batch, height):\n"
        "    if not batch >= 1:\n"
        "        raise ValueError('macs holds for batch >= 1')\n"
        "    if not height >= 1:\n"
        "        raise ValueError('macs holds for height >= 1')\n"
        "    return 12_345 + 3 * batch * -(-height // 32) * math.gcd(height, 49)\n"
    )
    assert json.loads(json.dumps(formula.as_dict())) == {
        "text": str(formula),
        "variables": ["batch", "height"],
        "expression": {
            "op": "+",
            "args": [
                12345,
                {
                    "op": "*",
                    "args": [
                        3,
                        "batch",
                        {"op": "ceildiv", "args": ["height", 32]},
                        {"op": "gcd", "args": ["height", 49]},
                    ],
                },
            ],
        },
        "ranges": {"batch": [1, None], "height": [1, None]},
        "relations": [],
    }
    assert formula(batch=2, height=98) == 12_345 + 3 * 2 * 4 * 49


def test_latex_of_everything_else(trace):
    a, b = trace.symbol("a", 7), trace.symbol("b_c", 3)
    assert trace.formula(a % b).latex() == r"a \bmod \mathrm{b\_c}"
    assert trace.formula(a // b - 1).latex() == r"\left\lfloor \frac{a - \mathrm{b\_c}}{\mathrm{b\_c}} \right\rfloor"
    assert trace.formula(abs(a - b)).latex() == r"\left| a - \mathrm{b\_c} \right|"
    assert trace.formula(5 - a**2).latex() == "5 - a^{2}"
    assert trace.formula((a + 1) / b).latex() == r"\frac{a + 1}{\mathrm{b\_c}}"


def test_no_name_becomes_code(trace):
    names = ["class", "x=f()", "x-f()", "max", "2x", "\u00b2", "\ufb01", "fi", "\\input{a}"]
    total = sum((i + 2) * trace.symbol(name, i + 3) for i, name in enumerate(names))
    formula = trace.formula(total)
    scope: dict[str, Any] = {}
    exec(formula.python("total"), scope)  # noqa: S102 - what is tested
    values = range(10, 10 + len(names))
    assert scope["total"](*values) == formula(**dict(zip(formula.variables, values, strict=True)))
    assert scope["total"].__code__.co_varnames == (
        *("class_", "x_f__", "x_f___", "max_", "_2x", "_2", "fi", "fi_", "_input_a_"),
    )
    assert r"\input" not in formula.latex()
    assert r"\mathrm{?input?a?}" in formula.latex()


def test_a_formula_that_nobody_could_read_is_refused(trace):
    deep = trace.symbol("deep", 10**9)
    for _ in range(20):
        deep = deep * 7 // 11 + deep % 13
    formula = trace.formula(deep)
    with pytest.raises(ValueError, match="too many to be written"):
        str(formula)
    assert repr(deep).startswith("<symbolic number ")
    assert formula(deep=10**9) == deep.value


# Guards.


def test_equal_expressions_are_one_number_and_their_comparison_says_nothing(trace, height, width):
    assert (height + 1) * (width - 1) is height * width - height + width - 1
    assert (height + 1) * 2 == 2 * height + 2
    assert 2 * height != 2 * width + 1  # no even number is odd
    assert height * width >= 1
    assert height + 1 > 0
    assert trace.formula(height).guards == ("height >= 1",)


def test_guards_are_put_simply(trace, height, width):
    channels, groups, classes = trace.symbol("channels", 64), trace.symbol("groups", 4), trace.symbol("classes", 10)
    assert height > 7
    assert (height + 31) // 32 >= 7
    assert height // 2 <= 511
    assert not channels % groups
    assert classes in (5, 10)
    assert width * height != 100 * height
    assert (height + 1) // 2 < width
    assert height != width
    assert trace.formula(0).guards == (
        "193 <= height <= 1023",
        "width >= 1",
        "channels >= 1",
        "groups >= 1",
        "classes == 10",
        "channels % groups == 0",
        "width != 100",
        "2 * width >= height + 2",
        "height != width",
    )


def test_what_no_whole_number_can_be_says_nothing(trace, height, width):
    assert 6 * height * width != 4 * width
    assert 4 * width * height != 2 * width * width
    assert trace.formula(0).guards == ("height >= 1", "width >= 1", "2 * height != width")


def test_what_is_not_certain_is_a_guard(trace, height, width):
    few, none = trace.symbol("few", 3, low=0), trace.symbol("none", 0, low=0)
    assert largest(height, width) <= height + 5
    assert smallest(height, width) >= width - 5
    assert gcd(few, none) >= 1
    assert largest(height, width) * few >= height * few
    assert smallest(height, width) <= width
    assert trace.formula(0).guards == (
        "height >= 1",
        "width >= 1",
        "few >= 0",
        "none >= 0",
        "height + 5 >= width",
        "gcd(few, none) >= 1",
    )


def test_comparisons_with_fractions(trace, height):
    assert height > 0.5
    assert height <= 1000.5
    assert height != 3.25
    assert height < math.inf
    assert height >= 7.0
    assert height > 9.5
    assert trace.formula(height).guards == ("10 <= height <= 1000",)


def test_a_divisor_keeps_its_sign(trace):
    shift = trace.symbol("shift", -3, low=None)
    formula = trace.formula(7 // shift + 7 % shift)
    assert formula.guards == ("shift <= -1",)
    assert formula(shift=-2) == 7 // -2 + 7 % -2
    for value in (0, 2):
        with pytest.raises(ValueError, match="holds for shift <= -1"):
            formula(shift=value)
    with pytest.raises(ZeroDivisionError):
        shift // 0
    with pytest.raises(ZeroDivisionError):
        shift / (shift + 3)


def test_values_outside_are_refused(trace, height):
    formula = trace.formula(height // 2 if height >= 32 else 0)
    assert formula.variables == ("height",)
    assert formula(height=np.int64(33)) == 16
    assert formula.holds(height=32)
    assert not formula.holds(height=31)
    for values, message in (
        ({"height": 31}, "the formula holds for height >= 32"),
        ({}, "a value for height is missing"),
        ({"height": 32, "weight": 1}, "there is no variable 'weight', only height"),
    ):
        with pytest.raises(ValueError, match=message):
            formula(**values)
    with pytest.raises(TypeError):
        formula(height=32.5)
    with pytest.raises(ValueError, match="there is a symbol 'height' already"):
        trace.symbol("height", 3)
    with pytest.raises(ValueError, match="'depth' is 0, and must be 1 or more"):
        trace.symbol("depth", 0)


# Where a plain number is needed, a guard says which.


PLAIN = {
    "range": lambda heads: list(range(heads)),
    "index": lambda heads: "abcdefgh"[heads],
    "repeat": lambda heads: (1,) * heads,
    "slice": lambda heads: [0, 1, 2, 3, 4, 5][:heads],
    "int": int,
    "float": float,
    "operator": operator.index,
    "power": lambda heads: 2**heads,
    "gcd": lambda heads: math.gcd(heads, 6),
    "digits": lambda heads: round(heads, -1),
    "finite": math.isfinite,
}


@pytest.mark.parametrize("use", PLAIN.values(), ids=PLAIN)
def test_a_plain_number_is_a_guard(trace, heads, use):
    use(heads)
    assert trace.formula(heads).guards == ("heads == 4",)
    assert use(heads) == use(4)


def test_rules_see_numbers(trace, heads):
    rate = trace.symbol("rate", 0.5)
    assert isinstance(heads, int)
    assert isinstance(heads, int | float)
    assert not isinstance(heads, bool | float | str)
    assert isinstance(rate, float)
    assert heads is not None
    same: Any = "same"
    assert heads != same
    assert heads not in (None, same)
    assert str(heads) == f"{heads}" == "4"
    assert trace.formula(heads).guards == ("heads >= 1",)
    with pytest.raises(TypeError, match="cannot be hashed"):
        {heads}  # noqa: B018 - what is refused
    with pytest.raises(TypeError, match="is not whole"):
        range(rate)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        heads & 3
    with pytest.raises(TypeError):
        heads + same
    with pytest.raises(TypeError):
        heads**same


def test_what_is_on_the_left_keeps_the_trail(trace, heads):
    for number, text in (
        (True * heads, "heads"),
        (False * heads, "0"),
        (True + heads, "heads + 1"),
        (12 - heads, "12 - heads"),
        (100 // heads, "100 // heads"),
        (100 % heads, "100 - heads * (100 // heads)"),
        (divmod(100, heads)[0], "100 // heads"),
        (divmod(heads, 3)[1], "heads % 3"),
        (0.5 * heads, "0.5 * heads"),
        (1 / heads, "1 / heads"),
        (sum([heads, heads]), "2 * heads"),
        (size((heads, 3, heads)), "3 * heads ** 2"),
        (+heads, "heads"),
        (math.ceil(heads), "heads"),
        (round(heads), "heads"),
        (math.trunc(heads), "heads"),
    ):
        assert str(trace.formula(number)) == text.replace("100 - heads * (100 // heads)", "100 % heads")
    assert trace.formula(heads).guards == ("heads >= 1",)


def test_numbers_are_told_apart_by_what_they_are(trace, height, width):
    same = trace.symbol("same", 224)
    assert repr({"units": height * 2}) == "{'units': <2 * height>}"
    assert len({repr(number) for number in (height, same, width, height + 0, height * 1.0)}) == 4
    assert height.called("pad") is height


def test_merges_of_equal_sizes_hold_for_every_size(trace, batch, height, width):
    half = -(-height // 2)
    assert broadcast(((batch, half, 3), (batch, (height + 1) // 2, 3))) == (batch, half, 3)
    assert trace.formula(half).guards == ("height >= 1",)
    # What meets a 1 is what comes out, whatever its size.
    assert broadcast(((batch, half, 1), (batch, 1, width)))[1:] == (half, width)
    assert trace.formula(half).guards == ("height >= 1",)


# Fractions.


def test_fractions_keep_their_order_and_their_guards(trace):
    alpha, filters = trace.symbol("alpha", 0.75), trace.symbol("filters", 64)
    scaled = filters * alpha + 0.1 - 0.1
    units = max(math.floor(scaled + 0.5), 8) if scaled > 4 else 4
    formula = trace.formula(3 * units)
    assert str(formula) == "3 * floor(filters * alpha + 0.1 - 0.1 + 0.5)"
    assert formula.guards == (
        "filters >= 1",
        "floor(filters * alpha + 0.1 - 0.1 + 0.5) >= 8",
        "filters * alpha + 0.1 - 0.1 > 4",
    )
    for value in (0.5, 0.7, 1.3):
        assert formula(alpha=value, filters=100) == 3 * math.floor(100 * value + 0.1 - 0.1 + 0.5)
    assert formula.python().startswith("import math")


def test_whole_numbers_of_fractions(trace):
    width = trace.symbol("width", 64)
    alpha = trace.symbol("alpha", 1.5)
    assert (width / 2).is_integer()
    assert int(width / 2) == 32
    assert int(alpha * 3) == 4
    assert round(alpha * 3) == 4
    assert abs(-alpha) == 1.5
    formula = trace.formula(round(alpha * 32))
    assert formula.holds(width=64, alpha=1.5)
    assert not formula.holds(width=66, alpha=1.5)
    assert not formula.holds(width=64, alpha=1.75)
    with pytest.raises(TypeError):
        alpha // "x"


def test_a_formula_may_have_no_value(trace, heads):
    formula = trace.formula((heads - 5) ** -2)
    assert formula(heads=7) == 0.25
    with pytest.raises(ValueError, match="the formula has no value there"):
        formula(heads=5)
    columns, holds = Table({"figure": formula})(heads=[4, 5, 7])
    assert holds.tolist() == [True, False, True]
    assert columns["figure"].tolist()[::2] == [1.0, 0.25]


# Many values.


def test_numbers_beyond_64_bits_are_exact(trace, height, batch):
    formula = trace.formula(height**4 * batch - 7)
    columns, holds = Table({"figure": formula})(height=[10**3, 10**9], batch=[[1], [9]])
    assert columns["figure"].tolist() == [[10**12 - 7, 10**36 - 7], [9 * 10**12 - 7, 9 * 10**36 - 7]]
    assert columns["figure"].dtype == object
    assert holds.all()
    few, _ = Table({"figure": formula})(height=[10**3], batch=[9])
    assert few["figure"].dtype == np.int64


def test_values_are_checked(trace, height):
    table = Table({"figure": trace.formula(height // 2)})
    for values, message in (
        ({}, "values for height are missing"),
        ({"height": 1, "depth": 2}, "there is no variable 'depth', only height"),
    ):
        with pytest.raises(ValueError, match=message):
            table(**values)
    for fractions in ([1.5], np.array([1.0])):
        with pytest.raises(TypeError, match="cannot be interpreted as an integer"):
            table(height=fractions)
    columns, holds = table(height=np.array([], dtype=np.int64))
    assert columns["figure"].size == holds.size == 0
    unsigned, _ = table(height=np.array([2**63 + 2], dtype=np.uint64))
    assert unsigned["figure"].tolist() == [2**62 + 1]


def test_divisors_of_0_are_outside(trace, height, heads):
    table = Table({"figure": trace.formula(height // heads + height % (heads - 2))})
    columns, holds = table(height=100, heads=np.arange(-2, 6))
    assert holds.tolist() == [False] * 5 + [True] * 3
    assert columns["figure"].tolist()[5:] == [33, 25, 20 + 1]


def test_many_values_are_computed_block_by_block(trace, height, batch):
    formula = trace.formula(batch * largest(height // 2, smallest(height, 9)) + gcd(height, 6))
    table = Table({"figure": formula, "constant": trace.formula(7)})
    values = np.arange(1, 3 * BLOCK)
    for given in ({"height": values, "batch": 5}, {"height": values[:, None], "batch": np.array([[5, 6]])}):
        columns, holds = table(**given)
        assert holds.all()
        assert columns["figure"].shape == columns["constant"].shape == holds.shape
        for at in (0, BLOCK, 3 * BLOCK - 2):
            assert columns["figure"][at].flat[0] == formula(height=int(values[at]), batch=5)


def test_formulas_of_one_trace_share_its_guards(trace, height, batch):
    assert height >= 10
    table = Table({"one": trace.formula(batch), "other": trace.formula(batch * height)})
    columns, holds = table(height=[9, 10], batch=[[1], [2]])
    assert table.variables == ("height", "batch")
    assert holds.tolist() == [[False, True], [False, True]]
    assert columns["one"].tolist() == [[1, 1], [2, 2]]


def test_a_constant_needs_no_values(trace):
    columns, holds = Table({"figure": trace.formula(10**30)})()
    assert columns["figure"][()] == 10**30
    assert holds
    assert type(trace.symbol("n", 3)) is Symbolic

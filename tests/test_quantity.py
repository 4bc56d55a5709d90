"""Quantities of `expect`: what holds, what does not, what is none."""

from __future__ import annotations

import pytest

from archinspect.base.quantity import parse_quantity


@pytest.mark.parametrize(
    ("text", "holds", "fails"),
    [
        ("1_000", [1000], [999, 1001]),
        ("1,000", [1000], [999]),
        (1000, [1000], [1001]),
        ("= 5", [5], [4]),
        ("== 5", [5], [6]),
        ("4.1 G", [4_050_000_000, 4_100_000_000, 4_150_000_000], [4_049_999_999, 4_150_000_001]),
        ("4.10 G", [4_095_000_000, 4_105_000_000], [4_094_999_999, 4_105_000_001]),
        ("4G", [3_500_000_000, 4_500_000_000], [3_499_999_999]),
        ("118 M", [117_500_000, 118_500_000], [118_500_001]),
        ("1.5 k", [1450, 1550], [1449, 1551]),
        ("1.5 K", [1500], [1551]),
        ("1.0 T", [950_000_000_000], [949_999_999_999]),
        ("1.814 G ± 0.1%", [1_814_073_344, 1_812_186_000], [1_812_185_999, 1_815_814_001]),
        ("100 +- 5", [95, 105], [94, 106]),
        ("100 +/- 5 %", [95, 105], [94, 106]),
        ("2 M ± 1 k", [1_999_000, 2_001_000], [1_998_999, 2_001_001]),
        ("0 ± 3", [0, 3], [4]),
        ("<= 5 M", [0, 5_000_000], [5_000_001]),
        ("<5M", [4_999_999], [5_000_000]),
        (">= 1 k", [1000, 10**30], [999]),
        ("> 0", [1], [0]),
        ("1 KiB", [512, 1024, 1536], [511, 1537]),
        ("36.5 MiB", [38_273_024], [39_000_000]),
        ("10 B", [10], [11]),
        ("1e6", [1_000_000], [999_999]),
        ("1.5e3", [1500], [1499]),
        (1e6, [1_000_000], [1]),
        ("0", [0], [1]),
        ("9" * 40, [int("9" * 40)], [int("9" * 40) - 1]),
    ],
)
def test_holds(text, holds, fails):
    quantity = parse_quantity(text)
    assert [value for value in holds if not quantity.holds(value)] == []
    assert [value for value in fails if quantity.holds(value)] == []


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "many",
            "-5",
            "5 X",
            "5 m",
            "5 g",
            "5 GX",
            "G",
            "5 5",
            "5 G G",
            "<> 5",
            "=> 5",
            "!= 5",
            "5 ±",
            "± 5",
        ),
        *("5 ± 1 X", "5 ± -1", "1.", ".5", "1.2.3", "0x10", "1e999", "1e", "5%", "5\n6", "9" * 101),
        *(True, False, None, [], {}, float("nan"), float("inf")),
    ],
)
def test_is_no_quantity(text):
    with pytest.raises(ValueError, match="a quantity: "):
        parse_quantity(text)


def test_b_is_a_byte_or_a_billion_of_what_is_counted():
    assert parse_quantity("<= 8 B").holds(8)
    assert not parse_quantity("<= 8 B").holds(9)
    assert parse_quantity("8 B ± 0.1 B", of_bytes=False).holds(8_100_000_000)
    assert not parse_quantity("<= 8 B", of_bytes=False).holds(8_000_000_001)

"""Which columns fit into a terminal, to the character."""

from typing import NamedTuple

import pytest

from archinspect.render.widths import GAP, narrow


class Column(NamedTuple):
    title: str
    keep: int


COLUMNS = {"layer": Column("Layer", 9), "first": Column("12345", 2), "second": Column("1234567", 1)}
CELLS = {"layer": ["stage1.conv.bn"], "first": ["1"], "second": ["22"]}
"""Names of 14 characters, and columns as wide as their titles: 5 and 7."""
ALL = 14 + 5 + 7 + 2 * GAP


def fitted(width, *, layer_width=8, least=1, cells=CELLS):
    return narrow(cells, COLUMNS, width, layer_width=layer_width, least=least)


def test_what_fits_to_the_character_stays_whole():
    assert fitted(ALL) == (CELLS, [])
    assert fitted(ALL + 50) == (CELLS, [])


def test_names_give_way_before_columns():
    shown, hidden = fitted(ALL - 1)
    assert (shown["layer"], hidden) == (["…age1.conv.bn"], [])
    shown, hidden = fitted(ALL - 6)
    assert (shown["layer"], hidden) == (["…conv.bn"], [])


def test_then_the_least_important_column_goes():
    shown, hidden = fitted(ALL - 7)
    assert shown == {"layer": ["stage1.conv.bn"], "first": ["1"]}
    assert hidden == ["second"]


@pytest.mark.parametrize(
    ("least", "left"), [(1, ["layer"]), (2, ["layer", "first"]), (3, ["layer", "first", "second"])]
)
def test_so_many_columns_stay_however_narrow_it_is(least, left):
    shown, hidden = fitted(3, least=least)
    assert list(shown) == left
    assert shown["layer"] == ["…conv.bn"]
    assert hidden == [name for name in CELLS if name not in left]


def test_a_wide_character_takes_two_cells():
    cells = {"layer": ["a"], "first": ["数数数"]}
    assert fitted(5 + 6 + GAP - 4, cells=cells, layer_width=1)[1] == []
    assert fitted(5 + 6 + GAP - 5, cells=cells, layer_width=1)[1] == ["first"]

"""A table of layers in a terminal: which columns fit, to the character, and its lines."""

import io
from typing import NamedTuple

import pytest
from rich.console import Console

import archinspect
from archinspect.render.layers import GAP, SHORTEST, LineTable, keep_end, keep_start
from archinspect.render.styled import Page, write


class Column(NamedTuple):
    title: str
    keep: int
    number: bool = True


COLUMNS = {"layer": Column("Layer", 9, number=False), "first": Column("12345", 2), "second": Column("1234567", 1)}
CELLS = {"layer": ["stage1.block.conv.bn"], "first": ["1"], "second": ["22"]}
"""Names of 20 characters, and columns as wide as their titles: 5 and 7."""
GAPS = 2 * len(GAP)
ALL = 20 + 5 + 7 + GAPS


def fitted(width, *, layer_width=14, least=1, cells=CELLS):
    shown = LineTable(cells, COLUMNS).fitting(width, least_width=layer_width, least=least)
    return {name: [text.strip() for text in texts[1:]] for name, texts in shown.items()}


def test_a_pipe_gets_what_a_console_without_colors_gets(capsys):
    parts = [("bold", "bold"), ("  wide 数字 " * 20, "dim"), ("\n\nlines\n", "none"), ("", "red"), ("[x]\n", "green")]
    write(Page(80), parts)
    stream = io.StringIO()
    write(Console(file=stream, width=80, color_system=None), parts)
    assert stream.getvalue() == capsys.readouterr().out == "".join(text for text, _ in parts)


@pytest.mark.parametrize("cut", [keep_end, keep_start])
def test_a_text_as_wide_as_its_room_is_not_cut(cut):
    assert [cut("数b1", width) for width in (5, 4)] == ["数b1"] * 2
    assert len(cut("数b1", 3)) == 3 - (cut is keep_start)


def test_what_fits_to_the_character_stays_whole():
    assert fitted(ALL) == CELLS
    assert fitted(ALL + 50) == CELLS


def test_names_give_way_before_columns():
    assert fitted(ALL - 1) == CELLS | {"layer": ["…age1.block.conv.bn"]}
    assert fitted(ALL - 6) == CELLS | {"layer": ["…block.conv.bn"]}


def test_then_the_least_important_column_goes():
    assert fitted(ALL - 7) == {"layer": ["stage1.block.conv.bn"], "first": ["1"]}


def test_of_the_least_columns_names_give_way_further():
    assert fitted(ALL - 7, least=3) == CELLS | {"layer": ["…lock.conv.bn"]}
    least = SHORTEST + 5 + 7 + GAPS
    assert fitted(least, least=3) == CELLS | {"layer": ["…ock.conv.bn"]}
    assert list(fitted(least - 1, least=3)) == ["layer", "first"]


@pytest.mark.parametrize("least", [1, 2, 3])
def test_however_narrow_it_is_names_stay(least):
    assert fitted(3, least=least) == {"layer": ["…bn"]}
    assert fitted(1, least=least) == {"layer": ["…"]}


def test_a_wide_character_takes_two_cells():
    cells = {"layer": ["a"], "first": ["数数数"]}
    assert list(fitted(5 + 6 + 3, cells=cells)) == ["layer", "first"]
    assert list(fitted(5 + 6 + 2, cells=cells)) == ["layer"]
    assert fitted(4, cells={"layer": ["层数数"]}) == {"layer": ["… 数"]}


def test_without_names_there_is_no_gap_for_them():
    cells = {"first": ["1"], "second": ["22"]}
    assert fitted(5 + 7 + len(GAP), cells=cells) == cells
    assert fitted(5 + 7 + len(GAP) - 1, cells=cells) == {"first": ["1"]}


def test_without_names_all_columns_can_not_go():
    assert fitted(1, cells={"first": ["1"], "second": ["22"]}) == {"first": ["1"]}


@pytest.mark.parametrize(("encoding", "rule"), [("utf-8", "─"), ("ascii", "-")])
def test_lines_end_to_the_character(encoding, rule):
    """The name at the left, numbers at the right, three spaces between them."""
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding=encoding), width=ALL)
    assert LineTable(CELLS, COLUMNS).print(console, least_width=14, least=1) == []
    console.file.flush()
    assert raw.getvalue().decode(encoding).split("\n") == [
        "Layer                  12345   1234567",
        rule * ALL,
        "stage1.block.conv.bn       1        22",
        "",
    ]


def test_names_have_their_style_and_figures_none():
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, color_system="standard", width=ALL)
    LineTable(CELLS, COLUMNS).print(console, least_width=14, least=1, styles={"layer": ["green"]})
    assert "\x1b[32mstage1.block.conv.bn\x1b[0m       1" in written.getvalue()


@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
def test_a_group_of_numbers_without_axes_has_no_channels(run, tmp_path, layout):
    path = tmp_path / "net.yaml"
    path.write_text(
        f"input: []\nlayout: {layout}\nlayers: [{{repeat: 2, name: a, layers: [ReLU, GELU]}}]\n", encoding="utf-8"
    )
    assert run("compute", str(path)).exit_code == 0
    (row,) = archinspect.inspect(path).fold(1)
    assert row.label == "a"

"""A terminal without Rich: what a page shows is to the byte what a console of Rich's shows."""

import io
import json
import os
import sys

import pytest
from command_line import run

from archinspect import api
from archinspect.cli import common
from archinspect.render.rows import view
from archinspect.render.styled import folded
from archinspect.render.table import print_summary


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def shown(report, monkeypatch, make):
    """Return the width of a terminal, and what is shown there."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    console = make()
    rows = view(report, "table", depth=None, expand=None, columns=None, sort=None)
    print_summary(report, rows, console, has_edge=common.has_edge(console))
    return console.width, stream.getvalue()


@pytest.mark.parametrize("name", ["vgg16", "resnet50", "gpt2", "yolov8n"])
@pytest.mark.parametrize(
    ("variables", "codes", "has_colors"),
    [
        *[({"COLUMNS": str(width)}, "\x1b[1m", True) for width in (40, 80, 120, 200)],
        ({"COLUMNS": "100", "NO_COLOR": "1"}, "\x1b[1m", False),
        ({"COLUMNS": "100", "NO_COLOR": ""}, "\x1b[1m", True),
        ({"COLUMNS": "100", "TERM": "dumb"}, "", False),
        ({"COLUMNS": "100", "TERM": "xterm"}, "\x1b[1m", False),
        ({"COLUMNS": "100", "TERM": "XTERM", "COLORTERM": " TrueColor "}, "\x1b[1m", True),
        ({"COLUMNS": "100", "TERM": "xterm-kitty"}, "\x1b[1m", True),
        ({"COLUMNS": "100", "TERM": "xterm-16color", "COLORTERM": "yes"}, "\x1b[1m", False),
        ({"COLUMNS": "0"}, "\x1b[1m", True),
        ({}, "\x1b[1m", True),
    ],
)
def test_a_page_is_what_rich_would_show(name, variables, codes, has_colors, monkeypatch):
    for variable in ("COLUMNS", "LINES", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in {"TERM": "xterm-256color", **variables}.items():
        monkeypatch.setenv(variable, value)
    report = api.inspect(name)
    page = shown(report, monkeypatch, common.stdout_page)
    assert page == shown(report, monkeypatch, common.stdout_console)
    assert codes in page[1]
    assert ("\x1b" in page[1]) is bool(codes)
    assert ("38;5;" in page[1]) is has_colors


def test_a_terminal_that_says_its_width_is_believed(monkeypatch):
    sizes = {1: 90, 2: 70}

    def size(stream):
        if stream not in sizes:
            raise OSError(stream)
        return type("Size", (), {"columns": sizes[stream]})

    monkeypatch.setattr(os, "get_terminal_size", size)
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert common.stdout_page().width == 90
    sizes.clear()
    assert common.stdout_page().width == 80


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_word_of_the_head_is_cut(width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "dumb")
    report = api.inspect("resnet50")
    head, _, _ = shown(report, monkeypatch, common.stdout_page)[1].partition("\n\n")
    assert max(map(len, head.splitlines())) <= width
    assert head.split() == f"{report.name} {report.source} {report.description} input (None, 224, 224, 3)".split()


LONG = "a_group_with_a_long_name_indeed.the_first_dense_layer"


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("a b", 3, ["a b"]),
        ("aa bb cc", 5, ["aa bb", "cc"]),
        ("aa bb-cc", 4, ["aa", "bb-cc"]),  # no place to end in
        (f"in {LONG}", 20, ["in a_group_with_a_", "long_name_indeed.", "the_first_dense_", "layer"]),
        ("\u4e00\u4e00 \u4e00", 5, ["\u4e00\u4e00", "\u4e00"]),
    ],
)
def test_lines_end_between_words(text, width, lines):
    assert folded(text, width).split("\n") == lines


def test_lines_after_others_and_lines_that_go_on():
    assert folded("aa bb cc", 6, after=4, indent="  ") == "aa\n  bb\n  cc"
    assert folded("  aa bb", 4) == "  aa\nbb"


@pytest.mark.parametrize(
    "command",
    ["memory X", "formula X", "compute X", "explain X group", "fit X --memory 1GiB --vary A", "diff X lenet5"],
)
@pytest.mark.parametrize("width", [60, 80])
def test_long_names_and_titles_fit(tmp_path, command, width):
    path, name = tmp_path / "net.yaml", "a_parameter_with_a_really_very_long_name"
    layers = [{"Dense": f"${name}", "name": f"layer_{i}_{'x_' * 40}"} for i in range(2)]
    spec = {
        "name": "a long title " * 9,
        "params": {name: 3},
        "input": [8],
        "layers": [{"layers": layers, "name": "group"}],
    }
    path.write_text(json.dumps(spec), encoding="utf-8")
    words = [{"X": str(path), "A": name}.get(word, word) for word in command.split()]
    result = run(*words, COLUMNS=str(width))
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= width


@pytest.mark.parametrize("width", [10, 40, 80])
def test_no_number_of_the_totals_is_cut(width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "dumb")
    report = api.inspect("resnet50")
    text = shown(report, monkeypatch, common.stdout_page)[1]
    assert text.split().count(f"{report.totals.params:,}") == 2  # trainable ones, too
    assert width < 80 or max(map(len, text.splitlines())) <= width

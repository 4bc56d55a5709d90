"""The layout of specs: what it makes of texts, and that it changes nothing but blanks, quotes and lines."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from command_line import run

import archinspect
from archinspect.base.source import Source, SourceError, read_file
from archinspect.base.yaml_core import read_tree
from archinspect.language import library
from archinspect.language.layout import formatted

CASES = [
    ("input:   [8 ,8,3]\nlayers: [ ReLU,{Dense : 3} ]\n", "input: [8, 8, 3]\nlayers: [ReLU, {Dense: 3}]\n"),
    ("layers:\n- Dense: 3\n-   Dense:\n        units: 4\n", "layers:\n  - Dense: 3\n  - Dense:\n      units: 4\n"),
    ("a: 'x'\nb: 'x y'\nc: 'it''s'\nd: \"3\"\ne: '3'\n", 'a: x\nb: "x y"\nc: \'it\'\'s\'\nd: "3"\ne: "3"\n'),
    ("a: {b, c: }\nd:\ne: ~\n", "a: {b: , c: }\nd:\ne: ~\n"),
    ("\n\na: 1\n\n\n\nb: 2\n\n", "a: 1\n\nb: 2\n"),
    ("a: 1\r\nb: 2\r\n", "a: 1\nb: 2\n"),
    ("--- # first\na: 1", "---\n# first\na: 1\n"),
    ("a: 1   # one\n  # two\nb:   #three\n  - 2\n", "a: 1 # one\n# two\nb: #three\n  - 2\n"),
    ("a:\n  - 1\n  # inside\n# outside\nb: 2\n# last\n", "a:\n  - 1\n  # inside\n# outside\nb: 2\n# last\n"),
    ("a:\n  - b: {c: 1, # one\n      d: 2} # two\n", "a:\n  - b: # two\n      c: 1 # one\n      d: 2\n"),
    ("a:\n  - {b: {c: 1, # one\n      d: 2}} # two\n", "a:\n  # two\n  - b:\n      c: 1 # one\n      d: 2\n"),
    ("a: >-\n      some\n      text\nb: |\n   x\n    y\n", "a: >-\n  some\n  text\nb: |\n  x\n   y\n"),
    ("a: |\n   x", "a: |-\n  x\n"),
    ("a:\n    - b: |4-\n           x\n          y\n", "a:\n  - b: |2-\n       x\n      y\n"),
    ("a: >2+ # b - c\n    x", "a: >2- # b - c\n    x\n"),
    ("a: some\n   text # c\nb: 'x\n  y'\n", 'a: some text # c\nb: "x y"\n'),
    ("a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}\n", "a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}\n"),
    ("a: &x\n    b: 1\nc: *x\n", "a: &x\n  b: 1\nc: *x\n"),
    ('a: "${b, c}"\nd: "$e"\n', 'a: "${b, c}"\nd: $e\n'),
    ("- - 1\n  - 2\n-\n  - 3\n", "- - 1\n  - 2\n- - 3\n"),
    ("a: 'see # this'\nb: x#y\n", 'a: "see # this"\nb: x#y\n'),
]


def laid_out(text, **options):
    return formatted(Source("text", text), **options)


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_layout(text, expected):
    assert laid_out(text) == expected
    assert laid_out(expected) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (  # comments go with their keys; input and params stay as they are
            "layers: [ReLU] # l\n\n# about p\nparams: {a: 1}\n# about i\ninput: [8]\nname: n\n# end\n",
            "name: n\n\n# about p\nparams: {a: 1}\n# about i\ninput: [8]\nlayers: [ReLU] # l\n# end\n",
        ),
        ("layers: [ReLU]\n\nname: n\ninput: [8]\n", "name: n\ninput: [8]\n\nlayers: [ReLU]\n"),
        ("# file\n\nmodel: [ReLU]\nname: n\n", "# file\n\nname: n\nmodel: [ReLU]\n"),
        ("# yaml-language-server: x\ninput: [8]\nname: n\n", "# yaml-language-server: x\nname: n\ninput: [8]\n"),
        ("# of the file, or of the input\ninput: [8]\nname: n\n", None),
        ("input: [8]\nx-own: 1\nname: n\n", None),
        ("layers: [&a ReLU, *a]\ninput: [8]\n", None),
        ("layers: [&a ReLU]\ninput: [8]\n", "input: [8]\nlayers: [&a ReLU]\n"),
        ("{layers: [ReLU], input: [8]}\n", None),
    ],
)
def test_order_of_keys(text, expected):
    expected = text if expected is None else expected
    assert laid_out(text) == expected
    assert laid_out(expected) == expected


@pytest.mark.parametrize("name", ["lenet5", "alexnet", "unet"])
def test_figures_stay(name, tmp_path):
    """A spec of which the keys are shuffled is put in order again, and has the same figures."""
    text = read_file(library.builtins()[name]).text
    sections = [one for one in re.split(r"^(?=\w)", text, flags=re.MULTILINE) if one and not one.startswith("#")]
    random.Random(name).shuffle(sections)
    found = laid_out("".join(sections))
    keys = re.findall(r"^\w+", found, re.MULTILINE)
    assert keys.index("name") == 0
    assert keys.index("layers") == len(keys) - 2
    file = tmp_path / "net.yaml"
    file.write_text(found, encoding="utf-8")
    assert archinspect.inspect(file).totals == archinspect.inspect(name).totals


def test_lines_are_broken_where_they_can_be():
    step = "{Conv2D: {filters: 4, kernel_size: 3, padding: same, use_bias: false}, name: first}"
    assert laid_out(f"layers: [{step}, ReLU]\n", width=80) == (
        "layers:\n  - Conv2D: {filters: 4, kernel_size: 3, padding: same, use_bias: false}\n    name: first\n  - ReLU\n"
    )
    numbers = ", ".join(map(str, range(40)))
    found = laid_out(f"a: [{numbers}]\n", width=50)
    assert max(map(len, found.splitlines())) <= 50
    assert found.startswith("a: [0, 1, 2,")
    assert laid_out(found, width=1000) == f"a: [{numbers}]\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: {} # c\n", "a: one two three four five six seven\n  eight # c\n"),
        ("a:\n  - - - {} # c\n", "a:\n  - - - one two three four five six\n        seven eight # c\n"),
        ("a: &x [{}] # c\n", "a: &x [one two three four five six seven\n  eight] # c\n"),
        ("a: {}  nine # two blanks\n", "a: one two three four five six seven eight  nine # two blanks\n"),
    ],
)
def test_long_values_are_wrapped(text, expected):
    text = text.format("one two three four five six seven eight")
    found = laid_out(text, width=40)
    assert found == expected
    assert laid_out(found, width=40) == found


@pytest.mark.parametrize("name", library.builtins())
def test_built_in_specs_are_laid_out(name):
    text = read_file(library.builtins()[name]).text
    assert laid_out(text) == text


COMMENTS = ("# own", "# a: 1", "#none", "# {", "# ' \"")


@pytest.mark.parametrize("seed", range(100))
def test_nothing_is_lost(seed):
    """Comments, blank lines and breaks put in at random places are still there, once, and stay where they are."""
    rng = random.Random(seed)
    lines = read_file(rng.choice([*library.builtins().values()])).text.splitlines()
    for _ in range(8):
        place, comment = rng.randrange(len(lines)), rng.choice(COMMENTS)
        if rng.random() < 0.4:
            lines.insert(place, " " * rng.randrange(12) + comment)
        elif rng.random() < 0.4:
            lines[place] += f"  {comment}"
        elif "{" in lines[place]:
            lines[place] = lines[place].replace(", ", f", {comment}\n" + " " * 30, 1)
        else:
            lines.insert(place, "")
    source = Source("text", "\n".join(lines))
    try:
        values = read_tree(source).plain()
    except SourceError:  # a comment cut a text in two
        return
    found = formatted(source)
    assert read_tree(Source("text", found)).plain() == values
    assert found.count("#") == source.text.count("#")
    assert laid_out(found) == found


@pytest.mark.parametrize("text", ["a: [1", "a: {b: 1}\na: 2\n", "", "a: 1\x85b: 2\n", "a: !x 3\n"])
def test_what_cannot_be_read_is_refused(text):
    with pytest.raises(SourceError):
        laid_out(text)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text("input: [8]\nlayers:\n  - Dense: 4\n")
    (tmp_path / "bad.yaml").write_text("input:  [8]\nlayers:\n- Dense: 4 # four\n")
    (tmp_path / "compose.yaml").write_text("services:   {}\n")
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_files_are_written():
    result = run("fmt")
    assert (result.exit_code, result.stdout) == (0, "1 file reformatted, 1 file left unchanged\n")
    assert Path("bad.yaml").read_text() == "input: [8]\nlayers:\n  - Dense: 4 # four\n"
    assert Path("compose.yaml").read_text() == "services:   {}\n"
    assert run("fmt").stdout == "2 files left unchanged\n"


@pytest.mark.usefixtures("folder")
def test_a_check_writes_nothing():
    before = Path("bad.yaml").read_text()
    result = run("fmt", "--check")
    assert result.stdout == "Would reformat: bad.yaml\n1 file would be reformatted, 1 file already formatted\n"
    assert result.exit_code == 1
    assert run("fmt", "--check", "good.yaml").exit_code == 0
    result = run("fmt", "--diff")
    assert result.exit_code == 1
    assert "-input:  [8]\n+input: [8]\n" in result.stdout
    assert result.stderr == "1 file would be reformatted, 1 file already formatted\n"
    assert Path("bad.yaml").read_text() == before


def test_what_cannot_be_read_stops_no_other(folder):
    (folder / "broken.yaml").write_text("input: [8\nlayers: []\n")
    result = run("fmt")
    assert result.exit_code == 2
    assert "broken.yaml:" in result.stderr
    assert result.stdout == "1 file reformatted, 1 file left unchanged\n"
    assert (folder / "broken.yaml").read_text() == "input: [8\nlayers: []\n"


@pytest.mark.usefixtures("folder")
def test_standard_input_goes_to_standard_output():
    assert run("fmt", "-", stdin="input:  [8]\n").stdout == "input: [8]\n"
    assert run("fmt", "-", "--check", stdin="input:  [8]\n").exit_code == 1
    result = run("fmt", "-", "--stdin-filename", "net.yaml", stdin="input:  [8\n")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "net.yaml:" in result.stderr


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", ["vgg16", "there_is_none.yaml"])
def test_what_is_no_file_is_told(name):
    result = run("fmt", name)
    assert result.exit_code == 2
    assert f"there is no file '{name}'" in result.stderr


def test_the_length_of_lines(folder):
    (folder / "archinspect.toml").write_text("line-length = 40\n")
    (folder / "long.yaml").write_text("input: [8]\nlayers: [{Dense: {units: 10, use_bias: false}}, ReLU]\n")
    run("fmt", "long.yaml")
    assert max(map(len, Path("long.yaml").read_text().splitlines())) <= 40
    assert run("fmt", "long.yaml", "--line-length", "39").exit_code == 2

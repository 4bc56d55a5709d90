"""Text of a file steers nothing that shows it, wherever in a spec it stands and whatever prints it."""

from __future__ import annotations

import csv
import io
import json
import os
import re

import pytest
from command_line import run
from hypothesis import given, settings
from hypothesis import strategies as st

import archinspect
from archinspect.base.printable import printable
from archinspect.render.data import csv_text, json_pieces, json_text, markdown

COMMANDS = [
    *(
        ("check", "--format", form)
        for form in ("full", "concise", "json", "gitlab", "sarif", "junit", "rdjson", "table", "csv", "markdown")
    ),
    *(("check", option) for option in ("--statistics", "--show-files")),
    *(("summary", "--format", form) for form in ("table", "json", "csv", "markdown")),
    *(("summary", option) for option in ("--memory", "--methods")),
    *(("explain", "--format", form) for form in ("table", "json", "csv", "markdown")),
    *(("memory", "--format", form) for form in ("table", "json", "csv", "markdown")),
    *(("compute", "--format", form) for form in ("table", "json", "csv", "markdown")),
    *(("formula", "--format", form) for form in ("text", "json", "csv", "markdown", "latex", "python")),
    *(("compare", "lenet5", "--format", form) for form in ("table", "json", "csv", "markdown")),
    *(("sweep", "--batch", "1,2", "--format", form) for form in ("table", "json", "csv", "markdown")),
    *(
        ("chart", "--y", "macs", "--x", "params", "--format", form)
        for form in ("table", "json", "csv", "markdown", "svg")
    ),
    *(("summary", option) for option in ("--oneline", "--expand")),
    ("fit", "--memory", "1GiB"),
    *(("diff", "lenet5", "--format", form) for form in ("table", "markdown")),
    ("convert",),
]
# What a terminal obeys, what turns text around, what is not seen; and what a CI runner takes for a command.
STEERS = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
ORDERS = re.compile(r"^\s*::|##\[|##vso\[", re.MULTILINE)
TEXTS = st.one_of(
    st.sampled_from(
        [
            *("\x1b]0;title\x07\x1b[2J", "\x9b31m", "a\rb", "\u202elive", "a\0b", "a\nb\n", "\x85", "\u2028", "\u200b"),
            *("::error::x", "a\n::error::x", "a ::warning::x", "##[error]x", "##vso[task.complete]x", "[red]x[/red]"),
            *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "|", "# x", "<script>alert(1)</script>", "[a](http://b)"),
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12),
)


def _spec(place: str, text: str) -> str:
    """Return a spec with the text in one place."""
    here = {
        "title": "t",
        "key": "k",
        "name": "n",
        "block": "b",
        "input": "i",
        "value": "v",
        "op": "ReLU",
        "from": "n",
    } | {place: text}
    tree: dict = {
        "name": here["title"] if place == "title" else "x",
        "source": here["title"] if place == "title" else "y",
        "description": here["title"],
        "metrics": {here["key"]: here["value"]},
        "params": {"p": here["value"], here["key"]: 1},
        "inputs": {here["input"]: [8]},
        "blocks": {here["block"]: {"layers": ["ReLU"]}},
        "layers": [
            {"Dense": {"units": here["value"] if place == "value" else 4, "activation": "relu"}, "name": here["name"]},
            {here["op"]: None, "from": here["from"]},
            here["block"],
        ],
    }
    if place == "argument":
        tree["layers"].append({"Dense": {"units": 4, text: 3, "activation": text}})
    if place == "expression":
        tree["layers"].append({"Dense": "${" + text + "}"})
    if place == "expect":
        tree["expect"] = {text: text, "output": text}
    if place == "values":
        tree["values"] = {text: {text: [1]}}
    if place == "top":
        tree[text] = text
    if place == "extends":
        tree["extends"] = text
    return json.dumps(tree)


PLACES = [
    *("title", "key", "name", "block", "input", "value", "op", "from", "argument", "expression", "expect", "values"),
    *("top", "extends"),
]


def _is_clean(text: str) -> bool:
    return not STEERS.search(text) and not ORDERS.search(text)


@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=40, deadline=None)
@given(text=TEXTS, command=st.sampled_from(COMMANDS), width=st.sampled_from(["", "40", "120"]))
def test_text_of_a_spec_steers_nothing(place, text, command, width):
    name, *options = command
    result = run(name, "-", *options, stdin=_spec(place, text), COLUMNS=width)
    assert result.exit_code in (0, 1, 2)
    assert _is_clean(result.output), (result.output, text)
    if "json" in options and result.stdout:
        json.loads(result.stdout)
    if "csv" in options:
        for cell in (cell for row in csv.reader(io.StringIO(result.stdout)) for cell in row):
            assert not cell.startswith(("=", "+", "@", "\t", "\r"))
            assert not re.match("-[^0-9i]", cell)


@pytest.mark.parametrize(
    "name",
    ["::error::x.yaml", "##[error]x.yaml", "a\x1b[31m.yaml", "\u202egnp.yaml", "a\rb.yaml", "=1+1.yaml", "a\nb.yaml"],
)
@pytest.mark.parametrize("command", COMMANDS)
def test_names_of_files_steer_nothing(tmp_path, monkeypatch, name, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("input: [8]\nlayers: [ReLU, Dens]\n", encoding="utf-8")
    (tmp_path / f"b{name}").write_text("input: [8]\nlayers: [ReLU]\n", encoding="utf-8")
    for file in (name, f"b{name}", f"missing{name}"):
        assert _is_clean(run(command[0], file, *command[1:]).output)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ResNet-50 v1.5, ±1 %", "ResNet-50 v1.5, ±1 %"),
        ("C:\\nets 同 é ::", "C:\\nets 同 é \\x3a:"),
        ("a\tb\nc\xa0d", "a b c d"),
        ("\x1b[31m\0\x7f\x9b\r", "\\x1b[31m\\x00\\x7f\\x9b\\x0d"),
        ("\u202e\u2028\U000e0001", "\\u202e\\u2028\\U000e0001"),
        ("torch::nn ::error::", "torch::nn \\x3a:error::"),
        ("# a ##[x] ##VSO[y] ## b", "# a #\\x23[x] #\\x23VSO[y] ## b"),
    ],
)
def test_what_is_not_seen_is_shown(text, shown):
    assert printable(text) == shown
    assert printable(shown) == shown


def test_the_api_gives_text_that_can_be_printed():
    report = archinspect.inspect({"name": "a\x1b[2J\nb", "input": [8], "layers": ["ReLU"]})
    assert report.name == "a\\x1b[2J b"


@pytest.mark.parametrize("name", ["conv1_1", "block-a", "a+b", "encoder/0", "層", "été", "0", "_x"])
def test_names_that_can_be(run, tmp_path, name):
    path = tmp_path / "net.yaml"
    path.write_text(f"input: [8]\nlayers: [{{ReLU: , name: '{name}'}}]\n", encoding="utf-8")
    assert name in run("summary", str(path)).stdout


@pytest.mark.parametrize(
    "name", ["-a", "+a", "/a", "a b", "a.b", "=a", "@a", "a|b", "<a>", "a:b", "[a]", "a'", "a\x1b"]
)
@pytest.mark.parametrize("spec", ["layers: [{{ReLU: , name: {}}}]\ninput: [8]", "inputs: {{{}: [8]}}\nlayers: [ReLU]"])
def test_names_that_cannot_be(run, tmp_path, name, spec):
    path = tmp_path / "net.yaml"
    path.write_text(spec.format(json.dumps(name)), encoding="utf-8")
    assert "error[name]: '" in run("check", str(path)).stdout


def test_markdown_shows_text_as_it_is():
    assert markdown("a|b <b> [c](d) *e* `f` _g_ conv1_1 \\") == r"a\|b \<b> \[c\](d) \*e\* \`f\` \_g\_ conv1_1 \\"
    assert markdown("# a") == r"\# a"


def test_no_text_is_a_formula_of_a_spreadsheet():
    assert csv_text(["=a"], [["+b"], ["-c"], ["@d"], ["\te"], [-1], ["f"]]).split("\n") == [
        *("'=a", "'+b", "'-c", "'@d", "'\te", "-1", "f"),
    ]


@pytest.mark.parametrize(
    "value",
    [
        *(
            {},
            [],
            [1, None, 2.5],
            [[1], [2, 3]],
            {"a": {"b": []}},
            [{"a": True}, "x"],
            '\x9b\u202e\U0001f600\U000e0001"\\',
        ),
        *([True, False], {"1": {"x": [1e-9, 10**30]}}, [[], {}]),
    ],
)
def test_json_is_what_was_meant(value):
    text = json_text(value)
    assert json.loads(text) == value
    assert _is_clean(text)
    assert text.isascii() or "\U0001f600" in text


def test_json_is_made_row_by_row():
    made = []

    class Row(tuple):
        __slots__ = ()

        def as_dict(self):
            made.append(self)
            return {"a": 1}

    pieces = json_pieces({"rows": [Row(), Row(), Row()]})
    while not made:
        next(pieces)
    assert len(made) == 1
    assert json.loads(json_text({"rows": [Row(), Row()], "x": float("nan")})) == {"rows": [{"a": 1}] * 2, "x": None}


def test_extends_follows_no_link_out_of_its_folder(run, tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "secret.yaml").write_text("input: [8]\nlayers: [ReLU]\n", encoding="utf-8")
    (inside / "base.yaml").write_text("input: [8]\nlayers: [ReLU]\n", encoding="utf-8")
    os.symlink(outside / "secret.yaml", inside / "leads_out.yaml")
    os.symlink(inside / "base.yaml", inside / "stays.yaml")
    net = inside / "net.yaml"
    for base, exit_code in (
        ("leads_out", 1),
        ("stays", 0),
        ("base", 0),
        ("../out/secret", 1),
        (f"{outside}/secret", 1),
    ):
        net.write_text(f"extends: {base}\n", encoding="utf-8")
        result = run("check", str(net))
        assert result.exit_code == exit_code, base
        assert ("error[extends]" in result.stdout) == bool(exit_code)


def test_near_names_are_looked_for_a_few_times_only(run, tmp_path, monkeypatch):
    asked = []

    def nearest(*given):
        asked.append(given)
        return []

    monkeypatch.setattr("archinspect.base.diagnostics.nearest", nearest)
    path = tmp_path / "net.yaml"
    typos = "".join(f"  - Dense: $parm_{number}\n" for number in range(200))
    path.write_text(f"input: [8]\nparams: {{param_0: 1}}\nlayers:\n{typos}", encoding="utf-8")
    assert "200 errors" in run("check", str(path)).stdout
    assert len(asked) == 30

"""Every rule: a spec in which it finds nothing, and one in which it does, beside what `check` prints of that.

`tests/checks/CODE/ok.yaml`, `err.yaml`, `err.out`; `pytest --update` writes the last.
"""

from pathlib import Path

import pytest

import archinspect
from archinspect.base.codes import CODES
from archinspect.checks import limits_of
from archinspect.checks.selection import Choice, chosen
from archinspect.checks.table import RULES, finder, rule_of
from archinspect.language import library

CASES = Path(__file__).parent


@pytest.mark.parametrize("code", RULES)
def test_output_is_the_stored_one(code, run, stored, monkeypatch):
    monkeypatch.chdir(CASES / code)
    result = run("check", "err.yaml", "--extend-select", code)
    assert f"[{code}]" in result.stdout
    stored(CASES / code / "err.out", f"exit {result.exit_code}\n{result.output}")


@pytest.mark.parametrize("code", RULES)
def test_nothing_is_found_where_nothing_is_wrong(code, run, monkeypatch):
    monkeypatch.chdir(CASES / code)
    result = run("check", "ok.yaml", "--extend-select", code)
    assert result.exit_code == 0
    assert f"[{code}]" not in result.stdout


@pytest.mark.parametrize("name", library.builtins())
def test_on_a_built_in_network_a_rule_fires_only_where_a_comment_says_why(name):
    assert archinspect.check(name, RULES).diagnostics == []


@pytest.mark.parametrize("code", RULES)
def test_a_rule_is_complete(code):
    rule = rule_of(code)
    assert rule.code == code
    assert rule.severity == CODES[code].severity
    texts = [rule.name, rule.why, rule.repair]
    assert all(text[0].isupper() or text[0] == "`" for text in texts)
    assert rule.why.endswith(".")
    assert rule.repair.endswith(".")
    told = archinspect.check(rule.example, chosen([Choice(extend=[code])]), limits_of(rule)).diagnostics
    assert [one.code for one in told].count(code) >= 1
    assert code in {one.code for one in told}
    assert finder(code) is None or finder(code).__doc__


def test_every_folder_is_a_rules():
    assert {path.name for path in CASES.iterdir() if path.is_dir() and path.name != "__pycache__"} == {*RULES}


DEFAULT = {code for code in RULES if CODES[code].severity != "info"}
INFO = {*RULES} - DEFAULT


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ([], DEFAULT),
        ([Choice(["unused"])], {"unused"}),
        ([Choice(["all"], ["info"])], DEFAULT),
        ([Choice(["all"], ["info"], ["uneven"])], DEFAULT | {"uneven"}),
        ([Choice(["uneven"], ["info"])], {"uneven"}),
        ([Choice(["uneven"], ["uneven"])], set()),
        ([Choice(extend=["info"])], {*RULES}),
        ([Choice(None, ["warning"])], {"expect", "values", "budget", "baseline"}),
        ([Choice(["info"]), Choice()], INFO),
        ([Choice(["info"]), Choice(["unused"])], {"unused"}),
        ([Choice(None, ["unused"]), Choice(extend=["uneven"])], DEFAULT - {"unused"} | {"uneven"}),
        ([Choice(None, ["unused"]), Choice(["warning"])], {c for c in RULES if CODES[c].severity == "warning"}),
        ([Choice([])], set()),
    ],
)
def test_which_rules_are_chosen(choices, expected):
    assert chosen(choices) >= {c for c in expected if c in RULES}
    assert chosen(choices) == {*expected}


NET = "input: [8]\nlayers:\n  - Custom: {output: [4]}\n  - Dense: 2\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (NET, ["partial"]),
        (NET.replace("[4]}", "[4]} # archinspect: ignore[partial] why"), []),
        (NET.replace("[4]}", "[4]} # noqa # archinspect: ignore[unused, partial]"), ["unused-ignore"]),
        (NET.replace("layers:\n", "layers:\n  # archinspect: ignore[partial]\n\n  # and more\n"), []),
        (NET.replace("layers:\n", "layers: # archinspect: ignore[partial]\n"), ["unused-ignore", "partial"]),
        (f"# archinspect: ignore-file[partial]\n{NET}", []),
        (f"{NET}# archinspect: ignore-file[partial]\n", []),
        (f"{NET}name: 'archinspect: ignore[partial]'\n", ["partial"]),
        (f"# archinspect: ignore-file\n{NET}", ["bad-ignore", "partial"]),
        (f"# archinspect: ignore-file[heavy-layer] it is off\n{NET}", ["partial"]),
        (f"# archinspect: ignore-file[missing-argument]\n{NET.replace('Dense', 'Conv2D')}", ["missing-argument"]),
        (f"# archinspect: ignore-file[shape]\n{NET}", ["bad-ignore", "partial"]),
    ],
)
def test_comments_silence_what_stands_there(text, expected):
    assert sorted(one.code for one in archinspect.check(text).diagnostics) == sorted(expected)


def test_a_comment_beside_a_step_silences_what_is_in_its_block():
    text = "input: [8]\nblocks:\n  b: {layers: [{Custom: {output: [8]}}]}\nlayers:\n  - b\n  - b\n"
    once = text.replace("- b\n", "- b # archinspect: ignore[partial] measured\n", 1)
    assert [one.message for one in archinspect.check(text).diagnostics] == [
        "'b.custom' is not counted: its params, macs, flops are not known (and 1 more like it)"
    ]
    assert [one.message for one in archinspect.check(once).diagnostics] == [
        "'b_1.custom' is not counted: its params, macs, flops are not known"
    ]


def test_a_comment_for_the_whole_file_holds_for_what_it_extends(tmp_path):
    (tmp_path / "base.yaml").write_text(NET)
    silent = tmp_path / "silent.yaml"
    silent.write_text("extends: base\n")
    assert [one.code for one in archinspect.check(silent).diagnostics] == ["partial"]
    silent.write_text("# archinspect: ignore-file[partial]\nextends: base\n")
    assert archinspect.check(silent).diagnostics == []


def test_names_of_rules_that_are_none(run):
    result = run("check", "alexnet", "--select", "unusd")
    assert result.exit_code == 2
    assert "no rule 'unusd': did you mean 'unused'?" in result.stderr
    assert "no rule 'shape': it is an error" in run("rule", "shape").stderr

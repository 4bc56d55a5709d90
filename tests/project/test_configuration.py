"""The configuration: which file counts, what it may say, and how the command line changes it."""

import json
from pathlib import Path

import pytest

from archinspect.project.keys import KEYS, schema
from archinspect.render.data import json_text

SCHEMA = Path(__file__).parents[2] / "docs" / "archinspect.schema.json"
SPEC = "input: [8]\nlayers:\n  - Custom: {output: [4]}\n  - Dense: 4\n  - Dense: 2\n"
"""Warned of by `partial`, and by `linear-chain` where that is selected."""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(SPEC, encoding="utf-8")
    return tmp_path


@pytest.fixture
def codes(run):
    """Return the codes of what is found, and the exit code."""

    def found(*args):
        result = run("check", *args, "--format", "concise")
        lines = result.stdout.splitlines()[:-1]
        return [line.partition("[")[2].partition("]")[0] for line in lines], result.exit_code

    return found


@pytest.mark.parametrize(
    ("text", "args", "expected"),
    [
        ("", "", (["partial"], 0)),
        ("strict = true", "", (["partial"], 1)),
        ("require-complete = true", "", (["partial"], 1)),
        ('ignore = ["partial"]', "", ([], 0)),
        ('select = ["linear-chain"]', "", (["linear-chain"], 0)),
        ('select = ["linear-chain"]', "--select partial", (["partial"], 0)),
        ('select = ["linear-chain"]', "--extend-select partial", (["partial", "linear-chain"], 0)),
        ('extend-select = ["linear-chain"]', "", (["partial", "linear-chain"], 0)),
        ('extend-select = ["info"]\nignore = ["linear-chain"]', "", (["no-expect", "partial"], 0)),
        ('ignore = ["partial"]', "--select partial", (["partial"], 0)),
        ('ignore = ["partial"]', "--extend-select linear-chain", (["linear-chain"], 0)),
        ('select = ["all"]', "--ignore info", (["partial"], 0)),
        ('[per-file-ignores]\n"net.yaml" = ["warning"]', "", ([], 0)),
        ('[per-file-ignores]\n"net.yaml" = ["partial"]', "--select partial", ([], 0)),
        ('[per-file-ignores]\n"other.yaml" = ["partial"]', "", (["partial"], 0)),
        ('[per-file-ignores]\n"!net.yaml" = ["partial"]', "", (["partial"], 0)),
        ('ignore = ["partial"]', "--isolated", (["partial"], 0)),
        ('ignore = ["partial"]', "--config other.toml", (["partial"], 0)),
        ("", "--config ignore=['partial']", ([], 0)),
        ('select = ["linear-chain"]', "--config strict=true", (["linear-chain"], 0)),
        ("", "--config strict=true", (["partial"], 1)),
        ("strict = true", "--config strict=false", (["partial"], 0)),
        ('select = ["linear-chain"]', "--config select=['partial'] --config strict=true", (["partial"], 1)),
        ("strict = true", "--config other.toml --config ignore=['partial']", ([], 0)),
        ("strict = true", "--isolated --config strict=true", (["partial"], 1)),
        ('exclude = ["net.yaml"]', "net.yaml", (["partial"], 0)),
        ('exclude = ["net.yaml"]\nforce-exclude = true', "net.yaml", ([], 0)),
    ],
)
def test_configuration_and_command_line(text, args, expected, codes):
    Path("archinspect.toml").write_text(text, encoding="utf-8")
    Path("other.toml").write_text("", encoding="utf-8")
    assert codes(*(args.split() if "net.yaml" in args else ["net.yaml", *args.split()])) == expected


@pytest.mark.parametrize(
    ("files", "ignored"),
    [
        ({"archinspect.toml": 'ignore = ["partial"]'}, True),
        ({"pyproject.toml": '[tool.archinspect]\nignore = ["partial"]'}, True),
        ({"pyproject.toml": '[tool.ruff]\nignore = ["E501"]'}, False),
        ({"pyproject.toml": "no toml"}, False),
        ({"archinspect.toml": "", "pyproject.toml": '[tool.archinspect]\nignore = ["partial"]'}, False),
        ({".archinspect.toml": 'ignore = ["partial"]', "archinspect.toml": ""}, True),
        ({"archinspect.toml": 'ignore = ["partial"]', "a/archinspect.toml": ""}, False),
        ({"archinspect.toml": 'ignore = ["partial"]', "a/pyproject.toml": "[project]"}, True),
        ({"archinspect.toml": 'ignore = ["partial"]', "a/archinspect.toml": 'extend = "../archinspect.toml"'}, True),
    ],
)
def test_the_nearest_file_counts(files, ignored, codes):
    Path("a/b").mkdir(parents=True)
    Path("net.yaml").rename("a/b/net.yaml")
    for name, text in files.items():
        Path(name).write_text(text, encoding="utf-8")
    assert codes("a/b/net.yaml")[0] == codes()[0] == ([] if ignored else ["partial"])


def test_each_file_has_its_own(codes):
    Path("a").mkdir()
    Path("a/net.yaml").write_text(SPEC, encoding="utf-8")
    Path("a/archinspect.toml").write_text("strict = true\nignore = []", encoding="utf-8")
    Path("archinspect.toml").write_text('ignore = ["partial"]', encoding="utf-8")
    assert codes() == (["partial"], 1)


def test_include_names_specs_of_another_suffix_or_without_marker(run):
    Path("b.net").write_text(SPEC, encoding="utf-8")
    Path("archinspect.toml").write_text('include = ["*.net"]', encoding="utf-8")
    assert run("check", "--show-files").stdout.split() == ["b.net", "net.yaml"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("strict = true\nselct = []", "archinspect.toml:2: unknown key 'selct': did you mean 'select'"),
        ("strict = 'yes'", "archinspect.toml:1: 'strict' must be true or false, not 'yes'"),
        ("select = ['unusd']", "'select' has 'unusd', which is no rule: did you mean 'unused'"),
        ("select = 'unused'", "'select' must be a list of texts"),
        ("select = [1]", "'select' must be a text, not 1"),
        (
            "[per-file-ignores]\n'a.yaml' = 'unused'",
            "archinspect.toml:1: 'per-file-ignores' of 'a.yaml' must be a list",
        ),
        ("tolerance = 'much'", "'tolerance' must be percents such as '0.5%', not 'much'"),
        ("[budgets.'*']\nparams = 'small'", "'budgets' of '*' has a mistake: params must be a quantity"),
        ("strict = ", "archinspect.toml: not valid TOML"),
        ("x = " + "[" * 100_000, "archinspect.toml: not valid TOML"),
        ("extend = 'archinspect.toml'", "`extend` leads back to 'archinspect.toml'"),
        ("extend = 'none.toml'", "none.toml: no such file or directory"),
    ],
)
def test_what_is_wrong_is_told(text, message, run):
    Path("archinspect.toml").write_text(text, encoding="utf-8")
    result = run("check", "net.yaml")
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_a_configuration_that_is_asked_for(run):
    assert "none.toml: no such file" in run("check", "net.yaml", "--config", "none.toml").stderr
    Path("pyproject.toml").write_text("[tool.archinspect]\nselct = []", encoding="utf-8")
    assert "pyproject.toml:2: unknown key 'selct'" in run("check", "net.yaml").stderr
    assert run("check", "net.yaml", "--isolated").exit_code == 0


def test_the_schema_has_every_key(stored):
    stored(SCHEMA, json_text(schema()) + "\n")
    known = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert {*known["properties"]} == {*KEYS}
    assert all(one["description"] and ("type" in one) for one in known["properties"].values())

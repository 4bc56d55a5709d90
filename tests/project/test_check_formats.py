"""The formats of `check`: what services want of them, escapes, several at once."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from archinspect.render.check import FORMATS

NET = "input: [8]\nname: Ünet # ignored\nlayers:\n  - Densse: 4\n  - {ReLU: , name: aux}\n  - Custom: {output: [4]}\n"
ODD = "w e,i:r%d-é.yaml"
MANY = "input: [8]\nlayers:\n" + "".join(f"  - O{i}\n" for i in range(14)) + "copies: 1\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR"):
        monkeypatch.delenv(name, raising=False)
    Path("net.yaml").write_text(NET, encoding="utf-8")
    Path(ODD).write_text("input: [8]\nlayers:\n  - 'Den\\e:::s%e'\n  - {Custom: {output: [4]}}\n", encoding="utf-8")
    Path("many.yaml").write_text(MANY, encoding="utf-8")
    Path("clean.yaml").write_text("input: [8]\nlayers: [ReLU]\n", encoding="utf-8")
    return tmp_path


READY = "input: [8, 8]\nlayers:\n  - TransformerEncoderLayer: {d_model: 16, nhead: 2}\n"


def found(run, form, *names):
    result = run("check", *(names or ["net.yaml", ODD, "clean.yaml"]), "--format", form)
    assert result.exit_code == (names != ("clean.yaml",))
    return result.stdout


def test_github_has_ten_annotations_errors_first_and_says_how_many_more(run):
    lines = found(run, "github", "many.yaml", "net.yaml").splitlines()
    assert [line.startswith("::error ") for line in lines] == [True] * 10 + [False] * 2
    assert lines[10:] == ["6 further problems without an annotation", "2 specs checked, 16 errors"]


def test_github_escapes(run):
    line = found(run, "github", ODD).splitlines()[0]
    head, data = line.removeprefix("::").split("::", 1)
    assert "file=w e%2Ci%3Ar%25d-é.yaml,line=3,col=5,endLine=3," in head
    assert "s%25e" in data
    assert "%0A" in data


def test_paths_are_from_the_top_of_the_checkout(run, folder, monkeypatch):
    Path("sub").mkdir()
    Path("net.yaml").rename("sub/net.yaml")
    monkeypatch.chdir("sub")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(folder))
    monkeypatch.setenv("CI_PROJECT_DIR", str(folder))
    assert "file=sub/net.yaml" in found(run, "github", "net.yaml")
    assert json.loads(found(run, "gitlab", "net.yaml"))[0]["location"]["path"] == "sub/net.yaml"
    assert '"uri": "sub/net.yaml"' in found(run, "sarif", "net.yaml")
    assert '"path": "sub/net.yaml"' in found(run, "rdjson", str(folder / "sub" / "net.yaml"))


def test_gitlab(run):
    report = json.loads(found(run, "gitlab"))
    assert {*report[0]} == {"description", "check_name", "fingerprint", "severity", "location"}
    assert {one["severity"] for one in report} <= {"info", "minor", "major", "critical", "blocker"}
    assert len({one["fingerprint"] for one in report}) == len(report) > 1
    Path("net.yaml").write_text("# a comment\n" + NET, encoding="utf-8")
    again = json.loads(found(run, "gitlab"))
    assert [one["fingerprint"] for one in again] == [one["fingerprint"] for one in report]
    assert json.loads(found(run, "gitlab", "clean.yaml")) == []


def test_sarif(run):
    log = json.loads(found(run, "sarif"))
    (one,) = log["runs"]
    rules, results = one["tool"]["driver"]["rules"], one["results"]
    assert log["version"] == "2.1.0"
    assert [rules[result["ruleIndex"]]["id"] for result in results] == [result["ruleId"] for result in results]
    assert {result["level"] for result in results} <= {"error", "warning", "note"}
    for result in results:
        place = result["locations"][0]["physicalLocation"]
        region = place["region"]
        assert (region["endLine"], region["endColumn"]) >= (region["startLine"], region["startColumn"]) >= (1, 1)
        assert " " not in place["artifactLocation"]["uri"]
    fix = next(result["fixes"][0] for result in results if "fixes" in result)
    assert fix["artifactChanges"][0]["replacements"][0]["insertedContent"] == {"text": "Dense"}
    assert json.loads(found(run, "sarif", "clean.yaml"))["runs"][0]["results"] == []


def test_sarif_of_a_file_that_cannot_be_read_has_no_region(run):
    Path("net.yaml").write_bytes(b"\0")
    (result,) = json.loads(found(run, "sarif", "net.yaml"))["runs"][0]["results"]
    assert "region" not in result["locations"][0]["physicalLocation"]


def test_junit(run):
    suites = ET.fromstring(found(run, "junit"))  # noqa: S314 - our own
    assert [suite.get("name") for suite in suites] == ["net.yaml", ODD, "clean.yaml"]
    assert int(suites.get("tests")) == len(suites.findall("testsuite/testcase"))
    assert int(suites.get("failures")) == len(suites.findall("testsuite/testcase/failure"))
    assert len(suites[2].findall("testcase")) == 1


def test_reviewdog_counts_bytes(run):
    Path("net.yaml").write_text("input: [8]\nlayers:\n  - {name: é, Densse: 3}\n", encoding="utf-8")
    (one,) = json.loads(found(run, "rdjson", "net.yaml"))["diagnostics"]
    assert one["location"]["range"] == {"start": {"line": 3, "column": 16}, "end": {"line": 3, "column": 22}}
    assert one["suggestions"] == [{"range": one["location"]["range"], "text": "Dense"}]
    assert one["severity"] == "ERROR"


def test_json_has_a_version_and_counts(run):
    report = json.loads(found(run, "json"))
    assert report["version"] == 1
    assert report["counts"]["files"] == 3
    assert report["counts"]["errors"] == sum(one["severity"] == "error" for one in report["diagnostics"])
    assert sum(report["codes"].values()) == len(report["diagnostics"])


def test_several_at_once(run):
    result = run(
        "check", "net.yaml", "--format", "concise", "--format", "sarif=a.sarif", "--output-format", "junit=b.xml"
    )
    assert result.stdout == found(run, "concise", "net.yaml")
    assert Path("a.sarif").read_text(encoding="utf-8") == found(run, "sarif", "net.yaml")
    assert Path("b.xml").read_text(encoding="utf-8") == found(run, "junit", "net.yaml")
    assert run("check", "net.yaml", "--format", "json=c.json").stdout == found(run, "full", "net.yaml")
    assert run("check", "net.yaml", "--format", "gitlab", "-o", "d.json").stdout == ""
    assert Path("d.json").read_text(encoding="utf-8") == found(run, "gitlab", "net.yaml")


def test_the_configuration_names_formats(run):
    Path("archinspect.toml").write_text('output-format = ["concise", "json=a.json"]', encoding="utf-8")
    assert run("check", "net.yaml").stdout == found(run, "concise", "net.yaml")
    assert json.loads(Path("a.json").read_text(encoding="utf-8"))["version"] == 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("--format yaml", "no format 'yaml'"),
        ("--format sarif=", "no file after 'sarif='"),
        ("--format sarif=none/a.sarif", "No such file or directory"),
    ],
)
def test_wrong_formats(args, message):
    import subprocess
    import sys

    told = subprocess.run(
        [sys.executable, "-m", "archinspect", "check", "clean.yaml", *args.split()], capture_output=True, check=False
    )
    assert told.returncode == 2
    assert message in told.stderr.decode()


def test_statistics_and_exit_zero(run):
    result = run("check", "many.yaml", "net.yaml", "--statistics", "--exit-zero")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "15  unknown-op   error    there is no such operator or block",
        " 1  unknown-key  error    there is no such key",
        "2 specs checked, 16 errors",
    ]
    assert run("check", "none.yaml", "--exit-zero").exit_code == 2


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_takes_any_text(form, run):
    Path("net.yaml").write_text('input: [8]\nlayers:\n  - "a\\u0001\\x1b[31m<&>\'%0A::error::"\n', encoding="utf-8")
    printed = found(run, form, "net.yaml")
    assert "\x1b" not in printed
    assert "\n::error::" not in printed


def test_on_a_terminal_a_code_is_a_link(monkeypatch):
    import io

    from rich.console import Console

    import archinspect
    from archinspect.checks.outcome import Outcome
    from archinspect.render.check import write

    outcome = Outcome([("net.yaml", archinspect.check("net.yaml").diagnostics)])
    stream = io.StringIO()
    for is_terminal in (True, False):
        monkeypatch.setattr(stream, "isatty", lambda is_terminal=is_terminal: is_terminal)
        write("concise", outcome, Console(file=stream, force_terminal=True, width=200))
        printed = stream.getvalue()
        assert ("\x1b]8;" in printed and "/docs/errors.md#unknown-op" in printed) == is_terminal
        stream.truncate(0)


@pytest.mark.parametrize("form", sorted({*FORMATS} - {"full", "json"}))
@pytest.mark.parametrize(("spec", "line"), [("name: x\nextends: vgg16\ninput: [224]\n", 2), (READY, 3)])
def test_what_is_wrong_in_a_built_in_spec_or_block_is_told_where_a_file_uses_it(run, spec, line, form):
    """Services show nothing of a file that a checkout does not have."""
    Path("uses.yaml").write_text(spec, encoding="utf-8")
    text = found(run, form, "uses.yaml")
    place = {
        "concise": f"uses.yaml:{line}:",
        "github": f"file=uses.yaml,line={line},",
        "gitlab": f'"path": "uses.yaml",\n      "lines": {{\n        "begin": {line},',
        "junit": f'file="uses.yaml" line="{line}"',
        "sarif": f'"startLine": {line},',
        "rdjson": f'"line": {line},',
        "csv": f"uses.yaml,{line},",
    }.get(form, "uses.yaml")
    assert place in text
    assert "yaml:" in text.partition("(in ")[2]

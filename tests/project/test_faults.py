"""A fault of archinspect itself, met in one file: it is told, and the others are checked."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
from command_line import run

import archinspect.api
from archinspect.cli import check_command
from archinspect.project import run as project
from archinspect.render import progress

NET = "input: [8]\nlayers:\n  - Dense: 4\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three files, of which one makes the engine raise."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "bad", "z"):
        (tmp_path / f"{name}.yaml").write_text(NET)
    real = archinspect.api.check

    def check(spec, *given, **options):
        if spec == "bad.yaml" or getattr(spec, "name", "") == "bad.yaml":
            raise KeyError("a\x1b[2J\nkey")
        return real(spec, *given, **options)

    monkeypatch.setattr(archinspect.api, "check", check)
    return tmp_path


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.usefixtures("folder")
def test_one_file_fails_and_the_others_are_checked(jobs):
    for _ in range(2):  # it is not stored
        result = run("check", "--jobs", jobs, "--format", "concise", "--exit-zero")
        assert result.exit_code == 2
        first, *_, last = result.stdout.splitlines()
        assert first.startswith("bad.yaml: error[internal-error]: checking this file failed: KeyError: ")
        assert r"'a\x1b[2J\nkey'" in first
        assert "test_faults.py:" in first
        assert last == "3 specs checked, 1 error"
        assert result.stderr == ""


def test_mending_and_storing_figures_go_on(folder):
    assert run("check", "--fix").exit_code == 2
    result = run("baseline", "write", "--file", "b.json")
    assert result.exit_code == 2
    assert "error[internal-error]" in result.stderr
    assert {"a.yaml", "z.yaml"} < {*(folder / "b.json").read_text().split('"')}


@pytest.mark.parametrize(("value", "shown"), [("", True), ("0", True), ("false", True), ("1", False), ("true", False)])
def test_nobody_looks_on_in_ci(value, shown, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("CI", value)
    assert progress.is_watched() is shown
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert not progress.is_watched()


@pytest.mark.usefixtures("folder")
def test_an_interrupt_leaves_the_cursor_and_what_was_found(monkeypatch):
    def interrupted(job):
        if job.spec.name == "z.yaml":
            raise KeyboardInterrupt
        return real(job)

    real = project._checked
    monkeypatch.setattr(project, "_checked", interrupted)
    monkeypatch.setattr(check_command, "MANY", 1)
    monkeypatch.setattr(progress, "is_watched", lambda: True)
    monkeypatch.delenv("ARCHINSPECT_NO_CACHE")
    before = signal.getsignal(signal.SIGINT)
    result = run("check", "a.yaml", "z.yaml", "--jobs", "1", "--cache-dir", "found", FORCE_COLOR="1", TERM="xterm")
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr.rindex("\x1b[?25h") > result.stderr.rindex("\x1b[?25l")
    assert signal.getsignal(signal.SIGINT) is before
    assert any(path.suffix == ".json" for path in Path("found").iterdir())

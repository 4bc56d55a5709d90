"""What `check` stores for its next run: never a word other than without it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time

import pytest
from command_line import run

from archinspect.project import cache as caching
from archinspect.project import run as project
from archinspect.render.check import FORMATS

WRONG = "input: [8, 8, 3]\nlayers:\n  - Conv2D: {filtrs: 4, kernel_size: 3}\n  - Flatten\n"
RIGHT = "input: [8]\nlayers:\n  - Custom: {output: [4]}\n  - Dense: 2\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ARCHINSPECT_NO_CACHE")
    (tmp_path / "base.yaml").write_text(RIGHT)
    (tmp_path / "child.yaml").write_text("extends: base\nname: child\n")
    (tmp_path / "wrong.yaml").write_text(WRONG)
    return tmp_path


@pytest.fixture
def checked(monkeypatch):
    """The files that are looked at, and not known from before."""
    found: list[str] = []
    real = project._checked

    def noted(job):
        found.append(getattr(job.spec, "name", job.spec))
        return real(job)

    monkeypatch.setattr(project, "_checked", noted)
    return found


def stored(folder):
    return [path for path in (folder / ".archinspect_cache").iterdir() if path.suffix == ".json"]


def test_a_second_run_looks_at_nothing(folder, checked):
    first = run("check")
    assert sorted(checked) == ["base.yaml", "child.yaml", "wrong.yaml"]
    checked.clear()
    second = run("check")
    assert checked == []
    assert (second.exit_code, second.stdout, second.stderr) == (first.exit_code, first.stdout, first.stderr)
    assert sorted(path.name for path in (folder / ".archinspect_cache").iterdir())[:2] == [
        ".gitignore",
        stored(folder)[0].name,
    ]


@pytest.mark.parametrize("form", FORMATS)
def test_all_formats_print_what_they_print_without(folder, form):
    without = run("check", "--no-cache", "--format", form)
    assert not (folder / ".archinspect_cache").exists()
    run("check")
    assert run("check", "--format", form).stdout == without.stdout


def test_what_changes_is_looked_at(folder, checked):
    run("check")
    for change, again in [
        (lambda: (folder / "wrong.yaml").write_text(WRONG.replace("filtrs", "filters")), ["wrong.yaml"]),
        (lambda: (folder / "base.yaml").write_text(RIGHT.replace("[4]", "[5]")), ["base.yaml", "child.yaml"]),
        (lambda: (folder / "child.yaml").write_text("extends: vgg11\n"), ["child.yaml"]),
        (lambda: (folder / "vgg11.yml").write_text(RIGHT), ["child.yaml", "vgg11.yml"]),
    ]:
        checked.clear()
        change()
        found = run("check")
        assert sorted(checked) == again
        assert found.stdout == run("check", "--no-cache").stdout


@pytest.mark.parametrize(
    "options",
    [
        ("--ignore", "partial"),
        ("--expect", "params<=1"),
        ("--config", "per-file-ignores = {'base.yaml' = ['partial']}"),
        ("--config", "budgets = {'*' = {params = '<= 1'}}"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_is_asked_otherwise_is_looked_at(checked, options):
    run("check")
    checked.clear()
    assert run("check", *options).stdout == run("check", "--no-cache", *options).stdout
    assert "base.yaml" in checked


def test_a_baseline_without_a_name_is_where_it_is_stored(folder):
    (folder / "wrong.yaml").unlink()
    assert run("check", "--baseline").exit_code == 2
    run("baseline", "write")
    assert run("check", "--baseline", "--format", "concise").exit_code == 0
    stored = folder / "archinspect-baseline.json"
    stored.write_text(stored.read_text().replace('"params": 10', '"params": 9'))
    assert run("check", "--baseline").exit_code == 1
    assert run("check").exit_code == 0


def test_a_baseline_without_a_name_is_the_configuration_s(folder):
    (folder / "wrong.yaml").unlink()
    (folder / "archinspect.toml").write_text('baseline = "b.json"\n', encoding="utf-8")
    run("baseline", "write")
    assert (folder / "b.json").exists()
    assert run("check", "--baseline").exit_code == 0


def test_a_baseline_that_changes_counts(folder):
    (folder / "wrong.yaml").unlink()
    run("baseline", "write", "--file", "b.json")
    assert run("check", "--baseline", "b.json").exit_code == 0
    (folder / "b.json").write_text((folder / "b.json").read_text().replace('"params": 10', '"params": 9'))
    assert run("check", "--baseline", "b.json").exit_code == 1


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"base.yaml": 1, "wrong.yaml": {"own": 1}}', "[" * 100_000, "\udcff"]
)
def test_a_cache_that_is_none_is_not_there(folder, text):
    without = run("check")
    for path in stored(folder):
        path.write_text(text, errors="surrogateescape")
    assert run("check").stdout == without.stdout


def test_records_that_lie_are_not_believed(folder):
    """No file that is not a part of the spec is read for them, and nothing of theirs steers a terminal."""
    without = run("check")
    (path,) = stored(folder)
    good = json.loads(path.read_text())
    secret = folder / "secret.txt"
    secret.write_text("password\n")
    place = [0, 1, 1, 1, 2, ""]
    for sources, message, where in [
        ([["x", str(secret), None]], "told", place),
        ([["x", "", "text"]], "\x1b[2J", place),
        ([["x", "", "text"]], "told", [0, "1", 1, 1, 2, ""]),
        ([["x", "", "text"]], "told", [-1, 1, 1, 1, 2, ""]),
        ([["x", "", "text"]], "told", [5, 1, 1, 1, 2, ""]),
        ([], 7, place),
    ]:
        record = {
            **good["wrong.yaml"]["record"],
            "sources": sources,
            "found": [["shape", message, where, "", [], None]],
        }
        path.write_text(json.dumps({**good, "wrong.yaml": {**good["wrong.yaml"], "record": record}}))
        assert run("check").stdout == without.stdout


def test_a_folder_that_cannot_be_written_does_not_matter(folder):
    (folder / "cache").write_text("a file")
    result = run("check", "--cache-dir", "cache/deep")
    assert (result.exit_code, result.stderr) == (1, "")
    assert run("check", "--cache-dir", "/dev/null").exit_code == 1


def test_where_it_is(folder, monkeypatch):
    (folder / "archinspect.toml").write_text("cache-dir = 'kept'\n")
    (folder / "below").mkdir()
    shutil.copy("base.yaml", "below/net.yaml")
    monkeypatch.chdir(folder / "below")
    run("check")
    assert (folder / "kept" / "CACHEDIR.TAG").exists()
    monkeypatch.setenv("ARCHINSPECT_CACHE_DIR", str(folder / "other"))
    run("check")
    assert (folder / "other").exists()


def test_files_that_are_gone_and_old_records_go(folder):
    run("check")
    (path,) = stored(folder)
    old = path.with_name("old.json")
    old.write_text("{}")
    os.utime(old, (0, time.time() - caching.MAX_AGE - 100))
    (folder / "wrong.yaml").unlink()
    (folder / "new.yaml").write_text(RIGHT)
    run("check", "new.yaml")
    assert not old.exists()
    assert sorted(json.loads(path.read_text())) == ["base.yaml", "child.yaml", "new.yaml"]


def test_runs_at_once_leave_a_whole_cache(folder):
    command = [sys.executable, "-m", "archinspect", "check"]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") for _ in range(3)]
    outputs = {one.communicate()[0] for one in runs}
    assert len(outputs) == 1
    assert len(json.loads(stored(folder)[0].read_text())) == 3


def test_cleaning(folder):
    (folder / "below").mkdir()
    run("check")
    run("check", "--cache-dir", "below/.archinspect_cache")
    strange = folder / "strange" / ".archinspect_cache"
    strange.mkdir(parents=True)
    result = run("clean")
    assert sorted(result.stdout.split("\n")) == ["", "removed .archinspect_cache", "removed below/.archinspect_cache"]
    assert strange.exists()
    assert not (folder / ".archinspect_cache").exists()
    assert run("clean").stdout == ""


def test_watching_checks_again_when_a_file_changes(folder):
    command = [sys.executable, "-m", "archinspect", "check", "wrong.yaml", "--watch", "--format", "concise"]
    watching = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8")
    ends = threading.Timer(60, watching.kill)
    ends.start()
    try:
        assert "unknown-argument" in watching.stdout.readline()
        assert "1 error" in _until(watching.stdout, "checked")
        (folder / "wrong.yaml").write_text(RIGHT)
        assert "no errors" in _until(watching.stdout, "checked")
    finally:
        ends.cancel()
        watching.terminate()
        watching.communicate()


def _until(stream, word):
    return next(line for line in stream if word in line)


@pytest.mark.parametrize("what", ["--diff", "--show-files", "--update-baseline", "-"])
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_watched(what):
    result = run("check", "--watch", what)
    assert result.exit_code == 2
    assert "--watch goes on until it is interrupted" in result.stderr


def test_a_package_that_is_edited_knows_nothing(folder, checked, monkeypatch):
    package = folder / ".package"
    (package / "ops").mkdir(parents=True)
    (package / "ops" / "conv.py").write_text("")
    monkeypatch.setattr(caching, "PACKAGE", str(package))
    run("check", "base.yaml")
    checked.clear()
    (package / "ops" / "__pycache__").mkdir()
    (package / "ops" / "__pycache__" / "conv.pyc").write_text("")
    run("check", "base.yaml")
    assert checked == []
    later = time.time_ns() + 10**9
    os.utime(package / "ops" / "conv.py", ns=(later, later))
    run("check", "base.yaml")
    assert checked == ["base.yaml"]

"""Work by several processes: the same as by one, whatever happens to one of them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, cast

import pytest
from command_line import run

import archinspect.api
from archinspect.project import run as project
from archinspect.project import workers

if TYPE_CHECKING:
    from collections.abc import Generator

NET = "input: [8]\nlayers:\n  - Dense: {units}\n"


def squared(number):
    """Return the square of a number; 13 ends its process."""
    if number == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


@pytest.mark.parametrize("count", [1, 2])
def test_all_is_done(count):
    found = dict(workers.run(squared, range(13), count))
    assert found == {number: number * number for number in range(13)}


def test_a_process_that_dies_stops_no_other():
    found = dict(workers.run(squared, range(50), 2))
    assert found == {number: workers.Died() if number == 13 else number * number for number in range(50)}


def slow(number):
    time.sleep(0 if number < 20 else 60)


def test_an_interrupted_run_leaves_no_process():
    work = cast("Generator[object, None, None]", workers.run(slow, range(60), 2))
    next(work)
    with pytest.raises(KeyboardInterrupt):
        work.throw(KeyboardInterrupt)
    assert multiprocessing.active_children() == []


def test_processes_end_with_the_first_one():
    """Its output has no end as long as one of them is there."""
    text = "import test_workers as t\nfor n, _ in t.workers.run(t.slow, range(60), 2): print(n, flush=True)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path])}
    with subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, env=environment) as first:
        line = first.stdout.readline()
        first.kill()
        first.communicate(timeout=30)
    assert line == b"0\n"


def failing(number):
    raise ValueError(number)


def test_what_is_wrong_is_told():
    with pytest.raises(ValueError, match="7"):
        list(workers.run(failing, [7], 2))


def test_few_files_need_no_processes(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {*range(8)}, raising=False)
    assert [workers.processes(files, None) for files in (0, 1, 199, 200, 450, 5_000)] == [1, 1, 1, 2, 4, 8]
    assert [workers.processes(files, 3) for files in (0, 2, 5_000)] == [1, 2, 3]


def test_a_check_by_two_processes_prints_what_one_prints(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(30):
        units = "wrong" if number % 7 == 0 else number + 1
        (tmp_path / f"net{number:02}.yaml").write_text(NET.replace("{units}", str(units)))
    command = [sys.executable, "-m", "archinspect", "check", "--no-cache", "--jobs"]
    one, two = (subprocess.run([*command, jobs], capture_output=True, check=False) for jobs in "12")
    assert (one.returncode, one.stdout, one.stderr) == (two.returncode, two.stdout, two.stderr)
    assert one.returncode == 1
    assert b"30 specs checked, 5 errors" in one.stdout


def dying(_job):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_file_that_ends_its_process_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(NET.replace("{units}", "4"))
    (tmp_path / "b.yaml").write_text(NET.replace("{units}", "4"))
    monkeypatch.setattr(project, "_recorded", dying)
    result = run("check", "--jobs", "2")
    assert result.exit_code == 1
    assert "a.yaml: error[file]: checking this file was not possible" in result.stdout


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_memory_that_runs_out_stops_no_other_file(tmp_path, monkeypatch, jobs):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "large", "z"):
        (tmp_path / f"{name}.yaml").write_text(NET.replace("{units}", "4"))
    real = archinspect.api.check

    def check(spec, *given, **options):
        if spec.name == "large.yaml":
            raise MemoryError
        return real(spec, *given, **options)

    monkeypatch.setattr(archinspect.api, "check", check)
    result = run("check", "--no-cache", "--jobs", jobs, "--format", "concise")
    assert result.exit_code == 1
    assert result.stdout.count("error[") == result.stdout.count("large.yaml") == 1
    assert "3 specs checked, 1 error" in result.stdout

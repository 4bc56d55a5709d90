"""Work by several processes: the same as by one, whatever happens to one of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from command_line import run

from archinspect.project import run as project
from archinspect.project import workers

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
    assert "a.yaml: error[file]: checking this file ended the process" in result.stdout

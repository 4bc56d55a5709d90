"""How every command ends where its reader is gone, the disk is full, a stream is closed, or someone presses Ctrl-C."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import ends
import pytest

from archinspect.cli import COMMANDS

if not (hasattr(os, "fork") and Path("/dev/full").exists()):
    pytest.skip("no copies of a process here, or no device that is full", allow_module_level=True)

CASES = (
    *("summary net.yaml", "summary net.yaml --format json", "summary bad.yaml", "summary vgg16 --oneline"),
    *("explain net.yaml", "memory net.yaml", "fit net.yaml --memory 1MiB", "compute net.yaml", "formula net.yaml"),
    *("sweep net.yaml --set units=2,3", "sweep net.yaml --set units=2,3 --format csv"),
    *("compare net.yaml net.yaml", "diff net.yaml other.yaml", "chart alexnet vgg16", "export net.yaml --to pytorch"),
    *("convert net.yaml", "verify bad.yaml", "check net.yaml", "check bad.yaml --format json", "fmt --diff ugly.yaml"),
    *(
        "fmt -",
        "baseline write net.yaml --file -o",
        "rule partial",
        "clean empty",
        "list lenet",
        "show lenet5",
        "formats",
    ),
    *("lsp", "schema", "ops Dense", "docs", "--help", "--version", "summary --help", "sumary"),
)
FILES = {
    "net.yaml": "name: Net\ninput: [8]\nparams: {units: 4}\nlayers:\n  - Dense: $units\n",
    "other.yaml": "name: Net\ninput: [8]\nlayers:\n  - Dense: 5\n",
    "ugly.yaml": "input: [8]\nlayers:\n- Dense:   5\n",
    "bad.yaml": "input: [8]\nlayers:\n  - Dens: 5\n",
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The exit code, output and errors of each case in each way."""
    folder = tmp_path_factory.mktemp("ends")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    (folder / "empty").mkdir()
    command = [sys.executable, ends.__file__, json.dumps(CASES)]
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR")}
    run = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(run.stdout)


def test_every_command_has_a_case():
    assert {case.split()[0] for case in CASES} >= {*COMMANDS}


@pytest.mark.parametrize("way", ends.WAYS[1:])
@pytest.mark.parametrize("case", CASES)
def test_a_command_ends_without_a_traceback(found, case, way):
    code, output, errors = found[f"{case} plain"]
    ended, written, told = found[f"{case} {way}"]
    assert "Traceback" not in told
    assert "Exception ignored" not in told
    if way == "interrupt":
        assert ended == code if case in ("--help", "--version", "sumary") else (130, "", "")
        return
    if way == "pipe":
        assert ended in {0, code}
        assert told in {errors, ""}
    elif way == "full" and output:
        assert ended == 2
        assert told.removeprefix(errors) == "Error: standard output: No space left on device\n"
    elif way == "stdin" and case in ("fmt -", "lsp"):
        assert ended == 2
        assert "standard input is closed" in told
    else:
        assert ended == code
        assert way == "stdout" or written == output
        assert way == "stderr" or told == errors

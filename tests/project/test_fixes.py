"""What `check --fix` writes, and what it leaves."""

from __future__ import annotations

import os
import stat

import pytest
from command_line import run

SPEC = """\
# a comment
input: [8, 8, 3]
layers:
  - Conv2D: {filtrs: 4, kernel_size: 3}   # kept\r
  - Flaten
  - Dense: 10
"""
MENDED = SPEC.replace("filtrs", "filters").replace("Flaten", "Flatten")


@pytest.fixture
def net(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "net.yaml"
    path.write_bytes(SPEC.encode())
    return path


def test_names_are_mended_and_all_else_stays(net):
    result = run("check", "--fix", "net.yaml")
    assert net.read_bytes() == MENDED.encode()
    assert (result.exit_code, result.stderr) == (0, "net.yaml: 2 fixed\n")


def test_calls_of_frameworks_become_steps(net):
    calls = (
        "nn.Conv2d(3, 4, 3, padding=1)",
        "nn.PReLU()",
        "layers.Flatten()",
        "nn.Linear(width, 10)",
        "nn.Linear(256, n)",
    )
    net.write_text("input: [8, 8, 3]\nlayers:\n" + "".join(f"  - {call}\n" for call in calls), encoding="utf-8")
    assert run("check", "--fix", "net.yaml").exit_code == 1
    steps = ("Conv2D: {filters: 4, kernel_size: 3, padding: 1}", "nn.PReLU", "Flatten", "Dense: {units: 10}", calls[-1])
    assert net.read_text(encoding="utf-8").splitlines()[2:] == [f"  - {step}" for step in steps]


def test_what_cannot_be_mended_is_told(net):
    net.write_bytes(SPEC.replace("kernel_size: 3", "kernel_size: 99").encode())
    result = run("check", "--fix", "net.yaml")
    assert result.exit_code == 1
    assert "error[shape]" in result.stdout


def test_a_diff_writes_nothing(net):
    result = run("check", "--diff", "net.yaml")
    assert result.exit_code == 1
    assert "\n-  - Flaten\n" in result.stdout
    assert "\n+  - Flatten\n" in result.stdout
    assert result.stdout.startswith("--- a/net.yaml\n+++ b/net.yaml\n")
    assert net.read_bytes() == SPEC.encode()


def test_nothing_to_mend(net):
    net.write_bytes(MENDED.encode())
    before = os.stat(net).st_mtime_ns
    assert run("check", "--fix", "net.yaml").exit_code == 0
    assert run("check", "--diff", "net.yaml").output == ""
    assert os.stat(net).st_mtime_ns == before


def test_the_mode_of_a_file_stays(net):
    net.chmod(0o640)
    run("check", "--fix", "net.yaml")
    assert stat.S_IMODE(os.stat(net).st_mode) == 0o640
    assert [path.name for path in net.parent.iterdir()] == ["net.yaml"]


def test_what_another_file_has_wrong_is_not_written_here(net):
    (net.parent / "small.yaml").write_text("extends: net.yaml\nname: small\n", encoding="utf-8")
    run("check", "--fix", "small.yaml")
    assert net.read_bytes() == SPEC.encode()

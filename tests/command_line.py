"""The command line, run in this process: what it prints, and its exit code.

Not by click's own test runner: what that keeps apart differs between the versions of click that the package allows.
"""

from __future__ import annotations

import io
import os
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple
from unittest import mock

from archinspect.cli import cli

# What decides on width and color; every run starts without any of it.
UNSET = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLORTERM", "TERM")


class Result(NamedTuple):
    """What a run leaves: `output` is both streams in the order in which they were written."""

    exit_code: int
    stdout: str
    stderr: str
    output: str


class _Copying(io.BytesIO):
    """A stream that writes into another, too."""

    def __init__(self, other: io.BytesIO) -> None:
        super().__init__()
        self.other = other

    def write(self, data) -> int:
        self.other.write(data)
        return super().write(data)


def run(*args: str, stdin: str | None = None, **env: str | None) -> Result:
    """Run `archinspect ARGS` with a standard input, and with an environment in which None stands for unset."""
    output = io.BytesIO()
    stdout, stderr = (io.TextIOWrapper(_Copying(output), "utf-8", write_through=True) for _ in range(2))
    source = io.TextIOWrapper(io.BytesIO((stdin or "").encode()), "utf-8")
    with _environment(env), mock.patch("sys.stdin", source), redirect_stdout(stdout), redirect_stderr(stderr):
        try:
            cli.main(list(args), prog_name="archinspect")
        except SystemExit as ended:
            exit_code = ended.code or 0
    assert isinstance(exit_code, int)
    return Result(exit_code, *(stream.getvalue().decode() for stream in (stdout.buffer, stderr.buffer, output)))


def message(stderr: str) -> str:
    """Return what is said of wrong usage, without the lines and the word that click puts before it."""
    return stderr.rpartition("\n\n")[2].partition(": ")[2]


def _environment(env):
    changed = dict.fromkeys(UNSET) | env
    kept = {name: value for name, value in os.environ.items() if name not in changed}
    return mock.patch.dict(os.environ, kept | {name: value for name, value in changed.items() if value}, clear=True)

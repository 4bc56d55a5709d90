"""How commands end, each as a process of its own: `python tests/ends.py CASES` prints what became of them.

To start Python anew for each would take a minute. This process imports everything once, and each case is a copy of it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import traceback
from typing import NoReturn

import click
from command_line import run

from archinspect import __main__ as process

WAYS = ("plain", "pipe", "full", "stdin", "stdout", "stderr", "columns", "interrupt")
"""Nothing special; output that nobody reads, or that a full disk takes; streams that are closed; a width that is none;
Ctrl-C."""


def end(arguments: list[str], way: str) -> tuple[int, str, str]:
    """Run a command in a copy of this process; return its exit code and what it wrote."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        child = os.fork()
        if not child:
            _become(arguments, way, output.fileno(), errors.fileno())
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        written = []
        for file in (output, errors):
            file.seek(0)
            written.append(file.read().decode())
    return status, written[0], written[1]


def _become(arguments: list[str], way: str, output: int, errors: int) -> NoReturn:
    """Take the streams that a shell would give, and run the command."""
    code = 70
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(errors, 2)
        if way == "pipe":
            reading, writing = os.pipe()
            os.close(reading)
            os.dup2(writing, 1)
        elif way == "full":
            os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
        elif way in ("stdin", "stdout", "stderr"):
            os.close(("stdin", "stdout", "stderr").index(way))
        elif way == "columns":
            os.environ["COLUMNS"] = "0"
        elif way == "interrupt":
            click.Context.invoke = _interrupted  # type: ignore[method-assign] # just before a command works
        sys.stdin = None if way == "stdin" else os.fdopen(0, encoding="utf-8")
        sys.stdout = None if way == "stdout" else os.fdopen(1, "w", encoding="utf-8")
        sys.stderr = None if way == "stderr" else os.fdopen(2, "w", 1, encoding="utf-8")
        sys.argv = ["archinspect", *arguments]
        process.main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:  # noqa: BLE001 - what Python itself would print
        os.write(errors, traceback.format_exc().encode())
    os._exit(code)


def _interrupted(*_: object, **__: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGINT)
    while True:
        signal.pause()


def main() -> None:
    """Run all cases in all ways."""
    cases = json.loads(sys.argv[1])
    for case in cases:  # so that all is imported
        run(*case.split())
    found = {f"{case} {way}": end(case.split(), way) for case in cases for way in WAYS}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()

"""`--watch`: a command that runs again whenever one of its files changes."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import click

from archinspect.project.configuration import FILES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

PAUSE = 0.5
"""Seconds between two looks at the files."""


def watch(run: Callable[[], tuple[int, Sequence[str]]]) -> NoReturn:
    """Call `run`, which gives the files that it looked at, whenever one of their folders changes; end by Ctrl-C."""
    seen: list[tuple[str, int, int]] = []
    while True:
        if sys.stdout.isatty():
            click.clear()
        files: Sequence[str] = ["."]
        start = time.time_ns()
        try:
            _, files = run()
        except click.UsageError as error:  # a configuration that is being written, a folder that has become empty
            click.echo(f"Error: {error.format_message()}", err=True)
        before, seen = seen, _state(files)
        if seen != before and any(changed >= start for _, changed, _ in seen):
            continue  # as one was written while it ran
        click.echo(f"{time.strftime('%H:%M:%S')} watching for changes; Ctrl-C ends it", err=True)
        while _state(files) == seen:
            time.sleep(PAUSE)


def _state(files: Sequence[str]) -> list[tuple[str, int, int]]:
    """Return what changes with the files: their folders' entries, and configurations above."""
    folders = {os.path.dirname(os.path.abspath(file)) for file in files}
    above = {os.path.join(place, name) for folder in folders for place in _with_parents(folder) for name in FILES}
    return sorted(one for folder in folders for one in _entries(folder)) + sorted(map(_stamp, above))


def _entries(folder: str) -> list[tuple[str, int, int]]:
    try:
        return [_stamp(entry.path) for entry in os.scandir(folder) if entry.is_file()]
    except OSError:
        return []


def _stamp(path: str) -> tuple[str, int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return path, 0, 0
    return path, found.st_mtime_ns, found.st_size


def _with_parents(folder: str) -> list[str]:
    found = [folder]
    while os.path.dirname(found[-1]) != found[-1]:
        found.append(os.path.dirname(found[-1]))
    return found

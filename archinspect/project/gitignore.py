"""What git ignores, by the `.gitignore` files of a folder and of those above it, and by `.git/info/exclude`.

The form is that of gitignore(5): comments, `!`, a `/` in front or within that binds to the folder, one behind for
folders, `*`, `?`, sets, `**`. What a user's own settings of git ignore is not read.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from archinspect.project.globs import MAX_PATTERN, regex

if TYPE_CHECKING:
    import re

MAX_BYTES = 2**20
"""Of a `.gitignore` that are read."""


class Pattern(NamedTuple):
    """A line of a `.gitignore`."""

    wanted: re.Pattern[str]
    ignores: bool
    folders_only: bool
    by_name: bool
    """Whether it means a name in any folder, and not a path."""


class Ignored:
    """Tells what git ignores; each `.gitignore` is read once."""

    def __init__(self) -> None:
        self._patterns: dict[str, list[Pattern]] = {}
        self._roots: dict[str, str] = {}

    def __call__(self, path: str, *, is_folder: bool) -> bool:
        """Return whether git ignores a path whose folders it does not ignore."""
        path = os.path.abspath(path)
        root = self._root(os.path.dirname(path))
        if not root:
            return False
        folder = os.path.dirname(path)
        name = os.path.basename(path)
        while True:  # the nearest file that says something has the last word
            inside = os.path.relpath(path, folder).replace(os.sep, "/")
            for pattern in reversed(self._of(folder, is_root=folder == root)):
                if pattern.folders_only and not is_folder:
                    continue
                if pattern.wanted.match(name if pattern.by_name else inside):
                    return pattern.ignores
            if folder == root:
                return False
            folder = os.path.dirname(folder)

    def _root(self, folder: str) -> str:
        """Return the top of the repository that a folder is in; empty where it is in none."""
        found = self._roots.get(folder)
        if found is None:
            above = os.path.dirname(folder)
            is_top = os.path.exists(os.path.join(folder, ".git"))
            found = self._roots[folder] = folder if is_top else "" if above == folder else self._root(above)
        return found

    def _of(self, folder: str, *, is_root: bool) -> list[Pattern]:
        found = self._patterns.get(folder)
        if found is None:
            exclude = _read(os.path.join(folder, ".git", "info", "exclude")) if is_root else []
            found = self._patterns[folder] = [*exclude, *_read(os.path.join(folder, ".gitignore"))]
        return found


def _read(path: str) -> list[Pattern]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read(MAX_BYTES).splitlines()
    except OSError:
        return []
    return [pattern for line in lines if (pattern := parse(line))]


def parse(line: str) -> Pattern | None:
    """Return what a line says; None for a comment and nothing."""
    if line.startswith("#") or len(line) > MAX_PATTERN:
        return None
    stripped = line.rstrip(" ")
    text = stripped + " " if stripped.endswith("\\") and stripped != line else stripped
    ignores = not text.startswith("!")
    text = text if ignores else text[1:]
    folders_only = text.endswith("/")
    text = text.rstrip("/")
    if not text:
        return None
    by_name = "/" not in text
    return Pattern(regex(text.removeprefix("/"), star_crosses=False), ignores, folders_only, by_name)

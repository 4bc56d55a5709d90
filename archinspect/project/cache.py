"""What was found in specs before: a file that is as it was, and is checked as it was, is not checked again.

A record holds while its file, all that the file extends, the rules, budgets and stored figures are the same, for this
version of archinspect, and of its modules where one edits them. All records are in one file, which is written in one
step at the end of a run: of two runs at once, the later one's stays. What cannot be read or written is as if it were
not there.
"""

from __future__ import annotations

import json  # noqa: TID253 - this module is for runs that need it
import os
import sys
import time
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import yaml

import archinspect
from archinspect import __version__
from archinspect.base.source import Map, Scalar, Source, SourceError, read_file
from archinspect.base.yaml_core import read_tree
from archinspect.language.load import base_path
from archinspect.project.files import write
from archinspect.project.record import restored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.checks.outcome import Checked

FOLDER = ".archinspect_cache"
PACKAGE = os.path.dirname(archinspect.__file__)
MAX_BYTES = 256 * 2**20
MAX_AGE = 30 * 24 * 3600
"""Seconds after which records that no run has used are removed."""
TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# Made by archinspect; see https://bford.info/cachedir/\n"
"""By which backup programs know a cache."""


def digest(*parts: object) -> str:
    """Return what stands for values that JSON can hold."""
    return sha256(json.dumps(parts, sort_keys=True, default=sorted).encode("utf-8", "surrogatepass")).hexdigest()


def newest_change(folder: str) -> int:
    """Return when a file of the package, or of the built-in specs in it, was changed last: 2 ms for 500 files."""
    found = 0
    for entry in os.scandir(folder):
        if entry.is_dir():
            found = max(found, newest_change(entry.path) if entry.name != "__pycache__" else 0)
        else:
            found = max(found, entry.stat().st_mtime_ns)
    return found


class Cache:
    """The records of runs that ask for the same, `settings`, in a folder."""

    def __init__(self, folder: str, settings: object) -> None:
        self.folder = folder
        stamp = digest(settings, sys.version_info[:3], yaml.__version__, newest_change(PACKAGE))
        self._file = os.path.join(folder, f"{__version__}-{stamp[:16]}.json")
        self._old: dict[str, Any] = _read(self._file)
        self._new: dict[str, Any] = {}
        self._texts: dict[str, Source | None] = {}
        self._is_changed = False

    def find(self, source: Source, asked: str) -> Checked | None:
        """Return what was found in a file, where nothing of it has changed; `asked` stands for what is looked for."""
        entry = self._old.get(source.name)
        try:
            if entry is None or entry["own"] != digest(asked, source.text) or not self._holds(source, entry["bases"]):
                return None
            found = restored(entry["record"], self._known(source, entry["bases"]))
        except (ValueError, TypeError, LookupError, AttributeError):
            return None
        self._new[source.name] = entry
        return found

    def store(self, source: Source, asked: str, record: dict[str, Any]) -> None:
        """Take what was found in a file."""
        self._is_changed = True
        bases = self._bases(source)
        known = self._known(source, bases)
        sources = [[name, path, None if known.get(path) == text else text] for name, path, text in record["sources"]]
        record = {**record, "sources": sources}
        self._new[source.name] = {"own": digest(asked, source.text), "bases": bases, "record": record}

    def write(self) -> None:
        """Store the records; those of files that this run did not look at stay while there are such files."""
        if not self._is_changed:
            return
        left = {name: entry for name, entry in self._old.items() if name not in self._new and os.path.exists(name)}
        with suppress(OSError):
            make(self.folder)
            write(self._file, json.dumps({**left, **self._new}, ensure_ascii=True, separators=(",", ":")))
            _tidy(self.folder)

    def _known(self, source: Source, bases: list[list[str]]) -> dict[str, str]:
        return {source.path: source.text, **{path: self._text(path) for _, path, _ in bases if path}}

    def _holds(self, source: Source, bases: list[list[str]]) -> bool:
        """Return whether a file extends what it extended, and that says what it said."""
        for name, path, stamp in bases:
            if (base_path(name, source) or "") != path or self._stamp(path) != stamp:
                return False
            if path:
                source = Source("", "", path)
        return True

    def _bases(self, source: Source) -> list[list[str]]:
        """Return what a file extends: by which name, its path, and what stands for its text."""
        found: list[list[str]] = []
        seen = {source.path}
        name = _extends(source)
        while name:
            path = base_path(name, source) or ""
            found.append([name, path, self._stamp(path)])
            base = self._source(path)
            if base is None or path in seen:
                break
            seen.add(path)
            source, name = base, _extends(base)
        return found

    def _stamp(self, path: str) -> str:
        base = self._source(path)
        return digest(base.text) if base else ""

    def _text(self, path: str) -> str:
        base = self._source(path)
        return base.text if base else ""

    def _source(self, path: str) -> Source | None:
        if path not in self._texts:
            self._texts[path] = None
            with suppress(SourceError):
                self._texts[path] = read_file(path) if path else None
        return self._texts[path]


def make(folder: str) -> None:
    """Make the folder, which git and backup programs leave out. Raise OSError."""
    if os.path.isdir(folder):
        return
    os.makedirs(folder, exist_ok=True)
    for name, text in ((".gitignore", "# Made by archinspect.\n*\n"), ("CACHEDIR.TAG", TAG)):
        write(os.path.join(folder, name), text)


def caches(folder: str) -> Iterator[str]:
    """Yield the caches in a folder and below, which may be removed: those of this name that say whose they are."""
    for place, folders, _ in os.walk(folder):
        if FOLDER in folders:
            folders.remove(FOLDER)
            path = os.path.join(place, FOLDER)
            if not os.path.islink(path) and _is_ours(path):
                yield os.path.normpath(path)


def _is_ours(folder: str) -> bool:
    with suppress(OSError), open(os.path.join(folder, "CACHEDIR.TAG"), encoding="utf-8", errors="replace") as file:
        return file.read(len(TAG) + 1) == TAG
    return False


def _extends(source: Source) -> str:
    with suppress(SourceError):
        tree = read_tree(source)
        name = tree.values.get("extends") if isinstance(tree, Map) else None
        return name.text if isinstance(name, Scalar) else ""
    return ""


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        found = json.loads(data) if len(data) <= MAX_BYTES else None
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _tidy(folder: str) -> None:
    """Remove files that no run has written for long: those of other versions, and of what is not asked any more."""
    for entry in os.scandir(folder):
        if entry.name.endswith(".json") and entry.stat().st_mtime < time.time() - MAX_AGE:
            os.unlink(entry.path)

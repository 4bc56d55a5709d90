"""Baselines: figures of a project's networks in a file, which a later `check` compares."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.diagnostics import Diagnostic
from archinspect.base.source import Source, Span
from archinspect.checks.baseline import STORED, Stored
from archinspect.project import files
from archinspect.project.configuration import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

VERSION = 1
MAX_BYTES = 64 * 2**20
DEFAULT_FILE = "archinspect-baseline.json"


class Baseline(NamedTuple):
    """The figures of each network, by its path from the baseline's folder."""

    path: str
    networks: Mapping[str, Mapping[str, int]]
    tolerance: float = 0.0

    def key(self, name: str) -> str:
        """Return what a network is called in the file: its path from there, or the name of a built-in one."""
        if not os.path.exists(name):
            return name
        return os.path.relpath(os.path.abspath(name), os.path.dirname(os.path.abspath(self.path))).replace(os.sep, "/")

    def of(self, name: str) -> Stored:
        """Return what is stored of a network."""
        return Stored(self.networks.get(self.key(name)), self.tolerance)

    def gone(self) -> Iterator[Diagnostic]:
        """Yield the networks that are stored, but whose files are not there any more."""
        folder = os.path.dirname(os.path.abspath(self.path))
        span = Span(Source(self.path, ""))
        for key in self.networks:
            is_file = "/" in key or "." in key
            if is_file and not os.path.exists(os.path.join(folder, key)):
                message = f"the baseline has '{key}', which is not there any more"
                yield Diagnostic("baseline", message, span, "store it anew: archinspect check --update-baseline")


def read(path: str, tolerance: float) -> Baseline:
    """Return the baseline in a file; raise :class:`ConfigurationError` for what is none."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        help_ = f": write it by `archinspect baseline write --file {path}`" if not os.path.exists(path) else ""
        raise ConfigurationError(f"{path}: {(error.strerror or str(error)).lower()}{help_}") from None
    import json  # a check without a baseline needs none

    try:
        if len(data) > MAX_BYTES:
            raise ValueError("too large")  # noqa: TRY301 - told as what is no baseline
        found = json.loads(data)
        networks = found["networks"]
        if found["version"] != VERSION or not all(map(_is_network, networks.values())):
            raise ValueError("of another form")  # noqa: TRY301 - as above
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ConfigurationError(f"{path}: this is no baseline of version {VERSION}") from None
    return Baseline(path, networks, tolerance)


def _is_network(value: object) -> bool:
    return isinstance(value, dict) and all(type(number) is int for number in value.values())


def text(networks: Mapping[str, Mapping[str, int]]) -> str:
    """Return the text of a baseline: sorted, a line per figure, so that a diff shows what changed."""
    import json  # as above

    ordered = {
        key: {name: figures[name] for name in STORED if name in figures} for key, figures in sorted(networks.items())
    }
    return json.dumps({"version": VERSION, "networks": ordered}, indent=2, ensure_ascii=False) + "\n"


def updated(old: Baseline, new: Mapping[str, Mapping[str, int]]) -> dict[str, Mapping[str, int]]:
    """Return the networks of a baseline with new figures, without those whose files are gone."""
    gone: Collection[str] = {one.message.split("'")[1] for one in old.gone()}
    return {**{key: figures for key, figures in old.networks.items() if key not in gone}, **new}


def write(path: str, networks: Mapping[str, Mapping[str, int]]) -> None:
    """Write a baseline. Raise OSError."""
    files.write(path, text(networks))

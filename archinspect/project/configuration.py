"""What a project says of its checks: `archinspect.toml`, or `[tool.archinspect]` of a pyproject.toml.

The nearest one above a file counts, and is not merged with those further up, unless it says `extend`: as for ruff.
"""

from __future__ import annotations

import os
import re
import tomllib
from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.base.diagnostics import suggest
from archinspect.checks.selection import Choice
from archinspect.project.keys import KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FILES = (".archinspect.toml", "archinspect.toml", "pyproject.toml")
"""Names of a configuration, the first one of a folder counts."""
MAX_BYTES = 2**20
MAX_EXTENDS = 10
DEFAULT_EXCLUDE = (
    *(".bzr", ".direnv", ".eggs", ".git", ".git-rewrite", ".hg", ".ipynb_checkpoints", ".mypy_cache", ".nox"),
    *(".pytest_cache", ".ruff_cache", ".svn", ".tox", ".venv", ".vscode", "__pypackages__", "_build", "buck-out"),
    *("dist", "node_modules", "site-packages", "venv"),
)
"""Folders that are left out unless `exclude` says other ones: those of ruff."""


class ConfigurationError(Exception):
    """A configuration that cannot be read, or says what there is not; the message has the file."""


class Configuration(NamedTuple):
    """What a configuration says; patterns are relative to its folder `root`."""

    root: str
    path: str = ""
    """The file, empty where there is none."""
    values: Mapping[str, Any] = {}
    choices: tuple[Choice, ...] = ()
    """The rules that it selects; before that, those of what it extends."""

    def get(self, key: str) -> Any:  # noqa: ANN401 - as the key
        """Return what it says of a key, or the key's default."""
        return self.values.get(key, KEYS[key].default)

    @property
    def exclude(self) -> tuple[str, ...]:
        """Patterns of what is left out."""
        return (*self.values.get("exclude", DEFAULT_EXCLUDE), *self.get("extend-exclude"))

    @property
    def baseline(self) -> str:
        """The file of stored figures as a path from the working directory; empty without one."""
        named = self.get("baseline")
        return os.path.relpath(os.path.join(self.root, os.path.expanduser(named))) if named else ""

    def budgets_for(self, path: str) -> list[tuple[str, Mapping[str, Any]]]:
        """Return the bounds for a file, each with its pattern."""
        from archinspect.project.globs import matching

        budgets = self.get("budgets")
        return [(pattern, budgets[pattern]) for pattern in matching(budgets, path, self.root)]

    def ignored_for(self, path: str) -> frozenset[str]:
        """Return the rules that are ignored in a file."""
        from archinspect.checks.selection import members
        from archinspect.project.globs import matching

        tables = self.get("per-file-ignores"), self.get("extend-per-file-ignores")
        found = [name for table in tables for pattern in matching(table, path, self.root) for name in table[pattern]]
        return frozenset(code for name in found for code in members(name))


class Configurations:
    """The configuration of each file: the one that is asked for, or the nearest; each is read once."""

    def __init__(self, asked: Sequence[str] = (), *, isolated: bool = False) -> None:
        """Raise :class:`ConfigurationError` for what is asked for and wrong: a file, or values as `strict = true`.

        Values hold over those of every file.
        """
        self._nearest: dict[str, Configuration] = {}
        files = [one for one in asked if "=" not in one or os.path.exists(one)]
        self._values = [_values(one) for one in asked if one not in files]
        if len(files) + isolated > 1:
            raise ConfigurationError("--config: one file, and not with --isolated")
        if "" in files:
            raise ConfigurationError("--config: no file is named")
        here = os.getcwd()
        fixed = Configuration(here) if isolated else read(files[0], here) if files else None
        self._fixed = fixed and self._with_values(fixed)

    def _with_values(self, found: Configuration) -> Configuration:
        for values in self._values:
            found = found._replace(values={**found.values, **values}, choices=(*found.choices, _choice(values)))
        return found

    def of(self, path: str) -> Configuration:
        """Return the configuration of a file."""
        return self._fixed or self.of_folder(os.path.dirname(os.path.abspath(path)))

    def of_folder(self, folder: str) -> Configuration:
        """Return the configuration of a folder's files; raise :class:`ConfigurationError` for one that is wrong."""
        if self._fixed:
            return self._fixed
        found = self._nearest.get(folder)
        if found is None:
            above = os.path.dirname(folder)
            own = _in_folder(folder)
            if own:
                found = self._with_values(own)
            else:
                found = self._with_values(Configuration(folder)) if above == folder else self.of_folder(above)
            self._nearest[folder] = found
        return found


def _in_folder(folder: str) -> Configuration | None:
    for name in FILES:
        path = os.path.join(folder, name)
        if os.path.isfile(path) and (name != FILES[-1] or _has_section(path)):
            return read(path, folder)
    return None


def _has_section(path: str) -> bool:
    """Return whether a pyproject.toml is about archinspect; one that is no TOML is other tools' to tell."""
    with open(path, "rb") as file:
        data = file.read(MAX_BYTES)
    if b"archinspect" not in data:
        return False
    try:
        tool = tomllib.loads(data.decode()).get("tool")
    except (ValueError, RecursionError):
        return True  # which is told when it is read
    return isinstance(tool, dict) and "archinspect" in tool


def read(path: str, root: str, seen: tuple[str, ...] = ()) -> Configuration:
    """Return what a file says; raise :class:`ConfigurationError`."""
    shown = os.path.relpath(path)
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{shown}: {(error.strerror or str(error)).lower()}") from None
    if len(data) > MAX_BYTES:
        raise ConfigurationError(f"{shown}: larger than {MAX_BYTES >> 20} MiB")
    found = _parsed(data, shown)
    if os.path.basename(path) == FILES[-1]:
        found = found.get("tool", {}).get("archinspect", {}) if isinstance(found.get("tool", {}), dict) else {}
    values = _checked(data.decode(), shown, found)
    base = values.pop("extend", None)
    if base is not None:
        other = os.path.join(os.path.dirname(os.path.abspath(path)), os.path.expanduser(base))
        parents = (*seen, os.path.realpath(path))
        if os.path.realpath(other) in parents or len(parents) > MAX_EXTENDS:
            raise ConfigurationError(f"{shown}: `extend` leads back to '{base}'")
        return _extended(read(other, root, parents), values, os.path.abspath(path))
    return Configuration(root, os.path.abspath(path), values, (_choice(values),))


def _choice(values: Mapping[str, Any]) -> Choice:
    return Choice(values.get("select"), values.get("ignore", ()), values.get("extend-select", ()))


def _extended(base: Configuration, values: dict[str, Any], path: str) -> Configuration:
    """Return a configuration with what it extends: what is further in both is of both."""
    both: dict[str, Any] = {
        name: base.get(name) + values[name] if isinstance(values[name], tuple) else {**base.get(name), **values[name]}
        for name in ("extend-exclude", "extend-per-file-ignores")
        if name in values
    }
    return Configuration(base.root, path, {**base.values, **values, **both}, (*base.choices, _choice(values)))


def _values(text: str) -> dict[str, Any]:
    """Return what the command line says."""
    return _checked(text, "--config", _parsed(text.encode("utf-8", "replace"), "--config"))


def _parsed(data: bytes, shown: str) -> dict[str, Any]:
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise ConfigurationError(f"{shown}: not UTF-8 text") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{shown}: not valid TOML: {str(error)[:200]}") from None


def _checked(text: str, shown: str, found: object) -> dict[str, Any]:
    """Return the values by key; refuse what is unknown, with its line, and what is of another kind."""
    if not isinstance(found, dict):
        raise ConfigurationError(f"{shown}: `tool.archinspect` must be a table")
    values = {}
    for name, value in found.items():
        where = f"{shown}{_line(text, name)}"
        if name not in KEYS:
            raise ConfigurationError(f"{where}: unknown key '{name}': {suggest(name, KEYS)}")
        try:
            values[name] = KEYS[name].kind.read(value)
        except ValueError as error:
            raise ConfigurationError(f"{where}: '{name}' {error}") from None
    return values


def _line(text: str, name: str) -> str:
    """Return `:LINE` of a key; nothing where it is written in another way."""
    wanted = re.compile(rf"^\s*(?:\[(?:tool\.archinspect\.)?{re.escape(name)}\]|[\"']?{re.escape(name)}[\"']?\s*=)")
    found = next((number for number, line in enumerate(text.splitlines(), 1) if wanted.match(line)), 0)
    return f":{found}" if found else ""

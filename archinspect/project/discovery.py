"""Which files are checked: those named, and those found below folders."""

from __future__ import annotations

import glob
import os
from typing import TYPE_CHECKING, NamedTuple

from archinspect.project.gitignore import Ignored
from archinspect.project.globs import any_matches
from archinspect.project.marker import has_suffix, is_model, is_spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.project.configuration import Configuration, Configurations

MAX_DEPTH = 200
"""Folders in folders that are walked."""
_WILD = frozenset("*?[")


class Asked(NamedTuple):
    """What the command line says of files, beside their names."""

    exclude: tuple[str, ...] | None = None
    """Patterns instead of the configuration's, relative to the working directory."""
    extend_exclude: tuple[str, ...] = ()
    respect_gitignore: bool | None = None
    force_exclude: bool | None = None
    only_specs: bool = False
    """Whether of the files that are named those are left out that do not look like specs, as a hook names all."""


class Target(NamedTuple):
    """A file or a built-in network to check, and its configuration."""

    name: str
    configuration: Configuration


class NothingFoundError(Exception):
    """A folder or a pattern that means no spec; the message says so."""


class Discovery:
    """Finds files, each once, whatever it is called by."""

    def __init__(self, configurations: Configurations, asked: Asked = Asked()) -> None:  # noqa: B008 - a value that never changes
        self.configurations = configurations
        self.asked = asked
        self._seen: set[str] = set()
        self._ignored = Ignored()

    def targets(self, names: Sequence[str]) -> Iterator[Target]:
        """Yield what is to be checked, the working directory's specs without names.

        Raise :class:`NothingFoundError` for a folder or pattern without any.
        """
        for name in names or ["."]:
            found = list(self._of(name))
            yield from (target for target in found if self._is_new(target.name))
            if not found and not self.asked.only_specs and (os.path.isdir(name) or not os.path.exists(name)):
                where = "in this folder: name a file or a folder" if name == "." else f"below '{name}'"
                raise NothingFoundError(f"no spec {where}")

    def _of(self, name: str) -> Iterator[Target]:
        if os.path.isdir(name):
            found = self._below(name)
            for path in found or ([name] if is_model(name) else []):
                yield Target(path, self.configurations.of(path))
        elif _WILD & {*name} and not os.path.exists(name):
            for path in sorted(glob.glob(name, recursive=True)):
                if os.path.isdir(path):
                    yield from self._of(path)
                elif not self._is_excluded(path, self.configurations.of(path)):
                    yield Target(path, self.configurations.of(path))
        elif os.path.exists(name):
            configuration = self.configurations.of(name)
            if not self._is_forced_out(name, configuration) and not self._is_no_spec(name, configuration):
                yield Target(name, configuration)
        else:  # a built-in network, another format's name, or nothing, which is told when it is opened
            yield Target(name, self.configurations.of_folder(os.getcwd()))

    def _is_new(self, name: str) -> bool:
        key = os.path.realpath(name) if os.path.exists(name) else name
        is_new = key not in self._seen
        self._seen.add(key)
        return is_new

    def _is_no_spec(self, path: str, configuration: Configuration) -> bool:
        if not self.asked.only_specs or any_matches(configuration.get("include"), path, configuration.root):
            return False
        return not (has_suffix(os.path.basename(path)) and is_spec(path))

    def _is_forced_out(self, path: str, configuration: Configuration) -> bool:
        forced = self.asked.force_exclude
        forced = configuration.get("force-exclude") if forced is None else forced
        return bool(forced) and self._is_excluded(path, configuration)

    def _below(self, folder: str) -> list[str]:
        """Return the specs of a folder, sorted; a link to nothing is one, which is told; pipes and devices are none."""
        found = []
        depth = os.path.abspath(folder).count(os.sep)
        for place, folders, files in os.walk(folder):
            configuration = self.configurations.of_folder(os.path.abspath(place))
            if os.path.abspath(place).count(os.sep) - depth > MAX_DEPTH:
                folders.clear()
                continue
            folders[:] = [name for name in folders if not self._leaves_out(os.path.join(place, name), configuration)]
            include = configuration.get("include")
            for file in files:
                path = os.path.normpath(os.path.join(place, file))
                is_named = bool(include) and any_matches(include, path, configuration.root)
                if (is_named or has_suffix(file)) and self._is_taken(path, configuration, is_named=is_named):
                    found.append(path)
        return sorted(found, key=lambda path: path.split(os.sep))

    def _is_taken(self, path: str, configuration: Configuration, *, is_named: bool) -> bool:
        if self._is_excluded(path, configuration, above=False) or self._ignores(path, configuration):
            return False
        if not os.path.isfile(path):
            return not os.path.exists(path)
        return is_named or is_spec(path)

    def _leaves_out(self, folder: str, configuration: Configuration) -> bool:
        hidden = os.path.basename(folder).startswith(".")
        out = hidden or self._is_excluded(folder, configuration, above=False)
        return out or self._ignores(folder, configuration, is_folder=True)

    def _is_excluded(self, path: str, configuration: Configuration, *, above: bool = True) -> bool:
        """Return whether a pattern leaves a path out; where folders `above` it were not walked, by those, too."""
        here = os.getcwd()
        if self.asked.exclude is not None:
            out = any_matches(self.asked.exclude, path, here, above=above)
        else:
            out = any_matches(configuration.exclude, path, configuration.root, above=above)
        return out or any_matches(self.asked.extend_exclude, path, here, above=above)

    def _ignores(self, path: str, configuration: Configuration, *, is_folder: bool = False) -> bool:
        respect = self.asked.respect_gitignore
        respect = configuration.get("respect-gitignore") if respect is None else respect
        return bool(respect) and self._ignored(path, is_folder=is_folder)

"""All checks of a project's files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from archinspect import api
from archinspect.base.source import Source, SourceError
from archinspect.checks.selection import Choice, chosen
from archinspect.language.library import is_path
from archinspect.language.load import not_found, open_spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.project.configuration import Configuration
    from archinspect.project.discovery import Target


class Wanted(NamedTuple):
    """What the command line says of checks; a configuration holds where it says nothing."""

    rules: Choice = Choice()
    strict: bool = False
    require_complete: bool = False


class Result(NamedTuple):
    """What was found in one file."""

    checked: api.Checked
    failed: bool
    configuration: Configuration


class Checker:
    """Checks files, each by its own configuration."""

    def __init__(self, wanted: Wanted, of_format: Callable[[str], str], stdin_filename: str = "") -> None:
        self.wanted = wanted
        self.of_format = of_format
        self.stdin_filename = stdin_filename
        self._chosen: dict[int, frozenset[str]] = {}
        self._configurations: list[Configuration] = []

    def check(self, target: Target) -> Result:
        """Return what is wrong with a file; raise :class:`archinspect.NotFoundError` where there is none."""
        name, configuration = target
        spec: str | Source = self.of_format(name)
        shown = name
        if name == "-" and self.stdin_filename:
            shown = self.stdin_filename
            try:
                spec = Source(shown, open_spec("-").text, shown)
            except SourceError as error:
                error.span.source.name = shown
                raise
        elif is_path(name) and not os.path.exists(name):
            raise api.NotFoundError(not_found(name))
        codes = self._codes(configuration) - configuration.ignored_for(shown)
        checked = api.check(spec, codes)
        return Result(checked, self._fails(checked, configuration), configuration)

    def _codes(self, configuration: Configuration) -> frozenset[str]:
        found = self._chosen.get(id(configuration))
        if found is None:
            self._configurations.append(configuration)  # which keeps its id
            found = self._chosen[id(configuration)] = chosen([configuration.choice, self.wanted.rules])
        return found

    def _fails(self, checked: api.Checked, configuration: Configuration) -> bool:
        partial = checked.report is not None and checked.report.status == "partial"
        if partial and (self.wanted.require_complete or configuration.get("require-complete")):
            return True
        worst = {one.severity for one in checked.diagnostics}
        return "error" in worst or ("warning" in worst and bool(self.wanted.strict or configuration.get("strict")))

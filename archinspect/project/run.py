"""All checks of a project's files."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect import api
from archinspect.base.source import Source, SourceError, read_file
from archinspect.checks import Limits
from archinspect.checks.baseline import measured as figures_of
from archinspect.checks.budget import Budget
from archinspect.checks.selection import Choice, chosen
from archinspect.language.library import is_path
from archinspect.language.load import not_found, open_spec
from archinspect.project import baselines
from archinspect.project.fixes import fixed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from archinspect.base.diagnostics import Diagnostic
    from archinspect.project.baselines import Baseline
    from archinspect.project.configuration import Configuration
    from archinspect.project.discovery import Target


MOST_ROUNDS = 10
"""How often a file is mended and looked at again."""


class Wanted(NamedTuple):
    """What the command line says of checks; a configuration holds where it says nothing."""

    rules: Choice = Choice()
    strict: bool = False
    require_complete: bool = False
    expect: Mapping[str, Any] = {}
    """Bounds of figures of every network."""
    baseline: str = ""
    tolerance: float | None = None
    ignores_baseline: bool = False
    """Whether it is stored anew."""


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
        self.baselines: dict[str, Baseline] = {}
        """Those that files had, by their paths."""

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
        codes = self._codes(configuration, shown)
        checked = api.check(spec, codes, self._limits(shown, configuration), with_report=False)
        return Result(checked, self._fails(checked, configuration), configuration)

    def fixes(self, targets: Sequence[Target]) -> Iterator[tuple[str, str, str, int]]:
        """Give the path of each file that can be mended, its text, that with the fixes made, and how many those are.

        Fixes are made until none is left, as one may bring another to light.
        """
        for target in targets:
            if not os.path.isfile(target.name):
                continue
            with suppress(SourceError):
                before = after = read_file(target.name).text
                total = 0
                codes = self._codes(target.configuration, target.name)
                for _ in range(MOST_ROUNDS):
                    source = Source(target.name, after, target.name)
                    checked = api.check(source, codes, Limits(), with_report=False)
                    after, count = fixed(after, checked.diagnostics, source.name)
                    total += count
                    if not count:
                        break
                if total:
                    yield target.name, before, after, total

    def _limits(self, name: str, configuration: Configuration) -> Limits:
        budgets = [Budget(f"[budgets] '{pattern}'", bounds) for pattern, bounds in configuration.budgets_for(name)]
        budgets += [Budget("--expect", self.wanted.expect)] if self.wanted.expect else []
        nameless = name == "-"  # standard input, which no baseline knows
        baseline = None if nameless or self.wanted.ignores_baseline else self.baseline_of(configuration)
        return Limits(tuple(budgets), baseline.of(name) if baseline else None)

    def baseline_of(self, configuration: Configuration) -> Baseline | None:
        """Return the baseline that files with this configuration have; raise :class:`ConfigurationError` for none."""
        path = self.wanted.baseline or configuration.baseline
        if not path:
            return None
        found = self.baselines.get(path)
        if found is None:
            tolerance = self.wanted.tolerance
            tolerance = configuration.get("tolerance") if tolerance is None else tolerance
            found = self.baselines[path] = baselines.read(path, tolerance)
        return found

    def _codes(self, configuration: Configuration, name: str) -> frozenset[str]:
        found = self._chosen.get(id(configuration))
        if found is None:
            self._configurations.append(configuration)  # which keeps its id
            found = self._chosen[id(configuration)] = chosen([*configuration.choices, self.wanted.rules])
        return found - configuration.ignored_for(name)

    def _fails(self, checked: api.Checked, configuration: Configuration) -> bool:
        if checked.partial and (self.wanted.require_complete or configuration.get("require-complete")):
            return True
        worst = {one.severity for one in checked.diagnostics}
        return "error" in worst or ("warning" in worst and bool(self.wanted.strict or configuration.get("strict")))


def measured(
    targets: Sequence[Target], baseline: Baseline, of_format: Callable[[str], str]
) -> tuple[dict[str, dict[str, int]], list[Diagnostic], list[str]]:
    """Return the figures of networks by their names in a baseline, what is wrong with others, and what is not there.

    Templates have none.
    """
    networks: dict[str, dict[str, int]] = {}
    wrong: list[Diagnostic] = []
    missing: list[str] = []
    for name, _ in targets:
        if name == "-":
            continue
        try:
            if is_path(name) and not os.path.exists(name):
                raise api.NotFoundError(not_found(name))  # noqa: TRY301 - one way to tell it
            checked = api.check(of_format(name), (), with_report=False)
            if checked.template:
                continue
            if not checked.ok:
                wrong += checked.diagnostics
                continue
            networks[baseline.key(name)] = figures_of(api.network(of_format(name)).facts)
        except api.NotFoundError as error:
            missing.append(str(error))
    return networks, wrong, missing

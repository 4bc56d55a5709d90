"""All checks of a project's files."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.base.diagnostics import Diagnostic
from archinspect.base.source import Source, SourceError, Span, read_file
from archinspect.checks import Limits
from archinspect.checks.baseline import measured as figures_of
from archinspect.checks.budget import Budget
from archinspect.checks.outcome import Checked
from archinspect.checks.selection import Choice, chosen
from archinspect.language.library import SUFFIXES, is_path
from archinspect.language.load import NotFoundError, has_spec_key, not_found, open_spec
from archinspect.project import baselines
from archinspect.project.cache import digest
from archinspect.project.faults import check, is_fault
from archinspect.project.fixes import fixed
from archinspect.project.record import recorded, restored
from archinspect.project.workers import Died, processes, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from archinspect.project.baselines import Baseline
    from archinspect.project.cache import Cache
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
    baseline: str | None = None
    """The file of stored figures; empty for the configuration's, or else that in which they are stored by default."""
    tolerance: float | None = None
    ignores_baseline: bool = False
    """Whether it is stored anew."""


class NotThere(NamedTuple):
    """What is said of a file that there is not."""

    message: str


class Result(NamedTuple):
    """What was found in one file."""

    checked: Checked
    failed: bool
    configuration: Configuration


class Job(NamedTuple):
    """A file to look at, and what for."""

    spec: str | Source
    """The text of a spec; of any other file its name."""
    codes: frozenset[str]
    limits: Limits

    @property
    def asked(self) -> str:
        """What stands for all that is looked for."""
        return digest(sorted(self.codes), self.limits)


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

    def check_all(
        self, targets: Sequence[Target], cache: Cache | None = None, jobs: int | None = None
    ) -> Iterator[tuple[int, Result | NotThere]]:
        """Yield the place of each file and what is wrong with it, in the order in which they get done.

        `jobs` is how many processes there may be; as many as are worth it without.
        """
        work: list[tuple[int, Job]] = []
        for place, target in enumerate(targets):
            job = self._job(target)
            if isinstance(job, NotThere):
                yield place, job
                continue
            known = cache.find(job.spec, job.asked) if cache and isinstance(job.spec, Source) else None
            if known is None:
                work.append((place, job))
            else:
                yield place, self._result(known, target)
        count = processes(len(work), jobs)
        for number, found in run(_recorded if count > 1 else _checked, [job for _, job in work], count):
            place, job = work[number]
            if isinstance(found, NotThere):
                yield place, found
                continue
            checked = found if isinstance(found, Checked) else _received(found, job)
            is_whole = not isinstance(found, Died) and not is_fault(checked.diagnostics)
            if cache and isinstance(job.spec, Source) and job.spec.path and is_whole:
                cache.store(job.spec, job.asked, recorded(checked))
            yield place, self._result(checked, targets[place])

    def _job(self, target: Target) -> Job | NotThere:
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
            return NotThere(not_found(name))
        elif spec == name and name.endswith(SUFFIXES) and os.path.isfile(name):
            with suppress(SourceError):  # which is told when it is checked
                source = read_file(name)
                spec = source if has_spec_key(source.text.encode()) else name
        return Job(spec, self._codes(configuration, shown), self._limits(shown, configuration))

    def _result(self, checked: Checked, target: Target) -> Result:
        return Result(checked, self._fails(checked, target.configuration), target.configuration)

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
                    checked = check(source, codes)
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
        default = "" if self.wanted.baseline is None else baselines.DEFAULT_FILE
        path = self.wanted.baseline or configuration.baseline or default
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

    def _fails(self, checked: Checked, configuration: Configuration) -> bool:
        if checked.partial and (self.wanted.require_complete or configuration.get("require-complete")):
            return True
        worst = {one.severity for one in checked.diagnostics}
        return "error" in worst or ("warning" in worst and bool(self.wanted.strict or configuration.get("strict")))


def _checked(job: Job) -> Checked | NotThere | Died:
    try:
        return check(job.spec, job.codes, job.limits)
    except NotFoundError as error:
        return NotThere(str(error))
    except MemoryError:
        return Died()


def _recorded(job: Job) -> dict[str, Any] | NotThere | Died:
    found = _checked(job)
    return recorded(found) if isinstance(found, Checked) else found


def _received(found: dict[str, Any] | Died, job: Job) -> Checked:
    """Return what another process found."""
    if not isinstance(found, Died):
        return restored(found)
    source = job.spec if isinstance(job.spec, Source) else Source(job.spec, "")
    message = "checking this file was not possible: it took more memory than there is, or met a fault of archinspect"
    return Checked(source.name, [Diagnostic("file", message, Span(source))], None)


def measured(
    targets: Sequence[Target], baseline: Baseline, of_format: Callable[[str], str]
) -> tuple[dict[str, dict[str, int]], list[Diagnostic], list[str]]:
    """Return the figures of networks by their names in a baseline, what is wrong with others, and what is not there.

    Templates have none.
    """
    from archinspect import api  # files that are as they were need no engine

    networks: dict[str, dict[str, int]] = {}
    wrong: list[Diagnostic] = []
    missing: list[str] = []
    for name, _ in targets:
        if name == "-":
            continue
        try:
            if is_path(name) and not os.path.exists(name):
                raise NotFoundError(not_found(name))  # noqa: TRY301 - one way to tell it
            checked = check(of_format(name), ())
            if checked.template:
                continue
            if not checked.ok:
                wrong += checked.diagnostics
                continue
            networks[baseline.key(name)] = figures_of(api.network(of_format(name)).facts)
        except NotFoundError as error:
            missing.append(str(error))
    return networks, wrong, missing

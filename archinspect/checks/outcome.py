"""What a run of `check` found, as data that renderers print."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.base.codes import Code, Severity
    from archinspect.base.diagnostics import Diagnostic
    from archinspect.reports.summary import Report


class Checked(NamedTuple):
    """What was found in one file; `report` is None where the spec has errors."""

    path: str
    diagnostics: list[Diagnostic]
    report: Report | None
    template: bool = False
    """Whether it needs parameters, and so stands for a family of networks; only its form is checked."""
    partial: bool = False
    """Whether some figures of its layers are not known."""

    @property
    def ok(self) -> bool:
        """Return whether there are no errors (there may be warnings)."""
        return all(diagnostic.severity != "error" for diagnostic in self.diagnostics)


class Outcome(NamedTuple):
    """The files in the order in which they were checked, each with what was found in it and in what it extends."""

    files: Sequence[tuple[str, Sequence[Diagnostic]]]
    templates: int = 0
    """How many of the files need parameters, so that only their form was checked."""
    others: Sequence[tuple[str, Sequence[Diagnostic]]] = ()
    """Further files in which something was found, which are no specs: baselines."""
    version: str = ""
    """Of archinspect."""

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """What was found, file by file; the same once, though several files extend what it is in."""
        found: dict[tuple[object, ...], Diagnostic] = {}
        for _, diagnostics in (*self.files, *self.others):
            for one in diagnostics:
                span = one.span
                found.setdefault((span.source.name, span[1:], one.code, one.message), one)
        return [*found.values()]

    @property
    def by_severity(self) -> Mapping[Severity, int]:
        """How many diagnostics there are of each severity."""
        return Counter(one.severity for one in self.diagnostics)

    @property
    def by_code(self) -> Mapping[Code, int]:
        """How many diagnostics there are of each code."""
        return Counter(one.code for one in self.diagnostics)

"""What a run of `check` found, as data that renderers print."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.base.codes import Code, Severity
    from archinspect.base.diagnostics import Diagnostic


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

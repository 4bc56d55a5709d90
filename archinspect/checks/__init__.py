"""Checks of a network that fits together: each a file with a code, why it matters, and a function `check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.diagnostics import Problems
from archinspect.checks import expect, heads, partial, shares, uneven, unused, values

if TYPE_CHECKING:
    from archinspect.analyses.facts import Facts
    from archinspect.base.diagnostics import Diagnostic

CHECKS = (unused, shares, partial, expect, values, heads)
HINTS = (uneven,)
"""What is no mistake, but worth to know."""


def run_checks(facts: Facts, problems: Problems) -> None:
    """Run every check and tell `problems` what it finds."""
    for module in CHECKS:
        for diagnostic in module.check(facts):
            problems.add(diagnostic)


def hints(facts: Facts) -> list[Diagnostic]:
    """Return what is no mistake, in the order of the file."""
    problems = Problems()
    for module in HINTS:
        for diagnostic in module.check(facts):
            problems.add(diagnostic)
    return problems.all()

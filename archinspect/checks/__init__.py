"""Checks of a network that fits together: each a file with a code, why it matters, and a function `check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks import expect, partial, shares, unused, values

if TYPE_CHECKING:
    from archinspect.analyses.facts import Facts
    from archinspect.base.diagnostics import Problems

CHECKS = (unused, shares, partial, expect, values)


def run_checks(facts: Facts, problems: Problems) -> None:
    """Run every check and tell `problems` what it finds."""
    for module in CHECKS:
        for diagnostic in module.check(facts):
            problems.add(diagnostic)

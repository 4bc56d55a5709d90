"""Checks of a network that fits together: each a file with a code, why it matters, and a function `check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks import expect, partial, shares, unused, values

if TYPE_CHECKING:
    from archinspect.base.diagnostics import Problems
    from archinspect.graph.graph import Graph
    from archinspect.reports.summary import Report

CHECKS = (unused, shares, partial, expect, values)


def run_checks(graph: Graph, report: Report, problems: Problems) -> None:
    """Run every check and tell `problems` what it finds."""
    for module in CHECKS:
        for diagnostic in module.check(graph, report):
            problems.add(diagnostic)

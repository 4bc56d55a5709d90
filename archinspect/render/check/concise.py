"""A line per problem: `file:line:column: severity[code]: message`, which editors understand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.render.check.places import in_file
from archinspect.render.check.summary import print_counts, print_linked
from archinspect.render.diagnostics import concise

if TYPE_CHECKING:
    from rich.console import Console

    from archinspect.checks.outcome import Outcome


def print_to(outcome: Outcome, console: Console) -> None:
    """Print the problems, and a line that counts them."""
    for diagnostic in map(in_file, outcome.diagnostics):
        print_linked(diagnostic, concise(diagnostic), console)
    print_counts(outcome, console)

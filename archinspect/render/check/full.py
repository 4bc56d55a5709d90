"""For people: each problem with its line, a caret, and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.render.check.summary import print_counts, print_linked
from archinspect.render.diagnostics import full

if TYPE_CHECKING:
    from rich.console import Console

    from archinspect.checks.outcome import Outcome


def print_to(outcome: Outcome, console: Console) -> None:
    """Print the problems, and a line that counts them."""
    for diagnostic in outcome.diagnostics:
        print_linked(diagnostic, full(diagnostic), console)
        console.print()
    print_counts(outcome, console)

"""A row per problem: as a table, CSV and Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.diagnostics import remedy
from archinspect.base.printable import printable
from archinspect.render.check.places import in_file, path
from archinspect.render.check.summary import print_counts

if TYPE_CHECKING:
    from rich.console import Console

    from archinspect.base.diagnostics import Diagnostic
    from archinspect.checks.outcome import Outcome

HEADER = ("file", "line", "column", "severity", "code", "message", "help")


def rows(outcome: Outcome) -> list[tuple[str, ...]]:
    """Return a row per problem, as :data:`HEADER` says; line and column are empty where there are none."""
    return [_row(one) for one in map(in_file, outcome.diagnostics)]


def _row(one: Diagnostic) -> tuple[str, ...]:
    place = (str(one.span.line), str(one.span.column)) if one.span.line else ("", "")
    texts = (path(one.span), *place, one.severity, one.code, one.message, remedy(one) if one.help else "")
    return tuple(map(printable, texts))


def print_to(outcome: Outcome, console: Console) -> None:
    """Print the table; the place and the code are never cut, messages are wrapped."""
    from rich.table import Table  # few ask for it
    from rich.text import Text

    found = rows(outcome)
    if found:
        table = Table(*HEADER[:-1], box=None, pad_edge=False)
        for column in table.columns[:-1]:
            column.no_wrap, column.overflow = True, "fold"
        for row in found:
            table.add_row(*map(Text, row[:-1]))
        console.print(table)
    print_counts(outcome, console)

"""A Markdown table: a row per problem, for the summary of a CI job or a comment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.render.check.table import HEADER, rows
from archinspect.render.data import markdown_table

if TYPE_CHECKING:
    from archinspect.checks.outcome import Outcome


def text(outcome: Outcome) -> str:
    """Return all problems."""
    return markdown_table(HEADER, rows(outcome), (1, 2))

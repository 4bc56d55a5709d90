"""CSV: a row per problem, for spreadsheets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.render.check.table import HEADER, rows
from archinspect.render.data import csv_text

if TYPE_CHECKING:
    from archinspect.checks.outcome import Outcome


def text(outcome: Outcome) -> str:
    """Return all problems."""
    return csv_text(HEADER, rows(outcome))

"""Tables for notebooks: HTML without scripts, that folds and follows the page's theme."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

OPEN_ROWS = 30
"""A table of more rows is folded."""
MOST_ROWS = 2000
"""Rows that are written."""


def table(title: str, facts: Iterable[str], header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a title, facts below it, and a table; numbers are grouped and stand right."""
    from html import escape  # notebooks alone need it

    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows[:MOST_ROWS])
    more = f"<p>{len(rows) - MOST_ROWS:,} more rows</p>" if len(rows) > MOST_ROWS else ""
    state = " open" if len(rows) <= OPEN_ROWS else ""
    said = "".join(f"<div>{escape(fact)}</div>" for fact in facts)
    return (
        f"<div><strong>{escape(title)}</strong>{said}<details{state}><summary>{len(rows):,} rows</summary>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}</details></div>"
    )


def _cell(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        text = f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"
        return f'<td style="text-align: right">{text}</td>'
    from html import escape  # as above

    return f'<td style="text-align: left">{escape("" if value is None else str(value))}</td>'

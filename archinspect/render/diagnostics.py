"""Diagnostics for people (full, with the line and a caret; concise, a line each) and programs (JSON)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from archinspect.base.diagnostics import label, noted, place, pointed, remedy
from archinspect.base.printable import printable

if TYPE_CHECKING:
    from archinspect.base.diagnostics import Diagnostic, Fix


def concise(diagnostic: Diagnostic) -> Text:
    """Return one line: `file:line:column: error[code]: message`."""
    return Text.assemble(
        (place(diagnostic.span), "bold"),
        ": ",
        (label(diagnostic), diagnostic.severity),
        f": {printable(diagnostic.message)}",
    )


def full(diagnostic: Diagnostic) -> Text:
    """Return the line, the place in the source with a caret, further places and the remedy."""
    text = concise(diagnostic)
    line, carets = pointed(diagnostic.span)
    text.append(line).append(carets, diagnostic.severity)
    text.append(noted(diagnostic))
    if diagnostic.help:
        text.append("\n  = ").append("help", "bold").append(f": {remedy(diagnostic)}")
    return text


def as_dict(diagnostic: Diagnostic) -> dict[str, Any]:
    """Return the JSON form."""
    span = diagnostic.span
    return {
        "path": span.source.name,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
        **({"node": span.node} if span.node else {}),
        "severity": diagnostic.severity,
        "code": diagnostic.code,
        "message": diagnostic.message,
        "help": diagnostic.help,
        "notes": [{"message": message, "place": place(note)} for message, note in diagnostic.notes],
        "fix": _fix(diagnostic.fix) if diagnostic.fix else None,
    }


def _fix(fix: Fix) -> dict[str, Any]:
    return {
        "line": fix.span.line,
        "column": fix.span.column,
        "end_line": fix.span.end_line,
        "end_column": fix.span.end_column,
        "text": fix.text,
    }

"""Diagnostics for people (full, with the line and a caret; concise, a line each) and programs (JSON)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.text import Text

from archinspect.base.printable import printable

if TYPE_CHECKING:
    from archinspect.base.diagnostics import Diagnostic, Fix
    from archinspect.base.source import Span

MAX_LINE = 110
_STYLES = {"error": "bold red", "warning": "bold yellow"}


def concise(diagnostic: Diagnostic) -> Text:
    """Return one line: `file:line:column: error[code]: message`."""
    return Text.assemble(
        (place(diagnostic.span), "bold"),
        ": ",
        (f"{diagnostic.severity}[{diagnostic.code}]", _STYLES[diagnostic.severity]),
        f": {printable(diagnostic.message)}",
    )


def full(diagnostic: Diagnostic) -> Text:
    """Return the line, the place in the source with a caret, further places and the remedy."""
    text = concise(diagnostic)
    text.append_text(_snippet(diagnostic.span, _STYLES[diagnostic.severity].removeprefix("bold ")))
    for message, span in diagnostic.notes:
        text.append(f"\n  = note: {printable(message)}: {place(span)}")
    if diagnostic.help:
        text.append("\n  = ").append("help", "bold cyan").append(f": {printable(diagnostic.help)}")
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


def place(span: Span) -> str:
    """Return `file:line:column`, or the file where the whole of it is meant."""
    return f"{span.source.name}:{span.line}:{span.column}" if span.line else span.source.name


def _snippet(span: Span, style: str) -> Text:
    line = span.source.line(span.line) if span.line else ""
    if not line.strip():
        return Text()
    start = span.column - 1
    end = span.end_column - 1 if span.end_line == span.line else len(line.rstrip())
    end = max(min(end, len(line.rstrip())), start + 1)
    # A long line is cut so that the marked part shows.
    cut = max(0, min(start - MAX_LINE // 3, len(line) - MAX_LINE))
    shown = printable(line[cut : cut + MAX_LINE].rstrip())
    before, marked = printable(line[cut:start]), printable(line[start : min(end, cut + MAX_LINE)])
    number = str(span.line)
    margin = " " * len(number)
    dots = "..." if cut else ""
    text = Text(f"\n {margin} |\n {number} | {dots}{shown}\n {margin} | ")
    text.append(" " * (cell_len(before) + len(dots)))
    return text.append("^" * max(cell_len(marked), 1), style)

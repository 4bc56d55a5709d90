"""reviewdog's Diagnostic Format (github.com/reviewdog/reviewdog, proto/rdf); its columns count bytes of UTF-8."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.render.check.places import in_file, path, with_help
from archinspect.render.data import json_text

if TYPE_CHECKING:
    from archinspect.base.diagnostics import Diagnostic
    from archinspect.base.source import Source, Span
    from archinspect.checks.outcome import Outcome

_SEVERITIES = {"error": "ERROR", "warning": "WARNING", "info": "INFO"}


def text(outcome: Outcome) -> str:
    """Return all diagnostics."""
    return json_text(
        {
            "source": {"name": "archinspect"},
            "severity": "ERROR" if outcome.by_severity["error"] else "WARNING",
            "diagnostics": [_diagnostic(one) for one in map(in_file, outcome.diagnostics)],
        }
    )


def _diagnostic(one: Diagnostic) -> dict[str, Any]:
    location = {"path": path(one.span, "GITHUB_WORKSPACE", "CI_PROJECT_DIR")}
    related = [
        {"message": note, "location": {"path": path(span), **_range(span)}} for note, span in one.notes if span.line
    ]
    fix = one.fix
    return {
        "message": with_help(one),
        "location": {**location, **_range(one.span)},
        "severity": _SEVERITIES[one.severity],
        "code": {"value": one.code},
        **({"suggestions": [{**_range(fix.span), "text": fix.text}]} if fix else {}),
        **({"related_locations": related} if related else {}),
    }


def _range(span: Span) -> dict[str, Any]:
    if not span.line:
        return {}
    start = {"line": span.line, "column": _bytes(span.source, span.line, span.column)}
    end = {"line": span.end_line, "column": _bytes(span.source, span.end_line, span.end_column)}
    return {"range": {"start": start, "end": end}}


def _bytes(source: Source, line: int, column: int) -> int:
    """Return a column in bytes, from 1."""
    return len(source.line(line)[: column - 1].encode("utf-8", "replace")) + 1

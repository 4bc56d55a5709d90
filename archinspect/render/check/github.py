"""Workflow commands of GitHub Actions, which become annotations of a pull request.

Of each kind GitHub shows ten in a step and drops the rest without a word. So ten are written, errors first, and a
line says how many more there are. Form and escapes: docs.github.com, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.diagnostics import counted
from archinspect.base.printable import printable
from archinspect.render.check.places import in_file, path, with_help
from archinspect.render.check.summary import counts

if TYPE_CHECKING:
    from archinspect.base.diagnostics import Diagnostic
    from archinspect.checks.outcome import Outcome

MAX_ANNOTATIONS = 10
_LEVELS = {"error": "error", "warning": "warning", "info": "notice"}


def text(outcome: Outcome) -> str:
    """Return the commands, then plain lines for the log."""
    found = sorted(map(in_file, outcome.diagnostics), key=lambda one: [*_LEVELS].index(one.severity))
    lines = [_command(one) for one in found[:MAX_ANNOTATIONS]]
    more = len(found) - MAX_ANNOTATIONS
    lines += [f"{counted(more, 'further problem')} without an annotation"] if more > 0 else []
    return "\n".join([*lines, counts(outcome)])


def _command(one: Diagnostic) -> str:
    span = one.span
    properties = {"title": f"archinspect ({one.code})", "file": path(span, "GITHUB_WORKSPACE")}
    if span.line:
        properties |= {"line": str(span.line), "col": str(span.column)}
        # On several lines GitHub takes no columns.
        end = {"endColumn": str(span.end_column)} if span.end_line == span.line else {}
        properties |= {"endLine": str(max(span.line, span.end_line)), **end}
    written = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{_LEVELS[one.severity]} {written}::{_data(with_help(one))}"


def _data(value: str) -> str:
    lines = "\n".join(map(printable, value.split("\n")))
    return lines.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")

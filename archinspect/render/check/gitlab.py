"""GitLab's Code Quality report, for `artifacts: reports: codequality` (docs.gitlab.com, "Code Quality")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.render.check.places import fingerprints, in_file, path
from archinspect.render.data import json_text

if TYPE_CHECKING:
    from archinspect.checks.outcome import Outcome

_SEVERITIES = {"error": "major", "warning": "minor", "info": "info"}


def text(outcome: Outcome) -> str:
    """Return the report."""
    found = [*map(in_file, outcome.diagnostics)]
    return json_text(
        [
            {
                "description": f"{one.code}: {one.message}",
                "check_name": one.code,
                "fingerprint": fingerprint,
                "severity": _SEVERITIES[one.severity],
                "location": {
                    "path": path(one.span, "CI_PROJECT_DIR"),
                    "lines": {"begin": max(1, one.span.line), "end": max(1, one.span.line, one.span.end_line)},
                },
            }
            for one, fingerprint in zip(found, fingerprints(found), strict=True)
        ]
    )

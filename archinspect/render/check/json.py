"""JSON of our own: everything, with counts; docs/json.md explains the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.render.data import json_text
from archinspect.render.diagnostics import as_dict

if TYPE_CHECKING:
    from archinspect.checks.outcome import Outcome

VERSION = 1
"""Rises when a key changes its meaning or goes; new keys may come without."""


def text(outcome: Outcome) -> str:
    """Return what was found as JSON."""
    found = outcome.by_severity
    return json_text(
        {
            "version": VERSION,
            "counts": {
                "files": len(outcome.files),
                "templates": outcome.templates,
                "errors": found["error"],
                "warnings": found["warning"],
                "infos": found["info"],
            },
            "codes": dict(sorted(outcome.by_code.items())),
            "files": [name for name, _ in outcome.files],
            "diagnostics": [as_dict(diagnostic) for diagnostic in outcome.diagnostics],
        }
    )

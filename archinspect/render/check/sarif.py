"""SARIF 2.1.0, which code scanning of GitHub and others read (docs.oasis-open.org/sarif/sarif/v2.1.0)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from archinspect.base.codes import CODES
from archinspect.checks.table import RULES, rule_of
from archinspect.render.check.places import fingerprints, in_file, path, with_help
from archinspect.render.data import json_text

if TYPE_CHECKING:
    from archinspect.base.codes import Code
    from archinspect.base.diagnostics import Diagnostic, Fix
    from archinspect.base.source import Span
    from archinspect.checks.outcome import Outcome

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def text(outcome: Outcome) -> str:
    """Return the log of one run."""
    found = [*map(in_file, outcome.diagnostics)]
    codes = sorted({one.code for one in found})
    results = [
        _result(one, codes.index(one.code), fingerprint)
        for one, fingerprint in zip(found, fingerprints(found), strict=True)
    ]
    driver = {"name": "archinspect", "version": outcome.version, "rules": [_rule(code) for code in codes]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True}],
        "results": results,
    }
    return json_text({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(code: Code) -> dict[str, Any]:
    severity, what = CODES[code]
    found = {
        "id": code,
        "name": "".join(map(str.capitalize, code.split("-"))),
        "shortDescription": {"text": what},
        "defaultConfiguration": {"level": _LEVELS[severity]},
    }
    if code not in RULES:
        return found
    rule = rule_of(code)
    help_ = f"{rule.why}\n\n{rule.repair}"
    example = f"```yaml\n{rule.example}```"
    return found | {
        "fullDescription": {"text": rule.why},
        "help": {"text": help_, "markdown": f"{help_}\n\n{example}"},
    }


def _result(one: Diagnostic, index: int, fingerprint: str) -> dict[str, Any]:
    notes = [{"id": i, **_location(span), "message": {"text": note}} for i, (note, span) in enumerate(one.notes)]
    return {
        "ruleId": one.code,
        "ruleIndex": index,
        "level": _LEVELS[one.severity],
        "message": {"text": with_help(one)},
        "locations": [_location(one.span)],
        **({"relatedLocations": notes} if notes else {}),
        **({"fixes": [_fix(one.fix)]} if one.fix else {}),
        "partialFingerprints": {"archinspect/v1": fingerprint},
    }


def _location(span: Span) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": _artifact(span)}
    if span.line:
        place["region"] = _region(span)
    found: dict[str, Any] = {"physicalLocation": place}
    if span.node:
        found["logicalLocations"] = [{"name": span.node}]
    return found


def _artifact(span: Span) -> dict[str, Any]:
    """Return the file as a URI: relative ones from the top of the checkout."""
    name = path(span, "GITHUB_WORKSPACE", "CI_PROJECT_DIR")
    if os.path.isabs(name):
        return {"uri": f"file://{quote(name)}"}
    return {"uri": quote(name), "uriBaseId": "%SRCROOT%"}


def _region(span: Span) -> dict[str, int]:
    end_line = max(span.line, span.end_line)
    least = span.column if end_line == span.line else 1
    return {
        "startLine": span.line,
        "startColumn": max(1, span.column),
        "endLine": end_line,
        "endColumn": max(least, span.end_column, 1),
    }


def _fix(fix: Fix) -> dict[str, Any]:
    replaced = {"deletedRegion": _region(fix.span), "insertedContent": {"text": fix.text}}
    return {
        "description": {"text": f"write {fix.text}"},
        "artifactChanges": [{"artifactLocation": _artifact(fix.span), "replacements": [replaced]}],
    }

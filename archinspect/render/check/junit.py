"""JUnit's XML, which most services show as tests: a suite per file, a failed case per error or warning."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from archinspect.base.diagnostics import label, place
from archinspect.base.printable import printable
from archinspect.render.check.places import in_file, with_help

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.base.diagnostics import Diagnostic
    from archinspect.checks.outcome import Outcome

# What is no character of XML 1.0, even escaped (www.w3.org/TR/xml, 2.2).
_NOT_ALLOWED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text(outcome: Outcome) -> str:
    """Return the XML."""
    suites = [*outcome.files, *outcome.others]
    tests = sum(max(1, len(found)) for _, found in suites)
    failures = sum(map(_failures, (found for _, found in suites)))
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="archinspect" tests="{tests}" failures="{failures}" errors="0">',
        *(line for name, found in suites for line in _suite(name, found)),
        "</testsuites>",
    ]
    return "\n".join(lines)


def _failures(found: Sequence[Diagnostic]) -> int:
    return sum(one.severity != "info" for one in found)


def _suite(name: str, found: Sequence[Diagnostic]) -> Iterator[str]:
    counted = f'tests="{max(1, len(found))}" failures="{_failures(found)}" errors="0"'
    yield f"  <testsuite name={_attribute(name)} {counted}>"
    if not found:
        yield f'    <testcase name="check" classname={_attribute(name)}/>'
    for one in map(in_file, found):
        at = f' file={_attribute(one.span.source.name)} line="{one.span.line}"' if one.span.line else ""
        yield f"    <testcase name={_attribute(one.code)} classname={_attribute(name)}{at}>"
        body = _text(f"{place(one.span)}: {label(one)}: {with_help(one)}")
        if one.severity == "info":
            yield f"      <system-out>{body}</system-out>"
        else:
            yield f"      <failure type={_attribute(one.severity)} message={_attribute(one.message)}>{body}</failure>"
        yield "    </testcase>"
    yield "  </testsuite>"


def _text(value: str) -> str:
    return escape(_NOT_ALLOWED.sub("\ufffd", "\n".join(map(printable, value.split("\n")))))


def _attribute(value: str) -> str:
    return quoteattr(_NOT_ALLOWED.sub("\ufffd", printable(value)))

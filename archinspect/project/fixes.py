"""What a program may write by itself: the fixes of diagnostics, made in the text of a file. All else of it stays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archinspect.base.printable import printable
from archinspect.base.source import LINE_BREAK

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from archinspect.base.diagnostics import Diagnostic, Fix


def fixed(text: str, diagnostics: Iterable[Diagnostic], name: str) -> tuple[str, int]:
    """Return a text of this name with the fixes made that stand in it, and how many; of two that overlap the first."""
    ends = [match.end() for match in re.finditer(LINE_BREAK, text)]
    starts = [0, *ends]
    fixes = [one.fix for one in diagnostics if one.fix and one.fix.span.source.name == name]
    done, last = 0, len(text)
    for fix in sorted(set(fixes), key=lambda fix: fix.span[1:], reverse=True):
        begin, end = _place(fix, starts)
        if 0 <= begin <= end <= last and text[begin:end] == fix.span.text():
            text, last, done = text[:begin] + fix.text + text[end:], begin, done + 1
    return text, done


def _place(fix: Fix, starts: Sequence[int]) -> tuple[int, int]:
    span = fix.span
    if not 0 < span.line == span.end_line <= len(starts):
        return -1, -1
    start = starts[span.line - 1]
    return start + span.column - 1, start + span.end_column - 1


def difference(name: str, before: str, after: str) -> str:
    """Return a unified diff of two texts of a file, for people to read; empty where they are one."""
    from difflib import unified_diff  # 5 ms, and only what is shown needs it

    lines = unified_diff(before.splitlines(), after.splitlines(), f"a/{name}", f"b/{name}", lineterm="")
    return "".join(f"{printable(line)}\n" for line in lines)

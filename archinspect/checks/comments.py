"""Comments that silence rules: `# archinspect: ignore[code, code] reason`, and `ignore-file` for a whole file.

A comment beside a step holds for what is found at that line, or in the block that the step uses. One on a line of its
own holds for the next line that is none. `ignore-file` also holds for what the file extends.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.codes import CODES
from archinspect.base.diagnostics import MAX_LOOKUPS, Diagnostic, suggest
from archinspect.base.source import Span
from archinspect.checks.table import RULES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from archinspect.base.source import Source

_MARK = "archinspect:"
_COMMENT = re.compile(r"(?:^|(?<=\s))#+\s*archinspect:\s*(?P<verb>[\w-]*)\s*(?:\[(?P<codes>[^\]]*)\])?")
_FORM = "write `# archinspect: ignore[code] reason`, or `ignore-file[code]` for the whole file"


class Silence(NamedTuple):
    """One code of a comment, and the line for which it holds; 0 is the whole file."""

    code: str
    line: int
    span: Span


class Comments:
    """The comments of the sources that a network comes from, each read when something is found in it."""

    def __init__(self, own: Source) -> None:
        self.own = own
        self._read: dict[int, dict[tuple[str, int], list[Span]]] = {}
        """By the source: the comments that silence a code at a line, or in the whole file, which is line 0."""
        self._sources: list[Source] = []
        self._used: set[tuple[str, Span]] = set()
        self.wrong: list[Diagnostic] = []
        self._of(own)

    def silence(self, code: str, spans: Iterable[Span]) -> bool:
        """Return whether a comment silences a finding at the first of these places; the others lead to it.

        What the file says of itself as a whole holds for what it takes from others, too.
        """
        places = [(self.own, 0), *((span.source, line) for span in spans for line in (0, span.line))]
        found = [one for source, line in places for one in self._of(source).get((code, line), ())]
        self._used.update((code, one) for one in found)
        return bool(found)

    def unused(self, ran: Collection[str]) -> Iterator[Diagnostic]:
        """Yield what the file's own comments silence in vain, of the codes that were looked for."""
        for (code, _), spans in self._of(self.own).items():
            for span in spans:
                if code in ran and (code, span) not in self._used:
                    message = f"this comment silences nothing: there is no '{code}' here"
                    yield Diagnostic("unused-ignore", message, span, "remove it")

    def _of(self, source: Source) -> dict[tuple[str, int], list[Span]]:
        found = self._read.get(id(source))
        if found is None:
            self._sources.append(source)  # which keeps its id
            found = self._read[id(source)] = {}
            for code, line, span in self._parsed(source) if _MARK in source.text else ():
                found.setdefault((code, line), []).append(span)
        return found

    def _parsed(self, source: Source) -> Iterator[Silence]:
        lines = source.text.count("\n") + source.text.count("\r") + 1
        for number in range(1, lines + 1):
            line = source.line(number)
            match = _COMMENT.search(line) if _MARK in line else None
            if match is None:
                continue
            span = Span(source, number, match.start() + 1, number, len(line.rstrip()) + 1)
            codes = [code.strip() for code in (match["codes"] or "").split(",") if code.strip()]
            if match["verb"] not in {"ignore", "ignore-file"} or not codes:
                self.wrong.append(Diagnostic("bad-ignore", "this comment is not understood", span, _FORM))
                continue
            alone = not line[: match.start()].strip()
            holds = 0 if match["verb"] == "ignore-file" else _next_line(source, number, lines) if alone else number
            for code in codes:
                if code in RULES:
                    yield Silence(code, holds, span)
                else:
                    message = (
                        f"'{code}' is no rule, and cannot be silenced"
                        if code in CODES
                        else f"there is no rule '{code}'"
                    )
                    help_ = suggest(code, RULES) if code not in CODES and len(self.wrong) < MAX_LOOKUPS else ""
                    self.wrong.append(Diagnostic("bad-ignore", message, span, help_))


def _next_line(source: Source, number: int, lines: int) -> int:
    """Return the next line that holds more than a comment."""
    for after in range(number + 1, lines + 1):
        text = source.line(after).strip()
        if text and not text.startswith("#"):
            return after
    return number

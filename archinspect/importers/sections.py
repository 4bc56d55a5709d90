"""Texts of sections, `[name]`, with options, `key=value`: Darknet's and others', each with its line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.printable import printable
from archinspect.base.source import SourceError, Span

if TYPE_CHECKING:
    from archinspect.base.codes import Code
    from archinspect.base.source import Source

MAX_SECTIONS = 20_000
MAX_OPTIONS = 200_000
MAX_DIGITS = 12
_WHOLE = re.compile(r"[+-]?\d+")
_NOTE = re.compile(r"[#;].*")
_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


class Option(NamedTuple):
    """A line `key=value`, without its blanks."""

    value: str
    span: Span


class Section:
    """A section: its name as the file has it, without brackets, and its options; the first of a name counts."""

    def __init__(self, name: str, span: Span) -> None:
        self.name = name
        self.span = span
        self.options: dict[str, Option] = {}

    def place(self, *keys: str) -> Span:
        """Return where the first of these options stands, or the section."""
        return next((self.options[key].span for key in keys if key in self.options), self.span)

    def refuse(self, message: str, *keys: str, help: str = "", code: Code = "format") -> SourceError:
        """Return the error of a section that cannot be read, at the first of these options that it has."""
        return SourceError(code, f"[{printable(self.name)}]: {message}", self.place(*keys), help)

    def text(self, key: str, default: str = "") -> str:
        """Return an option's text."""
        option = self.options.get(key)
        return option.value if option else default

    def whole(self, key: str, default: int = 0, least: int = 0) -> int:
        """Return a whole number: as C reads it, what follows its digits is left out."""
        option = self.options.get(key)
        return default if option is None else self._number(key, option.value, least)

    def wholes(self, key: str) -> list[int]:
        """Return a list of whole numbers, of either sign."""
        given = [part for part in self.text(key).split(",") if part]
        return [self._number(key, part, -MAX_OPTIONS) for part in given]

    def number(self, key: str, default: float) -> float:
        """Return a number."""
        option = self.options.get(key)
        if option is None:
            return default
        found = _DECIMAL.match(option.value)
        if not found:
            raise self.refuse(f"'{key}' must be a number, not '{printable(option.value)}'", key)
        return float(found[0])

    def flag(self, key: str) -> bool:
        """Return whether an option is on."""
        return self.whole(key, 0, -1) != 0

    def _number(self, key: str, text: str, least: int) -> int:
        found = _WHOLE.match(text)
        if not found or len(found[0]) > MAX_DIGITS or int(found[0]) < least:
            kind = "a whole number" if least < 0 else f"a whole number of at least {least}"
            raise self.refuse(f"'{key}' must be {kind}, not '{printable(text[:40])}'", key)
        return int(found[0])


def sections(source: Source, *, notes: bool = False) -> list[Section]:
    """Return the sections of a text; raise :class:`SourceError` for lines that are none of its grammar.

    With `notes`, a `#` or `;` begins a comment also after a value, and capitals of keys are small letters.
    """
    found: list[Section] = []
    options = 0
    for number, line in enumerate(source.text.split("\n"), 1):
        text = re.sub(r"\s", "", _NOTE.sub("", line) if notes else line)
        if not text or text[0] in "#;\0":
            continue
        start = len(line) - len(line.lstrip()) + 1
        span = Span(source, number, start, number, len(line.rstrip()) + 1)
        if text[0] == "[":
            if len(found) >= MAX_SECTIONS:
                raise SourceError("limit", f"the file has more than {MAX_SECTIONS:,} sections", span)
            found.append(Section(text[1:].partition("]")[0], span))
            continue
        key, equals, value = text.partition("=")
        if not equals or not found:
            where = "a line is a section, `[name]`, an option, `key=value`, or a comment, `# ...`"
            raise SourceError("format", "this line is no option of a section", span, where)
        if notes:
            key, value = key.lower(), value.strip("\"'")
        options += 1
        if options > MAX_OPTIONS:
            raise SourceError("limit", f"the file has more than {MAX_OPTIONS:,} options", span)
        found[-1].options.setdefault(key, Option(value, span))
    return found

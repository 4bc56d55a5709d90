"""What was found in a file as plain data, which a cache stores and processes send to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.base.diagnostics import Diagnostic, Fix
from archinspect.base.printable import printable
from archinspect.base.source import Source, Span
from archinspect.checks.outcome import Checked

if TYPE_CHECKING:
    from collections.abc import Mapping


class Places:
    """The sources of places, each once; a place is the source's number, lines, columns and node."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self.sources: list[Source] = []

    def of(self, span: Span) -> list[Any]:
        """Return a place as plain data."""
        number = self._numbers.setdefault(id(span.source), len(self.sources))
        if number == len(self.sources):
            self.sources.append(span.source)  # which keeps its id
        return [number, *span[1:]]


def recorded(checked: Checked) -> dict[str, Any]:
    """Return what was found, as JSON can hold it."""
    places = Places()
    found = [
        [
            one.code,
            one.message,
            places.of(one.span),
            one.help,
            [[text, places.of(span)] for text, span in one.notes],
            [places.of(one.fix.span), one.fix.text] if one.fix else None,
        ]
        for one in checked.diagnostics
    ]
    return {
        "path": checked.path,
        "template": checked.template,
        "partial": checked.partial,
        "sources": [[one.name, one.path, one.text] for one in places.sources],
        "found": found,
    }


def restored(record: Mapping[str, Any], texts: Mapping[str, str] = {}) -> Checked:
    """Return what was found; of a source without its text, `texts` has it by its path.

    Raise ValueError, TypeError, LookupError or AttributeError for what is no record.
    """
    sources = [Source(name, texts[path] if text is None else text, path) for name, path, text in record["sources"]]

    def span(place: list[Any]) -> Span:
        number, line, column, end_line, end_column, node = place
        if not all(type(one) is int for one in place[:-1]) or number < 0:
            raise TypeError(place)
        return Span(sources[number], line, column, end_line, end_column, node)

    found = [
        Diagnostic(
            code,
            _text(message),
            span(place),
            _text(help_),
            tuple((_text(text), span(other)) for text, other in notes),
            Fix(span(fix[0]), fix[1]) if fix else None,
        )
        for code, message, place, help_, notes, fix in record["found"]
    ]
    for one in found:
        one.severity  # noqa: B018 - a code that there is not raises
    path = _text(record["path"])
    return Checked(path, found, None, template=record["template"] is True, partial=record["partial"] is True)


def _text(value: object) -> str:
    """Return a text as it was recorded: what would steer a terminal was none of ours."""
    if not isinstance(value, str) or any(printable(line) != line for line in value.split("\n")):
        raise ValueError(value)
    return value

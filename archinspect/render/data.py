"""Reports for programs: JSON, CSV; and Markdown for a README."""

from __future__ import annotations

import re
from math import isfinite
from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

# What Markdown takes for more than text: HTML, links, emphasis, code, a heading. `conv1_1` has none.
_MARKUP = re.compile(r"[\\|<\[\]*`~]|(?<!\w)_|_(?!\w)|\A#")


def json_text(value: object) -> str:
    """Return indented JSON; lists of plain numbers, such as shapes, stay on one line."""
    return "".join(json_pieces(value))


def json_pieces(value: object, margin: str = "\n") -> Iterator[str]:
    """Yield the JSON of a value piece by piece: a row with `as_dict` is made one when it is written.

    NaN and the infinities, which JSON does not know, are null.
    """
    inner, before = f"{margin}  ", ""
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield f"{before or '{'}{inner}{_json_string(str(name))}: "
            yield from json_pieces(item, inner)
            before = ","
        yield f"{margin}}}"
    elif _is_rows(value):
        for item in value:
            yield f"{before or '['}{inner}{_json(item, inner)}"
            before = ","
        yield f"{margin}]"
    else:
        yield _json(value, margin)


def _is_rows(value: object) -> TypeGuard[Sequence[object]]:
    """Return whether a value is a list that has a line for each of its items."""
    return isinstance(value, list | tuple) and not hasattr(value, "as_dict") and not all(map(_is_number, value))


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _json(value: object, margin: str) -> str:
    kind = type(value)
    if kind is int or (kind is float and isfinite(value)):  # type: ignore[arg-type] # a float
        return repr(value)
    if kind is str:
        return _json_string(value)  # type: ignore[arg-type] # a str
    if value is None or kind is float:
        return "null"
    if hasattr(value, "as_dict"):
        value = value.as_dict()
    if (isinstance(value, dict) and value) or _is_rows(value):
        return "".join(json_pieces(value, margin))
    if isinstance(value, list | tuple):
        return f"[{', '.join([_json(item, margin) for item in value])}]"
    import json  # what is left is rare

    return json.dumps(value)


def _json_string(text: str) -> str:
    """Return text in quotes: what a terminal would obey, or not show, is an escape of JSON."""
    from json.encoder import encode_basestring, encode_basestring_ascii  # only this format needs them

    quoted = encode_basestring(text)
    if quoted.isprintable():
        return quoted
    return "".join([char if char.isprintable() else encode_basestring_ascii(char)[1:-1] for char in quoted])


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return RFC 4180 text, with newlines as the platform's files have them."""
    import csv  # only this format needs it
    import io

    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(map(_as_text, header))
    writer.writerows(map(_cell, row) for row in rows)
    return buffer.getvalue().removesuffix("\n")


def _cell(value: object) -> object:
    if isinstance(value, dict):
        return json_text(value)
    return _as_text(value) if isinstance(value, str) else value


def _as_text(text: str) -> str:
    """Return text that no spreadsheet takes for a formula: a name out of a file may be `=HYPERLINK(...)`."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def markdown(text: str) -> str:
    """Return text as Markdown that shows it as it is."""
    return _MARKUP.sub(r"\\\g<0>", text)


def markdown_table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    right: Iterable[int] = (),
    write: Callable[[str], str] = markdown,
) -> str:
    """Return a Markdown table; the columns in `right` hold numbers, and `write` makes Markdown of a cell."""
    numbers = set(right)
    ruler = ["---:" if index in numbers else "---" for index in range(len(header))]
    return "\n".join([markdown_row(header), markdown_row(ruler, str), *[markdown_row(row, write) for row in rows]])


def markdown_row(cells: Iterable[str], write: Callable[[str], str] = markdown) -> str:
    """Return a row of a Markdown table."""
    return "| " + " | ".join(map(write, cells)) + " |"

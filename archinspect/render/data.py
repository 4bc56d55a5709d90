"""Reports for programs: JSON, CSV; and Markdown for a README."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def json_text(value: object) -> str:
    """Return indented JSON; lists of plain numbers, such as shapes, stay on one line."""
    import json  # only this format needs it
    import re

    text = json.dumps(_finite(value), indent=2, ensure_ascii=False)
    return re.sub(r"\[\s+([-\d.,\snul]*?)\s+\]", lambda match: "[" + re.sub(r"\s+", " ", match[1]) + "]", text)


def _finite(value: object) -> object:
    """Return the value with null for the numbers that JSON does not know: NaN and the infinities."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


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
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> str:
    """Return a Markdown table; the columns in `right` hold numbers."""
    numbers = set(right)
    ruler = ["---:" if index in numbers else "---" for index in range(len(header))]
    return "\n".join(map(markdown_row, [header, ruler, *rows]))


def markdown_row(cells: Iterable[str]) -> str:
    """Return a row of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

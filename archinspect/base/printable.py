"""Text from files and names of files as it can be printed: nothing in it steers a terminal or a CI runner.

All such text passes :func:`printable` where it comes in: the values of a spec, the names of sources.
"""

from __future__ import annotations

import re

# What a CI runner takes for a command: `::error::` at the start of a line or after a blank, where a line may be broken;
# `##[error]` and `##vso[...]` anywhere in a line.
_COMMANDS = re.compile(r"(?<!\S):(?=:)|(?<=#)#(?=\[|vso\[)", re.IGNORECASE)


def printable(text: str) -> str:
    r"""Return text on one line, each character that would be obeyed, or not be seen, as its escape: `\x1b`, `\u202e`.

    Blanks, tabs and line feeds become spaces.
    """
    if not text.isprintable():
        text = "".join([char if char.isprintable() else " " if char in "\t\n\xa0" else escaped(char) for char in text])
    return _COMMANDS.sub(_escaped_match, text) if "::" in text or "##" in text else text


def escaped(char: str) -> str:
    r"""Return a character as an escape: `\x1b`, `\u202e`."""
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004


def _escaped_match(match: re.Match[str]) -> str:
    return escaped(match[0])

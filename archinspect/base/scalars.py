"""Text as YAML has it: written so that it is read as text again."""

from __future__ import annotations

import re

from archinspect.base.yaml_core import resolve

_PLAIN = re.compile(r"[A-Za-z_$][A-Za-z0-9_.$/+-]*\Z")


def scalar(text: str) -> str:
    """Write text so that it is read as text, in quotes where it needs them."""
    if _PLAIN.match(text) and isinstance(resolve(text), str):
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    return char if char.isprintable() else f"\\U{ord(char):08x}"

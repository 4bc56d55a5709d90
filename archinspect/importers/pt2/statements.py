"""Lines that have several statements, `h = relu(x); y = self.f(h)`: which of its calls each one makes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_COMPOUND = re.compile(r"(?:async\s+)?(?:for|if|elif|else|while|with|try|finally|except)\b")
_SYMBOLS = {
    **dict.fromkeys(("matmul", "bmm", "mm", "mv"), "@"),
    **dict.fromkeys(("select", "slice", "index"), "["),
    **dict.fromkeys(("sub", "rsub", "neg"), "-"),
    **dict(
        zip(
            ("add", "mul", "div", "pow", "gt", "lt", "eq", "ne"),
            ("+", "*", "/", "**", ">", "<", "==", "!="),
            strict=True,
        )
    ),
}
"""How a text has operators that are no function."""


def statements(text: str) -> list[str]:
    """Return the statements of a line: what follows `for ...:` on it is one."""
    found, start, depth, quote = [], 0, 0, ""
    is_compound = bool(_COMPOUND.match(text))
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif depth == 0 and (character == ";" or (character == ":" and is_compound)):
            found.append(text[start:place])
            start, is_compound = place + 1, False
    rest = text[start:]
    if found and _COMPOUND.match(text):
        del found[0]  # a head, whose own calls are those of what follows
    return [one for one in (part.strip() for part in (*found, rest)) if one] or [text]


def divided(names: Sequence[str], text: str) -> Iterator[tuple[int, int, str]]:
    """Give the stretches of calls that statements of a line make, each with its statement.

    `names` are those of the functions or modules that are called, one after the other, empty where a call belongs to
    that before. A call belongs to the first statement, from the one before on, whose text still has its name.
    Statements between two others have no calls.
    """
    parts = statements(text)
    current, start = 0, 0
    used: dict[tuple[int, str], int] = {}
    for at, name in enumerate(names if len(parts) > 1 else ()):
        place = next(
            (i for i in range(current, len(parts)) if _count(parts[i], name) > used.get((i, name), 0)), current
        )
        if name:
            used[place, name] = used.get((place, name), 0) + 1
        while current < place:
            yield start, at, parts[current]
            current, start = current + 1, at
    yield start, len(names), parts[current]


def repeated(names: Sequence[str], text: str) -> int:
    """Return how many of a text's calls are one turn of a loop: all, unless they come in turn more often than it says.

    `names` are those of the functions that are called, one after the other.
    """
    for length in range(1, len(names) // 2 + 1):
        turn = names[:length]
        if len(names) % length == 0 and [*turn] * (len(names) // length) == [*names]:
            return length if all(turn.count(name) == _count(text, name) for name in turn) else len(names)
    return len(names)


def _count(text: str, name: str) -> int:
    """Return how often a text has a name, or the operator for it."""
    if not name:
        return 0
    return len(re.findall(rf"\b{re.escape(name)}\b", text)) or text.count(_SYMBOLS.get(name, "\0"))

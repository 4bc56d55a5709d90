"""Lines of Python as ruff and Black lay them out: a bracket that does not fit into a line is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 88
_PAIRS = {")": "(", "]": "[", "}": "{"}


def laid_out(text: str, indent: int = 0) -> Iterator[str]:
    """Yield a statement, or an item of an open bracket, as lines of at most 88 characters where that is possible."""
    blank = " " * indent
    start, end = _last_bracket(text) if indent + len(text) > WIDTH else (-1, -1)
    if start < 0:
        yield blank + text
        return
    body, tail = text[start + 1 : end], text[end:]
    yield blank + text[: start + 1]
    if indent + 4 + len(body) <= WIDTH and not _is_definition(text):
        yield f"{blank}    {body}"
    elif indent + 4 + len(body) <= WIDTH:
        yield f"{blank}    {body}"
    else:
        items = list(split(body))
        for item in items:
            yield from laid_out(item if _is_sole_generator(items) else f"{item},", indent + 4)
    yield blank + tail


def _is_definition(text: str) -> bool:
    return text.startswith("def ")


def _is_sole_generator(items: list[str]) -> bool:
    return len(items) == 1 and " for " in items[0] and not items[0].startswith("*")


def split(text: str) -> Iterator[str]:
    """Yield the items of a bracket's text: what stands between its own commas."""
    depth, begun, quoted = 0, 0, False
    for place, sign in enumerate(text):
        if sign == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
        elif sign == "," and not depth:
            yield text[begun:place].strip()
            begun = place + 1
    if text[begun:].strip():
        yield text[begun:].strip()


def _last_bracket(text: str) -> tuple[int, int]:
    """Return where the last bracket that holds something opens and closes; -1 where there is none."""
    stack: list[int] = []
    found = (-1, -1)
    quoted = False
    for place, sign in enumerate(text):
        if sign == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif sign in "([{":
            stack.append(place)
        elif sign in ")]}":
            start = stack.pop()
            if not stack and place > start + 1:
                found = (start, place)
    return found

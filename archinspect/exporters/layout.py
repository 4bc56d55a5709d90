"""Lines of Python as ruff and Black lay them out: a bracket that does not fit into a line is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 88


def laid_out(text: str, indent: int = 0) -> Iterator[str]:
    """Yield a statement, or an item of an open bracket, as lines of at most 88 characters where that is possible."""
    blank = " " * indent
    if indent + len(text) > WIDTH and (choice := _choice(text)):
        yield from _laid_out_choice(*choice, indent)
        return
    start, end = _bracket(text, WIDTH - indent) if indent + len(text) > WIDTH else (-1, -1)
    if start < 0:
        yield blank + text
        return
    body, tail = text[start + 1 : end], text[end:]
    yield blank + text[: start + 1]
    items = list(split(body))
    if indent + 4 + len(body) <= WIDTH:
        yield f"{blank}    {body}"
    elif len(items) == 1:
        yield from laid_out(items[0], indent + 4)
    else:
        for item in items:
            yield from laid_out(f"{item},", indent + 4)
    yield blank + tail


def _choice(text: str) -> tuple[str, str, str] | None:
    """Return the parts of an assignment of one value or another: its target, a value, what follows from its `if` on."""
    target, equals, value = text.partition(" = ")
    places = [place for place, sign, depth in _signs(value) if sign == " " and not depth]
    first = next((place for place in places if value.startswith(" if ", place)), 0)
    return (target, value[:first], value[first + 1 :]) if equals and first else None


def _laid_out_choice(target: str, value: str, condition: str, indent: int) -> Iterator[str]:
    """Yield the lines of an assignment of one value or another, in brackets."""
    blank = " " * indent
    yield f"{blank}{target} = ("
    if indent + 4 + len(f"{value} {condition}") <= WIDTH:
        yield f"{blank}    {value} {condition}"
    else:
        first, _, other = condition.partition(" else ")
        yield from laid_out(value, indent + 4)
        yield f"{blank}    {first}"
        yield f"{blank}    else {other}"
    yield f"{blank})"


def split(text: str) -> Iterator[str]:
    """Yield the items of a bracket's text: what stands between its own commas."""
    begun = 0
    for place, sign, depth in _signs(text):
        if sign == "," and not depth:
            yield text[begun:place].strip()
            begun = place + 1
    if text[begun:].strip():
        yield text[begun:].strip()


def _bracket(text: str, width: int) -> tuple[int, int]:
    """Return where the bracket opens and closes that is opened: the first that leaves no room for what follows it.

    Without one that holds something both are -1. Of a function's head it is the first, its parameters.
    """
    start, found = 0, (-1, -1)
    for place, sign, depth in _signs(text):
        if sign in "([{" and not depth:
            if found[1] > 0 and place >= width:  # up to the next bracket a line is too long
                break
            start = place
        elif sign in ")]}" and not depth and place > start + 1:
            found = (start, place)
            if text.startswith("def "):
                break
    return found


def _signs(text: str) -> Iterator[tuple[int, str, int]]:
    """Yield the signs outside of quotes, each with its place and the number of brackets around it, its own left out."""
    depth, quoted = 0, False
    for place, sign in enumerate(text):
        if sign == '"':
            quoted = not quoted
        elif not quoted:
            depth -= sign in ")]}"
            yield place, sign, depth
            depth += sign in "([{"

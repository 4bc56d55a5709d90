"""Calls of a list's modules, one after another, as a loop."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from archinspect.exporters.scopes import Scope

LEAST = 3
"""Equal calls in a row, from which on they are a loop."""

_CALL = re.compile(r" {8}(\w+) = self\.([\w.]+)\[(\d+)\]\((.*)\)")


def folded(lines: Sequence[str], scope: Scope, taken: Collection[str]) -> Iterator[str]:
    """Yield the lines of a forward pass, those that call the modules of a list of the scope alike as loops."""
    calls = [_CALL.fullmatch(line) for line in lines]
    at = 0
    while at < len(lines):
        end = at + 1
        while end < len(lines) and _follows(calls[end - 1], calls[end]):
            end += 1
        call = calls[at]
        if call is None or end - at < LEAST or "layer" in taken:
            yield from lines[at:end]
        else:
            target, name, first, given = call.groups()
            last = int(first) + end - at
            yield f"        for layer in self.{name}{_part(int(first), last, _count(scope, name))}:"
            yield f"            {target} = layer({given})"
        at = end


def _follows(one: re.Match[str] | None, other: re.Match[str] | None) -> bool:
    """Return whether a call is that of the list's next module, on the same variables."""
    if one is None or other is None:
        return False
    return one.group(1, 2, 4) == other.group(1, 2, 4) and int(other[3]) == int(one[3]) + 1


def _count(scope: Scope, name: str) -> int:
    """Return how many modules a list has."""
    found = scope
    for part in name.split("."):
        found = next(child for child in found.children if child.name == part)  # type: ignore[assignment] # a list is a scope
    return len(found.children)


def _part(first: int, last: int, count: int) -> str:
    """Return what takes some of a list."""
    bounds = f"{first or ''}:{last if last < count else ''}"
    return "" if bounds == ":" else f"[{bounds}]"

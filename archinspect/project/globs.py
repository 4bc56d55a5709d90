"""Patterns of paths: those of a configuration, and those of `.gitignore`."""

from __future__ import annotations

import os
import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

MAX_PATTERN = 1_000
"""Characters of a pattern."""
MAX_FOLDERS = 3
"""Wildcards for any folders in a pattern, and stars within braces."""
_SET = re.compile(r"\[([!^])?(\]?[^\]/]+)\]")


class _Part(NamedTuple):
    """A part of a pattern as a regular expression; a wildcard that takes any number of characters is a star."""

    text: str
    is_star: bool = False


_FOLDERS = re.compile(r"(?:\*\*/)+")
_NEVER = re.compile(r"(?!)")


@cache
def regex(pattern: str, *, star_crosses: bool) -> re.Pattern[str]:
    """Return what a pattern matches as a whole: `*`, `?`, `[a-z]`, `{a,b}`, and `**` for any folders.

    With `star_crosses` a `*` stands for `/`, too, as in ruff's configuration, and there are braces; in git not. What
    follows a star is looked for once, where it is first, so that no pattern takes long. One of many `**` matches
    nothing.
    """
    parts = list(_parts(pattern, star_crosses=star_crosses))
    if len(pattern) > MAX_PATTERN or sum(part.text.count(".*") for part in parts if not part.is_star) > MAX_FOLDERS:
        return _NEVER
    found, i = [], 0
    while i < len(parts):
        text, is_star = parts[i]
        i += 1
        if not is_star:
            found.append(text)
            continue
        segment = text
        while i < len(parts) and not parts[i].is_star and not parts[i].text.startswith(("(?:.*", ".*")):
            segment += parts[i].text
            i += 1
        found.append(f"(?>{segment})" if i < len(parts) else segment)
    try:
        return re.compile("".join(found) + r"\Z", re.DOTALL)
    except re.error:  # of an unfinished set or brace: the text itself
        return re.compile(re.escape(pattern) + r"\Z")


def _parts(pattern: str, *, star_crosses: bool) -> Iterator[_Part]:
    i = depth = 0
    while i < len(pattern):
        rest = pattern[i:]
        one = rest[0]
        at_start = i == 0 or pattern[i - 1] == "/"
        step, part = _wildcard(rest, at_start=at_start, any_="." if star_crosses else "[^/]") or (
            1,
            _Part(re.escape(one)),
        )
        if depth and part.is_star:  # within braces all is one part
            part = _Part(".*")
        elif star_crosses and one == "{" and "}" in rest:
            depth, part = depth + 1, _Part("(?:")
        elif depth and one in ",}":
            depth, part = (depth, _Part("|")) if one == "," else (depth - 1, _Part(")"))
        yield part
        i += step


def _wildcard(rest: str, *, at_start: bool, any_: str) -> tuple[int, _Part] | None:
    """Return the wildcard, set or escape that a pattern begins with, and its length; None for plain text."""
    if rest.startswith("**/") and at_start:
        return _FOLDERS.match(rest).end(), _Part("(?:.*/)?")  # type: ignore[union-attr] # as it starts so
    if rest.startswith("**"):
        return 2, _Part(".*")
    if rest.startswith("\\") and len(rest) > 1:
        return 2, _Part(re.escape(rest[1]))
    if rest[0] in "*?":
        return 1, _Part(f"{any_}*?", is_star=True) if rest[0] == "*" else _Part(any_)
    if match := _SET.match(rest):
        inner = re.sub(r"([\\\[\]&~|])", r"\\\1", match[2])
        return match.end(), _Part(f"[{'^' if match[1] else ''}{inner}]")
    return None


def matches(pattern: str, path: str, root: str, *, above: bool = True) -> bool:
    """Return whether a configuration's pattern, relative to its folder `root`, means a path, or a folder `above` it.

    As in ruff a pattern without `/` means a name anywhere, and `!` in front the others.
    """
    return any_matches((pattern,), path, root, above=above)


def any_matches(patterns: Collection[str], path: str, root: str, *, above: bool = True) -> bool:
    """Return whether one of the patterns means the path."""
    return any(True for _ in matching(patterns, path, root, above=above))


def matching(patterns: Collection[str], path: str, root: str, *, above: bool = True) -> Iterator[str]:
    """Yield the patterns that mean the path."""
    if patterns:
        path = os.path.abspath(path).replace(os.sep, "/")
        names = _names(path, root if above else path)
        places = _above(path, root) if above else [path]
        yield from (pattern for pattern in patterns if _means(pattern, root, names, places))


def _means(pattern: str, root: str, names: list[str], places: list[str]) -> bool:
    if pattern.startswith("!"):
        return not _means(pattern[1:], root, names, places)
    name, whole = _compiled(pattern, root)
    return (name is not None and any(map(name.match, names))) or any(map(whole.match, places))


@cache
def _compiled(pattern: str, root: str) -> tuple[re.Pattern[str] | None, re.Pattern[str]]:
    """Return what a pattern matches of names, if it means one anywhere, and of paths."""
    pattern = pattern.replace(os.sep, "/").removesuffix("/")
    whole = pattern if pattern.startswith("/") else f"{_escaped(root)}/{pattern.removeprefix('./')}"
    by_name = None if "/" in pattern else regex(pattern, star_crosses=True)
    return by_name, regex(whole, star_crosses=True)


def _names(path: str, root: str) -> list[str]:
    """Return the names of a path, those of the folders below `root` included."""
    inside = os.path.relpath(path, root).replace(os.sep, "/")
    return path.rsplit("/", 1)[-1:] if inside.startswith(".") else inside.split("/")


def _above(path: str, root: str) -> list[str]:
    """Return a path and the folders above it, as far as `root`."""
    found = [path]
    root = root.replace(os.sep, "/")
    while found[-1] != root and "/" in found[-1].strip("/"):
        found.append(found[-1].rsplit("/", 1)[0])
    return found


def _escaped(folder: str) -> str:
    return re.sub(r"([*?\[\]{}\\])", r"\\\1", folder.replace(os.sep, "/").rstrip("/"))

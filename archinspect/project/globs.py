"""Patterns of paths: those of a configuration, and those of `.gitignore`."""

from __future__ import annotations

import os
import re
from functools import lru_cache

MAX_PATTERN = 1_000
"""Characters of a pattern."""
_SET = re.compile(r"\[([!^])?(\]?[^\]/]+)\]")


@lru_cache(maxsize=1_000)
def regex(pattern: str, *, star_crosses: bool) -> re.Pattern[str]:
    """Return what a pattern matches as a whole: `*`, `?`, `[a-z]`, `{a,b}`, and `**` for any folders.

    With `star_crosses` a `*` stands for `/`, too, as in ruff's configuration; in git it does not.
    """
    found, i, depth = [], 0, 0
    while i < len(pattern):
        rest = pattern[i:]
        one = rest[0]
        step, part = 1, re.escape(one)
        if rest.startswith("**/") and (i == 0 or pattern[i - 1] == "/"):
            step, part = 3, "(?:.*/)?"
        elif rest.startswith("**"):
            step, part = 2, ".*"
        elif one == "\\" and len(rest) > 1:
            step, part = 2, re.escape(rest[1])
        elif one in "*?":
            part = ("." if star_crosses else "[^/]") + ("*" if one == "*" else "")
        elif klass := _SET.match(rest):
            inner = re.sub(r"([\\\[\]&~|])", r"\\\1", klass[2])
            step, part = klass.end(), f"[{'^' if klass[1] else ''}{inner}]"
        elif star_crosses and one == "{" and "}" in rest:
            depth, part = depth + 1, "(?:"
        elif depth and one in ",}":
            depth, part = (depth, "|") if one == "," else (depth - 1, ")")
        found.append(part)
        i += step
    try:
        return re.compile("".join(found) + r"\Z", re.DOTALL)
    except re.error:  # of an unfinished set or brace: the text itself
        return re.compile(re.escape(pattern) + r"\Z")


def matches(pattern: str, path: str, root: str, *, above: bool = True) -> bool:
    """Return whether a configuration's pattern, relative to its folder `root`, means a path, or a folder `above` it.

    As in ruff a pattern without `/` means a name anywhere, and `!` in front the others.
    """
    if pattern.startswith("!"):
        return not matches(pattern[1:], path, root, above=above)
    path = os.path.abspath(path).replace(os.sep, "/")
    pattern = pattern.replace(os.sep, "/").removesuffix("/")
    if "/" not in pattern and any(map(regex(pattern, star_crosses=True).match, _names(path, root if above else path))):
        return True
    whole = pattern if pattern.startswith("/") else f"{_escaped(root)}/{pattern.removeprefix('./')}"
    wanted = regex(whole, star_crosses=True)
    return any(wanted.match(one) for one in (_above(path, root) if above else [path]))


def any_matches(patterns: tuple[str, ...], path: str, root: str, *, above: bool = True) -> bool:
    """Return whether one of the patterns means the path."""
    return any(matches(pattern, path, root, above=above) for pattern in patterns)


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

"""What is wrong with a text that the YAML parser refuses, in words of our own.

A parser tells where it stopped, and where the thing begins that it was reading. What stands there tells the kind of
mistake, whichever parser it is: libyaml or PyYAML's own, old or new. Its words and its limits do not matter.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from yaml import Mark

MAX_KEY = 1_024
"""Characters of a key, by YAML's own rule (yaml.org/spec/1.2.2, 7.4.2)."""

_NO_TAGS = "specs have no tags and no directives"
_STEP = r"\s*-\s+([A-Za-z_][\w.]*)"
_LACKING = (
    (re.compile(rf"{_STEP}:[^\s:]"), "a space belongs after the colon: `{name}: ...`"),
    (re.compile(rf"{_STEP}\s*\{{"), "a colon belongs after the name: `{name}: {{...}}`"),
    (re.compile(rf"{_STEP}:\s+\w+\Z"), "arguments by name stand in braces: `{name}: {{...}}`"),
)
"""How the lines of steps begin that lack a sign, and what to write."""
_FLOW = {"[": ("list", "]"), "{": ("map", "}")}
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\']|\'\')*\'', re.DOTALL)
# Brackets, and what may hold some that open nothing: quoted text and comments. Plain words are passed over.
_BRACKETS = re.compile(r'([\[{])|[\]}]|"(?:[^"\\]|\\.)*"?|\'[^\']*\'?|#[^\n]*|[^\s\[\]{},"\'#][^\s\[\]{},]*', re.DOTALL)


class Mistake(NamedTuple):
    """A mistake in words, and its position in the text."""

    at: int
    message: str = ""
    help: str = ""
    begun: str = ""
    """What the parser was reading, if its beginning is worth showing."""


def explain_mistake(text: str, begin: Mark | None, stop: Mark, *, in_token: bool) -> Mistake:
    """Mistake at which the parser stopped: within a token, or at one that does not fit."""
    if begin is None or begin.index == stop.index:
        return _at_character(text, stop)
    return _in_token(text, begin, stop) if in_token else _in_collection(text, begin, stop)


def passes_depth(text: str, start: int, end: int, levels: int) -> int:
    """Position of the bracket between `start` and `end` that opens more than `levels` levels; -1 without one."""
    for match in _BRACKETS.finditer(text, start, end):
        levels -= 1 if match[1] else -1 if match[0] in "]}" else 0
        if levels < 0:
            return match.start()
    return -1


def _in_token(text: str, begin: Mark, stop: Mark) -> Mistake:
    at, length, opening = begin.index, stop.index - begin.index, text[begin.index]
    if opening in "\"'" and not _QUOTED.match(text, at):
        return Mistake(at, f"the quoted text has no closing `{opening}`")
    if begin.line == stop.line and length <= MAX_KEY:
        if opening == '"':
            at = text.rfind("\\", at, stop.index + 1)
            return Mistake(at, "this escape is unknown", "write `\\\\` for a backslash, or use single quotes")
        if opening in "|>":
            return Mistake(at, f"only an indentation of 1 to 9, `+`, `-` and a comment may follow `{opening}`")
        if opening in "&*":
            return Mistake(at, f"a name of letters and digits must follow `{opening}`")
        if opening in "!%":
            return Mistake(at, _NO_TAGS)
    return Mistake(at, "this key has no `:`", _help_of_key(length))


def _in_collection(text: str, begin: Mark, stop: Mark) -> Mistake:
    at, opening = stop.index, text[begin.index]
    if opening in _FLOW:
        kind, closing = _FLOW[opening]
        return Mistake(at, f"`,` or `{closing}` is missing in this {kind}", begun=kind)
    if text[at - stop.column : at].strip():
        return Mistake(at, "this follows a value that is complete", "put text in quotes, and several values in `[]`")
    if stop.column == begin.column:
        return Mistake(at, "keys and list items are mixed", "indent the list items below their key")
    return Mistake(at, "this line is indented like none above it", "indent all lines of a list or map alike")


def _at_character(text: str, stop: Mark) -> Mistake:
    at, here = stop.index, text[stop.index : stop.index + 1]
    if here in ("", ",", "]", "}"):
        return Mistake(at, f"a value is missing before `{here}`" if here else "a value is missing at the end")
    if here == "!":
        return Mistake(at, _NO_TAGS)
    if here in "@`%":
        return Mistake(at, f"no value starts with `{here}`", "put the value in quotes")
    if here == ":":
        help_ = "indent a key as those beside it, and put text that holds `: ` in quotes"
        begun = text[at - stop.column : at]
        before = text[: at - stop.column].rstrip("\r\n").rpartition("\n")[2]
        return Mistake(
            at,
            "no `:` may stand here",
            _help_of_key(stop.column) or _of_step(begun) or _of_line_before(before) or help_,
        )
    if here == "-":
        return Mistake(at, "no list may begin here", "begin it on a line of its own")
    return Mistake(at)


def _of_step(begun: str) -> str:
    """Return what a step lacks of whose line this is the beginning; empty where it is none."""
    for pattern, help_ in _LACKING:
        if match := pattern.match(begun):
            return help_.format(name=match[1])
    return ""


def _of_line_before(before: str) -> str:
    """Return what the line before lacks, so that what follows is read as more of it; empty where it lacks nothing."""
    if match := re.fullmatch(rf"{_STEP}:\s+[^\s{{\[].*", before):
        return f"arguments follow `{match[1]}:` on lines of their own, by name, the first one, too"
    if match := re.fullmatch(r"\s*(?:-\s+)?([A-Za-z_]\w*)(?:\s*=|:(?=[^\s:])|\s+(?=[\[{\d])).*", before):
        return f"a colon and a space belong after the key: `{match[1]}: ...`"
    return ""


def _help_of_key(length: int) -> str:
    return f"a key has at most {MAX_KEY:,} characters" if length > MAX_KEY else ""

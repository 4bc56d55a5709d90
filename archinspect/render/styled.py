"""Styled text for a console, and for a pipe or file, which has no styles and needs no Rich."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    Part = tuple[str, str]
    """A text and its style, in Rich's words; `none` for none."""


class Pipe(NamedTuple):
    """Standard output that is no terminal: text as it is. To import Rich would take a quarter of a summary."""

    width: int
    is_terminal: bool = False

    @property
    def ascii_only(self) -> bool:
        """Whether it takes no other characters."""
        return not (sys.stdout.encoding or "").lower().startswith("utf")


def ascii_only(console: Console | Pipe) -> bool:
    """Return whether a console shows no other characters."""
    return console.ascii_only if isinstance(console, Pipe) else console.options.ascii_only


def write(console: Console | Pipe, parts: Iterable[Part]) -> None:
    """Write texts one after another, each in its style where there are styles; nothing is wrapped or cut."""
    if isinstance(console, Pipe):
        sys.stdout.write("".join([text for text, _ in parts]))
        return
    from rich.segment import Segment, Segments  # a terminal alone needs it

    segments = []
    for text, style in parts:
        for number, line in enumerate(text.split("\n")):
            segments += [Segment.line()] if number else []
            segments += [Segment(line, console.get_style(style))] if line else []
    console.print(Segments(segments), end="", soft_wrap=True)


def cell_len(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich import cells  # it has what is wide

    return cells.cell_len(text)

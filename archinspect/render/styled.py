"""Styled text for a console of Rich's, and for a page, which needs no Rich: a pipe, a file, a terminal."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.console import Console

    Part = tuple[str, str]
    """A text and its style of :data:`archinspect.render.palette.STYLES`; `none` for none."""


class Page(NamedTuple):
    """Standard output that is written without Rich. To import that would take a quarter of a summary."""

    width: int
    is_terminal: bool = False
    codes: Mapping[str, str] = {}
    """Of the styles that it shows, those of ANSI terminals."""

    @property
    def ascii_only(self) -> bool:
        """Whether it takes no other characters."""
        return not (sys.stdout.encoding or "").lower().startswith("utf")

    def styled(self, text: str, style: str) -> str:
        """Return a text with the codes of its style around what each line has."""
        codes = self.codes.get(style)
        if not codes:
            return text
        return "\n".join([f"\x1b[{codes}m{line}\x1b[0m" if line else "" for line in text.split("\n")])


def ascii_only(console: Console | Page) -> bool:
    """Return whether a console shows no other characters."""
    return console.ascii_only if isinstance(console, Page) else console.options.ascii_only


def write(console: Console | Page, parts: Iterable[Part]) -> None:
    """Write texts one after another, each in its style where there are styles; nothing is wrapped or cut."""
    if isinstance(console, Page):
        sys.stdout.write("".join([console.styled(text, style) for text, style in parts]))
        return
    from rich.segment import Segment, Segments  # a terminal alone needs it

    segments = []
    for text, style in parts:
        for number, line in enumerate(text.split("\n")):
            segments += [Segment.line()] if number else []
            segments += [Segment(line, console.get_style(style))] if line else []
    console.print(Segments(segments), end="", soft_wrap=True)


_PIECES = re.compile(r"[^._]+[._]*|[._]+")


def folded(text: str, width: int, *, after: int = 0, indent: str = "") -> str:
    """Return a text in lines of at most a width, `after` so many other characters in the first one.

    A line ends between words; in a name that is longer than a line, it ends after a dot or an underscore.
    """
    if after + cell_len(text) <= width:
        return text
    lines, line, gap = [], " " * after, ""
    for word in text.split(" "):
        pieces = [word] if cell_len(indent + word) <= width else _PIECES.findall(word)
        for piece in pieces or [""]:
            if line.strip() and cell_len(line + gap + piece) > width:
                lines.append(line)
                line, gap = indent, ""
            line, gap = line + gap + piece, ""
        gap = " "
    return "\n".join([*lines, line])[after:]


def cell_len(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich import cells  # it has what is wide

    return cells.cell_len(text)

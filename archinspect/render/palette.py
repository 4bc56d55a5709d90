"""The one palette of all that is printed, readable whatever colors a terminal's theme has.

The 16 colors of a terminal are its theme's: yellow may have 1.1:1 on white, and bright black be the background. No
other color has 4.5:1 on white, black and both of Solarized's backgrounds. So a text with a color has a background, too,
of 4.5:1 or more; any other text has the terminal's own color, and stands out by attributes alone. Colors are those from
16 on of xterm's 256, which no theme changes; a terminal with fewer gets attributes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rich.console import Console
    from rich.theme import Theme

ATTRIBUTES = {"bold": "1", "underline": "4"}
"""Codes of ANSI terminals (ECMA-48, 8.3.117). Faint text loses half of its contrast, so there is none."""


class Style(NamedTuple):
    """Colors of text and background, by number; without one, the terminal's own. And what stands out without colors."""

    text: int | None = None
    fill: int | None = None
    attributes: tuple[str, ...] = ()

    def words(self, *, colors: bool) -> str:
        """Return the style in Rich's words."""
        pair = [f"color({self.text})" if self.text else "", f"on color({self.fill})" if self.fill else ""]
        return " ".join([*self.attributes, *(pair if colors else ())]).strip() or "none"

    def codes(self, *, colors: bool) -> str:
        """Return the style in codes of ANSI terminals."""
        pair = [f"38;5;{self.text}" if self.text else "", f"48;5;{self.fill}" if self.fill else ""]
        return ";".join([ATTRIBUTES[name] for name in self.attributes] + [code for code in pair if code and colors])


class Look(NamedTuple):
    """How a kind of layer is shown: foreground and background, and a sign where there are no colors."""

    text: int
    fill: int
    sign: str


BLACK, WHITE = 16, 231
LOOKS = {
    "input": Look(WHITE, 236, ">"),
    "output": Look(WHITE, 236, "<"),
    "convolution": Look(BLACK, 214, "#"),
    "dense": Look(BLACK, 175, "="),
    "max pooling": Look(WHITE, 25, "v"),
    "average pooling": Look(BLACK, 75, "~"),
    "merge": Look(BLACK, 227, "+"),
    "normalization": Look(BLACK, 36, "|"),
    "attention": Look(WHITE, 124, "@"),
    "recurrent": Look(WHITE, 55, "o"),
    "embedding": Look(BLACK, 150, ":"),
    "composite": Look(BLACK, 253, "%"),
}
"""Near those of Okabe & Ito 2008, "Color universal design": they are told apart with any color vision."""
OTHER = Look(WHITE, 240, "-")
"""Of every other kind."""
STYLES = {
    "bold": Style(attributes=("bold",)),
    "section": Style(attributes=("bold", "underline")),
    "error": Style(WHITE, 124, ("bold",)),
    "warning": Style(BLACK, 220, ("bold",)),
    "info": Style(WHITE, 25, ("bold",)),
    "good": Style(BLACK, 36, ("bold",)),
    "window": Style(BLACK, 221),
    "cell": Style(BLACK, 117),
    **{kind: Style(look.text, look.fill) for kind, look in (LOOKS | {"other": OTHER}).items()},
}
GRAPHICS = {"bar": Style(32), "peak": Style(166), "rest": Style(245)}
"""Bars, which are no text: 3:1 on any of the backgrounds (WCAG 2.1, 1.4.11)."""
PROGRESS = {"bar.back": "rest", "bar.complete": "bar", "bar.finished": "bar", "bar.pulse": "bar"}
"""What a bar of Rich's calls its parts. Its texts have no color."""


def look_of(kind: str) -> Look:
    """Return how a kind of layer is shown."""
    return LOOKS.get(kind, OTHER)


def style_of(kind: str) -> str:
    """Return the name of a kind's style."""
    return kind if kind in LOOKS else "other"


def rgb(color: int) -> str:
    """Return one of xterm's 256 colors, from 16 on, as `#rrggbb`: a cube, and then grays."""
    if color >= 232:  # noqa: PLR2004 - 24 grays
        return "#" + f"{8 + 10 * (color - 232):02x}" * 3
    levels = (0, 95, 135, 175, 215, 255)
    return "#" + "".join(f"{levels[(color - 16) // step % 6]:02x}" for step in (36, 6, 1))


def codes(*, colors: bool) -> dict[str, str]:
    """Return the codes of ANSI terminals by the styles' names."""
    return {name: style.codes(colors=colors) for name, style in STYLES.items()}


def theme(console: Console) -> Theme:
    """Return what the names of styles mean to a console."""
    from rich.theme import Theme  # a pipe needs none

    colors = has_colors(console)
    found = {name: style.words(colors=colors) for name, style in (STYLES | GRAPHICS).items()}
    texts = dict.fromkeys(("progress.percentage", "progress.remaining", "progress.description"), "none")
    return Theme({**found, **texts, **{part: found[name] for part, name in PROGRESS.items()}})


def has_colors(console: Console) -> bool:
    """Return whether a console has the colors of the palette; 16 are too few, and each theme has its own."""
    return console.color_system in ("256", "truecolor") and not console.no_color

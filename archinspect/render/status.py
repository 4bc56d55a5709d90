"""Whether everything was counted, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.render.styled import folded
from archinspect.reports.summary import status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.text import Text

    from archinspect.render.styled import Part


SHOWN = 12
"""Lines that a terminal gets; the other forms have all."""


def status_lines(uncounted: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """Return titles and values: the status, and a line for each layer of whose figures some are not known."""
    layers = [("Not counted", f"{name} ({', '.join(figures)})") for name, figures in uncounted.items()]
    return [("Status", status(uncounted)), *layers]


def first_of(layers: Sequence[str]) -> str:
    """Return the first layer, and how many more there are."""
    return layers[0] + (f" and {len(layers) - 1:,} more" if len(layers) > 1 else "")


def status_parts(uncounted: Mapping[str, tuple[str, ...]], width: int) -> list[Part]:
    """Return the same, colored, in lines of at most a width."""
    lines = status_lines(uncounted)
    if len(lines) > SHOWN + 1:
        lines = [*lines[:SHOWN], ("Not counted", f"{len(lines) - SHOWN:,} more layers")]
    lines = [(title, folded(value, width, after=len(title) + 2)) for title, value in lines]
    every = [part for title, value in lines for part in ((f"{title}: ", "bold"), (value, "none"), ("\n", "none"))]
    every[1] = (lines[0][1], "warning" if uncounted else "good")
    return every[:-1]


def status_text(uncounted: Mapping[str, tuple[str, ...]], width: int) -> Text:
    """Return the same as Rich's text."""
    from rich.text import Text  # programs' formats do without Rich

    return Text.assemble(*status_parts(uncounted, width))

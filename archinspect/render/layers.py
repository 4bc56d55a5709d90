"""The table of a network's layers in a terminal: the columns that fit into it, and their lines.

A table of Rich's looks the same. Its import and its layout took a tenth of a summary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment, Segments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

GAP = "   "
SHORTEST = 12
"""Characters that layers' names keep, and their title needs, before the last columns go."""


class TableColumn(Protocol):
    """What is asked of a column."""

    @property
    def title(self) -> str:
        """Its head."""

    @property
    def number(self) -> bool:
        """Whether it stands at the right."""

    @property
    def keep(self) -> int:
        """How long a narrow terminal keeps it: the lowest goes first."""


Cells = dict[str, list[str]]


def print_layers(
    cells: Cells,
    columns: Mapping[str, TableColumn],
    console: Console,
    *,
    layer_width: int,
    least: int,
    styles: Sequence[str] = (),
) -> list[str]:
    """Print the columns that fit, and return the names of the others.

    `styles` has one for the name of each layer. As to the widths see :func:`fitting`.
    """
    shown = fitting(cells, columns, console.width, layer_width=layer_width, least=least)
    head, *rows = zip(*(_padded(columns[name], column) for name, column in shown.items()), strict=True)
    plain, bold = console.get_style("none"), console.get_style("bold")
    title = GAP.join(head)
    rule = ("-" if console.options.ascii_only else "─") * cell_len(title)
    segments = [Segment(title, bold), Segment.line(), Segment(rule), Segment.line()]
    named = [console.get_style(style) for style in styles] or [plain] * len(rows)
    for row, style in zip(rows, named, strict=True):
        for name, cell in zip(shown, row, strict=True):
            segments += [Segment(cell, style if name == "layer" else plain), Segment(GAP)]
        segments[-1] = Segment.line()
    console.print(Segments(segments), end="", soft_wrap=True)
    return [name for name in cells if name not in shown]


def _padded(column: TableColumn, cells: Sequence[str]) -> list[str]:
    """Return the title and the cells, all as wide as the widest."""
    texts = [column.title, *cells]
    widths = list(map(cell_len, texts))
    widest = max(widths)
    fill = [" " * (widest - width) for width in widths]
    return [f + text if column.number else text + f for f, text in zip(fill, texts, strict=True)]


def fitting(cells: Cells, columns: Mapping[str, TableColumn], width: int, *, layer_width: int, least: int) -> Cells:
    """Return the columns that fit, with the layers' names as short as it takes.

    Where the width is short, names give way first, down to `layer_width`; then the least important columns go, as long
    as more than `least` are left; then names give way down to :data:`SHORTEST`; then the other columns go.
    """
    shown = dict(cells)
    widths = _widths(cells, columns)
    by_keep = sorted(shown, key=lambda name: columns[name].keep)
    longest = widths.get("layer", 0)

    def room() -> int:
        return width - sum(widths[name] + len(GAP) for name in shown if name != "layer")

    for names, left in ((layer_width, least), (SHORTEST, 1)):
        while room() < min(longest, names) and len(shown) > left:
            del shown[by_keep.pop(0)]
    if "layer" in shown:
        shown["layer"] = [_shorten(text, room()) for text in shown["layer"]]
    return shown


def width_of(cells: Cells, columns: Mapping[str, TableColumn]) -> int:
    """Return how wide the whole table is."""
    return sum(_widths(cells, columns).values()) + len(GAP) * (len(cells) - 1)


def _widths(cells: Cells, columns: Mapping[str, TableColumn]) -> dict[str, int]:
    return {name: max(map(cell_len, [columns[name].title, *column])) for name, column in cells.items()}


def _shorten(text: str, width: int) -> str:
    """Cut the front of a path: its end says which layer it is."""
    excess = cell_len(text) - width
    return "…" + set_cell_size(text[::-1], max(width - 1, 0))[::-1] if excess > 0 else text

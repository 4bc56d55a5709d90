"""A table in a terminal: the columns that fit into it, and their lines.

A table of Rich's looks the same. Its import and its layout took a tenth of a summary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from archinspect.render.numbers import aligned
from archinspect.render.styled import ascii_only, cell_len, write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rich.console import Console

    from archinspect.render.styled import Page, Part

GAP = "   "
SHORTEST = 12
"""Characters that the column that gives way keeps, and its title needs, before the last columns go."""


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


def keep_end(text: str, width: int) -> str:
    """Cut the front of a path: its end says which layer it is."""
    return "…" + _resized(text[::-1], width - 1)[::-1] if cell_len(text) > width else text


def keep_start(text: str, width: int) -> str:
    """Cut the end of a text."""
    return _resized(text, width - 1) + "…" if cell_len(text) > width else text


def _resized(text: str, width: int) -> str:
    from rich.cells import set_cell_size  # few tables are too wide

    return set_cell_size(text, max(width, 0))


class LineTable:
    """Columns of text. Where they are too wide, the column `gives` is cut, by `cut`; no other ever is."""

    def __init__(
        self,
        cells: Cells,
        columns: Mapping[str, TableColumn],
        *,
        gives: str = "layer",
        cut: Callable[[str, int], str] = keep_end,
    ) -> None:
        self.cells = cells
        self.columns = columns
        self.gives = gives
        self.cut = cut
        self._padded = {name: self._pad(name, texts) for name, texts in cells.items()}
        self._widths = {name: cell_len(texts[0]) for name, texts in self._padded.items()}

    @property
    def width(self) -> int:
        """How wide the whole table is."""
        return self._width_of(list(self.cells))

    def _width_of(self, names: Sequence[str]) -> int:
        return sum(self._widths[name] for name in names) + len(GAP) * (len(names) - 1)

    def _pad(self, name: str, texts: Sequence[str]) -> list[str]:
        """Return the title and the cells, all as wide as the widest."""
        column = self.columns[name]
        texts = [column.title, *(aligned(texts) if column.number else texts)]
        widths = list(map(cell_len, texts))
        widest = max(widths)
        fill = [" " * (widest - width) for width in widths]
        return [f + text if column.number else text + f for f, text in zip(fill, texts, strict=True)]

    def fitting(self, width: int, *, least_width: int, least: int) -> Cells:
        """Return the columns that fit, each with its title, all its cells as wide as the widest.

        Where the width is short, the column that gives way does so first, down to `least_width`; then the least
        important columns go, as long as more than `least` are left; then it gives way down to :data:`SHORTEST`; then
        the other columns go.
        """
        shown = list(self.cells)
        by_keep = sorted(shown, key=lambda name: self.columns[name].keep)

        def excess(given: int) -> int:
            """How much too wide it is where so many characters of the column that gives way are kept."""
            saved = max(self._widths[self.gives] - given, 0) if self.gives in shown else 0
            return self._width_of(shown) - saved - width

        for given, left in ((least_width, least), (SHORTEST, 1)):
            while excess(given) > 0 and len(shown) > left:
                shown.remove(by_keep.pop(0))
        found = {name: self._padded[name] for name in shown}
        over = excess(self._widths.get(self.gives, 0))
        if self.gives in shown and over > 0:
            room = self._widths[self.gives] - over
            found[self.gives] = self._pad(self.gives, [self.cut(text, room) for text in self.cells[self.gives]])
        return found

    def print(
        self,
        console: Console | Page,
        *,
        least_width: int,
        least: int,
        styles: Mapping[str, Sequence[str]] | None = None,
    ) -> list[str]:
        """Print the columns that fit, and return the names of the others; see :meth:`fitting`.

        `styles` has, for some columns, one for each cell.
        """
        shown = self.fitting(console.width, least_width=least_width, least=least)
        head, *rows = zip(*shown.values(), strict=True)
        title = GAP.join(head)
        rule = ("-" if ascii_only(console) else "─") * cell_len(title)
        parts: list[Part] = [(title.rstrip(), "bold"), (f"\n{rule}\n", "none")]
        for number, row in enumerate(rows):
            line = []
            for name, cell in zip(shown, row, strict=True):
                line += [(cell, styles[name][number] if styles and name in styles else "none"), (GAP, "none")]
            while line and not line[-1][0].strip():
                line.pop()
            parts += [*line[:-1], *((text.rstrip(), style) for text, style in line[-1:]), ("\n", "none")]
        write(console, parts)
        return [name for name in self.cells if name not in shown]


def with_room(tables: Sequence[LineTable], width: int, least_width: int, least: int) -> LineTable:
    """Return the first of several tables that shows all its columns but those that the last one has not room for.

    The column that gives way does so down to `least_width`, as far as it has not to anyway.
    """
    shown = [table.fitting(width, least_width=least_width, least=least) for table in tables]
    plain, hidden = shown[-1], tables[-1].cells.keys() - shown[-1].keys()

    def has_room(table: LineTable, cells: Cells) -> bool:
        if not table.cells.keys() - cells.keys() <= hidden:
            return False
        gives = table.gives
        return gives not in cells or cell_len(cells[gives][0]) >= min(least_width, cell_len(plain[gives][0]))

    return next(table for table, cells in zip(tables, shown, strict=True) if has_room(table, cells))

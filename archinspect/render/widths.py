"""Which columns of a table of layers fit into a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rich.cells import cell_len

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GAP = 3
"""What Rich puts between two columns of a table whose box is `SIMPLE_HEAD`."""


class TableColumn(Protocol):
    """What is asked of a column."""

    @property
    def title(self) -> str:
        """Its head."""

    @property
    def keep(self) -> int:
        """How long a narrow terminal keeps it: the lowest goes first."""


def narrow(
    cells: Mapping[str, Sequence[str]], columns: Mapping[str, TableColumn], width: int, *, layer_width: int, least: int
) -> tuple[dict[str, list[str]], list[str]]:
    """Return the cells of the columns that fit, at least so many, and the names of those left out.

    Where the width is short the layers' names give way first, down to `layer_width`, then the least important columns.
    """
    shown = {name: list(column) for name, column in cells.items()}
    widths = {name: max(map(cell_len, [columns[name].title, *column])) for name, column in shown.items()}
    hidden = set()
    name_width = min(widths.get("layer", 0), layer_width)
    for name in sorted(shown, key=lambda name: columns[name].keep):
        needed = sum(widths[other] + GAP for other in shown if other != "layer") + name_width
        if needed <= width or len(shown) <= least:
            break
        hidden.add(name)
        del shown[name]
    if "layer" in shown:
        room = width - sum(widths[other] + GAP for other in shown if other != "layer")
        shown["layer"] = [_shorten(text, max(room, name_width)) for text in shown["layer"]]
    return shown, [name for name in cells if name in hidden]


def _shorten(text: str, width: int) -> str:
    """Cut the front of a path: its end says which layer it is."""
    return text if len(text) <= width else "…" + text[len(text) - width + 1 :]

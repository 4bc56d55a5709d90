"""What fits into memory, as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.render.numbers import byte_count
from archinspect.render.status import status_lines
from archinspect.render.styled import folded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.analyses.fit import Fit


COLUMNS = ("vary", "memory", "largest", "needed", "beyond", "step", "smallest")
"""Of rows for programs."""


def fit_text(found: Sequence[Fit], form: str, width: int, *, exact: bool) -> str:
    """Return a line per number that was varied, folded at a width; or rows as `json`, `csv` or `markdown`."""
    if form != "table":
        from archinspect.render import data  # text does without

        rows = [one._asdict() for one in found]
        if form == "json":
            return data.json_text(rows)
        cells = [[row[name] for name in COLUMNS] for row in rows]
        if form == "csv":
            return data.csv_text(COLUMNS, cells)
        return data.markdown_table(
            COLUMNS,
            [
                ["" if cell is None else f"{cell:,}" if type(cell) is int else str(cell) for cell in row]
                for row in cells
            ],
            right=range(1, len(COLUMNS)),
        )
    lines = [_line(one, exact=exact) for one in found]
    lines += [f"{title}: {value}" for title, value in status_lines(found[0].uncounted)]
    return "\n".join([folded(line, width, indent="  ") for line in lines])


def _line(found: Fit, *, exact: bool) -> str:
    needed, memory = (byte_count(number, exact=exact) for number in (found.needed, found.memory))
    if found.smallest is not None:
        return f"{found.vary}: none fits: {found.smallest:,} needs {needed} of {memory}"
    return f"{found.vary}: {found.largest:,} needs {needed} of {memory}; {_beyond(found, exact=exact)}"


def _beyond(found: Fit, *, exact: bool) -> str:
    """Return what is known of the next larger number."""
    larger = f"{found.largest + found.step:,}"
    if found.beyond:
        return f"{larger} needs {byte_count(found.beyond - found.memory, exact=exact)} more than there is"
    return "no larger one was tried" if found.ended_early else f"the network does not take {larger}"

"""Worked sums as on a slide: the window on the input, the output, each sum term by term. Places count from 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from archinspect.render.explain import LINE, NO_BREAK, equation
from archinspect.render.layers import GAP

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from rich.console import Console

    from archinspect.reports.worked import Array, Cell, Term, Worked

Place = tuple[int, ...]

FEW_CELLS = 16
"""So many sums of a single axis are all shown."""


class Grid(NamedTuple):
    """A row or a matrix of numbers below its title."""

    title: str
    lines: list[Text]

    @property
    def width(self) -> int:
        """Characters of its longest line."""
        return max(len(self.title), *(len(line) for line in self.lines))


def print_worked(worked: Worked, places: Sequence[Place], console: Console, *, with_hint: bool = True) -> None:
    """Print how the cells at these places come about; without any, all of a few along one axis, or else the first."""
    flat = worked.output.ndim == 2 and worked.output.size <= FEW_CELLS  # noqa: PLR2004 - an axis and the channels
    places = places or (list(worked.cells) if flat else list(worked.cells)[:1])
    sizes = " to ".join("x".join(map(str, array.shape[:-1])) for array in (worked.input, worked.output))
    console.print(Text.assemble((f"Worked out: {worked.layer}", "bold"), f", {sizes}"), soft_wrap=True)
    single = worked.cells[places[0]] if len(places) == 1 else None
    for band in _bands(list(_grids(worked, single)), min(console.width, LINE)):
        console.print()
        console.print(_beside(band), soft_wrap=True)
    console.print()
    for place in places:
        console.print(Text(_sum(worked, worked.cells[place], console.width)), soft_wrap=True)
    if with_hint and single and len(worked.cells) > 1:
        last = list(worked.cells)[-1]
        example = ",".join(str(index + 1) for index in (last if worked.output.shape[-1] > 1 else last[:-1]))
        hint = f"\n--cell {example} shows the last sum, --cell all every one, --step one after another"
        console.print(Text(hint), soft_wrap=True)


def print_step(worked: Worked, place: Place, note: str, console: Console) -> None:
    """Print how a cell comes about on an empty screen, and a note below."""
    console.clear()
    print_worked(worked, [place], console, with_hint=False)
    console.print(Text(f"\n{note}", "bold"), end="", soft_wrap=True)


def _grids(worked: Worked, single: Cell | None) -> Iterator[Grid]:
    """Yield input, kernel and output: what a single cell uses, or all."""
    terms = single.terms if single else ()
    read = sorted({term.place[-1] for term in terms}) or range(worked.input.shape[-1])
    for channel in read:
        seen = {term.place[:-1] for term in terms if term.place[-1] == channel}
        yield _grid(_of("Input x", channel, worked.input), worked.input[..., channel], worked.pads, seen, "window")
    if "kernel" in worked.weights:
        yield from _kernel(worked.weights["kernel"], single)
    pads = ((0, 0),) * (worked.output.ndim - 1)
    for channel in [single.place[-1]] if single else range(worked.output.shape[-1]):
        marked = {single.place[:-1]} if single else set()
        yield _grid(_of("Output z", channel, worked.output), worked.output[..., channel], pads, marked, "cell")


def _bands(grids: Sequence[Grid], width: int) -> list[list[Grid]]:
    """Return the grids in as few bands as the width allows."""
    bands: list[list[Grid]] = []
    room = 0
    for grid in grids:
        if grid.width > room:
            bands.append([])
            room = width
        bands[-1].append(grid)
        room -= grid.width + len(GAP)
    return bands


def _beside(grids: Sequence[Grid]) -> Text:
    """Return grids beside one another."""
    height = max(len(grid.lines) for grid in grids)
    lines = []
    for number in range(-1, height):
        line = Text()
        for grid in grids:
            part = Text(grid.title) if number < 0 else grid.lines[number].copy() if number < len(grid.lines) else Text()
            part.pad_right(grid.width + len(GAP) - len(part))
            line.append_text(part)
        line.rstrip()
        lines.append(line)
    return Text("\n").join(lines)


def _of(title: str, channel: int, array: Array) -> str:
    return f"{title}, channel {channel + 1}" if array.shape[-1] > 1 else title


def _kernel(kernel: Array, cell: Cell | None) -> Iterator[Grid]:
    """Yield a kernel's slices: those that the cell uses, or all."""
    # What a slice is for stands in the last axes: the input channel of its group, the output channel.
    pads = ((0, 0),) * (kernel.ndim - 2)
    for member in range(kernel.shape[-2]):
        for channel in range(kernel.shape[-1]):
            if cell is None or any(term.member == (member, channel) for term in cell.terms):
                many = kernel.shape[-2] * kernel.shape[-1] > 1
                title = f"Kernel w, channel {member + 1}, output {channel + 1}" if many else "Kernel w"
                yield _grid(title, kernel[..., member, channel], pads, (), "")


def _grid(title: str, array: Array, pads: Sequence[tuple[int, int]], marked: Collection[Place], style: str) -> Grid:
    """Return a row or a matrix; padding is a dot, and what is marked stands in brackets and has the style."""
    ranges = [range(-before, length + after) for length, (before, after) in zip(array.shape, pads, strict=True)]
    rows = [[(*first, at) for at in ranges[-1]] for first in ([()] if len(ranges) == 1 else [(i,) for i in ranges[0]])]
    texts = [[_grid_cell(array, at, marked) for at in row] for row in rows]
    width = max(len(text) for row in texts for text in row)
    lines = []
    for row, cells in zip(rows, texts, strict=True):
        line = Text(" ")
        for at, cell in zip(row, cells, strict=True):
            line.append(" ").append(cell.rjust(width), style if at in marked else "")
        lines.append(line)
    return Grid(title, lines)


def _grid_cell(array: Array, at: Place, marked: Collection[Place]) -> str:
    inside = all(0 <= index < length for index, length in zip(at, array.shape, strict=True))
    text = on_paper(float(array[at])) if inside else "·"
    if at in marked:
        return f"[{text if inside else 0}]"
    return f" {text} "


def on_paper(value: float) -> str:
    """Write a number as on paper: whole ones without a point."""
    return f"{value:.6g}"


def _sum(worked: Worked, cell: Cell, width: int) -> str:
    """Write a cell's sum: by names, with the numbers, and its value."""
    deep = worked.input.shape[-1] > 1
    named = [_named(term, deep=deep) for term in cell.terms]
    numbers = [_numbers(term) for term in cell.terms]
    if cell.bias is not None:
        named.append("b" if worked.output.shape[-1] == 1 else f"b{cell.place[-1] + 1}")
        numbers.append(_signed(cell.bias))
    forms = [_combine(worked, named), _combine(worked, numbers), on_paper(cell.value)]
    title = _name("z", cell.place, deep=worked.output.shape[-1] > 1)
    return equation(title, forms, width)


def _combine(worked: Worked, parts: Sequence[str]) -> str:
    if worked.combines == "max":
        return f"max({', '.join(parts)})"
    text = " + ".join(parts)
    return f"({text}) / {len(parts)}" if worked.combines == "mean" else text


def _named(term: Term, *, deep: bool) -> str:
    value = "0" if term.padding else _name("x", term.place, deep=deep)
    return value if term.weight is None else f"{value}{NO_BREAK}{_name('w', (*term.tap, *term.member[:1]), deep=deep)}"


def _numbers(term: Term) -> str:
    return on_paper(term.value) if term.weight is None else f"{_signed(term.value)}*{_signed(term.weight)}"


def _signed(value: float) -> str:
    return on_paper(value) if value >= 0 else f"({on_paper(value)})"


def _name(letter: str, place: Place, *, deep: bool) -> str:
    """Write `x3` along one axis and `x[1,2]` on more; the channel only where there are several."""
    places = place if deep else place[:-1]
    if len(places) == 1:
        return f"{letter}{places[0] + 1}"
    return f"{letter}[{','.join(str(index + 1) for index in places)}]"

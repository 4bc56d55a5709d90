"""Worked sums as on a slide: the window on the input, the output, each sum term by term. Places count from 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from archinspect.render.explain import NO_BREAK, equation

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rich.console import Console

    from archinspect.reports.worked import Array, Cell, Term, Worked

Place = tuple[int, ...]

FEW_CELLS = 16
"""So many sums of a single axis are all shown."""


def print_worked(worked: Worked, places: Sequence[Place], console: Console) -> None:
    """Print how the cells at these places come about; without any, all of a few along one axis, or else the first."""
    flat = worked.output.ndim == 2 and worked.output.size <= FEW_CELLS  # noqa: PLR2004 - an axis and the channels
    places = places or (list(worked.cells) if flat else list(worked.cells)[:1])
    sizes = " to ".join("x".join(map(str, array.shape[:-1])) for array in (worked.input, worked.output))
    console.print(Text.assemble((f"\nWorked out: {worked.layer}", "bold"), f", {sizes}"), soft_wrap=True)
    single = worked.cells[places[0]] if len(places) == 1 else None
    terms = single.terms if single else ()
    read = sorted({term.place[-1] for term in terms}) or range(worked.input.shape[-1])
    for channel in read:
        seen = {term.place[:-1] for term in terms if term.place[-1] == channel}
        _print_grid(_of("Input x", channel, worked.input), worked.input[..., channel], worked.pads, seen, console)
    for name, array in worked.weights.items():
        if name == "kernel":
            _print_kernel(array, single, console)
    for channel in [single.place[-1]] if single else range(worked.output.shape[-1]):
        marked = {single.place[:-1]} if single else set()
        pads = ((0, 0),) * (worked.output.ndim - 1)
        _print_grid(_of("Output z", channel, worked.output), worked.output[..., channel], pads, marked, console)
    console.print()
    for place in places:
        console.print(Text(_sum(worked, worked.cells[place], console.width)), soft_wrap=True)
    if single and len(worked.cells) > 1:
        last = list(worked.cells)[-1]
        example = ",".join(str(index + 1) for index in (last if worked.output.shape[-1] > 1 else last[:-1]))
        hint = f"\n--cell {example} shows the last sum, --cell all every one"
        console.print(Text(hint, "dim"), soft_wrap=True)


def _of(title: str, channel: int, array: Array) -> str:
    return f"{title}, channel {channel + 1}" if array.shape[-1] > 1 else title


def _print_kernel(kernel: Array, cell: Cell | None, console: Console) -> None:
    """Print a kernel's slices: those that the cell uses, or all."""
    # What a slice is for stands in the last axes: the input channel of its group, the output channel.
    spatial = kernel.ndim - 2
    pads = ((0, 0),) * spatial
    for member in range(kernel.shape[-2]):
        for channel in range(kernel.shape[-1]):
            if cell is None or any(term.member == (member, channel) for term in cell.terms):
                many = kernel.shape[-2] * kernel.shape[-1] > 1
                title = f"Kernel w, channel {member + 1}, output {channel + 1}" if many else "Kernel w"
                _print_grid(title, kernel[..., member, channel], pads, (), console)


def _print_grid(
    title: str, array: Array, pads: Sequence[tuple[int, int]], marked: Collection[Place], console: Console
) -> None:
    """Print a row or a matrix; padding is a dot, and what is marked stands in brackets."""
    ranges = [range(-before, length + after) for length, (before, after) in zip(array.shape, pads, strict=True)]
    rows = [[(*first, at) for at in ranges[-1]] for first in ([()] if len(ranges) == 1 else [(i,) for i in ranges[0]])]
    texts = [[_grid_cell(array, at, marked) for at in row] for row in rows]
    width = max(len(text) for row in texts for text in row)
    lines = "\n".join("  " + " ".join(text.rjust(width) for text in row) for row in texts)
    console.print(Text.assemble("\n", title, "\n", lines), soft_wrap=True)


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

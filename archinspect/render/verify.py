"""Verifications as text: what is equal, and what is not, by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.table import Table
from rich.text import Text

from archinspect.base.printable import printable
from archinspect.render.data import json_text
from archinspect.verify import TITLES, Failure
from archinspect.verify.rows import numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from archinspect.verify import Row, Verification

FIGURES = {
    "params": "Parameters",
    "trainable": "Trainable",
    "buffers": "Buffers",
    "weights": "Parameters and buffers",
    "macs": "MACs",
    "training_macs": "MACs, backward included",
    "kept": "Bytes kept for backward",
    "peak": "Peak of activations, bytes",
    "outputs": "Output",
    "shape": "Output",
    "values": "Worked numbers",
}
"""What each figure is called."""
SHOWN = 40
"""Rows of layers that are not equal."""


def verifications_text(name: str, found: Sequence[Verification | Failure]) -> str:
    """Return what all targets say of a network as JSON."""
    return json_text({"name": name, "ok": all(one.ok for one in found), "measured": [one.as_dict() for one in found]})


def print_verifications(found: Sequence[Verification | Failure], console: Console, *, everything: bool = False) -> None:
    """Print what each target says, one below the other; what could not be asked goes to stderr."""
    for number, one in enumerate(found):
        if isinstance(one, Failure):
            click.echo(f"Error: {printable(one.reason)}", err=True)
            continue
        if number:
            console.print()
        _print(one, console, everything=everything)


def _print(found: Verification, console: Console, *, everything: bool) -> None:
    """Print the network's figures, then the layers that differ, or all."""
    target = TITLES[found.target]
    title = f"{found.name}: predicted beside {target} {found.version}, batch {found.batch}"
    console.print(Text(title, "bold"), soft_wrap=True)
    console.print(_table([row for row in found.rows if not row.layer]))
    computed = [row for row in found.rows if row.figure == "values"]
    layers = [row for row in found.rows if row.layer and row not in computed]
    different = [row for row in layers if not row.equal]
    shown = layers if everything else different[:SHOWN]
    if shown:
        console.print()
        console.print(_table(shown))
    if len(different) > len(shown):
        console.print(Text(f"and {len(different) - len(shown):,} more"))
    same = len(layers) - len(different)
    figures = "Shapes and parameters" if "macs" in found.left_out else "Shapes, parameters and MACs"
    console.print(Text(f"\n{figures} by layer: {same:,} of {len(layers):,} equal"))
    if found.computed_by:
        _print_computed(computed, found.computed_by, console)
    if found.within:
        console.print(Text(f"Computed within a call with others, and without a shape of their own: {found.within:,}"))
    for reason in dict.fromkeys(found.left_out.values()):
        names = [FIGURES[figure] for figure, why in found.left_out.items() if why == reason]
        console.print(Text(f"Left out: {'; '.join(names)}: {reason}"), soft_wrap=True)
    for layer, reason in found.partial.items():
        console.print(Text(f"Without {layer}: {printable(reason)}"), soft_wrap=True)
    if found.refused:
        console.print(Text(f"{target} does not train on the batch: {printable(found.refused)}"), soft_wrap=True)
    equal = "all equal, partial" if found.partial else "all equal"
    console.print(Text(equal, "good") if found.ok else Text("not all equal", "error"))


def _print_computed(rows: list[Row], computed_by: str, console: Console) -> None:
    """Print how far the numbers that were computed are from those that were worked out."""
    console.print()
    console.print(_table(rows) if rows else Text("No layer of the program has numbers that are worked out."))
    console.print(Text(f"Computed by {computed_by}, in float32; equal to within 1e-05 of the largest sum\n"))


def _table(rows: list[Row]) -> Table:
    by_layer = bool(rows) and bool(rows[0].layer)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for column in ("Layer",) if by_layer else ():
        table.add_column(column, overflow="fold")
    table.add_column("Figure")
    for column in ("Predicted", "Measured", "Difference"):
        table.add_column(column, justify="right", overflow="fold")
    for row in rows:
        cells = [
            FIGURES[row.figure],
            _cell(row.predicted, row.figure),
            _cell(row.measured, row.figure),
            _difference(row),
        ]
        table.add_row(*([row.layer] if by_layer else []), *cells)
    return table


def _cell(value: Any, figure: str) -> str:  # noqa: ANN401 - a number, a shape, an array
    if value is None:
        return "?"
    if figure == "values":
        return f"{len(numbers(value)):,} numbers"
    if isinstance(value, int):
        return f"{value:,}"
    shapes = value if value and isinstance(value[0], list) else [value]
    return "; ".join(str(tuple(shape)) for shape in shapes)


def _difference(row: Row) -> str:
    if row.equal or row.measured is None:
        return "equal" if row.equal else "not measured"
    if row.tolerance and row.distance is not None:
        return f"up to {row.distance:.3g}"
    if not isinstance(row.predicted, int) or not isinstance(row.measured, int):
        return "differs"
    return f"{row.measured - row.predicted:+,}"

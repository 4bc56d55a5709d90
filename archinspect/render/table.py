"""A summary in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from archinspect.ops.figures import DTYPES
from archinspect.render.columns import cells, columns_of, default_shares
from archinspect.render.layers import LineTable, with_room
from archinspect.render.numbers import NARROWER, both, byte_count, shape, with_bars
from archinspect.render.palette import LOOKS
from archinspect.render.status import first_of, status_parts
from archinspect.render.styled import ascii_only, folded, write
from archinspect.reports.totals import is_known

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from archinspect.render.rows import View
    from archinspect.render.styled import Page, Part
    from archinspect.reports.summary import Report, Row

LAYER_WIDTH = 32
"""What a narrow terminal leaves for a layer's name and type."""
LEAST_COLUMNS = 3


def print_summary(
    report: Report, view: View, console: Console | Page, *, exact: bool = False, has_edge: bool = False
) -> None:
    """Print the network's head, its layers and its totals.

    On a terminal, which `has_edge`, shares have bars as far as there is room, and there is a column of shares where
    none was asked for.
    """
    _print_head(report, console)
    known = columns_of(report)
    written = {name: cells(name, view.rows, exact=exact, columns=known) for name in view.columns}
    table = LineTable(written, known)
    if has_edge:
        wider = (LineTable(written | _bars(report, view, console, width), known) for width in NARROWER)
        table = with_room([*wider, table], console.width, LAYER_WIDTH, LEAST_COLUMNS)
    styles = {"layer": [row_style(row) for row in view.rows]}
    hidden = table.print(console, least_width=LAYER_WIDTH, least=LEAST_COLUMNS, styles=styles)
    write(console, _totals(report, console, exact=exact))
    notes = [view.level] if view.level else []
    if report.before:
        notes.append(f"run once, before the steps, and without work in one: {first_of(report.before)}")
    if hidden:
        titles = ", ".join(known[name].title for name in hidden)
        notes.append(f"not shown at this width: {titles} (choose with --columns)")
    if notes:
        write(console, [("\n".join(notes) + "\n", "none")])


def row_style(row: Row) -> str:
    """Return the style of a row's name: the color of its kind's box, as `compare` draws them."""
    if row.kind == "composite":
        return "bold"
    return row.shown_kind if row.shown_kind in LOOKS else "none"


def _bars(report: Report, view: View, console: Console | Page, width: int) -> dict[str, list[str]]:
    """Return columns of shares with bars: those among the columns, or else the one that says most."""
    known = columns_of(report)
    shares = [name for name in view.columns if name.endswith("%")] or default_shares(report, view.columns, view.sort)
    found = {}
    for name in shares:
        values = [cast("float", known[name].value(row) or 0) for row in view.rows]
        found[name] = with_bars(cells(name, view.rows, columns=known), values, width, plain=ascii_only(console))
    return found


def _print_head(report: Report, console: Console | Page) -> None:
    """Print what the network is called, where it is from, what it is, and what it takes."""
    source = f"  {report.source}" if report.source else ""
    if len(report.name + source) > console.width:
        source = f"\n{folded(report.source, console.width)}" if source else ""
    parts = [(folded(report.name, console.width), "bold"), (source, "none")]
    if report.description:
        parts.append((f"\n{folded(report.description, console.width)}", "none"))
    inputs = ", ".join(f"{name} {shape(dims)}" for name, dims in report.inputs.items())
    past = f", after {report.past:,} cached steps" if report.past else ""
    write(console, [*parts, (f"\n{inputs}{past}\n\n", "none")])


def _totals(report: Report, console: Console | Page, *, exact: bool) -> list[Part]:
    lines = _counted_lines(report, exact=exact) if report.convention else _lines(report, exact=exact)
    parts: list[Part] = []
    for title, value in lines:
        parts += [(f"{title}: ", "bold"), (f"{folded(value, console.width, after=len(title) + 2)}\n", "none")]
    return [("\n", "none"), *parts, *status_parts(report.uncounted, console.width), ("\n", "none")]


def _counted_lines(report: Report, *, exact: bool) -> Iterator[tuple[str, str]]:
    """Return a tool's totals."""
    from archinspect.conventions import find_convention  # only where one is asked for

    convention, totals = find_convention(report.convention), report.counted
    batch = f"batch {report.batch or 1}, {report.dtype}"
    yield "Total params", f"{totals['params']:,} ({byte_count(totals['params'] * DTYPES[report.dtype], exact=exact)})"
    if convention.params.buffers:
        yield "Trainable params", f"{report.totals.trainable_params:,}"
        yield "Non-trainable params", f"{totals['params'] - report.totals.trainable_params:,}"
    for figure in convention.figures:
        number = totals[figure.name]
        is_memory = figure.name == "memory"
        title = figure.title[0].upper() + figure.title[1:]
        yield title, f"{byte_count(number, exact=exact)} ({batch})" if is_memory else both(number)
    for name, value in report.estimates.items():
        yield ESTIMATES[name], byte_count(value, exact=exact)
    yield "Counted as", f"{convention.tool}, {convention.call}"


ESTIMATES = {"input_bytes": "Input size", "param_bytes": "Params size", "total_bytes": "Estimated total size"}


def _lines(report: Report, *, exact: bool) -> list[tuple[str, str]]:
    """Return our own totals."""
    totals = report.totals
    batch = f"batch {report.batch or 1}, {report.dtype}"
    lines = [
        ("Total params", f"{totals.params:,} ({byte_count(totals.params * DTYPES[report.dtype], exact=exact)})"),
        ("Trainable params", f"{totals.trainable_params:,}"),
        ("Non-trainable params", f"{totals.non_trainable_params:,}"),
        ("Active params", f"{totals.active_params:,} (what one token uses; of the experts, the chosen ones)"),
        (
            "Buffers",
            f"{totals.buffers:,} (not learned, such as running statistics; Keras counts them as non-trainable)",
        ),
        ("MACs", both(totals.macs)),
        ("FLOPs", both(totals.flops)),
        ("Memory of outputs", f"{byte_count(totals.output_bytes, exact=exact)} ({batch}, all layers)"),
    ]
    if report.stored:
        from archinspect.render.stored import stored_lines  # few networks have files of weights

        lines += stored_lines(report.stored, totals.params, exact=exact)
    held = report.memory
    if held:
        most, kept = (byte_count(number, exact=exact) for number in (held.peak_bytes, held.kept_bytes))
        lines += [
            ("Peak at inference", f"{most} (activations alive at once, in {held.peak_layer})"),
            ("Kept for backward", f"{kept} (activations; with weights and optimizer: archinspect memory)"),
        ]
    told = {"Active params": totals.active_params != totals.params, "Buffers": totals.buffers}
    unknown = {title for title, name in TOTAL_OF.items() if not is_known(name, report)}
    return [(title, f"{value} + ?" if title in unknown else value) for title, value in lines if told.get(title, True)]


TOTAL_OF = {
    **dict.fromkeys(("Total params", "Trainable params", "Active params"), "params"),
    "MACs": "macs",
    "FLOPs": "flops",
    "Memory of outputs": "memory",
}
"""The totals that a line is, by their names in :data:`archinspect.reports.totals.TOTALS`."""

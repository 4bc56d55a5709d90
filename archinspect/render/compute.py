"""What a network computes and moves: as a Rich table, as JSON, CSV and Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.render.columns import row_title
from archinspect.render.numbers import NARROWER, aligned, both, byte_count, count, duration, shape, with_bars
from archinspect.render.status import status_lines, status_text
from archinspect.render.styled import folded
from archinspect.reports.compute import ComputeRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from archinspect.reports.compute import ComputeReport

LAYER_WIDTH = 24
"""What a narrow terminal leaves for a layer's name and type."""
LEAST_COLUMNS = 2
"""A layer and a figure."""
SHARED = ("macs", "flops", "moved", "time")
"""Columns of which a row has a share."""
_NEEDS = {"macs": ("macs",), "flops": ("flops",), "bytes": ("params",), "bound": ("params", "flops")}
"""By how a figure's key ends, the figures of layers without which it is not known."""


class ComputeColumn(NamedTuple):
    """A column: its title, its value, how that is written, how long a narrow terminal keeps it."""

    title: str
    value: Callable[[ComputeRow], Any]
    write: Callable[[ComputeRow, bool], str]
    keep: int
    needs: tuple[str, ...] = ()
    """The figures of layers without which it is not known."""
    number: bool = True
    is_sum: bool = True
    """Whether a row's value is the sum of its layers', so that some of them say something."""

    def written(self, row: ComputeRow, *, exact: bool) -> str:
        """Return a row's value as text, with a `?` where it is not known, or not of all of the row's layers."""
        text = self.write(row, exact)
        if set(self.needs).isdisjoint(row.unknown):
            return text
        return f"{text} + ?" if self.value(row) and self.is_sum else "?"


def _counted(title: str, value: Callable[[ComputeRow], int], keep: int, figure: str = "macs") -> ComputeColumn:
    return ComputeColumn(title, value, lambda row, exact: count(value(row), exact=exact), keep, _NEEDS[figure])


COMPUTE_COLUMNS = {
    "layer": ComputeColumn(
        "Layer (type)",
        lambda row: row.name,
        lambda row, _: row_title(row),
        100,
        number=False,
    ),
    "forward": _counted("Forward", lambda row: row.figures.forward.macs, 50),
    "input_gradients": _counted("For inputs", lambda row: row.figures.input_gradients.macs, 41),
    "weight_gradients": _counted("For weights", lambda row: row.figures.weight_gradients.macs, 40),
    "macs": _counted("MACs", lambda row: row.figures.macs, 80),
    "flops": _counted("FLOPs", lambda row: row.figures.flops, 30, "flops"),
    "moved": ComputeColumn(
        "Moved",
        lambda row: row.figures.bytes,
        lambda row, exact: byte_count(row.figures.bytes, exact=exact),
        70,
        _NEEDS["bytes"],
    ),
    "intensity": ComputeColumn(
        "FLOPs/byte",
        lambda row: row.figures.intensity,
        lambda row, _: f"{row.figures.intensity:.2f}" if row.figures.bytes else "",
        60,
        _NEEDS["bound"],
        is_sum=False,
    ),
    "time": ComputeColumn(
        "Time at least",
        lambda row: row.figures.time,
        lambda row, _: duration(row.figures.time) if row.figures.time else "",
        90,
    ),
    "bound": ComputeColumn(
        "Bound by", lambda row: row.figures.bound, lambda row, _: row.figures.bound, 55, _NEEDS["bound"], is_sum=False
    ),
}


def shown_columns(found: ComputeReport) -> list[str]:
    """Return the columns that say something: MACs by pass in training, times with a device."""
    hidden = set() if found.computed.training else {"forward", "input_gradients", "weight_gradients"}
    if found.computed.device is None:
        hidden |= {"time", "bound"}
    return [name for name in COMPUTE_COLUMNS if name not in hidden]


def largest_first(found: ComputeReport, column: str) -> ComputeReport:
    """Return the report with its rows sorted by a column."""
    return found._replace(rows=tuple(sorted(found.rows, key=COMPUTE_COLUMNS[column].value, reverse=True)))


def print_compute(
    found: ComputeReport, console: Console, *, exact: bool, level: str, sort: str | None, has_edge: bool
) -> None:
    """Print the network's head, its layers and its totals; `level` says how deep they are folded.

    On a terminal, which `has_edge`, there are shares of the total where there is room.
    """
    from rich.text import Text  # programs' formats do without Rich

    from archinspect.render.layers import LineTable, with_room

    report = found.report
    head = Text(folded(report.name, console.width), "bold")
    head.append("\n" + ", ".join(f"{name} {shape(dims)}" for name, dims in report.inputs.items()) + "\n", "not bold")
    console.print(head, soft_wrap=True)
    written = {
        name: [COMPUTE_COLUMNS[name].written(row, exact=exact) for row in found.rows] for name in shown_columns(found)
    }
    table = LineTable(written, COMPUTE_COLUMNS)
    if has_edge:
        name, columns = _shares(found, sort)
        tables = [
            LineTable(written | {f"{name}%": shares}, columns) for shares in _shares_written(found, name, console)
        ]
        table = with_room([*tables, table], console.width, LAYER_WIDTH, LEAST_COLUMNS)
    hidden = table.print(console, least_width=LAYER_WIDTH, least=LEAST_COLUMNS)
    totals = Text("\n")
    for title, value in _totals(found, exact=exact):
        totals.append(f"{title}: ", "bold").append(f"{folded(value, console.width, after=len(title) + 2)}\n")
    console.print(totals.append_text(status_text(report.uncounted, console.width)), soft_wrap=True)
    notes = [level] if level else []
    if hidden:
        notes.append(f"not shown at this width: {', '.join(COMPUTE_COLUMNS[name].title for name in hidden)}")
    if notes:
        console.print(Text("\n".join(notes)), soft_wrap=True)


def _shares(found: ComputeReport, sort: str | None) -> tuple[str, dict[str, ComputeColumn]]:
    """Return whose shares are shown, what sorts the rows, or the time, or MACs, and the columns with theirs."""
    name = sort if sort in SHARED else "time" if found.computed.device else "macs"
    column = COMPUTE_COLUMNS[name]
    title = "Time" if name == "time" else column.title
    return name, {**COMPUTE_COLUMNS, f"{name}%": column._replace(title=f"{title} %", keep=column.keep - 1)}


def _shares_written(found: ComputeReport, name: str, console: Console) -> Iterator[list[str]]:
    """Yield the rows' shares as text, with bars the longest first; nothing where there are none."""
    column = COMPUTE_COLUMNS[name]
    values = [column.value(row) for row in found.rows]
    total = sum(values)
    if not total or any(not set(column.needs).isdisjoint(row.unknown) for row in found.rows):
        return
    texts = aligned([f"{100 * value / total:.1f}" for value in values])
    for width in NARROWER:
        yield with_bars(texts, values, width, plain=console.options.ascii_only)


def _totals(found: ComputeReport, *, exact: bool) -> Iterator[tuple[str, str]]:
    computed, figures = found.computed, found.computed.total
    passes = f": {_passes(found)}" if computed.training else ""
    yield "MACs", f"{both(figures.macs)}{passes}"
    yield "FLOPs", both(figures.flops)
    batch = f"batch {found.report.batch or 1}, {computed.dtype}, each operator by itself"
    yield "Bytes moved", f"{byte_count(figures.bytes, exact=exact)} ({batch})"
    yield "Arithmetic intensity", f"{figures.intensity:.2f} FLOPs per byte"
    if computed.device is None:
        return
    yield "Device", _device(found)
    bounds = f"{duration(figures.compute_time)} bound by compute, {duration(figures.memory_time)} by memory"
    yield "Roofline", f"at least {duration(figures.time)} ({bounds}); a bound, not a measurement"


def _passes(found: ComputeReport) -> str:
    figures = found.computed.total
    passes = (
        ("forward", figures.forward.macs),
        ("gradients of inputs", figures.input_gradients.macs),
        ("of weights", figures.weight_gradients.macs),
    )
    return ", ".join(f"{name} {count(macs)}" for name, macs in passes)


def _device(found: ComputeReport) -> str:
    device, dtype = found.computed.device, found.computed.dtype
    assert device is not None
    peak = device.flops[dtype]
    speed = f"{count(peak)}FLOPs/s in {dtype}, {count(device.bandwidth)}B/s"
    source = f"; {device.source}" if device.source else ""
    return f"{device.title or device.name}: {speed}, {peak / device.bandwidth:.2f} FLOPs per byte{source}"


def compute_text(found: ComputeReport, form: str, *, exact: bool) -> str | Iterator[str]:
    """Return the figures as `json`, in pieces, `csv` or `markdown`."""
    from archinspect.render import data  # the table does without

    if form == "json":
        return data.json_pieces({**found._replace(rows=()).as_dict(), "layers": found.rows})
    if form == "csv":
        header = list(ComputeRow("", "", found.computed.total).as_dict())  # of rows, of which there may be none
        return data.csv_text(header, ([_known(row)[name] for name in header] for row in found.rows))
    names = shown_columns(found)
    body = [[COMPUTE_COLUMNS[name].written(row, exact=exact) for name in names] for row in found.rows]
    table = data.markdown_table([COMPUTE_COLUMNS[name].title for name in names], body, range(1, len(names)))
    closing = [*_totals(found, exact=exact), *status_lines(found.report.uncounted)]
    totals = "\n".join(f"- {title}: {data.markdown(value)}" for title, value in closing)
    return f"## {data.markdown(found.report.name)}\n\n{table}\n\n{totals}"


def _known(row: ComputeRow) -> dict[str, Any]:
    """Return a row's figures, None for those that are not known."""
    values = row.as_dict()
    for unit, needed in _NEEDS.items():
        if not set(needed).isdisjoint(row.unknown):
            values.update({name: None for name in values if name.endswith(unit)})
    return values

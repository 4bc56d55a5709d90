"""What a network computes and moves: as a Rich table, as JSON, CSV and Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.analyses.compute import Figures, total
from archinspect.render.numbers import byte_count, count, duration, shape
from archinspect.reports.summary import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console

    from archinspect.analyses.compute import Compute
    from archinspect.analyses.devices import Device
    from archinspect.reports.summary import Report

LAYER_WIDTH = 24
"""What a narrow terminal leaves for a layer's name and type."""
LEAST_COLUMNS = 2
"""A layer and a figure."""


class Line(NamedTuple):
    """A layer, or a composite folded into one line."""

    name: str
    type: str
    figures: Figures


class Column(NamedTuple):
    """A column: its title, its value, how that is written, how long a narrow terminal keeps it."""

    title: str
    value: Callable[[Line], Any]
    write: Callable[[Line, bool], str]
    keep: int


def _counted(title: str, value: Callable[[Line], int], keep: int) -> Column:
    return Column(title, value, lambda line, exact: count(value(line), exact=exact), keep)


COLUMNS = {
    "layer": Column("Layer (type)", lambda line: line.name, lambda line, _: f"{line.name} ({line.type})", 100),
    "forward": _counted("Forward", lambda line: line.figures.forward.macs, 50),
    "input_gradients": _counted("For inputs", lambda line: line.figures.input_gradients.macs, 41),
    "weight_gradients": _counted("For weights", lambda line: line.figures.weight_gradients.macs, 40),
    "macs": _counted("MACs", lambda line: line.figures.macs, 80),
    "flops": _counted("FLOPs", lambda line: line.figures.flops, 30),
    "moved": Column(
        "Moved",
        lambda line: line.figures.bytes,
        lambda line, exact: byte_count(line.figures.bytes, exact=exact),
        70,
    ),
    "intensity": Column(
        "FLOPs/byte",
        lambda line: line.figures.intensity,
        lambda line, _: f"{line.figures.intensity:.2f}" if line.figures.bytes else "",
        60,
    ),
    "time": Column(
        "Time at least",
        lambda line: line.figures.time,
        lambda line, _: duration(line.figures.time) if line.figures.time else "",
        90,
    ),
    "bound": Column("Bound by", lambda line: line.figures.bound, lambda line, _: line.figures.bound, 55),
}


def lines(computed: Compute, report: Report, depth: int) -> list[Line]:
    """Return a line for each layer, with everything below `depth` levels summed into its composite."""
    parts: dict[str, list[Figures]] = {}
    for layer, figures in computed.layers.items():
        parts.setdefault(".".join(layer.split(".")[:depth]), []).append(figures)
    return [Line(row.name, row.type, total(parts[row.name])) for row in report.fold(depth)]


def columns_of(computed: Compute) -> list[str]:
    """Return the columns that say something: MACs by pass in training, times with a device."""
    hidden = set() if computed.training else {"forward", "input_gradients", "weight_gradients"}
    if computed.device is None:
        hidden |= {"time", "bound"}
    return [name for name in COLUMNS if name not in hidden]


def print_compute(
    computed: Compute, report: Report, shown: Sequence[Line], console: Console, *, exact: bool, level: str
) -> None:
    """Print the network's head, its layers and its totals; `level` says how deep they are folded."""
    from rich.text import Text  # programs' formats do without Rich

    head = Text(report.name, "bold")
    head.append("\n" + ", ".join(f"{name} {shape(dims)}" for name, dims in report.inputs.items()) + "\n", "not bold")
    console.print(head, soft_wrap=True)
    hidden = _print_table(shown, columns_of(computed), console, exact=exact)
    totals = Text("\n")
    for title, value in _totals(computed, report, exact=exact):
        totals.append(f"{title}: ", "bold").append(f"{value}\n")
    from archinspect.render.status import status_text

    console.print(totals.append_text(status_text(report.uncounted)), soft_wrap=True)
    notes = [level] if level else []
    if hidden:
        notes.append(f"not shown at this width: {', '.join(COLUMNS[name].title for name in hidden)}")
    if notes:
        console.print(Text("\n".join(notes), "bright_black"), soft_wrap=True)


def _print_table(shown: Sequence[Line], names: Sequence[str], console: Console, *, exact: bool) -> list[str]:
    """Print the columns that fit; return the names of the others."""
    from rich import box  # programs' formats do without Rich
    from rich.table import Table

    from archinspect.render.fitting import fit

    written = {name: [COLUMNS[name].write(line, exact) for line in shown] for name in names}
    cells, hidden = fit(written, COLUMNS, console.width, layer_width=LAYER_WIDTH, least=LEAST_COLUMNS)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for name in cells:
        justify = "left" if name == "layer" else "right"
        table.add_column(COLUMNS[name].title, justify=justify, no_wrap=True, overflow="ellipsis")  # type: ignore[arg-type] # one of Rich's words
    table.add_row(*("\n".join(column) for column in cells.values()))
    console.print(table)
    return hidden


def _totals(computed: Compute, report: Report, *, exact: bool) -> Iterator[tuple[str, str]]:
    figures = computed.total
    if computed.training:
        yield "MACs", f"{figures.macs:,} ({count(figures.macs)}): {_split(figures)}"
    else:
        yield "MACs", f"{figures.macs:,} ({count(figures.macs)})"
    yield "FLOPs", f"{figures.flops:,} ({count(figures.flops)})"
    batch = f"batch {report.batch or 1}, {computed.dtype}, each operator by itself"
    yield "Bytes moved", f"{byte_count(figures.bytes, exact=exact)} ({batch})"
    yield "Arithmetic intensity", f"{figures.intensity:.2f} FLOPs a byte"
    if computed.device is None:
        return
    yield "Device", _described(computed.device, computed.dtype)
    bounds = f"{duration(figures.compute_time)} bound by compute, {duration(figures.memory_time)} by memory"
    yield "Roofline", f"at least {duration(figures.time)} ({bounds}); a bound, not a measurement"


def _split(figures: Figures) -> str:
    passes = (
        ("forward", figures.forward.macs),
        ("gradients of inputs", figures.input_gradients.macs),
        ("of weights", figures.weight_gradients.macs),
    )
    return ", ".join(f"{name} {count(macs)}" for name, macs in passes)


def _described(device: Device, dtype: str) -> str:
    peak = device.flops[dtype]
    speed = f"{count(peak)}FLOPs/s in {dtype}, {count(device.bandwidth)}B/s"
    source = f"; {device.source}" if device.source else ""
    return f"{device.title or device.name}: {speed}, {peak / device.bandwidth:.2f} FLOPs a byte{source}"


def text(computed: Compute, report: Report, shown: Sequence[Line], form: str, *, exact: bool) -> str:
    """Return the figures as `json`, `csv` or `markdown`."""
    from archinspect.render import data  # the table does without

    if form == "json":
        return data.json_text(as_dict(computed, report, shown))
    if form == "csv":
        header, *rows = [
            {"name": line.name, "type": line.type, **figures_dict(line.figures)} for line in (*shown[:1], *shown)
        ]
        return data.csv_text(list(header), [list(row.values()) for row in rows])
    names = columns_of(computed)
    body = [[COLUMNS[name].write(line, exact) for name in names] for line in shown]
    table = data.markdown_table([COLUMNS[name].title for name in names], body, range(1, len(names)))
    from archinspect.render.status import status_lines  # JSON does without Rich

    closing = [*_totals(computed, report, exact=exact), *status_lines(report.uncounted)]
    totals = "\n".join(f"- {title}: {value}" for title, value in closing)
    return f"## {report.name}\n\n{table}\n\n{totals}"


def as_dict(computed: Compute, report: Report, shown: Sequence[Line]) -> dict[str, Any]:
    """Return the JSON form, whose keys docs/json.md explains."""
    device = computed.device
    return {
        "schema": SCHEMA,
        "name": report.name,
        "dtype": computed.dtype,
        "batch": report.batch,
        "training": computed.training,
        "device": device and {**device._asdict(), "peak": device.flops[computed.dtype]},
        **report.coverage,
        "totals": figures_dict(computed.total),
        "layers": [{"name": line.name, "type": line.type, **figures_dict(line.figures)} for line in shown],
    }


def figures_dict(figures: Figures) -> dict[str, Any]:
    """Return the figures by name: exact integers, and seconds."""
    passes = {"forward": figures.forward, "input_gradient": figures.input_gradients}
    passes["weight_gradient"] = figures.weight_gradients
    return {
        "macs": figures.macs,
        "flops": figures.flops,
        **{f"{name}_{unit}": getattr(work, unit) for name, work in passes.items() for unit in ("macs", "flops")},
        "bytes": figures.bytes,
        "forward_bytes": figures.forward_bytes,
        "backward_bytes": figures.backward_bytes,
        "compute_time": figures.compute_time,
        "memory_time": figures.memory_time,
        "bound": figures.bound,
    }

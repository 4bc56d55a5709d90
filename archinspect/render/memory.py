"""Memory as text: the ledger of weights, inference with what is alive at the peak, training, a chart over layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from archinspect.render.numbers import byte_count, shape
from archinspect.render.status import status_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from archinspect.reports.memory import MemoryReport

SHOWN_ALIVE = 8
SHOWN_TYPES = {"bfloat16": "16 bits", "int8": "8 bits", "int4": "int4, packed with scales"}
HEIGHT = 8
CHART_WIDTH = 60
_EIGHTHS = " ▁▂▃▄▅▆▇█"


def print_memory(found: MemoryReport, console: Console, *, exact: bool) -> None:
    """Print everything about a network's memory."""
    report = found.report
    shapes = ", ".join(f"{name} {shape(dims)}" for name, dims in report.inputs.items())
    console.print(Text.assemble((report.name, "bold"), f"\n{shapes}, {report.dtype}"), soft_wrap=True)
    _print_section("Parameters", _ledger_lines(found, exact=exact), console)
    _print_section(f"Inference, batch {report.batch or 1}", _inference_lines(found, exact=exact), console)
    plan = found.plan
    how = [plan.optimizer, *(["mixed precision"] if plan.mixed else []), *(["checkpointing"] * plan.checkpointing)]
    title = f"Training, batch {report.batch or 1}, {', '.join(how)}"
    _print_section(title, _training_lines(found, exact=exact), console)
    console.print()
    console.print(status_text(report.uncounted), soft_wrap=True)
    if found.inference.peak.timeline:
        _print_chart(found, console)


def _print_section(title: str, lines: Iterable[tuple[str, str, str]], console: Console) -> None:
    console.print(Text(f"\n{title}", "bold"), soft_wrap=True)
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for name, figure, note in lines:
        table.add_row(f"  {name}", figure, note, style="bold" if name == "total" else None)
    console.print(table)


def _ledger_lines(found: MemoryReport, *, exact: bool) -> Iterable[tuple[str, str, str]]:
    ledger = found.ledger
    yield "trainable", f"{ledger.trainable:,}", ""
    if ledger.frozen:
        yield "frozen", f"{ledger.frozen:,}", ""
    if ledger.buffers:
        yield "running statistics", f"{ledger.buffers:,}", "no parameters"
    if ledger.shared:
        yield "shared", f"{ledger.shared:,}", f"counted once; untied it would have {ledger.untied:,}"
    if ledger.embedding:
        yield "embedding", f"{ledger.embedding:,}", f"{ledger.non_embedding:,} without"
    if ledger.active != ledger.params:
        yield "active", f"{ledger.active:,}", "what one token uses"
    types = ", ".join(f"{byte_count(ledger.bytes[name], exact=exact)} in {how}" for name, how in SHOWN_TYPES.items())
    yield "bytes", byte_count(ledger.bytes[found.plan.dtype], exact=exact), types


def _inference_lines(found: MemoryReport, *, exact: bool) -> Iterable[tuple[str, str, str]]:
    inference, peak = found.inference, found.inference.peak
    yield "weights", byte_count(inference.weights, exact=exact), ""
    yield "activations", byte_count(peak.bytes, exact=exact), f"at the peak, in {peak.layer}" if peak.layer else ""
    for one in peak.alive[:SHOWN_ALIVE]:
        yield f"  {one.layer}", byte_count(one.bytes, exact=exact), shape(one.shape)
    rest = peak.alive[SHOWN_ALIVE:]
    if rest:
        yield f"  {len(rest)} more", byte_count(sum(one.bytes for one in rest), exact=exact), ""
    if peak.workspace:
        yield "  temporary", byte_count(peak.workspace, exact=exact), ""
    if inference.cache:
        yield "keys and values", byte_count(inference.cache, exact=exact), f"of {found.plan.cached:,} steps"
    yield "total", byte_count(inference.total, exact=exact), ""


def _training_lines(found: MemoryReport, *, exact: bool) -> Iterable[tuple[str, str, str]]:
    training = found.training
    yield "weights", byte_count(training.weights, exact=exact), ""
    if training.master:
        yield "float32 copy", byte_count(training.master, exact=exact), "of the trainable weights"
    yield "gradients", byte_count(training.gradients, exact=exact), ""
    yield "optimizer", byte_count(training.optimizer, exact=exact), ""
    kept = byte_count(training.kept.total, exact=exact)
    again = training.checkpoints
    if again:
        blocks = f"{len(again.blocks)} blocks computed again" if again.blocks else "no block repeats"
        yield "kept for backward", byte_count(again.total, exact=exact), f"{blocks}; {kept} without"
    else:
        yield "kept for backward", kept, ""
    yield "total", byte_count(training.total, exact=exact), ""


def _print_chart(found: MemoryReport, console: Console) -> None:
    """Print the activations alive at inference over the steps; a column is the most of the steps it stands for."""
    timeline = found.inference.peak.timeline
    top = max(step.during for step in timeline) or 1
    label = max(len(byte_count(top)), len("0 B"))
    width = max(min(CHART_WIDTH, console.width - label - 4), 1)
    heights = []
    for column in range(width):
        start, end = (place * len(timeline) // width for place in (column, column + 1))
        steps = timeline[start : max(end, start + 1)]
        heights.append(round(max(step.during for step in steps) / top * HEIGHT * 8))
    console.print(Text("\nActivations over layers", "bold"))
    for row in range(HEIGHT - 1, -1, -1):
        title = byte_count(top) if row == HEIGHT - 1 else ("0 B" if row == 0 else "")
        text = Text(f"  {title:>{label}} ")
        for height in heights:
            text.append(_EIGHTHS[min(max(height - row * 8, 0), 8)], "red" if height == max(heights) else "cyan")
        console.print(text, soft_wrap=True)
    first = timeline[0].layer
    last = timeline[-1].layer if len(timeline) > 1 else ""
    room = max(width - len(first) - len(last), 1)
    console.print(Text(f"  {'':>{label}} {first}{' ' * room}{last}", "bright_black"), soft_wrap=True)

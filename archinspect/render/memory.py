"""Memory as text: the ledger of weights, inference with what is alive at the peak, training, a chart over layers."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import set_cell_size
from rich.text import Text

from archinspect.render.layers import keep_end, keep_start
from archinspect.render.numbers import aligned, byte_count, shape
from archinspect.render.status import first_of, status_lines, status_text
from archinspect.render.styled import cell_len, folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console

    from archinspect.reports.memory import MemoryReport

SHOWN_ALIVE = 8
SHOWN_TYPES = {"bfloat16": "16 bits", "int8": "8 bits", "int4": "int4, linear layers alone"}
SHOWN_FILE_TYPES = 2
LEAST_NOTE = 12
LEAST_NAME = 8
"""What a narrow terminal leaves for notes and for names."""
GAP = "  "
HEIGHT = 8
CHART_WIDTH = 60
_EIGHTHS = " ▁▂▃▄▅▆▇█"


class Entry(NamedTuple):
    """A line of a section: a figure, in bytes unless it counts parameters, and what is said of it."""

    name: str
    figure: int
    note: str = ""
    unit: str = "bytes"


def memory_text(found: MemoryReport, form: str, *, exact: bool) -> str | Iterator[str]:
    """Return everything about a network's memory as `json`, in pieces, its figures as `csv`, or as `markdown`."""
    from archinspect.render import data  # the table does without

    if form == "json":
        return data.json_pieces(found.as_dict())
    rows = [(title, entry) for title, entries in _sections(found, exact=exact) for entry in entries]
    states = status_lines(found.report.uncounted)
    if form == "csv":
        cells: list[tuple[object, ...]] = [
            (title, entry.name.strip(), entry.figure, entry.unit, entry.note) for title, entry in rows
        ]
        cells += [(title, "", "", "", value) for title, value in states]
        return data.csv_text(["section", "name", "figure", "unit", "note"], cells)
    lines = [(title, entry.name.strip(), _figure(entry, exact=exact), entry.note) for title, entry in rows]
    lines += [(title, "", "", value) for title, value in states]
    return data.markdown_table(["Section", "Name", "Figure", "Note"], lines, right=[2])


def print_memory(found: MemoryReport, console: Console, *, exact: bool) -> None:
    """Print everything about a network's memory."""
    report = found.report
    shapes = ", ".join(f"{name} {shape(dims)}" for name, dims in report.inputs.items())
    past = f", after {report.past:,} cached steps" if report.past else ""
    title, given = (folded(text, console.width) for text in (report.name, f"{shapes}, {report.dtype}{past}"))
    console.print(Text.assemble((title, "bold"), f"\n{given}"), soft_wrap=True)
    for title, entries in _sections(found, exact=exact):
        _print_section(title, entries, console, exact=exact)
    console.print()
    console.print(status_text(report.uncounted, console.width), soft_wrap=True)
    if found.inference.peak.timeline:
        _print_chart(found, console)


def _sections(found: MemoryReport, *, exact: bool) -> Iterator[tuple[str, Iterable[Entry]]]:
    batch, plan = found.report.batch or 1, found.plan
    yield "Parameters", _ledger_entries(found, exact=exact)
    yield f"Inference, batch {batch}", _inference_entries(found)
    if found.report.past:
        return  # a decoder that generates has no backward
    mixed = ["autocast"] * (plan.precision == "amp") + ["mixed precision"] * plan.mixed
    how = [plan.optimizer, *mixed, *(["checkpointing"] * plan.checkpointing)]
    yield f"Training, batch {batch}, {', '.join(how)}", _training_entries(found, exact=exact)


def _print_section(title: str, entries: Iterable[Entry], console: Console, *, exact: bool) -> None:
    console.print(Text(f"\n{title}", "bold"), soft_wrap=True)
    entries = list(entries)
    names = [f"  {entry.name}" for entry in entries]
    figures = aligned([_figure(entry, exact=exact) for entry in entries])
    # A narrow terminal cuts names and breaks notes; a figure is whole.
    longest = max(cell_len(entry.note) for entry in entries)
    room = console.width - len(figures[0]) - 2 * len(GAP) - min(longest, max(console.width // 3, LEAST_NOTE))
    width = min(max(map(cell_len, names)), max(room, LEAST_NAME))
    for entry, name, figure in zip(entries, names, figures, strict=True):
        head = f"{set_cell_size(keep_start(name, width), width)}{GAP}{figure}{GAP}"
        note = folded(entry.note, max(console.width - cell_len(head), LEAST_NOTE))
        text = note.replace("\n", f"\n{' ' * cell_len(head)}")
        console.print(Text(f"{head}{text}".rstrip(), "bold" if entry.name == "total" else ""), soft_wrap=True)


def _figure(entry: Entry, *, exact: bool) -> str:
    return byte_count(entry.figure, exact=exact) if entry.unit == "bytes" else f"{entry.figure:,}"


def _ledger_entries(found: MemoryReport, *, exact: bool) -> Iterator[Entry]:
    ledger = found.ledger
    kind = "parameters"
    yield Entry("trainable", ledger.trainable, unit=kind)
    if ledger.frozen:
        yield Entry("frozen", ledger.frozen, unit=kind)
    if ledger.buffers:
        yield Entry("running statistics", ledger.buffers, "not parameters", "elements")
    if ledger.shared:
        yield Entry("shared", ledger.shared, f"counted once; untied it would have {ledger.untied:,}", kind)
    if ledger.embedding:
        yield Entry("embedding", ledger.embedding, f"{ledger.non_embedding:,} without", kind)
    if ledger.active != ledger.params:
        yield Entry("active", ledger.active, "what one token uses", kind)
    types = ", ".join(
        f"{byte_count(ledger.bytes[name], exact=exact)} in {how}"
        for name, how in SHOWN_TYPES.items()
        if name != "int4" or ledger.bytes[name] < ledger.bytes["bfloat16"]
    )
    yield Entry("bytes", ledger.bytes[found.plan.dtype], types)


def _inference_entries(found: MemoryReport) -> Iterator[Entry]:
    inference, peak = found.inference, found.inference.peak
    yield Entry("weights", inference.weights, _stored_as(found))
    yield Entry("activations", peak.bytes, f"at the peak, in {peak.layer}" if peak.layer else "")
    for one in peak.alive[:SHOWN_ALIVE]:
        yield Entry(f"  {one.layer}", one.bytes, shape(one.shape))
    rest = peak.alive[SHOWN_ALIVE:]
    if rest:
        yield Entry(f"  {len(rest)} more", sum(one.bytes for one in rest))
    if peak.workspace:
        yield Entry("  temporary", peak.workspace)
    if inference.cache or inference.uncached:
        yield Entry("keys and values", inference.cache, _cache_note(found))
    yield Entry("total", inference.total)


def _stored_as(found: MemoryReport) -> str:
    """Return in what weights are stored, if that is not what the network computes in."""
    stored = found.plan.weights_dtype
    files = found.report.stored
    if files is not None and files.complete and stored is None:
        return f"as the files hold them, {' and '.join(islice(files.types, SHOWN_FILE_TYPES))}"
    return "" if stored in {None, found.plan.dtype} else f"stored as {stored}"


def _cache_note(found: MemoryReport) -> str:
    """Return how many steps are cached, in which type if that is another, and what is not."""
    plan, missing = found.plan, found.inference.uncached
    note = f"of {plan.cached:,} steps" + (f", {plan.kv_dtype}" if plan.kv_dtype not in {None, plan.dtype} else "")
    if not missing:
        return note
    return f"{note}; not of what is written by hand: {first_of(missing)}"


def _training_entries(found: MemoryReport, *, exact: bool) -> Iterator[Entry]:
    training = found.training
    stored = "" if found.plan.weights_dtype is None else _stored_as(found)
    yield Entry("weights", training.weights, "float32" if found.plan.precision == "amp" else stored)
    if training.master:
        yield Entry("float32 copy", training.master, "of the trainable weights")
    yield Entry("gradients", training.gradients)
    yield Entry("optimizer", training.optimizer)
    again = training.checkpoints
    if again:
        blocks = f"{len(again.blocks)} blocks computed again" if again.blocks else "no block repeats"
        without = byte_count(training.kept.total, exact=exact)
        notes = [f"{blocks}; {without} without", *_not_known(training.kept.unknown)]
        yield Entry("kept for backward", again.total, "; ".join(notes))
    else:
        yield Entry("kept for backward", training.kept.total, *_not_known(training.kept.unknown))
    yield Entry("total", training.total, *_not_known(training.kept.unknown))


def _not_known(layers: Sequence[str]) -> list[str]:
    """Return what is to be said of layers of which it is not known what backward keeps."""
    return [f"without what is kept of {first_of(layers)}, which is not known: ?"] if layers else []


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
            text.append(_EIGHTHS[min(max(height - row * 8, 0), 8)], "peak" if height == max(heights) else "bar")
        console.print(text, soft_wrap=True)
    half = max(width // 2 - 1, 1)
    first, last = (keep_end(entry.layer, half) for entry in (timeline[0], timeline[-1]))
    last = last if len(timeline) > 1 else ""
    room = max(width - cell_len(first) - cell_len(last), 1)
    console.print(Text(f"  {'':>{label}} {first}{' ' * room}{last}"), soft_wrap=True)

"""Explanations as text: formulas with names, with numbers, and their results."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, NamedTuple

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from archinspect.render.layers import LineTable
from archinspect.render.listing import doc_text
from archinspect.render.numbers import shape
from archinspect.render.status import status_text
from archinspect.render.styled import folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rich.console import Console

    from archinspect.reports.explanation import Explained, Explanation, Figure, WeightFigure
    from archinspect.reports.summary import Report

INDENT = "  "
LINE = 100
"""An equation that is longer has a line for each of its forms."""
LAYER_WIDTH = 32
"""What a narrow terminal leaves for a layer's name and type."""
FOLDED = 2_000
"""Lines of a table that are folded where the terminal is narrow: Rich takes a third of a millisecond for each."""
NOT_KNOWN = "not known"
NO_BREAK = "\N{NO-BREAK SPACE}"


FIGURE_COLUMNS = ("layer", "operator", "part", "figure", "value", "formula", "numbers")
"""Of rows for programs."""


def explained_text(explained: Explained, form: str) -> str | Iterator[str]:
    """Return the figures of layers as `json`, in pieces, or as rows of `csv` or `markdown`."""
    from archinspect.render import data  # the table does without

    if form == "json":
        return data.json_pieces({"layers": explained.layers, "worked": explained.worked})
    rows = [[row[name] for name in FIGURE_COLUMNS] for row in explained.rows()]
    if form == "csv":
        return data.csv_text(FIGURE_COLUMNS, rows)
    cells = [[_markdown_cell(cell) for cell in row] for row in rows]
    return data.markdown_table(FIGURE_COLUMNS, cells, right=[FIGURE_COLUMNS.index("value")])


def _markdown_cell(cell: object) -> str:
    return grouped(cell) if isinstance(cell, int | float) else NOT_KNOWN if cell is None else str(cell)


def print_explained(explained: Explained, console: Console) -> None:
    """Print everything about a single layer, a line each of several."""
    if len(explained.layers) == 1:
        ((name, parts),) = explained.layers.items()
        _print_layer(name, parts, explained.report, console)
    else:
        _print_layers(explained.layers, explained.report, console)


def _print_layer(name: str, parts: Sequence[Explanation], report: Report, console: Console) -> None:
    """Print everything about a layer, operator by operator."""
    row = next(row for row in report.layers if row.name == name)
    console.print(Text.assemble((name, "bold"), f" ({row.type}): {row.label}"), soft_wrap=True)
    for part in parts:
        if len(parts) > 1:
            console.print(Text.assemble("\n", (part.name.removeprefix(f"{name}."), "section"), f" ({part.type})"))
        _print_part(part, console)


def _print_part(part: Explanation, console: Console) -> None:
    console.print(Text(doc_text(part.doc)))
    for source, dims in part.inputs:
        console.print(Text.assemble(("\nInput", "bold"), f" {shape(dims)} from {source}"), end="")
    console.print()
    if part.given:
        given = ", ".join(f"{figure.name} = {figure.value}" for figure in part.given)
        console.print(Padding(Text(given), (0, 0, 0, len(INDENT)), expand=False))
    _print_section("Output", ", ".join(map(shape, part.output_shapes)), part.output, console)
    if part.unread:
        console.print(Text(f"{INDENT}left over at the end of the input: {part.unread}", "bold"))
    if part.weights:
        console.print(Text.assemble(("\nWeights", "bold"), f" those of {part.shares}" if part.shares else ""))
        for weight in part.weights:
            _print_figure(weight.elements, console, _weight_title(weight))
        for figure in part.params:
            _print_figure(figure, console)
    if "params" in part.unknown:
        console.print(Text.assemble(("\nWeights", "bold"), f" {NOT_KNOWN}"))
    _print_compute(part, console)
    if part.field is None:
        _print_section("Receptive field", "the whole input", (), console)
    elif part.field:
        _print_section("Receptive field", "", part.field, console)


def _print_compute(part: Explanation, console: Console) -> None:
    console.print(Text("\nCompute", "bold"))
    for figure in part.work:
        if figure.name.lower() in part.unknown:
            console.print(Text(f"{INDENT}{figure.name} {NOT_KNOWN}"))
        else:
            _print_figure(figure, console)


def _print_section(title: str, note: str, figures: Sequence[Figure], console: Console) -> None:
    console.print(Text.assemble((f"\n{title}", "bold"), f" {note}" if note else ""), soft_wrap=True)
    first = [figure for figure in figures if not _repeats(figure, figures)]
    for figure in first:
        _print_figure(figure, console)
    if len(first) < len(figures):
        console.print(Text(f"{INDENT}and for the width alike"))


def _repeats(figure: Figure, figures: Sequence[Figure]) -> bool:
    """Return whether a figure of the width says what one of the height does."""
    if not figure.name.endswith("_width"):
        return False
    for other in figures:
        name, text = (_of_width(part) for part in (other.name, other.formula))
        if name == figure.name:
            return (text, other.numbers, other.value) == (figure.formula, figure.numbers, figure.value)
    return False


def _of_width(text: str) -> str:
    return text.replace("_height", "_width").replace("_top", "_left").replace("_bottom", "_right")


def _weight_title(weight: WeightFigure) -> str:
    marks = "".join([", shared" * weight.shared, ", not learned" * (not weight.learned)])
    return f"{weight.elements.name} ({', '.join(map(str, weight.shape))}{marks})"


def _print_figure(figure: Figure, console: Console, title: str = "") -> None:
    title = title or figure.name
    parts = [figure.formula, figure.numbers]
    if figure.terms:
        parts.append(" + ".join(map(grouped, figure.terms)))
    # A formula that is just a number's name gives that number at once: `filters = 64`.
    forms = [part for part in parts if part and part != str(figure.value)] + [grouped(figure.value)]
    console.print(Text(equation(title, forms, console.width, INDENT)), soft_wrap=True)


def equation(title: str, forms: Sequence[str], width: int, indent: str = "") -> str:
    """Write `title = form = form` in a line if it is short, else a line per form; no-break spaces keep terms whole."""
    line = f"{indent}{title} = {' = '.join(forms)}"
    if len(line) > min(width, LINE):
        blank = " " * len(indent + title)
        heads = [f"{indent}{title} = ", *[f"{blank} = "] * (len(forms) - 1)]
        parts = zip(heads, forms, strict=True)
        line = "\n".join(
            textwrap.fill(form, width, initial_indent=head, subsequent_indent=f"{blank}   ") for head, form in parts
        )
    return line.replace(NO_BREAK, " ")


def grouped(value: float) -> str:
    """Write a result: digits grouped, a whole number as one."""
    return f"{int(value):,}" if value == int(value) else f"{value:,.10g}"


class LineColumn(NamedTuple):
    """A column of text, which stays however narrow the terminal is."""

    title: str
    number: bool = False
    keep: int = 0


LINE_COLUMNS = {
    "layer": LineColumn("Layer (type)"),
    "output_shape": LineColumn("Output shape"),
    "params": LineColumn("Params"),
    "macs": LineColumn("MACs"),
}


def _print_layers(layers: Mapping[str, Sequence[Explanation]], report: Report, console: Console) -> None:
    """Print a line per layer: the sums behind its parameters and MACs."""
    rows = {row.name: row for row in report.layers}
    lines = [(f"{name} ({rows[name].type})", shape(rows[name].output_shape), *_sums(layers[name])) for name in layers]
    cells = {name: [line[place] for line in lines] for place, name in enumerate(LINE_COLUMNS)}
    console.print(Text(folded(report.name, console.width), "bold"), soft_wrap=True)
    table = LineTable(cells, LINE_COLUMNS)
    if table.width <= console.width or len(lines) > FOLDED:
        table.print(console, least_width=table.width, least=len(cells))
    else:
        width = min(LAYER_WIDTH, console.width // 2)
        console.print(_folded((folded(layer, width), *rest) for layer, *rest in lines))
    console.print()
    console.print(status_text(report.uncounted, console.width), soft_wrap=True)
    console.print(Text("Name a layer to see each of its figures: archinspect explain SPEC LAYER"))


def _folded(lines: Iterable[Sequence[str]]) -> Table:
    """Return a table whose sums go on in further lines."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for column in LINE_COLUMNS.values():
        table.add_column(column.title, overflow="fold")
    for line in lines:
        table.add_row(*line)
    return table


def _sums(parts: Sequence[Explanation]) -> Iterator[str]:
    """Write a layer's parameters and MACs."""
    weights = [w.elements for part in parts for w in part.weights if w.learned and not w.shared]
    macs = [figure for part in parts for figure in part.work if figure.name == "MACs"]
    unknown = {figure for part in parts for figure in part.unknown}
    for name, figures in (("params", weights), ("macs", macs)):
        yield NOT_KNOWN if name in unknown else _sum(figures)


def _sum(figures: Sequence[Figure]) -> str:
    """Write the sum of figures, each as the product that it is."""
    total = sum(figure.value for figure in figures)
    text = " + ".join(figure.numbers or grouped(figure.value) for figure in figures if figure.value)
    return grouped(total) if text in ("", str(total), grouped(total)) else f"{text} = {grouped(total)}"

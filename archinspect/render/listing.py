"""The lists of built-in networks and of operators."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from archinspect.base.diagnostics import show
from archinspect.ops.base import json_value
from archinspect.render import data
from archinspect.render.numbers import count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console

    from archinspect.ops.base import Op
    from archinspect.reports.summary import Report

SOURCE_INDENT = 35
"""What the columns between a name and its source take."""
METRICS = ("year", "top1", "top5", "ilsvrc_top5_error")


def chosen_networks(
    networks: Iterable[tuple[str, Report]], words: Sequence[str], sort: str
) -> list[tuple[str, Report]]:
    """Return the networks whose name or source has each of the words, sorted."""
    found = [
        (name, report)
        for name, report in networks
        if all(word.lower() in f"{name} {report.name} {report.source}".lower() for word in words)
    ]
    return found if sort == "name" else sorted(found, key=lambda entry: _key(entry[1], sort))


def _key(report: Report, sort: str) -> float:
    """Return what sorts a network: largest first, an error rate smallest first, unknown ones last."""
    if sort in ("params", "macs"):
        return -float(getattr(report.totals, sort))
    value = report.metrics.get(sort)
    if not isinstance(value, int | float):
        return float("inf")
    return float(value) if sort.endswith("error") else -float(value)


def print_networks(networks: Sequence[tuple[str, Report]], sort: str, console: Console, *, exact: bool = False) -> None:
    """Print a line per network; a metric that it is sorted by has a column."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("Name", no_wrap=True, style="bold")
    table.add_column("Year", no_wrap=True)
    extra = [sort] if sort in METRICS[1:] else []
    for title in ("Params", "MACs", *extra):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("Source", no_wrap=True, overflow="ellipsis")
    # A source gives way to the width, but in a pipe nothing does.
    room = max(console.width - max(len(name) for name, _ in networks) - SOURCE_INDENT - 15 * len(extra), 10)
    for name, report in networks:
        figures = [count(report.totals.params, exact=exact), count(report.totals.macs, exact=exact)]
        facts = [str(report.metrics.get(metric, "")) for metric in extra]
        table.add_row(name, str(report.metrics.get("year", "")), *figures, *facts, report.source[:room])
    console.print(table)


def networks_text(networks: Sequence[tuple[str, Report]], form: str, *, exact: bool = False) -> str:
    """Return the list as JSON, CSV or Markdown."""
    if form == "json":
        return data.json_text([_as_dict(name, report) for name, report in networks])
    header = ["name", "params", "macs", *METRICS, "source"]
    if form == "csv":
        return data.csv_text(header, ([_as_dict(name, r).get(key, "") for key in header] for name, r in networks))
    rows = (
        [
            name,
            str(r.metrics.get("year", "")),
            *(count(n, exact=exact) for n in (r.totals.params, r.totals.macs)),
            r.source,
        ]
        for name, r in networks
    )
    return data.markdown_table(["Name", "Year", "Params", "MACs", "Source"], rows, (2, 3))


def _as_dict(name: str, report: Report) -> dict[str, object]:
    figures = {"params": report.totals.params, "macs": report.totals.macs}
    return {"name": name, "title": report.name, **figures, **report.metrics, "source": report.source}


def print_ops(families: Mapping[str, Sequence[type[Op]]], console: Console) -> None:
    """Print a line per operator, by family."""
    for family, ops in families.items():
        console.print(Text(family, "bold yellow"))
        table = Table(box=None, show_header=False, pad_edge=True)
        table.add_column(no_wrap=True, style="bold", min_width=26)
        table.add_column(no_wrap=True, overflow="ellipsis")
        for op in ops:
            table.add_row(op.__name__, _first_sentence(op))
        console.print(table)


def print_op(op: type[Op], console: Console) -> None:
    """Print an operator's documentation and its arguments."""
    console.print(Text(op.__name__, "bold"))
    console.print(Text(_doc(op)), soft_wrap=False)
    if op.aliases:
        console.print(Text.assemble(("Also called: ", "bold"), ", ".join(op.aliases)))
    if not op.args:
        console.print("No arguments.")
        return
    for name, takes, default, meaning, aliases in op_rows(op):
        text = Text.assemble(("\n" + name, "bold yellow"), f" ({default}): {takes}\n")
        also = f"; also called {aliases}" if aliases else ""
        console.print(text.append(textwrap.indent(meaning + also, "    ")))


def op_rows(op: type[Op]) -> list[list[str]]:
    """Return a row per argument: name, what it takes, default, meaning, other names."""
    return [
        [
            name,
            argument.kind.describe(op.rank),
            "required" if argument.required else show(json_value(argument.default)).replace("'", ""),
            argument.doc,
            ", ".join(argument.aliases),
        ]
        for name, argument in op.args.items()
    ]


def ops_markdown(families: Mapping[str, Sequence[type[Op]]]) -> str:
    """Return the reference of operators as Markdown."""
    parts = []
    for family, ops in families.items():
        parts.append(f"## {family}")
        for op in ops:
            parts.append(f"### {op.__name__}\n\n{_doc(op)}")
            if op.aliases:
                parts.append("Also called: " + ", ".join(f"`{alias}`" for alias in op.aliases) + ".")
            if op.args:
                header = ["Argument", "Takes", "Default", "Meaning", "Also called"]
                parts.append(data.markdown_table(header, op_rows(op), write=_with_pipes))
    return "\n\n".join(parts)


def _with_pipes(cell: str) -> str:
    """Return a cell that is Markdown already; a pipe is no edge of it."""
    return cell.replace("|", "\\|")


def op_dict(op: type[Op]) -> dict[str, object]:
    """Return an operator's definition in the JSON form."""
    keys = ("name", "takes", "default", "doc", "aliases")
    return {
        "name": op.__name__,
        "doc": _doc(op),
        "aliases": list(op.aliases),
        "inputs": list(op.inputs),
        "arguments": [
            dict(
                zip(
                    keys,
                    (
                        n,
                        a.kind.describe(op.rank),
                        None if a.required else json_value(a.default),
                        a.doc,
                        list(a.aliases),
                    ),
                    strict=True,
                )
            )
            | {"required": a.required}
            for n, a in op.args.items()
        ],
    }


def _doc(op: type[Op]) -> str:
    return doc_text(op.__doc__ or "")


def doc_text(doc: str) -> str:
    """Return a docstring as paragraphs of one line each."""
    text = textwrap.dedent("    " + doc)
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    return "\n\n".join(part for part in paragraphs if part)


def _first_sentence(op: type[Op]) -> str:
    return _doc(op).split("\n\n")[0]


def ops_csv(families: Mapping[str, Sequence[type[Op]]]) -> str:
    """Return a row per operator."""
    rows = [
        [family, op.__name__, _first_sentence(op), " ".join(op.args), " ".join(op.aliases)]
        for family, ops in families.items()
        for op in ops
    ]
    return data.csv_text(["family", "name", "doc", "arguments", "aliases"], rows)

"""The list of operators, and what is known of one."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from archinspect.base.diagnostics import show
from archinspect.ops.base import json_value
from archinspect.render import data

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from archinspect.ops.base import Op


def print_ops(families: Mapping[str, Sequence[type[Op]]], console: Console) -> None:
    """Print a line per operator, by family."""
    for family, ops in families.items():
        console.print(Text(family, "section"))
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
        text = Text.assemble(("\n" + name, "bold"), f" ({default}): {takes}\n")
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

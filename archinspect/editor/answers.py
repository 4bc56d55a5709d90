"""What is said at a place of a document: what stands there, where it is given, where it is used, what it gives."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.diagnostics import Fix
from archinspect.base.shape import text as shape_text
from archinspect.base.source import Map, Scalar, Source, SourceError, Span
from archinspect.language import library
from archinspect.language.layout import WIDTH, formatted
from archinspect.language.load import has_spec_key
from archinspect.language.parse import TOP_ALIASES
from archinspect.ops import find_operator
from archinspect.project.configuration import ConfigurationError, Configurations
from archinspect.render.numbers import both, byte_count
from archinspect.reports.explaining import explain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.base.shape import Shape
    from archinspect.editor.document import Document, Made

MAX_FORMULAS = 2_000
"""Nodes of a network whose formulas are worked out while somebody waits."""


class Hint(NamedTuple):
    """A text behind a line: the shape that its step gives."""

    line: int
    text: str


class Symbol(NamedTuple):
    """A part of a spec, with the parts within it."""

    name: str
    kind: str
    """`section`, `block` or `layer`."""
    span: Span
    children: tuple[Symbol, ...] = ()


def hints(document: Document, first: int = 1, last: int = 10**9) -> list[Hint]:
    """Return the shapes that steps give, without the batch, by their lines."""
    found = []
    for line in document.lines():
        made = document.at(line) if first <= line <= last else None
        if made and made.shapes:
            texts = [_sample(shape) for shape in made.shapes[:2]]
            more = ", ..." if len(made.shapes) > 2 else ""  # noqa: PLR2004 - shown
            found.append(Hint(line, ", ".join(texts) + more))
    return found


def _sample(shape: Shape) -> str:
    return "x".join(map(str, shape[1:])) or "scalar"


def hover(document: Document, line: int, column: int) -> str:
    """Return in Markdown what stands at a place: an argument, an operator, or a layer with its figures; or nothing."""
    word = _word(document, line, column)
    kind = find_operator(word)
    parts = []
    argument = _argument(document, line, word)
    if argument:
        return argument
    made = document.at(line)
    if made:
        parts.append(_figures(document, made))
    if kind is not None:
        parts.append((kind.__doc__ or "").strip().partition("\n\n")[0])
    return "\n\n".join(parts)


def _word(document: Document, line: int, column: int) -> str:
    text = document.source.line(line)
    start, end = column - 1, column - 1
    while start > 0 and (text[start - 1].isalnum() or text[start - 1] in "_."):
        start -= 1
    while end < len(text) and (text[end].isalnum() or text[end] in "_."):
        end += 1
    return text[start:end]


def _argument(document: Document, line: int, word: str) -> str:
    kind = find_operator(operator_at(document, line))
    if kind is None or word not in kind.names:
        return ""
    argument = kind.args[kind.names[word]]
    default = "" if argument.required else f" Default: `{argument.default}`."
    return f"**{argument.name}**: {argument.doc}. Takes {argument.kind.describe(kind.rank)}.{default}"


def operator_at(document: Document, line: int) -> str:
    """Return the operator or block whose step, or whose arguments below it, stand in a line; empty where none does."""
    text = document.source.line(line)
    indent = len(text) - len(text.lstrip(" "))
    at = line
    while at > 0:
        here = document.source.line(at).rstrip()
        inner = len(here) - len(here.lstrip(" "))
        body = here.lstrip(" ")
        if body.startswith("- ") and (at == line or inner < indent):
            return body[2:].lstrip("{ ").partition(":")[0].strip()
        if at != line and body and inner < indent:
            if body.endswith(":") and not body.startswith("-"):
                return body[:-1]
            indent = inner
        at -= 1
    return ""


def _figures(document: Document, made: Made) -> str:
    first = made.nodes[0]
    graph = document.graph
    copies = f" ({len(made.nodes):,} operators)" if len(made.nodes) > 1 else ""
    lines = [f"**{first.layer}** {type(first.layer_op).__name__}{copies}"]
    lines += [f"output {shape_text(shape)}" for shape in made.shapes[:3]]
    if made.cost:
        cost = made.cost
        lines.append(f"{both(cost.params)} parameters, {both(cost.macs)} MACs, {both(cost.flops)} FLOPs")
        lines.append(f"{byte_count(cost.output_bytes)} of outputs")
    if document.facts is not None and graph and len(graph.nodes) <= MAX_FORMULAS and first in graph.nodes:
        for one in document.facts.once(explain)[first.layer][:1]:
            lines += [f"{figure.name} = `{figure.formula}`" for figure in (*one.params, *one.work) if figure.formula]
    return "  \n".join(lines)


def definition(document: Document, line: int, column: int) -> Span | None:
    """Return where the name at a place is given: a layer, a block, a parameter, or the file that is extended."""
    extended = _extended(document, line, column)
    if extended:
        return Span(Source(extended, "", extended), 1, 1, 1, 1)
    name = document.name_at(line, column)
    if name is None:
        return None
    given = [one for one in document.names() if one.is_given and (one.text, one.kind) == (name.text, name.kind)]
    return given[0].span if given else None


def _extended(document: Document, line: int, column: int) -> str:
    tree = document.tree.values.get("extends") if isinstance(document.tree, Map) else None
    if not isinstance(tree, Scalar) or tree.span.line != line or column < tree.span.column:
        return ""
    beside = os.path.join(os.path.dirname(document.source.path), tree.text)
    return beside if os.path.isfile(beside) else library.find_builtin(tree.text) or ""


def renamed(document: Document, line: int, column: int, new: str) -> list[Fix]:
    """Return what to write, and where, so that the layer or block at a place is called otherwise."""
    name = document.name_at(line, column)
    if name is None or name.kind == "param":
        return []
    return [Fix(one.span, new) for one in document.names() if (one.text, one.kind) == (name.text, name.kind)]


def symbols(document: Document) -> list[Symbol]:
    """Return the parts of a spec: its sections, blocks and named layers."""
    if not isinstance(document.tree, Map):
        return []
    names = list(document.names())
    found = []
    starts = [key.span.line for key in document.tree.keys.values()]
    for key in document.tree.keys.values():
        inner: tuple[Symbol, ...] = ()
        last = min([line for line in starts if line > key.span.line], default=10**9)
        section = TOP_ALIASES.get(key.text, key.text)
        if section == "blocks":
            inner = tuple(Symbol(one.text, "block", one.span) for one in names if one.kind == "block" and one.is_given)
        elif section == "layers":
            inner = tuple(
                Symbol(one.text, "layer", one.span)
                for one in names
                if one.kind == "layer" and one.is_given and key.span.line <= one.span.line < last
            )
        found.append(Symbol(key.text, "section", key.span, inner))
    return found


def fixes(document: Document, first: int, last: int) -> Iterator[tuple[str, Fix]]:
    """Give what a program may write by itself between two lines: what it is called, and the change."""
    for one in document.diagnostics:
        if one.fix and first <= one.fix.span.line <= last:
            yield one.help or one.message, one.fix


def laid_out(document: Document) -> str:
    """Return the text as `archinspect fmt` lays it out; as it is where it is no spec, or cannot be read."""
    source = document.source
    if not has_spec_key(source.text.encode("utf-8", "replace")):
        return source.text
    try:
        width = Configurations().of(source.path).get("line-length") if source.path else WIDTH
    except ConfigurationError:
        width = WIDTH
    try:
        return formatted(source, width)
    except SourceError:
        return source.text

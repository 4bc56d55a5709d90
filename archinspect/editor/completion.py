"""What can stand at a place that is being written: found by the text before it, which need not be a spec yet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from archinspect.editor.answers import operator_at
from archinspect.language.forms import STEP_KEYS
from archinspect.language.library import builtins
from archinspect.language.parse import LAYOUTS, TOP_KEYS
from archinspect.language.ready import SECOND
from archinspect.ops import FAMILIES, find_operator
from archinspect.ops.args import Bool, Choice, Optional, Pad

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.editor.document import Document
    from archinspect.ops.args import Kind

_NAME = re.compile(r"\bname: *([\w.+/-]+)")
_BLOCK = re.compile(r"^  ([\w+/-]+):", re.MULTILINE)
_VALUE = re.compile(r"([\w.]+): *\[?[\w., ]*\Z")


class Item(NamedTuple):
    """What can be written: the word, what kind it is, and what it means."""

    text: str
    kind: str
    """`operator`, `block`, `argument`, `key`, `layer`, `value` or `network`."""
    doc: str = ""


def completions(document: Document, line: int, column: int) -> list[Item]:
    """Return what can stand at a place, each word once."""
    found = {item.text: item for item in _items(document, line, column)}
    return list(found.values())


def _items(document: Document, line: int, column: int) -> Iterator[Item]:
    before = document.source.line(line)[: column - 1]
    value = _VALUE.search(before)
    if value and not before.rstrip().endswith("{"):
        yield from _values(document, line, value[1])
        return
    if not before.startswith((" ", "-")):
        yield from [Item(name, "key") for name in TOP_KEYS]
        return
    if re.fullmatch(r" *- *[\w.]*", before):
        yield from _operators(document)
        return
    yield from _arguments(operator_at(document, line))


def _operators(document: Document) -> Iterator[Item]:
    text = document.source.text
    _, _, blocks = text.partition("\nblocks:")
    own = _BLOCK.findall(blocks.partition("\nlayers:")[0]) if blocks else []
    yield from [Item(name, "block") for name in own]
    for names in FAMILIES.values():
        for name in names:
            op = find_operator(name)
            yield Item(name, "operator", (op.__doc__ or "").strip().partition("\n\n")[0] if op else "")
    yield from [Item(name, "operator") for name in SECOND]
    yield Item("layers", "key")


def _arguments(op: str) -> Iterator[Item]:
    kind = find_operator(op)
    for argument in kind.args.values() if kind else ():
        yield Item(argument.name, "argument", f"{argument.doc}: {argument.kind.describe(kind.rank)}")  # type: ignore[union-attr] # there
    yield from [Item(name, "key") for name in STEP_KEYS]


def _values(document: Document, line: int, key: str) -> Iterator[Item]:
    if key in ("from", "weights", "output", "outputs"):
        yield from [Item(name, "layer") for name in dict.fromkeys(_NAME.findall(document.source.text))]
        yield Item("input", "layer")
    elif key == "layout":
        yield from [Item(word, "value") for word in LAYOUTS]
    elif key == "extends":
        yield from [Item(name, "network") for name in builtins()]
    else:
        kind = find_operator(operator_at(document, line))
        if kind is not None and key in kind.names:
            yield from [Item(word, "value") for word in _words(kind.args[kind.names[key]].kind)]


def _words(kind: Kind) -> list[str]:
    """Return the words that an argument takes."""
    if isinstance(kind, Optional):
        return [*_words(kind.kind), "null"]
    if isinstance(kind, Bool):
        return ["true", "false"]
    if isinstance(kind, Choice | Pad):
        return [str(word).lower() if isinstance(word, bool) else word for word in kind.words]
    if type(kind).__name__ == "ActivationKind":
        return [name.lower() for name in FAMILIES["activation"]]
    return []

"""A YAML text as it is written: its nodes, each entry with the comments that belong to it."""

from __future__ import annotations

import re
from bisect import bisect_right
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDS = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
_START = attrgetter("start")
_SIGN = re.compile(r"(?:^|(?<=\s))#.*", re.MULTILINE)


class Comment(NamedTuple):
    """A comment: its text, where it begins, its column, and whether it has a line of its own."""

    text: str
    start: int
    column: int
    alone: bool


class Node:
    """A scalar or an alias as it is written, or a map or list with its entries; `mark` is its anchor and tag."""

    __slots__ = ("below", "column", "end", "entries", "flow", "kind", "mark", "start", "style", "text")

    def __init__(self, kind: str, event: Any, text: str = "") -> None:  # noqa: ANN401 - PyYAML's
        self.kind = kind
        self.text = text
        self.start: int = event.start_mark.index
        self.end: int = event.end_mark.index
        self.column: int = event.start_mark.column
        self.style: str = (getattr(event, "style", None) or "") if text else ""
        """Of a scalar: the sign that it begins with, if it is quoted or a block."""
        self.mark = "" if kind in {"scalar", "alias"} else _mark(event)
        self.flow = bool(getattr(event, "flow_style", False))
        self.entries: list[Entry] = []
        self.below: list[Comment] = []
        """Comments after the last entry."""


class Entry:
    """An entry of a map, with its key, or of a list."""

    __slots__ = ("above", "beside", "column", "is_apart", "key", "owner", "start", "value")

    def __init__(self, owner: Node, value: Node, place: tuple[int, int], key: Node | None = None) -> None:
        self.owner = owner
        self.key = key
        self.value = value
        self.start, self.column = place
        if value.kind == "scalar":
            value.column = self.column  # by which a text of several lines is indented
        self.is_apart = False
        """Whether a blank line stands above it."""
        self.above: list[Comment] = []
        self.beside: list[Comment] = []


class Document(NamedTuple):
    """A text of one value."""

    text: str
    root: Node
    comments: list[Comment]
    begins: bool
    """Whether it begins with `---`."""

    def is_after_blank(self, start: int) -> bool:
        """Return whether a blank line stands before that of a place."""
        line = self.text.rfind("\n", 0, start)
        return line > 0 and not self.text[self.text.rfind("\n", 0, line) + 1 : line].strip()


def read(text: str) -> Document:
    """Return the nodes of valid YAML of one document, whose lines end in a line feed."""
    reader = _Reader(text)
    document = Document(text, reader.root(), reader.comments(), begins=reader.begins)
    _attach(document)
    return document


class _Reader:
    """Makes nodes of the parser's events."""

    def __init__(self, text: str) -> None:
        self.text = text
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        # Items of lists in block style begin with a sign of their own, which no event has.
        self.items: Iterator[Any] = iter(
            [token.start_mark for token in yaml.scan(text, loader) if isinstance(token, yaml.BlockEntryToken)]
        )
        self.events: Iterator[Any] = iter(yaml.parse(text, loader))
        self.begins = False
        self.scalars: list[tuple[int, int]] = []
        """Where scalars stand, in which a `#` is no comment."""

    def root(self) -> Node:
        """Return the node that all others are in."""
        next(self.events)
        self.begins = bool(next(self.events).explicit)
        return self._node(next(self.events))

    def comments(self) -> list[Comment]:
        """Return all comments."""
        found = []
        scalars = iter([*sorted(self.scalars), (len(self.text), len(self.text))])
        begin, end = next(scalars)
        for match in _SIGN.finditer(self.text):
            start = match.start()
            while end <= start and begin < len(self.text):
                begin, end = next(scalars)
            # A `#` in a scalar that takes the rest of the line hides a comment after it from the search above.
            if begin <= start < end:
                later = _SIGN.search(self.text, end)
                line_end = self.text.find("\n", start) % (len(self.text) + 1)
                if later is None or later.start() > line_end or "\n" in self.text[start:end]:
                    continue
                start = later.start()
            line = self.text.rfind("\n", 0, start) + 1
            end_of_line = self.text.find("\n", start) % (len(self.text) + 1)
            text = self.text[start:end_of_line].rstrip()
            found.append(Comment(text, start, start - line, alone=not self.text[line:start].strip()))
        return found

    def _node(self, event: Any) -> Node:  # noqa: ANN401 - PyYAML's
        start, end = event.start_mark.index, event.end_mark.index
        if isinstance(event, yaml.AliasEvent):
            return Node("alias", event, self.text[start:end])
        if isinstance(event, yaml.ScalarEvent):
            self.scalars.append((start, end))
            return Node("scalar", event, self.text[start:end])
        node = Node("map" if isinstance(event, yaml.MappingStartEvent) else "list", event)
        while type(event := next(self.events)) not in _ENDS:
            if node.kind == "map":
                key = self._node(event)
                node.entries.append(Entry(node, self._node(next(self.events)), (key.start, key.column), key))
            else:
                sign = event.start_mark if node.flow else next(self.items)
                node.entries.append(Entry(node, self._node(event), (sign.index, sign.column)))
        node.end = event.end_mark.index if node.flow else node.entries[-1].value.end
        if not node.flow:
            node.column = node.entries[0].column
        return node


def _mark(event: Any) -> str:  # noqa: ANN401 - as above
    """Return anchor and tag, as they are written before a value."""
    tag = event.tag if event.tag and event.tag != "!" else ""
    return " ".join(part for part in (event.anchor and f"&{event.anchor}", tag and f"!<{tag}>") if part)


def _attach(document: Document) -> None:
    """Say of each entry whether a blank line is above it, and give it the comments beside and above it.

    Those after the last entry of a map or list are given to that.
    """
    entries = [*_entries(document.root)]
    for entry in entries:
        entry.is_apart = document.is_after_blank(entry.start)
    place = 0
    for comment in document.comments:
        while place < len(entries) and entries[place].start < comment.start:
            place += 1
        before = entries[place - 1] if place else None
        after = entries[place] if place < len(entries) else None
        if before is not None and not comment.alone:
            _on_line_of(before, comment, document).beside.append(comment)
            continue
        within = _around(before, document.root, comment) if before else document.root
        if after is not None and (before is None or after.column >= within.column or _is_inside(comment, after.owner)):
            after.above.append(comment)
        else:
            within.below.append(comment)


def _entries(node: Node) -> Iterator[Entry]:
    for entry in node.entries:
        yield entry
        yield from _entries(entry.value)


def _is_inside(comment: Comment, node: Node) -> bool:
    return node.flow and node.start < comment.start < node.end


def _on_line_of(entry: Entry, comment: Comment, document: Document) -> Entry:
    """Return the entry that has a comment beside it: in flow style only where the comment is within the braces."""
    chain = _chain(document.root, entry)
    while len(chain) > 1 and chain[-1].owner.flow and not _is_inside(comment, chain[-1].owner):
        chain.pop()
    return chain[-1]


def _chain(root: Node, entry: Entry) -> list[Entry]:
    """Return the entries that an entry is in, and itself."""
    found: list[Entry] = []
    node = root
    while True:
        inside = node.entries[bisect_right(node.entries, entry.start, key=_START) - 1]
        found.append(inside)
        if inside is entry:
            return found
        node = inside.value


def _around(entry: Entry, root: Node, comment: Comment) -> Node:
    """Return the deepest map or list in block style, of those that an entry is in, that a comment's column fits."""
    nodes = [one.owner for one in _chain(root, entry)]
    fitting = [node for node in nodes if not node.flow and node.column <= comment.column]
    return fitting[-1] if fitting else root

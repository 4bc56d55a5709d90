"""Nodes as lines: two blanks per level, flow style on one line where it fits, one blank between all else."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from archinspect.base.scalars import scalar
from archinspect.base.yaml_core import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.language.layout.nodes import Comment, Document, Entry, Node

WIDTH = 110
"""Characters of a line."""
INDENT = 2
_BLOCKS = ("|", ">")


class Layout:
    """Lays a document out in lines of at most `width` characters, where they can be broken."""

    def __init__(self, document: Document, width: int) -> None:
        self.document = document
        self.width = width

    def text(self) -> str:
        """Return the whole text."""
        root = self.document.root
        lines = self._entries(root, 0) if root.entries and not self._fits(root, 0) else self._leaf(root)
        lines += self._comments(root.below, 0)
        while lines and not lines[0]:
            lines.pop(0)
        if self.document.begins:
            lines.insert(0, "---")
        return "\n".join(lines) + "\n"

    def _leaf(self, node: Node) -> list[str]:
        return _scalar_lines(node, 0) if node.kind == "scalar" else [_flow(node)]

    def _fits(self, node: Node, used: int) -> bool:
        """Return whether a node in flow style takes one line, behind so many characters."""
        return (
            node.flow and not any(_comments_in(node)) and _is_one_line(node) and used + len(_flow(node)) <= self.width
        )

    def _entries(self, node: Node, indent: int) -> list[str]:
        """Return the lines of a map's or list's entries."""
        lines: list[str] = []
        for entry in node.entries:
            lines += self._comments(entry.above, indent)
            if entry.is_apart and not node.flow:
                lines.append("")
            lines += self._entry(entry, indent)
        return lines + (self._comments(node.below, indent) if node is not self.document.root else [])

    def _comments(self, comments: Sequence[Comment], indent: int) -> list[str]:
        lines = []
        for one in comments:
            lines += [""] if self.document.is_after_blank(one.start) else []
            lines.append(" " * indent + one.text)
        return lines

    def _entry(self, entry: Entry, indent: int) -> list[str]:
        """Return the lines of an entry, its first line with what stands beside it."""
        lead = " " * indent + ("- " if entry.key is None else f"{_spelled(entry.key)}: ")
        if entry.value.mark and entry.value.entries and not self._fits(entry.value, len(lead)):
            lead += f"{entry.value.mark} "
        lines = self._value(entry, lead, indent)
        beside = " ".join(one.text for one in entry.beside)
        if beside and len(lines) > 1 and entry.key is None and entry.value.kind != "scalar":
            return [" " * indent + beside, *lines]  # of all that the item is
        # A comment stands where a text of several lines is over; of one that is indented, where it begins.
        is_one = entry.value.kind == "scalar" or self._is_wrapped(entry.value, len(lead))
        lines[-1 if is_one and entry.value.style not in _BLOCKS else 0] += f" {beside}" if beside else ""
        return lines

    def _value(self, entry: Entry, lead: str, indent: int) -> list[str]:
        value = entry.value
        if value.kind == "scalar":
            first, *rest = _scalar_lines(value, indent + INDENT)
            return [*(self._wrapped(lead, first, value, indent) if not rest else [f"{lead}{first}".rstrip()]), *rest]
        if value.kind == "alias" or not value.entries or self._fits(value, len(lead)):
            return [f"{lead}{_flow(value)}"]
        if self._is_wrapped(value, len(lead)):
            return self._wrapped(lead, _flow(value).removeprefix(f"{value.mark} "), value, indent)
        inner = self._entries(value, indent + INDENT)
        if entry.key is not None or value.mark:
            return [lead.rstrip(), *inner]
        # The first entry of an item stands on the item's line, unless a comment is above it.
        while not inner[0]:
            inner.pop(0)
        if inner[0].lstrip().startswith("#"):
            return [lead.rstrip(), *inner]
        return [lead + inner[0][len(lead) :], *inner[1:]]

    def _is_wrapped(self, value: Node, used: int) -> bool:
        """Return whether a list in flow style takes several lines that are filled: one of numbers and words alone."""
        if not value.flow or value.kind != "list" or any(_comments_in(value)) or self._fits(value, used):
            return False
        return all(entry.value.kind == "scalar" and not entry.value.style for entry in value.entries)

    def _wrapped(self, lead: str, text: str, value: Node, indent: int) -> list[str]:
        """Return what begins with `lead`, which is not broken, and a text; as several lines that YAML reads as one."""
        line = f"{lead}{text}".rstrip()
        # Two blanks are not what a line break is read as.
        if len(line) <= self.width or value.style or re.search(r"\s\s|\t", text):
            return [line]
        further = " " * (indent + INDENT)
        return textwrap.wrap(
            text,
            self.width,
            initial_indent=lead,
            subsequent_indent=further,
            break_long_words=False,
            break_on_hyphens=False,
        )


def _comments_in(node: Node) -> Iterator[Comment]:
    yield from node.below
    for entry in node.entries:
        yield from (*entry.above, *entry.beside)
        yield from _comments_in(entry.value)


def _is_one_line(node: Node) -> bool:
    return all(
        _is_one_line(one) and (one.kind != "scalar" or len(_scalar_lines(one, 0)) == 1)
        for entry in node.entries
        for one in (entry.value, *([entry.key] if entry.key else []))
    )


def _flow(node: Node) -> str:
    """Return a node on one line."""
    if node.kind in {"scalar", "alias"}:
        return _spelled(node)
    mark = f"{node.mark} " if node.mark else ""
    if node.kind == "list":
        return f"{mark}[{', '.join(_flow(entry.value) for entry in node.entries)}]"
    pairs = [f"{_spelled(entry.key)}: {_flow(entry.value)}" for entry in node.entries if entry.key]
    return f"{mark}{{{', '.join(pairs)}}}"


def _spelled(node: Node) -> str:
    """Return a scalar of one line: in double quotes, if it needs any."""
    return " ".join(_scalar_lines(node, 0))


def _scalar_lines(node: Node, indent: int) -> list[str]:
    """Return the lines of a scalar, all but the first indented."""
    text = node.text
    if node.kind == "alias":
        return [text]
    if node.style in _BLOCKS:
        return _block_lines(node, indent)
    lines = [line.strip() for line in text.split("\n")]
    if len(lines) > 1 and (not node.style or node.style == "'") and all(lines):
        lines = [" ".join(lines)]  # a single break is a blank
    if len(lines) == 1:
        return [_quoted(lines[0], node.style)]
    return [lines[0], *(" " * indent * bool(line) + line for line in lines[1:])]


def _quoted(text: str, style: str) -> str:
    """Return a scalar without quotes where it reads the same, or else with double ones, where nothing is escaped."""
    if style not in {"'", '"'} or text[-1:] != style:
        return text  # with an anchor or a tag in front, or plain
    inner = text[1:-1]
    if text[0] != style or "\\" in inner or '"' in inner or "''" in inner:
        return text
    plain = scalar(inner)
    return plain if plain == inner and isinstance(resolve(inner), str) else f'"{inner}"'


def _block_lines(node: Node, indent: int) -> list[str]:
    """Return a text of several lines, its lines moved to an indentation."""
    head, *lines = node.text.rstrip("\n").split("\n") if "+" not in node.text.split("\n")[0] else node.text.split("\n")
    if not node.text.endswith("\n"):  # the file ends in it, without a line break, which it is given
        head = re.sub(r"([|>]\d?)[-+]?", r"\1-", head, count=1)
    used = min((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), default=0)
    digit = re.search(r"(?<=[|>])[-+]?(\d)", head)
    if digit:  # which says of how many blanks the indentation is, because the text begins with some
        used = min(used, node.column + int(digit[1]))
        head = head[: digit.start(1)] + str(INDENT) + head[digit.end(1) :]
    return [head.rstrip(), *(" " * indent + line[used:] if line.strip() else "" for line in lines)]

"""Named text, and what is read of it: values, every one with the place where it stands.

A :class:`Source` is named text. :mod:`archinspect.base.yaml_core` parses it into a tree of :class:`Scalar`,
:class:`Map` and :class:`List`, whose spans lead every later message back to a line and column.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from archinspect.base.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.base.codes import Code

MAX_BYTES = 16 * 2**20

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"

# libyaml's own line breaks: text is cut where its marks count lines.
LINE_BREAK = "\r\n|[\n\r\x85\u2028\u2029]"


class Source:
    """Named text, and the path of its file if it has one; its lines are cut only when a message needs one."""

    __slots__ = ("_lines", "is_ours", "name", "path", "text", "tree")

    def __init__(self, name: str, text: str, path: str = "") -> None:
        self.is_ours = False
        """Whether it is a part of the program, such as a ready-made block: a problem in it is one of what uses it."""
        self.name = printable(name)
        self.text = text
        self.path = path
        self.tree: Tree | None = None
        """What :func:`archinspect.base.yaml_core.read_tree` has made of the text; nothing of it changes."""
        self._lines: list[str] | None = None

    def line(self, number: int) -> str:
        """Return line `number`, counted from 1; empty beyond the end."""
        if self._lines is None:
            self._lines = re.split(LINE_BREAK, self.text)
        return self._lines[number - 1] if 0 < number <= len(self._lines) else ""


class Span(NamedTuple):
    """A stretch of a source: lines and columns from 1, the end column exclusive; line 0 is the whole file.

    Of a model file, which has no lines, `node` says which of its nodes is meant.
    """

    source: Source
    line: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0
    node: str = ""

    def text(self) -> str:
        """Return what stands there, empty where it is not within one line."""
        within = 0 < self.line == self.end_line
        return self.source.line(self.line)[self.column - 1 : self.end_column - 1] if within else ""


class SourceError(Exception):
    """A text that cannot be read as a tree of values; the parser cannot go on after it."""

    def __init__(
        self,
        code: Code,
        message: str,
        span: Span,
        help: str = "",
        notes: tuple[tuple[str, Span], ...] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.span = span
        self.help = help
        self.notes = notes


class Scalar:
    """A single value: None, bool, int, float or str; `text` is what the file says, as it can be printed."""

    __slots__ = ("span", "text", "value")

    def __init__(self, value: float | str | None, text: str, span: Span) -> None:
        self.value = value
        self.text = text
        self.span = span

    def plain(self) -> Value:
        """Return the value without its place."""
        return self.value


class List:
    """A sequence of trees."""

    __slots__ = ("items", "span")

    def __init__(self, span: Span) -> None:
        self.items: list[Tree] = []
        self.span = span

    def plain(self) -> Value:
        """Return the values without their places."""
        return [item.plain() for item in self.items]


class Map:
    """A mapping of names to trees, in the file's order; `keys` hold the places of the names."""

    __slots__ = ("keys", "span", "values")

    def __init__(self, span: Span) -> None:
        self.keys: dict[str, Scalar] = {}
        self.values: dict[str, Tree] = {}
        self.span = span

    def __iter__(self) -> Iterator[tuple[Scalar, Tree]]:
        return ((self.keys[name], tree) for name, tree in self.values.items())

    def plain(self) -> Value:
        """Return the values without their places."""
        return {name: tree.plain() for name, tree in self.values.items()}


Tree: TypeAlias = Scalar | List | Map


def read_file(path: str, name: str = "") -> Source:
    """Return the text of a UTF-8 file of at most 16 MiB, called `name` in messages; raise :class:`SourceError`."""
    name = name or path
    try:
        # One byte more than allowed tells "too large" without reading a huge or endless file.
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SourceError("file", f"cannot read the file: {reason}", Span(Source(name, ""))) from error
    return decode(data, name, path)


BOM = b"\xef\xbb\xbf"
"""What some editors write before UTF-8. The codec that skips it takes a module of its own."""


def decode(data: bytes, name: str, path: str = "") -> Source:
    """Return UTF-8 bytes as a source; raise :class:`SourceError` where they are none or too many."""
    source = Source(name, "", path)
    if len(data) > MAX_BYTES:
        raise SourceError("limit", f"the file is larger than {MAX_BYTES >> 20} MiB", Span(source))
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SourceError("encoding", "the file is UTF-16 or UTF-32, not UTF-8", Span(source), "save the file as UTF-8")
    if b"\0" in data:
        raise SourceError("encoding", "this is a binary file, not YAML text", Span(source))
    data = data.removeprefix(BOM)
    try:
        source.text = data.decode()
    except UnicodeDecodeError as error:
        source.text = data.decode("utf-8", "replace")
        span = character(source, len(data[: error.start].decode()))
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise SourceError("encoding", message, span, "save the file as UTF-8") from error
    return source


def character(source: Source, index: int) -> Span:
    """Span of the character at a position."""
    before = re.split(LINE_BREAK, source.text[:index])
    line, column = len(before), len(before[-1]) + 1
    return Span(source, line, column, line, column + 1)

"""The header of a GGUF file: its metadata, and what tensors there are. Weights are never read.

Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Long lists, such as a vocabulary, are stepped over.
"""

from __future__ import annotations

import mmap
import struct
from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.printable import printable
from archinspect.base.source import SourceError
from archinspect.graph.stored import StoredTensor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archinspect.importers.file import File

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_KEYS = 100_000
MAX_TENSORS = 200_000
MAX_ITEMS = 20_000_000
"""Items of lists, all together, that are stepped over one by one."""
MAX_KEPT = 4096
"""Items of a list that is kept: a size of each layer."""
MAX_NAME = 2**16
MAX_TEXT = 2**24
"""Bytes of a name, and of another text, such as a template of a chat."""
MAX_DIMS = 8
MAX_ALIGNMENT = 2**20
SIZES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""By the types of plain values, what `struct` calls them."""
TEXT, LIST = 8, 9
TYPES: Mapping[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 40),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
}
"""Types of tensors by number: their name, and the elements and bytes of a block (ggml-common.h)."""


class Listed(NamedTuple):
    """A list that is not kept."""

    length: int


class Header(NamedTuple):
    """What a file says before its weights."""

    values: Mapping[str, object]
    """Metadata by key; a long list, or one of texts, is :class:`Listed`."""
    tensors: tuple[StoredTensor, ...]
    """Shapes have the axis first along which elements are summed."""
    is_bare: bool = False
    """Whether the file ends with its header."""


def parse(file: File) -> Header:
    """Return the header of a file; raise :class:`SourceError` for what is none."""
    with file.open() as opened:
        try:
            data = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        except (ValueError, OSError):
            raise file.refuse("the file is empty") from None
    with data:
        try:
            return _Parser(file, data).header()
        except struct.error:
            raise file.refuse("the file ends within its header: it was cut off") from None


class _Parser:
    def __init__(self, file: File, data: mmap.mmap) -> None:
        self.file = file
        self.data = data
        self.at = len(MAGIC)
        self.order = "<"
        self.items = 0
        self.is_bare = False

    def number(self, kind: str) -> int:
        """Read a plain value."""
        found = struct.unpack_from(self.order + kind, self.data, self.at)[0]
        self.at += struct.calcsize(self.order + kind)
        return found  # type: ignore[no-any-return] # a number, of whatever type

    def text(self, most: int = MAX_NAME) -> str:
        """Read a text."""
        length = self.number("Q")
        if length > most:
            raise self.limit(f"a text of {length:,} bytes")
        start, self.at = self.at, self.at + length
        if self.at > len(self.data):
            raise struct.error
        return self.data[start : self.at].decode("utf-8", "replace")

    def limit(self, what: str) -> SourceError:
        """Return the error of what is more than any file has."""
        return SourceError("limit", f"the header has {what}: it is damaged, or larger than is read", self.file.span())

    def header(self) -> Header:
        """Read it."""
        if self.data[: len(MAGIC)] != MAGIC:
            raise self.file.refuse("the file is no GGUF file: it does not begin with 'GGUF'")
        version = self.number("I")
        if version not in VERSIONS and version & 0xFFFF == 0:
            self.order = ">"
            self.at -= 4
            version = self.number("I")
        if version not in VERSIONS:
            raise self.file.refuse(f"version {version} of GGUF is not read: 2 and 3 are", "convert the model again")
        tensors, keys = self.number("Q"), self.number("Q")
        if tensors > MAX_TENSORS or keys > MAX_KEYS:
            raise self.limit(f"{tensors:,} tensors and {keys:,} keys")
        values: dict[str, object] = {}
        for _ in range(keys):
            key = self.text()
            if key in values:
                raise self.file.refuse(f"the key '{printable(key)}' is there twice")
            values[key] = self.value(self.number("I"))
        found = self.tensors(tensors, values)
        return Header(values, found, is_bare=bool(found) and self.is_bare)

    def value(self, kind: int) -> object:
        """Read a value of metadata."""
        if kind in SIZES:
            return self.number(SIZES[kind])
        if kind == TEXT:
            return self.text(MAX_TEXT)
        if kind != LIST:
            raise self.file.refuse(f"metadata has a value of type {kind}, which is not known")
        kind, length = self.number("I"), self.number("Q")
        if kind == TEXT:
            self.skip_texts(length)
            return Listed(length)
        if kind not in SIZES:
            raise self.file.refuse(f"metadata has a list of type {kind}, which is not known")
        each = struct.calcsize(self.order + SIZES[kind])
        if self.at + each * length > len(self.data):
            raise struct.error
        start, self.at = self.at, self.at + each * length
        if length > MAX_KEPT:
            return Listed(length)
        return list(struct.unpack_from(f"{self.order}{length}{SIZES[kind]}", self.data, start))

    def skip_texts(self, count: int) -> None:
        """Step over texts by their lengths: a vocabulary has hundreds of thousands."""
        self.items += count
        if self.items > MAX_ITEMS:
            raise self.limit(f"{self.items:,} items of lists")
        at, data, length_at = self.at, self.data, struct.Struct(self.order + "Q").unpack_from
        for _ in range(count):
            at += 8 + length_at(data, at)[0]
        if at > len(data):
            raise struct.error
        self.at = at

    def tensors(self, count: int, values: Mapping[str, object]) -> tuple[StoredTensor, ...]:
        """Read what tensors there are; raise :class:`SourceError` where they lie about where they are."""
        found = []
        places = []
        names = set()
        for _ in range(count):
            name = self.text()
            axes = self.number("I")
            if axes > MAX_DIMS:
                raise self.limit(f"a tensor of {axes:,} axes")
            shape = tuple([self.number("Q") for _ in range(axes)])
            kind, offset = self.number("I"), self.number("Q")
            if name in names:
                raise self.file.refuse(f"the tensor '{printable(name)}' is there twice")
            names.add(name)
            found.append(self.tensor(name, shape, kind))
            places.append((offset, found[-1].bytes, name))
        self.check(places, values)
        return tuple(found)

    def tensor(self, name: str, shape: tuple[int, ...], kind: int) -> StoredTensor:
        """Return a tensor with its bytes."""
        shown = printable(name)
        if kind not in TYPES:
            raise self.file.refuse(f"'{shown}' is of type {kind}, which is not known", node=shown)
        type_, elements, bytes_ = TYPES[kind]
        count = 1
        for size in shape:
            count *= size
        row = shape[0] if shape else 1
        if row % elements:
            message = f"'{shown}' has rows of {row:,}, which is no multiple of the {elements} of a block of {type_}"
            raise self.file.refuse(message, node=shown)
        return StoredTensor(name, type_, shape, count // elements * bytes_)

    def check(self, places: list[tuple[int, int, str]], values: Mapping[str, object]) -> None:
        """Raise :class:`SourceError` where tensors overlap, or end after the file."""
        alignment = values.get("general.alignment", 32)
        if type(alignment) is not int or not 0 < alignment <= MAX_ALIGNMENT:
            raise self.file.refuse("'general.alignment' must be a size")
        start = -(-self.at // alignment) * alignment
        self.is_bare = len(self.data) <= start
        end = 0
        for offset, bytes_, name in sorted(places):
            shown = printable(name)
            if offset % alignment:
                raise self.file.refuse(f"'{shown}' does not begin at a multiple of {alignment} bytes", node=shown)
            if offset < end:
                raise self.file.refuse(f"'{shown}' overlaps the tensor before it", node=shown)
            end = offset + bytes_
            if start + end > len(self.data) and not self.is_bare:
                message = f"'{shown}' ends at byte {start + end:,}, and the file at {len(self.data):,}"
                raise self.file.refuse(message, "it was cut off, or fetched in part", node=shown)

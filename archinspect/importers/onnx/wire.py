"""The wire format of protocol buffers, read in place: https://protobuf.dev/programming-guides/encoding/.

Nothing is copied and nothing is read ahead: what is long, such as weights, is stepped over.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from mmap import mmap

VARINT, FIXED64, LENGTH, GROUP, GROUP_END, FIXED32 = range(6)
FIXED = {FIXED64: 8, FIXED32: 4}
MAX_VARINT = 10
"""Bytes of a varint."""
MAX_GROUPS = 50
"""Depth of groups within groups, which ONNX never has, and are stepped over."""
MAX_TEXT = 2**20
"""Bytes of a name, or of another text."""
MAX_NUMBERS = 2**20
"""Numbers of a list."""


class WireError(Exception):
    """Bytes that are no message, and where."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(f"{message}, at byte {at:,}")


Part = tuple[int, int]
"""Where something stands: from here to before there."""


def varint(data: mmap, at: int, end: int) -> tuple[int, int]:
    """Return a number and where it ends."""
    value = shift = 0
    start = at
    while at < end:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the bit that says that more follows
            return value, at
        shift += 7
        if at - start >= MAX_VARINT:
            raise WireError("a number is too long", start)
    raise WireError("the file ends within a number", start)


def fields(data: mmap, part: Part) -> Iterator[tuple[int, int, int, int]]:
    """Yield the number, wire type and value of each field of a message.

    The value of a varint is itself, twice; that of others is where it stands: from here to before there.
    """
    at, end = part
    while at < end:
        tag = data[at]
        if tag < 0x80:  # noqa: PLR2004 - as above; nearly always
            at += 1
        else:
            tag, at = varint(data, at, end)
        wire, number = tag & 7, tag >> 3
        if number == 0:
            raise WireError("a field has the number 0", at)
        if wire == LENGTH:
            length, start = varint(data, at, end)
            at = start + length
            if at > end:
                raise WireError(f"a field of {length:,} bytes does not fit into the file", start)
            yield number, wire, start, at
        elif wire == VARINT:
            value, at = varint(data, at, end)
            yield number, wire, value, value
        elif wire in FIXED:
            start, at = at, at + FIXED[wire]
            if at > end:
                raise WireError("the file ends within a number", start)
            yield number, wire, start, at
        elif wire == GROUP:
            at = _skip_group(data, at, end)
        else:
            raise WireError(f"{wire} is not a type of fields", at)


def _skip_group(data: mmap, at: int, end: int) -> int:
    depth = 1
    while depth:
        tag, at = varint(data, at, end)
        wire = tag & 7
        if wire == GROUP:
            depth += 1
            if depth > MAX_GROUPS:
                raise WireError("groups nest too deep", at)
        elif wire == GROUP_END:
            depth -= 1
        elif wire == LENGTH:
            length, at = varint(data, at, end)
            at += length
        elif wire == VARINT:
            _, at = varint(data, at, end)
        else:
            at += FIXED.get(wire, end)
        if at > end:
            raise WireError("the file ends within a group", at)
    return at


def signed(value: int) -> int:
    """Return a number of 64 bits with its sign."""
    value &= 2**64 - 1
    return value - 2**64 if value >> 63 else value


def text(data: mmap, start: int, end: int) -> str:
    """Return a text, whatever bytes are none as `?`."""
    if end - start > MAX_TEXT:
        raise WireError(f"a name is longer than {MAX_TEXT >> 20} MiB", start)
    return data[start:end].decode("utf-8", "replace")


def integers(data: mmap, wire: int, start: int, end: int) -> list[int]:
    """Return the whole numbers of a field that may be repeated, packed or not."""
    if wire == VARINT:
        return [signed(start)]
    if wire != LENGTH:
        raise WireError("a whole number is not written as one", start)
    found = []
    while start < end:
        value, start = varint(data, start, end)
        found.append(signed(value))
        if len(found) > MAX_NUMBERS:
            raise WireError(f"a list is longer than {MAX_NUMBERS:,}", start)
    return found


def floats(data: mmap, start: int, end: int, kind: str = "f") -> list[float]:
    """Return the numbers of a field that may be repeated, packed or not: floats, or doubles with `d`."""
    count, rest = divmod(end - start, struct.calcsize(kind))
    if rest or count > MAX_NUMBERS:
        raise WireError("a list of numbers has a length that is none", start)
    return list(struct.unpack(f"<{count}{kind}", data[start:end]))

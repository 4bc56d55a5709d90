"""FlatBuffers, read in place: tables whose fields stand where offsets say, every one of which is looked at first.

Written after the description of the format in the FlatBuffers documentation ("FlatBuffer internals").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from mmap import mmap

MOST = 10_000_000
"""Elements of a vector of numbers or tables."""
MAX_TEXT = 2**16
"""Bytes of a name."""


class DamagedError(ValueError):
    """An offset, or a length, leads out of the file."""


class Table:
    """A table at a place of the data. A field that is missing has its default."""

    __slots__ = ("_fields", "at", "data")

    def __init__(self, data: bytes | mmap, at: int) -> None:
        self.data = data
        self.at = at
        start = at - number(data, at, 4, signed=True)
        count = number(data, start, 2)
        self._fields = (start, count)

    def _place(self, field: int) -> int:
        """Return where a field stands; 0 where it is missing."""
        start, count = self._fields
        offset = 4 + 2 * field
        if offset + 2 > count:
            return 0
        found = number(self.data, start + offset, 2)
        return self.at + found if found else 0

    def whole(self, field: int, width: int = 4, default: int = 0, *, signed: bool = True) -> int:
        """Return a whole number of so many bytes."""
        place = self._place(field)
        return number(self.data, place, width, signed=signed) if place else default

    def flag(self, field: int) -> bool:
        """Return whether a flag is set."""
        return bool(self.whole(field, 1))

    def real(self, field: int, default: float = 0.0) -> float:
        """Return a number with a fraction."""
        import struct  # models whose activations have numbers alone

        place = self._place(field)
        if not place:
            return default
        number(self.data, place, 4)
        return float(struct.unpack_from("<f", self.data, place)[0])

    def table(self, field: int) -> Table | None:
        """Return a table; None where it is missing."""
        place = self._place(field)
        return Table(self.data, place + number(self.data, place, 4)) if place else None

    def vector(self, field: int, width: int) -> tuple[int, int]:
        """Return where a vector's elements begin, and how many there are; they are within the data."""
        place = self._place(field)
        if not place:
            return 0, 0
        start = place + number(self.data, place, 4)
        count = number(self.data, start, 4)
        if start + 4 + count * width > len(self.data):
            raise DamagedError("it is cut off")
        return start + 4, count

    def wholes(self, field: int, width: int = 4) -> tuple[int, ...]:
        """Return a vector of whole numbers."""
        start, count = self.vector(field, width)
        if count > MOST:
            raise DamagedError("it has too long a list")
        return tuple(
            int.from_bytes(self.data[at : at + width], "little", signed=True)
            for at in range(start, start + count * width, width)
        )

    def tables(self, field: int) -> Sequence[Table]:
        """Return a vector of tables."""
        start, count = self.vector(field, 4)
        if count > MOST:
            raise DamagedError("it has too long a list")
        return [Table(self.data, at + number(self.data, at, 4)) for at in range(start, start + 4 * count, 4)]

    def text(self, field: int) -> str:
        """Return a text, of which the first bytes alone are read."""
        start, count = self.vector(field, 1)
        return bytes(self.data[start : start + min(count, MAX_TEXT)]).decode("utf-8", "replace")


def number(data: bytes | mmap, at: int, width: int, *, signed: bool = False) -> int:
    """Return the whole number at a place; raise :class:`DamagedError` where that is outside."""
    if at < 0 or at + width > len(data):
        raise DamagedError("it is cut off, or refers to a place outside itself")
    return int.from_bytes(data[at : at + width], "little", signed=signed)

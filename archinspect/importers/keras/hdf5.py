"""The attributes of an HDF5 file's root, where Keras's `.h5` has the architecture, and the names of what it holds.

Written after the HDF5 File Format Specification, version 3.0: superblocks 0 to 3, object headers 1 and 2, attributes in
the header, texts of fixed and of variable length, groups of the older form, which h5py writes unless asked for another.
h5py is not needed, and no data is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

MAGIC = b"\x89HDF\r\n\x1a\n"
MOST = 2**26
"""Bytes of an attribute."""
MAX_HEADER = 2**24
"""Bytes of an object header."""
MAX_BLOCKS = 10_000
"""Continuations of an object header."""
MAX_LINKS = 100_000
"""Groups and arrays, and nodes of a group's tree."""
MAX_NAME = 1000
"""Bytes of a name in a group."""
ATTRIBUTE, CONTINUATION, SHARED, GROUP = 0x0C, 0x10, 0x02, 0x11
STRING, VARIABLE = 3, 9
"""Classes of types."""


class DamagedError(ValueError):
    """The file is not what the specification says."""


class _Message(NamedTuple):
    kind: int
    flags: int
    data: bytes


class Hdf5:
    """A file, or what begins somewhere in one."""

    def __init__(self, file: BinaryIO, begin: int = 0) -> None:
        self.file = file
        self.begin = begin
        file.seek(0, 2)
        self.size = file.tell()
        self.base, self.width, self.lengths, self.root = self._superblock()

    def attributes(self) -> dict[str, str]:
        """Return the root's attributes that are texts; raise :class:`DamagedError`."""
        found = {}
        for message in self._messages(self.root):
            if message.kind == ATTRIBUTE and not message.flags & SHARED:
                name, value = self._attribute(message.data)
                if value is not None:
                    found[name] = value
        return found

    def groups(self) -> Iterator[tuple[str, list[str]]]:
        """Yield each group's name, behind that of what holds it, and the names of what it holds.

        Of groups of the newer form nothing is known.
        """
        waiting, seen = [("", "", self.root)], {self.root}
        for holder, name, place in waiting:
            tables = [one.data for one in self._messages(place) if one.kind == GROUP]
            inside = dict(link for table in tables for link in self._links(table))
            yield f"{holder}/{name}", list(inside)
            waiting += [(name, inner, header) for inner, header in inside.items() if header not in seen]
            seen.update(inside.values())
            if len(waiting) > MAX_LINKS:
                raise DamagedError("its groups hold too much")

    def _links(self, table: bytes) -> Iterator[tuple[str, int]]:
        """Yield the name and the header of what is in a group: in the leaves of a tree, its names in a heap."""
        width = self.width
        heap = self._at(_number(table, width, width), 8 + 2 * self.lengths + width)
        names = self._at(_number(heap, 8 + 2 * self.lengths, width), _number(heap, 8, self.lengths))
        nodes = [_number(table, 0, width)]
        for number, node in enumerate(nodes):
            head = self._at(node, 8)
            count, size = _number(head, 6, 2), 2 * width + 24
            if number + count > MAX_LINKS:
                raise DamagedError("its groups hold too much")
            if head.startswith(b"TREE"):  # two siblings, then keys around children
                step = self.lengths + width
                keys = self._at(node + 8 + 2 * width, count * step)
                nodes += [_number(keys, at * step + self.lengths, width) for at in range(count)]
                continue
            entries = self._at(node + 8, count * size)
            for at in range(0, count * size, size):
                start = _number(entries, at, width)
                name = names[start : start + MAX_NAME].partition(b"\0")[0]
                yield name.decode("utf-8", "replace"), _number(entries, at + width, width)

    def _at(self, place: int, count: int) -> bytes:
        place += self.begin + self.base
        if not 0 <= place <= self.size or not 0 <= count <= MOST:
            raise DamagedError("it refers to a place outside itself")
        self.file.seek(place)
        data = self.file.read(count)
        if len(data) < count:
            raise DamagedError("it is cut off")
        return data

    def _superblock(self) -> tuple[int, int, int, int]:
        """Return where addresses count from, the bytes of an address and of a length, and the root's header."""
        self.base = 0
        head = self._at(0, min(self.size - self.begin, 128))
        if not head.startswith(MAGIC):
            raise DamagedError("it is no HDF5 file")
        if len(head) < 48:  # noqa: PLR2004 - of the smallest superblock
            raise DamagedError("it is cut off")
        version = head[8]
        width, lengths = (head[13], head[14]) if version < 2 else (head[9], head[10])  # noqa: PLR2004 - their places
        if version > 3 or width not in (2, 4, 8) or lengths not in (2, 4, 8):  # noqa: PLR2004 - what there is
            raise DamagedError(f"its superblock, version {version}, is not known")
        if version >= 2:  # noqa: PLR2004 - base, extension, end, root
            return _number(head, 12, width), width, lengths, _number(head, 12 + 3 * width, width)
        start = 24 + 4 * (version == 1)
        # Base, free space, end, driver; then the root's entry: the offset of its name, its header.
        return _number(head, start, width), width, lengths, _number(head, start + 5 * width, width)

    # Object headers

    def _messages(self, place: int) -> Iterator[_Message]:
        if self._at(place, 4) == b"OHDR":
            yield from self._second(place)
        else:
            yield from self._first(place)

    def _first(self, place: int) -> Iterator[_Message]:
        head = self._at(place, 12)
        if head[0] != 1:
            raise DamagedError("its root has a header that is not known")
        blocks = [(place + 16, _number(head, 8, 4))]
        for number, (start, count) in enumerate(blocks):
            if number > MAX_BLOCKS or count > MAX_HEADER:
                raise DamagedError("its root has too large a header")
            data, at = self._at(start, count), 0
            while at + 8 <= len(data):
                kind, size = _number(data, at, 2), _number(data, at + 2, 2)
                message = _Message(kind, data[at + 4], data[at + 8 : at + 8 + size])
                at += 8 + size
                if kind == CONTINUATION:
                    blocks.append(self._continued(message.data))
                else:
                    yield message

    def _continued(self, data: bytes) -> tuple[int, int]:
        return _number(data, 0, self.width), _number(data, self.width, self.lengths)

    def _second(self, place: int) -> Iterator[_Message]:
        head = self._at(place, 6)
        flags = head[5]
        start = place + 6 + 16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)
        width = 1 << (flags & 3)
        blocks = [(start + width, _number(self._at(start, width), 0, width))]
        fixed = 4 + 2 * bool(flags & 4)
        for number, (begin, count) in enumerate(blocks):
            if number > MAX_BLOCKS or count > MAX_HEADER:
                raise DamagedError("its root has too large a header")
            data, at = self._at(begin, count), 0
            while at + fixed <= len(data):
                kind, size = data[at], _number(data, at + 1, 2)
                message = _Message(kind, data[at + 3], data[at + fixed : at + fixed + size])
                at += fixed + size
                if kind == CONTINUATION:
                    begun, size = self._continued(message.data)
                    blocks.append((begun + 4, size - 8))  # between the signature and the checksum
                else:
                    yield message

    # Attributes

    def _attribute(self, data: bytes) -> tuple[str, str | None]:
        version, flags = data[0], data[1]
        if version not in (1, 2, 3):
            raise DamagedError("an attribute is of a version that is not known")
        sizes = [_number(data, at, 2) for at in (2, 4, 6)]
        at = 8 + (version == 3)  # noqa: PLR2004 - which says how the name is coded
        parts = []
        for size in sizes:
            parts.append(data[at : at + size])
            at += size + (-size % 8 if version == 1 else 0)
        name = parts[0].rstrip(b"\0").decode("utf-8", "replace")
        kind = parts[1]
        if flags & 3 or not _is_single(parts[2]) or len(kind) < 8:  # noqa: PLR2004 - of a type's head
            return name, None  # a type that is stored elsewhere; several values
        return name, self._text(kind, data[at:])

    def _text(self, kind: bytes, value: bytes) -> str | None:
        number = kind[0] & 15
        if number == STRING:
            text = value[: _number(kind, 4, 4)].partition(b"\0")[0]
        elif number == VARIABLE and kind[1] & 15 == 1:
            text = self._in_heap(value)
        else:
            return None
        return text.decode("utf-8", "replace")

    def _in_heap(self, value: bytes) -> bytes:
        """Return a text of variable length: in a collection of the global heap, by its number."""
        length, place = _number(value, 0, 4), _number(value, 4, self.width)
        wanted = _number(value, 4 + self.width, 4)
        head = self._at(place, 8 + self.lengths)
        if not head.startswith(b"GCOL"):
            raise DamagedError("a text is not where it should be")
        end = place + _number(head, 8, self.lengths)
        at = place + 8 + self.lengths
        while at + 8 + self.lengths <= end:
            entry = self._at(at, 8 + self.lengths)
            index, size = _number(entry, 0, 2), _number(entry, 8, self.lengths)
            at += 8 + self.lengths
            if index == wanted:
                return self._at(at, min(size, length))
            if index == 0:
                break
            at += size + -size % 8
        raise DamagedError("a text is not where it should be")


def _number(data: bytes, at: int, width: int) -> int:
    if at + width > len(data):
        raise DamagedError("it is cut off")
    return int.from_bytes(data[at : at + width], "little")


def _is_single(space: bytes) -> bool:
    """Return whether a dataspace is that of one value."""
    return len(space) > 1 and space[1] == 0

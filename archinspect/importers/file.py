"""A file, or folder, as readers see it: its first bytes, its members; nothing larger than asked for is read."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from archinspect.base.source import Source, SourceError, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import BinaryIO
    from zipfile import ZipFile

    T = TypeVar("T")

HEAD = 2**16
"""Bytes of the beginning by which a file is known."""
MAX_TEXT = 64 * 2**20
"""Bytes of a text, such as a program's JSON, that is read."""
MAX_DIRECTORY = 64 * 2**20
"""Bytes that are read at once of what lists a zip's members."""
MAX_MEMBERS = 100_000
"""Members of a zip."""
MAX_RATIO = 500
"""How many times larger than it is stored a member of a zip may be."""
SMALL = 2**20
"""Bytes of a member that may be of any ratio."""
_MISREAD = (NotImplementedError, ValueError, OSError, EOFError, RuntimeError, LookupError)
"""What reading a damaged zip raises beside its own errors."""


class File:
    """A file that a user named. It is opened when something is asked of it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.source = Source(path, "", path)
        self._found: dict[object, Any] = {}

    def span(self, node: str = "") -> Span:
        """Return the place of the whole file, or of a node of it."""
        return Span(self.source, node=node)

    def refuse(self, message: str, help: str = "", node: str = "") -> SourceError:
        """Return the error of a file that cannot be read as what it is."""
        return SourceError("format", message, self.span(node), help)

    def once(self, parse: Callable[..., T], *arguments: str) -> T:
        """Return what a function makes of the file, and of these arguments; it is called when first asked for."""
        key = parse, arguments
        if key not in self._found:
            self._found[key] = parse(self, *arguments)
        return self._found[key]  # type: ignore[no-any-return] # as the function says

    @cached_property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return os.path.isdir(self.path)

    @cached_property
    def head(self) -> bytes:
        """The first bytes; empty of a folder."""
        if self.is_folder:
            return b""
        with self.open() as file:
            return file.read(HEAD)

    def open(self) -> BinaryIO:
        """Open the file; raise :class:`SourceError` where it cannot be."""
        try:
            return open(self.path, "rb")
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise SourceError("file", f"cannot read the file: {reason}", self.span()) from error

    def read(self, most: int = MAX_TEXT) -> bytes:
        """Return all bytes; raise :class:`SourceError` where they are more than `most`."""
        with self.open() as file:
            data = file.read(most + 1)
        if len(data) > most:
            raise SourceError("limit", f"the file is larger than {most >> 20} MiB", self.span())
        return data

    def text(self, most: int = MAX_TEXT) -> Source:
        """Return the text that the file holds, with its lines; bytes that are no UTF-8 stand as question marks."""
        return Source(self.path, self.read(most).decode("utf-8-sig", "replace"), self.path)

    # Of a zip

    @cached_property
    def members(self) -> Mapping[str, int]:
        """The bytes of each member of a zip, by name; empty of any other file."""
        if not self.head.startswith(b"PK"):
            return {}
        from zipfile import BadZipFile  # 5 ms, and zips alone need it

        try:
            with self._zip() as found:
                infos = found.infolist()
        except (BadZipFile, *_MISREAD):
            return {}
        if len(infos) > MAX_MEMBERS:
            raise SourceError("limit", f"the zip has more than {MAX_MEMBERS:,} members", self.span())
        return {info.filename: info.file_size for info in infos}

    @contextmanager
    def _zip(self) -> Iterator[ZipFile]:
        from zipfile import ZipFile

        with self.open() as file, ZipFile(_Bounded(file)) as found:
            yield found

    def member(self, name: str, most: int = MAX_TEXT) -> bytes:
        """Return a member of a zip; raise :class:`SourceError` where it is damaged, or larger than `most`."""
        from zipfile import BadZipFile
        from zlib import error as DeflateError  # noqa: N812 - an exception

        if name not in self.members:
            raise self.refuse(f"there is no '{name}': the file is no zip, or a damaged one", node=name)
        try:
            with self._zip() as found:
                info = found.getinfo(name)
                if info.file_size > most:
                    raise SourceError("limit", f"'{name}' is larger than {most >> 20} MiB", self.span(name))
                if info.file_size > max(SMALL, MAX_RATIO * info.compress_size):
                    message = f"'{name}' is more than {MAX_RATIO} times as large as it is stored"
                    raise SourceError("limit", message, self.span(name))
                with found.open(info) as file:
                    return file.read(most)
        except (BadZipFile, DeflateError, *_MISREAD) as error:
            raise self.refuse(f"'{name}' of the zip cannot be read: {error}", node=name) from error

    def stored_at(self, name: str) -> int | None:
        """Return where a member of a zip begins in the file; None where it is compressed, or the zip damaged."""
        from zipfile import ZIP_STORED

        with self._zip() as found:
            info = found.getinfo(name)
        with self.open() as file:
            file.seek(info.header_offset)
            head = file.read(30)
        if info.compress_type != ZIP_STORED or not head.startswith(b"PK\3\4"):
            return None
        return info.header_offset + 30 + int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")

    def json(self, name: str = "", most: int = MAX_TEXT) -> Any:  # noqa: ANN401 - what JSON holds
        """Return the JSON that the file, or a member of it, holds; raise :class:`SourceError` where it holds none."""
        import json  # 4 ms, and formats of JSON alone need it

        data = self.member(name, most) if name else self.read(most)
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            reason = "it nests too deep" if isinstance(error, RecursionError) else str(error)
            what = f"'{name}'" if name else "the file"
            raise self.refuse(f"{what} is not valid JSON: {reason}", node=name) from error


class _Bounded:
    """A file of which no more than so much is read at once: what lists a zip's members may lie about its size."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable, self.close = file.seek, file.tell, file.seekable, file.close

    def read(self, count: int = -1) -> bytes:
        """Read bytes."""
        if not 0 <= count <= MAX_DIRECTORY:
            count = MAX_DIRECTORY
        return self._file.read(count)

"""The layout of a project's specs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.diagnostics import Diagnostic
from archinspect.base.source import Source, SourceError, Span, read_file
from archinspect.language.layout import formatted
from archinspect.language.load import open_spec
from archinspect.project.files import write
from archinspect.project.fixes import difference
from archinspect.project.marker import is_spec

if TYPE_CHECKING:
    from archinspect.project.discovery import Target


class Laid(NamedTuple):
    """A file's text before and after, or what is wrong with it."""

    name: str
    before: str = ""
    after: str = ""
    problem: Diagnostic | None = None

    @property
    def changes(self) -> bool:
        """Whether the text is another one."""
        return not self.problem and self.before != self.after

    @property
    def is_stdin(self) -> bool:
        """Whether it is standard input, which has no file."""
        return self.name == "-"

    def difference(self) -> str:
        """Return how the text changes, as a unified diff."""
        return difference(self.name, self.before, self.after) if self.changes else ""

    def write(self) -> None:
        """Write the text after. Raise OSError."""
        write(self.name, self.after)


def lay_out(target: Target, width: int | None = None, stdin_filename: str = "") -> Laid:
    """Return the layout of a file, in lines of a width, the configuration's if none is given."""
    name = target.name
    width = width or target.configuration.get("line-length")
    try:
        source = _opened(name, stdin_filename)
        return Laid(name, source.text, formatted(source, width))
    except SourceError as error:
        return Laid(name, problem=Diagnostic(error.code, error.message, error.span, error.help, error.notes))


def _opened(name: str, stdin_filename: str) -> Source:
    if name == "-":
        return Source(stdin_filename or "<stdin>", open_spec("-").text)
    span = Span(Source(name, ""))
    if not os.path.isfile(name):
        raise SourceError("file", f"there is no file '{name}'", span)
    if not is_spec(name):
        raise SourceError("file", "this file does not look like a spec: it is left as it is", span)
    return read_file(name)

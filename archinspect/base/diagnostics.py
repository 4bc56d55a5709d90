"""What is wrong, where, and what to do about it. Problems are collected, never thrown across layers."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from archinspect.base.source import SourceError, Span


MAX_PROBLEMS = 1_000
"""Problems of a spec that are told."""
MAX_NAMES = 2_000
"""Names among which one that is near is looked for."""
BEGINNING = 4
"""Letters that make two names akin where they are not alike: Convolution and Conv2D."""


class Diagnostic(NamedTuple):
    """One problem: a code, a message, the place, further places (`notes`) and the remedy (`help`)."""

    code: str
    message: str
    span: Span
    severity: Literal["error", "warning"] = "error"
    help: str = ""
    notes: tuple[tuple[str, Span], ...] = ()


class InvalidSpecError(Exception):
    """A spec has errors; `diagnostics` holds them, and its warnings, in file order."""

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        super().__init__("; ".join(d.message for d in diagnostics if d.severity == "error"))
        self.diagnostics = diagnostics


class Problems:
    """Collects diagnostics, each once, up to a limit."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, int, int, int], Diagnostic] = {}
        self.failed = False

    @property
    def full(self) -> bool:
        """Whether no more are taken: there is no use in looking for more."""
        return len(self._found) > MAX_PROBLEMS

    def add(self, diagnostic: Diagnostic) -> None:
        """Take one diagnostic; a repeat of an earlier one (from a repeated block) is dropped."""
        self.failed |= diagnostic.severity == "error"
        if self.full:
            return
        if len(self._found) == MAX_PROBLEMS:
            message = f"more than {MAX_PROBLEMS:,} problems, of which no more are told"
            diagnostic = Diagnostic("limit", message, diagnostic.span, diagnostic.severity)
        span = diagnostic.span
        key = (diagnostic.code, diagnostic.message, id(span.source), span.line, span.column)
        self._found.setdefault(key, diagnostic)

    def error(
        self,
        code: str,
        message: str,
        span: Span,
        help: str = "",
        notes: Iterable[tuple[str, Span]] = (),
    ) -> None:
        """Take an error."""
        self.add(Diagnostic(code, message, span, "error", help, tuple(notes)))

    def source_error(self, error: SourceError) -> None:
        """Take what the reader could not read."""
        self.error(error.code, error.message, error.span, error.help, error.notes)

    def all(self) -> list[Diagnostic]:
        """Return the diagnostics in file order."""
        return sorted(self._found.values(), key=lambda d: (d.span.source.name, d.span.line, d.span.column))


def nearest(name: str, names: Iterable[str], count: int = 3) -> list[str]:
    """Return the legal names that are nearest to an unknown one, best first."""
    from difflib import get_close_matches  # 10 ms, and only errors need it

    plain: dict[str, str] = {}
    for known in islice(names, MAX_NAMES):
        plain.setdefault(known.lower().replace("_", ""), known)
    wanted = name.lower().replace("_", "")
    akin = [key for key in plain if len(wanted) > BEGINNING and key.startswith(wanted[:BEGINNING])]
    close = get_close_matches(wanted, plain, count, 0.6) or get_close_matches(wanted, akin, count, 0.0)
    return [plain[key] for key in close]


def suggest(name: str, names: Iterable[str]) -> str:
    """Return a remedy for an unknown name: the nearest legal ones, or all if none is near."""
    known = list(names)
    close = nearest(name, known)
    if close:
        return "did you mean " + " or ".join(f"'{other}'" for other in close) + "?"
    if not known:
        return "there is none to name"
    return "known here: " + ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")  # noqa: PLR2004


def refuse_unknown(what: str, given: str, known: Collection[str]) -> None:
    """Raise :class:`ValueError` for a name that is not among those known."""
    if given not in known:
        raise ValueError(f"{what} is one of {', '.join(known)}, not '{given}'")


def show(value: object) -> str:
    """Write a value of a spec as the file would, shortened."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    text = f"'{value}'" if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - a line's worth

"""What is wrong, where, and what to do about it. Problems are collected, never thrown across layers."""

from __future__ import annotations

import re
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.codes import CODES
from archinspect.base.printable import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from archinspect.base.codes import Code, Severity
    from archinspect.base.source import SourceError, Span


USED_HERE = "used here"
"""What notes say of places that use the block or spec in which a problem is."""
MAX_LINE = 110
"""Characters of a line of a file that are shown."""
DESCRIBED = 5
"""Diagnostics that the text of an error has."""
MAX_PROBLEMS = 1_000
"""Problems of a spec that are told."""
MAX_NAMES = 2_000
"""Names among which one that is near is looked for."""
MAX_SHOWN = 12
"""Names that are told where none is near."""
MAX_LETTERS = 100
"""Letters of a name that is looked for, and of one that is near."""
MAX_LOOKUPS = 30
"""Unknown names of a spec for which near ones are looked for: whoever has more has another problem."""
MAX_MESSAGE = 1_000
"""Characters of a message."""
BEGINNING = 4
"""Letters that make two names akin where they are not alike: Convolution and Conv2D."""
WORD = 3
"""Letters that are enough where a word of the other name begins with them: slop and negative_slope."""
_PLAIN_NAME = re.compile(r"[A-Za-z_][\w.-]*")


class Fix(NamedTuple):
    """What a program may write in the place of a stretch of the source, without asking."""

    span: Span
    text: str


class Diagnostic(NamedTuple):
    """One problem: a code, a message, the place, the remedy (`help`), further places (`notes`), perhaps a fix."""

    code: Code
    message: str
    span: Span
    help: str = ""
    notes: tuple[tuple[str, Span], ...] = ()
    fix: Fix | None = None

    @property
    def severity(self) -> Severity:
        """How bad it is, which its code says."""
        return CODES[self.code].severity


class InvalidSpecError(Exception):
    """A spec has errors; `diagnostics` holds them, and its warnings, in file order."""

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        super().__init__(diagnostics)
        self.diagnostics = diagnostics

    def __str__(self) -> str:
        return described([one for one in self.diagnostics if one.severity == "error"])


class Problems:
    """Collects diagnostics, each once, up to a limit."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, int, int, int], Diagnostic] = {}
        self.failed = False
        self.asked: Span | None = None
        """The place in the spec asked for that uses another one; of a problem in that other one this is noted."""
        self._lookups = 0

    @property
    def full(self) -> bool:
        """Whether no more are taken: there is no use in looking for more."""
        return len(self._found) > MAX_PROBLEMS

    def add(self, diagnostic: Diagnostic) -> None:
        """Take one diagnostic; a repeat of an earlier one (from a repeated block) is dropped."""
        is_error = diagnostic.severity == "error"
        is_first_error = is_error and not self.failed
        self.failed |= is_error
        if not is_first_error:  # which is taken however many warnings there are
            if self.full:
                return
            if len(self._found) == MAX_PROBLEMS:
                message = f"more than {MAX_PROBLEMS:,} problems; the rest are not shown"
                diagnostic = Diagnostic("limit" if is_error else "many-warnings", message, diagnostic.span)
        if len(diagnostic.message) > MAX_MESSAGE:
            diagnostic = diagnostic._replace(message=f"{diagnostic.message[:MAX_MESSAGE]}...")
        spans = [diagnostic.span, *(span for _, span in diagnostic.notes)]
        if self.asked and all(span.source is not self.asked.source for span in spans):
            diagnostic = diagnostic._replace(notes=(*diagnostic.notes, (USED_HERE, self.asked)))
        diagnostic = _of_user(diagnostic)
        self._found.setdefault(_key(diagnostic), diagnostic)

    @contextmanager
    def used_at(self, span: Span, *, always: bool = False) -> Iterator[None]:
        """Note this place, if it is in the spec asked for, of problems in the block of another file that it uses."""
        before = self.asked
        if always or (before and span.source is before.source):
            self.asked = span
        try:
            yield
        finally:
            self.asked = before

    def error(
        self, code: Code, message: str, span: Span, help: str = "", notes: Iterable[tuple[str, Span]] = ()
    ) -> None:
        """Take a problem."""
        self.add(Diagnostic(code, message, span, help, tuple(notes)))

    def unknown(self, code: Code, message: str, span: Span, name: str, near: Near) -> None:
        """Take the problem of a name that means nothing; where just one is near and it stands there, with the fix."""
        found = Diagnostic(code, message, span)
        if not self.full and _key(found) not in self._found:
            self._lookups += 1
            if self._lookups <= MAX_LOOKUPS:
                found = Diagnostic(code, message, span, near.help, fix=near.fix(span, name))
        self.add(found)

    def source_error(self, error: SourceError) -> None:
        """Take what the reader could not read."""
        self.error(error.code, error.message, error.span, error.help, error.notes)

    def all(self) -> list[Diagnostic]:
        """Return the diagnostics in file order."""
        return sorted(self._found.values(), key=lambda d: (d.span.source.name, d.span.line, d.span.column))


def _of_user(diagnostic: Diagnostic) -> Diagnostic:
    """Return a problem in a text of our own as one of the place that uses it."""
    place = next((span for _, span in diagnostic.notes if not span.source.is_ours), None)
    if not diagnostic.span.source.is_ours or place is None:
        return diagnostic
    own = diagnostic.span
    message = f"{diagnostic.message} (in {own.source.name}:{own.line}:{own.column})"
    others = [(note, span) for note, span in diagnostic.notes if not span.source.is_ours and span is not place]
    return diagnostic._replace(message=message, span=place, notes=tuple(others), fix=None)


def _key(diagnostic: Diagnostic) -> tuple[str, str, int, int, int]:
    """Return what two diagnostics have in common that tell the same."""
    span = diagnostic.span
    return diagnostic.code, diagnostic.message, id(span.source), span.line, span.column


def nearest(name: str, names: Iterable[str], count: int = 3) -> list[str]:
    """Return the legal names that are nearest to an unknown one, best first; of equals those that begin so."""
    from difflib import SequenceMatcher, get_close_matches  # 10 ms, and only errors need it

    if len(name) > MAX_LETTERS:
        return []
    plain: dict[str, str] = {}
    for known in islice(names, MAX_NAMES):
        if len(known) <= MAX_LETTERS:
            plain.setdefault(known.lower().replace("_", ""), known)
    wanted = name.lower().replace("_", "")
    close = get_close_matches(wanted, plain, 4 * count, 0.6)
    if close:
        places = {key: place for place, key in enumerate(plain)}
        close.sort(
            key=lambda key: (-SequenceMatcher(None, key, wanted).ratio(), not key.startswith(wanted), places[key])
        )
        return [plain[key] for key in close[:count]]
    akin = [key for key in plain if len(wanted) > BEGINNING and key.startswith(wanted[:BEGINNING])]
    if not akin and len(wanted) >= WORD:
        akin = [key for key, known in plain.items() if f"_{wanted}" in f"_{known.lower()}"]
    return [plain[key] for key in get_close_matches(wanted, akin, count, 0.0)]


class Near:
    """What an unknown name may mean: `help`, a remedy in words, and the legal name where `only` one is near.

    It is looked for when it is asked for. A name that is `given` beside the unknown one is no meaning by itself.
    """

    def __init__(self, name: str, names: Iterable[str], given: Collection[str] = ()) -> None:
        self.name = name
        self.names = names
        self.given = given
        self._found: tuple[str, str] | None = None

    @classmethod
    def of(cls, help: str) -> Near:
        """Return a remedy that is known."""
        found = cls("", ())
        found._found = help, ""
        return found

    @property
    def help(self) -> str:
        """The remedy."""
        self._found = self._found or self.look()
        return self._found[0]

    @property
    def only(self) -> str:
        """The name that may stand there, empty without one."""
        self._found = self._found or self.look()
        return self._found[1]

    def fix(self, span: Span, name: str) -> Fix | None:
        """Return what a program may write where the unknown name stands."""
        return renamed(span, name, self.only)

    def look(self) -> tuple[str, str]:
        """Return the remedy and the name."""
        known = list(islice(self.names, MAX_NAMES))
        close = nearest(self.name, known)
        if close:
            help_ = "did you mean " + " or ".join(f"'{other}'" for other in close) + "?"
            return help_, close[0] if len(close) == 1 and close[0] not in self.given else ""
        if not known:
            return "there is none to name", ""
        shown = [*known[:MAX_SHOWN], *(["..."] if len(known) > MAX_SHOWN else [])]
        return f"known here: {', '.join(shown)}", ""


def suggest(name: str, names: Iterable[str]) -> str:
    """Return a remedy for an unknown name: the nearest legal ones, or all if none is near."""
    return Near(name, names).help


def renamed(span: Span, name: str, other: str) -> Fix | None:
    """Return the fix that writes another name; None where something else than that name stands there."""
    from archinspect.base.yaml_core import resolve

    text = span.text()
    if text.strip("'\"${} ") != name or not _PLAIN_NAME.fullmatch(other) or not isinstance(resolve(other), str):
        return None
    return Fix(span, text.replace(name, other))


def refuse_unknown(what: str, given: object, known: Collection[str]) -> None:
    """Raise :class:`ValueError` for a name that is not among those known."""
    if not isinstance(given, str) or given not in known:
        raise ValueError(f"{what} is one of {', '.join(known)}, not {_quoted(given)}")


def _quoted(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else repr(value)


def counted(number: int, thing: str) -> str:
    """Write a number of things."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def show(value: object) -> str:
    """Write a value of a spec as the file would, shortened."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    text = printable(f"'{value}'" if isinstance(value, str) else str(value))
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - a line's worth


# As plain text


def described(diagnostics: Sequence[Diagnostic]) -> str:
    """Return what is wrong, the first few in full."""
    texts = [_described(diagnostic) for diagnostic in diagnostics[:DESCRIBED]]
    more = len(diagnostics) - DESCRIBED
    return "\n".join([*texts, *([f"and {more:,} more"] if more > 0 else [])])


def _described(diagnostic: Diagnostic) -> str:
    line, carets = pointed(diagnostic.span)
    help_ = f"\n  = help: {remedy(diagnostic)}" if diagnostic.help else ""
    head = f"{place(diagnostic.span)}: {label(diagnostic)}: {printable(diagnostic.message)}"
    return f"{head}{line}{carets}{noted(diagnostic)}{help_}"


def remedy(diagnostic: Diagnostic) -> str:
    """Return the remedy; what can be typed stands in lines of its own."""
    return "\n    ".join(map(printable, diagnostic.help.split("\n")))


def label(diagnostic: Diagnostic) -> str:
    """Return how bad it is, and its code."""
    return f"{diagnostic.severity}[{diagnostic.code}]"


def noted(diagnostic: Diagnostic) -> str:
    """Return the further places, a line each."""
    return "".join(f"\n  = note: {printable(message)}: {place(span)}" for message, span in diagnostic.notes)


def place(span: Span) -> str:
    """Return `file:line:column`, or `file:node` of a model file, or the file where the whole of it is meant."""
    if span.line:
        return f"{span.source.name}:{span.line}:{span.column}"
    return f"{span.source.name}:{printable(span.node)}" if span.node else span.source.name


def pointed(span: Span) -> tuple[str, str]:
    """Return the line of a place up to the carets, and these; nothing where the whole file is meant."""
    from rich.cells import cell_len  # the error path only

    line = span.source.line(span.line) if span.line else ""
    if not line.strip():
        return "", ""
    start = span.column - 1
    end = span.end_column - 1 if span.end_line == span.line else len(line.rstrip())
    end = max(min(end, len(line.rstrip())), start + 1)
    # A long line is cut so that the marked part shows.
    cut = max(0, min(start - MAX_LINE // 3, len(line) - MAX_LINE))
    shown = printable(line[cut : cut + MAX_LINE].rstrip())
    before, marked = printable(line[cut:start]), printable(line[start : min(end, cut + MAX_LINE)])
    number = str(span.line)
    margin = " " * len(number)
    dots = "..." if cut else ""
    lead = " " * (cell_len(before) + len(dots))
    return f"\n {margin} |\n {number} | {dots}{shown}\n {margin} | {lead}", "^" * max(cell_len(marked), 1)

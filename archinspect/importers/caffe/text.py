"""Protocol buffers as text, within limits: messages of fields, each with its place."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from archinspect.base.printable import printable
from archinspect.base.source import Source, SourceError, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 30
MAX_FIELDS = 500_000
MAX_NUMBER = 10**9
_TOKEN = re.compile(
    r"""[\s,;]+ | \#[^\n]* | (?P<word>-?[A-Za-z_][\w./\-]*) | (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[fF]?)
    | (?P<string>"(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*') | (?P<sign>[{}<>:\[\]])""",
    re.VERBOSE,
)
_CLOSED = {"{": "}", "<": ">"}
_NOT_DECIMAL = "naninf"

Value: TypeAlias = "Message | str | float | int | bool"


class Field(NamedTuple):
    """A value with the place of its name."""

    value: Value
    at: int
    """Where it is in the text."""


class Message:
    """Fields by name, each as often as it stands there."""

    def __init__(self, text: Text, at: int, name: str = "") -> None:
        self.text = text
        self.at = at
        self.name = name
        self.fields: dict[str, list[Field]] = {}

    def span(self, *names: str) -> Span:
        """Return where the first of these fields stands, or the message."""
        found = next((self.fields[name][0].at for name in names if name in self.fields), self.at)
        return self.text.span(found)

    def refuse(self, message: str, *names: str, help: str = "") -> SourceError:
        """Return the error of a message that cannot be read, at the first of these fields that it has."""
        return SourceError("format", message, self.span(*names), help)

    def has(self, *names: str) -> bool:
        """Return whether one of these fields is there."""
        return any(name in self.fields for name in names)

    def messages(self, name: str) -> list[Message]:
        """Return all messages of a name."""
        found = []
        for field in self.fields.get(name, ()):
            if not isinstance(field.value, Message):
                raise self.refuse(f"'{name}' must be a message: {name} {{ ... }}", name)
            found.append(field.value)
        return found

    def message(self, name: str) -> Message:
        """Return the last message of a name, an empty one where there is none."""
        return self.messages(name)[-1] if name in self.fields else Message(self.text, self.at, name)

    def texts(self, name: str) -> list[str]:
        """Return all texts and words of a name."""
        found = [field.value for field in self.fields.get(name, ())]
        if not all(isinstance(value, str) for value in found):
            raise self.refuse(f"'{name}' must be a text", name)
        return found  # type: ignore[return-value] # as seen

    def word(self, name: str, default: str = "", numbered: tuple[str, ...] = ()) -> str:
        """Return the last text or word of a name; `numbered` has the words by the numbers that may stand for them."""
        value = self.fields[name][-1].value if name in self.fields else default
        if type(value) is int and 0 <= value < len(numbered):
            return numbered[value]
        return [default, *self.texts(name)][-1]

    def wholes(self, name: str, least: int = 0) -> list[int]:
        """Return all whole numbers of a name."""
        found = []
        for field in self.fields.get(name, ()):
            value = field.value
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MAX_NUMBER:
                kind = "a whole number" if least < 0 else f"a whole number of at least {least}"
                raise self.refuse(f"'{name}' must be {kind}", name)
            found.append(value)
        return found

    def whole(self, name: str, default: int = 0, least: int = 0) -> int:
        """Return the last whole number of a name."""
        return [default, *self.wholes(name, least)][-1]

    def number(self, name: str, default: float) -> float:
        """Return the last number of a name."""
        if name not in self.fields:
            return default
        value = self.fields[name][-1].value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refuse(f"'{name}' must be a number", name)
        return float(value)

    def flag(self, name: str, default: bool = False) -> bool:  # noqa: FBT001, FBT002 - as a field's default
        """Return the last truth value of a name."""
        if name not in self.fields:
            return default
        value = self.fields[name][-1].value
        if not isinstance(value, bool) and value not in (0, 1):
            raise self.refuse(f"'{name}' must be true or false", name)
        return bool(value)


class Text:
    """A text, and which line a place of it is in."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.starts = [0, *(found.end() for found in re.finditer("\n", source.text))]

    def span(self, at: int) -> Span:
        """Return the place of the word there."""
        line = bisect_right(self.starts, at)
        column = at - self.starts[line - 1] + 1
        found = re.compile(r"[\w./\-]+").match(self.source.text, at)
        end = column + (len(found[0]) if found else 1)
        return Span(self.source, line, column, line, end)

    def wrong(self, message: str, at: int, help: str = "") -> SourceError:
        """Return the error of what cannot be read there."""
        return SourceError("format", message, self.span(at), help)


def parse(source: Source) -> Message:
    """Return the fields of a text; raise :class:`SourceError` where it is none of the grammar."""
    return _Parser(Text(source)).message()


class _Parser:
    def __init__(self, text: Text) -> None:
        self.text = text
        self.count = 0

    def _tokens(self) -> Iterator[tuple[str, str, int]]:
        text, at = self.text.source.text, 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise self.text.wrong(f"'{printable(text[at])}' is nothing that a text of fields has", at)
            if found.lastgroup:
                yield found.lastgroup, found[0], at
            at = found.end()
        yield "end", "", len(text.rstrip())

    def message(self) -> Message:
        """Return the whole text as a message; messages within are kept on a stack."""
        root = Message(self.text, 0)
        stack: list[tuple[Message, str]] = [(root, "")]
        tokens = self._tokens()
        for kind, token, at in tokens:
            current, closing = stack[-1]
            if kind == "end":
                if closing:
                    raise self.text.wrong(f"'{current.name}' is not closed", current.at)
                return root
            if token == closing:
                stack.pop()
            elif kind == "word":
                opened = self._field(current, token, at, tokens)
                if opened:
                    stack.append(opened)
                    if len(stack) > MAX_DEPTH:
                        raise SourceError("limit", f"messages nest deeper than {MAX_DEPTH} levels", self.text.span(at))
            else:
                raise self.text.wrong(f"'{printable(token)}' is no name of a field", at)
        return root

    def _field(
        self, current: Message, name: str, at: int, tokens: Iterator[tuple[str, str, int]]
    ) -> tuple[Message, str] | None:
        """Read what follows a name; return a message that it opens, and how that is closed."""
        self.count += 1
        if self.count > MAX_FIELDS:
            raise SourceError("limit", f"the text has more than {MAX_FIELDS:,} fields", self.text.span(at))
        kind, word, place = next(tokens)
        if word == ":":
            kind, word, place = next(tokens)
        if word in _CLOSED:
            opened = Message(self.text, at, name)
            current.fields.setdefault(name, []).append(Field(opened, at))
            return opened, _CLOSED[word]
        if word == "[":
            for item, text, where in tokens:
                if text == "]":
                    return None
                current.fields.setdefault(name, []).append(Field(self._value(item, text, where), at))
                self.count += 1
        current.fields.setdefault(name, []).append(Field(self._value(kind, word, place), at))
        return None

    def _value(self, kind: str, word: str, at: int) -> str | float | int | bool:
        if kind == "string":
            return word[1:-1]
        if kind == "word":
            return word == "true" if word in ("true", "false") else word
        if kind != "number":
            raise self.text.wrong("a value is missing", at, "a field is `name: value` or `name { ... }`")
        plain = word.rstrip("fF")
        if len(plain) > 40:  # noqa: PLR2004 - no number of a network is as long
            raise self.text.wrong("the number has too many digits", at)
        return int(plain) if plain.lstrip("+-").isdecimal() else float(plain)

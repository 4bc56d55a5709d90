"""YAML 1.2 core: text to a tree of values, every value with the place where it stands."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from archinspect.base.printable import printable
from archinspect.base.source import List, Map, Scalar, Source, SourceError, Span, Tree, character

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DEPTH = 100
MAX_VALUES = 2_000_000
MAX_DIGITS = 18
_INT = re.compile(r"[-+]?(?:[0-9]+|[0-9]{1,3}(?:_[0-9]{3})+)\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_BASED_INT = re.compile(r"0(?:o[0-7]+|x[0-9a-fA-F]+)\Z")
_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_NUMBER_STARTS = frozenset("0123456789+-.")
# What is no character of YAML (yaml.org/spec/1.2.2, 5.1). Parsers differ in when they find one, and in how they count.
_NOT_ALLOWED = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BLANKS_IN_FLOW = re.compile(r"[ \t]+(?=[,\]}])")


def read_tree(source: Source) -> Tree:
    """Parse YAML text, once; raise :class:`SourceError` at the first thing that is not one tree of values."""
    if source.tree is None:
        source.tree = _parsed(source)
    return source.tree


def _parsed(source: Source) -> Tree:
    refused = _NOT_ALLOWED.search(source.text)
    if refused:
        span = character(source, refused.start())
        raise SourceError("yaml", "this control character is not allowed in YAML", span)
    builder = _Builder(source)
    try:
        return builder.build()
    except yaml.MarkedYAMLError as error:
        builder.refuse_depth(error)
        raise _syntax_error(error, source) from error
    except yaml.YAMLError as error:
        raise SourceError("yaml", "not valid YAML", Span(source)) from error


def resolve(text: str) -> bool | float | str | None:
    """Read a plain scalar by the YAML 1.2 core schema (yaml.org/spec/1.2.2, 10.3.2).

    One addition: an integer may group its thousands, `11_689_512`. Raise ValueError for a number of
    more than 18 digits.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if _INT.match(text):
        if len(text) > MAX_DIGITS and len(text.lstrip("+-0").replace("_", "")) > MAX_DIGITS:
            raise ValueError(text)
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    if _BASED_INT.match(text):
        value = int(text, 0)
        if value >= 10**MAX_DIGITS:
            raise ValueError(text)
        return value
    return text


def _syntax_error(error: yaml.MarkedYAMLError, source: Source) -> SourceError:
    begin, stop = error.context_mark, error.problem_mark
    assert stop is not None
    in_token = isinstance(error, yaml.scanner.ScannerError)
    from archinspect.base import syntax  # the error path only

    mistake = syntax.explain_mistake(source.text, begin, stop, in_token=in_token)
    line, column = character(source, mistake.at)[1:3]
    while line > 1 and not source.line(line).strip():
        # What is missing at the end of the text is missed after its last line.
        line -= 1
        column = len(source.line(line)) + 1
    here = source.line(line)
    indent = here[: len(here) - len(here.lstrip())]
    span = Span(source, line, column, line, column + 1)
    if "\t" in indent:
        tab = indent.index("\t") + 1
        span = Span(source, line, tab, line, tab + 1)
        return SourceError("yaml", "a tab indents this line", span, "YAML is indented by spaces")
    message = f"not valid YAML: {mistake.message}" if mistake.message else "not valid YAML"
    notes = ((f"the {mistake.begun} begins here", character(source, begin.index)),) if begin and mistake.begun else ()
    return SourceError("yaml", message, span, mistake.help, notes)


# PyYAML's types say of every event that its marks may be missing; the parsers always set them.
Event: TypeAlias = Any
NextEvent: TypeAlias = "Callable[[], Event]"
Stack: TypeAlias = "list[tuple[Map | List, Scalar | None, str | None, int]]"
"""Open collections: each with the key that awaits its value, its anchor, and the count of values where it began."""


@lru_cache(4096)
def _plain(written: str) -> tuple[bool | float | str | None, str]:
    """Return the value of a plain scalar, and its text. Raise ValueError as :func:`resolve`."""
    text = printable(written)
    return resolve(text), text


class _Builder:
    """Builds the tree from libyaml's events, without recursion."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.anchors: dict[str, tuple[Tree, int] | None] = {}
        self.count = 0
        self.stack: Stack = []
        self.last: Event = None

    def build(self) -> Tree:
        # The C parser is ten times as fast; a PyYAML built without it has the other.
        next_event: NextEvent = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(self.source.text).get_event
        next_event()  # the stream's start
        event = next_event()
        if isinstance(event, yaml.StreamEndEvent):
            start = Span(self.source, 1, 1, 1, 1)
            raise SourceError("empty", "the file holds no values", start, "a spec has at least `input` and `layers`")
        root = self._node(next_event(), next_event)
        next_event()  # the document's end
        event = next_event()
        if not isinstance(event, yaml.StreamEndEvent):
            raise SourceError("yaml", "a second document starts here: a file holds one spec", self._span(event))
        return root

    def _span(self, event: Event) -> Span:
        start, end = event.start_mark, event.end_mark
        place = (self.source, start.line + 1, start.column + 1, end.line + 1, end.column + 1, "")
        return tuple.__new__(Span, place)  # in half the time of Span(*place)

    def _node(self, first: Event, next_event: NextEvent) -> Tree:
        """Build the node that `first` opens, keeping open collections on a stack of our own."""
        stack = self.stack
        event = first
        while True:
            self.last = event
            kind = type(event)
            if kind is yaml.ScalarEvent:
                done: Tree = self._scalar(event)
                self._remember(event.anchor, done, self.count - 1)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self._open(event, stack)
                event = next_event()
                continue
            elif kind is yaml.AliasEvent:
                done = self._alias(event)
            else:  # the end of a collection
                done, _, anchor, start = stack.pop()
                self._close(done, event)
                self._remember(anchor, done, start)
            if not stack:
                return done
            self._attach(stack, done)
            event = next_event()

    def refuse_depth(self, error: yaml.MarkedYAMLError) -> None:
        """Raise our own error if the parser, which reads ahead, met too many levels before they were seen here."""
        start = self.last.end_mark.index if self.last else 0
        stop = error.problem_mark
        assert stop is not None
        from archinspect.base import syntax  # the error path only

        index = syntax.passes_depth(self.source.text, start, stop.index, MAX_DEPTH - len(self.stack))
        if index >= 0:
            raise self._too_deep(character(self.source, index)) from error

    def _too_deep(self, span: Span) -> SourceError:
        return SourceError("limit", f"values nest deeper than {MAX_DEPTH} levels", span)

    def _open(self, event: Event, stack: Stack) -> None:
        self._count(event)
        if len(stack) >= MAX_DEPTH:
            raise self._too_deep(self._span(event))
        self._refuse_tag(event)
        node = (Map if isinstance(event, yaml.MappingStartEvent) else List)(self._span(event))
        if event.anchor:
            self.anchors[event.anchor] = None
        stack.append((node, None, event.anchor, self.count - 1))

    def _close(self, node: Tree, event: Event) -> None:
        # A block collection's end mark runs on to the next token: only a flow collection has an end.
        if event.end_mark.index > event.start_mark.index:
            end = event.end_mark
            node.span = node.span._replace(end_line=end.line + 1, end_column=end.column + 1)
        elif isinstance(node, Map) and node.keys:
            node.span = next(iter(node.keys.values())).span

    def _attach(self, stack: Stack, done: Tree) -> None:
        parent, key, anchor, start = stack[-1]
        if isinstance(parent, List):
            parent.items.append(done)
        elif key is None:
            if not isinstance(done, Scalar):
                raise SourceError("yaml", "a key must be a single value", done.span)
            self._refuse_duplicate(parent, done)
            stack[-1] = (parent, done, anchor, start)
        else:
            if key.text == "<<":
                _merge(parent, done)
            else:
                parent.keys[key.text] = key
                parent.values[key.text] = done
            stack[-1] = (parent, None, anchor, start)

    def _refuse_duplicate(self, parent: Map, key: Scalar) -> None:
        first = parent.keys.get(key.text)
        # A merged key (`<<`) stands for a default: the map's own key replaces it.
        if first is not None and first.span.line:
            notes = (("the first one", first.span),)
            raise SourceError("duplicate-key", f"key '{key.text}' is given twice", key.span, notes=notes)

    def _scalar(self, event: Event) -> Scalar:
        self._count(event)
        span = self._span(event) if event.value else self._span_of_empty(event)
        if event.tag is not None and event.tag != "!":
            self._refuse_tag(event)
        if not event.implicit[0]:
            text = printable(event.value)
            return Scalar(text, text, span)
        try:
            return Scalar(*_plain(event.value), span)
        except ValueError:
            message = f"the number has more than {MAX_DIGITS} digits"
            raise SourceError("limit", message, span) from None

    def _span_of_empty(self, event: Event) -> Span:
        """Span of a value that is not there: in `{a: , b: 1}` before the comma, whichever side a parser names."""
        span = self._span(event)
        blanks = _BLANKS_IN_FLOW.match(self.source.text, event.end_mark.index)
        if not blanks or event.start_mark.index < event.end_mark.index:
            return span
        column = span.column + len(blanks[0])
        return span._replace(column=column, end_column=column)

    def _alias(self, event: Event) -> Tree:
        if event.anchor not in self.anchors:
            raise SourceError("yaml", f"alias *{event.anchor} has no anchor before it", self._span(event))
        target = self.anchors[event.anchor]
        if target is None:
            raise SourceError("yaml", f"alias *{event.anchor} stands inside its own anchor", self._span(event))
        self._count(event, target[1])
        return target[0]

    def _remember(self, anchor: str | None, node: Tree, start: int) -> None:
        if anchor:
            self.anchors[anchor] = (node, self.count - start)

    def _count(self, event: Event, values: int = 1) -> None:
        """Count values as if aliases were written out, so that an alias bomb meets the limit."""
        self.count += values
        if self.count > MAX_VALUES:
            message = f"the file stands for more than {MAX_VALUES:,} values"
            help_ = "an alias counts as all the values it repeats"
            raise SourceError("limit", message, self._span(event), help_)

    def _refuse_tag(self, event: Event) -> None:
        if event.tag is not None and event.tag not in ("!", "tag:yaml.org,2002:str"):
            raise SourceError("yaml", f"tag '{printable(event.tag)}': specs have no tags", self._span(event))


def _merge(target: Map, defaults: Tree) -> None:
    """Add what a map does not say itself; of a list of maps, the first one's word counts."""
    if isinstance(defaults, List):
        for item in defaults.items:
            _merge(target, item)
        return
    if not isinstance(defaults, Map):
        raise SourceError("yaml", "'<<' takes a map to merge, or a list of them", defaults.span)
    for name, tree in defaults.values.items():
        if name not in target.values:
            key = defaults.keys[name]
            target.keys[name] = Scalar(key.value, key.text, Span(key.span.source))
            target.values[name] = tree

"""A spec in an editor: its text, what is wrong with it, and what is known of its layers, as far as it is right."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.analyses.cost import Cost, costs, sum_of_costs
from archinspect.analyses.facts import Facts
from archinspect.base.diagnostics import Problems
from archinspect.base.settings import Settings
from archinspect.base.source import List, Map, Scalar, Source, SourceError
from archinspect.base.yaml_core import read_tree
from archinspect.checks import run_checks
from archinspect.graph.graph import collection_paused
from archinspect.graph.infer import infer
from archinspect.language.load import check_template, has_spec_key, is_template, load

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.base.diagnostics import Diagnostic
    from archinspect.base.shape import Shape
    from archinspect.base.source import Span, Tree
    from archinspect.graph.call import Call
    from archinspect.graph.graph import Graph, Node


class Made(NamedTuple):
    """What a step makes: the nodes of all its copies, and what the last one gives."""

    nodes: tuple[Node, ...]
    shapes: tuple[Shape, ...]
    """Of the output of each copy, in order, those that differ once; with the batch, 1."""
    cost: Cost | None
    """Of all copies; None while the network does not fit together."""


class Name(NamedTuple):
    """A name in the text: where it stands, what it is of, and whether it is given there or used."""

    text: str
    kind: str
    """`layer`, `block` or `param`."""
    span: Span
    is_given: bool


class Document:
    """A text, read once. What is not right is told in `diagnostics`; all else is known nevertheless."""

    def __init__(self, text: str, path: str = "") -> None:
        self.source = Source(path or "<text>", text, path)
        self.tree: Tree | None = None
        self.graph: Graph | None = None
        self.calls: Sequence[Call | None] = ()
        self.facts: Facts | None = None
        self.diagnostics: list[Diagnostic] = []
        if has_spec_key(text.encode("utf-8", "replace")):  # other tools have YAML files, too
            with collection_paused():
                self._read()
        self._steps: dict[int, list[Node]] | None = None

    def _read(self) -> None:
        problems = Problems()
        try:
            self.tree = read_tree(self.source)
            if is_template(self.source):
                self.diagnostics = check_template(self.source)
                return
            self.graph = load(self.source, Settings(), problems)
        except SourceError as error:
            problems.source_error(error)
        if self.graph is not None and not problems.failed:
            calls = infer(self.graph, problems)
            self.calls = calls
            known = [call for call in calls if call is not None]
            if len(known) == len(calls):
                self.facts = Facts(self.graph, known, Settings())
                self.diagnostics = run_checks(self.facts, problems.all())
                return
        self.diagnostics = problems.all()

    # What steps make

    def at(self, line: int) -> Made | None:
        """Return what the step makes that begins in a line; None where none does, or nothing is known of it."""
        if self.graph is None or not self.calls:
            return None
        nodes = self._by_line().get(line, [])
        if not nodes:
            return None
        shapes = [call.output for node in _last_of_copies(nodes, line) if (call := self.calls[node.position])]
        cost = None
        if self.facts is not None:
            figures = self.facts.once(costs)
            cost = sum_of_costs([figures[node] for node in nodes if node in figures] or [Cost()])
        return Made(tuple(nodes), tuple(dict.fromkeys(shapes)), cost)

    def lines(self) -> list[int]:
        """Return the lines in which steps begin of which something is known."""
        return sorted(self._by_line())

    def _by_line(self) -> dict[int, list[Node]]:
        if self._steps is None:
            self._steps = {}
            for node in self.graph.everything if self.graph else ():
                spans = (node.origin, *node.callers)
                for line in dict.fromkeys(span.line for span in spans if span.source is self.source and span.line):
                    self._steps.setdefault(line, []).append(node)
        return self._steps

    # Names

    def names(self) -> Iterator[Name]:
        """Give all names of layers, blocks and parameters, given and used."""
        if not isinstance(self.tree, Map):
            return
        blocks = self.tree.values.get("blocks")
        called = set(blocks.keys) if isinstance(blocks, Map) else set()
        for key, body in blocks if isinstance(blocks, Map) else ():
            yield Name(key.text, "block", key.span, is_given=True)
            yield from self._params(body)
        yield from self._params(self.tree)
        for key, value in self.tree:
            if key.text in ("output", "outputs"):
                yield from _used(value)
            elif key.text == "blocks" and isinstance(value, Map):
                for body in value.values.values():
                    yield from _names_within(body, called)
            elif key.text not in _NOT_STEPS:
                yield from _names_within(value, called)

    def _params(self, body: Tree) -> Iterator[Name]:
        params = body.values.get("params") if isinstance(body, Map) else None
        if isinstance(params, Map):
            for key in params.keys.values():
                yield Name(key.text, "param", key.span, is_given=True)

    def name_at(self, line: int, column: int) -> Name | None:
        """Return the name that stands at a place."""
        return next((name for name in self.names() if is_within(name.span, line, column)), None)


def is_within(span: Span, line: int, column: int) -> bool:
    """Return whether a place is within a stretch of one line, its end included."""
    return span.line == line == span.end_line and span.column <= column <= span.end_column


def _last_of_copies(nodes: Sequence[Node], line: int) -> list[Node]:
    """Return the last node of each copy of a step: of those that follow one another in one composite or layer."""
    found: dict[object, Node] = {}
    for node in nodes:
        own = node.origin.line == line
        depth = 0 if own else next((i for i, span in enumerate(node.callers, 1) if span.line == line), 0)
        parts = node.layer.split(".")
        found[".".join(parts[: max(len(parts) - depth, 0)])] = node
    return list(found.values())


def _used(tree: Tree) -> Iterator[Name]:
    for item in tree.items if isinstance(tree, List) else [tree]:
        if isinstance(item, Scalar) and isinstance(item.value, str):
            yield Name(item.text, "layer", item.span, is_given=False)


def _names_within(tree: Tree, blocks: set[str]) -> Iterator[Name]:
    """Give the names that steps give and use, and what they call that is a block."""
    if isinstance(tree, List):
        for item in tree.items:
            if isinstance(item, Scalar) and item.text in blocks:
                yield Name(item.text, "block", item.span, is_given=False)
            yield from _names_within(item, blocks)
    elif isinstance(tree, Map):
        for key, value in tree:
            if key.text in blocks:
                yield Name(key.text, "block", key.span, is_given=False)
            if key.text == "name" and isinstance(value, Scalar):
                yield Name(value.text, "layer", value.span, is_given=True)
            elif key.text in ("from", "weights"):
                yield from _used(value)
            else:
                yield from _names_within(value, blocks)


_NOT_STEPS = ("name", "source", "description", "extends", "metrics", "expect", "values", "params")
"""Keys of a spec's head in which no layer is named."""

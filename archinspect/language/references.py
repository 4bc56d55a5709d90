"""Names of a spec: looked up once everything is expanded, so that a step may read what comes later."""

from __future__ import annotations

from itertools import count, takewhile
from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.diagnostics import USED_HERE, Near
from archinspect.base.source import Scalar
from archinspect.graph.builder import Later
from archinspect.graph.graph import composites_above
from archinspect.graph.order import CycleError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from archinspect.base.diagnostics import Problems
    from archinspect.base.source import Span, Tree
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Graph, Node, Tensor

ALL = "all"
"""As `from`: everything that the scope has made so far, and what came in."""

COPIES = ".*"
"""After the name of a repeated step, as an item of `from`: what each of its copies made."""


def is_all(tree: Tree | None) -> bool:
    """Return whether a step's `from` is everything that the scope has made."""
    return isinstance(tree, Scalar) and tree.value == ALL


def copies_of(name: str, prefix: str, results: Mapping[str, Tensor]) -> list[Tensor]:
    """Return what the copies of a repeat made, by its name where it is used: the innermost scope's first."""
    for scope in scopes(prefix):
        if f"{scope}{name}.0" in results:
            paths = (f"{scope}{name}.{index}" for index in count())
            return [results[path] for path in takewhile(results.__contains__, paths)]
    return []


def scopes(prefix: str) -> Iterator[str]:
    """Return the prefix of a scope, then those of the scopes around it."""
    while prefix:
        yield prefix
        outer = prefix[:-1].rpartition(".")[0]
        prefix = f"{outer}." if outer else ""
    yield ""


class Ref(Later):
    """A tensor by the name of its layer, which is looked up once everything is expanded."""

    __slots__ = ("ref", "scope", "span")

    ref: str
    scope: str
    """The prefix of the scope that uses it."""
    span: Span

    def __init__(self, ref: str, scope: str, span: Span) -> None:
        for name, value in (("ref", ref), ("scope", scope), ("span", span)):
            object.__setattr__(self, name, value)


class Sharing(NamedTuple):
    """A step that has the weights of another layer or composite."""

    path: str
    nodes: Sequence[Node]
    """What the step expanded to."""
    ref: Ref


class Linker:
    """Puts layers in the place of names; what names none is told to `problems`."""

    def __init__(self, builder: GraphBuilder, results: Mapping[str, Tensor], problems: Problems) -> None:
        self.builder = builder
        self.results = results
        """What the layer or composite of each path produces."""
        self.problems = problems

    def link(self, outputs: Sequence[Tensor], sharing: Sequence[Sharing]) -> Graph | None:
        """Look up every name, share weights, and return the graph; None for one whose layers wait for one another."""
        named = self.builder.resolve(self._resolve)
        outputs = [self._resolve(tensor) if isinstance(tensor, Later) else tensor for tensor in outputs]
        by_path = {node.path: node for node in self.builder.nodes} if sharing else {}
        for one in sharing:
            self._share(one, by_path)
        try:
            return self.builder.build(*outputs, named=named)
        except CycleError as error:
            message = f"layers wait for one another: {error}"
            self.problems.error("cycle", message, error.nodes[0].origin, "remove one `from`")
            return None

    def _ready_block(self, ref: Ref) -> str:
        """Return the ready-made block around a step that reads the second input of it; empty for any other."""
        from archinspect.language.ready import SECOND  # only errors need it

        composites = self.builder.composites
        around = [composites[path].kind for path in composites_above(f"{ref.scope}-") if path in composites]
        return next((kind for kind in around if SECOND.get(kind) == ref.ref), "")

    def _share(self, one: Sharing, by_path: Mapping[str, Node]) -> None:
        path, nodes, ref = one
        other = self._find_path(ref)
        if other is None:
            return
        try:
            shared = self.builder.pair(nodes, path, other, by_path)
        except ValueError as error:
            self.problems.error("weights", str(error), ref.span)
            return
        if not shared:
            self.problems.error("weights", f"'{path}' and '{ref.ref}' have no layer in common", ref.span)

    def _find_path(self, ref: Ref) -> str | None:
        """Return the path that a name means where it is used: the innermost scope's first."""
        if self.problems.full:
            return None
        for prefix in scopes(ref.scope):
            if prefix + ref.ref in self.results:
                return prefix + ref.ref
        names = (path for path in self.results if "." not in path or path.startswith(ref.scope))
        block = self._ready_block(ref)
        if block:
            message = f"{block} reads a second input, and no layer is called '{ref.ref}'"
            help_ = f"give it both, `from: [x, encoder]`, or name the second, `{ref.ref}: encoder`"
            steps = [self.builder.taken[prefix[:-1]] for prefix in scopes(ref.scope) if prefix]
            notes = [(USED_HERE, span) for span in steps if not span.source.is_ours]
            self.problems.error("from", message, ref.span, help_, notes[:1])
            return None
        self.problems.unknown("from", f"unknown layer '{ref.ref}'", ref.span, ref.ref, Near(ref.ref, names))
        return None

    def _resolve(self, tensor: Tensor) -> Tensor:
        seen = set()
        while isinstance(tensor, Ref):
            path = self._find_path(tensor)
            if path is None:
                return self.builder.unknown
            if path in seen:
                self.problems.error("cycle", f"'{tensor.ref}' comes from itself", tensor.span)
                return self.builder.unknown
            seen.add(path)
            tensor = self.results[path]
        return tensor

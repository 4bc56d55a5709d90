"""Names of a spec: looked up once everything is expanded, so that a step may read what comes later."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.diagnostics import suggest
from archinspect.graph.graph import Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.base.diagnostics import Problems
    from archinspect.base.source import Span
    from archinspect.graph.graph import Graph, Node


class Ref(Tensor):
    """A tensor by the name of its layer, which is looked up once everything is expanded."""

    __slots__ = ("name", "prefix", "span")

    def __init__(self, name: str, prefix: str, span: Span) -> None:
        self.name = name
        self.prefix = prefix
        self.span = span


class Sharing(NamedTuple):
    """A step that has the weights of another layer or composite."""

    path: str
    nodes: Sequence[Node]
    """What the step expanded to."""
    ref: Ref


class Linker:
    """Puts layers in the place of names; what names none is told to `problems`."""

    def __init__(self, graph: Graph, results: Mapping[str, Tensor], unknown: Tensor, problems: Problems) -> None:
        self.graph = graph
        self.results = results
        """What the layer or composite of each path produces."""
        self.unknown = unknown
        """Stands for what there is not."""
        self.problems = problems

    def link(self, sharing: Sequence[Sharing]) -> None:
        """Look up every name, share weights, and put the nodes into order."""
        graph = self.graph
        for node in graph.nodes:
            for i, tensor in enumerate(node.inputs):
                if isinstance(tensor, Ref):
                    node.inputs[i] = self._resolve(tensor)
                    graph.named.add(node.inputs[i].producer)
        graph.outputs = [self._resolve(tensor) for tensor in graph.outputs]
        by_path = {node.path: node for node in graph.nodes}
        for one in sharing:
            other = self._find_path(one.ref)
            if other is not None:
                self._pair(one, other, by_path)
        cycle = graph.sort()
        if cycle:
            chain = " -> ".join([*(node.path for node in cycle), cycle[0].path])
            self.problems.error("cycle", f"layers wait for one another: {chain}", cycle[0].span, "remove one `from`")

    def _pair(self, sharing: Sharing, other: str, by_path: Mapping[str, Node]) -> None:
        own, nodes, ref = sharing
        shared = 0
        for node in nodes:
            if node.path == own or node.path.startswith(own + "."):
                partner = by_path.get(other + node.path[len(own) :])
                while partner is not None and partner.shares is not None and partner is not node:
                    partner = partner.shares
                if partner is node:
                    self.problems.error("weights", f"'{own}' cannot share its own weights", ref.span)
                    return
                if partner is not None:
                    node.shares = partner
                    shared += 1
        if not shared:
            self.problems.error("weights", f"'{own}' and '{ref.name}' have no layer in common", ref.span)

    def _find_path(self, ref: Ref) -> str | None:
        """Return the path that a name means where it is used: the innermost scope's first."""
        if self.problems.full:
            return None
        prefix = ref.prefix
        while True:
            path = prefix + ref.name
            if path in self.results:
                return path
            if not prefix:
                break
            prefix = prefix[:-1].rpartition(".")[0]
            prefix = prefix + "." if prefix else ""
        names = [path for path in self.results if "." not in path or path.startswith(ref.prefix)]
        self.problems.error("from", f"unknown layer '{ref.name}'", ref.span, suggest(ref.name, names))
        return None

    def _resolve(self, tensor: Tensor) -> Tensor:
        seen = set()
        while isinstance(tensor, Ref):
            path = self._find_path(tensor)
            if path is None:
                return self.unknown
            if path in seen:
                self.problems.error("cycle", f"'{tensor.name}' comes from itself", tensor.span)
                return self.unknown
            seen.add(path)
            tensor = self.results[path]
        return tensor

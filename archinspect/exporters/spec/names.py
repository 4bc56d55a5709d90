"""Names in a spec: which one leads from a scope to a layer, and which need not be said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.exporters.refusal import CannotExportError
from archinspect.exporters.spec.steps import Ref
from archinspect.graph.builder import GraphBuilder, snake
from archinspect.graph.graph import composites_above

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.exporters.spec.steps import Step
    from archinspect.exporters.spec.tree import Scope, Tree
    from archinspect.graph.graph import Tensor


class Names:
    """All names of a network, and what each scope makes of them."""

    def __init__(self, tree: Tree) -> None:
        self.made: dict[Tensor, list[str]] = {}
        """The paths that mean each tensor: of the outermost composite that gives it first, of its layer last."""
        self.entries: dict[str, Tensor | None] = {}
        """What each composite is called with."""
        self.known: set[str] = set()
        self.hiding: set[str] = set()
        """Composites with a layer called `input`, so that what they are called with has no such name."""
        for node in tree.graph.inputs:
            self.known.add(tree.inputs[node.path])
            self.made[node.output] = [tree.inputs[node.path]]
        for child in tree.root.leaves():
            assert child.leaf is not None
            outputs = child.leaf.outputs
            for index, tensor in enumerate(outputs):
                if len(outputs) > 1:
                    self.known.add(f"{child.path}.{index}")
                self.made[tensor] = [child.path if index == 0 else f"{child.path}.{index}"]
        self._add(tree.root)

    def _add(self, scope: Scope) -> None:
        for child in scope.children:
            self.known.add(child.path)
            if child.scope is not None:
                if any(inner.name == "input" for inner in child.scope.children):
                    self.hiding.add(child.path)
                self.known.add(f"{child.path}.input")
                self._add(child.scope)
                self.made[child.result()].insert(0, child.path)

    def ref(self, tensor: Tensor, scope: Scope) -> Ref:
        """Return how a step in a scope calls a tensor; raise where every name there means something else."""
        is_entry = tensor is scope.entry and scope.path and scope.path not in self.hiding
        if is_entry and self._meant("input", scope.path) == f"{scope.path}.input":
            return Ref("input")
        above = [path for path in composites_above(scope.path) if path not in self.hiding]
        outer = [f"{path}.input" for path in above if self.entries.get(path) is tensor]
        if tensor not in self.made:
            raise CannotExportError(tensor.producer.layer, "a spec has no layer that gives this")
        for path in (*self.made[tensor], *reversed(outer)):
            if scope.path == path or scope.path.startswith(f"{path}."):
                continue  # what it gives in the end
            found = self.path(path, scope)
            if found is not None:
                return found
        raise CannotExportError(self.made[tensor][-1], "another layer has its name where it is read")

    def has(self, tensor: Tensor, scope: Scope) -> bool:
        """Return whether a tensor that a scope is not called with has a name there."""
        try:
            self.ref(tensor, scope)
        except CannotExportError:
            return False
        return True

    def path(self, path: str, scope: Scope) -> Ref | None:
        """Return how a scope calls a path; None where that means another one."""
        for outer in (*reversed([*composites_above(path)]), ""):
            if outer and not f"{scope.path}.".startswith(f"{outer}."):
                continue
            name = path[len(outer) + 1 :] if outer else path
            if self._meant(name, scope.path) == path:
                return Ref(name)
        return None

    def _meant(self, name: str, scope: str) -> str | None:
        """Return the path that a name means in a scope: the innermost scope's first."""
        while True:
            path = f"{scope}.{name}" if scope else name
            if path in self.known:
                return path
            if not scope:
                return None
            scope = scope.rpartition(".")[0]


def leave_out(steps: Sequence[Step], taken: Sequence[str] = ()) -> None:
    """Find the steps of a scope that have the name that the language gives them."""
    builder = GraphBuilder()
    for name in taken:
        builder.claim(name)
    for step in _in_order(steps):
        own = step.kind if step.op else "group"
        if builder.next_name(snake(own)) == step.name and not step.is_list:
            builder.claim(default=snake(own))
            step.is_named = False
        else:
            builder.taken[step.name] = builder.origin
            step.is_named = True


def _in_order(steps: Sequence[Step]) -> Iterator[Step]:
    """Yield the steps of a scope in the order in which they get names: a merge before its paths."""
    for step in steps:
        yield step
        for path in step.paths or ():
            yield from _in_order(path)

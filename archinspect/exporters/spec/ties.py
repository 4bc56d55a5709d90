"""Weights that are shared, and what does not train: said of a composite where it holds for all of it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from archinspect.exporters.refusal import CannotExportError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.exporters.spec.names import Names
    from archinspect.exporters.spec.steps import Step
    from archinspect.exporters.spec.tree import Scope, Tree


class Ties:
    """Says of steps whose weights they use, and that they do not train."""

    def __init__(self, tree: Tree, names: Names) -> None:
        self.tree = tree
        self.names = names

    def say(self, steps: Sequence[Step], scope: Scope, partner: str = "", *, frozen: bool = False) -> None:
        """Write what holds into steps; the scope may use the weights of a partner, or be frozen, as a whole."""
        for step in steps:
            path = scope.prefix + step.name
            for branch in step.paths or ():
                self.say(branch, scope, partner, frozen=frozen)
            if step.leaf is not None:
                self._say_of_layer(step, path, scope, partner, frozen=frozen)
                continue
            assert step.body is not None
            inner = self._scopes[path]
            other = self._partner(inner)
            if other and not partner:
                step.weights = self.names.path(other, scope)
            step.frozen = not frozen and _is_frozen(inner)
            self.say(step.body, inner, partner or (other if step.weights else ""), frozen=frozen or step.frozen)

    def _say_of_layer(self, step: Step, path: str, scope: Scope, partner: str, *, frozen: bool) -> None:
        leaf = step.leaf
        assert leaf is not None
        step.frozen = leaf.frozen and not frozen and bool(leaf.weighted)
        other = self._shared(path)
        if other and not partner:
            step.weights = self.names.path(other, scope)
            if step.weights is None:
                raise CannotExportError(leaf.path, f"it uses the weights of '{other}', whose name means another layer")

    @cached_property
    def _scopes(self) -> dict[str, Scope]:
        """Composites by their paths."""
        return {scope.path: scope for scope in self.tree.root.scopes()}

    def _shared(self, path: str) -> str:
        """Return the path of the layer whose weights a layer uses."""
        leaf = self.tree.layer(path)
        return self.tree.paths.get(leaf.shares.layer, "") if leaf is not None and leaf.shares is not None else ""

    def _partner(self, scope: Scope) -> str:
        """Return the composite whose weights all layers in a scope use, each those of its namesake."""
        found = set()
        for child in scope.leaves():
            other = self._shared(child.path)
            own = child.path[len(scope.path) :]
            if not other:
                if child.leaf is not None and child.leaf.weighted:
                    return ""
                continue
            found.add(other.removesuffix(own) if other.endswith(own) else "")
        return found.pop() if len(found) == 1 else ""


def _is_frozen(scope: Scope) -> bool:
    """Return whether nothing in a scope trains that could."""
    weighted = [child.leaf for child in scope.leaves() if child.leaf and child.leaf.weighted]
    return bool(weighted) and all(leaf.frozen for leaf in weighted)

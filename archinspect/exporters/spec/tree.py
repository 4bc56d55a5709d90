"""Layers in the composites that they belong to, under names that the language can say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from archinspect.exporters.parameters import unused
from archinspect.graph.builder import GraphBuilder, snake
from archinspect.language.parse import MAX_NAME, is_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from archinspect.exporters.spec.leaf import Leaf
    from archinspect.graph.graph import Graph, Tensor

_NO_NAME = re.compile(r"[^\w+/-]")


class Scope:
    """A composite: its children in the order in which they begin to run."""

    def __init__(self, path: str, name: str, kind: str, args: Mapping[str, Any]) -> None:
        self.path = path
        """Its path in the spec."""
        self.name = name
        self.kind = kind
        """The block's name, or `group`."""
        self.args = args
        self.is_module: bool | None = None
        """What has to be said of it, because it does not follow."""
        self.children: list[Child] = []
        self.entry: Tensor | None = None
        """The tensor that it is called with."""

    @property
    def prefix(self) -> str:
        """How paths inside begin."""
        return f"{self.path}." if self.path else ""

    def leaves(self) -> Iterator[Child]:
        """Yield the layers inside."""
        for child in self.children:
            if child.scope is None:
                yield child
            else:
                yield from child.scope.leaves()

    def scopes(self) -> Iterator[Scope]:
        """Yield itself and the composites inside."""
        yield self
        for child in self.children:
            if child.scope is not None:
                yield from child.scope.scopes()

    def result(self) -> Tensor:
        """Return what the last child gives, which is what the composite gives."""
        return self.children[-1].result()


class Child:
    """A layer or a composite in its scope."""

    def __init__(self, path: str, name: str, leaf: Leaf | None = None, scope: Scope | None = None) -> None:
        self.path = path
        self.name = name
        self.leaf = leaf
        self.scope = scope
        self._reads: list[Tensor] | None = None

    def leaves(self) -> Iterator[Child]:
        """Yield the layers inside, or itself."""
        if self.scope is None:
            yield self
        else:
            yield from self.scope.leaves()

    def reads(self) -> list[Tensor]:
        """Return what is read in it and made outside, in order."""
        if self._reads is None:
            leaves = [child.leaf for child in self.leaves() if child.leaf]
            own = {tensor for leaf in leaves for tensor in leaf.outputs}
            self._reads = list(dict.fromkeys(t for leaf in leaves for t in leaf.inputs if t not in own))
        return self._reads

    def gives(self) -> Iterator[Tensor]:
        """Yield what is made in it."""
        for child in self.leaves():
            assert child.leaf is not None
            yield from child.leaf.outputs

    def forget(self) -> None:
        """Look again at what it reads: a composite has other layers."""
        self._reads = None

    def result(self) -> Tensor:
        """Return what a step that follows reads."""
        if self.scope is not None:
            return self.scope.result()
        assert self.leaf is not None
        return self.leaf.outputs[0]


class Tree:
    """The scopes of a network."""

    def __init__(self, graph: Graph, leaves: Sequence[Leaf], grouped: Callable[[Scope], None] | None = None) -> None:
        """Place the layers; `grouped` puts what repeats into scopes of its own."""
        self.graph = graph
        self.root = Scope("", "", "network", {})
        self.paths: dict[str, str] = {}
        """The path in the spec of each layer and composite, by its own."""
        self._leaves: dict[str, Leaf] = {}
        self.inputs = self._inputs()
        self._scopes: dict[str, Scope] = {"": self.root}
        layers = {leaf.path for leaf in leaves}
        for leaf in leaves:
            self._place(leaf, layers)
        for scope in self._scopes.values():
            if scope.is_module is _is_function(scope) or graph.held is not None:
                scope.is_module = None  # it follows, or nothing depends on it
        if grouped is not None:
            grouped(self.root)
        self._settle(self.root, self.inputs.values())
        self.paths |= {path: scope.path for path, scope in self._scopes.items() if scope.path}

    def layer(self, path: str) -> Leaf | None:
        """Return the layer at a path of the spec."""
        return self._leaves.get(path)

    def _inputs(self) -> dict[str, str]:
        names: dict[str, str] = {}
        for node in self.graph.inputs:
            names[node.path] = unused(name_of(node.path), set(names.values()))
        return names

    def _place(self, leaf: Leaf, layers: set[str]) -> None:
        *above, own = leaf.place.split(".")
        scope, path = self.root, ""
        for number, name in enumerate(above):
            path = f"{path}.{name}" if path else name
            if path in layers:  # a layer, which holds no others
                own = "_".join([*above[number:], own])
                break
            scope = self._inside(scope, path, name)
        scope.children.append(Child("", own, leaf))

    def _inside(self, scope: Scope, path: str, name: str) -> Scope:
        if path not in self._scopes:
            composite = self.graph.composites.get(path)
            kind, args = (composite.kind, composite.args) if composite else ("group", {})
            inner = self._scopes[path] = Scope("", name, kind, args)
            inner.is_module = composite.is_module if composite else None
            scope.children.append(Child("", name, scope=inner))
        return self._scopes[path]

    def _settle(self, scope: Scope, taken: Iterable[str] = ()) -> None:
        """Give all children of a scope names that the language can say, no two the same, and their paths."""
        builder = GraphBuilder()
        names = {*taken}
        names |= {name_of(child.name) for child in scope.children if child.name}
        builder.taken |= dict.fromkeys(names, builder.origin)
        names = {*taken}
        for child in scope.children:
            own = child.leaf.op if child.leaf is not None else child.scope.kind if child.scope is not None else ""
            name = unused(name_of(child.name), names) if child.name else builder.claim(default=snake(own))
            names.add(name)
            builder.taken[name] = builder.origin
            child.name, child.path = name, scope.prefix + name
            if child.leaf is not None:
                self.paths[child.leaf.path] = child.path
                self._leaves[child.path] = child.leaf
            elif child.scope is not None:
                child.scope.name, child.scope.path = name, child.path
                self._settle(child.scope)


def _is_function(scope: Scope) -> bool:
    """Return whether a composite is taken for a module though nothing says so."""
    leaves = [child.leaf for child in scope.leaves() if child.leaf]
    if any(len(node.inputs) > 1 for leaf in leaves for node in leaf.nodes):
        return True
    return sum(leaf.nodes[0].layer_op.has_kernel for leaf in leaves) > 1


def name_of(text: str) -> str:
    """Return a name that the language can say."""
    found = _NO_NAME.sub("_", text)[:MAX_NAME]
    return found if is_name(found) else f"_{found}"[:MAX_NAME]

"""The outline of a program: which blocks are one class or function, and what of them differs from copy to copy.

A scope is a composite of the network, or the network itself: a list of children, each a leaf (a step of the program) or
a scope. Scopes of the same structure become one class. What differs between them, found by laying them side by side,
become the class's parameters; what does not is written into it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.exporters.parameters import unused
from archinspect.exporters.scopes import Definition, Leaf, Scope, lacks, sequential, structure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from archinspect.graph.graph import Graph, Tensor


class Outline:
    """The outline of a network, from its leaves in the order in which they run."""

    def __init__(  # noqa: PLR0913 - what a target says of its programs
        self,
        graph: Graph,
        leaves: Iterable[Leaf],
        class_name: Callable[[str], str],
        composites: Mapping[str, tuple[str, Mapping[str, Any]]],
        identifier: Callable[[str], str] = str,
        taken: Iterable[str] = (),
        *,
        optional: bool = False,
    ) -> None:
        self.graph = graph
        self.class_name = class_name
        self.identifier = identifier
        """Makes a name that a program can have of a layer's."""
        self.composites = composites
        """Kind and arguments of each composite, and of each layer that is several steps, by path."""
        self.optional = optional
        """Whether copies that lack some modules are of the class of those that have them."""
        self.root = Scope("", "", graph.name, {})
        self.definitions: list[Definition] = []
        """In an order in which none needs one that stands after it."""
        self._taken: set[str] = set(taken)
        self._place(list(leaves))
        self._name(self.root)
        self._wire()
        if self.root.is_list and not sequential(self.root):
            self._rename(self.root)  # a network is no list, though its layers may have numbers for names
        self._define()

    def _place(self, leaves: Sequence[Leaf]) -> None:
        """Put leaves into scopes; composites whose leaves do not stand together are dissolved."""
        scopes = {"": self.root}
        scattered = self._scattered(leaves)
        for leaf in leaves:
            *above, _ = leaf.path.split(".")
            paths = [".".join(above[: i + 1]) for i in range(len(above))]
            paths = [path for path in paths if path in self.composites and path not in scattered]
            scope = self.root
            for path in paths:
                if path not in scopes:
                    name = path[len(scope.path) + 1 :] if scope.path else path
                    scopes[path] = Scope(path, name.replace(".", "_"), *self.composites[path])
                    scope.children.append(scopes[path])
                scope = scopes[path]
            own = leaf.path[len(scope.path) + 1 :] if scope.path else leaf.path
            leaf.name = own.replace(".", "_")
            scope.children.append(leaf)

    def _name(self, scope: Scope) -> None:
        """Give children names that the program can have, each another one."""
        if not scope.is_list:
            self._rename(scope)
        for child in scope.children:
            if isinstance(child, Scope):
                self._name(child)

    def _rename(self, scope: Scope) -> None:
        taken: set[str] = set()
        for child in scope.children:
            child.name = unused(self.identifier(child.name), taken)
            taken.add(child.name)

    def _scattered(self, leaves: Sequence[Leaf]) -> set[str]:
        """Return the composites between whose leaves others stand."""
        last: dict[str, int] = {}
        scattered = set()
        for number, leaf in enumerate(leaves):
            names = leaf.path.split(".")[:-1]
            for depth in range(1, len(names) + 1):
                path = ".".join(names[:depth])
                if path in last and last[path] != number - 1:
                    scattered.add(path)
                last[path] = number
        return scattered

    def _wire(self) -> None:
        """Find what each scope reads from outside and what of it is read there."""
        readers: dict[Tensor, list[Leaf]] = {}

        for leaf in self.root.leaves():
            for tensor in leaf.inputs:
                readers.setdefault(tensor, []).append(leaf)
        outputs = set(self.graph.outputs)

        def wire(scope: Scope) -> None:
            for child in scope.children:
                if isinstance(child, Scope):
                    wire(child)
            inside = list(scope.leaves())
            members = set(map(id, inside))
            made = [tensor for leaf in inside for tensor in leaf.outputs]
            own = set(made)
            read = [tensor for leaf in inside for tensor in leaf.inputs if tensor not in own]
            scope.inputs = tuple(dict.fromkeys(read))
            scope.outputs = tuple(
                tensor
                for tensor in made
                if tensor in outputs or any(id(reader) not in members for reader in readers.get(tensor, ()))
            )

        wire(self.root)
        self.root.inputs = tuple(node.output for node in self.graph.inputs)
        self.root.outputs = tuple(self.graph.outputs)

    def _define(self) -> None:
        """Make a class of each structure, those that hold others last."""
        for scopes in self._levels():
            groups: dict[Any, list[Scope]] = {}
            for scope in scopes:
                if scope.is_list or (scope.kind == "group" and sequential(scope)):
                    continue
                groups.setdefault(repr(structure(scope)), []).append(scope)
            for copies in self._joined(groups.values()):
                if len(copies) == 1 and sequential(copies[0]):
                    continue
                self._make(copies)

    def _joined(self, groups: Iterable[list[Scope]]) -> Iterator[list[Scope]]:
        """Yield groups of copies, those that lack modules behind the copies that have them."""
        found = list(groups)
        if self.optional:
            of_kind: dict[str, list[list[Scope]]] = {}
            for copies in found:
                of_kind.setdefault(copies[0].kind, []).append(copies)
            for part in sorted(found, key=lambda copies: -len(copies[0].children)):
                alike = of_kind[part[0].kind]
                whole = next((copies for copies in alike if lacks(part[0], copies[0])), None)
                if whole is not None:
                    whole += part
                    alike.remove(part)
                    part.clear()
        yield from filter(None, found)

    def _levels(self) -> list[list[Scope]]:
        """Return all scopes but the root, those first that hold none; a block's copies together where they can be."""
        heights: dict[str, int] = {}
        levels: dict[int, list[Scope]] = {}

        def height(scope: Scope, levels: dict[int, list[Scope]]) -> int:
            inner = max((height(child, levels) for child in scope.children if isinstance(child, Scope)), default=0)
            found = 1 + inner if scope.kind == "group" else max(1 + inner, heights.get(scope.kind, 0))
            levels.setdefault(found, []).append(scope)
            return found

        height(self.root, levels)
        if self.optional:
            heights = {scope.kind: level for level in sorted(levels) for scope in levels[level]}
            levels = {}
            height(self.root, levels)
        return [[scope for scope in levels[level] if scope is not self.root] for level in sorted(levels)]

    def _make(self, copies: list[Scope]) -> None:
        first = copies[0]
        wanted = first.kind if first.kind != "group" else first.name
        definition = Definition(self.free(self.class_name(wanted)), copies)
        definition.solve()
        self.definitions.append(definition)

    def free(self, name: str) -> str:
        """Return a name for a class that none has yet."""
        found = unused(name, self._taken, join="")
        self._taken.add(found)
        return found

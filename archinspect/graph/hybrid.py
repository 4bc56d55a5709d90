"""Graphs between two: some edits of those that lead from one to the other are made, the others not yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from archinspect.graph.builder import GraphBuilder
from archinspect.graph.matching import match

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence

    from archinspect.graph.graph import Graph, Node, Tensor
    from archinspect.graph.matching import Entry

    T = TypeVar("T", bound=Hashable)


class Edit(NamedTuple):
    """What can be made by itself: layers are added, removed and wired otherwise, or have other arguments."""

    entries: tuple[int, ...]
    """The numbers of entries, those of :attr:`Between.entries`."""
    is_wiring: bool
    """Whether nodes come, go, or read something else; else these have another operator, or train otherwise."""


class Between:
    """Two graphs, the nodes that they have in common, and the edits that lead from the one to the other."""

    def __init__(self, old: Graph, new: Graph) -> None:
        self.old = old
        self.new = new
        self.entries: list[Entry] = match(old, new)
        self.number: dict[Node, int] = {}
        """The number of a node's entry."""
        for number, entry in enumerate(self.entries):
            for node in entry:
                if node is not None:
                    self.number[node] = number
        self.end = len(self.entries)
        """Stands for the outputs of the network among the numbers of entries."""
        self.edits = sorted([*self._wirings(), *self._changes()])

    def _wirings(self) -> Iterator[Edit]:
        alone = {number for number, entry in enumerate(self.entries) if None in entry}
        rewired = {number for number, entry in enumerate(self.entries) if None not in entry and self._is_rewired(entry)}
        if not self._reads_alike(self.old.outputs, self.new.outputs):
            rewired.add(self.end)
        links = []
        for number in alone | rewired:
            for tensors in self._inputs(number):
                links += [(number, self.number[tensor.producer]) for tensor in tensors]
        links += self._moved(alone)
        for group in joined(alone | rewired, [link for link in links if link[1] in alone]):
            yield Edit(tuple(sorted(group)), is_wiring=True)

    def _inputs(self, number: int) -> list[Sequence[Tensor]]:
        if number == self.end:
            return [self.old.outputs, self.new.outputs]
        return [node.inputs for node in self.entries[number] if node is not None]

    def _moved(self, alone: Collection[int]) -> list[tuple[int, int]]:
        """Return the pairs of nodes that only one graph has, but the other at another place."""
        gone = {(node.path, node.op): number for number in alone if (node := self.entries[number].old) is not None}
        found = []
        for number in alone:
            node = self.entries[number].new
            if node is not None and (node.path, node.op) in gone:
                found.append((gone[node.path, node.op], number))
        return found

    def _is_rewired(self, entry: Entry) -> bool:
        return not self._reads_alike(entry.old.inputs, entry.new.inputs)  # type: ignore[union-attr] # both are there

    def _reads_alike(self, old: Sequence[Tensor], new: Sequence[Tensor]) -> bool:
        return len(old) == len(new) and all(
            self.number[one.producer] == self.number[other.producer] and one.index == other.index
            for one, other in zip(old, new, strict=True)
        )

    def _changes(self) -> Iterator[Edit]:
        groups: dict[object, list[int]] = {}
        for number, entry in enumerate(self.entries):
            if entry.old is not None and entry.new is not None and self.state(entry.old) != self.state(entry.new):
                groups.setdefault(changed(entry.old, entry.new), []).append(number)
        for numbers in groups.values():
            yield Edit(tuple(numbers), is_wiring=False)

    def state(self, node: Node) -> tuple[object, ...]:
        """Return what is a node's own but its inputs."""
        shares = None if node.shares is None else self.number[node.shares]
        return node.op, node.trainable, node.cached, shares

    def graph(self, made: Collection[Edit]) -> tuple[Graph, dict[int, Node]]:
        """Return the network with some edits made, and its nodes by the numbers of entries."""
        wired = {number for edit in made if edit.is_wiring for number in edit.entries}
        changed_ = {number for edit in made if not edit.is_wiring for number in edit.entries}
        return _Maker(self, wired, changed_).make()


def changed(old: Node, new: Node) -> tuple[str, tuple[tuple[str, object, object], ...]]:
    """Return the operator, or both, and the arguments that differ, each with both values."""
    # What only a layer's parts are made of begins with `_`.
    name, other = (type(node.op).__name__.lstrip("_") for node in (old, new))
    if type(old.op) is not type(new.op):
        return name if name == other else f"{name} -> {other}", ()
    found: list[tuple[str, object, object]] = []
    for mine, theirs, keys in ((old.op, new.op, old.op.args), (old, new, ("trainable", "cached"))):
        values = [(key, getattr(mine, key), getattr(theirs, key)) for key in keys]
        found += [one for one in values if one[1] != one[2]]
    if (old.shares and old.shares.path) != (new.shares and new.shares.path):
        found.append(("shares", old.shares and old.shares.path, new.shares and new.shares.path))
    return name, tuple(found)


def joined(all_: Collection[T], links: Sequence[tuple[T, T]]) -> list[list[T]]:
    """Return what hangs together by links, in the order of first occurrence."""
    parent = {one: one for one in all_}

    def root(one: T) -> T:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    for one, other in links:
        parent[root(one)] = root(other)
    groups: dict[T, list[T]] = {}
    for one in all_:
        groups.setdefault(root(one), []).append(one)
    return list(groups.values())


class _Maker:
    """Makes one graph of two: of each entry the old node or the new one, wired as in the one or the other."""

    def __init__(self, between: Between, wired: Collection[int], changed: Collection[int]) -> None:
        self.between = between
        self.wired = wired
        self.changed = changed
        new = between.new
        self.builder = GraphBuilder(new.name, layout=new.layout, origin=new.origin)
        self.builder.composites = {**between.old.composites, **new.composites}
        self.builder.batch = new.batch
        self.of: dict[Tensor, Tensor] = {}
        self.nodes: dict[int, Node] = {}
        self.taken: list[tuple[Node, Node]] = []
        """Nodes of either graph, and their copies."""

    def make(self) -> tuple[Graph, dict[int, Node]]:
        """Return the graph, and its nodes by the numbers of entries."""
        old, new = self.between.old, self.between.new
        for number, entry in enumerate(self.between.entries):
            is_wired = number in self.wired
            if (entry.old is None and not is_wired) or (entry.new is None and is_wired):
                continue
            own = entry.new if entry.old is None or (entry.new is not None and number in self.changed) else entry.old
            wiring = entry.new if entry.old is None or (entry.new is not None and is_wired) else entry.old
            self._add(number, own, wiring, entry)  # type: ignore[arg-type] # one of the two is there
        for node, copy in self.taken:
            partner = None if node.shares is None else self.nodes.get(self.between.number[node.shares])
            if partner is not None:
                self.builder.tie(copy, partner)
        outputs = new.outputs if self.between.end in self.wired else old.outputs
        batched = {self.of[tensor] for node, _ in self.taken for tensor in node.outputs if tensor.batched}
        named = [self.of[tensor] for graph in (old, new) for tensor in graph.named if tensor in self.of]
        self.builder.held = self._held()
        graph = self.builder.build(*[self.of[tensor] for tensor in outputs], named=named, batched=batched)
        return graph, self.nodes

    def _add(self, number: int, own: Node, wiring: Node, entry: Entry) -> None:
        if own in self.between.old.inputs or own in self.between.new.inputs:
            copy = self.builder.add_input(own.op, own.path, own.origin).producer
        else:
            copy = self.builder.add_copy(own, [self.of[tensor] for tensor in wiring.inputs])
        self.nodes[number] = copy
        self.taken.append((own, copy))
        for node in entry:
            if node is not None:
                self.of.update(zip(node.outputs, copy.outputs, strict=True))

    def _held(self) -> Mapping[Tensor, Node] | None:
        graphs = self.between.old, self.between.new
        if any(graph.held is None for graph in graphs):
            return None
        found = {}
        for graph in graphs:
            for tensor, node in (graph.held or {}).items():
                copy = self.nodes.get(self.between.number[node])
                if tensor in self.of and copy is not None:
                    found[self.of[tensor]] = copy
        return found

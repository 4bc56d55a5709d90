"""The difference between two networks as plain data: what was edited, and what each edit adds to every figure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.analyses.difference import difference
from archinspect.graph.graph import composites_above
from archinspect.graph.hybrid import changed
from archinspect.graph.stored import differing
from archinspect.ops.base import json_value
from archinspect.reports.summary import uncounted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from archinspect.analyses.difference import Difference, Figures, Step
    from archinspect.analyses.facts import Facts
    from archinspect.graph.graph import Graph, Node
    from archinspect.graph.hybrid import Edit

SCHEMA = 1
"""Version of the JSON form; keys are only ever added."""


class Change(NamedTuple):
    """Layers, or a block, to which one thing happened."""

    kind: str
    """`added`, `removed`, `moved`, `changed`, `rewired` or `outputs`."""
    names: tuple[str, ...]
    """Of the layers, or of the outermost blocks that came or went as a whole."""
    type: str
    """The operator or block; both where it is another one: `ReLU -> GELU`."""
    arguments: Mapping[str, tuple[object, object]] = {}
    """Of what is changed, the arguments by name, with both values."""


class Cause(NamedTuple):
    """Changes that were made together, and what they add."""

    changes: tuple[Change, ...]
    total: Figures
    own: Figures
    """What the changed layers add themselves. Of the peak and of what is kept the total alone is known."""
    through: Figures
    """What others add, as what they read has another shape."""
    followers: tuple[tuple[str, Figures], ...]
    """Those others: the layer and what it adds."""


class Diff(NamedTuple):
    """What there is between an old and a new network; the totals of `causes` sum to the change of every figure."""

    names: tuple[str, str]
    old: Figures
    new: Figures
    causes: tuple[Cause, ...]
    renamed: tuple[tuple[str, str, int], ...]
    """Names of layers or blocks that are called otherwise: before, after, and how many layers that is."""
    uncounted: tuple[str, ...]
    """The layers, of either network, of which not all is known: then the difference is not, either."""
    stored: tuple[tuple[str, Mapping[str, int], Mapping[str, int]], ...] = ()
    """Where both have files of weights, tensors that these hold in other types: their names without numbers of layers,
    and how many there are of each type, before and after."""

    @property
    def change(self) -> Figures:
        """What each figure grew by; none that did not."""
        return {name: self.new[name] - self.old[name] for name in self.new if self.new[name] != self.old[name]}

    @property
    def is_empty(self) -> bool:
        """Whether the networks are one, names included."""
        return not self.causes and not self.renamed and not self.stored

    def __repr__(self) -> str:
        changed = ", ".join(f"{name} {self.new[name] - self.old[name]:+,}" for name in ("params", "macs", "flops"))
        return f"<Diff {' -> '.join(self.names)}: {changed}; {len(self.causes):,} causes>"

    def to_dict(self) -> dict[str, Any]:
        """Return the same: the name that pandas and others use."""
        return self.as_dict()

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "schema": SCHEMA,
            "old": {"name": self.names[0], **self.old},
            "new": {"name": self.names[1], **self.new},
            "change": self.change,
            "causes": [
                {
                    "changes": [
                        {
                            "kind": one.kind,
                            "layers": list(one.names),
                            "type": one.type,
                            "arguments": {name: list(values) for name, values in one.arguments.items()},
                        }
                        for one in cause.changes
                    ],
                    "change": cause.total,
                    "own": cause.own,
                    "through": cause.through,
                    "followers": [{"layer": layer, **figures} for layer, figures in cause.followers],
                }
                for cause in self.causes
            ],
            "renamed": [{"old": old, "new": new, "layers": count} for old, new, count in self.renamed],
            "uncounted": list(self.uncounted),
            **({"stored": [list(one) for one in self.stored]} if self.stored else {}),
        }


def diff(old: Facts, new: Facts) -> Diff:
    """Return what makes the difference between two networks, asked for with the same settings."""
    found = difference(old, new)
    told = _Teller(found)
    return Diff(
        (old.graph.name, new.graph.name),
        found.old,
        found.new,
        tuple([told.cause(step) for step in found.steps]),
        tuple(told.renamed()),
        tuple(dict.fromkeys((*uncounted(old.graph), *uncounted(new.graph)))),
        tuple(_stored(old.graph, new.graph)),
    )


def _stored(old: Graph, new: Graph) -> Iterator[tuple[str, Mapping[str, int], Mapping[str, int]]]:
    if old.stored is not None and new.stored is not None:
        for role, (before, after) in differing([old.stored, new.stored]):
            yield role, before, after


class _Teller:
    """Says in words what the edits of a difference are."""

    def __init__(self, found: Difference) -> None:
        self.between = found.between
        entries = [(entry.old, entry.new) for entry in found.between.entries]
        self.pairs = [(new, old) for old, new in entries] if found.is_reversed else entries
        """By the number of an entry the node of the old network and that of the new one."""
        graphs = (found.between.old, found.between.new)
        self.graphs = graphs[::-1] if found.is_reversed else graphs

    def cause(self, step: Step) -> Cause:
        changes = [change for edit in step.edits for change in self._changes(edit)]
        followers: dict[str, Figures] = {}
        for number, figures in step.through.items():
            node = self._node(number)
            followers[node.layer] = _sum([followers.get(node.layer, {}), figures])
        told = [(layer, figures) for layer, figures in followers.items() if figures]
        ordered = sorted(told, key=lambda one: -max(map(abs, one[1].values())))
        own, through = _sum(step.own.values()), _sum(step.through.values())
        return Cause(tuple(changes), step.total, own, through, tuple(ordered))

    def _node(self, number: int) -> Node:
        old, new = self.pairs[number]
        return new or old  # type: ignore[return-value] # one of the two is there

    def _changes(self, edit: Edit) -> Iterator[Change]:
        if not edit.is_wiring:
            old, new = self.pairs[edit.entries[0]]
            type_, arguments = changed(old, new)  # type: ignore[arg-type] # changed nodes are in both
            values = {name: (json_value(before), json_value(after)) for name, before, after in arguments}
            yield Change("changed", self._layers(edit.entries), type_, values)
            return
        pairs = [self.pairs[number] for number in edit.entries if number != self.between.end]
        gone = [old for old, new in pairs if old is not None and new is None]
        come = [new for old, new in pairs if old is None and new is not None]
        moved = {(node.path, node.op) for node in gone} & {(node.path, node.op) for node in come}
        for kind, graph, nodes in zip(("removed", "added"), self.graphs, (gone, come), strict=True):
            yield from _groups(kind, graph, [node for node in nodes if (node.path, node.op) not in moved])
        yield from _groups("moved", self.graphs[1], [node for node in come if (node.path, node.op) in moved])
        if not gone and not come:
            numbers = [number for number in edit.entries if number != self.between.end]
            if numbers:
                yield Change("rewired", self._layers(numbers), type(self._node(numbers[0]).layer_op).__name__)
            else:
                yield Change("outputs", tuple(tensor.producer.layer for tensor in self.graphs[1].outputs), "")

    def _layers(self, numbers: Iterable[int]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self._node(number).layer for number in numbers))

    def renamed(self) -> Iterator[tuple[str, str, int]]:
        """Give what is called otherwise, blocks of which all layers are so once."""
        found: Counter[tuple[str, str]] = Counter()
        layers = {(old.layer, new.layer) for old, new in self.pairs if old is not None and new is not None}
        for before, after in sorted(layers):
            if before != after:
                mine, theirs = before.split("."), after.split(".")
                while len(mine) > 1 and len(theirs) > 1 and mine[-1] == theirs[-1]:
                    mine, theirs = mine[:-1], theirs[:-1]
                found[".".join(mine), ".".join(theirs)] += 1
        for (before, after), count in found.items():
            yield before, after, count


def _groups(kind: str, graph: Graph, nodes: Sequence[Node]) -> Iterator[Change]:
    """Give a change for each layer, or for the outermost block that is meant as a whole; of a type in a row one."""
    meant = {node.layer for node in nodes}
    whole: dict[str, bool] = {}
    for node in graph.nodes if meant else ():
        for path in composites_above(node.layer):
            whole[path] = whole.get(path, True) and node.layer in meant
    names: dict[str, str] = {}
    for node in nodes:
        block = next((path for path in composites_above(node.layer) if whole.get(path)), "")
        composite = graph.composites.get(block)
        names[block or node.layer] = composite.kind if composite else type(node.layer_op).__name__
    runs: list[tuple[str, list[str]]] = []
    for name, type_ in names.items():
        if not runs or runs[-1][0] != type_:
            runs.append((type_, []))
        runs[-1][1].append(name)
    for type_, run in runs:
        yield Change(kind, tuple(run), type_)


def _sum(parts: Iterable[Mapping[str, int]]) -> Figures:
    found: Figures = {}
    for part in parts:
        for name, value in part.items():
            found[name] = found.get(name, 0) + value
    return {name: value for name, value in found.items() if value}

"""Memory: what training keeps for backward, and what is alive at inference, when and why.

The rules are PyTorch's, and each operator's own stand with it; docs/counting.md explains them.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from archinspect.analyses.lifetimes import hold_by_functions, hold_inline
from archinspect.analyses.storage import Rules, Storage
from archinspect.base.diagnostics import refuse_unknown
from archinspect.graph.graph import collection_paused, composites, shape_of
from archinspect.ops.attending import Attending
from archinspect.ops.figures import DTYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.base.shape import Shape
    from archinspect.graph.graph import Graph, Node

POLICIES = ("eager", "inline", "ideal")
"""When a storage is given back: as PyTorch does without a compiler, of a program whose composites are functions or of
one that is a single function; or behind its last reader."""


class Training(NamedTuple):
    """What backward keeps, in bytes."""

    total: int
    graph: Graph
    counts: Sequence[int]
    """By the number of the node, or input of the network, that made it; they sum to the total."""

    @property
    def nodes(self) -> dict[Node, int]:
        """By the node, or input of the network, that made it, without those that made nothing of it."""
        graph = self.graph
        return {node: self.counts[node.number] for node in (*graph.inputs, *graph.nodes) if self.counts[node.number]}

    @property
    def layers(self) -> dict[str, int]:
        """By the layer, or input of the network, that made it, in execution order."""
        found: dict[str, int] = {}
        for node, count in self.nodes.items():
            found[node.layer] = found.get(node.layer, 0) + count
        return found


class Checkpointed(NamedTuple):
    """What backward keeps if blocks are computed again instead, in bytes."""

    total: int
    outside: int
    """What is kept all the time: the blocks' inputs, and everything in front of, between and behind blocks."""
    block: str
    """The block that keeps most while it is computed again; empty without blocks."""
    inside: int
    """What that one keeps."""
    blocks: tuple[str, ...]
    """The blocks that are computed again."""


class Alive(NamedTuple):
    """A storage that is alive."""

    layer: str
    """The layer, or input of the network, that made it."""
    shape: Shape
    """Shape of the tensor that it was made for."""
    bytes: int


class Step(NamedTuple):
    """A node's run: bytes alive in it, its temporary tensors included, and behind it."""

    node: Node
    during: int
    after: int


class Peak(NamedTuple):
    """The most bytes of activations alive at once at inference; weights are none of them."""

    bytes: int
    node: Node | None
    """Where that is, for the first time; None in a network without layers."""
    alive: tuple[Alive, ...]
    """What is alive there, the largest first."""
    workspace: int
    """Bytes of the node's temporary tensors there."""
    during: Sequence[int]
    """Bytes alive in each node's run, by its number."""
    after: Sequence[int]
    """Bytes alive behind it."""
    graph: Graph

    @property
    def timeline(self) -> tuple[Step, ...]:
        """All nodes' runs, in execution order."""
        return tuple(map(Step, self.graph.nodes, self.during, self.after))


class Activations:
    """What a network's activations take of memory; a graph's shapes are known, and weights are none of it.

    `dtype` is what the network computes in, `attention` how it computes attention (`fused`, `math` or `eager`).
    """

    def __init__(self, graph: Graph, dtype: str = "float32", attention: str = "fused") -> None:
        self.graph = graph
        self._rules = Rules(graph, dtype, attention)

    @cached_property
    def _storages(self) -> tuple[list[Storage], set[int]]:
        return self._rules.storages(training=True)

    def _records(self, *, input_gradients: bool = False) -> Iterator[tuple[int, list[Storage], int]]:
        """Yield the number of each node that backward passes, the storages it keeps for it, bytes of further tensors.

        It passes no node in front of the first weight that trains.
        """
        rules = self._rules
        storages, overwriting = self._storages
        count = len(rules.read)
        passed = [False] * count + [input_gradients and use.is_float for use in rules.uses[count:]]
        for i, read in enumerate(rules.read):
            use = rules.uses[i]
            needs = tuple([passed[number] for number in read])
            kept = use.kept(needs, rules.attention, in_place=i in overwriting)
            if kept is None:
                continue
            passed[i] = use.is_float
            used = [storages[read[number]] for number in kept.inputs]
            if kept.outputs:
                used.append(storages[i])
            yield i, used, rules.bytes(kept.extra)

    @collection_paused()
    def kept(self, *, input_gradients: bool = False) -> Training:
        """Return what backward keeps.

        With `input_gradients` it goes on to the network's inputs, as in a network that stands behind another.
        """
        counts = [0] * len(self._rules.uses)
        counted = bytearray(len(counts))
        for i, used, extra in self._records(input_gradients=input_gradients):
            counts[i] += extra
            for storage in used:
                if not counted[storage.maker]:
                    counted[storage.maker] = True
                    counts[storage.maker] += storage.bytes
        return Training(sum(counts), self.graph, counts)

    @collection_paused()
    def checkpointed(self) -> Checkpointed:
        """Return what backward keeps if every repeated block keeps its inputs only and is computed again in backward.

        Blocks are those that occur at least twice, outside of others that do. While one is computed again, what it
        keeps comes on top of what is kept all the time.
        """
        rules = self._rules
        storages, _ = self._storages
        blocks = _repeated_blocks(self.graph)
        total = {"": 0}
        """Bytes by the block in which they are kept, those of the whole time by the empty name."""
        inside, outside = bytearray(len(blocks)), bytearray(len(blocks))

        def keep(storage: Storage, block: str) -> None:
            counted = inside if block else outside
            if not counted[storage.maker]:
                counted[storage.maker] = True
                total[block] += storage.bytes

        for i, used, extra in self._records():
            block = blocks[i]
            total[block] = total.get(block, 0) + extra
            for storage in used:
                if blocks[storage.maker] == block:
                    keep(storage, block)
            for storage in [storages[number] for number in rules.read[i]] if block else used:
                if blocks[storage.maker] != block:
                    keep(storage, "")
        all_the_time = total.pop("")
        block = max(total, key=total.__getitem__, default="")
        most = total.get(block, 0)
        return Checkpointed(all_the_time + most, all_the_time, block, most, tuple(total))

    @collection_paused()
    def peak(self, policy: str = "eager") -> Peak:
        """Return when most bytes are alive at inference.

        With the policy `eager` storages live as long as in PyTorch: the caller holds the network's inputs to the end,
        and a composite's inputs live until the composite ends, in which a function's variable holds them. With `inline`
        all composites are written out in one function, in whose variables tensors live until the next copy of a repeat
        assigns them. With `ideal` storages are given back behind their last reader. In all, the network's outputs live
        on.
        """
        refuse_unknown("policy", policy, POLICIES)
        rules, graph = self._rules, self.graph
        storages, _ = rules.storages(training=False)
        besides: dict[Storage, Shape] = {}
        if policy == "eager":
            besides = hold_by_functions(rules, storages)
        elif policy == "inline":
            besides = hold_inline(rules, storages)
        count = len(graph.nodes)
        # Views and what is overwritten lie in a storage that another node made.
        distinct = [storage for i, storage in enumerate(storages) if storage.maker in (i, i - len(storages))]
        distinct += besides
        begin, end = [0] * (count + 1), [0] * (count + 1)
        for storage in distinct:
            begin[max(storage.first, 0)] += storage.bytes
            end[storage.last] += storage.bytes
        during, after, now = [], [], 0
        for i, use in enumerate(rules.uses[:count]):
            now += begin[i]
            during.append(now + use.workspace)
            now -= end[i]
            after.append(now)
        most = max(during, default=0)
        worst = during.index(most) if during else 0
        alive = []
        for one in distinct:
            if one.first <= worst <= one.last and one.bytes:
                maker = graph.nodes[one.maker] if one.maker >= 0 else graph.inputs[one.maker]
                alive.append(Alive(maker.layer, besides.get(one) or shape_of(maker.output), one.bytes))
        alive.sort(key=lambda one: -one.bytes)
        held = sum(one.bytes for one in alive)
        if not during:
            return Peak(held, None, tuple(alive), 0, (), (), graph)
        return Peak(most, graph.nodes[worst], tuple(alive), most - held, during, after, graph)


def kept(graph: Graph, dtype: str = "float32", *, attention: str = "fused", input_gradients: bool = False) -> Training:
    """Return :meth:`Activations.kept` of a graph."""
    return Activations(graph, dtype, attention).kept(input_gradients=input_gradients)


def checkpointed(graph: Graph, dtype: str = "float32", *, attention: str = "fused") -> Checkpointed:
    """Return :meth:`Activations.checkpointed` of a graph."""
    return Activations(graph, dtype, attention).checkpointed()


def peak(graph: Graph, dtype: str = "float32", *, policy: str = "eager", attention: str = "fused") -> Peak:
    """Return :meth:`Activations.peak` of a graph."""
    return Activations(graph, dtype, attention).peak(policy)


def kv_cache(graph: Graph, steps: int, *, batch: int = 1, dtype: str = "float32") -> int:
    """Return the bytes of keys and values that a decoder holds while it generates, after so many steps.

    They are those of its causal self-attention: 2 x heads of keys x size of a head for each layer, step and sample.
    """
    refuse_unknown("dtype", dtype, DTYPES)
    elements = sum(
        node.op.cached(*map(shape_of, node.inputs)) for node in graph.nodes if isinstance(node.op, Attending)
    )
    return elements * steps * batch * DTYPES[dtype]


def _repeated_blocks(graph: Graph) -> list[str]:
    """Return the block of each node, by its number, that is in one that occurs at least twice outside of others.

    It is empty for all others, and for inputs of the network.
    """
    copies: dict[str, list[str]] = {}
    for path, name in graph.groups.items():
        parent, _, own = path.rpartition(".")
        if graph.groups.get(f"{path}.0") == name:
            continue  # what holds the copies of a repeat
        # A copy of a repeated group has a number; two groups that merely are groups are not the same.
        kind = parent if name == "group" and own.isdigit() else name
        if kind != "group":
            copies.setdefault(kind, []).append(path)
    several = {path for paths in copies.values() if len(paths) > 1 for path in paths}
    outermost = ([path for path in paths if several.isdisjoint(composites(path))] for paths in copies.values())
    repeated = {path for paths in outermost if len(paths) > 1 for path in paths}
    found = [""] * (len(graph.nodes) + len(graph.inputs))
    for node in graph.nodes if repeated else ():
        found[node.number] = next((path for path in composites(node.layer) if path in repeated), "")
    return found

"""Memory: what training keeps for backward, and what is alive at inference, when and why.

The rules are PyTorch's, and each operator's own stand with it; docs/counting.md explains them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.analyses.autocast import Autocast
from archinspect.analyses.gradients import gradients, gradients_to_inputs
from archinspect.analyses.lifetimes import hold_by_functions, hold_inline
from archinspect.analyses.storage import lying, storages_at_inference, storages_in_training
from archinspect.base.diagnostics import refuse_unknown
from archinspect.base.shape import total
from archinspect.graph.graph import composites_above
from archinspect.ops.figures import ATTENTION, LOW_TYPES, Run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from archinspect.analyses.facts import Facts
    from archinspect.analyses.storage import Storage
    from archinspect.base.shape import Shape
    from archinspect.graph.graph import Graph, Node, Tensor

POLICIES = ("eager", "inline", "ideal")
"""When a storage is freed: as PyTorch does without a compiler, of a program whose composites are functions or of
one that is a single function; or after its last reader."""


class Training(NamedTuple):
    """What backward keeps, in bytes."""

    total: int
    layers: Mapping[str, int]
    """By the layer, or input of the network, that made it, in execution order; those that made nothing of it left out.

    They sum to the total.
    """
    unknown: tuple[str, ...] = ()
    """The layers of which it is not known; they count as nothing."""

    def __repr__(self) -> str:
        return f"<Training: {self.total:,} bytes of {len(self.layers):,} layers>"


class Checkpointed(NamedTuple):
    """What backward keeps if blocks are computed again instead, in bytes."""

    total: int
    outside: int
    """What is kept all the time: the blocks' inputs, and everything before, between and after blocks."""
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


class TimelineEntry(NamedTuple):
    """A node's run: the layer, bytes alive in it, its temporary tensors included, and after it."""

    layer: str
    during: int
    after: int


class Peak(NamedTuple):
    """The most bytes of activations alive at once at inference; weights are none of them."""

    bytes: int
    layer: str
    """Where that is, for the first time; empty in a network without layers."""
    alive: tuple[Alive, ...]
    """What is alive there, the largest first."""
    workspace: int
    """Bytes of temporary tensors there."""
    timeline: tuple[TimelineEntry, ...]
    """The runs of all nodes, in execution order."""

    def __repr__(self) -> str:
        return f"<Peak: {self.bytes:,} bytes in {self.layer or 'the inputs'}>"


def kept(facts: Facts, *, attention: str = "fused", input_gradients: bool = False) -> Training:
    """Return what backward keeps.

    `attention` is how attention is computed (`fused`, `math` or `eager`). With `input_gradients` backward goes on to
    the network's inputs, as in a network that stands after another.
    """
    counts = _counts(facts, attention, input_gradients=input_gradients)
    layers: dict[str, int] = {}
    for node, count in zip(facts.graph.everything, counts, strict=True):
        if count:
            layers[node.layer] = layers.get(node.layer, 0) + count
    return Training(total(counts), layers, unknown_kept(facts))


def unknown_kept(facts: Facts) -> tuple[str, ...]:
    """Return the layers that backward passes, and of which it is not known what it keeps."""
    wanted = facts.once(gradients)
    unknown = [node for node in facts.graph.nodes if facts.call(node).op.keeps_unknown]
    return tuple(dict.fromkeys(node.layer for node in unknown if wanted.arriving(node)))


def kept_bytes(facts: Facts, *, attention: str = "fused") -> int:
    """Return the bytes that backward keeps, as :func:`kept` does."""
    return total(_counts(facts, attention))


def _counts(facts: Facts, attention: str, *, input_gradients: bool = False) -> list[int]:
    """Return the bytes that backward keeps of what each node makes, by its position."""
    counts = [0] * len(facts.graph.everything)
    counted: set[Storage] = set()
    for node, storages, extra in _kept(facts, attention, input_gradients=input_gradients):
        counts[node.position] += extra
        for storage in storages:
            if storage not in counted:
                counted.add(storage)
                counts[storage.maker.position] += storage.bytes
    return counts


def checkpointed(facts: Facts, *, attention: str = "fused") -> Checkpointed:
    """Return what backward keeps if every repeated block keeps its inputs only and is computed again in backward.

    Blocks are those that occur at least twice, outside of others that do. While one is computed again, what it
    keeps comes on top of what is kept all the time.
    """
    blocks = _repeated_blocks(facts.graph)
    of = facts.once(storages_in_training).of
    total = {"": 0}
    """Bytes by the block in which they are kept, those of the whole time by the empty name."""
    inside: set[Storage] = set()
    outside: set[Storage] = set()

    def keep(storage: Storage, block: str) -> None:
        counted = inside if block else outside
        if storage not in counted:
            counted.add(storage)
            total[block] += storage.bytes

    for node, storages, extra in _kept(facts, attention):
        block = blocks[node.position]
        total[block] = total.get(block, 0) + extra
        for storage in storages:
            if blocks[storage.maker.position] == block:
                keep(storage, block)
        for storage in [of[tensor.position] for tensor in node.reads] if block else storages:
            if blocks[storage.maker.position] != block:
                keep(storage, "")
    all_the_time = total.pop("")
    block = max(total, key=total.__getitem__, default="")
    most = total.get(block, 0)
    return Checkpointed(all_the_time + most, all_the_time, block, most, tuple(total))


def _kept(facts: Facts, attention: str, *, input_gradients: bool = False) -> Iterator[tuple[Node, list[Storage], int]]:
    """Yield each node that backward passes, the storages it keeps for it, bytes of further tensors."""
    refuse_unknown("attention", attention, ATTENTION)
    wanted = facts.once(gradients_to_inputs if input_gradients else gradients)
    of, overwriting, places = facts.once(storages_in_training)
    for node in facts.graph.nodes:
        arriving = tuple(map(bool, wanted.arriving(node)))
        if not any(arriving):
            continue
        outputs = () if all(arriving) else arriving
        strides, others = _lying(facts, node, places)
        needed, trains = wanted.of_inputs(node), facts.trains(node)
        low = facts.dtype in LOW_TYPES
        run = Run(needed, trains, node.position in overwriting, outputs, attention, strides, others, low=low)
        if isinstance(facts, Autocast):
            yield node, *facts.held(node, run, of)
            continue
        keeps = facts.call(node).kept(run)
        copied = facts.copied(node, run)
        tensors = [node.inputs[i] for i in keeps.inputs if i not in copied] + [node.outputs[i] for i in keeps.outputs]
        extra = (*keeps.extra, *[copied[i] for i in keeps.inputs if i in copied])
        yield node, [of[tensor.position] for tensor in tensors], facts.bytes_of(extra)


def peak(facts: Facts, policy: str = "eager", *, attention: str = "fused") -> Peak:
    """Return when most bytes are alive at inference.

    With the policy `eager` storages live as long as in PyTorch: the caller holds the network's inputs to the end,
    and a composite's inputs live until the composite ends, in which a function's variable holds them. With `inline`
    all composites are written out in one function, in whose variables tensors live until the next copy of a repeat
    assigns them. With `ideal` storages are freed after their last reader. In all, the network's outputs live
    on.
    """
    distinct, timeline = _run(facts, policy, attention)
    first = len(facts.graph.inputs)
    if not timeline:
        alive = _alive(distinct, first)
        return Peak(sum(one.bytes for one in alive), "", alive, 0, ())
    worst = max(range(len(timeline)), key=lambda i: timeline[i].during)
    alive = _alive(distinct, first + worst)
    most = timeline[worst].during
    return Peak(most, timeline[worst].layer, alive, most - sum(one.bytes for one in alive), tuple(timeline))


def peak_bytes(facts: Facts, policy: str = "eager", *, attention: str = "fused") -> int:
    """Return the most bytes alive at inference, as :func:`peak` does."""
    distinct, timeline = _run(facts, policy, attention)
    return max([entry.during for entry in timeline], default=total(storage.bytes for storage in distinct))


def _run(facts: Facts, policy: str, attention: str) -> tuple[list[Storage], list[TimelineEntry]]:
    """Return all storages of a run at inference, with their lifetimes, and what is alive in each node's run."""
    refuse_unknown("policy", policy, POLICIES)
    refuse_unknown("attention", attention, ATTENTION)
    graph = facts.graph
    storages, _, strides = storages_at_inference(facts)  # not shared: lifetimes are written into them
    held: list[Storage] = []
    if policy == "eager":
        held = hold_by_functions(facts, storages, attention)
    elif policy == "inline":
        held = hold_inline(facts, storages, attention)
    first = len(graph.inputs)
    distinct = [*dict.fromkeys((*storages[first:], *storages[:first])), *held]
    begin, end = ([0] * (len(graph.everything) + 1) for _ in range(2))
    for storage in distinct:
        begin[storage.first] += storage.bytes
        end[storage.last] += storage.bytes
    now = total(begin[:first]) - total(end[:first])
    timeline = []
    for node in graph.nodes:
        now += begin[node.position]
        learned = tuple([_is_learned(facts, storages[tensor.position].maker) for tensor in node.inputs])
        during = now + _workspace(facts, node, learned, attention, strides)
        now -= end[node.position]
        timeline.append(TimelineEntry(node.layer, during, now))
    return distinct, timeline


def _is_learned(facts: Facts, maker: Node) -> bool:
    """Return whether what a node made is a learned tensor: views of it need gradients even in a pass without them."""
    return not maker.inputs and facts.trains(maker)


def _workspace(
    facts: Facts, node: Node, learned: tuple[bool, ...], attention: str, strides: Mapping[Tensor, Shape | None]
) -> int:
    """Return the bytes of a node's temporary tensors at inference."""
    first, others = _lying(facts, node, strides)
    frozen, low = not facts.trains(node), facts.dtype in LOW_TYPES
    run = Run(learned, weights=False, attention=attention, strides=first, others=others, frozen=frozen, low=low)
    return facts.bytes_of(facts.call(node).workspace(run))


def _lying(
    facts: Facts, node: Node, strides: Mapping[Tensor, Shape | None]
) -> tuple[Shape | None, tuple[Shape | None, ...]]:
    """Return how the first input of a node lies in memory, and how the others do."""
    given = zip(node.inputs, facts.call(node).shapes, strict=True)
    first, *others = [lying(node, *one, strides) for one in given] or [None]
    return first, tuple(others)


def _alive(storages: Sequence[Storage], step: int) -> tuple[Alive, ...]:
    """Return what is alive at a step, the largest first."""
    alive = [one for one in storages if one.first <= step <= one.last and one.bytes]
    alive.sort(key=lambda one: -one.bytes)
    return tuple(Alive(one.maker.layer, one.shape, one.bytes) for one in alive)


def _repeated_blocks(graph: Graph) -> list[str]:
    """Return the block of each node, by its position, that is in one that occurs at least twice outside of others.

    It is empty for all others, and for inputs of the network.
    """
    copies: dict[str, list[str]] = {}
    for path, composite in graph.composites.items():
        parent, _, own = path.rpartition(".")
        first = graph.composites.get(f"{path}.0")
        if first is not None and first.kind == composite.kind:
            continue  # what holds the copies of a repeat
        # A copy of a repeated group has a number; two groups that merely are groups are not the same.
        kind = parent if composite.kind == "group" and own.isdigit() else composite.kind
        if kind != "group":
            copies.setdefault(kind, []).append(path)
    several = {path for paths in copies.values() if len(paths) > 1 for path in paths}
    outermost = ([path for path in paths if several.isdisjoint(composites_above(path))] for paths in copies.values())
    repeated = {path for paths in outermost if len(paths) > 1 for path in paths}
    found = [""] * len(graph.everything)
    for node in graph.nodes if repeated else ():
        found[node.position] = next((path for path in composites_above(node.layer) if path in repeated), "")
    return found

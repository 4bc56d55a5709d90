"""What a spec's tensors are, where a program has others: the batch is always their first axis.

A program may have a tensor without a batch, or with the batch further back: windows of all samples as (64 N, 49, 96),
steps as (197, N, 768). For one sample a spec has the same with an axis of size 1 in front. An operator that reads such
a tensor is kept only if it gives the same figures there; else it is stated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.analyses.facts import facts_of
from archinspect.base.diagnostics import Problems
from archinspect.base.shape import Mismatch, size
from archinspect.graph.call import TensorType

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.analyses.facts import Facts
    from archinspect.base.shape import Shape
    from archinspect.exporters.spec.leaf import Leaf
    from archinspect.graph.graph import Node, Tensor
    from archinspect.ops.base import Op


MERGED, NOWHERE = -2, -1
"""That a program has the batch in its first axis with others there, in the next for one less, ...; or at no axis."""
OTHER = 2
"""The batch for which an open one is tried besides."""


class Figures(NamedTuple):
    """What a layer costs, in all."""

    params: int
    buffers: int
    macs: int
    other: int


class Meant:
    """The types of a spec's tensors, for the batch that the figures are for."""

    def __init__(self, facts: Facts, *, is_plain: bool = False) -> None:
        """With `is_plain` a layer is its own operator, where that reads the same tensors, or none."""
        self.facts = facts
        self.is_plain = is_plain
        self.other = in_another_batch(facts)
        self._batches = {OTHER: self.other}
        self.fixed = facts.graph.batch or 1
        """The batch for which a program is, or one sample."""
        sizes = ((1,), (self.fixed,)) if facts.graph.batch else ()
        given = [node.output for node in facts.graph.inputs]
        self.growing = {one: one.batched or facts.shape(one)[:1] in sizes for one in given}
        """Whether a spec's tensor differs from sample to sample, though the network's may not."""
        self.within: dict[Tensor, int] = {}
        """At which axis a program has the batch of a tensor that a spec has in front, or not at all."""
        self.types = {node.output: self.natural(node.output) for node in facts.graph.inputs}

    def in_batch(self, batch: int) -> Facts | None:
        """Return the facts for an open batch; None where they cannot be told."""
        if batch not in self._batches:
            self._batches[batch] = in_another_batch(self.facts, batch)
        return self._batches[batch]

    def natural(self, tensor: Tensor) -> TensorType:
        """Return the type that a spec's tensor has in the place of one of the network."""
        shape, dtype = self.facts.types[tensor.position]
        if self.has_batch(tensor):
            return TensorType(shape, dtype)
        at = next(self._ways(shape), NOWHERE) if self.grows(tensor) else NOWHERE
        if at == NOWHERE:
            return TensorType((1, *shape), dtype)
        self.within.setdefault(tensor, at)
        return TensorType((self.fixed, *_sample(shape, at, self.fixed)), dtype)

    def has_batch(self, tensor: Tensor) -> bool:
        """Return whether the first axis can be a spec's: the batch, or 1 for all samples."""
        shape = self.facts.shape(tensor)
        if self.fixed > 1 and self.grows(tensor):
            return shape[:1] == (self.fixed,)
        return shape[:1] == (1,) or (shape != () and tensor.batched)

    def sample(self, tensor: Tensor) -> Shape:
        """Return a program's shape without the batch, which is not in front of it."""
        return _sample(self.facts.shape(tensor), self.within[tensor], self.fixed)

    def batch_at(self, tensor: Tensor) -> int | None:
        """Return the axis at which a program has the batch of a tensor; None where a spec has one more in front."""
        at = self.within.get(tensor, 0 if self.has_batch(tensor) else None)
        return None if at is not None and at < 0 else at

    def is_constant(self, tensor: Tensor) -> bool:
        """Return whether a tensor is the same whatever the batch, as far as shapes tell."""
        return self.other is not None and self.other.shape(tensor) == self.facts.shape(tensor)

    def grows(self, tensor: Tensor) -> bool:
        """Return whether a spec's tensor differs from sample to sample: it is made of one that does."""
        if tensor not in self.growing:
            node = tensor.producer
            self.growing[tensor] = node.op.batched and (not node.inputs or any(map(self.grows, node.varied_by)))
        return self.growing[tensor]

    def type(self, tensor: Tensor) -> TensorType:
        """Return the type of a spec's tensor."""
        return self.types.get(tensor) or self.natural(tensor)

    def keeps(self, leaf: Leaf, op: Op) -> bool:
        """Note what a layer's own operator makes of a spec's tensors; return whether that is what the network has."""
        read = [self.type(tensor) for tensor in leaf.inputs]
        same = read == self._theirs(leaf, self.facts)
        same = same and (self.other is None or self._more(leaf) == self._theirs(leaf, self.other))
        if same and not any(map(callable, vars(op).values())):  # a program may have rules of its own
            self.types.update({tensor: self.facts.types[tensor.position] for tensor in leaf.outputs})
            return True
        return self.makes(leaf, op)

    def _theirs(self, leaf: Leaf, facts: Facts) -> list[TensorType]:
        return [facts.types[tensor.position] for tensor in leaf.inputs]

    def _more(self, leaf: Leaf) -> list[TensorType]:
        """Return what a spec's layer reads for the other batch."""
        found = []
        for tensor in leaf.inputs:
            (first, *sample), dtype = self.type(tensor)
            found.append(TensorType((OTHER * first if self.grows(tensor) else first, *sample), dtype))
        return found

    def _grows_so(self, leaf: Leaf, op: Op) -> bool:
        """Return whether an operator does as much for more samples as a layer does.

        A network may count over all samples, as how many tokens each expert has; for a spec that is a tensor of each.
        """
        if self.other is None:
            return True
        try:
            return _run(_by_arguments(op), self._more(leaf))[1] == figures(self.other, leaf.nodes)
        except (Mismatch, IndexError, ValueError):
            return False

    def makes(self, leaf: Leaf, op: Op, batch_at: int | None = None) -> bool:
        """Note what an operator makes of a spec's tensors, if that is what a layer makes; return whether it is.

        `batch_at` is the axis to which a program's call moves the batch.
        """
        made = self.made(leaf, op)
        wanted = [self.facts.types[tensor.position] for tensor in leaf.outputs]
        if made is None or len(made) != len(wanted):
            return False
        is_loose = batch_at is not None or not self.within.keys().isdisjoint(leaf.inputs)
        likely = batch_at if batch_at is not None else self.batch_at(leaf.inputs[0]) if is_loose else None
        places = [self._place(one, theirs, likely) for one, theirs in zip(made, wanted, strict=True)]
        if any(place == NOWHERE or (place is not None and place >= 0 and not is_loose) for place in places):
            return False
        self.within |= {tensor: at for tensor, at in zip(leaf.outputs, places, strict=True) if at is not None}
        self.growing |= dict.fromkeys(leaf.outputs, any(map(self.grows, leaf.inputs)))
        self.types.update(zip(leaf.outputs, made, strict=True))
        return True

    def made(self, leaf: Leaf, op: Op) -> tuple[TensorType, ...] | None:
        """Return the types of what an operator makes of a spec's tensors; None where it costs other than a layer."""
        if self.is_plain or not self._grows_so(leaf, op):
            return None
        read = [self.type(tensor) for tensor in leaf.inputs]
        try:
            made, found = _run(_by_arguments(op), read)
        except (Mismatch, IndexError, ValueError):
            return None
        return made if found == figures(self.facts, leaf.nodes) else None

    def _place(self, made: TensorType, theirs: TensorType, likely: int | None) -> int | None:
        """Return where a program has a batch that a spec's tensor has in front; None where they are the same."""
        if made.dtype != theirs.dtype or not made.shape:
            return NOWHERE
        if without_ones(made.shape) == without_ones(theirs.shape):
            return None
        own = without_ones(made.shape[1:])
        places = [likely] if likely is not None and theirs.shape[likely : likely + 1] == (self.fixed,) else []
        places += [at for at, size in enumerate(theirs.shape) if size == self.fixed and (at or self.fixed > 1)]
        places += self._ways(theirs.shape)
        return next((at for at in places if without_ones(_sample(theirs.shape, at, self.fixed)) == own), NOWHERE)

    def _ways(self, shape: Shape) -> Iterator[int]:
        """Yield where a program of a fixed batch may have it, if not in front alone."""
        if self.fixed > 1:
            whole = [at for at, size in enumerate(shape) if size == self.fixed]
            merged = [MERGED - at for at, size in enumerate(shape) if size % self.fixed == 0 and size != self.fixed]
            yield from sorted([*whole, *merged], key=lambda at: (at != MERGED, at < 0))


def _sample(shape: Shape, at: int, batch: int) -> Shape:
    if at > NOWHERE:
        return (*shape[:at], *shape[at + 1 :])
    at = MERGED - at
    return (*shape[:at], shape[at] // batch, *shape[at + 1 :])


def figures(facts: Facts, nodes: Sequence[Node]) -> Figures:
    """Return what nodes cost in all."""
    weights = [weight for node in nodes for weight in facts.own_weights(node).values()]
    works = [facts.call(node).work for node in nodes]
    return Figures(
        sum(size(weight.shape) for weight in weights if weight.parameter),
        sum(size(weight.shape) for weight in weights if not weight.parameter),
        sum(work.macs for work in works),
        sum(work.other for work in works),
    )


def in_another_batch(facts: Facts, batch: int = OTHER) -> Facts | None:
    """Return the facts for another batch; None where there is none to choose."""
    if facts.settings.batch or facts.graph.batch:
        return None
    return facts_of(facts.graph, facts.settings._replace(batch=batch), Problems())


def _by_arguments(op: Op) -> Op:
    """Return an operator without rules of its own, which a program may give it."""
    other = object.__new__(type(op))
    vars(other).update({name: getattr(op, name) for name in op.args})
    return other


def _run(op: Op, read: Sequence[TensorType]) -> tuple[tuple[TensorType, ...], Figures]:
    """Return what a layer makes of inputs of these types, and what it costs."""
    costs: list[Figures] = []

    def emit(part: Op, given: Sequence[TensorType]) -> tuple[TensorType, ...]:
        shapes = [type_.shape for type_ in given]
        if not part.stretches:
            most = max((shape[0] for shape in shapes), default=1)
            shapes = [(most, *shape[1:]) if shape[0] == 1 else shape for shape in shapes]
        outputs = part.outputs(*shapes)
        weights = part.weights(*shapes).values()
        work = part.work(shapes, outputs[0])
        learned = sum(size(weight.shape) for weight in weights if weight.parameter)
        others = sum(size(weight.shape) for weight in weights if not weight.parameter)
        costs.append(Figures(learned, others, work.macs, work.other))
        return tuple(map(TensorType, outputs, part.output_dtypes(*[type_.dtype for type_ in given])))

    made = op.build(emit, read)
    return tuple(made), Figures(*[sum(figures) for figures in zip(*costs, strict=True)])


def core(shape: Shape) -> Shape:
    """Return a shape without its axes of size 1."""
    return tuple(size for size in shape if size != 1)


def without_ones(shape: Shape) -> Shape:
    """Return a shape without the axes of size 1 in front."""
    return next((shape[at:] for at, size in enumerate(shape) if size != 1), ())

"""Whether an operator of ours gives what the file does: shapes, weights, multiply-accumulates, at every batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.shape import Mismatch, size
from archinspect.ops.axes import pairs
from archinspect.ops.declared import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.base import Op
    from archinspect.ops.figures import Weight


class Wanted(NamedTuple):
    """What a row is in the file, at each batch."""

    outputs: tuple[tuple[Shape, ...], ...]
    macs: tuple[int, ...]
    weights: int
    """Elements of the stored tensors that are the operator's own weights."""


class Given(NamedTuple):
    """A tensor as the graph has it: its shape at each batch, and whether the batch is its first axis."""

    shapes: tuple[Shape, ...]
    batched: bool


class Fits:
    """Remembers what was tried: networks repeat themselves."""

    def __init__(self, batches: Sequence[int]) -> None:
        self.batches = batches
        self._known: dict[object, bool] = {}

    def batched(self, shapes: Sequence[Shape]) -> bool:
        """Return whether the batch is the first axis; not of a model that was executed at one batch alone."""
        pairs_ = zip(shapes, self.batches, strict=True)
        return len(self.batches) > 1 and all(shape[:1] == (batch,) for shape, batch in pairs_)

    def given(self, shapes: Sequence[Shape]) -> Given:
        """Return what a tensor of these shapes is like."""
        return Given(tuple(shapes), self.batched(shapes))

    def agree(self, op: Op, given: Sequence[Given], wanted: Wanted) -> bool:
        """Return whether an operator on these inputs is what the file has."""
        key = (op, tuple(given), wanted)
        try:
            known = self._known.get(key)
        except TypeError:  # sizes that are known by name alone, for a formula, are in no table
            return self._agree(op, given, wanted)
        if known is None:
            known = self._known[key] = self._agree(op, given, wanted)
        return known

    def _agree(self, op: Op, given: Sequence[Given], wanted: Wanted) -> bool:
        least, most = op.inputs
        if len(given) < least or (most is not None and len(given) > most):
            return False
        if any(given[at].batched for at in op.shared):
            return False
        try:
            return all(self._agrees_at(at, op, given, wanted) for at in range(len(self.batches)))
        except (Mismatch, ArgumentError, ArithmeticError, LookupError, TypeError, ValueError):
            return False

    def _agrees_at(self, at: int, op: Op, given: Sequence[Given], wanted: Wanted) -> bool:
        shapes = [one.shapes[at] for one in given]
        expected = wanted.outputs[at]
        if not op.stretches and self.batched([outputs[0] for outputs in wanted.outputs]):
            # As the engine does: what is the same for all samples is repeated for each.
            batch = self.batches[at]
            shapes = [s if one.batched else (batch, *s[1:]) for one, s in zip(given, shapes, strict=True)]
        found = op.outputs(*shapes)
        if len(found) < len(expected) or found[: len(expected)] != expected:
            return False
        if op.work(shapes, found[0]).macs != wanted.macs[at]:
            return False
        return sum(size(weight.shape) for weight in op.weights(*shapes).values()) == wanted.weights


def are_shared(weights: Mapping[str, Weight], theirs: Mapping[str, Weight]) -> bool:
    """Return whether all weights of an operator are those of another, by name or by their axes."""
    several = [weight for weight in theirs.values() if len(weight.shape) > 1]
    return all(
        (name in theirs and weight.shape == theirs[name].shape) or any(pairs(weight, other) for other in several)
        for name, weight in weights.items()
    )

"""Receptive fields: which part of the input each position of a layer sees.

A layer that reads all positions, such as a global pooling, sees everything. Fields are exact: after up-sampling,
neighbors see stretches of different lengths, in a pattern that repeats.
"""

from __future__ import annotations

from functools import reduce
from math import gcd, lcm
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from archinspect.base.shape import ceil_div

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.analyses.facts import Facts
    from archinspect.ops.figures import Reach

LEAST_RANK = 3
"""Batch, at least one spatial axis, channels."""
MAX_PERIOD = 4096
MAX_SPANS = 1_000_000
"""Of the patterns of all tensors; what comes after is not found."""
MAX_STEP = 10**18


class Field(NamedTuple):
    """What the positions of a tensor see of one axis of the input.

    `spans` holds the first input position that each of the first positions sees, and how many; the pattern goes on
    with every span moved by `step` input positions. Without up-sampling it is a pattern of one.
    """

    spans: tuple[tuple[int, int], ...] = ((0, 1),)
    step: int = 1

    @property
    def size(self) -> int:
        """Return the input positions that a position sees at most, padding included."""
        return max(count for _, count in self.spans)

    @property
    def jump(self) -> float:
        """Return how far the fields of neighbors are apart, on average."""
        return self.step / len(self.spans)

    @property
    def center(self) -> float:
        """Return the middle of the first position's field, smoothed over the pattern; the input's first middle is 0."""
        if len(self.spans) == 1:
            ((first, count),) = self.spans
            return first + (count - 1) / 2
        middles = [first + (count - 1) / 2 - i * self.jump for i, (first, count) in enumerate(self.spans)]
        return sum(middles) / len(middles)

    def span(self, position: int) -> tuple[int, int]:
        """Return the first input position that a position sees, and the one after the last."""
        times, place = divmod(position, len(self.spans))
        first, count = self.spans[place]
        return first + times * self.step, first + times * self.step + count

    def through(self, reach: Reach) -> Field | None:
        """Return the field after an operator that reads its input so; None for a pattern beyond all bounds."""
        period = len(self.spans)
        if self.step * reach.stride > MAX_STEP:
            return None
        if period == 1 and not reach.up:
            ((first, count),) = self.spans
            span = (first - reach.before * self.step, count + (reach.extent - 1) * self.step)
            return Field((span,), self.step * reach.stride)
        read: Callable[[int], tuple[int, int]]
        if reach.up:
            # Input position x spreads over x * up - before and the extent - 1 after it.
            new, step = period * reach.up, self.step
            read = lambda i: (ceil_div(i + reach.before - reach.extent + 1, reach.up), (i + reach.before) // reach.up)  # noqa: E731 - one of two forms
        else:
            new = period // gcd(period, reach.stride)
            step = self.step * reach.stride * new // period
            read = lambda i: (i * reach.stride - reach.before, i * reach.stride - reach.before + reach.extent - 1)  # noqa: E731 - one of two forms
        if new > MAX_PERIOD:
            return None
        reads = [read(i) for i in range(new)]
        return Field(tuple(_spanned(self.span(min(first, last))[0], self.span(last)[1]) for first, last in reads), step)

    def joined(self, other: Field) -> Field:
        """Return what is seen through two paths together; where they move differently, the wider one."""
        period = lcm(len(self.spans), len(other.spans))
        if self.jump != other.jump or period > MAX_PERIOD:
            return max(self, other, key=lambda field: field.size)
        pairs = [(self.span(i), other.span(i)) for i in range(period)]
        spans = tuple(_spanned(min(a[0], b[0]), max(a[1], b[1])) for a, b in pairs)
        return Field(spans, self.step * period // len(self.spans))


def _spanned(first: int, behind: int) -> tuple[int, int]:
    return first, behind - first


def spanning(lead: Field, start: Field, stop: Field) -> Field:
    """Return the field with the step of one, the first position of another and the end of a third, of one span each."""
    ((first, count),), ((others_first, others_count),) = start.spans, stop.spans
    return Field(((first, count if start is stop else others_first + others_count - first),), lead.step)


def deciding(fields: Sequence[Field]) -> tuple[int, int, int]:
    """Return which of several fields of one span each decide what is seen through all: see :func:`spanning`.

    Where they move differently, only the wider one does.
    """
    lead = start = stop = 0
    ((first, count),), step = fields[0].spans, fields[0].step
    behind = first + count
    for at in range(1, len(fields)):
        ((others_first, others_count),) = fields[at].spans
        others_behind = others_first + others_count
        if fields[at].step != step:
            if others_count > behind - first:
                lead = start = stop = at
                first, behind, step = others_first, others_behind, fields[at].step
            continue
        if others_first < first:
            start, first = at, others_first
        if others_behind > behind:
            stop, behind = at, others_behind
    return lead, start, stop


def together(fields: Sequence[Field]) -> Field:
    """Return what is seen through several paths together."""
    if all(len(field.spans) == 1 for field in fields):
        return spanning(*[fields[at] for at in deciding(fields)])
    return reduce(Field.joined, fields)


Fields: TypeAlias = "tuple[Field, ...] | None"
"""A field for every spatial axis; None where everything is seen."""


def fields(facts: Facts) -> list[Fields]:
    """Return the field of every tensor, by its position."""
    found: list[Fields] = []
    spans = 0
    for node in facts.graph.inputs:
        rank = len(facts.shape(node.output))
        found.append((Field(),) * (rank - 2) if rank >= LEAST_RANK else None)
    for node in facts.graph.nodes:
        seen = _fields(facts.call(node).reach, [found[tensor.position] for tensor in node.reads])
        spans += sum(len(field.spans) - 1 for field in seen or ())  # most have one, and cost nothing
        if spans > MAX_SPANS and any(len(field.spans) > 1 for field in seen or ()):
            seen = None
        found += [seen] * len(node.outputs)
    return found


def _fields(reaches: tuple[Reach, ...] | None, inputs: list[Fields]) -> Fields:
    if reaches is None or not inputs or inputs[0] is None:
        return None
    seen = inputs[0]
    if any(other is not seen for other in inputs):
        known = [other for other in inputs if other is not None and len(other) == len(seen)]
        if len(known) < len(inputs):
            return None
        seen = tuple(map(together, zip(*known, strict=True)))
    if not reaches:
        return seen
    behind = [field.through(reach) for field, reach in zip(seen, reaches, strict=True)]
    return None if None in behind else tuple(field for field in behind if field is not None)

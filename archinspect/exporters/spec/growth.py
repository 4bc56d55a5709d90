"""How the arithmetic of a layer grows with the batch: so much a sample, and so much once for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.exporters.spec.meant import OTHER, figures

if TYPE_CHECKING:
    from archinspect.exporters.spec.leaf import Leaf
    from archinspect.exporters.spec.meant import Meant


class Work(NamedTuple):
    """Arithmetic: multiply-accumulates, and operations besides."""

    macs: int
    other: int


NOTHING = Work(0, 0)


def growth_of(meant: Meant, leaf: Leaf, batch: int) -> tuple[Work, Work] | None:
    """Return what a layer does once for all samples, and what for each; None where it grows otherwise.

    `batch` is that of its output.
    """
    found = figures(meant.facts, leaf.nodes)
    first = Work(found.macs, found.other)
    if meant.other is None:
        each = Work(first.macs // batch, first.other // batch)
        return (NOTHING, each) if first == _times(each, batch) else None
    second = _of(meant, leaf, OTHER)
    if not any(map(meant.grows, leaf.inputs)):
        return (NOTHING, first) if second == first else None
    if second is None or second == _times(first, OTHER):
        return None if second is None else (NOTHING, first)
    each = Work(second.macs - first.macs, second.other - first.other)
    once = Work(first.macs - each.macs, first.other - each.other)
    third = Work(*[one + (OTHER + 1) * more for one, more in zip(once, each, strict=True)])
    is_even = min(*each, *once) >= 0 and _of(meant, leaf, OTHER + 1) == third
    return (once, each) if is_even else None


def _of(meant: Meant, leaf: Leaf, batch: int) -> Work | None:
    facts = meant.in_batch(batch)
    found = None if facts is None else figures(facts, leaf.nodes)
    return None if found is None else Work(found.macs, found.other)


def _times(work: Work, count: int) -> Work:
    return Work(count * work.macs, count * work.other)

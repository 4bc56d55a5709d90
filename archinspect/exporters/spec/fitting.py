"""Copies that lack some steps of others: laid beside these, with gaps, so that one block says them all."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from archinspect import ops
from archinspect.exporters.spec.slots import shape_of, without_inside
from archinspect.exporters.spec.steps import PREVIOUS, Ref

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.exporters.spec.steps import Step

LACKING = 4
"""So many steps at most may be optional in a block."""
Gapped: TypeAlias = "list[Step | None]"


class Fit(NamedTuple):
    """How a step that has others inside lies beside another one."""

    step: Step
    lists: list[list[Fit | None]]
    """Its steps by the other one's, nothing for those that it lacks."""

    @property
    def gaps(self) -> int:
        """How many steps it lacks."""
        return sum(1 if one is None else one.gaps for steps in self.lists for one in steps)

    def apply(self) -> None:
        """Put the gaps into the step."""
        gapped: list[Gapped] = [[one and one.step for one in steps] for steps in self.lists]
        for steps in self.lists:
            for one in steps:
                if one is not None:
                    one.apply()
        if self.step.paths is not None:
            self.step.paths = gapped  # type: ignore[assignment] # read by their slots alone
        elif self.step.body is not None:
            self.step.body = gapped[0]  # type: ignore[assignment] # as above


def fit(part: Step, whole: Step) -> Fit | None:
    """Return how a composite lies beside one that has more steps; None where it has steps of its own."""
    found = _lists(part, whole)
    return found if found is not None and 0 <= found.gaps <= LACKING else None


def unrolled(step: Step) -> list[Step] | None:
    """Return the steps of a composite that begins with a sum of its input and a path: the path's, then the sum.

    A copy without the sum can then lack it. None for one that begins otherwise.
    """
    assert step.body is not None
    join, *rest = step.body
    paths = join.paths or []
    filled = [path for path in paths if path]
    if len(paths) != 2 or len(filled) != 1 or join.source is not None or join.repeat is not None:  # noqa: PLR2004 - a skip
        return None
    (path,) = filled
    if any(inner.name == "input" or inner.source == Ref("all") for inner in (*path, *rest)):
        return None
    last = copy(join)
    last.paths, last.source = None, [PREVIOUS if one else Ref("input") for one in paths]
    return [*path, last, *rest]


def _lists(part: Step, whole: Step) -> Fit | None:
    if len(part.lists) != len(whole.lists):
        return None
    found = []
    for own, other in zip(part.lists, whole.lists, strict=True):
        steps = _fitted(own, other)
        if steps is None:
            return None
        found.append(steps)
    return Fit(part, found)


def _fitted(part: Sequence[Step], whole: Sequence[Step]) -> list[Fit | None] | None:
    """Lay steps beside others, one after another; those in between are optional."""
    found: list[Fit | None] = []
    rest = list(part)
    for step in whole:
        like = _lists(rest[0], step) if rest and _alike(rest[0], step) else None
        if like is None and not _may_lack(step):
            return None
        if like is not None:
            rest.pop(0)
        found.append(like)
    return None if rest else found


def _alike(step: Step, other: Step) -> bool:
    """Return whether steps are the same but for values, what is inside, and which activation they are."""
    one, two = (without_inside(shape_of(each)) for each in (step, other))
    if one == two:
        return True
    activations = all(is_activation(each) for each in (step, other))
    return activations and one[1:] == two[1:]


def is_activation(step: Step) -> bool:
    """Return whether a step is an activation without arguments, so that another one may stand in its place."""
    kind = ops.find_operator(step.op) if isinstance(step.op, str) and step.op else None
    return kind is not None and kind.kind == "activation" and not step.args and step.leaf is not None


def _may_lack(step: Step) -> bool:
    """Return whether a step can be left out, so that it passes its input on; no copy of a list is."""
    return (
        isinstance(step.name, str)
        and not step.name.isdigit()
        and step.when is None
        and step.weights is None
        and not step.is_list
    )

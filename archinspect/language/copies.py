"""The copies of a repeat: as many as a spec says, or a few where a trace leaves their number open."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.base.symbolic.repeats import OpenTrace
    from archinspect.base.symbolic.trace import Symbolic
    from archinspect.language.scope import Expansion


def copies(expansion: Expansion, times: int) -> Iterator[int]:
    """Yield the number of each copy, which is expanded in between."""
    if type(times) is not int and not expansion.is_open:
        from archinspect.base.symbolic.repeats import OpenTrace
        from archinspect.base.symbolic.trace import Symbolic

        if isinstance(times, Symbolic) and isinstance(times.trace, OpenTrace):
            return _open(expansion, times, times.trace)
    return iter(range(times))


def _open(expansion: Expansion, times: Symbolic, trace: OpenTrace) -> Iterator[int]:
    """Yield symbols; count further copies' steps as those of the last."""
    repeat = trace.repeat(times)
    made, steps = expansion.builder.nodes, 0
    expansion.is_open = True
    for index in repeat.indices:
        nodes, before = len(made), expansion.steps
        yield index  # type: ignore[misc] # an int to whoever reads it
        repeat.copies.append(made[nodes:])
        steps = expansion.steps - before
    expansion.is_open = False
    expansion.steps += (times - times.value) * steps  # type: ignore[assignment] # as above

"""What fits into memory, as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.render.numbers import byte_count
from archinspect.render.status import status_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.analyses.fit import Fit


def fit_text(found: Sequence[Fit], form: str, *, exact: bool) -> str:
    """Return a line per number that was varied, or all of them as `json`."""
    if form == "json":
        from archinspect.render.data import json_text  # text does without

        return json_text([one._asdict() for one in found])
    lines = [_line(one, exact=exact) for one in found]
    lines += [f"{title}: {value}" for title, value in status_lines(found[0].uncounted)]
    return "\n".join(lines)


def _line(found: Fit, *, exact: bool) -> str:
    needed, memory = (byte_count(number, exact=exact) for number in (found.needed, found.memory))
    if found.smallest is not None:
        return f"{found.vary}: none fits: {found.smallest:,} needs {needed} of {memory}"
    return f"{found.vary}: {found.largest:,} needs {needed} of {memory}; {_beyond(found, exact=exact)}"


def _beyond(found: Fit, *, exact: bool) -> str:
    """Return what is known of the next larger number."""
    larger = f"{found.largest + found.step:,}"
    if found.beyond:
        return f"{larger} needs {byte_count(found.beyond, exact=exact)}"
    return "no larger one was tried" if found.ended_early else f"the network does not take {larger}"

"""dead-taps: a part of a kernel meets nothing but padding, wherever the window stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks.network import nodes_of_kind, places
from archinspect.checks.rule import Finding, Rule, at
from archinspect.ops.spatial import Windowed, times

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="dead-taps",
    name="Taps that only ever see padding",
    why=(
        "These weights are stored, multiplied and trained, but the network gives the same without them. The "
        "window, or its dilation, is too large for the map."
    ),
    repair="Use a smaller window or dilation, or a larger input.",
    example="""\
input: [4, 4, 16]
layers:
  - Conv2D: {filters: 16, kernel_size: 3, dilation_rate: 4, padding: same}
""",
    by_block=True,
)


MAX_TAPS = 100_000
"""Of an axis, more than any network has: a window with more is not looked at."""


def check(facts: Facts) -> Iterator[Finding]:
    """Warn of each convolution with taps that lie in the padding at every position."""
    for node in nodes_of_kind(facts, "convolution"):
        call = facts.call(node)
        if not isinstance(node.op, Windowed) or any(one.up for one in call.reach or ()):
            continue
        lengths = places(facts, node)
        how = call.sliding
        if not all(any(pads) for pads in how.pads) or getattr(node.op, "padding_mode", "zeros") != "zeros":
            continue
        counts = node.op.split(call.output)[0]
        live = [
            _live(length, taps, window, stride, before, count)
            for length, taps, window, stride, (before, _), count in zip(
                lengths, how.taps, how.windows, how.strides, how.pads, counts, strict=True
            )
        ]
        if live != [*how.taps]:
            shown = f"of the {times(how.taps)} window of '{node.layer}' only {times(live)}"
            message = f"{shown} ever meets the input of {times(lengths)}"
            yield at(facts, node, message, "use a smaller window or dilation, or a larger input")


def _live(length: int, taps: int, window: int, stride: int, before: int, count: int) -> int:
    """Return how many taps read the input at some position of the window."""
    if taps > MAX_TAPS:
        return taps
    apart = (window - 1) // (taps - 1) if taps > 1 else 1
    found = 0
    for tap in range(taps):
        first = tap * apart - before
        # The first position at which the tap is not before the input, if there is such a one.
        position = max(0, -(first // stride)) if first < 0 else 0
        found += position < count and first + position * stride < length
    return found

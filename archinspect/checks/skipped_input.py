"""skipped-input: a window's stride is larger than the window."""

from __future__ import annotations

from operator import gt
from typing import TYPE_CHECKING

from archinspect.checks.network import places
from archinspect.checks.rule import Finding, Rule, at
from archinspect.ops.spatial import Windowed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="skipped-input",
    name="Input between windows that is never read",
    why="What lies between two windows was computed by the layers before, and nothing reads it.",
    repair="Stride by the window's size at most, or pool before.",
    example="""\
input: [32, 32, 3]
layers:
  - Conv2D: {filters: 8, kernel_size: 3, padding: same}
  - Conv2D: {filters: 8, kernel_size: 2, strides: 3}
""",
    by_block=True,
)


def check(facts: Facts) -> Iterator[Finding]:
    """Warn of each window with gaps, where nothing else reads what lies in them."""
    for node in facts.graph.nodes:
        if not isinstance(node.op, Windowed) or len(node.inputs[0].readers) > 1:
            continue  # what a projection beside other paths skips, these read
        call = facts.call(node)
        if any(one.up for one in call.reach or ()):
            continue  # a transposed one leaves gaps in what it makes
        how = call.sliding
        if not any(map(gt, how.strides, how.windows)):
            continue
        skipped = [
            (stride, window)
            for stride, window, length in zip(how.strides, how.windows, places(facts, node), strict=True)
            if stride > window and length > window
        ]
        if skipped:
            stride, window = skipped[0]
            message = f"'{node.layer}' moves a window of {window} by {stride}: what lies between is never read"
            yield at(facts, node, message, "stride by the window's size at most, or pool before")

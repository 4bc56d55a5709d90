"""uneven: a window's steps do not reach the end of its input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks.rule import Finding, Rule, at
from archinspect.ops.spatial import Windowed, positions_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="uneven",
    name="Rows and columns that are never read",
    why="What is left over is computed by the layers before, and read by none. Networks of another input size read it.",
    repair="Change the padding or the input's size, if that was not meant.",
    example="""\
input: [28, 28, 1]
layers:
  - Conv2D: {filters: 8, kernel_size: 3, strides: 2}
""",
    by_block=True,
)


def check(facts: Facts) -> Iterator[Finding]:
    """Tell of each layer whose windows leave the end of its input out."""
    for node in facts.graph.nodes:
        if isinstance(node.op, Windowed):
            call = facts.call(node)
            left = positions_of(node.op, call.shapes[0], call.output)
            if left:
                message = f"no window of '{node.layer}' reads {left} at the end of its input"
                yield at(facts, node, message, "change the padding or the input's size, if it is to be read")

"""heads: attention splits features into heads, though an axis of as many heads stands in front of the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import text
from archinspect.checks.network import nodes_of
from archinspect.checks.rule import Finding, Rule, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="heads",
    name="Heads that are split again",
    why="Each of those heads is split again, into heads of a few features.",
    repair="Leave `num_heads` out, or let the heads lie side by side in the last axis.",
    example="""\
input: [16, 64]
layers:
  - Reshape: [16, 4, 16]
  - Permute: [2, 1, 3]
  - ScaledDotProductAttention: {num_heads: 4}
""",
)

TURNING = ("Permute", "SwapAxes", "MoveAxis")
SPLIT = 4
"""Axes of a tensor whose heads have one of their own: batch, heads, steps, features."""


def check(facts: Facts) -> Iterator[Finding]:
    """Warn of each attention whose queries were turned so that an axis of as many heads is in front of the steps."""
    for node in nodes_of(facts, "ScaledDotProductAttention"):
        query = node.inputs[0]
        shape, heads = facts.shape(query), getattr(node.op, "num_heads", 1)
        turned = type(query.producer.op).__name__ in TURNING
        if turned and 1 < heads == shape[-3] and len(shape) >= SPLIT:
            message = f"'{node.layer}' splits each of the {heads} heads of {text(shape)} into {heads} again"
            yield at(facts, node, message, "leave num_heads out: the heads are there already")

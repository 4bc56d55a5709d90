"""norm-of-one: a normalization takes the mean of one number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import size, text
from archinspect.checks.network import nodes_of
from archinspect.checks.rule import Finding, Rule, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="norm-of-one",
    name="Normalization of a single number",
    why="A number less itself is 0: whatever comes in, the learned offset comes out.",
    repair="Normalize over more: another axis, fewer groups, or before the pooling.",
    example="""\
input: [8, 8, 16]
layers:
  - GlobalAveragePooling2D: {keepdims: true}
  - InstanceNormalization
""",
    by_block=True,
)


def check(facts: Facts) -> Iterator[Finding]:
    """Warn of each normalization whose means are of one number."""
    for node in nodes_of(facts, "LayerNormalization", "InstanceNormalization", "GroupNormalization"):
        shape = facts.shape(node.inputs[0])
        elements = node.op.statistics(shape)  # type: ignore[attr-defined] # of every normalization
        together = sum(count for _, count in elements) // 2
        if together == size(shape):
            message = (
                f"'{node.layer}' normalizes each number of {text(shape)} by itself, and gives the same for all inputs"
            )
            yield at(facts, node, message, "normalize over more: another axis, fewer groups, or before the pooling")

"""batch-norm-1x1: a batch normalization reads a map of one position."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archinspect.checks.network import nodes_of, places
from archinspect.checks.rule import Finding, Rule, at
from archinspect.ops.spatial import times

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="batch-norm-1x1",
    name="Batch norm at 1x1",
    why=(
        "In training its statistics come from the batch alone: a batch of one fails in PyTorch, and of a few "
        "they are poor."
    ),
    repair="Normalize before the pooling, or train with large batches.",
    example="""\
input: [8, 8, 16]
layers:
  - GlobalAveragePooling2D: {keepdims: true}
  - Conv2D: {filters: 8, kernel_size: 1, use_bias: false}
  - BatchNormalization
""",
    by_block=True,
)


def check(facts: Facts) -> Iterator[Finding]:
    """Tell of each batch normalization over a map of one position."""
    for node in nodes_of(facts, "BatchNormalization"):
        sizes = places(facts, node)
        if sizes and prod(sizes) == 1:
            message = f"'{node.layer}' normalizes maps of {times(sizes)}: a batch of one cannot be trained"
            yield at(facts, node, message, "normalize before the pooling, or train with large batches")

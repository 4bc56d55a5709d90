"""wide-field: a window widens a field that is already several times as wide as the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.analyses.receptive_field import fields
from archinspect.checks.rule import Finding, Rule, at
from archinspect.ops.spatial import Windowed, times

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts
    from archinspect.graph.graph import Node

RULE = Rule(
    code="wide-field",
    name="Receptive field beyond the image",
    why=(
        "Every position has seen the whole image before. What these layers look at is mostly padding; depth "
        "may still help."
    ),
    repair="Stride less, leave layers out, or use a larger input.",
    example="""\
input: [32, 32, 3]
layers:
  - Conv2D: {filters: 8, kernel_size: 7, strides: 2, padding: same}
  - {Conv2D: {filters: 8, kernel_size: 7, padding: same, activation: relu}, repeat: 10}
""",
)

TIMES = 3
"""How many times as wide as the image a field is that is told."""
RANK = 3
"""Axes of a batch of sequences; images have more."""


def check(facts: Facts) -> Iterator[Finding]:
    """Tell of the first window that reads what has seen the image several times over."""
    sizes = [facts.shape(node.output) for node in facts.graph.inputs]
    if len(sizes) != 1 or len(sizes[0]) <= RANK:
        return
    found = facts.once(fields)
    image = sizes[0][2:] if facts.graph.layout == "channels_first" else sizes[0][1:-1]
    for node in facts.graph.nodes:
        seen = (
            found[node.inputs[0].position] if node.op.kind == "convolution" and isinstance(node.op, Windowed) else None
        )
        if not seen or len(seen) != len(image) or min(image) == 1 or not _widens(facts, node):
            continue
        if all(field.size >= TIMES * length for field, length in zip(seen, image, strict=True)):
            message = (
                f"what '{node.layer}' reads sees {times([f.size for f in seen])} of an image of {times(image)} already"
            )
            yield at(facts, node, message, "stride less, leave layers out, or use a larger input")
            return  # all further ones do, too


def _widens(facts: Facts, node: Node) -> bool:
    """Return whether a window reads more than its own position, and is none that spreads."""
    return any(one.extent > 1 and not one.up for one in facts.call(node).reach or ())

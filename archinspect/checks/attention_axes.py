"""attention-axes: attention of Keras's name, and on several axes of steps, attends along the last of them alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import text
from archinspect.checks.network import nodes_of
from archinspect.checks.rule import Finding, Rule, at
from archinspect.ops.multihead import MultiHeadAttention

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="attention-axes",
    name="Attention along one of several axes",
    why=(
        "On a picture, Keras's layer attends over all positions. Here further axes, such as windows, are computed one "
        "by one, which is as many times less work as they have positions."
    ),
    repair="Write `attention_axes`: all axes of positions, or `[-2]`, the last alone.",
    example="""\
input: [8, 8, 16]
layers:
  - MultiHeadAttention: {num_heads: 2, key_dim: 8}
""",
    by_block=True,
)
STEPS = 3
"""Axes where steps have one: batch, steps, features."""


def check(facts: Facts) -> Iterator[Finding]:
    """Warn of each layer in Keras's words whose query has several axes of steps, and which does not say its own."""
    for node in nodes_of(facts, "ScaledDotProductAttention", "_Packed"):
        op, shape = node.layer_op, facts.shape(node.inputs[0])
        if isinstance(op, MultiHeadAttention) and op.key_dim and op.attention_axes is None and len(shape) > STEPS:
            message = f"'{node.layer}' attends along the last axis of steps of {text(shape)} alone; Keras's, over all"
            axes = list(range(1, len(shape) - 1))
            yield at(facts, node, message, f"write `attention_axes: {axes}` for all, `[-2]` for the last alone")

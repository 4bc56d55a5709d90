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
    from archinspect.base.shape import Shape

RULE = Rule(
    code="attention-axes",
    name="Attention along one of several axes",
    why=(
        "On a picture, Keras's layer attends over all positions. Here further axes, such as windows, are computed one "
        "by one, which is as many times less work as they have positions. Heads that a `Reshape` splits off stand "
        "behind the steps, where attention looks for the steps."
    ),
    repair="Write `attention_axes`: all axes of positions, or `[-2]`, the last alone. Put heads before the steps.",
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
        made = node.inputs[0].producer
        if (
            type(made.op).__name__ == "Reshape"
            and len(shape) == STEPS + 1
            and _splits(facts.shape(made.inputs[0]), shape)
        ):
            message = f"'{node.layer}' attends along the {shape[2]} heads of {text(shape)}, for each step alone"
            help_ = "write `SwapAxes: {axis1: 1, axis2: 2}` before it, or `num_heads` in the place of the `Reshape`"
            yield at(facts, node, message, help_)
        if isinstance(op, MultiHeadAttention) and op.key_dim and op.attention_axes is None and len(shape) > STEPS:
            message = f"'{node.layer}' attends along the last axis of steps of {text(shape)} alone; Keras's, over all"
            axes = list(range(1, len(shape) - 1))
            yield at(facts, node, message, f"write `attention_axes: {axes}` for all, `[-2]` for the last alone")


def _splits(shape: Shape, output: Shape) -> bool:
    """Return whether a reshape leaves the steps, and makes heads of the features."""
    return len(shape) == STEPS and output[1] == shape[1] and output[2] > 1

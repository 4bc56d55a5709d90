"""heads: attention splits features into heads, though an axis of as many heads was made in front of the steps.

Why: each of those heads is split again, into heads of a few features.

Example: `Reshape: [16, 4, 16]`, `Permute: [2, 1, 3]`, `ScaledDotProductAttention: {num_heads: 4}`.

Fix: leave `num_heads` out, or let the heads lie side by side in the last axis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from archinspect.base.diagnostics import Diagnostic
from archinspect.base.shape import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

CODE: Final = "heads"
SPLIT = 4
"""Axes of a tensor whose heads have one of their own: batch, heads, steps, features."""


def check(facts: Facts) -> Iterator[Diagnostic]:
    """Warn of each attention whose queries were turned so that an axis of as many heads is in front of the steps."""
    for node in facts.graph.nodes:
        if type(node.op).__name__ != "ScaledDotProductAttention":
            continue
        query = node.inputs[0]
        shape, heads = facts.shape(query), getattr(node.op, "num_heads", 1)
        turned = type(query.producer.op).__name__ == "Permute"
        if turned and 1 < heads == shape[-3] and len(shape) >= SPLIT:
            message = f"'{node.layer}' splits each of the {heads} heads of {text(shape)} into {heads} again"
            yield Diagnostic(CODE, message, node.origin, "leave num_heads out: the heads are there already")

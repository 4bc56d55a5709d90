"""head-size: the heads of an attention have together another width than what they read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks.network import nodes_of
from archinspect.checks.rule import Finding, Rule, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="head-size",
    name="Heads that do not divide",
    why=(
        "The usual size of a head is the width divided by the heads. Another one is possible, but costs "
        "projections of another width, and fused kernels want multiples of 8."
    ),
    repair="Choose heads that divide the width, and a size that is a multiple of 8.",
    example="""\
input: [16, 64]
layers:
  - MultiHeadAttention: {num_heads: 5, key_dim: 12}
""",
    by_block=True,
)

EVEN = 8
"""What fused kernels want the size of a head to be a multiple of."""


def check(facts: Facts) -> Iterator[Finding]:
    """Tell of each attention whose heads do not divide its width, or are no multiple of 8."""
    for node in nodes_of(facts, "ScaledDotProductAttention"):
        heads = getattr(node.op, "num_heads", 1)
        query = facts.shape(node.inputs[0])
        width, each = query[-1], query[-1] // heads
        made = node.inputs[0].producer
        given = facts.shape(made.inputs[0])[-1] if made.op.kind == "dense" and made.inputs else width
        if heads > 1 and (given % heads or each % EVEN):
            wrong = (
                f"{heads} heads do not divide the {given} features that it reads"
                if given % heads
                else f"each of {heads} heads has {each} features"
            )
            yield at(
                facts,
                node,
                f"'{node.layer}': {wrong}",
                f"choose heads that divide {given}, of a multiple of {EVEN} features each",
            )

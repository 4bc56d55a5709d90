"""packed-attention: queries, keys and values that one layer makes side by side are read as one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks.network import next_layer, nodes_of
from archinspect.checks.rule import Finding, Rule, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="packed-attention",
    name="Queries, keys and values that are not cut apart",
    why=(
        "A dense layer makes three times its features, and attention reads all of them as queries, as keys and as"
        " values: three times as wide as where each has its part."
    ),
    repair="Cut them apart by `Split: 3`, or write `MultiHeadAttention`, which has the projections.",
    example="""\
input: [10, 32]
layers:
  - {Dense: 96, name: qkv}
  - ScaledDotProductAttention: {num_heads: 4}
  - Dense: 32
""",
    by_block=True,
)
PARTS = 3


def check(facts: Facts) -> Iterator[Finding]:
    """Warn of each attention of what a dense layer makes three times as wide, which another one makes narrow again."""
    for node in nodes_of(facts, "ScaledDotProductAttention", "Attention"):
        made, after = node.inputs[0].producer, next_layer(facts, node)
        if after is None or len(set(node.inputs[:PARTS])) > 1 or {made.op.kind, after.op.kind} != {"dense"}:
            continue
        width = facts.shape(made.inputs[0])[-1]
        if facts.shape(node.inputs[0])[-1] == PARTS * width == PARTS * facts.shape(after.output)[-1]:
            message = f"'{node.layer}' reads all {PARTS * width} features of '{made.layer}' as queries, keys and values"
            help_ = "`{Split: 3, name: parts}` cuts them apart: `from: [parts.0, parts.1, parts.2]`"
            yield at(facts, node, message, help_)

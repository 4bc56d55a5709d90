"""chained-attention: one of queries, keys and values is made of another, where they likely stand side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks.network import nodes_of
from archinspect.checks.rule import Finding, Rule, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="chained-attention",
    name="Queries, keys and values in a chain",
    why=(
        "A step reads the step before it. Dense layers for queries, keys and values that follow one another are a"
        " chain: the keys are made of the queries, the values of the keys."
    ),
    repair="Say of each what it reads: `from: x`.",
    example="""\
input: [10, 32]
layers:
  - {LayerNormalization: , name: x}
  - {Dense: 32, name: q}
  - {Dense: 32, name: k}
  - {Dense: 32, name: v}
  - {ScaledDotProductAttention: {num_heads: 4}, from: [q, k, v]}
""",
    by_block=True,
)


def check(facts: Facts) -> Iterator[Finding]:
    """Warn of each dense layer that makes what an attention reads of something else that it reads."""
    for node in nodes_of(facts, "ScaledDotProductAttention", "Attention", "LinearAttention"):
        for tensor in dict.fromkeys(node.inputs[:3]):
            made = tensor.producer
            if made.op.kind == "dense" and made.inputs[0] in node.inputs[:3]:
                source = made.inputs[0].producer
                message = f"'{made.layer}' reads '{source.layer}', and '{node.layer}' reads both"
                yield at(facts, made, message, "for layers side by side, say of each what it reads: `from: x`")

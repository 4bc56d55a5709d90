"""linear-chain: a dense layer reads nothing but another dense layer, without an activation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks.network import next_layer, nodes_of, source_of
from archinspect.checks.rule import Finding, Rule, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="linear-chain",
    name="Dense layers with nothing between",
    why=(
        "Two linear maps are one linear map: the network can compute nothing that a single layer of the "
        "second one's size cannot. A narrow middle is a low-rank factorization, and is not told."
    ),
    repair="Add an activation to the first, or leave one of them out.",
    example="""\
input: [64]
layers:
  - Dense: 128
  - Dense: 10
""",
    by_block=True,
)


def check(facts: Facts) -> Iterator[Finding]:
    """Warn of each pair of dense layers that is one linear map."""
    for node in nodes_of(facts, "Dense"):
        before = source_of(node)
        if type(before.op).__name__ != "Dense" or next_layer(facts, before) is not node or node.layer == before.layer:
            continue
        width, given, made = (facts.shape(t)[-1] for t in (node.inputs[0], before.inputs[0], node.output))
        if width >= min(given, made):
            message = f"nothing but '{node.layer}' reads '{before.layer}', and there is no activation between"
            yield at(facts, node, message, "two linear layers are one: add an activation, or leave one out")

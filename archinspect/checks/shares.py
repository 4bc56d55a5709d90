"""shares: a layer that is said to use another's `weights` has none in common with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks.rule import Finding, Rule, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="shares",
    name="Shared weights that are not shared",
    why="Nothing is shared then, and every weight counts as the layer's own.",
    repair="Give both layers the same sizes, or remove `weights`.",
    example="""\
input: [28, 28, 3]
layers:
  - {Conv2D: {filters: 3, kernel_size: 5, use_bias: false}, name: first}
  - {Conv2D: {filters: 3, kernel_size: 3, use_bias: false}, weights: first}
""",
)


def check(facts: Facts) -> Iterator[Finding]:
    """Warn of each layer with weights of which the other has none."""
    for node in facts.graph.nodes:
        if node.shares is not None:
            weights, own = facts.call(node).weights, facts.own_weights(node)
            if weights and len(own) == len(weights):
                message = f"'{node.layer}' has no weight in common with '{node.shares.layer}'"
                yield at(facts, node, message, "give both the same sizes, or remove `weights`")

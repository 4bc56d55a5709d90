"""heavy-layer: one layer has more than half of a large network's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.analyses.cost import layer_costs
from archinspect.checks.network import source_of
from archinspect.checks.rule import Finding, Rule, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="heavy-layer",
    name="A layer that holds most parameters",
    why=(
        "It decides on size and memory, and is where to save. Often a `Flatten` stands before it, where a "
        "global pooling would do."
    ),
    repair="Pool before it, make it narrower, or factorize it.",
    example="""\
input: [64, 64, 3]
layers:
  - Conv2D: {filters: 16, kernel_size: 3, strides: 2, activation: relu}
  - Conv2D: {filters: 32, kernel_size: 3, strides: 2, activation: relu}
  - Flatten
  - Dense: {units: 512, activation: relu}
  - Dense: 10
""",
)

LARGE = 1_000_000
"""Parameters from which on it matters."""
SEVERAL = 4
"""Layers with weights: of a few, one always has most."""


def check(facts: Facts) -> Iterator[Finding]:
    """Tell of the layer that has most parameters of a network of some size."""
    layers = facts.once(layer_costs)
    weighty = {layer: cost.params for layer, cost in layers.items() if cost.params}
    total = sum(weighty.values())
    if total < LARGE or len(weighty) < SEVERAL:
        return
    for node in facts.graph.nodes:
        params = weighty.pop(node.layer, 0)
        if 2 * params > total:
            message = f"'{node.layer}' has {params:,} of {total:,} parameters ({params / total:.0%})"
            before = type(source_of(node).op).__name__ == "Flatten"
            yield at(
                facts,
                node,
                message,
                "pool before it instead of `Flatten`" if before else "make it narrower, or factorize it",
            )

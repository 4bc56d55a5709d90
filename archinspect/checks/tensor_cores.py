"""tensor-cores: the channels of a layer with much work are no multiple of 8."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.analyses.cost import layer_costs
from archinspect.checks.network import outputs_of
from archinspect.checks.rule import Finding, Rule, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="tensor-cores",
    name="Channels that waste tensor cores",
    why=(
        "Tensor cores multiply tiles: with 16-bit numbers sizes are filled up to multiples of 8, which costs "
        "time, or a slower kernel is chosen."
    ),
    repair="Round the channels to a multiple of 8, better of 64.",
    example="""\
input: [32, 32, 3]
layers:
  - Conv2D: {filters: 50, kernel_size: 3, activation: relu}
  - Conv2D: {filters: 100, kernel_size: 3, activation: relu}
  - GlobalAveragePooling2D
  - Dense: 10
""",
    by_block=True,
)

TILE = 8
SHARE = 50
"""The part of all MACs from which on it matters: a 50th."""
LARGE = 10_000_000
"""MACs of a network that is worth a graphics card."""


def check(facts: Facts) -> Iterator[Finding]:
    """Tell of each layer with a share of the work whose channels do not fill tiles; outputs have as many as classes."""
    costs = facts.once(layer_costs)
    total = sum(cost.macs for cost in costs.values())
    ends = outputs_of(facts)
    for node in facts.graph.nodes:
        features = getattr(node.op, "filters", 0) or getattr(node.op, "units", 0)
        much = costs[node.layer].macs * SHARE >= total > LARGE
        if much and features > TILE and features % TILE and node not in ends and node.op.has_kernel:
            nearest = -(-features // TILE) * TILE
            message = f"'{node.layer}' makes {features} channels, no multiple of {TILE}"
            yield at(facts, node, message, f"{nearest} channels take tensor cores the same time")

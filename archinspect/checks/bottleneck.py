"""bottleneck: a layer is far narrower than the layers before and behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks.network import MAX_WALK, next_layer, per_sample, source_of
from archinspect.checks.rule import Finding, Rule, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="bottleneck",
    name="A width that everything has to pass",
    why="All that the later layers can know of the input passes these few numbers. Often a digit is missing.",
    repair="Make it wider, if this is no code of an autoencoder, gate or adapter.",
    example="""\
input: [784]
layers:
  - Dense: {units: 512, activation: relu}
  - Dense: {units: 4, activation: relu}
  - Dense: {units: 512, activation: relu}
  - Dense: 10
""",
    by_block=True,
)

NARROW = 32
"""How many times narrower it is than its neighbors."""


def check(facts: Facts) -> Iterator[Finding]:
    """Tell of each layer that is narrower by far than what it reads and what is made of it."""
    for node in facts.graph.nodes:
        if not node.op.has_kernel or not node.inputs:
            continue
        width, given = per_sample(facts.shape(node.output)), per_sample(facts.shape(node.inputs[0]))
        if width * NARROW > given or per_sample(facts.shape(source_of(node).output)) != given:
            continue
        after = next_layer(facts, node)
        for _ in range(MAX_WALK):
            if after is None or after.op.kind not in {"activation", "normalization"}:
                break
            after = next_layer(facts, after)
        if after is not None and after.op.has_kernel and per_sample(facts.shape(after.output)) >= NARROW * width:
            made = per_sample(facts.shape(after.output))
            message = f"'{node.layer}' narrows {given:,} numbers to {width:,}, of which '{after.layer}' makes {made:,}"
            yield at(facts, node, message, "make it wider, if this is no code, gate or adapter")

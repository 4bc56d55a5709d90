"""unread-parts: of the parts of a split only the first is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks.network import nodes_of
from archinspect.checks.rule import Finding, Rule, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="unread-parts",
    name="Parts that nothing reads",
    why="The step behind a split reads its first part alone; the others are made for nothing.",
    repair="Read each part by its number, `from: parts.1`. `Slice` takes one part alone.",
    example="""\
input: [32]
layers:
  - {Split: 2, name: halves}
  - Dense: 8
""",
    by_block=True,
)


def check(facts: Facts) -> Iterator[Finding]:
    """Warn of each split of which the first part has readers and no other one has."""
    wanted = set(facts.graph.outputs)
    for node in nodes_of(facts, "Split", "Unbind"):
        first, *others = node.outputs
        if others and first.readers and not any(part.readers or part in wanted for part in others):
            message = f"of the {len(node.outputs)} parts of '{node.layer}' only the first is read"
            yield at(facts, node, message, f"`from: {node.layer}.1` reads the second; `Slice` takes one alone")

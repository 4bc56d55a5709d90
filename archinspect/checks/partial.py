"""partial: some figures of a layer are not known, and count as nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks.rule import Finding, Rule, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="partial",
    name="Figures that are not known",
    why="A total without them is too small, and nothing in the number itself says so.",
    repair="State the figures; 0 where there are none.",
    example="""\
input: [8]
layers:
  - Custom: {output: [4]}
  - Dense: 2
""",
)


def check(facts: Facts) -> Iterator[Finding]:
    """Warn of each layer whose figures are not all known."""
    for node in facts.graph.nodes:
        unknown = node.op.unknown()
        if unknown:
            message = f"'{node.layer}' is not counted: its {', '.join(unknown)} are not known"
            yield at(facts, node, message, "state them; 0 where there are none")

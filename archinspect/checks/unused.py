"""unused: a layer on which no output of the network depends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks.rule import Finding, Rule, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="unused",
    name="Layer that nothing uses",
    why="It costs parameters and time for nothing. Usually a `from` names the wrong layer.",
    repair="Read the layer somewhere, name it in `outputs`, or remove it.",
    example="""\
input: [8]
layers:
  - {Dense: 4, name: features}
  - {Dense: 2, name: scores}
  - {Dense: 3, name: extra, from: features}
outputs: [scores]
""",
)


def check(facts: Facts) -> Iterator[Finding]:
    """Warn of each layer without a path to an output."""
    unused = facts.graph.unused()
    seen = {node.layer for node in set(facts.graph.nodes).difference(unused)} if unused else set()
    for node in unused:
        if node.layer not in seen:
            seen.add(node.layer)
            yield at(facts, node, f"nothing uses '{node.layer}'", "read it with `from`, or name it in `outputs`")

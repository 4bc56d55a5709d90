"""no-expect: a spec states no figure in `expect`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.analyses.cost import layer_costs
from archinspect.checks.network import is_text
from archinspect.checks.rule import Finding, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="no-expect",
    name="No stated figures",
    why="Nothing notices when an edit changes what the network costs.",
    repair="State at least the parameters: `archinspect summary --exact` prints them.",
    example="""\
input: [8]
layers:
  - Dense: 4
""",
)


def check(facts: Facts) -> Iterator[Finding]:
    """Tell of a spec without `expect`."""
    graph = facts.graph
    if graph.expect is None and is_text(facts) and graph.origin.line:
        params = sum(cost.params for cost in facts.once(layer_costs).values())
        yield Finding("the spec states no figure in `expect`", graph.origin, f"write `expect: {{params: {params:_}}}`")

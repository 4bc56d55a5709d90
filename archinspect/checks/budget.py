"""budget: a figure is beyond a bound of the configuration or the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.base.source import Map
from archinspect.checks.bounds import against, as_tree
from archinspect.checks.rule import Finding, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="budget",
    name="Figure beyond a budget",
    why="`[budgets]` of the configuration, or `--expect`, bounds figures of many specs at once.",
    repair="Make the network smaller, or the budget larger.",
    example="""\
input: [28, 28, 1]
layers:
  - Flatten
  - Dense: {units: 64, activation: relu}
  - Dense: 10
""",
    expect={"params": "<= 50 k"},
)


class Budget(NamedTuple):
    """Bounds, and who states them."""

    stated: str
    bounds: Mapping[str, Any]


def found(facts: Facts, budgets: tuple[Budget, ...]) -> Iterator[Finding]:
    """Report each figure that is beyond a budget."""
    for stated, bounds in budgets:
        tree = as_tree(dict(bounds), facts.graph.origin)
        assert isinstance(tree, Map)
        for one in against(facts, tree):
            yield one._replace(message=f"{one.message}, as {stated} states")

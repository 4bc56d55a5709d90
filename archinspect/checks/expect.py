"""expect: a figure is not what the spec's `expect` states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.source import Map
from archinspect.checks.bounds import against
from archinspect.checks.rule import Finding, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="expect",
    name="Figure that is not as stated",
    why="`expect` is the spec's own test: it holds a published figure, or a budget that no edit may break.",
    repair="Correct the network, or state the new figure.",
    example="""\
input: [28, 28, 1]
layers:
  - Flatten
  - Dense: 10
expect:
  params: 7_000
  output: [12]
""",
)


def check(facts: Facts) -> Iterator[Finding]:
    """Report each figure that is not as stated."""
    if isinstance(facts.graph.expect, Map):
        yield from against(facts, facts.graph.expect)

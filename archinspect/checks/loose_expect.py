"""loose-expect: a bound is so far away that nothing would break it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.source import Map, Scalar
from archinspect.checks.bounds import quantity_of
from archinspect.checks.figures import FIGURES, Asked
from archinspect.checks.rule import Finding, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="loose-expect",
    name="Bound that is stale",
    why="The network has become much smaller than its `expect` allows. It may double without a word.",
    repair="Lower the bound to what the network has now, and some room.",
    example="""\
input: [28, 28, 1]
layers:
  - Flatten
  - Dense: 10
expect: {params: <= 1 M}
""",
)
TIMES = 2


def check(facts: Facts) -> Iterator[Finding]:
    """Tell of each upper bound that is more than twice the figure."""
    if not isinstance(facts.graph.expect, Map):
        return
    for key, tree in facts.graph.expect:
        if key.text not in FIGURES or not isinstance(tree, Scalar) or not tree.text.lstrip().startswith("<"):
            continue
        try:
            quantity, unit = quantity_of(key.text, tree.text)
            figure = FIGURES[key.text].of(Asked(facts, {}))
        except ValueError:  # which `expect` tells
            continue
        if figure and figure * TIMES < float(quantity.number) * unit:
            message = f"{key.text}: {tree.text} allows {float(quantity.number) * unit / figure:.1f} times what there is"
            yield Finding(message, tree.span, f"the network has {figure:,}")

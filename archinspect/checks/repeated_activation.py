"""repeated-activation: an activation reads nothing but another activation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks.network import nodes_of_kind, source_of
from archinspect.checks.rule import Finding, Rule, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="repeated-activation",
    name="Activation twice",
    why=(
        "The second one does nothing, as `ReLU` behind `ReLU`, or it squeezes what was squeezed before. "
        "Usually a layer has its activation as an argument and as a step."
    ),
    repair="Remove one of the two.",
    example="""\
input: [8]
layers:
  - Dense: {units: 16, activation: relu}
  - ReLU
  - Dense: 2
""",
    by_block=True,
)

GATES = frozenset(("GLU", "LayerScale", "Activation", "Identity"))
"""Those that combine features, or may be none."""


def check(facts: Facts) -> Iterator[Finding]:
    """Warn of each activation of an activation."""
    for node in nodes_of_kind(facts, "activation"):
        before = source_of(node)
        names = type(before.op).__name__, type(node.op).__name__
        if before.op.kind == "activation" and len(node.inputs) == 1 and not {*names} & GATES:
            message = f"'{node.layer}' applies {names[1]} to the {names[0]} of '{before.layer}'"
            yield at(facts, node, message, "remove one of the two")

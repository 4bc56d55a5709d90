"""repeated-activation: an activation reads nothing but another activation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks.network import nodes_of_kind, source_of
from archinspect.checks.rule import Finding, Rule, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts
    from archinspect.graph.graph import Node

RULE = Rule(
    code="repeated-activation",
    name="Activation twice",
    why=(
        "The second one does nothing, as `ReLU` after `ReLU`, or it squeezes what was squeezed before. "
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

SAME_AGAIN = frozenset(("ReLU", "ReLU6", "Softmax", "Sigmoid", "HardSigmoid", "Tanh", "HardTanh"))
"""Those that do nothing the second time, or squeeze what was squeezed."""
NEVER_NEGATIVE = frozenset(("ReLU", "ReLU6", "Sigmoid", "HardSigmoid", "Softmax", "Softplus", "Exponential"))
LOSES_NEGATIVE = frozenset(("ReLU", "ReLU6"))
OF_LOGITS = frozenset(("Softmax", "LogSoftmax", "Sigmoid"))


def check(facts: Facts) -> Iterator[Finding]:
    """Warn of each activation of an activation."""
    for node in nodes_of_kind(facts, "activation"):
        before = source_of(node)
        if before.op.kind == "activation" and len(node.inputs) == 1 and _is_one_too_many(before, node):
            names = type(before.op).__name__, type(node.op).__name__
            message = f"'{node.layer}' applies {names[1]} to the {names[0]} of '{before.layer}'"
            yield at(facts, node, message, "remove one of the two")


def _is_one_too_many(before: Node, node: Node) -> bool:
    """Return whether one of two activations is likely a mistake: some are made of two, as Mish's tanh of a softplus."""
    first, second = type(before.op).__name__, type(node.op).__name__
    if first == second:
        return first in SAME_AGAIN
    if second == "ReLU" and first in NEVER_NEGATIVE:
        return True
    if first in LOSES_NEGATIVE and second in OF_LOGITS:
        return True
    # The layer has an activation as its argument, and one as a step.
    return before.layer_op.has_kernel and node.layer != before.layer

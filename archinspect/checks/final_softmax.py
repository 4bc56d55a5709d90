"""final-softmax: an output of the network is a softmax or a sigmoid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks.network import nodes_of, outputs_of
from archinspect.checks.rule import Finding, Rule, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="final-softmax",
    name="Softmax before the loss",
    why=(
        "Losses on logits (PyTorch's `CrossEntropyLoss`, Keras's with `from_logits`) apply it themselves: a "
        "second one flattens the gradient. They are more accurate on logits, too."
    ),
    repair="Leave it to the loss, or silence this where the network is for inference.",
    example="""\
input: [64]
layers:
  - Dense: {units: 32, activation: relu}
  - Dense: {units: 10, activation: softmax}
""",
    by_block=True,
)


def check(facts: Facts) -> Iterator[Finding]:
    """Tell of each output that is no logit."""
    for node in nodes_of(facts, "Softmax", "LogSoftmax", "Sigmoid"):
        if node in outputs_of(facts):
            what = type(node.op).__name__
            message = f"the network's output '{node.layer}' is a {what}: a loss on logits would apply it twice"
            yield at(facts, node, message, "leave it to the loss")

"""dropout-before-norm: a batch normalization reads what a dropout gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks.network import nodes_of
from archinspect.checks.rule import Finding, Rule, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="dropout-before-norm",
    name="Dropout before batch norm",
    why=(
        "Dropout changes the variance in training but not at inference, so the running statistics do not fit "
        "(Li et al. 2018, arXiv:1801.05134)."
    ),
    repair="Drop after the last batch normalization.",
    example="""\
input: [64]
layers:
  - Dense: {units: 32, activation: relu}
  - Dropout: 0.5
  - Dense: {units: 16, use_bias: false}
  - BatchNormalization
""",
    by_block=True,
)

DROPS = frozenset(("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout"))


def check(facts: Facts) -> Iterator[Finding]:
    """Tell of each dropout right before a batch normalization, or before the layer that this normalizes."""
    for node in nodes_of(facts, "BatchNormalization"):
        before = node.inputs[0].producer
        if before.op.has_kernel:  # a sum over what was dropped has its variance
            before = before.inputs[0].producer
        if type(before.op).__name__ in DROPS and before.op.given().get("rate", 1):
            message = f"'{node.layer}' gathers the variance of what '{before.layer}' drops, which inference does not"
            yield at(facts, before, message, "drop after the last batch normalization")

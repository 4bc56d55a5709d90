"""bias-before-norm: a layer adds a bias, and a normalization subtracts it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks.network import nodes_of, only_reader
from archinspect.checks.rule import Finding, Rule, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="bias-before-norm",
    name="Bias before a normalization",
    why="The mean that a normalization subtracts contains the bias. It is stored, computed and trained for nothing.",
    repair="Write `use_bias: false`.",
    example="""\
input: [32, 32, 3]
layers:
  - Conv2D: {filters: 16, kernel_size: 3}
  - BatchNormalization
""",
    by_block=True,
)


def check(facts: Facts) -> Iterator[Finding]:
    """Tell of each bias that only a normalization of its channels reads."""
    for node in nodes_of(facts, "BatchNormalization", "InstanceNormalization"):
        before = node.inputs[0].producer
        if (
            getattr(before.op, "use_bias", False)
            and only_reader(facts, before.output) is node
            and before.op.activation is None
        ):
            message = f"'{before.layer}' adds a bias that '{node.layer}' subtracts again"
            yield at(facts, before, message, "write `use_bias: false`")

"""norm-axis: a normalization is along another axis than the channels that a convolution makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.base.shape import normal_axis
from archinspect.checks.network import nodes_of, source_of
from archinspect.checks.rule import Finding, Rule, at
from archinspect.ops.spatial import channel_axis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="norm-axis",
    name="Normalization along positions",
    why=(
        "A convolution makes channels, and the normalization behind it is told another axis: it has statistics of each"
        " row or column, and not of each channel."
    ),
    repair="Leave `axis` out: it is the channels'.",
    example="""\
input: [3, 32, 32]
layout: channels_first
layers:
  - Conv2D: {filters: 8, kernel_size: 3}
  - BatchNormalization: {axis: -1}
""",
    by_block=True,
)
NORMS = ("BatchNormalization", "FrozenBatchNormalization", "GroupNormalization", "InstanceNormalization")


def check(facts: Facts) -> Iterator[Finding]:
    """Warn of each normalization of what a convolution makes along another axis than its channels."""
    for node in nodes_of(facts, *NORMS):
        made, shape = source_of(node), facts.shape(node.inputs[0])
        op: Any = node.op
        if op.axis is None or made.op.kind != "convolution":
            continue
        axis, channels = normal_axis(op.axis, len(shape)), channel_axis(shape, made.op.data_format)
        if axis != channels:
            message = f"'{node.layer}' normalizes along axis {axis}, but '{made.layer}' makes channels along {channels}"
            yield at(facts, node, message, "leave `axis` out: it is the channels'")

"""norm-groups: a group normalization has one group, or a group for each channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks.network import nodes_of
from archinspect.checks.rule import Finding, Rule, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="norm-groups",
    name="Group norm that is another norm",
    why=(
        "It is a layer normalization of the whole map, or an instance normalization, whose names say so. "
        "Usually the groups were to be another number."
    ),
    repair="Choose groups of several channels, or write the normalization that it is.",
    example="""\
input: [16, 16, 32]
layers:
  - Conv2D: {filters: 32, kernel_size: 3, padding: same}
  - GroupNormalization: 32
""",
    by_block=True,
)


def check(facts: Facts) -> Iterator[Finding]:
    """Tell of each group normalization that is another one."""
    for node in nodes_of(facts, "GroupNormalization"):
        channels = node.op.channels(facts.shape(node.inputs[0]))  # type: ignore[attr-defined] # of this operator
        groups = channels if node.op.groups == -1 else node.op.groups  # type: ignore[attr-defined] # as above
        if channels > 1 and groups in {1, channels}:
            other = "an instance normalization" if groups == channels else "a layer normalization of all channels"
            message = f"'{node.layer}' has {groups} groups for {channels} channels: it is {other}"
            yield at(facts, node, message, "choose groups of several channels, or write what it is")

"""unflattened: a dense layer reads maps, where a vector was likely meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks.network import next_layer, nodes_of, outputs_of
from archinspect.checks.rule import Finding, Rule, at
from archinspect.ops.spatial import Spatial, times

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts
    from archinspect.graph.graph import Node

RULE = Rule(
    code="unflattened",
    name="Dense layer on maps",
    why=(
        "A dense layer works on the last axis. Of maps with their channels first that is the width; with their channels"
        " last each position has an output of its own."
    ),
    repair="Write `Flatten`, or a global pooling, before it. For an output of each position write a 1x1 convolution.",
    example="""\
input: [28, 28, 1]
layers:
  - Conv2D: {filters: 8, kernel_size: 3}
  - Dense: 10
""",
    by_block=True,
)
MAP = 4
"""Axes of maps: batch, two of positions, channels."""
PICTURE = (1, 3)
"""Channels of a picture."""


def check(facts: Facts) -> Iterator[Finding]:
    """Warn of each dense layer that mixes the width of maps, and of those that give the output of each position."""
    for node in nodes_of(facts, "Dense"):
        shape = facts.shape(node.inputs[0])
        made = _maker(facts, node) if len(shape) >= MAP else None
        if made is None:
            continue
        if made.op.data_format == "channels_first":
            message = f"'{node.layer}' mixes the {shape[-1]} positions along the last axis of maps, not the channels"
        elif _is_last(facts, node):
            message = f"'{node.layer}' has an output for each of {times(shape[1:-1])} positions"
        else:
            continue
        yield at(facts, node, message, "write `Flatten`, or a global pooling, before it")


def _maker(facts: Facts, node: Node) -> Node | None:
    """Return what made the maps that a node reads: a layer over maps, or an input that is a picture."""
    made = node.inputs[0].producer
    while made.inputs and made.op.kind in ("activation", "normalization", "identity", "dense", "other"):
        made = made.inputs[0].producer
    if isinstance(made.op, Spatial):
        return made
    shape = facts.shape(made.output)
    return made if made in facts.graph.inputs and len(shape) == MAP and {shape[1], shape[-1]} & {*PICTURE} else None


def _is_last(facts: Facts, node: Node) -> bool:
    """Return whether a layer makes an output of the network, an activation passed over."""
    following = next_layer(facts, node)
    if following is not None and following.op.kind == "activation":
        node = following
    return node in outputs_of(facts)

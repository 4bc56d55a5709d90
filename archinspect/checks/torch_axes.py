"""torch-axes: axes are written as a call of PyTorch has them, with the batch, and mean something else here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks.network import nodes_of, nodes_of_kind
from archinspect.checks.rule import Finding, Rule, at
from archinspect.ops.spatial import Spatial

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts
    from archinspect.base.shape import Shape

RULE = Rule(
    code="torch-axes",
    name="Axes with the batch",
    why=(
        "`x.view(-1, 400)` makes vectors of PyTorch's tensors, whose first axis is the batch. A spec leaves the batch"
        " out: here -1 is an axis of size 1. `x.transpose(1, 2)` exchanges two axes; a list of all axes in their order"
        " moves none. Merged tensors are lined up at their last axes: a vector with the width of maps, not with their"
        " channels."
    ),
    repair=(
        "Leave the -1 out, or write the 1. Write `SwapAxes` to exchange two axes, and `Reshape: [16, 1, 1]` for a"
        " number per channel."
    ),
    example="""\
input: [16, 5, 5]
layout: channels_first
layers:
  - view: [-1, 400]
  - Linear: 10
""",
)


def check(facts: Facts) -> Iterator[Finding]:
    """Warn of a -1 at the front that is 1, of orders that move no axis, of vectors that meet the width of maps."""
    yield from _ones(facts)
    yield from _orders(facts)
    yield from _vectors(facts)


def _ones(facts: Facts) -> Iterator[Finding]:
    reshapes = nodes_of(facts, "Reshape")
    counted = {node.origin for node in reshapes if facts.shape(node.output)[1] != 1}  # by another copy of the step
    for node in reshapes:
        target: Shape = node.op.target_shape  # type: ignore[attr-defined] # of these
        is_one = len(target) > 1 and target[0] == -1 and facts.shape(node.output)[1] == 1
        if is_one and node.origin not in counted:
            shown = ", ".join(map(str, target[1:]))
            message = f"the -1 of '{node.layer}' is an axis of size 1, as the batch is left out"
            yield at(facts, node, message, f"write `[{shown}]`, or `[1, {shown}]` where that is meant")


def _orders(facts: Facts) -> Iterator[Finding]:
    for node in nodes_of(facts, "Permute"):
        dims: Shape = node.op.dims  # type: ignore[attr-defined] # of these
        if len(dims) > 1 and list(dims) == sorted(dims):
            help_ = f"`SwapAxes: {{axis1: {dims[-2]}, axis2: {dims[-1]}}}` exchanges the last two; else leave it out"
            yield at(facts, node, f"'{node.layer}' leaves all axes where they are", help_)


def _vectors(facts: Facts) -> Iterator[Finding]:
    for node in nodes_of_kind(facts, "merge"):
        shapes = [facts.shape(tensor) for tensor in node.inputs]
        maps = [
            tensor
            for tensor in node.inputs
            if isinstance(op := tensor.producer.op, Spatial) and op.data_format == "channels_first"
        ]
        vector = next((shape for shape in shapes if len(shape) == 2 and shape[1] > 1), None)  # noqa: PLR2004 - and the batch
        if node.op.stretches and vector and maps and len(facts.shape(maps[0])) > len(vector):
            message = (
                f"'{node.layer}' lines up a vector of {vector[1]} with the last axis of maps, not with their channels"
            )
            ones = ", 1" * (len(facts.shape(maps[0])) - 2)
            yield at(facts, node, message, f"write `Reshape: [{vector[1]}{ones}]` before it for a number per channel")

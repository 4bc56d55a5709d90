"""Recurrences of ONNX: what they read has steps before samples, and what they give an axis of ways, [T, D, N, H]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.exporters.spec.leaf import Besides, Further
from archinspect.graph.call import TensorType

if TYPE_CHECKING:
    from archinspect.exporters.spec.leaf import Leaf
    from archinspect.exporters.spec.meant import Meant
    from archinspect.ops.base import Op

WAYS = "ways"
"""What the step is called that parts what both ways give."""


def recurrence(meant: Meant, leaf: Leaf) -> Op | None:
    """Return the recurrence of ours that a layer is, whose inputs and outputs the layer has then; else None.

    One of both ways has a step after it, which gives each way an axis of its own as the file does.
    """
    node, graph = leaf.nodes[-1], meant.facts.graph
    like: Op | None = vars(node.op).get("like") if hasattr(node.op, "__dict__") else None
    given = tuple(tensor for tensor in node.inputs if tensor.producer not in leaf.nodes)
    if like is None or not getattr(node.op, "steps_first", False) or len(given) != 1:
        return None
    has_states = any(tensor.readers or tensor in graph.outputs for tensor in node.outputs[1:])
    op = like if has_states else like.replace(return_state=False)
    leaf.inputs, leaf.outputs = given, node.outputs if has_states else node.outputs[:1]
    made = meant.made(leaf, op)
    if made is None or len(meant.facts.shape(node.outputs[0])) != len(("T", "D", "N", "H")):
        return None
    leaf.outputs += tuple(Besides(node) for _ in made[len(leaf.outputs) :])  # states that the file leaves out
    for number, (tensor, type_) in enumerate(zip(leaf.outputs, made, strict=True)):
        meant.types[tensor], meant.growing[tensor] = type_, True
        meant.within[tensor] = 1 if number else 2  # where the file has the samples
    if like.bidirectional:  # type: ignore[attr-defined] # of a recurrence
        _part(meant, leaf)
    return op


def _part(meant: Meant, leaf: Leaf) -> None:
    """Put a step after a layer that parts what both ways give."""
    sequence, *states = leaf.outputs
    (batch, steps, width), dtype = meant.types[sequence]
    joined, parted = Besides(leaf.nodes[-1]), (steps, 2, width // 2)
    step = Further(leaf.nodes, f"{leaf.path}.{WAYS}")
    step.place, step.rank = f"{leaf.place}_{WAYS}", 1
    step.op, step.args = "Reshape", {"target_shape": [*parted]}
    step.inputs, step.outputs = (joined,), (sequence,)
    meant.types |= {joined: meant.types[sequence], sequence: TensorType((batch, *parted), dtype)}
    meant.growing[joined] = True
    leaf.outputs, leaf.before = (joined, *states), [step]

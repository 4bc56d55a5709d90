"""Calls that cut a tensor into parts or pass it on, whatever a program calls them: `Split`, `Identity`, ..."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.exporters.spec.meant import figures
from archinspect.ops.elementwise import Cast
from archinspect.ops.identity import Identity
from archinspect.ops.layout import SwapAxes
from archinspect.ops.lookup import Gather
from archinspect.ops.reshape import Permute, Reshape
from archinspect.ops.several import Split, Unbind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.base.shape import Shape
    from archinspect.exporters.spec.leaf import Leaf
    from archinspect.exporters.spec.meant import Meant
    from archinspect.ops.base import Op

RESHAPES = ("view", "reshape", "unsafe_view", "unsqueeze", "squeeze", "flatten", "unflatten", "expanddims")
"""What programs call operators that give a tensor another shape and nothing else."""
LOOKUPS = ("index", "index_select", "Gather")
"""What programs call operators that take positions along the first axis."""
AXES = ("dim", "axis")
"""What programs call the argument that says where to cut."""


def cut(meant: Meant, leaf: Leaf) -> Op | None:
    """Return the operator that makes the parts which a layer makes of its input; None where it does more."""
    nodes = leaf.nodes
    if len(nodes) > 1 or len(nodes[0].inputs) != 1 or len(nodes[0].outputs) < 2:  # noqa: PLR2004 - several
        return None
    leaf.inputs, leaf.outputs = nodes[0].inputs, nodes[0].outputs
    given = meant.type(leaf.inputs[0]).shape
    parts = [meant.facts.shape(tensor) for tensor in leaf.outputs]
    for axis in _axes(nodes[0].op, meant, leaf, len(given)):
        for op in _cuts(parts, given, axis):
            if meant.makes(leaf, op):
                return op
    return None


def passed_on(meant: Meant, leaf: Leaf) -> Op | None:
    """Return the operator that does no more than a layer which passes its input on, in another type or shape."""
    nodes = leaf.nodes
    if len(nodes) > 1 or len(nodes[0].inputs) != 1 or len(nodes[0].outputs) != 1 or any(figures(meant.facts, nodes)):
        return None
    if meant.facts.call(nodes[0]).weights or nodes[0].op.unknown():
        return None
    leaf.inputs, leaf.outputs = nodes[0].inputs, nodes[0].outputs
    _, *sample = meant.natural(leaf.outputs[0]).shape
    given, wanted = meant.type(leaf.inputs[0]), meant.natural(leaf.outputs[0])
    found: list[Op] = []
    if given.shape == wanted.shape:
        found = [Identity()] if given.dtype == wanted.dtype else [Cast(dtype=wanted.dtype)]
    elif type(nodes[0].op).__name__.lower().strip("_") in RESHAPES or _keeps_order(meant, leaf):
        found = [Reshape(target_shape=list(sample))]
    return next((op for op in found if meant.makes(leaf, op)), None)


def _keeps_order(meant: Meant, leaf: Leaf) -> bool:
    """Return whether a layer moves axes of size 1 alone, such as a batch of one sample; it is then a change of shape."""
    shape = meant.facts.shape(leaf.inputs[0])
    like = vars(leaf.nodes[0].op).get("like")
    dims = [*range(len(shape))]
    if isinstance(like, Permute) and sorted(like.dims) == dims:
        dims = [*like.dims]
    elif isinstance(like, SwapAxes):
        one, two = like.axis1, like.axis2
        dims[one], dims[two] = dims[two], dims[one]
    else:
        return False
    moved = [dim for dim in dims if shape[dim] != 1]
    return moved == sorted(moved)


def looked_up(meant: Meant, leaf: Leaf) -> Op | None:
    """Return the operator that takes from a table of the network's own what a tensor of indices says."""
    (node, *others) = leaf.nodes
    if others or type(node.op).__name__ not in LOOKUPS or len(node.inputs) != 2 or len(node.outputs) != 1:  # noqa: PLR2004 - table, indices
        return None
    if any(map(meant.grows, node.inputs)) or any(map(meant.has_batch, node.inputs)):
        return None
    leaf.inputs, leaf.outputs = node.inputs, node.outputs
    op = Gather(axis=1)
    return op if meant.makes(leaf, op) else None


def _axes(op: Op, meant: Meant, leaf: Leaf, rank: int) -> Iterator[int]:
    """Yield the axes along which it may cut, the one that it says first."""
    said = next(
        (vars(op).get("arguments", {}).get(name) for name in AXES if name in vars(op).get("arguments", {})), None
    )
    if isinstance(said, int):
        yield said % rank if said < 0 else said + (not meant.has_batch(leaf.inputs[0]))
    yield from range(1, rank)


def _cuts(parts: Sequence[Shape], given: Shape, axis: int) -> Iterator[Op]:
    if axis >= len(given) or axis < 1:
        return
    if len(parts) == given[axis]:
        yield Unbind(parts=len(parts), axis=axis)
    at = axis - len(given)
    if all(len(part) >= -at for part in parts):
        sizes = [part[at] for part in parts]
        yield Split(parts=len(parts), axis=axis) if len(set(sizes)) == 1 else Split(sizes=[*sizes], axis=axis)

"""Calls that cut a tensor into parts or pass it on, whatever a program calls them: `Split`, `Identity`, ..."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.exporters.spec.meant import figures
from archinspect.exporters.spec.spelling import behind
from archinspect.ops.elementwise import Cast
from archinspect.ops.identity import Identity
from archinspect.ops.layout import Expand, SwapAxes
from archinspect.ops.lookup import Gather
from archinspect.ops.merge import Concatenate
from archinspect.ops.reshape import Permute, Reshape
from archinspect.ops.several import Split, Unbind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.base.shape import Shape
    from archinspect.exporters.spec.leaf import Leaf
    from archinspect.exporters.spec.meant import Meant
    from archinspect.graph.graph import Tensor
    from archinspect.ops.base import Op

RESHAPES = ("view", "reshape", "unsafe_view", "unsqueeze", "squeeze", "flatten", "unflatten", "expanddims")
"""What programs call operators that give a tensor another shape and nothing else."""
SQUEEZE = "Squeeze"
EXPAND = "expand"
"""What programs call the operator that stretches axes of size 1."""
PERM = "perm"
"""What ONNX calls the order of all axes."""
LOOKUPS = ("index", "index_select", "Gather")
"""What programs call operators that take positions along an axis."""
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


def passed_on(meant: Meant, leaf: Leaf, *, is_reshape: bool = False) -> Op | None:
    """Return the operator that does no more than a layer which passes its input on, in another type or shape."""
    nodes = leaf.nodes
    name = type(nodes[0].op).__name__.lower().strip("_")
    read = nodes[0].inputs[:1] if name == EXPAND else nodes[0].inputs  # others tell sizes alone
    if len(nodes) > 1 or len(read) != 1 or len(nodes[0].outputs) != 1 or any(figures(meant.facts, nodes)):
        return None
    if meant.facts.call(nodes[0]).weights or nodes[0].op.unknown():
        return None
    leaf.inputs, leaf.outputs = read, nodes[0].outputs
    _, *sample = meant.natural(leaf.outputs[0]).shape
    given, wanted = meant.type(leaf.inputs[0]), meant.natural(leaf.outputs[0])
    found: list[Op] = []
    if len(read) < len(nodes[0].inputs) and not _is_joined(meant, leaf.outputs[0]):
        return None  # it is a tensor for each sample
    if name == EXPAND:
        shape = meant.facts.shape(leaf.outputs[0])
        if shape[0] == meant.fixed > 1 and _is_joined(meant, leaf.outputs[0]):
            op = Expand(target_shape=list(shape[1:]))
            return op if meant.makes(leaf, op, batch_at=0) else None
        found = [Expand(target_shape=list(sample))]
    elif given.shape == wanted.shape:
        found = [Identity()] if given.dtype == wanted.dtype else [Cast(dtype=wanted.dtype)]
    elif is_reshape or name in RESHAPES:
        found = [Reshape(target_shape=list(sample))]
    return next((op for op in found if meant.makes(leaf, op)), None)


def _is_joined(meant: Meant, tensor: Tensor) -> bool:
    """Return whether all that reads a tensor puts it beside others that differ from sample to sample."""
    joins = [
        isinstance(reader.op, Concatenate) and any(meant.grows(one) for one in reader.inputs if one is not tensor)
        for reader in tensor.readers
    ]
    return bool(joins) and all(joins)


def moved(meant: Meant, leaf: Leaf) -> Op | None:
    """Return the operator that puts a spec's axes into the order in which a program's call puts its own.

    The batch stays in front, wherever the program has it.
    """
    (node, *others) = leaf.nodes
    if others or len(node.inputs) != 1:
        return None
    leaf.inputs, leaf.outputs = node.inputs, node.outputs
    dims = _order(node.op, len(meant.facts.shape(node.inputs[0])))
    if not dims:
        return _squeezed(meant, leaf)
    at = meant.batch_at(node.inputs[0])
    new = [behind(dim, at) for dim in dims if dim != at]
    given = meant.type(node.inputs[0]).shape
    sized = [dim for dim in new if given[dim] != 1]
    if at is None and sized == sorted(sized) and meant.has_batch(node.outputs[0]):
        return passed_on(meant, leaf, is_reshape=True)  # the batch comes to the front: an axis less
    op = Identity() if new == sorted(new) else Permute(dims=list(new))
    return op if meant.makes(leaf, op, batch_at=None if at is None else dims.index(at)) else None


def _squeezed(meant: Meant, leaf: Leaf) -> Op | None:
    """Return what leaves a tensor as it is where a program drops an axis before its batch that a spec's has not."""
    (node,) = leaf.nodes
    at, rank = meant.batch_at(node.inputs[0]), len(meant.facts.shape(node.inputs[0])) - 1
    is_dropped = len(meant.type(node.inputs[0]).shape) == len(meant.facts.shape(node.outputs[0])) == rank
    if not at or type(node.op).__name__ != SQUEEZE or not is_dropped:
        return None
    return Identity() if meant.makes(leaf, Identity(), batch_at=at - 1) else None


def reshaped(meant: Meant, leaf: Leaf) -> Op | None:
    """Return what gives other axes to a tensor behind its batch, which is not in front where the program has it."""
    (node, *others) = leaf.nodes
    if others or len(node.inputs) != 1 or type(node.op).__name__.lower() not in RESHAPES:
        return None
    leaf.inputs, leaf.outputs = node.inputs, node.outputs
    given, made = meant.facts.shape(node.inputs[0]), meant.facts.shape(node.outputs[0])
    at = meant.batch_at(node.inputs[0])
    if not at or given[: at + 1] != made[: at + 1]:
        return None
    op = Reshape(target_shape=[*made[:at], *made[at + 1 :]])
    return op if meant.makes(leaf, op, batch_at=at) else None


def _order(op: Op, rank: int) -> list[int]:
    """Return the order into which a program's operator puts all axes, its batch's among them; empty for none."""
    dims = [*range(rank)]
    like = op if isinstance(op, Permute) else vars(op).get("like")
    if isinstance(like, SwapAxes):
        dims[like.axis1], dims[like.axis2] = dims[like.axis2], dims[like.axis1]
        return dims
    if isinstance(like, Permute) and 0 not in like.dims:
        return [0, *like.dims]
    order = like.dims if isinstance(like, Permute) else dict(vars(op).get("attributes", ())).get(PERM, ())
    return [*order] if sorted(order) == dims else []


def looked_up(meant: Meant, leaf: Leaf) -> Op | None:
    """Return the operator that takes from a table of the network's own what a tensor of indices says."""
    (node, *others) = leaf.nodes
    if others or type(node.op).__name__ not in LOOKUPS or len(node.inputs) != 2 or len(node.outputs) != 1:  # noqa: PLR2004 - table, indices
        return None
    if any(map(meant.grows, node.inputs)) or any(map(meant.has_batch, node.inputs)):
        return None
    leaf.inputs, leaf.outputs = node.inputs, node.outputs
    ways = (Gather(axis=axis) for axis in range(1, len(meant.type(node.inputs[0]).shape)))
    return next((op for op in ways if meant.makes(leaf, op)), None)


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

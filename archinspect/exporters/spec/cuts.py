"""Calls that cut a tensor into parts, whatever a program calls them: `Split` and `Unbind` of a spec."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.ops.several import Split, Unbind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.base.shape import Shape
    from archinspect.exporters.spec.leaf import Leaf
    from archinspect.exporters.spec.meant import Meant
    from archinspect.ops.base import Op

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

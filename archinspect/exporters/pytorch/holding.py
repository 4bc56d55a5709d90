"""What the variables of an exported program hold, in all copies of a class whose text is written once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.exporters.scopes import Between, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from archinspect.exporters.scopes import Leaf
    from archinspect.graph.graph import Node, Tensor


def hold(
    found: dict[Tensor, Node],
    held: Iterable[tuple[Tensor, int]],
    steps: Sequence[Leaf | Scope],
    first: Scope,
    copy: Scope,
) -> None:
    """Add to `found` up to which node a copy's tensors are held.

    `held` says of the first copy's tensors during which of its steps they are held last.
    """
    # Not strict: they may be any number, where the class takes any.
    tensors: dict[Any, Any] = dict(zip(first.inputs, copy.inputs, strict=False))
    nodes: dict[int, Node] = {}
    """The last node of each of the first copy's steps, by the step's identity."""
    _match(first, copy, tensors, nodes)
    ends: list[Node | None] = []
    """The last node that has run after each step; a copy may lack steps, and a step nodes."""
    for step in steps:
        ends.append(nodes.get(id(step), ends[-1] if ends else None))
    for tensor, index in held:
        own, end = tensors.get(tensor), ends[index]
        if own is None or isinstance(own, Between) or end is None:
            continue
        if own not in found or found[own].position < end.position:
            found[own] = end


def _match(first: Scope, copy: Scope, tensors: dict[Any, Any], nodes: dict[int, Node]) -> None:
    """Note what a copy has for each tensor and step of the first one; what it lacks gives what it is given."""
    there = {child.name: child for child in copy.children}
    for child in first.children:
        other = there.get(child.name)
        if other is None:
            tensors[child.outputs[0]] = tensors[child.inputs[0]]
            continue
        tensors.update(zip(child.outputs, other.outputs, strict=True))
        inside = [node for leaf in other.leaves() for node in leaf.nodes]
        if inside:
            nodes[id(child)] = max(inside, key=lambda node: node.position)
        if isinstance(child, Scope) and isinstance(other, Scope) and child.definition is None:
            _match(child, other, tensors, nodes)

"""Composites that files have and no author would write: of one layer, or of calls that lie apart.

A module without weights that is called several times, such as an activation, is one composite of an ONNX file with its
calls wherever they are. A section of Darknet that joins layers is a composite which reads two tensors. Their layers
stand better in the scope around them, under the composite's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.exporters.spec.titles import is_automatic

if TYPE_CHECKING:
    from archinspect.exporters.spec.tree import Child, Scope


def dissolve(scope: Scope) -> None:
    """Put the layers of such composites into the scope around them, and take running numbers from names."""
    for child in scope.children:
        if child.leaf is not None and is_automatic(child):
            child.name = ""
    found = [child for child in scope.children if child.scope is None or not _is_needless(child, scope)]
    if len(found) == len(scope.children):
        return
    for child in scope.children:
        if child in found or child.scope is None:
            continue
        for inner in child.scope.children:
            has_own = inner.name and len(child.scope.children) > 1
            inner.name = f"{child.name}_{inner.name}" if has_own else child.name
            found.append(inner)
    scope.children = sorted(found, key=_begin)


def _is_needless(child: Child, around: Scope) -> bool:
    """Return whether a composite of layers without weights is one layer, reads several tensors, or lies apart."""
    assert child.scope is not None
    leaves = [inner.leaf for inner in child.scope.children]
    if any(leaf is None or leaf.weighted for leaf in leaves):
        return False
    if len(leaves) == 1 or len(child.reads()) > 1:
        return True
    places = [leaf.position for leaf in leaves if leaf is not None]
    others = (_begin(other) for other in around.children if other is not child)
    return any(places[0] < place < places[-1] for place in others)


def _begin(child: Child) -> int:
    """Return where a child begins to run."""
    return next(leaf.leaf.position for leaf in child.leaves() if leaf.leaf is not None)

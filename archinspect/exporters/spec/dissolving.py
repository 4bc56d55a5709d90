"""Composites that files have and no author would write: of one layer, or of calls that lie apart.

A module without weights that is called several times, such as an activation, is one composite of an ONNX file with its
calls wherever they are. A section of Darknet that joins layers is a composite which reads two tensors. Their layers
stand better in the scope around them, under the composite's name.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING

from archinspect.exporters.spec.titles import is_automatic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.exporters.spec.tree import Child, Scope

_RUNNING = re.compile(r"_(\d+)\Z")


def dissolve(scope: Scope) -> None:
    """Put the layers of such composites into the scope around them, and take running numbers from names."""
    for child in scope.children:
        if child.leaf is not None and is_automatic(child):
            child.name = ""
    begins = sorted(map(_begin, scope.children))
    needless = [child for child in scope.children if child.scope is not None and _is_needless(child, begins)]
    if not needless:
        return
    gone = set(map(id, needless))
    found = [child for child in scope.children if id(child) not in gone]
    for child in needless:
        assert child.scope is not None
        for inner in child.scope.children:
            has_own = inner.name and len(child.scope.children) > 1
            inner.name = f"{child.name}_{inner.name}" if has_own else child.name
            found.append(inner)
    scope.children = sorted(found, key=_begin)


def hoist(scope: Scope) -> None:
    """Put a sum that ends a composite and reads what that was not called with behind it: a residual branch's end."""
    children: list[Child] = []
    for child in scope.children:
        children.append(child)
        inner = child.scope.children if child.scope is not None else []
        if len(inner) < 2 or inner[-1].leaf is None or inner[-1].leaf.weighted:  # noqa: PLR2004 - and another one
            continue
        *rest, last = inner
        leaf = last.leaf
        assert leaf is not None
        own = {tensor for one in rest for tensor in one.gives()}
        outer = [tensor for tensor in leaf.inputs if tensor not in own]
        read = {tensor for one in rest for tensor in one.reads()}
        if len(leaf.inputs) != 2 or len(outer) != 1 or outer[0] in read or rest[-1].result() not in leaf.inputs:  # noqa: PLR2004 - a sum
            continue
        assert child.scope is not None
        child.scope.children = rest
        child.forget()
        last.name = last.name and f"{child.name}_{last.name}"
        children.append(last)
    scope.children = children


def renumber(scope: Scope) -> None:
    """Count names that end with running numbers anew, where these do not say which one of its scope a layer is.

    Exporters count calls in the whole program: `view_17` and `view_18` of one block are `view_21` and `view_22` of the
    next. They become `view` and `view_1`.
    """
    bases: dict[str, list[Child]] = {}
    for child in scope.children:
        if child.leaf is not None and child.name:
            bases.setdefault(_RUNNING.sub("", child.name), []).append(child)
    others = {child.name for child in scope.children if child.leaf is None} | {*bases}
    for base, children in bases.items():
        numbers = [int(found[1]) if (found := _RUNNING.search(child.name)) else 0 for child in children]
        if not base or numbers in (list(range(len(numbers))), list(range(1, len(numbers) + 1))):
            continue
        names = [base, *(f"{base}_{number}" for number in range(1, len(children)))]
        if others.isdisjoint(names[1:]):
            for child, name in zip(children, names, strict=True):
                child.name = name


def _is_needless(child: Child, begins: Sequence[int]) -> bool:
    """Return whether a composite of layers without weights is one layer, reads several tensors, or lies apart.

    `begins` says where each child of the scope around it begins to run, in order.
    """
    assert child.scope is not None
    leaves = [inner.leaf for inner in child.scope.children]
    if any(leaf is None or leaf.weighted for leaf in leaves):
        return False
    made = [tensor for tensor in child.reads() if tensor.batched or tensor.producer.inputs]
    if len(leaves) == 1 or len(made) > 1:
        return True
    places = [leaf.position for leaf in leaves if leaf is not None]
    return bisect_left(begins, places[-1]) > bisect_left(begins, places[0]) + 1


def _begin(child: Child) -> int:
    """Return where a child begins to run."""
    return next(leaf.leaf.position for leaf in child.leaves() if leaf.leaf is not None)

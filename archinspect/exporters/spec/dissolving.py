"""Composites that files have and no author would write: of one layer, or of calls that lie apart.

A module without weights that is called several times, such as an activation, is one composite of an ONNX file with its
calls wherever they are. A section of Darknet that joins layers is a composite which reads two tensors. Their layers
stand better in the scope around them, under the composite's name.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING

from archinspect.exporters.spec.leaf import is_held
from archinspect.exporters.spec.titles import is_automatic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.exporters.spec.tree import Child, Scope
    from archinspect.graph.graph import Tensor

_RUNNING = re.compile(r"_(\d+)\Z")
_PARTS = re.compile(r"(\D.*?)((?:_\d+){0,2})\Z")
"""The name of a part of a call, with the call's number and its own."""


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


def unwrap(scope: Scope) -> None:
    """Put what a composite holds in the place of one that holds nothing else."""
    for child in scope.children:
        inner = child.scope.children[0].scope if child.scope is not None and len(child.scope.children) == 1 else None
        if inner is not None and child.scope is not None and child.scope.is_module is None:
            inner.name, child.scope = child.name, inner


def share(root: Scope) -> None:
    """Put a tensor of the network's own that several composites read where all of these find it.

    A file keeps a number once that many layers use, as in the first of these: all of them are alike without it. It
    then stands in the scope around them, before a list of composites, or at the network's beginning.
    """
    around: dict[Tensor, list[tuple[Scope, ...]]] = {}
    held: list[tuple[Child, tuple[Scope, ...]]] = []
    _look((root,), around, held)
    for child, scopes in held:
        common = _common([scopes, *(path for tensor in child.gives() for path in around.get(tensor, ()))])
        if len(common) == len(scopes) or len(scopes[-1].children) == 1:
            continue
        while len(common) > 1 and _is_list(common[-1]):
            common = common[:-1]
        scopes[-1].children.remove(child)
        place = next(at for at, one in enumerate(common[-1].children) if one.scope is scopes[len(common)])
        common[-1].children.insert(place, child)
        for scope in scopes[:-1]:
            for one in scope.children:
                one.forget()


def lead(scope: Scope) -> None:
    """Put the tensors of the network's own that several layers and composites of a scope read at its beginning."""
    count = Counter(tensor for child in scope.children for tensor in child.reads())
    led = [one for one in scope.children if one.leaf and not one.leaf.inputs and count[one.leaf.outputs[0]] > 1]
    gone = set(map(id, led))
    scope.children = [*led, *(child for child in scope.children if id(child) not in gone)]


def _look(
    around: tuple[Scope, ...],
    readers: dict[Tensor, list[tuple[Scope, ...]]],
    held: list[tuple[Child, tuple[Scope, ...]]],
) -> None:
    """Find the scopes around those that read each tensor, and around each layer that holds one."""
    for child in around[-1].children:
        if child.scope is not None:
            _look((*around, child.scope), readers, held)
        elif child.leaf is not None:
            for tensor in child.leaf.inputs:
                readers.setdefault(tensor, []).append(around)
            if not child.leaf.inputs and len(around[-1].children) > 1:
                held.append((child, around))


def _common(paths: Sequence[tuple[Scope, ...]]) -> tuple[Scope, ...]:
    """Return the scopes that are around all."""
    common = paths[0]
    for other in paths[1:]:
        common = common[: sum(1 for one, two in zip(common, other, strict=False) if one is two)]
    return common


def _is_list(scope: Scope) -> bool:
    """Return whether a scope is a list of numbered composites."""
    return all(child.scope is None or child.name.isdigit() for child in scope.children)


def renumber(scope: Scope) -> None:
    """Count names that end with running numbers anew, where these do not say which one of its scope a layer is.

    Exporters count calls in the whole program: `view_17` and `view_18` of one block are `view_21` and `view_22` of the
    next. They become `view` and `view_1`.
    """
    _renumber_parts(scope)
    bases: dict[str, list[Child]] = {}
    for child in scope.children:
        if child.leaf is not None and child.name:
            bases.setdefault(_RUNNING.sub("", child.name), []).append(child)
    others = {child.name for child in scope.children if child.leaf is None} | {*bases}
    for base, children in bases.items():
        numbers = [int(found[1]) if (found := _RUNNING.search(child.name)) else 0 for child in children]
        by_author = any(child.leaf is not None and child.leaf.weighted and child.leaf.inputs for child in children)
        if not base or numbers == list(range(len(numbers))):
            continue
        if by_author and numbers == list(range(1, len(numbers) + 1)):
            continue
        names = [base, *(f"{base}_{number}" for number in range(1, len(children)))]
        if others.isdisjoint(names[1:]):
            for child, name in zip(children, names, strict=True):
                child.name = name


def _renumber_parts(scope: Scope) -> None:
    """Take the number of a call from the names of its parts: `gelu_1`, `gelu_1_1`, ... become `gelu`, `gelu_1`, ..."""
    calls: dict[str, list[tuple[list[int], Child]]] = {}
    for child in scope.children:
        found = _PARTS.fullmatch(child.name) if child.leaf is not None else None
        if found:
            calls.setdefault(found[1], []).append(([int(number) for number in found[2].split("_")[1:]], child))
    taken = {child.name for child in scope.children}
    for base, parts in calls.items():
        (first, _), *rest = parts
        numbers = [(numbers[0], numbers[1]) for numbers, _ in rest if len(numbers) == 2]  # noqa: PLR2004 - call and part
        if not rest or len(numbers) < len(rest) or len(first) > 1 or len({call for call, _ in numbers}) > 1:
            continue
        names = [base, *(f"{base}_{part}" for _, part in numbers)]
        if len(set(names)) == len(names) and (taken - {child.name for _, child in parts}).isdisjoint(names):
            for name, (_, child) in zip(names, parts, strict=True):
                child.name = name


def _is_needless(child: Child, begins: Sequence[int]) -> bool:
    """Return whether a composite is one layer, or of layers without weights and reads several tensors or lies apart.

    `begins` says where each child of the scope around it begins to run, in order.
    """
    assert child.scope is not None
    leaves = [inner.leaf for inner in child.scope.children]
    if len(leaves) == 1 and leaves[0] is not None:
        return True
    if any(leaf is None or leaf.weighted for leaf in leaves):
        return False
    made = [tensor for tensor in child.reads() if not is_held(tensor)]
    if len(made) > 1:
        return True
    places = [leaf.position for leaf in leaves if leaf is not None]
    return bisect_left(begins, places[-1]) > bisect_left(begins, places[0]) + 1


def _begin(child: Child) -> int:
    """Return where a child begins to run."""
    return next(leaf.leaf.position for leaf in child.leaves() if leaf.leaf is not None)

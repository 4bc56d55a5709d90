"""Groups for a network of flat names: what repeats in a scope, as an author would have put it into blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.exporters.parameters import unused
from archinspect.exporters.spec.dissolving import dissolve, hoist, lead, renumber, share, unwrap
from archinspect.exporters.spec.near import Beside
from archinspect.exporters.spec.order import in_branches
from archinspect.exporters.spec.sections import Found, Item, best, joined
from archinspect.exporters.spec.slots import template
from archinspect.exporters.spec.titles import FEW, titles
from archinspect.exporters.spec.tree import Child, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.exporters.spec.leaf import Leaf
    from archinspect.graph.graph import Graph

MOST_ROUNDS = 60
"""So many kinds of groups are made in a scope at most."""
FLAT = 0.8
"""Such a part of a scope at least has no hierarchy of its own, where what repeats becomes groups."""
SKIP = "skip"
"""What a layer without a name is called that groups read by name."""
NAMED = 2
"""So much more is a section worth whose copies' names tell them apart."""


class Grouping:
    """Makes groups in the scopes of a network."""

    def __init__(self, graph: Graph, *, names_far: bool = False) -> None:
        """With `names_far` what groups read from far away has a name of its own, where another one would hide it."""
        self.names_far = names_far
        self.outputs = frozenset(graph.outputs)
        self.is_free = graph.held is None
        """Whether the file leaves open in which order branches run."""
        self.count = 0
        self.taken: set[str] = set()
        """What the kinds of groups are called."""
        self.kinds: dict[int, int] = {}
        """Which kind of group each one is, by the scope's identity."""

    def group(self, root: Scope) -> None:
        """Put what repeats in a network's scopes into groups."""
        share(root)
        while len(root.children) == 1 and root.children[0].scope is not None:
            root.children = root.children[0].scope.children
        self._group(root)
        if not self.names_far:
            return
        groups = [child for scope in root.scopes() for child in scope.children if child.scope is not None]
        far = {tensor for group in groups for tensor in group.reads()[1:]}
        for scope in root.scopes():
            for child in scope.children:
                if child.leaf is not None and not child.name and not far.isdisjoint(child.leaf.outputs):
                    child.name = unused(SKIP, self.taken)
                    self.taken.add(child.name)

    def _group(self, scope: Scope) -> None:
        for child in scope.children:
            if child.scope is not None:
                self._group(child.scope)
        hoist(scope)
        dissolve(scope)
        unwrap(scope)
        if scope.name:
            renumber(scope)
        if not _is_flat(scope):
            return
        if self.is_free:
            scope.children = in_branches(scope.children, self.outputs)
        if not scope.name:
            lead(scope)
        for _ in range(MOST_ROUNDS):
            keys = [self._key(child) for child in scope.children]
            items = joined(scope.children, keys, self.outputs)
            found = best(items, self.outputs)
            if not found:
                return
            self._make(scope, items, found)

    def _make(self, scope: Scope, items: Sequence[Item], found: Sequence[Found]) -> None:
        """Make groups of the sections that are worth most."""
        several = [[_children(items[one.first : one.end]) for one in each.sections] for each in found]
        named = [titles(copies, of_groups=self._is_of_groups(copies[0])) for copies in several]
        worth = [each.saved * (NAMED if all(names.groups) else 1) for each, names in zip(found, named, strict=True)]
        at = worth.index(max(worth))
        names = named[at]
        self.count += 1
        made: dict[int, tuple[int, Child]] = {}
        kind = unused(names.kind, self.taken)
        self.taken.add(kind)
        for number, (section, copy) in enumerate(zip(found[at].sections, several[at], strict=True)):
            inner = Scope("", "", kind, {})
            self.kinds[id(inner)] = self.count
            for item, own in zip(copy, names.inner[number], strict=True):
                for child, name in zip(item, own, strict=True):
                    child.name = name
                    inner.children.append(child)
            made[section.first] = section.end, Child("", names.groups[number], scope=inner)
        scope.children = _with(items, made)
        self._join_near(scope, next(iter(made.values()))[1])

    def _join_near(self, scope: Scope, model: Child) -> None:
        """Make groups of the same kind of what stands beside these, and has or lacks a few layers more.

        As the first block of a stage, which has a projection.
        """
        assert model.scope is not None
        kind = self.kinds[id(model.scope)]
        wanted = [self._key(child) for child in model.scope.children]
        beside = Beside(scope.children, self._key, wanted, self.outputs)
        at = 0
        while at < len(beside.children):
            if self.kinds.get(id(beside.children[at].scope)) == kind:
                for first, end in beside.near(at, kind):
                    group = self._like(beside.children[first:end], model)
                    if group is not None:
                        beside.put(first, end, group)
                        at += first < at and 1 - (end - first)
                        break
            at += 1
        scope.children = beside.children

    def _like(self, inside: list[Child], model: Child) -> Child | None:
        """Return a group of the same kind as another, named as that one is; None where it has no such name."""
        assert model.scope is not None
        names = titles([[[child] for child in inside]], of_groups=False)
        if bool(names.groups[0]) != bool(model.name):
            return None
        scope = Scope("", "", model.scope.kind, {})
        scope.children = inside
        self.count += 1
        self.kinds[id(scope)] = self.kinds[id(model.scope)]
        for child, (name,) in zip(inside, names.inner[0], strict=True):
            child.name = name if model.name else ""
        like = iter(model.scope.children)
        for child in inside if len(inside) <= len(model.scope.children) else ():
            child.name = next(other.name for other in like if self._key(other) == self._key(child))
        return Child("", names.groups[0], scope=scope)

    def _is_of_groups(self, copy: Sequence[Sequence[Child]]) -> bool:
        """Return whether a copy holds groups of more than a few layers."""
        scopes = [child.scope for item in copy for child in item if id(child.scope) in self.kinds]
        return any(scope is not None and len(scope.children) > FEW for scope in scopes)

    def _key(self, child: Child) -> Any:  # noqa: ANN401 - anything that compares
        """Return what makes a layer or a group alike another: all but values and names."""
        if child.leaf is not None:
            return _of_leaf(child.leaf)
        scope = child.scope
        assert scope is not None
        made = self.kinds.get(id(scope))
        if made is not None:
            return made
        inside = [leaf for leaf in child.leaves() if leaf.leaf is not None]
        place = {t: at for at, leaf in enumerate(inside) if leaf.leaf for t in leaf.leaf.outputs}
        outer = child.reads()
        wired = tuple(
            (
                leaf.name,
                _of_leaf(leaf.leaf),
                tuple(place.get(t, -1 - outer.index(t) if t in outer else 0) for t in leaf.reads()),
            )
            for leaf in inside
            if leaf.leaf is not None
        )
        return (scope.kind, scope.is_module, wired)


def _is_flat(scope: Scope) -> bool:
    """Return whether most of a scope are layers, or composites that hold layers alone: no author's hierarchy."""
    simple = [child for child in scope.children if child.scope is None or all(one.leaf for one in child.scope.children)]
    return len(simple) >= FLAT * len(scope.children)


def _children(items: Sequence[Item]) -> list[list[Child]]:
    return [item.children for item in items]


def _with(items: Sequence[Item], made: Mapping[int, tuple[int, Child]]) -> list[Child]:
    """Return the children of items, with groups in the place of those that they hold."""
    children: list[Child] = []
    at = 0
    while at < len(items):
        if at in made:
            at, group = made[at]
            children.append(group)
        else:
            children += items[at].children
            at += 1
    return children


def _of_leaf(leaf: Leaf) -> Any:  # noqa: ANN401 - as above
    fixed = tuple(sorted((name, template(value)) for name, value in leaf.args.items() if isinstance(value, dict)))
    return (leaf.op, fixed, len(leaf.outputs), leaf.frozen, leaf.cached, leaf.shares is None)

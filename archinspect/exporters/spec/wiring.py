"""What each step reads: the one before it, the paths of a merge, or layers by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from archinspect.exporters.spec.leaf import is_held, joins, main_of, reads_nothing
from archinspect.exporters.spec.steps import PREVIOUS, Ref, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from archinspect.exporters.spec.leaf import Leaf
    from archinspect.exporters.spec.names import Names
    from archinspect.exporters.spec.tree import Child, Scope
    from archinspect.graph.graph import Tensor

Start: TypeAlias = "Tensor | tuple[Tensor, ...] | None"
"""What a step reads unless it says otherwise: the tensor before it, all that was made before, nothing yet."""
DEEPEST = 2
"""Paths nest so deep; what is around reads by names."""


FEW = 2
"""So many inputs are named, not read as all that was made."""


class Fork(NamedTuple):
    """The branches of a merge: where all of them start, and the children of each, which end before the merge."""

    start: Tensor
    first: int
    """The first child of the branches."""
    branches: list[tuple[int, int]]
    """From which child up to which; an empty one is the start itself."""


class Wiring:
    """Lays out the children of scopes as steps."""

    def __init__(self, names: Names, named: frozenset[Tensor], outputs: frozenset[Tensor], *, blocks: bool) -> None:
        self.names = names
        self.named = named
        """What an author reads by name."""
        self.outputs = outputs
        self.blocks = blocks
        """Whether a composite may be a block, which can read all that was made before."""
        self.inner: dict[tuple[str, Start], list[Step]] = {}
        """The steps of each composite that was laid out, by its path and by what it is called with."""

    def lay(self, scope: Scope, start: Start) -> list[Step]:
        """Return the steps of a scope that is called with a tensor."""
        scope.entry = self.names.entries[scope.path] = None if isinstance(start, tuple) else start
        made = {tensor: at for at, child in enumerate(scope.children) for tensor in _gives(child)}
        return self._lay(scope, (0, len(scope.children)), start, made, 0)

    def _lay(
        self, scope: Scope, ends: tuple[int, int], start: Start, made: dict[Tensor, int], depth: int
    ) -> list[Step]:
        """Return the steps of a stretch of a scope, the first of which reads a tensor."""
        steps: list[tuple[Step, Start]] = []
        """Steps, each with what was there before it."""
        places: list[int] = []
        """The first child that each step has."""
        stretch = Stretch(scope.children, made, ends[0])
        current = start
        came = _listed(start)
        for at in range(*ends):
            child = scope.children[at]
            results: tuple[Tensor, ...] = ()
            if len(_first_reads(child)) == len(came) + len(places) > 1:  # else it cannot read them all
                results = (*came, *(scope.children[stretch.ends[place]].result() for place in places))
            fork = self._fork(child, stretch) if depth < DEEPEST and not _joins(child, results) else None
            if fork is not None and fork.first not in (*places, at):
                fork = None  # it begins within the branches of another merge
            while fork is not None and places and places[-1] >= fork.first:
                places.pop()
                current = steps.pop()[1]
            step = self._step(scope, child, current, results)
            if fork is not None:
                step.source = None if fork.start is current else self.names.ref(fork.start, scope)
                step.paths = [self._lay(scope, branch, fork.start, made, depth + 1) for branch in fork.branches]
            steps.append((step, current))
            first = fork.first if fork is not None else at
            places.append(first)
            stretch.ends[first] = at
            current = child.result()
        return [step for step, _ in steps]

    def _step(self, scope: Scope, child: Child, current: Start, results: tuple[Tensor, ...]) -> Step:
        if child.scope is not None:
            return self._composite(scope, child, child.scope, current, results)
        leaf = child.leaf
        assert leaf is not None
        step = Step(leaf.op, child.name, dict(leaf.args))
        step.kind, step.leaf = leaf.op, leaf
        step.main = main_of(leaf.op)
        step.cached = leaf.cached
        if not reads_nothing(leaf.op):
            step.source = self._source(scope, child, current, results)
        return step

    def _source(self, scope: Scope, child: Child, current: Start, results: tuple[Tensor, ...]) -> object:
        assert child.leaf is not None
        inputs = child.leaf.inputs
        if inputs == _listed(current):
            return None
        if len(inputs) == 1:
            return self.names.ref(inputs[0], scope)
        if _joins(child, results) and not self.named.issuperset(inputs):
            return Ref("all")
        return [
            PREVIOUS if tensor is current and tensor not in self.named else self.names.ref(tensor, scope)
            for tensor in inputs
        ]

    def _composite(self, scope: Scope, child: Child, inner: Scope, current: Start, results: tuple[Tensor, ...]) -> Step:
        step = Step("", child.name)
        step.kind, step.given, step.is_module = inner.kind, inner.args, inner.is_module
        read = child.reads()
        entry = current
        if self.blocks and _joins(child, results):
            step.source = Ref("all")
            entry = results
        elif isinstance(current, tuple) or (read and current not in (_heads(child, read) or read)):
            entry = read[0] if read else None
            step.source = self.names.ref(entry, scope) if entry else None
        inner.entry = None
        nameless = [tensor for tensor in read if tensor is not entry and not self.names.has(tensor, inner)]
        if nameless:
            entry = nameless[0]
            step.source = self.names.ref(entry, scope)
        key = (inner.path, entry)
        if key not in self.inner:  # branches are laid out anew
            self.inner[key] = self.lay(inner, entry)
        step.body = self.inner[key]
        return step

    def _fork(self, child: Child, stretch: Stretch) -> Fork | None:
        """Return the branches that a merge joins; None where it has to read by names."""
        leaf = child.leaf
        if leaf is None or len(leaf.inputs) < 2 or not joins(leaf.op):  # noqa: PLR2004 - several
            return None
        if any(tensor in self.named for tensor in leaf.inputs):
            return None
        at = stretch.made[leaf.outputs[0]]
        if len(set(leaf.inputs)) == 1:
            return Fork(leaf.inputs[0], at, [(at, at)] * len(leaf.inputs))
        ends = [stretch.made.get(tensor, -1) for tensor in leaf.inputs]
        for start in self._starts(leaf.inputs, ends, stretch):
            if is_held(start):
                continue
            filled = sorted(end for tensor, end in zip(leaf.inputs, ends, strict=True) if tensor is not start)
            if filled[-1] != at - 1:
                continue
            for low in range(filled[0], max(stretch.made.get(start, -1), stretch.first - 1), -1):
                if start not in stretch.reads(low) or not stretch.is_closed(low, at, start):
                    continue
                branches = self._branches(leaf.inputs, ends, start, (low, at), stretch)
                if (
                    branches is not None
                    and not _would_freeze(leaf, stretch, low, at)
                    and not self._is_read_elsewhere(stretch, low, at)
                ):
                    return Fork(start, low, branches)
        return None

    def _starts(self, inputs: Sequence[Tensor], ends: Sequence[int], stretch: Stretch) -> Iterator[Tensor]:
        """Yield the tensors at which the branches of a merge may start."""
        yield inputs[ends.index(min(ends))]  # itself one of the branches, an empty one
        if min(ends) >= stretch.first:
            yield from stretch.reads(min(ends) + 1)[:1]
            yield from stretch.reads(min(ends))[:1]

    def _branches(
        self, inputs: Sequence[Tensor], ends: Sequence[int], start: Tensor, within: tuple[int, int], stretch: Stretch
    ) -> list[tuple[int, int]] | None:
        """Return from which child up to which each branch goes; None where they do not follow one another."""
        low, at = within
        branches = []
        for tensor, end in zip(inputs, ends, strict=True):
            if tensor is start:
                branches.append((low, low))
            elif end < low or stretch.child(end).result() is not tensor or not stretch.is_branch(low, end, start):
                return None
            else:
                branches.append((low, end + 1))
                low = end + 1
        return branches if low == at else None

    def _is_read_elsewhere(self, stretch: Stretch, low: int, at: int) -> bool:
        """Return whether something but the merge reads what is made in its branches."""
        leaves = [leaf.leaf for place in range(low, at + 1) for leaf in stretch.child(place).leaves() if leaf.leaf]
        nodes = {node for leaf in leaves for node in leaf.nodes}
        *inside, _ = leaves
        made = [tensor for leaf in inside for tensor in leaf.outputs]
        return any(t in self.outputs or any(reader not in nodes for reader in t.readers) for t in made)


def _would_freeze(leaf: Leaf, stretch: Stretch, low: int, at: int) -> bool:
    """Return whether a merge that does not train, and says so for its branches too, would have some that do."""
    if not (leaf.frozen and leaf.weighted):
        return False
    branches = (child.leaf for place in range(low, at) for child in stretch.child(place).leaves())
    return any(one and one.weighted and not one.frozen for one in branches)


class Stretch:
    """Children of a scope that follow one another, and what they read and make."""

    def __init__(self, children: Sequence[Child], made: Mapping[Tensor, int], first: int) -> None:
        self.all = children
        """All children of the scope."""
        self.made = made
        """In which child of the scope each tensor is made."""
        self.first = first
        self.ends: dict[int, int] = {}
        """The last child of each step, by its first."""

    def child(self, at: int) -> Child:
        """Return a child by its place in the scope."""
        return self.all[at]

    def reads(self, at: int) -> list[Tensor]:
        """Return what a child reads that it does not make itself."""
        return self.all[at].reads()

    def is_branch(self, low: int, end: int, start: Tensor) -> bool:
        """Return whether children up to one begin at a tensor, and read nothing of what is made beside them."""
        before = self.made.get(start, -1)
        heads = self.reads(low)
        if start not in heads and any(self.made.get(tensor, -1) >= self.first for tensor in heads):
            return False
        return not any(
            tensor is not start and before < self.made.get(tensor, -1) < low
            for place in range(low, end + 1)
            for tensor in self.reads(place)
        )

    def is_closed(self, low: int, at: int, start: Tensor) -> bool:
        """Return whether children read a tensor, each other, and what is made before that tensor."""
        before = self.made.get(start, -1)
        for place in range(low, at):
            for tensor in self.reads(place):
                if tensor is not start and before < self.made.get(tensor, -1) < low:
                    return False
        return True


def _heads(child: Child, read: Sequence[Tensor]) -> Sequence[Tensor]:
    """Return what the first layer of a list of composites reads outside; nothing for other composites.

    It goes through the list, though something else that all of them read may be nearer, such as a table of angles.
    """
    if child.scope is None or any(inner.scope is None for inner in child.scope.children):
        return ()
    for inner in child.leaves():
        heads = [tensor for tensor in inner.leaf.inputs if tensor in read] if inner.leaf else []
        if heads:
            return heads
    return ()


def _gives(child: Child) -> list[Tensor]:
    """Return all that is made in a child."""
    return [tensor for leaf in child.leaves() if leaf.leaf for tensor in leaf.leaf.outputs]


def _listed(start: Start) -> tuple[Tensor, ...]:
    if start is None:
        return ()
    return start if isinstance(start, tuple) else (start,)


def _first_reads(child: Child) -> Sequence[Tensor]:
    """Return what a layer reads, or the first one of a composite."""
    head = child if child.scope is None else child.scope.children[0]
    return head.leaf.inputs if head.leaf else ()


def _joins(child: Child, results: tuple[Tensor, ...]) -> bool:
    """Return whether a layer, or the first one of a composite and no other there, reads all that was made before."""
    if len(results) < 2:  # noqa: PLR2004 - several
        return False
    if child.scope is None:
        leaf = child.leaf
        return leaf is not None and leaf.inputs == results and len(results) > FEW and joins(leaf.op)
    head, *rest = child.scope.children
    if head.leaf is None or head.leaf.inputs != results or not joins(head.leaf.op):
        return False
    return not any(tensor in results for one in rest for tensor in one.reads())

"""What repeats among layers that follow one another: runs of the same structure, whatever they are called.

A section is a stretch of layers that begins at one tensor and gives one: nothing else of it is read outside, and it
reads at most one other tensor. Sections are alike if their layers are, and are wired alike; sizes may differ. Those
that save most lines as calls of one block become groups first; what repeats among groups becomes groups of these.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect import ops
from archinspect.exporters.spec.leaf import is_held

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.exporters.spec.tree import Child
    from archinspect.graph.graph import Tensor

LONGEST = 120
"""So many layers or groups a section has at most."""
MOST_STEPS = 400_000
"""So many layers are laid beside others at most, in one search."""
MOST_TRIED = 12
"""So many kinds of sections are looked at closely, in one search."""
CALL = 1.5
"""Lines of a call of a block, with its values."""
NEXT = 0.25
"""The same of one that follows another."""
FRAME = 3
"""Lines of a block besides those of its layers."""
FAR = 1
"""So many tensors a section reads besides the one at which it begins."""
FAR_WORTH = 0.5
"""So much less is a section worth that reads another tensor: it may begin between branches that meet in it."""
JOIN_WORTH = 1.25
"""So much more is one worth in which the tensor at which it begins is joined with what is made of it."""
HELD = -100
"""The place of a tensor of the network's own that stands outside of a section."""
JOINED = ("activation", "normalization")
"""Kinds of operators that belong to the layer before them, unless others read that, too."""


class Item:
    """A layer or a group, or several that follow one another and are the same but for values."""

    def __init__(self, children: list[Child], key: Any) -> None:  # noqa: ANN401 - anything that compares
        self.children = children
        self.key = key
        last = children[-1]
        self.reads = children[0].reads()
        self.gives = [tensor for leaf in last.leaves() if leaf.leaf for tensor in leaf.leaf.outputs]
        self.result = last.result()
        """What a layer after it reads."""


class Section(NamedTuple):
    """A stretch of items, from the first up to the last."""

    first: int
    end: int


class Found(NamedTuple):
    """Sections that are alike, and how many lines it saves to write them once."""

    sections: list[Section]
    saved: float


class Places:
    """Items in their order: where each tensor is made, and where it is last read."""

    def __init__(self, items: Sequence[Item], outputs: frozenset[Tensor]) -> None:
        self.items = items
        self.made = {tensor: at for at, item in enumerate(items) for tensor in _all_of(item)}
        self.count: dict[Tensor, int] = defaultdict(int)
        """How many items read a tensor."""
        self.last: dict[Tensor, int] = {}
        for at, item in enumerate(items):
            for tensor in item.reads:
                self.count[tensor] += 1
                self.last[tensor] = at
        nodes = {id(n) for i in items for c in i.children for leaf in c.leaves() if leaf.leaf for n in leaf.leaf.nodes}
        for tensor in self.made:
            if tensor in outputs or any(id(reader) not in nodes for reader in tensor.readers):
                self.last[tensor] = len(items)
        self.inner = [self._last(item, whole=True) for item in items]
        """Where anything that an item makes is last read."""
        self.others = [self._last(item, whole=False) for item in items]
        """The same but for its result."""

    def _last(self, item: Item, *, whole: bool) -> int:
        return max((self.last.get(t, -1) for t in _all_of(item) if whole or t is not item.result), default=-1)

    def may_begin(self, at: int) -> bool:
        """Return whether a section may begin at an item: not between a layer and what belongs to it."""
        item = self.items[at]
        kind = _kind(item)
        if kind not in JOINED or not item.reads:
            return True
        before = self.made.get(item.reads[0])
        if before is None or self.count[item.reads[0]] > 1:
            return True
        return kind == JOINED[1] and len(self.items[before].reads) > 1  # of what was joined


def _all_of(item: Item) -> Iterator[Tensor]:
    for child in item.children:
        for leaf in child.leaves():
            if leaf.leaf is not None:
                yield from leaf.leaf.outputs


def _kind(item: Item) -> str:
    leaf = item.children[0].leaf
    kind = ops.find_operator(leaf.op) if leaf is not None else None
    return kind.kind if kind is not None else ""


def joined(children: Sequence[Child], keys: Sequence[Any], outputs: frozenset[Tensor]) -> list[Item]:
    """Return items of children: as one those that follow one another, each read by the next alone, of the same key."""
    readers: dict[Tensor, int] = defaultdict(int)
    for child in children:
        for tensor in child.reads():
            readers[tensor] += 1
    items: list[Item] = []
    for child, key in zip(children, keys, strict=True):
        before = items[-1] if items else None
        if before is not None and key == before.key[-1]:
            result = before.result
            is_chain = child.reads() == [result] and readers[result] == 1 and result not in outputs
            if is_chain and before.reads and len(before.reads) == 1:
                items[-1] = Item([*before.children, child], ("several", key))
                continue
        items.append(Item([child], ("one", key)))
    return items


def best(items: Sequence[Item], outputs: frozenset[Tensor]) -> list[Found]:
    """Return the kinds of sections that save most, the best first."""
    places = Places(items, outputs)
    found: list[Found] = []
    active = {0: [at for at in range(len(items)) if places.may_begin(at)]}
    entries: dict[int, list[Tensor]] = {}
    furthest: dict[int, int] = {}
    steps = 0
    for length in range(1, min(LONGEST, len(items) // 2) + 1):
        groups: dict[Any, list[int]] = defaultdict(list)
        for state, starts in active.items():
            steps += len(starts)
            for start in starts:
                at = start + length - 1
                if at >= len(items):
                    continue
                wired = _wired(places, start, at, entries.setdefault(start, []))
                if wired is not None:
                    groups[state, items[at].key, wired].append(start)
        active = {number: starts for number, starts in enumerate(groups.values()) if len(starts) > 1}
        if not active or steps > MOST_STEPS:
            break
        for starts in active.values():
            closed = [start for start in starts if _is_closed(places, start, start + length, furthest)]
            if length > 1 and len(closed) > 1 and any(item.reads for item in items[starts[0] : starts[0] + length]):
                sections = _apart(closed, length)
                share = _share(places, sections[0], entries[sections[0].first])
                if len(sections) > 1:
                    found.append(Found(sections, share * _saved(items, sections)))
    found.sort(key=lambda one: (-one.saved, one.sections[0]))
    return [one for one in found[:MOST_TRIED] if one.saved > 0]


def is_section(places: Places, first: int, end: int) -> bool:
    """Return whether a stretch of items is a section that reads one tensor."""
    entry: list[Tensor] = []
    inner = max(places.inner[first : end - 1], default=-1)
    wired = all(_wired(places, first, at, entry) is not None for at in range(first, end))
    is_closed = inner < end and places.others[end - 1] < end
    return wired and len(entry) == 1 and is_closed and places.may_begin(first)


def _wired(places: Places, start: int, at: int, entry: list[Tensor]) -> Any:  # noqa: ANN401 - anything that compares
    """Return what an item of a section reads, by places in it; None where it reads too much of outside.

    `entry` are the tensors of outside that the section reads, the one at which it begins first.
    """
    wired = []
    for tensor in places.items[at].reads:
        made = places.made.get(tensor, -1)
        if made >= start:
            wired.append((at - made, tensor.index))
            continue
        if tensor not in entry:
            if is_held(tensor):
                wired.append((HELD, 0))  # a number or a table that is read by its name
                continue
            if len(entry) > FAR:
                return None
            entry.append(tensor)
        wired.append((-1 - entry.index(tensor), 0))
    return tuple(wired)


def _is_closed(places: Places, start: int, end: int, furthest: dict[int, int]) -> bool:
    """Return whether nothing that a section makes is read outside but its result, and at most one tensor far away.

    Call it for each end in turn.
    """
    if end - start > 1:
        furthest[start] = max(furthest.get(start, -1), places.inner[end - 2])
    if places.others[end - 1] >= end:
        return False
    return furthest.get(start, -1) < end or _leaks(places, start, end) <= FAR


def _leaks(places: Places, start: int, end: int) -> int:
    """Return how many items of a section make a tensor that is read outside, beside its result; no more than two."""
    found = 0
    for at in range(end - 2, start - 1, -1):
        found += places.inner[at] >= end
        if found > FAR:
            break
    return found


def _share(places: Places, section: Section, entry: Sequence[Tensor]) -> float:
    """Return how much a section is worth beside what it saves: branches that meet make a block."""
    if len(entry) > 1 or _leaks(places, section.first, section.end):
        return FAR_WORTH
    joins = [item for item in places.items[section.first + 1 : section.end] if len(item.reads) > 1]
    return JOIN_WORTH if any(entry[0] in item.reads for item in joins if entry) else 1


def _apart(starts: Sequence[int], length: int) -> list[Section]:
    """Return the sections that do not overlap, the first ones first."""
    found: list[Section] = []
    for start in starts:
        if not found or start >= found[-1].end:
            found.append(Section(start, start + length))
    return found


def _saved(items: Sequence[Item], sections: Sequence[Section]) -> float:
    """Return how many lines it saves to write sections as calls of one block; those in a row are one call."""
    first, end = sections[0]
    body = sum(2 if len(item.children) == 1 and len(item.reads) > 1 else 1 for item in items[first:end])
    calls = 1 + sum(one.end != other.first for one, other in pairwise(sections))
    return len(sections) * body - (body + FRAME) - CALL * calls - NEXT * (len(sections) - calls)

"""Several networks side by side: what stands in their stacks, with layers that correspond in one line."""

from __future__ import annotations

from collections import Counter
from itertools import count as numbers_from
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from archinspect.reports.folding import repeats

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from archinspect.reports.summary import Report, Row

COMFORTABLE_BOXES = 40
"""A stack of more boxes is folded, as far as its blocks allow."""
LONGEST_PERIOD = 8
"""So many boxes at most are taken together where a stack repeats them."""


class Box(NamedTuple):
    """What a stack shows of a layer or block, or of several that are alike and follow one another."""

    label: str
    kind: str
    """What it is to a reader: `convolution`, `max pooling`, ..., `composite`."""
    type: str
    copies: int
    """How many it stands for."""
    params: int
    macs: int
    unknown: tuple[str, ...] = ()
    """Which of `params` and `macs` are not known, or not of all layers."""

    @property
    def text(self) -> str:
        """Its label, with how many it stands for."""
        return self.label if self.copies == 1 else f"{self.copies} x {self.label}"


class Stack(NamedTuple):
    """A network's boxes from its inputs to its outputs."""

    boxes: tuple[Box, ...]
    left_out: Mapping[str, int]
    """How many layers of each type have no box: they have no weights, merge nothing and compute no MACs."""


class Comparison(NamedTuple):
    """Networks with their stacks, all at one depth."""

    reports: Sequence[Report]
    titles: Sequence[str]
    """What the networks are called, each in its own way."""
    depth: int
    """How many levels of blocks the stacks show."""
    stacks: Sequence[Stack]


AlignedBoxes: TypeAlias = "tuple[Box | None, ...]"
"""One box of each network, None where a network has no counterpart."""

_SAME, _SAME_TYPE, _SAME_KIND = 5, 2, 1


def compare(reports: Sequence[Report], titles: Sequence[str] = (), depth: int | None = None) -> Comparison:
    """Return networks with their stacks; without a depth it is the deepest at which all have few boxes."""
    depths = [depth] if depth else range(max((report.depth for report in reports), default=1), 0, -1)
    stacks: list[Stack] = []
    level = 1
    for level in depths:
        stacks = [stack(report, level) for report in reports]
        if all(len(one.boxes) <= COMFORTABLE_BOXES for one in stacks):
            break
    if any(len(one.boxes) > COMFORTABLE_BOXES for one in stacks):
        stacks = [one._replace(boxes=_periods(_runs(one.boxes))) for one in stacks]
    return Comparison(reports, titles or own_titles(reports, []), level, stacks)


def stack(report: Report, depth: int) -> Stack:
    """Return a network's boxes at a depth; equal blocks that follow one another are one."""
    rows = report.fold(depth)
    left_out = Counter(row.type for row in rows if not _is_drawn(row))
    return Stack(_runs([_box(row, report) for row in rows if _is_drawn(row)], {"composite"}), left_out)


def _is_drawn(row: Row) -> bool:
    """Return whether a row has weights, attends or multiplies, merges, or pools."""
    cost = row.cost
    works = cost.params or cost.buffers or cost.macs or row.shares or row.unknown
    return bool(works) or row.kind in ("composite", "merge", "pooling")


def _box(row: Row, report: Report) -> Box:
    unknown = tuple(figure for figure in ("params", "macs") if figure in row.unknown)
    return Box(row.label, row.shown_kind, row.type, _copies(row, report), row.cost.params, row.cost.macs, unknown)


def _copies(row: Row, report: Report) -> int:
    """Return how many copies of a repeat a row holds; 1 for any other."""
    numbers = takewhile(lambda number: f"{row.name}.{number}" in report.groups, numbers_from())
    return sum(1 for _ in numbers) or 1


def _runs(boxes: Iterable[Box], kinds: Iterable[str] = ()) -> tuple[Box, ...]:
    """Return boxes of which those that follow an equal one, of these kinds or any, are one with it."""
    found: list[Box] = []
    for box in boxes:
        last = found[-1] if found else None
        if last and (not kinds or box.kind in kinds) and _each(last) == _each(box):
            copies = last.copies + box.copies
            found[-1] = last._replace(copies=copies, params=last.params + box.params, macs=last.macs + box.macs)
        else:
            found.append(box)
    return tuple(found)


def _periods(boxes: Sequence[Box]) -> tuple[Box, ...]:
    """Return boxes of which several that repeat in one order are one: `60 x (3x3 conv, 8 + batch norm)`."""
    found: list[Box] = []
    for start, period, times in repeats(boxes, range(2, LONGEST_PERIOD + 1)):
        found.append(_together(boxes[start : start + period], times) if times > 1 else boxes[start])
    return tuple(found)


def _together(boxes: Sequence[Box], times: int) -> Box:
    """Return one box for several that come so many times."""
    unknown = tuple(dict.fromkeys(figure for box in boxes for figure in box.unknown))
    params, macs = (times * sum(figures) for figures in zip(*((box.params, box.macs) for box in boxes), strict=True))
    label = " + ".join(box.text for box in boxes)
    return Box(f"({label})", "composite", "", times, params, macs, unknown)


def _each(box: Box) -> Box:
    """Return one of those that a box stands for."""
    return box._replace(copies=1, params=box.params // box.copies, macs=box.macs // box.copies)


def own_titles(reports: Sequence[Report], specs: Sequence[str]) -> list[str]:
    """Return what each network is called: by its name, or by how it was asked for where several have that name."""
    names = Counter(report.name for report in reports)
    titles = [
        report.name if names[report.name] == 1 or not specs else specs[place] for place, report in enumerate(reports)
    ]
    seen = Counter(titles)
    return [title if seen[title] == 1 else f"{title} ({place})" for place, title in enumerate(titles, 1)]


def align(networks: Sequence[Sequence[Box]]) -> list[AlignedBoxes]:
    """Return the networks' rows in lines: as many alike as can be stand in one line, each network's order kept.

    Networks are added one by one to those aligned before (progressive alignment), each by the dynamic
    programme of Needleman & Wunsch 1970, doi:10.1016/0022-2836(70)90057-4; rows of different kinds never share a line.
    """
    lines: list[AlignedBoxes] = [(row,) for row in networks[0]] if networks else []
    for count, rows in enumerate(networks[1:], 1):
        lines = _add(lines, rows, count)
    return lines


def _add(lines: list[AlignedBoxes], rows: Sequence[Box], count: int) -> list[AlignedBoxes]:
    best = _scores(lines, rows)
    result: list[AlignedBoxes] = []
    i, j = len(lines), len(rows)
    while i or j:
        likeness = _likeness(lines[i - 1], rows[j - 1]) if i and j else 0
        if likeness and best[i][j] == best[i - 1][j - 1] + likeness:
            i, j = i - 1, j - 1
            result.append((*lines[i], rows[j]))
        elif j and best[i][j] == best[i][j - 1]:
            j -= 1
            result.append((None,) * count + (rows[j],))
        else:
            i -= 1
            result.append((*lines[i], None))
    return result[::-1]


def _scores(lines: list[AlignedBoxes], rows: Sequence[Box]) -> list[list[int]]:
    """Return, for every number of first lines and rows, the best likeness that they can reach."""
    best = [[0] * (len(rows) + 1)]
    for line in lines:
        above, now = best[-1], [0]
        for j, row in enumerate(rows):
            likeness = _likeness(line, row)
            score = max(above[j + 1], now[j])
            now.append(max(score, above[j] + likeness) if likeness else score)
        best.append(now)
    return best


def _likeness(line: AlignedBoxes, row: Box) -> int:
    """Return how well a row fits into a line: 0 not at all."""
    others = [other for other in line if other is not None]
    if any(other.kind != row.kind for other in others):
        return 0
    if any(other.label == row.label for other in others):
        return _SAME
    return _SAME_TYPE if any(other.type == row.type for other in others) else _SAME_KIND

"""Puts the layers of several networks side by side so that what differs is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.reports.summary import Row

AlignedRow: TypeAlias = "tuple[Row | None, ...]"
"""One row of each network, None where a network has no counterpart."""

_SAME, _SAME_TYPE, _SAME_KIND = 5, 2, 1


def align(networks: Sequence[Sequence[Row]]) -> list[AlignedRow]:
    """Return the networks' rows in lines: as many alike as can be stand in one line, each network's order kept.

    Networks are added one by one to those aligned before (progressive alignment), each by the dynamic
    programme of Needleman & Wunsch 1970, doi:10.1016/0022-2836(70)90057-4; rows of different kinds never share a line.
    """
    lines: list[AlignedRow] = [(row,) for row in networks[0]] if networks else []
    for count, rows in enumerate(networks[1:], 1):
        lines = _add(lines, rows, count)
    return lines


def _add(lines: list[AlignedRow], rows: Sequence[Row], count: int) -> list[AlignedRow]:
    best = _scores(lines, rows)
    result: list[AlignedRow] = []
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


def _scores(lines: list[AlignedRow], rows: Sequence[Row]) -> list[list[int]]:
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


def _likeness(line: AlignedRow, row: Row) -> int:
    """Return how well a row fits into a line: 0 not at all."""
    others = [other for other in line if other is not None]
    if any(other.kind != row.kind for other in others):
        return 0
    if any(other.label == row.label for other in others):
        return _SAME
    return _SAME_TYPE if any(other.type == row.type for other in others) else _SAME_KIND

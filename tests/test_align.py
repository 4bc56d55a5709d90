"""Networks side by side: order kept, nothing lost, likes in one line."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from archinspect.reports.comparison import Box, align

KINDS = {"c": "convolution", "p": "pooling", "d": "dense"}


def row(text):
    """Return a box of a kind, `c`, `p` or `d`, whose label is the whole text."""
    kind = KINDS[text[0]]
    return Box(text, kind, kind, 1, 0, 0)


def aligned(*networks):
    lines = align([[row(text) for text in network.split()] for network in networks])
    return [" ".join("." if cell is None else cell.label for cell in line) for line in lines]


def test_networks_that_are_alike_stand_side_by_side():
    assert aligned("c1 p1 d1", "c1 p1 d1") == ["c1 c1", "p1 p1", "d1 d1"]
    assert aligned("c1 p1 d1", "c1 p1 d1", "c1 p1 d1") == ["c1 c1 c1", "p1 p1 p1", "d1 d1 d1"]


def test_what_one_lacks_is_a_gap():
    assert aligned("c1 c2 p1 d1", "c1 p1 d1") == ["c1 c1", "c2 .", "p1 p1", "d1 d1"]
    assert aligned("c1", "c1 c2 c3") == ["c1 c1", ". c2", ". c3"]


def test_other_kinds_never_share_a_line():
    assert sorted(aligned("c1", "d1")) == [". d1", "c1 ."]
    for line in aligned("c1 p1 c2 d1 d2", "p1 c2 c1 d2", "d1 c2 p1 p2"):
        assert len({cell[0] for cell in line.split() if cell != "."}) == 1


def test_the_same_label_beats_the_same_kind():
    assert aligned("c1 c2 c3", "c3") == ["c1 .", "c2 .", "c3 c3"]
    assert aligned("c9", "c1 c9 c2") == [". c1", "c9 c9", ". c2"]


def test_empty_networks():
    assert align([]) == []
    assert aligned("") == []
    assert aligned("", "c1") == [". c1"]
    assert aligned("c1", "", "c1") == ["c1 . c1"]


NETWORKS = st.lists(st.lists(st.sampled_from(["c1", "c2", "p1", "p2", "d1"]), max_size=6), min_size=1, max_size=4)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(NETWORKS)
def test_every_row_stands_once_in_its_own_order(networks):
    rows = [[row(text) for text in network] for network in networks]
    lines = align(rows)
    assert all(len(line) == len(networks) for line in lines)
    assert all(any(line) for line in lines)
    for column, network in enumerate(rows):
        assert [line[column] for line in lines if line[column] is not None] == network
    for line in lines:
        assert len({cell.kind for cell in line if cell is not None}) == 1

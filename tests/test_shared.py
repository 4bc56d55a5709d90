"""What networks share while a run looks at many: each gets what it would get alone."""

from __future__ import annotations

import archinspect
from archinspect.base.shared import shared, table
from archinspect.base.source import Source

NET = (
    "input: [8, 8, {channels}]\nlayers:\n  - Conv2D: {{filters: 4, kernel_size: {kernel}}}\n  - Flatten\n  - Dense: 2\n"
)
BLOCK = "params: {width: 4}\ninput: [8]\nlayers:\n  - Dense: $width\n  - Dense: 4\n"
TEXTS = [*(NET.format(channels=c, kernel=k) for c in (1, 3) for k in (3, 3, 9)), BLOCK, BLOCK.replace("4}", "x}")]


def told(text, batch=1):
    source = Source("net", text)
    checked = archinspect.check(source)
    report = None if not checked.ok else archinspect.network(source, batch=batch).report()
    return [(one.code, one.message, one.span[1:]) for one in checked.diagnostics], report


def test_each_gets_what_it_gets_alone():
    """Wrong arguments and shapes are told again in every network, and another batch has other shapes."""
    alone = [told(text, batch) for text in TEXTS for batch in (1, 7)]
    with shared():
        assert [told(text, batch) for text in TEXTS for batch in (1, 7)] == alone
        assert table("operators")
        assert table(("calls", 1)).keys() != table(("calls", 7)).keys()
    assert table("operators") == {}


def test_formulas_have_numbers_of_their_own():
    source = Source("net", BLOCK)
    alone = str(archinspect.network(source).formula("params"))
    with shared():
        archinspect.network(source)
        assert str(archinspect.network(source).formula("params")) == alone


def test_a_full_table_starts_anew(monkeypatch):
    monkeypatch.setattr("archinspect.base.shared.MOST", 2)
    with shared():
        table("x").update({1: 1, 2: 2})
        assert len(table("x")) == 2
        table("x")[3] = 3
        assert table("x") == {}


def test_operators_are_equal_whether_or_not_one_was_looked_up():
    first, second = (archinspect.ops.find_operator("Dense")(units=4) for _ in range(2))
    hash(first)
    assert first == second

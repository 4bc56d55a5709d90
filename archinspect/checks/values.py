"""values: the numbers of `values` do not fit the network.

Why: `archinspect explain` works out sums with them, as on a slide.

Example: `values: {input: [1, 2, 3], conv1d: {kernel: [1, 0, -1]}}`.

Fix: give each input, and each weight by its layer and name, as many numbers as its shape has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from archinspect.base.diagnostics import Problems

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archinspect.analyses.facts import Facts
    from archinspect.base.diagnostics import Diagnostic

CODE: Final = "values"


def check(facts: Facts) -> Iterable[Diagnostic]:
    """Report numbers that cannot be those of an input or a weight."""
    if facts.graph.values is None:
        return ()
    from archinspect.reports.worked import work_out  # numpy only for specs with numbers

    problems = Problems()
    work_out(facts, problems)
    return problems.all()

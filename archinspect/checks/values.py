"""values: the numbers of `values` do not fit the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.diagnostics import Problems
from archinspect.checks.rule import Finding, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="values",
    name="Numbers that do not fit",
    why="`archinspect explain` works out sums with the numbers of `values`, as on a slide.",
    repair="Give each input, and each weight by its layer and name, as many numbers as its shape has.",
    example="""\
input: [5, 1]
layers:
  - Conv1D: {filters: 1, kernel_size: 3, use_bias: false}
values:
  input: [1, 2, 3]
  conv1d: {kernel: [1, 0, -1]}
""",
)


def check(facts: Facts) -> Iterator[Finding]:
    """Report numbers that cannot be those of an input or a weight."""
    if facts.graph.values is None:
        return
    from archinspect.reports.worked import work_out  # numpy only for specs with numbers

    problems = Problems()
    work_out(facts, problems)
    for one in problems.all():
        if one.code == RULE.code:
            yield Finding(one.message, one.span, one.help, fix=one.fix, notes=one.notes)

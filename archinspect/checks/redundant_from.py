"""redundant-from: a step names with `from` the step right before it, which it reads anyway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks.rule import Finding, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="redundant-from",
    name="`from` that repeats the chain",
    why="It says nothing, and goes wrong when a step is put between.",
    repair="Leave `from` out.",
    example="""\
input: [8]
layers:
  - {Dense: {units: 4, activation: relu}, name: hidden}
  - {Dense: 2, from: hidden}
""",
)


def check(facts: Facts) -> Iterator[Finding]:
    """Tell of each `from` that names the step before."""
    from archinspect.checks.names import repeated_from  # reads the text again, where there is a `from`

    for name, span in repeated_from(facts):
        yield Finding(f"the step reads '{name}' anyway, which is right before it", span, "leave `from` out")

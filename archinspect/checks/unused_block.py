"""unused-block: a block is defined, and no step names it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks.rule import Finding, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="unused-block",
    name="Block that nothing uses",
    why="It is not read, so nothing in it is checked.",
    repair="Use it, or remove it.",
    example="""\
input: [8]
blocks:
  tower: {layers: [{Dense: 4}]}
layers:
  - Dense: 10
""",
)


def check(facts: Facts) -> Iterator[Finding]:
    """Warn of each block that no step names."""
    from archinspect.checks.names import unused_blocks  # as unused_params

    for name, span in unused_blocks(facts):
        yield Finding(f"nothing uses the block '{name}'", span, "use it as a step, or remove it")

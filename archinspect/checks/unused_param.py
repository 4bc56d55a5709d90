"""unused-param: a parameter of a spec, or of a block, stands in no expression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks.rule import Finding, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="unused-param",
    name="Parameter that nothing uses",
    why="To set it changes nothing. Usually its name is written differently where it should be used.",
    repair="Use it, or remove it.",
    example="""\
input: [8]
params: {units: 4, clases: 10}
layers:
  - {Dense: {units: $units, activation: relu}}
  - Dense: 10
""",
)


def check(facts: Facts) -> Iterator[Finding]:
    """Warn of each parameter that no expression names."""
    from archinspect.checks.names import unused_params  # reads the text again, where a name is used nowhere

    for name, span, block in unused_params(facts):
        whose = f"of block '{block}' " if block else ""
        yield Finding(
            f"nothing uses the parameter '{name}' {whose}".rstrip(), span, "use it as $" + name + ", or remove it"
        )

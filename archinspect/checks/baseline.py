"""baseline: a figure has grown beyond what was stored, or the stored one is stale."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.checks.figures import FIGURES, Asked, heaviest
from archinspect.checks.rule import Finding, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="baseline",
    name="Figure that left its baseline",
    why=(
        "`archinspect baseline write` stores what networks cost, and `check --baseline` holds them to it. One that "
        "grows fails, and one that shrinks is to be stored anew, so that it cannot grow back."
    ),
    repair="Make the network smaller again, or accept the figures: `archinspect check --update-baseline`.",
    example="""\
input: [28, 28, 1]
layers:
  - Flatten
  - Dense: 10
""",
    baseline={"params": 7000, "layers": 2, "macs": 9000},
)
STORED = ("params", "macs", "flops", "output_bytes", "param_bytes", "layers", "peak", "kept")
"""The figures of a baseline."""
OF_ANY_SIZE = ("params", "param_bytes", "layers")
"""Those that do not depend on sizes that inputs leave open."""


class Stored(NamedTuple):
    """What a baseline says of a network, and by how many per cent figures may differ from that."""

    figures: Mapping[str, int] | None
    """None for a network that the baseline does not know."""
    tolerance: float = 0.0


def measured(facts: Facts) -> dict[str, int]:
    """Return the figures that a baseline stores."""
    is_open = any(facts.graph.open.values())
    return {name: int(FIGURES[name].of(Asked(facts, {}))) for name in (OF_ANY_SIZE if is_open else STORED)}


def found(facts: Facts, stored: Stored) -> Iterator[Finding]:
    """Report each figure that is not the stored one."""
    update = "archinspect check --update-baseline"
    if stored.figures is None:
        yield Finding("the baseline does not have this network", facts.graph.origin, f"store it: {update}")
        return
    grown: list[tuple[str, str]] = []
    less: list[tuple[str, str]] = []
    now = measured(facts)
    for name, figure in now.items():
        before = stored.figures.get(name)
        if before is None or 100 * abs(figure - before) <= stored.tolerance * before:
            continue
        change = f", {(figure - before) / before:+,.2%}" if before else ""
        (grown if figure > before else less).append(
            (name, f"{name} {figure:,} from {before:,} ({figure - before:+,}{change})")
        )
    if grown:
        message = f"grown beyond the baseline: {', '.join(text for _, text in grown)}"
        yield Finding(message, facts.graph.origin, _most(facts, grown[0][0]))
    lost = [name for name in stored.figures if name in STORED and name not in now]
    if lost:
        message = f"the baseline has {', '.join(lost)}, not known any more, as sizes are open"
        yield Finding(message, facts.graph.origin, f"give the inputs sizes, or store what is left: {update}")
    if less:
        message = f"less than the baseline, which is stale: {', '.join(text for _, text in less)}"
        yield Finding(message, facts.graph.origin, f"store it: {update}")


def _most(facts: Facts, figure: str) -> str:
    """Return the layers that a figure is of."""
    by_layer = FIGURES[figure].by_layer
    largest = heaviest(by_layer(Asked(facts, {}))) if by_layer else ""
    return f"most of the {figure}: {largest}" if largest.count("'") > 2 else ""  # noqa: PLR2004 - of one layer it is clear

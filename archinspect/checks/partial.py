"""partial: some figures of a layer are not known, and count as nothing.

Why: a total without them is too small, and nothing in the number itself says so.

Example: `Custom` without `macs` and `flops`.

Fix: state the figures; 0 where there are none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from archinspect.base.diagnostics import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

CODE: Final = "partial"


def check(facts: Facts) -> Iterator[Diagnostic]:
    """Warn of each layer whose figures are not all known."""
    for node in facts.graph.nodes:
        unknown = node.op.unknown()
        if unknown:
            message = f"'{node.layer}' is not counted: its {', '.join(unknown)} are not known"
            yield Diagnostic(CODE, message, node.origin, "state them; 0 where there are none")

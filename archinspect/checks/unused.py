"""unused: a layer on which no output of the network depends.

Why: it costs parameters and time for nothing; usually a `from:` names the wrong layer.

Example: of two branches, the spec's `outputs` name one.

Fix: read the layer somewhere, name it in `outputs`, or remove it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from archinspect.base.diagnostics import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

CODE: Final = "unused"


def check(facts: Facts) -> Iterator[Diagnostic]:
    """Warn of each layer without a path to an output."""
    unused = facts.graph.unused()
    seen = {node.layer for node in set(facts.graph.nodes).difference(unused)} if unused else set()
    for node in unused:
        if node.layer not in seen:
            seen.add(node.layer)
            message = f"nothing uses '{node.layer}'"
            yield Diagnostic(CODE, message, node.origin, "read it with `from`, or name it in `outputs`")

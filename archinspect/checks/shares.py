"""shares: a layer that is said to use another's `weights` has none in common with it.

Why: nothing is shared then, and every weight is counted as the layer's own.

Example: a 3x3 convolution with `weights:` of a 5x5 one.

Fix: give both layers the same sizes, or remove `weights`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from archinspect.base.diagnostics import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

CODE: Final = "shares"


def check(facts: Facts) -> Iterator[Diagnostic]:
    """Warn of each layer with weights of which the other has none."""
    for node in facts.graph.nodes:
        if node.shares is not None:
            weights, own = facts.call(node).weights, facts.own_weights(node)
            if weights and len(own) == len(weights):
                message = f"'{node.layer}' has no weight in common with '{node.shares.layer}'"
                yield Diagnostic(CODE, message, node.origin, "give both the same sizes, or remove `weights`")

"""uneven: a window's steps do not reach the end of its input.

Why: what is left over is computed by the layers before, and read by none; networks of another input size read it.

Example: a window of 11 with a stride of 4 over 224 positions: the last one is not read.

Fix: another input size or padding, if that was not meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from archinspect.base.diagnostics import Diagnostic
from archinspect.ops.spatial import Windowed, positions_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

CODE: Final = "uneven"


def check(facts: Facts) -> Iterator[Diagnostic]:
    """Tell of each layer whose windows leave the end of its input out, once for copies of a step."""
    for node in facts.graph.nodes:
        if isinstance(node.op, Windowed):
            call = facts.call(node)
            left = positions_of(node.op, call.shapes[0], call.output)
            if left:
                message = f"no window of '{node.layer}' reads {left} at the end of its input"
                yield Diagnostic(
                    CODE, message, node.origin, "change the padding or the input's size, if it is to be read"
                )

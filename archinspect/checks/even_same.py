"""even-same: a window of even size is padded by `same`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks.network import nodes_of_kind, places
from archinspect.checks.rule import Finding, Rule, at
from archinspect.ops.spatial import Windowed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="even-same",
    name="Even kernel with `same`",
    why=(
        "There is no middle: one side is padded by one more than the other, and every such layer moves the "
        "map by half a position. Frameworks differ in which side it is."
    ),
    repair="Use an odd size, or say the padding of each side.",
    example="""\
input: [32, 32, 3]
layers:
  - Conv2D: {filters: 8, kernel_size: 4, padding: same}
""",
    by_block=True,
)


def check(facts: Facts) -> Iterator[Finding]:
    """Tell of each convolution with an even window and `same`."""
    for node in nodes_of_kind(facts, "convolution"):
        if getattr(node.op, "padding", "") == "same" and isinstance(node.op, Windowed):
            how = node.op.sliding(places(facts, node))
            even = [
                window
                for window, stride in zip(how.windows, how.strides, strict=True)
                if not window % 2 and stride == 1
            ]
            if even:
                message = f"'{node.layer}' pads a window of {even[0]} by `same`: the map moves by half a position"
                yield at(facts, node, message, "use an odd size, or say the padding of each side")

"""torch-padding: a pooling layer with a name of PyTorch has more padding than that takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks.network import nodes_of_kind, places
from archinspect.checks.rule import Finding, Rule, at
from archinspect.checks.torch_same import is_torch
from archinspect.ops.spatial import Windowed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="torch-padding",
    name="Padding that PyTorch refuses",
    why="PyTorch's poolings take at most half of the window as padding on each side; the shape here is no network's.",
    repair="Write less padding, or a padding layer before it.",
    example="""\
input: [32, 32, 3]
layers:
  - MaxPool2d: {kernel_size: 3, stride: 2, padding: 2}
""",
    by_block=True,
)


def check(facts: Facts) -> Iterator[Finding]:
    """Warn of each pooling layer, written as PyTorch's, whose padding is more than half of its window."""
    for node in nodes_of_kind(facts, "pooling"):
        if not isinstance(node.op, Windowed) or not is_torch(node) or isinstance(node.op.padding, str):  # type: ignore[attr-defined] # of every pooling
            continue
        size: tuple[int, ...] = node.op.pool_size  # type: ignore[attr-defined]
        pads = node.op.sliding(places(facts, node)).pads
        if any(2 * max(pair) > window for pair, window in zip(pads, size, strict=True)):
            most = ", ".join(str(window // 2) for window in dict.fromkeys(size))
            message = f"'{node.layer}' has a padding of more than half of its window, which PyTorch refuses"
            yield at(facts, node, message, f"write at most {most}, or a padding layer before it")

"""torch-same: a layer with a name of PyTorch has `padding: same` and a stride."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archinspect.checks.network import nodes_of_kind, places
from archinspect.checks.rule import Finding, Rule, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts
    from archinspect.graph.graph import Node

RULE = Rule(
    code="torch-same",
    name="`same` that PyTorch refuses",
    why=(
        "`torch.nn.Conv2d` takes `same` for a stride of 1 alone. Here it is what Keras does: one more row or "
        "column of zeros at the end than at the start, so a network trained in PyTorch computes something "
        "else."
    ),
    repair="Write the padding as a number.",
    example="""\
input: [32, 32, 3]
layers:
  - Conv2d: {out_channels: 16, kernel_size: 3, stride: 2, padding: same}
""",
    by_block=True,
)

PYTORCH = re.compile(r"(?:torch\.)?(?:nn\.|F\.)?\w+[123]d")


def is_torch(node: Node) -> bool:
    """Return whether a layer over maps is written with PyTorch's name: `nn.Conv2d`."""
    return PYTORCH.fullmatch(node.origin.text().strip("'\"")) is not None


def check(facts: Facts) -> Iterator[Finding]:
    """Warn of each strided convolution that is written as PyTorch's, with `same`."""
    for node in nodes_of_kind(facts, "convolution"):
        is_same = getattr(node.op, "padding", "") == "same" and max(getattr(node.op, "strides", (1,))) > 1
        if is_same and is_torch(node):
            pads = node.op.sliding(places(facts, node)).pads  # type: ignore[attr-defined] # of every window
            uneven = next((pair for pair in pads if pair[0] != pair[1]), None)
            what = f", and pads {uneven[0]} before and {uneven[1]} after" if uneven else ""
            message = f"'{node.layer}' has `same` with a stride, which PyTorch refuses{what}"
            yield at(facts, node, message, "write the padding as a number, such as kernel_size // 2")

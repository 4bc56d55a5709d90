"""What programs call the steps of attention that is written out with its projections."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.graph.graph import Node


def step_name(node: Node, nodes: Sequence[Node], attending: Node) -> str:
    """Return what a step makes, one of a layer's `nodes` beside the one that attends: `query`, `rotated_key`, ..."""
    if len(node.outputs) > 1:
        return "parts"
    cut = next((reader for reader in nodes if node.output in reader.inputs and len(reader.outputs) > 1), None)
    if cut is not None:
        return "qkv" if len(cut.outputs) == 3 else "kv"  # noqa: PLR2004 - queries, keys and values
    roles = dict(zip(attending.inputs, ("query", "key", "value"), strict=False))
    name = roles.get(node.output, "")
    if type(node.op).__name__ == "RotaryEmbedding":
        return f"rotated_{name}"
    if node.op.kind == "reshape":
        return node.path.rpartition(".")[2]
    if not name and node.position > attending.position:
        return "projection"
    for reader in nodes:
        if not name and node.output in reader.inputs:
            name = roles.get(reader.output, "")
    return name or node.path.rpartition(".")[2]

"""Tensors of a file of which nothing is known but their shapes: rows of a table, each with weights and unknown work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.printable import printable
from archinspect.ops.source import Constant, Parameter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.graph.stored import StoredTensor

WHOLE = ("I", "U", "BOOL")
"""How types begin that weights do not have, unless they are packed."""


class Weights(Parameter):
    """A tensor of a file. What is computed with it is not known."""

    def unknown(self) -> tuple[str, ...]:
        """Return the figures that are not known."""
        return ("macs", "flops")


def table(net: GraphBuilder, tensors: Iterable[StoredTensor]) -> list[Tensor]:
    """Add a row for each tensor, called as in the file; whole numbers are no weights."""
    found = []
    for tensor in tensors:
        if 0 in tensor.shape:
            continue
        kind: type[Weights | Constant] = Weights
        if tensor.type.startswith(WHOLE) and not tensor.type.startswith("IQ"):
            kind = Constant
        found.append(net.add(kind(shape=list(tensor.shape)), name=_free(net, printable(tensor.name))))
    return found


def _free(net: GraphBuilder, name: str) -> str:
    """Return a path that is not taken."""
    path, number = name or "tensor", 0
    while path in net.taken:
        number += 1
        path = f"{name}_{number}"
    return path

"""Attention to an encoder, which models have with `add_cross_attention`: without one its weights compute nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.hf.parts import within
from archinspect.ops.source import Parameter

if TYPE_CHECKING:
    from archinspect.base.source import Value
    from archinspect.graph.builder import GraphBuilder
    from archinspect.importers.hf.config import Config

NOTE = "nothing attends to an encoder, as none is given"


def is_asked(c: Config, *, may: bool) -> bool:
    """Whether layers have attention to an encoder; raise :class:`SourceError` where the type's cannot."""
    if c.find("add_cross_attention") is not True:
        return False
    if not may:
        raise c.refuse("attention to an encoder, with add_cross_attention, is not read")
    return True


def idle(net: GraphBuilder, width: int) -> None:
    """Add the weights of a layer's attention to an encoder: four projections with biases, and a norm."""
    net.description = NOTE
    matrix: list[Value] = [width, width]
    vector: list[Value] = [width]
    with within(net, "crossattention", "attention"):
        for name in ("query", "key", "value", "output"):
            net.add(Parameter(shape=matrix), name=f"{name}.weight")
            net.add(Parameter(shape=vector), name=f"{name}.bias")
        for name in ("weight", "bias"):
            net.add(Parameter(shape=vector), name=f"norm.{name}")

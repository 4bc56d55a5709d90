"""RT-DETR's ResNet: three convolutions before its stages, shortcuts that take means before they halve a map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import ceil_div
from archinspect.importers.hf.parts import activate, add, within
from archinspect.importers.hf.stages import chosen
from archinspect.ops.conv import Conv2D
from archinspect.ops.norm import BatchNormalization, FrozenBatchNormalization
from archinspect.ops.pool import AveragePooling2D, MaxPooling2D

if TYPE_CHECKING:
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config

Side = tuple[int, int]
Map = tuple["Tensor", Side]
"""Features, with their height and width."""


class Backbone:
    """The network in the making; its batch normalizations train unless they are frozen."""

    def __init__(self, net: GraphBuilder, c: Config, *, freezes: bool) -> None:
        self.net = net
        self.c = c
        self.norm = FrozenBatchNormalization() if freezes else BatchNormalization()
        self.act = c.text("hidden_act")

    def maps(self, image: Tensor) -> list[Map]:
        """Add all; return the maps of the stages that are read."""
        net, c = self.net, self.c
        widths, depths = c.ints("hidden_sizes", least=1), c.counts("depths")
        if len(widths) != len(depths):
            raise c.wrong("depths", f"a list of {len(widths)}, as hidden_sizes")
        before, x = c.whole("embedding_size"), image
        for number, filters in enumerate((before // 2, before // 2, before)):
            x = self.conv(x, filters, 3, f"embedder.embedder.{number}", self.act, stride=1 if number else 2)
        x = net.add(MaxPooling2D(pool_size=3, strides=2, padding=1), x, name="embedder.pooler")
        side = _halved(_halved(image.producer.op.output()[1:3]))
        found = [(x, side)]
        for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            stride = 2 if stage or c.flag("downsample_in_first_stage") else 1
            for number in range(max(depth, 1)):
                with within(net, f"encoder.stages.{stage}.layers.{number}", "layer"):
                    x = self._layer(x, before, width, stride if not number else 1, is_first=not number)
                before = width
            side = _halved(side) if stride > 1 else side
            found.append((x, side))
        return [found[place] for place in chosen(c, len(found))]

    def conv(self, x: Tensor, filters: int, size: int, name: str, act: str = "", stride: int = 1) -> Tensor:
        """Add a convolution with its normalization and an activation."""
        net = self.net
        with within(net, name, "conv"):
            op = Conv2D(filters=filters, kernel_size=size, strides=stride, padding=size // 2, use_bias=False)
            x = net.add(self.norm, net.add(op, x, name="convolution"), name="normalization")
            return activate(net, x, self.c, act) if act else x

    def _layer(self, x: Tensor, before: int, width: int, stride: int, *, is_first: bool) -> Tensor:
        kind = self.c.text("layer_type")
        if kind == "bottleneck":
            early = self.c.flag("downsample_in_bottleneck")
            inside = self.conv(x, width // 4, 1, "layer.0", "relu", stride if early else 1)
            inside = self.conv(inside, width // 4, 3, "layer.1", "relu", 1 if early else stride)
            inside = self.conv(inside, width, 1, "layer.2")
            projects, pools = before != width or stride > 1, stride > 1
        elif kind == "basic":
            inside = self.conv(x, width, 3, "layer.0", "relu", stride)
            inside = self.conv(inside, width, 3, "layer.1")
            projects, pools = is_first, before != width
        else:
            raise self.c.wrong("layer_type", "bottleneck or basic")
        return activate(
            self.net, add(self.net, inside, self._shortcut(x, width, stride, projects, pools)), self.c, self.act
        )

    def _shortcut(self, x: Tensor, width: int, stride: int, projects: bool, pools: bool) -> Tensor:  # noqa: FBT001
        if not projects:
            return x
        if not pools:
            return self.conv(x, width, 1, "shortcut", stride=stride)
        x = self.net.add(AveragePooling2D(pool_size=2, ceil_mode=True), x, name="shortcut.0")
        return self.conv(x, width, 1, "shortcut.1")


def _halved(side: tuple[int, ...]) -> Side:
    height, width = side
    return ceil_div(height, 2), ceil_div(width, 2)

"""Convolutions with what stands around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.hf.parts import activate, reshape, within
from archinspect.ops.conv import Conv2D
from archinspect.ops.globalpool import GlobalAveragePooling2D
from archinspect.ops.merge import Multiply
from archinspect.ops.norm import BatchNormalization

if TYPE_CHECKING:
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config


def conv(  # noqa: PLR0913 - as a convolution has
    net: GraphBuilder,
    x: Tensor,
    filters: int,
    size: int,
    name: str,
    *,
    stride: int = 1,
    groups: int = 1,
    bias: bool = False,
    padding: object = None,
    dilation: int = 1,
) -> Tensor:
    """Add a convolution, padded by half its window unless more is said."""
    op = Conv2D(
        filters=filters,
        kernel_size=size,
        strides=stride,
        groups=groups,
        use_bias=bias,
        dilation_rate=dilation,
        padding=size // 2 if padding is None else padding,  # type: ignore[arg-type] # a number, or how
    )
    return net.add(op, x, name=name)


def normed(  # noqa: PLR0913, PLR0917 - as a convolution has
    net: GraphBuilder,
    c: Config,
    x: Tensor,
    filters: int,
    size: int,
    name: str,
    act: str = "",
    **how: object,
) -> Tensor:
    """Add a convolution with a batch normalization and an activation."""
    with within(net, name, "conv"):
        x = conv(net, x, filters, size, "convolution", **how)  # type: ignore[arg-type] # as conv takes them
        x = net.add(BatchNormalization(), x, name="normalization")
        return activate(net, x, c, act) if act else x


def excite(  # noqa: PLR0913, PLR0917 - what it needs
    net: GraphBuilder, c: Config, x: Tensor, width: int, narrow: int, names: tuple[str, str], act: str
) -> Tensor:
    """Add a gate of channels that follows from their means (Hu et al. 2017, arXiv:1709.01507)."""
    one = reshape(net, net.add(GlobalAveragePooling2D(), x), 1, 1, width)
    one = activate(net, conv(net, one, narrow, 1, names[0], bias=True), c, act)
    return net.add(Multiply(), x, activate(net, conv(net, one, width, 1, names[1], bias=True), c, "sigmoid"))

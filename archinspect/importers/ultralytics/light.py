"""Light convolutions and stems: ghosts, HG blocks, residual networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.ultralytics import csp, elan
from archinspect.importers.ultralytics.net import NORM, RELU, made
from archinspect.ops.borders import ZeroPadding2D
from archinspect.ops.globalpool import GlobalAveragePooling2D
from archinspect.ops.identity import Identity
from archinspect.ops.pool import MaxPooling2D
from archinspect.ops.shuffle import PixelShuffle, PixelUnshuffle
from archinspect.ops.transposed import Conv2DTranspose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.graph.graph import Tensor
    from archinspect.importers.ultralytics.net import Net
    from archinspect.ops.base import Op

END = ZeroPadding2D(padding=[[0, 1], [0, 1]])
"""A row and a column after the image."""


# Ghosts


def ghost_conv(
    net: Net,
    x: Tensor,
    c2: int,
    k: int = 1,
    s: int = 1,
    g: int = 1,
    act: bool | Op = True,
) -> Tensor:
    """Add a convolution to half the channels, and one of each of these to the other half."""
    c = c2 // 2
    x = net.conv(x, c, k, s, None, g, act=act, name="cv1")
    return net.cat([x, net.conv(x, c, 5, 1, None, c, act=act, name="cv2")])


def ghost_bottleneck(net: Net, x: Tensor, c2: int, k: int = 3, s: int = 1) -> Tensor:
    """Add two of them, between which a stride stands, and what they read."""
    given, c = x, c2 // 2
    with net.scope("conv", "Sequential"):
        with net.scope("0", "GhostConv"):
            x = ghost_conv(net, x, c)
        if s == 2:  # noqa: PLR2004 - the one that is told apart
            x = net.depthwise(x, c, k, s, act=False, name="1")
        with net.scope("2", "GhostConv"):
            x = ghost_conv(net, x, c2, act=False)
    if s == 2:  # noqa: PLR2004 - as above
        with net.scope("shortcut", "Sequential"):
            given = net.depthwise(given, net.width(given), k, s, act=False, name="0")
            given = net.conv(given, c2, act=False, name="1")
    return net.sum(x, given)


def c3ghost(net: Net, x: Tensor, c2: int, n: int = 1, shortcut: bool = True, g: int = 1, e: float = 0.5) -> Tensor:
    """Add a C3 of them."""
    del shortcut, g

    def inner(net: Net, x: Tensor, name: str) -> Tensor:
        with net.scope(name, "GhostBottleneck"):
            return ghost_bottleneck(net, x, net.width(x))

    return csp.beside(net, x, c2, n, e, inner)


# HGNet, RT-DETR


def hg_stem(net: Net, x: Tensor, cm: int, c2: int) -> Tensor:
    """Add a stem of windows of 2 beside a pooling."""
    x = net.conv(x, cm, 3, 2, act=RELU, name="stem1")
    x = net.add(END, x)
    y = net.conv(x, cm // 2, 2, 1, 0, act=RELU, name="stem2a")
    y = net.conv(net.add(END, y), cm, 2, 1, 0, act=RELU, name="stem2b")
    x = net.add(made(MaxPooling2D, pool_size=2, strides=1, ceil_mode=True), x, name="pool")
    x = net.conv(net.cat([x, y]), cm, 3, 2, act=RELU, name="stem3")
    return net.conv(x, c2, 1, 1, act=RELU, name="stem4")


def hg_block(
    net: Net,
    x: Tensor,
    cm: int,
    c2: int,
    k: int = 3,
    n: int = 6,
    lightconv: bool = False,
    shortcut: bool = False,
) -> Tensor:
    """Add convolutions after each other, all outputs of which are joined and squeezed."""
    outputs = [x]
    for i in range(n):
        if lightconv:
            with net.scope(f"m.{i}", "LightConv"):
                y = net.conv(outputs[-1], cm, act=False, name="conv1")
                outputs.append(net.depthwise(y, cm, k, act=RELU, name="conv2"))
        else:
            outputs.append(net.conv(outputs[-1], cm, k, act=RELU, name=f"m.{i}"))
    y = net.conv(net.cat(outputs), c2 // 2, act=RELU, name="sc")
    y = net.conv(y, c2, act=RELU, name="ec")
    return net.sum(y, x) if shortcut and net.width(x) == c2 else y


def repc3(net: Net, x: Tensor, c2: int, n: int = 3, e: float = 1.0) -> Tensor:
    """Add convolutions that merge when deployed, and one beside them."""
    c = int(c2 * e)

    def inner(net: Net, x: Tensor, name: str) -> Tensor:
        with net.scope(name, "RepConv"):
            return elan.rep_conv(net, x, c)

    y = csp.chain(net, net.conv(x, c, name="cv1"), n, inner)
    y = net.sum(y, net.conv(x, c, name="cv2"))
    return y if c == c2 else net.conv(y, c2, name="cv3")


# Residual networks


def resnet_layer(
    net: Net,
    x: Tensor,
    c1: int,
    c2: int,
    s: int = 1,
    is_first: bool = False,
    n: int = 1,
    e: int = 4,
) -> Tensor:
    """Add the stem of a residual network, or blocks of it."""
    del c1
    if is_first:
        x = net.conv(x, c2, 7, 2, 3, name="layer.0")
        return net.pool(x, 3, 2, 1, name="layer.1")
    for i in range(n):
        x = _residual(net, x, c2, s if i == 0 else 1, e, f"layer.{i}")
    return x


def _residual(net: Net, x: Tensor, c2: int, s: int, e: int, name: str) -> Tensor:
    with net.scope(name, "ResNetBlock"):
        y = net.conv(x, c2, name="cv1")
        y = net.conv(y, c2, 3, s, 1, name="cv2")
        y = net.conv(y, e * c2, act=False, name="cv3")
        if s != 1 or net.width(x) != e * c2:
            x = net.conv(x, e * c2, 1, s, act=False, name="shortcut.0")
        return net.activate(net.sum(y, x), RELU)


RESNETS = {
    "resnet18": (1, (2, 2, 2, 2)),
    "resnet34": (1, (3, 4, 6, 3)),
    "resnet50": (4, (3, 4, 6, 3)),
    "resnet101": (4, (3, 4, 23, 3)),
    "resnet152": (4, (3, 8, 36, 3)),
}
"""Residual networks of torchvision: by how much blocks widen, and how many there are at each size."""


def torchvision(
    net: Net,
    x: Tensor,
    c2: int,
    model: str,
    weights: str = "DEFAULT",
    unwrap: bool = True,
    truncate: int = 2,
    split: bool = False,
) -> Tensor | list[Tensor]:
    """Add a residual network of torchvision without its last layers."""
    del c2, weights
    if model not in RESNETS or not unwrap or not 1 <= truncate <= 6:  # noqa: PLR2004 - pool, classifier, and four
        raise ValueError(f"of torchvision {', '.join(RESNETS)} are read, without their last layers")
    widens, counts = RESNETS[model]
    outputs = [x]
    with net.scope("m", "Sequential"):
        x = net.bare(x, 64, 7, 2, 3, bias=False, name="0")
        outputs.append(x)
        x = net.add(NORM, x, name="1")
        outputs.append(x)
        x = net.add(RELU, x, name="2")
        outputs.append(x)
        x = net.pool(x, 3, 2, 1, name="3")
        outputs.append(x)
        for stage, count in enumerate(counts[: 6 - truncate]):
            with net.scope(str(4 + stage), "Sequential"):
                for i in range(count):
                    x = _plain_residual(net, x, 64 * 2**stage, 2 if stage and i == 0 else 1, widens, str(i))
            outputs.append(x)
        if truncate == 1:
            x = net.add(GlobalAveragePooling2D(keepdims=True), x, name="8")
            outputs.append(x)
    return outputs if split else x


def _plain_residual(net: Net, x: Tensor, c: int, s: int, widens: int, name: str) -> Tensor:
    windows = [(1, 1), (3, s), (1, 1)] if widens > 1 else [(3, s), (3, 1)]
    with net.scope(name, "Bottleneck" if widens > 1 else "BasicBlock"):
        y = x
        for i, (k, stride) in enumerate(windows, 1):
            last = i == len(windows)
            y = net.bare(y, c * widens if last else c, k, stride, k // 2, bias=False, name=f"conv{i}")
            y = net.add(NORM, y, name=f"bn{i}")
            y = y if last else net.add(RELU, y)
        if s != 1 or net.width(x) != c * widens:
            x = net.bare(x, c * widens, 1, s, bias=False, name="downsample.0")
            x = net.add(NORM, x, name="downsample.1")
        return net.add(RELU, net.sum(y, x), name="relu")


# What is small


def focus(
    net: Net,
    x: Tensor,
    c2: int,
    k: int = 1,
    s: int = 1,
    p: int | None = None,
    g: int = 1,
    act: bool | Op = True,
) -> Tensor:
    """Move every second place into channels, and add a convolution."""
    return net.conv(reorg(net, x), c2, k, s, p, g, act=act, name="conv")


def reorg(net: Net, x: Tensor) -> Tensor:
    """Move every second place into channels."""
    return net.add(PixelUnshuffle(downscale_factor=2), x)


def contract(net: Net, x: Tensor, gain: int = 2) -> Tensor:
    """Move places into channels."""
    return net.add(PixelUnshuffle(downscale_factor=gain), x)


def expand(net: Net, x: Tensor, gain: int = 2) -> Tensor:
    """Move channels into places."""
    return net.add(PixelShuffle(upscale_factor=gain), x)


def conv_transpose(net: Net, x: Tensor, c2: int, k: int = 2, s: int = 2, p: int = 0, bn: bool = True) -> Tensor:
    """Add a transposed convolution, normalized."""
    op = made(Conv2DTranspose, filters=c2, kernel_size=k, strides=s, padding=p, use_bias=not bn)
    x = net.add(op, x, name="conv_transpose")
    return net.activate(net.add(NORM, x, name="bn") if bn else x)


def concat(net: Net, xs: Sequence[Tensor], dimension: int = 1) -> Tensor:
    """Join images along their channels."""
    if dimension != 1:
        raise ValueError("images are joined along their channels, 1")
    return net.cat(xs)


def shortcut(net: Net, xs: Sequence[Tensor], dimension: int = 0) -> Tensor:
    """Add images."""
    del dimension
    return net.sum(*xs)


def index(net: Net, xs: Sequence[Tensor], which: int = 0) -> Tensor:
    """Give one of several."""
    return net.add(Identity(), xs[which])

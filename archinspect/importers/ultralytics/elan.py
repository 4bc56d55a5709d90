"""Blocks of YOLOv9 and v10: ELAN, convolutions that merge when deployed, inverted blocks, ways down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.ultralytics import csp
from archinspect.importers.ultralytics.model import V7
from archinspect.importers.ultralytics.net import NORM
from archinspect.ops.pool import AveragePooling2D

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.graph.graph import Tensor
    from archinspect.importers.ultralytics.net import Net
    from archinspect.ops.base import Op

AVERAGE = AveragePooling2D(pool_size=2, strides=1)


def rep_conv(
    net: Net,
    x: Tensor,
    c2: int,
    k: int = 3,
    s: int = 1,
    p: int | None = 1,
    g: int = 1,
    d: int = 1,
    act: bool | Op = True,
    bn: bool = False,
) -> Tensor:
    """Add a convolution, one of 1x1 beside it, and in v7 a normalization beside both, as they are trained."""
    pad = k // 2 if p is None else p
    parts = [
        net.conv(x, c2, k, s, pad, g, act=False, name="conv1"),
        net.conv(x, c2, 1, s, pad - k // 2, g, act=False, name="conv2"),
    ]
    if (bn or net.model.dialect == V7) and net.width(x) == c2 and s == 1:
        parts.append(net.add(NORM, x, name="bn"))
    del d
    return net.activate(net.sum(*parts), act)


def _rep_bottleneck(net: Net, x: Tensor, c2: int, name: str) -> Tensor:
    with net.scope(name, "RepBottleneck"):
        with net.scope("cv1", "RepConv"):
            y = rep_conv(net, x, c2)
        return net.sum(x, net.conv(y, c2, 3, name="cv2"))


def _rep_csp(net: Net, x: Tensor, c2: int, n: int, name: str) -> Tensor:
    with net.scope(name, "RepCSP"):
        return csp.beside(net, x, c2, n, 0.5, lambda net, x, name: _rep_bottleneck(net, x, net.width(x), name))


def rep_ncspelan4(net: Net, x: Tensor, c2: int, c3: int, c4: int, n: int = 1) -> Tensor:
    """Add two blocks after each other on one half of the channels; all outputs are joined."""
    outputs = list(net.halves(net.conv(x, c3, name="cv1")))
    for name in ("cv2", "cv3"):
        with net.scope(name, "Sequential"):
            outputs.append(net.conv(_rep_csp(net, outputs[-1], c4, n, "0"), c4, 3, name="1"))
    return net.conv(net.cat(outputs), c2, name="cv4")


def elan1(net: Net, x: Tensor, c2: int, c3: int, c4: int) -> Tensor:
    """Add the same with convolutions in the place of blocks."""
    outputs = list(net.halves(net.conv(x, c3, name="cv1")))
    for name in ("cv2", "cv3"):
        outputs.append(net.conv(outputs[-1], c4, 3, name=name))
    return net.conv(net.cat(outputs), c2, name="cv4")


def sppelan(net: Net, x: Tensor, c2: int, c3: int, k: int = 5) -> Tensor:
    """Add poolings after each other, all of which are joined."""
    pooled = [net.conv(x, c3, name="cv1")]
    for _ in range(3):
        pooled.append(net.pool(pooled[-1], k))
    return net.conv(net.cat(pooled), c2, name="cv5")


def aconv(net: Net, x: Tensor, c2: int) -> Tensor:
    """Add an average, and a convolution that halves the sides."""
    return net.conv(net.add(AVERAGE, x), c2, 3, 2, 1, name="cv1")


def adown(net: Net, x: Tensor, c2: int) -> Tensor:
    """Add two ways to halve the sides, each on one half of the channels."""
    first, second = net.halves(net.add(AVERAGE, x))
    first = net.conv(first, c2 // 2, 3, 2, 1, name="cv1")
    second = net.conv(net.pool(second, 3, 2, 1), c2 // 2, name="cv2")
    return net.cat([first, second])


def cb_linear(net: Net, x: Tensor, widths: Sequence[int], k: int = 1, s: int = 1, p: int | None = None) -> list[Tensor]:
    """Add one convolution whose channels several later layers read."""
    x = net.bare(x, sum(widths), k, s, k // 2 if p is None else p, name="conv")
    return list(net.parts(x, *widths)) if len(widths) > 1 else [x]


def cb_fuse(net: Net, xs: Sequence[Tensor | list[Tensor]], chosen: Sequence[int]) -> Tensor:
    """Add what earlier layers give, as large as the last."""
    from archinspect.ops.image import Resizing

    *others, last = xs
    height, width, _ = net.shape(last)  # type: ignore[arg-type] # the last is one
    resized = Resizing(height=height, width=width, interpolation="nearest")
    tensors = [net.add(resized, one[i]) for one, i in zip(others, chosen, strict=True)]  # type: ignore[index] # as they say
    return net.sum(*tensors, last)  # type: ignore[arg-type] # as above


def scdown(net: Net, x: Tensor, c2: int, k: int = 3, s: int = 2) -> Tensor:
    """Add a convolution over channels, and one over places."""
    x = net.conv(x, c2, name="cv1")
    return net.conv(x, c2, k, s, g=c2, act=False, name="cv2")


def _inverted(net: Net, x: Tensor, c2: int, shortcut: bool, lk: bool, name: str) -> Tensor:
    wide = 2 * c2
    with net.scope(name, "CIB"):
        with net.scope("cv1", "Sequential"):
            y = net.conv(x, net.width(x), 3, g=net.width(x), name="0")
            y = net.conv(y, wide, name="1")
            y = _two_depthwise(net, y, "2") if lk else net.conv(y, wide, 3, g=wide, name="2")
            y = net.conv(y, c2, name="3")
            y = net.conv(y, c2, 3, g=c2, name="4")
        return net.sum(x, y) if shortcut and net.width(x) == c2 else y


def _two_depthwise(net: Net, x: Tensor, name: str) -> Tensor:
    c = net.width(x)
    with net.scope(name, "RepVGGDW"):
        large = net.conv(x, c, 7, 1, 3, g=c, act=False, name="conv")
        small = net.conv(x, c, 3, 1, 1, g=c, act=False, name="conv1")
        return net.activate(net.sum(large, small))


def c2f_cib(
    net: Net,
    x: Tensor,
    c2: int,
    n: int = 1,
    shortcut: bool = False,
    lk: bool = False,
    g: int = 1,
    e: float = 0.5,
) -> Tensor:
    """Add inverted blocks as a C2f does bottlenecks."""
    del g
    c = int(c2 * e)
    return csp.parting(net, x, c2, n, e, lambda net, x, name: _inverted(net, x, c, shortcut, lk, name))

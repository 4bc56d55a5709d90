"""Blocks whose channels part and meet again: bottlenecks, C1 to C3k2, pyramids of pooling."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from archinspect.importers.ultralytics.model import ULTRALYTICS
from archinspect.importers.ultralytics.net import NORM

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.graph.graph import Tensor
    from archinspect.importers.ultralytics.net import Net

    Inner = Callable[[Net, Tensor, str], Tensor]
    """Adds a block under a name."""


def bottleneck(
    net: Net,
    x: Tensor,
    c2: int,
    shortcut: bool = True,
    g: int = 1,
    k: Sequence[int | Sequence[int]] = (3, 3),
    e: float = 0.5,
    name: str = "",
) -> Tensor:
    """Add two convolutions, and what they read where nothing changes its width."""
    inner = int(c2 * e)
    with net.scope(name, "Bottleneck") if name else nullcontext():
        y = net.conv(x, inner, k[0], name="cv1")
        y = net.conv(y, c2, k[1], g=g, name="cv2")
        return net.sum(x, y) if shortcut and net.width(x) == c2 else y


def narrow(net: Net, x: Tensor, c2: int, shortcut: bool = True, g: int = 1, e: float = 0.5) -> Tensor:
    """Add the bottleneck of YOLOv5 and v7, whose first window is 1x1."""
    return bottleneck(net, x, c2, shortcut, g, (1, 3), e)


def plain(
    c2: int,
    shortcut: bool,
    g: int = 1,
    k: Sequence[int | Sequence[int]] = (3, 3),
    e: float = 1.0,
) -> Inner:
    """Return what adds a bottleneck."""
    return lambda net, x, name: bottleneck(net, x, c2, shortcut, g, k, e, name)


def chain(net: Net, x: Tensor, n: int, inner: Inner, name: str = "m") -> Tensor:
    """Add blocks one after another."""
    for i in range(n):
        x = inner(net, x, f"{name}.{i}")
    return x


def c1(net: Net, x: Tensor, c2: int, n: int = 1) -> Tensor:
    """Add a convolution, and blocks beside it."""
    x = net.conv(x, c2, name="cv1")
    return net.sum(chain(net, x, n, lambda net, x, name: net.conv(x, c2, 3, name=name)), x)


def c2(net: Net, x: Tensor, c2: int, n: int = 1, shortcut: bool = True, g: int = 1, e: float = 0.5) -> Tensor:
    """Add blocks on one half of the channels."""
    c = int(c2 * e)
    first, second = net.halves(net.conv(x, 2 * c, name="cv1"))
    first = chain(net, first, n, plain(c, shortcut, g))
    return net.conv(net.cat([first, second]), c2, name="cv2")


def parting(net: Net, x: Tensor, c2: int, n: int, e: float, inner: Inner) -> Tensor:
    """Add blocks on one half of the channels, of which every one's output is joined to the rest."""
    c = int(c2 * e)
    outputs = list(net.halves(net.conv(x, 2 * c, name="cv1")))
    for i in range(n):
        outputs.append(inner(net, outputs[-1], f"m.{i}"))
    return net.conv(net.cat(outputs), c2, name="cv2")


def c2f(net: Net, x: Tensor, c2: int, n: int = 1, shortcut: bool = False, g: int = 1, e: float = 0.5) -> Tensor:
    """Add bottlenecks on one half of the channels, of which every one's output is joined to the rest."""
    return parting(net, x, c2, n, e, plain(int(c2 * e), shortcut, g))


def c3k_block(net: Net, x: Tensor, c2: int, n: int, shortcut: bool, g: int, name: str) -> Tensor:
    """Add a C3 of bottlenecks with windows of 3x3."""
    with net.scope(name, "C3k"):
        return c3(net, x, c2, n, shortcut, g, k=(3, 3))


def c3(
    net: Net,
    x: Tensor,
    c2: int,
    n: int = 1,
    shortcut: bool = True,
    g: int = 1,
    e: float = 0.5,
    k: Sequence[int | Sequence[int]] = (1, 3),
) -> Tensor:
    """Add two convolutions beside each other, one with bottlenecks after it."""
    return beside(net, x, c2, n, e, plain(int(c2 * e), shortcut, g, k))


def beside(net: Net, x: Tensor, c2: int, n: int, e: float, inner: Inner) -> Tensor:
    """Add two convolutions beside each other, one with blocks after it, and one that joins them."""
    c = int(c2 * e)
    first = chain(net, net.conv(x, c, name="cv1"), n, inner)
    second = net.conv(x, c, name="cv2")
    return net.conv(net.cat([first, second]), c2, name="cv3")


def c3k(
    net: Net, x: Tensor, c2: int, n: int = 1, shortcut: bool = True, g: int = 1, e: float = 0.5, k: int = 3
) -> Tensor:
    """Add a C3 of bottlenecks with windows of one size."""
    return c3(net, x, c2, n, shortcut, g, e, (k, k))


def c3x(net: Net, x: Tensor, c2: int, n: int = 1, shortcut: bool = True, g: int = 1, e: float = 0.5) -> Tensor:
    """Add a C3 of bottlenecks with windows of 1x3 and 3x1."""
    return c3(net, x, c2, n, shortcut, g, e, ((1, 3), (3, 1)))


def bottleneck_csp(
    net: Net, x: Tensor, c2: int, n: int = 1, shortcut: bool = True, g: int = 1, e: float = 0.5
) -> Tensor:
    """Add the first of these blocks: bare convolutions before the branches meet, and a normalization after."""
    c = int(c2 * e)
    first = chain(net, net.conv(x, c, name="cv1"), n, plain(c, shortcut, g, (1, 3) if net.model.is_narrow else (3, 3)))
    first = net.bare(first, c, bias=False, name="cv3")
    second = net.bare(x, c, bias=False, name="cv2")
    joined = net.activate(net.add(NORM, net.cat([first, second]), name="bn"))
    return net.conv(joined, c2, name="cv4")


def spp(net: Net, x: Tensor, c2: int, k: Sequence[int] = (5, 9, 13)) -> Tensor:
    """Add poolings of several windows beside each other."""
    x = net.conv(x, net.width(x) // 2, name="cv1")
    return net.conv(net.cat([x, *(net.pool(x, size) for size in k)]), c2, name="cv2")


def sppf(net: Net, x: Tensor, c2: int, k: int = 5, n: int | None = None, shortcut: bool = False) -> Tensor:
    """Add poolings of one window after each other, all of which are joined.

    Rows of the package that say how many there are, as YOLO26's do, have no activation before them.
    """
    given = x
    is_active = n is None or net.model.dialect != ULTRALYTICS
    pooled = [net.conv(x, net.width(x) // 2, act=is_active, name="cv1")]
    for _ in range(3 if n is None else n):
        pooled.append(net.pool(pooled[-1], k))
    x = net.conv(net.cat(pooled), c2, name="cv2")
    return net.sum(x, given) if shortcut and net.width(given) == c2 else x


def c3spp(net: Net, x: Tensor, c2: int, k: Sequence[int] = (5, 9, 13)) -> Tensor:
    """Add a C3 with poolings in the place of bottlenecks."""

    def inner(net: Net, x: Tensor, name: str) -> Tensor:
        with net.scope(name, "SPP"):
            return spp(net, x, net.width(x), k)

    return beside(net, x, c2, 1, 0.5, inner)

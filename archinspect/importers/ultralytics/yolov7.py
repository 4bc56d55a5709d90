"""Modules of the YOLOv7 repository: its stems, its blocks A, B and C, its pyramid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.ultralytics import csp, elan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.graph.graph import Tensor
    from archinspect.importers.ultralytics.csp import Inner
    from archinspect.importers.ultralytics.net import Net


def mp(net: Net, x: Tensor, k: int = 2) -> Tensor:
    """Add a pooling of windows beside each other."""
    return net.pool(x, k, k, 0)


def sp(net: Net, x: Tensor, k: int = 3, s: int = 1) -> Tensor:
    """Add a pooling that keeps the size."""
    return net.pool(x, k, s)


def stem(net: Net, x: Tensor, c2: int) -> Tensor:
    """Add a stem: a convolution beside a pooling."""
    c = int(c2 / 2)
    x = net.conv(x, c, 3, 2, name="cv1")
    y = net.conv(net.conv(x, c, name="cv2"), c, 3, 2, name="cv3")
    return net.conv(net.cat([y, net.pool(x, 2, 2, 0)]), c2, name="cv4")


def down_c(net: Net, x: Tensor, c2: int, n: int = 1, k: int = 2) -> Tensor:
    """Add two ways to halve the sides."""
    del n
    y = net.conv(net.conv(x, net.width(x), name="cv1"), c2 // 2, 3, k, name="cv2")
    return net.cat([y, net.conv(net.pool(x, k, k, 0), c2 // 2, name="cv3")])


def sppcspc(
    net: Net,
    x: Tensor,
    c2: int,
    n: int = 1,
    shortcut: bool = False,
    g: int = 1,
    e: float = 0.5,
    k: Sequence[int] = (5, 9, 13),
) -> Tensor:
    """Add a pyramid of poolings beside a convolution."""
    del n, shortcut, g
    c = int(2 * c2 * e)
    y = net.conv(net.conv(net.conv(x, c, name="cv1"), c, 3, name="cv3"), c, name="cv4")
    y = net.conv(net.cat([y, *(net.pool(y, size) for size in k)]), c, name="cv5")
    y = net.conv(y, c, 3, name="cv6")
    return net.conv(net.cat([y, net.conv(x, c, name="cv2")]), c2, name="cv7")


def _in_a(net: Net, x: Tensor, c2: int, n: int, inner: Inner, e: float = 0.5) -> Tensor:
    return csp.beside(net, x, c2, n, e, inner)


def _in_b(net: Net, x: Tensor, c2: int, n: int, inner: Inner, e: float = 0.5) -> Tensor:
    """Both branches read one convolution, which is as wide as the output."""
    del e
    x = net.conv(x, c2, name="cv1")
    y = csp.chain(net, x, n, inner)
    return net.conv(net.cat([y, net.conv(x, c2, name="cv2")]), c2, name="cv3")


def _in_c(net: Net, x: Tensor, c2: int, n: int, inner: Inner, e: float = 0.5) -> Tensor:
    """As A, with a convolution after the blocks."""
    c = int(c2 * e)
    y = net.conv(csp.chain(net, net.conv(x, c, name="cv1"), n, inner), c, name="cv3")
    return net.conv(net.cat([y, net.conv(x, c, name="cv2")]), c2, name="cv4")


def _bottleneck(shortcut: bool, g: int, *, rep: bool) -> Inner:
    def inner(net: Net, x: Tensor, name: str) -> Tensor:
        c = net.width(x)
        if not rep:
            return csp.bottleneck(net, x, c, shortcut, g, (1, 3), 1.0, name)
        with net.scope(name, "RepBottleneck"):
            y = net.conv(x, c, name="cv1")
            with net.scope("cv2", "RepConv"):
                y = elan.rep_conv(net, y, c, g=g)
            return net.sum(x, y) if shortcut else y

    return inner


def _res(shortcut: bool, g: int, e: float, *, rep: bool) -> Inner:
    def inner(net: Net, x: Tensor, name: str) -> Tensor:
        with net.scope(name, "Res"):
            return res(net, x, net.width(x), shortcut, g, e, rep=rep)

    return inner


def res(
    net: Net,
    x: Tensor,
    c2: int,
    shortcut: bool = True,
    g: int = 1,
    e: float = 0.5,
    *,
    rep: bool = False,
) -> Tensor:
    """Add a residual block of three convolutions."""
    c = int(c2 * e)
    y = net.conv(x, c, name="cv1")
    if rep:
        with net.scope("cv2", "RepConv"):
            y = elan.rep_conv(net, y, c, g=g)
    else:
        y = net.conv(y, c, 3, g=g, name="cv2")
    y = net.conv(y, c2, name="cv3")
    return net.sum(x, y) if shortcut and net.width(x) == c2 else y


def resx(net: Net, x: Tensor, c2: int, shortcut: bool = True, g: int = 32, e: float = 0.5) -> Tensor:
    """Add the same in groups."""
    return res(net, x, c2, shortcut, g, e)


def _module(how: Callable[..., Tensor], kind: str) -> Callable[..., Tensor]:
    """Return a module: how its branches part, and what its blocks are."""
    rep, plain = kind.startswith("Rep"), kind.removeprefix("Rep")
    # Only the first kind of branches adds what blocks read unless it is said: B does not for bottlenecks.
    default = not (how is _in_b and plain == "Bottleneck")
    groups = 32 if plain == "ResX" else 1

    def build(
        net: Net,
        x: Tensor,
        c2: int,
        n: int = 1,
        shortcut: bool = default,
        g: int = groups,
        e: float = 0.5,
    ) -> Tensor:
        if plain == "Bottleneck":
            inner = _bottleneck(shortcut, g, rep=rep)
        else:
            inner = _res(shortcut, g, 1.0 if plain == "ResX" else 0.5, rep=rep)
        return how(net, x, c2, n, inner, e)

    return build


BLOCKS: dict[str, Callable[..., Tensor]] = {
    f"{kind}CSP{letter}": _module(how, kind)
    for kind in ("Bottleneck", "RepBottleneck", "Res", "RepRes", "ResX", "RepResX")
    for letter, how in (("A", _in_a), ("B", _in_b), ("C", _in_c))
}
"""Blocks by the names that the repository has for them."""

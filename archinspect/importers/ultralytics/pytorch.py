"""Modules of PyTorch itself, as rows name them: `nn.MaxPool2d`."""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING, Any

from archinspect.importers.ultralytics.net import NORM, made
from archinspect.ops.adaptivepool import AdaptiveAveragePooling2D, AdaptiveMaxPooling2D
from archinspect.ops.borders import ZeroPadding2D
from archinspect.ops.globalpool import GlobalAveragePooling2D
from archinspect.ops.identity import Dropout, Identity
from archinspect.ops.pool import AveragePooling2D, MaxPooling2D
from archinspect.ops.transposed import Conv2DTranspose
from archinspect.ops.upsampling import UpSampling2D

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.graph.graph import Tensor
    from archinspect.importers.ultralytics.net import Net


def convolution(
    net: Net,
    x: Tensor,
    c1: int,
    c2: int,
    k: int | Sequence[int],
    s: int | Sequence[int] = 1,
    p: int | Sequence[int] = 0,
    d: int = 1,
    g: int = 1,
    bias: bool = True,
) -> Tensor:
    """Add a convolution, of which the row says what it reads, too: the package scales neither."""
    if c1 != net.width(x):
        raise ValueError(f"it reads {net.width(x)} channels, not {c1}: arguments are (in, out, window, ...), unscaled")
    return net.bare(x, c2, k, s, p if isinstance(p, int) else tuple(p), g, d, bias=bias)


def transpose(
    net: Net,
    x: Tensor,
    c2: int,
    k: int = 2,
    s: int = 1,
    p: int = 0,
    more: int = 0,
    g: int = 1,
    bias: bool = True,
) -> Tensor:
    """Add a transposed convolution; `more` is what the output has beyond it."""
    sizes = {"filters": c2, "kernel_size": k, "strides": s, "padding": p, "output_padding": more or None}
    return net.add(made(Conv2DTranspose, **sizes, groups=g, use_bias=bias), x)


def depthwise_transpose(net: Net, x: Tensor, c2: int, k: int = 1, s: int = 1, p: int = 0, more: int = 0) -> Tensor:
    """Add one of as many groups as inputs and outputs have in common."""
    return transpose(net, x, c2, k, s, p, more, gcd(net.width(x), c2))


def silence(net: Net, x: Tensor) -> Tensor:
    """Give what is read."""
    return net.add(Identity(), x)


def upsample(net: Net, x: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest") -> Tensor:  # noqa: ANN401 - PyTorch's
    """Enlarge an image."""
    if size is not None or mode not in ("nearest", "bilinear") or scale_factor != int(scale_factor):
        raise ValueError("a whole factor and the modes nearest and bilinear are read")
    return net.add(made(UpSampling2D, size=int(scale_factor), interpolation=mode), x)


def max_pool(net: Net, x: Tensor, k: int, s: int | None = None, p: int = 0) -> Tensor:
    """Add a pooling by the largest."""
    return net.add(made(MaxPooling2D, pool_size=k, strides=s or k, padding=p), x)


def average_pool(net: Net, x: Tensor, k: int, s: int | None = None, p: int = 0, ceil: bool = False) -> Tensor:
    """Add a pooling by the mean."""
    return net.add(made(AveragePooling2D, pool_size=k, strides=s or k, padding=p, ceil_mode=ceil), x)


def zero_pad(net: Net, x: Tensor, sides: Sequence[int]) -> Tensor:
    """Add zeros: left, right, top, bottom."""
    left, right, top, bottom = [sides] * 4 if isinstance(sides, int) else sides
    return net.add(ZeroPadding2D(padding=[[top, bottom], [left, right]]), x)


def batch_norm(net: Net, x: Tensor) -> Tensor:
    """Add a batch normalization."""
    return net.add(NORM, x)


def global_pool(net: Net, x: Tensor, size: int = 1) -> Tensor:
    """Add the mean of each channel, of all places or of as many parts as `size` says."""
    if size == 1:
        return net.add(GlobalAveragePooling2D(keepdims=True), x)
    return net.add(made(AdaptiveAveragePooling2D, output_size=size), x)


def largest(net: Net, x: Tensor, size: int = 1) -> Tensor:
    """Add the largest of each channel, in as many parts as `size` says."""
    return net.add(made(AdaptiveMaxPooling2D, output_size=size), x)


def dropout(net: Net, x: Tensor, rate: float = 0.5) -> Tensor:
    """Add dropout."""
    return net.add(made(Dropout, rate=rate), x)

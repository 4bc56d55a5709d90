"""Swin: attention within windows, which every other layer shifts (Liu et al. 2021, arXiv:2103.14030)."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from archinspect.importers.hf.parts import Attention, Mlp, add, attention, dense, mlp, norm, reshape, within
from archinspect.importers.hf.wanted import ending
from archinspect.ops.conv import Conv2D
from archinspect.ops.embed import LearnedPositions
from archinspect.ops.reshape import PixelUnshuffle, ZeroPadding2D
from archinspect.ops.tensor import ReduceMean, Roll, WindowPartition, WindowReverse

if TYPE_CHECKING:
    from archinspect.base.source import Value
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.wanted import Wanted

Side = tuple[int, int]


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add Swin with its head."""
    end = ending(c, architecture, ("ForImageClassification", "Model")) if architecture else "Model"
    net = wanted.net
    image = wanted.picture(c, is_open=not c.flag("use_absolute_embeddings"))
    with within(net, "swin" if end != "Model" else ""):
        x = _swin(net, c, image)
    one = net.add(ReduceMean(axis=[1]), x)
    return (x, one) if end == "Model" else (dense(net, one, c.labels(), "classifier"),)


def _swin(net: GraphBuilder, c: Config, image: Tensor) -> Tensor:
    width, depths, heads = c.whole("embed_dim"), c.ints("depths"), c.ints("num_heads", least=1)
    if len(depths) != len(heads):
        raise c.wrong("num_heads", f"a list of {len(depths)}, as depths")
    (height, across), patch = image.producer.op.output()[1:3], c.pair("patch_size")
    side = ceil(height / patch[0]), ceil(across / patch[1])
    with within(net, "embeddings"):
        x = _padded(net, image, (height, across), patch)
        strides: list[Value] = [*patch]
        op = Conv2D(filters=width, kernel_size=strides, strides=strides)
        x = reshape(net, net.add(op, x, name="patch_embeddings.projection"), -1, width)
        x = norm(net, x, "layer", "norm")
        if c.flag("use_absolute_embeddings"):
            x = net.add(LearnedPositions(), x, name="position_embeddings")
    for stage, (depth, count) in enumerate(zip(depths, heads, strict=True)):
        with within(net, f"encoder.layers.{stage}", "stage"):
            for number in range(depth):
                with within(net, f"blocks.{number}", "block"):
                    x = _block(net, c, x, side, (width, count), shifts=number % 2 == 1)
            if stage < len(depths) - 1:
                with within(net, "downsample"):
                    x = _merged(net, x, side, width)
                side, width = (ceil(side[0] / 2), ceil(side[1] / 2)), 2 * width
    return norm(net, x, "layer", "layernorm")


def _padded(net: GraphBuilder, x: Tensor, side: Side, multiple: Side) -> Tensor:
    """Pad a map at its end to multiples of a size."""
    more = [-one % of for one, of in zip(side, multiple, strict=True)]
    return net.add(ZeroPadding2D(padding=[[0, more[0]], [0, more[1]]]), x) if any(more) else x


def _merged(net: GraphBuilder, x: Tensor, side: Side, width: int) -> Tensor:
    """Add what puts four neighbors together."""
    x = _padded(net, reshape(net, x, *side, width), side, (2, 2))
    x = reshape(net, net.add(PixelUnshuffle(downscale_factor=2), x), -1, 4 * width)
    return dense(net, norm(net, x, "layer", "norm"), 2 * width, "reduction", bias=False)


def _block(net: GraphBuilder, c: Config, x: Tensor, side: Side, sizes: tuple[int, int], *, shifts: bool) -> Tensor:
    width, heads = sizes
    window, bias = c.whole("window_size"), c.flag("qkv_bias")
    if min(side) < window:
        raise c.wrong("window_size", f"at most {min(side)}, the sides of the smallest map")
    if width % heads:
        raise c.wrong("num_heads", f"divisors of the widths, one of which is {width}")
    shift = window // 2 if shifts and min(side) > window else 0
    inside = reshape(net, norm(net, x, "layer", "layernorm_before"), *side, width)
    inside = _padded(net, inside, side, (window, window))
    whole = tuple(one + -one % window for one in side)
    if shift:
        inside = net.add(Roll(shift=[-shift, -shift], axis=[1, 2]), inside)
    inside = net.add(WindowPartition(window_size=window), inside)
    a = Attention(
        heads,
        heads,
        width // heads,
        width,
        query_bias=bias,
        key_bias=bias,
        value_bias=bias,
        out_bias=True,
        causal=False,
        position_biases=(2 * window - 1) ** 2,
    )
    with within(net, "attention"):
        inside = attention(net, inside, a)
    inside = net.add(WindowReverse(window_size=window, size=list(whole)), inside)
    if shift:
        inside = net.add(Roll(shift=[shift, shift], axis=[1, 2]), inside)
    x = add(net, x, reshape(net, _cut(net, inside, side, whole), -1, width))
    m = Mlp(int(c.number("mlp_ratio") * width), c.text("hidden_act"), gated=False, bias=True, up="fc1", down="fc2")
    inside = norm(net, x, "layer", "layernorm_after")
    with within(net, "mlp"):
        return add(net, x, mlp(net, inside, m, width, c))


def _cut(net: GraphBuilder, x: Tensor, side: Side, whole: tuple[int, ...]) -> Tensor:
    from archinspect.ops.tensor import Slice

    for axis, (one, of) in enumerate(zip(side, whole, strict=True), 1):
        x = net.add(Slice(axis=axis, stop=one), x) if one < of else x
    return x

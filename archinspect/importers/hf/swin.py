"""Swin and Swin V2: attention within windows, which every other layer shifts.

Liu et al. 2021, arXiv:2103.14030; Liu et al. 2021, arXiv:2111.09883.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from archinspect.importers.hf.parts import Attention, Mlp, activate, add, attention, dense, mlp, norm, reshape, within
from archinspect.importers.hf.wanted import ending
from archinspect.ops.borders import ZeroPadding2D
from archinspect.ops.conv import Conv2D
from archinspect.ops.embed import LearnedPositions
from archinspect.ops.shuffle import PixelUnshuffle
from archinspect.ops.source import Constant, Parameter
from archinspect.ops.tensor import ReduceMean, Roll, Slice
from archinspect.ops.windows import WindowPartition, WindowReverse

if TYPE_CHECKING:
    from archinspect.base.source import Value
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.wanted import Wanted

Side = tuple[int, int]
BIAS_UNITS = 512


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add Swin with its head."""
    end = ending(c, architecture, ("ForImageClassification", "Model")) if architecture else "Model"
    net = wanted.net
    image = wanted.picture(c, is_open=not c.flag("use_absolute_embeddings"))
    with within(net, c.kind if end != "Model" else ""):
        x = _swin(net, c, image)
    one = net.add(ReduceMean(axis=[1]), x)
    return (x, one) if end == "Model" else (dense(net, one, c.labels(), "classifier"),)


def _swin(net: GraphBuilder, c: Config, image: Tensor) -> Tensor:
    width, depths, heads = c.whole("embed_dim"), c.counts("depths"), c.ints("num_heads", least=1)
    if len(depths) != len(heads):
        raise c.wrong("num_heads", f"a list of {len(depths)}, as depths")
    (height, across), patch = image.producer.op.output()[1:3], c.pair("patch_size")
    side = ceil(height / patch[0]), ceil(across / patch[1])
    with within(net, "embeddings"):
        x = padded(net, image, (height, across), patch)
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
                    x = _block(net, c, x, side, (width, count, _window(c, stage)), shifts=number % 2 == 1)
            if stage < len(depths) - 1:
                with within(net, "downsample"):
                    x = _merged(net, x, side, width, is_late=c.kind == "swinv2")
                side, width = (ceil(side[0] / 2), ceil(side[1] / 2)), 2 * width
    return norm(net, x, "layer", "layernorm")


def padded(net: GraphBuilder, x: Tensor, side: Side, multiple: Side) -> Tensor:
    """Pad a map at its end to multiples of a size."""
    more = [-one % of for one, of in zip(side, multiple, strict=True)]
    return net.add(ZeroPadding2D(padding=[[0, more[0]], [0, more[1]]]), x) if any(more) else x


def _window(c: Config, stage: int) -> int:
    """Return the side of a window; that of the whole map where this is smaller, in Swin V2."""
    window = c.whole("window_size")
    if c.kind == "swin":
        return window
    sides = [one // of >> stage for one, of in zip(c.pair("image_size"), c.pair("patch_size"), strict=True)]
    if min(sides) < 1 or sides[0] != sides[1]:
        raise c.wrong("image_size", "a square that is not smaller than its patches")
    return min(window, sides[0])


def _merged(net: GraphBuilder, x: Tensor, side: Side, width: int, *, is_late: bool) -> Tensor:
    """Add what puts four neighbors together."""
    x = padded(net, reshape(net, x, *side, width), side, (2, 2))
    x = reshape(net, net.add(PixelUnshuffle(downscale_factor=2), x), -1, 4 * width)
    if is_late:
        return norm(net, dense(net, x, 2 * width, "reduction", bias=False), "layer", "norm")
    return dense(net, norm(net, x, "layer", "norm"), 2 * width, "reduction", bias=False)


def _block(net: GraphBuilder, c: Config, x: Tensor, side: Side, sizes: tuple[int, int, int], *, shifts: bool) -> Tensor:
    width, heads, window = sizes
    bias, second = c.flag("qkv_bias"), c.kind == "swinv2"
    if min(side) < window:
        raise c.wrong("window_size", f"at most {min(side)}, the sides of the smallest map")
    if width % heads:
        raise c.wrong("num_heads", f"divisors of the widths, one of which is {width}")
    shift = window // 2 if shifts and min(side) > window else 0
    inside = reshape(net, x if second else norm(net, x, "layer", "layernorm_before"), *side, width)
    inside = padded(net, inside, side, (window, window))
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
        key_bias=bias and not second,
        value_bias=bias,
        out_bias=True,
        causal=False,
        position_biases=0 if second else (2 * window - 1) ** 2,
    )
    if second:
        a = a._replace(q="self.query", k="self.key", v="self.value", o="output.dense")
    with within(net, "attention"):
        if second:
            _biases(net, c, heads, window)
        inside = attention(net, inside, a)
    inside = net.add(WindowReverse(window_size=window, size=list(whole)), inside)
    if shift:
        inside = net.add(Roll(shift=[shift, shift], axis=[1, 2]), inside)
    inside = reshape(net, _cut(net, inside, side, whole), -1, width)
    x = add(net, x, norm(net, inside, "layer", "layernorm_before") if second else inside)
    m = Mlp(int(c.number("mlp_ratio") * width), c.text("hidden_act"), gated=False, bias=True, up="fc1", down="fc2")
    if second:
        m = m._replace(up="intermediate.dense", down="output.dense")
        return add(net, x, norm(net, mlp(net, x, m, width, c), "layer", "layernorm_after"))
    inside = norm(net, x, "layer", "layernorm_after")
    with within(net, "mlp"):
        return add(net, x, mlp(net, inside, m, width, c))


def _biases(net: GraphBuilder, c: Config, heads: int, window: int) -> None:
    """Add what makes biases of the distances in a window; the same for all pictures."""
    net.add(Parameter(shape=[heads]), name="self.logit_scale")
    places = net.add(Constant(shape=[(2 * window - 1) ** 2, 2]), name="self.relative_coords_table")
    inside = activate(net, dense(net, places, BIAS_UNITS, "self.continuous_position_bias_mlp.0"), c, "relu")
    dense(net, inside, heads, "self.continuous_position_bias_mlp.2", bias=False)


def _cut(net: GraphBuilder, x: Tensor, side: Side, whole: tuple[int, ...]) -> Tensor:
    for axis, (one, of) in enumerate(zip(side, whole, strict=True), 1):
        x = net.add(Slice(axis=axis, stop=one), x) if one < of else x
    return x

"""Convolutional networks for small devices: MobileNet, EfficientNet, MobileViT."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from archinspect.importers.hf.convolutions import conv, excite, normed
from archinspect.importers.hf.parts import Attention, Mlp, activate, add, attention, mlp, norm, reshape, within
from archinspect.ops.borders import ZeroPadding2D
from archinspect.ops.image import Resizing
from archinspect.ops.merge import Concatenate
from archinspect.ops.norm import BatchNormalization
from archinspect.ops.reshape import Permute

if TYPE_CHECKING:
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config


# MobileNet


def divisible(value: float, divisor: int = 8, least: int | None = None) -> int:
    """Return the nearest multiple of a divisor, which is not below 90 % of the value."""
    new = max(divisor if least is None else least, int(value + divisor / 2) // divisor * divisor)
    return int(new + divisor if new < 0.9 * value else new)


def _mobile(  # noqa: PLR0913 - as a convolution has
    net: GraphBuilder,
    c: Config,
    x: Tensor,
    filters: int,
    size: int,
    name: str,
    *,
    act: bool = True,
    stride: int = 1,
    groups: int = 1,
    dilation: int = 1,
) -> Tensor:
    padding = "same" if c.find("tf_padding") is True else size // 2 * dilation
    how = {"stride": stride, "groups": groups, "dilation": dilation, "padding": padding}
    return normed(net, c, x, filters, size, name, c.text("hidden_act") if act else "", **how)


def mobilenet_1(net: GraphBuilder, c: Config, image: Tensor) -> Tensor:
    """Add MobileNet (arXiv:1704.04861)."""
    factor, least = c.number("depth_multiplier"), c.whole("min_depth")
    depth = 32
    width = max(int(depth * factor), least)
    x = _mobile(net, c, image, width, 3, "conv_stem", stride=2)
    for number, stride in enumerate((1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)):
        before = width
        if stride == 2 or not number:  # noqa: PLR2004 - a step of two positions
            depth *= 2
            width = max(int(depth * factor), least)
        x = _mobile(net, c, x, before, 3, f"layer.{2 * number}", stride=stride, groups=before)
        x = _mobile(net, c, x, width, 1, f"layer.{2 * number + 1}")
    return x


def mobilenet_2(net: GraphBuilder, c: Config, image: Tensor) -> Tensor:
    """Add MobileNetV2 (arXiv:1801.04381)."""
    factor = c.number("depth_multiplier")

    def scaled(channels: int) -> int:
        return divisible(round(channels * factor), c.whole("depth_divisible_by"), c.whole("min_depth"))

    widths = [scaled(n) for n in (16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320)]
    with within(net, "conv_stem"):
        first = scaled(32)
        x = _mobile(net, c, image, first, 3, "first_conv", stride=2)
        if not c.flag("first_layer_is_expansion"):
            x = _mobile(net, c, x, first, 1, "expand_1x1")
        x = _mobile(net, c, x, first, 3, "conv_3x3", groups=first)
        x = _mobile(net, c, x, widths[0], 1, "reduce_1x1", act=False)
    reached, dilation = 2, 1
    for number, stride in enumerate((2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1)):
        own, spread = stride, 1
        if reached == c.whole("output_stride"):
            own, spread = 1, dilation
            dilation *= stride
        else:
            reached *= stride
        with within(net, f"layer.{number}", "layer"):
            x = _inverted(net, c, x, widths[number], widths[number + 1], own, spread, c.whole("min_depth"))
    last = 1280 if c.flag("finegrained_output") and factor < 1 else scaled(1280)
    return _mobile(net, c, x, last, 1, "conv_1x1")


def _inverted(  # noqa: PLR0913, PLR0917 - what a layer needs
    net: GraphBuilder, c: Config, x: Tensor, before: int, width: int, stride: int, dilation: int, least: int | None
) -> Tensor:
    wide = (
        divisible(round(before * c.number("expand_ratio")), c.whole("depth_divisible_by"), least)
        if least is not None
        else divisible(round(before * c.number("expand_ratio")), 8)
    )
    inside = _mobile(net, c, x, wide, 1, "expand_1x1")
    inside = _mobile(net, c, inside, wide, 3, "conv_3x3", stride=stride, groups=wide, dilation=dilation)
    inside = _mobile(net, c, inside, width, 1, "reduce_1x1", act=False)
    return add(net, x, inside) if stride == 1 and before == width else inside


# EfficientNet


def efficientnet(net: GraphBuilder, c: Config, image: Tensor) -> Tensor:
    """Add EfficientNet (arXiv:1905.11946)."""

    def scaled(channels: int) -> int:
        return divisible(channels * c.number("width_coefficient"), c.whole("depth_divisor"))

    act = c.text("hidden_act")
    x = net.add(ZeroPadding2D(padding=[[0, 1], [0, 1]]), image, name="embeddings.padding")
    x = conv(net, x, scaled(32), 3, "embeddings.convolution", stride=2, padding="valid")
    x = activate(net, net.add(BatchNormalization(), x, name="embeddings.batchnorm"), c, act)
    keys = ("in_channels", "out_channels", "strides", "kernel_sizes", "expand_ratios", "num_block_repeats")
    lists = [c.ints(key, len(c.items("in_channels"))) for key in keys]
    number, width, plain = 0, scaled(32), c.ints("depthwise_padding")
    for first, out, stride, size, ratio, repeats in zip(*lists, strict=True):
        before = scaled(first)
        for i in range(ceil(c.number("depth_coefficient") * repeats)):
            with within(net, f"encoder.blocks.{number}", "block"):
                sizes = (before if not i else width, scaled(out), stride if not i else 1, size, ratio)
                x = _mbconv(net, c, x, sizes, skips=i > 0, adjusts=number not in plain)
            number, width = number + 1, scaled(out)
    if c.whole("hidden_dim") != scaled(1280):
        raise c.wrong("hidden_dim", f"{scaled(1280)}, which follows from width_coefficient")
    x = conv(net, x, scaled(1280), 1, "encoder.top_conv")
    return activate(net, net.add(BatchNormalization(), x, name="encoder.top_bn"), c, act)


def _mbconv(
    net: GraphBuilder, c: Config, x: Tensor, sizes: tuple[int, int, int, int, int], *, skips: bool, adjusts: bool
) -> Tensor:
    before, width, stride, size, ratio = sizes
    act, wide, inside = c.text("hidden_act"), before * ratio, x
    if ratio != 1:
        inside = conv(net, inside, wide, 1, "expansion.expand_conv")
        inside = activate(net, net.add(BatchNormalization(), inside, name="expansion.expand_bn"), c, act)
    if stride == 2:  # noqa: PLR2004 - a step of two positions
        half = size // 2
        inside = net.add(ZeroPadding2D(padding=[[half - adjusts, half]] * 2), inside)
    padding = "valid" if stride == 2 else "same"  # noqa: PLR2004 - a step of two positions
    name = "depthwise_conv.depthwise_conv"
    inside = conv(net, inside, wide, size, name, stride=stride, groups=wide, padding=padding)
    inside = activate(net, net.add(BatchNormalization(), inside, name="depthwise_conv.depthwise_norm"), c, act)
    narrow = max(1, int(before * c.number("squeeze_expansion_ratio")))
    inside = excite(net, c, inside, wide, narrow, ("squeeze_excite.reduce", "squeeze_excite.expand"), act)
    inside = conv(net, inside, width, 1, "projection.project_conv")
    inside = net.add(BatchNormalization(), inside, name="projection.project_bn")
    return add(net, x, inside) if stride == 1 and skips else inside


# MobileViT


def mobilevit(net: GraphBuilder, c: Config, image: Tensor) -> Tensor:
    """Add MobileViT (arXiv:2110.02178)."""
    if c.whole("output_stride") != 32:  # noqa: PLR2004 - that of classifiers
        raise c.refuse("an output_stride other than 32 is not read")
    act, widths, inner = c.text("hidden_act"), c.ints("neck_hidden_sizes", 7, 1), c.ints("hidden_sizes", 3, 1)
    height, across, _ = image.producer.op.output()[1:]
    x = normed(net, c, image, widths[0], 3, "conv_stem", act, stride=2)
    for layer, (stride, count) in enumerate(((1, 1), (2, 3))):
        for number in range(count):
            with within(net, f"encoder.layer.{layer}.layer.{number}", "layer"):
                before = widths[layer] if not number else widths[layer + 1]
                x = _inverted(net, c, x, before, widths[layer + 1], stride if not number else 1, 1, None)
    rows, columns = ceil(height / 4), ceil(across / 4)
    for layer, count in enumerate((2, 4, 3)):
        rows, columns = ceil(rows / 2), ceil(columns / 2)
        with within(net, f"encoder.layer.{layer + 2}", "layer"):
            with within(net, "downsampling_layer"):
                x = _inverted(net, c, x, widths[layer + 2], widths[layer + 3], 2, 1, None)
            x = _mobilevit_block(net, c, x, (widths[layer + 3], inner[layer], count), (rows, columns))
    return normed(net, c, x, widths[6], 1, "conv_1x1_exp", act)


def _mobilevit_block(
    net: GraphBuilder, c: Config, x: Tensor, sizes: tuple[int, int, int], grid: tuple[int, int]
) -> Tensor:
    width, inner, count = sizes
    size, patch, act, heads = (
        c.whole("conv_kernel_size"),
        c.whole("patch_size"),
        c.text("hidden_act"),
        c.whole("num_attention_heads"),
    )
    if inner % heads:
        raise c.wrong("num_attention_heads", f"a divisor of {inner}, which is in hidden_sizes")
    inside = normed(net, c, x, width, size, "conv_kxk", act)
    inside = conv(net, inside, inner, 1, "conv_1x1.convolution")
    rows, columns = (ceil(n / patch) for n in grid)
    if (rows * patch, columns * patch) != grid:
        inside = net.add(Resizing(height=rows * patch, width=columns * patch, interpolation="bilinear"), inside)
    # A sequence of the patches for each place in them.
    cut = reshape(net, inside, rows, patch, columns, patch, inner)
    steps = reshape(net, net.add(Permute(dims=[2, 4, 1, 3, 5]), cut), patch * patch, rows * columns, inner)
    bias = c.flag("qkv_bias")
    a = Attention(
        heads,
        heads,
        inner // heads,
        inner,
        query_bias=bias,
        key_bias=bias,
        value_bias=bias,
        out_bias=True,
        causal=False,
        q="attention.query",
        k="attention.key",
        v="attention.value",
        o="output.dense",
    )
    m = Mlp(
        int(inner * c.number("mlp_ratio")), act, gated=False, bias=True, up="intermediate.dense", down="output.dense"
    )
    for number in range(count):
        with within(net, f"transformer.layer.{number}", "layer"):
            part = norm(net, steps, "layer", "layernorm_before")
            with within(net, "attention"):
                part = attention(net, part, a)
            steps = add(net, steps, part)
            steps = add(net, steps, mlp(net, norm(net, steps, "layer", "layernorm_after"), m, inner, c))
    steps = norm(net, steps, "layer", "layernorm")
    inside = reshape(net, steps, rows * patch, columns * patch, inner)
    if (rows * patch, columns * patch) != grid:
        inside = net.add(Resizing(height=grid[0], width=grid[1], interpolation="bilinear"), inside)
    inside = normed(net, c, inside, width, 1, "conv_projection", act)
    return normed(net, c, net.add(Concatenate(axis=-1), x, inside), width, size, "fusion", act)

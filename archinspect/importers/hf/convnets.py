"""Networks of convolutions: ResNet, RegNet, ConvNeXt, MobileNet, EfficientNet, PoolFormer, MobileViT."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from archinspect.importers.hf.parts import Attention, Mlp, activate, add, attention, dense, mlp, norm, reshape, within
from archinspect.ops.borders import ZeroPadding2D
from archinspect.ops.channels import GlobalResponseNormalization
from archinspect.ops.conv import Conv2D
from archinspect.ops.globalpool import GlobalAveragePooling2D, GlobalMaxPooling2D
from archinspect.ops.image import Resizing
from archinspect.ops.merge import Concatenate, Multiply, Subtract
from archinspect.ops.norm import BatchNormalization, GroupNormalization, LayerNormalization, LayerScale
from archinspect.ops.pool import AveragePooling2D, MaxPooling2D
from archinspect.ops.reshape import Permute

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config


class Convnet(NamedTuple):
    """A type: its layers, and how its class calls them."""

    features: Callable[[GraphBuilder, Config, Tensor], Tensor]
    root: str
    classifier: str = "classifier"
    norm: str = ""
    """The name of a norm between the pooled features and the classifier; `group:` of one before they are pooled."""
    pool: str = "mean"
    """How features are pooled: `mean`, or the key that says it."""


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


def _normed(  # noqa: PLR0913, PLR0917 - as a convolution has
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


# ResNet, RegNet


def _resnet(net: GraphBuilder, c: Config, image: Tensor) -> Tensor:
    act = c.text("hidden_act")
    x = _normed(net, c, image, c.whole("embedding_size"), 7, "embedder.embedder", act, stride=2)
    x = net.add(MaxPooling2D(pool_size=3, strides=2, padding=1), x, name="embedder.pooler")
    layer = _bottleneck if c.text("layer_type") == "bottleneck" else _basic
    if c.text("layer_type") not in ("bottleneck", "basic"):
        raise c.wrong("layer_type", "bottleneck or basic")
    return _stages(net, c, x, layer)


def _stages(
    net: GraphBuilder, c: Config, x: Tensor, layer: Callable[[GraphBuilder, Config, Tensor, int, int, int], Tensor]
) -> Tensor:
    widths, depths = c.ints("hidden_sizes", least=1), c.ints("depths")
    if len(widths) != len(depths):
        raise c.wrong("depths", f"a list of {len(widths)}, as hidden_sizes")
    before = c.whole("embedding_size")
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        stride = 2 if stage or c.flag("downsample_in_first_stage") else 1
        for number in range(max(depth, 1)):
            with within(net, f"encoder.stages.{stage}.layers.{number}", "layer"):
                x = layer(net, c, x, before, width, stride)
            before, stride = width, 1
    return x


def _shortcut(net: GraphBuilder, x: Tensor, before: int, width: int, stride: int) -> Tensor:
    if before == width and stride == 1:
        return x
    with within(net, "shortcut", "conv"):
        x = conv(net, x, width, 1, "convolution", stride=stride)
        return net.add(BatchNormalization(), x, name="normalization")


def _basic(net: GraphBuilder, c: Config, x: Tensor, before: int, width: int, stride: int) -> Tensor:
    act = c.text("hidden_act")
    inside = _normed(net, c, x, width, 3, "layer.0", act, stride=stride)
    inside = _normed(net, c, inside, width, 3, "layer.1")
    return activate(net, add(net, inside, _shortcut(net, x, before, width, stride)), c, act)


def _bottleneck(net: GraphBuilder, c: Config, x: Tensor, before: int, width: int, stride: int) -> Tensor:
    act, narrow = c.text("hidden_act"), width // 4
    early = c.flag("downsample_in_bottleneck")
    inside = _normed(net, c, x, narrow, 1, "layer.0", act, stride=stride if early else 1)
    inside = _normed(net, c, inside, narrow, 3, "layer.1", act, stride=1 if early else stride)
    inside = _normed(net, c, inside, width, 1, "layer.2")
    return activate(net, add(net, inside, _shortcut(net, x, before, width, stride)), c, act)


def _regnet(net: GraphBuilder, c: Config, image: Tensor) -> Tensor:
    x = _normed(net, c, image, c.whole("embedding_size"), 3, "embedder.embedder", c.text("hidden_act"), stride=2)
    if c.text("layer_type") not in ("x", "y"):
        raise c.wrong("layer_type", "x or y")
    return _stages(net, c, x, _regnet_layer)


def _regnet_layer(net: GraphBuilder, c: Config, x: Tensor, before: int, width: int, stride: int) -> Tensor:
    act, squeezes = c.text("hidden_act"), c.text("layer_type") == "y"
    groups = max(1, width // c.whole("groups_width"))
    inside = _normed(net, c, x, width, 1, "layer.0", act)
    inside = _normed(net, c, inside, width, 3, "layer.1", act, stride=stride, groups=groups)
    if squeezes:
        inside = _excite(
            net, c, inside, width, round(before / 4), ("layer.2.attention.0", "layer.2.attention.2"), "relu"
        )
    inside = _normed(net, c, inside, width, 1, f"layer.{3 if squeezes else 2}")
    return activate(net, add(net, inside, _shortcut(net, x, before, width, stride)), c, act)


def _excite(  # noqa: PLR0913, PLR0917 - what it needs
    net: GraphBuilder, c: Config, x: Tensor, width: int, narrow: int, names: tuple[str, str], act: str
) -> Tensor:
    """Add a gate of channels that follows from their means (Hu et al. 2017, arXiv:1709.01507)."""
    one = reshape(net, net.add(GlobalAveragePooling2D(), x), 1, 1, width)
    one = activate(net, conv(net, one, narrow, 1, names[0], bias=True), c, act)
    return net.add(Multiply(), x, activate(net, conv(net, one, width, 1, names[1], bias=True), c, "sigmoid"))


# ConvNeXt


def _convnext(net: GraphBuilder, c: Config, image: Tensor) -> Tensor:
    widths = c.ints("hidden_sizes", least=1)
    stages = c.count("num_stages")
    depths = c.ints("depths", stages)
    if len(widths) < stages:
        raise c.wrong("hidden_sizes", f"a list of {stages}")
    patch, act, is_second = c.whole("patch_size"), c.text("hidden_act"), c.kind == "convnextv2"
    x = conv(net, image, widths[0], patch, "embeddings.patch_embeddings", stride=patch, bias=True, padding="valid")
    x = net.add(LayerNormalization(), x, name="embeddings.layernorm")
    for stage, depth in enumerate(depths):
        width = widths[stage]
        with within(net, f"encoder.stages.{stage}", "stage"):
            if stage:
                x = net.add(LayerNormalization(), x, name="downsampling_layer.0")
                x = conv(net, x, width, 2, "downsampling_layer.1", stride=2, bias=True, padding="valid")
            for number in range(depth):
                with within(net, f"layers.{number}", "layer"):
                    inside = conv(net, x, width, 7, "dwconv", groups=width, bias=True)
                    inside = net.add(LayerNormalization(), inside, name="layernorm")
                    inside = activate(net, dense(net, inside, 4 * width, "pwconv1"), c, act)
                    if is_second:
                        inside = net.add(GlobalResponseNormalization(), inside, name="grn")
                    inside = dense(net, inside, width, "pwconv2")
                    if not is_second and c.number("layer_scale_init_value") > 0:
                        inside = net.add(LayerScale(), inside, name="layer_scale_parameter")
                    x = add(net, x, inside)
    return x


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
    return _normed(net, c, x, filters, size, name, c.text("hidden_act") if act else "", **how)


def _mobilenet_1(net: GraphBuilder, c: Config, image: Tensor) -> Tensor:
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


def _mobilenet_2(net: GraphBuilder, c: Config, image: Tensor) -> Tensor:
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


def _efficientnet(net: GraphBuilder, c: Config, image: Tensor) -> Tensor:
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
    inside = _excite(net, c, inside, wide, narrow, ("squeeze_excite.reduce", "squeeze_excite.expand"), act)
    inside = conv(net, inside, width, 1, "projection.project_conv")
    inside = net.add(BatchNormalization(), inside, name="projection.project_bn")
    return add(net, x, inside) if stride == 1 and skips else inside


# PoolFormer


def _poolformer(net: GraphBuilder, c: Config, image: Tensor) -> Tensor:
    stages = c.count("num_encoder_blocks")
    keys = ("hidden_sizes", "depths", "patch_sizes", "strides", "padding")
    x, act, size = image, c.text("hidden_act"), c.whole("pool_size")
    for stage, (width, depth, patch, stride, pad) in enumerate(zip(*[c.ints(k, stages) for k in keys], strict=True)):
        name = f"encoder.patch_embeddings.{stage}.projection"
        x = conv(net, x, width, patch, name, stride=stride, bias=True, padding=pad)
        for number in range(depth):
            with within(net, f"encoder.block.{stage}.{number}", "block"):
                inside = net.add(GroupNormalization(groups=1), x, name="before_norm")
                pooled = net.add(AveragePooling2D(pool_size=size, strides=1, padding=size // 2), inside)
                x = add(net, x, _scale(net, c, net.add(Subtract(), pooled, inside), "layer_scale_1"))
                inside = net.add(GroupNormalization(groups=1), x, name="after_norm")
                inside = conv(net, inside, int(width * c.number("mlp_ratio")), 1, "output.conv1", bias=True)
                inside = conv(net, activate(net, inside, c, act), width, 1, "output.conv2", bias=True)
                x = add(net, x, _scale(net, c, inside, "layer_scale_2"))
    return x


def _scale(net: GraphBuilder, c: Config, x: Tensor, name: str) -> Tensor:
    return net.add(LayerScale(), x, name=name) if c.flag("use_layer_scale") else x


# MobileViT


def _mobilevit(net: GraphBuilder, c: Config, image: Tensor) -> Tensor:
    if c.whole("output_stride") != 32:  # noqa: PLR2004 - that of classifiers
        raise c.refuse("an output_stride other than 32 is not read")
    act, widths, inner = c.text("hidden_act"), c.ints("neck_hidden_sizes", 7, 1), c.ints("hidden_sizes", 3, 1)
    height, across, _ = image.producer.op.output()[1:]
    x = _normed(net, c, image, widths[0], 3, "conv_stem", act, stride=2)
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
    return _normed(net, c, x, widths[6], 1, "conv_1x1_exp", act)


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
    inside = _normed(net, c, x, width, size, "conv_kxk", act)
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
    inside = _normed(net, c, inside, width, 1, "conv_projection", act)
    return _normed(net, c, net.add(Concatenate(axis=-1), x, inside), width, size, "fusion", act)


CONVNETS: dict[str, Convnet] = {
    "convnext": Convnet(_convnext, "convnext", norm="layernorm"),
    "convnextv2": Convnet(_convnext, "convnextv2", norm="layernorm"),
    "efficientnet": Convnet(_efficientnet, "efficientnet", pool="pooling_type"),
    "mobilenet_v1": Convnet(_mobilenet_1, "mobilenet_v1"),
    "mobilenet_v2": Convnet(_mobilenet_2, "mobilenet_v2"),
    "mobilevit": Convnet(_mobilevit, "mobilevit"),
    "poolformer": Convnet(_poolformer, "poolformer", norm="group:norm"),
    "regnet": Convnet(_regnet, "regnet", "classifier.1"),
    "resnet": Convnet(_resnet, "resnet", "classifier.1"),
}
"""Every type that these functions read."""


def classify(net: GraphBuilder, c: Config, kind: Convnet, image: Tensor, *, is_classifier: bool) -> Tensor:
    """Add a network, with what classifies pictures."""
    with within(net, kind.root if is_classifier else ""):
        x = kind.features(net, c, image)
        if kind.norm.startswith("group:"):
            if not is_classifier:
                return x
        else:
            how = "mean" if kind.pool == "mean" else c.text(kind.pool)
            if how not in ("mean", "max"):
                raise c.wrong(kind.pool, "mean or max")
            x = net.add(GlobalAveragePooling2D() if how == "mean" else GlobalMaxPooling2D(), x)
            x = norm(net, x, "layer", kind.norm) if kind.norm else x
    if not is_classifier:
        return x
    if kind.norm.startswith("group:"):
        x = net.add(GroupNormalization(groups=1), x, name=kind.norm.partition(":")[2])
        x = net.add(GlobalAveragePooling2D(), x)
    return dense(net, x, c.labels(), kind.classifier)

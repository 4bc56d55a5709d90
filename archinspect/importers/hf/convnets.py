"""Networks of convolutions: ResNet, RegNet, ConvNeXt, PoolFormer; every type, and what classifies pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.importers.hf import bit
from archinspect.importers.hf.convolutions import conv, excite, normed
from archinspect.importers.hf.mobilenets import efficientnet, mobilenet_1, mobilenet_2, mobilevit
from archinspect.importers.hf.parts import activate, add, dense, norm, within
from archinspect.ops.channels import GlobalResponseNormalization
from archinspect.ops.globalpool import GlobalAveragePooling2D, GlobalMaxPooling2D
from archinspect.ops.merge import Subtract
from archinspect.ops.norm import BatchNormalization, GroupNormalization, LayerNormalization, LayerScale
from archinspect.ops.pool import AveragePooling2D, MaxPooling2D

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


# ResNet, RegNet


def _resnet(net: GraphBuilder, c: Config, image: Tensor) -> Tensor:
    act = c.text("hidden_act")
    x = normed(net, c, image, c.whole("embedding_size"), 7, "embedder.embedder", act, stride=2)
    x = net.add(MaxPooling2D(pool_size=3, strides=2, padding=1), x, name="embedder.pooler")
    layer = _bottleneck if c.text("layer_type") == "bottleneck" else _basic
    if c.text("layer_type") not in ("bottleneck", "basic"):
        raise c.wrong("layer_type", "bottleneck or basic")
    return _stages(net, c, x, layer)


def _stages(
    net: GraphBuilder, c: Config, x: Tensor, layer: Callable[[GraphBuilder, Config, Tensor, int, int, int], Tensor]
) -> Tensor:
    widths, depths = c.ints("hidden_sizes", least=1), c.counts("depths")
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
    inside = normed(net, c, x, width, 3, "layer.0", act, stride=stride)
    inside = normed(net, c, inside, width, 3, "layer.1")
    return activate(net, add(net, inside, _shortcut(net, x, before, width, stride)), c, act)


def _bottleneck(net: GraphBuilder, c: Config, x: Tensor, before: int, width: int, stride: int) -> Tensor:
    act, narrow = c.text("hidden_act"), width // 4
    early = c.flag("downsample_in_bottleneck")
    inside = normed(net, c, x, narrow, 1, "layer.0", act, stride=stride if early else 1)
    inside = normed(net, c, inside, narrow, 3, "layer.1", act, stride=1 if early else stride)
    inside = normed(net, c, inside, width, 1, "layer.2")
    return activate(net, add(net, inside, _shortcut(net, x, before, width, stride)), c, act)


def _regnet(net: GraphBuilder, c: Config, image: Tensor) -> Tensor:
    x = normed(net, c, image, c.whole("embedding_size"), 3, "embedder.embedder", c.text("hidden_act"), stride=2)
    if c.text("layer_type") not in ("x", "y"):
        raise c.wrong("layer_type", "x or y")
    return _stages(net, c, x, _regnet_layer)


def _regnet_layer(net: GraphBuilder, c: Config, x: Tensor, before: int, width: int, stride: int) -> Tensor:
    act, squeezes = c.text("hidden_act"), c.text("layer_type") == "y"
    groups = max(1, width // c.whole("groups_width"))
    inside = normed(net, c, x, width, 1, "layer.0", act)
    inside = normed(net, c, inside, width, 3, "layer.1", act, stride=stride, groups=groups)
    if squeezes:
        inside = excite(
            net, c, inside, width, round(before / 4), ("layer.2.attention.0", "layer.2.attention.2"), "relu"
        )
    inside = normed(net, c, inside, width, 1, f"layer.{3 if squeezes else 2}")
    return activate(net, add(net, inside, _shortcut(net, x, before, width, stride)), c, act)


# ConvNeXt


def _convnext(net: GraphBuilder, c: Config, image: Tensor) -> Tensor:
    widths = c.ints("hidden_sizes", least=1)
    stages = c.count("num_stages")
    depths = c.counts("depths", stages)
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


CONVNETS: dict[str, Convnet] = {
    "bit": Convnet(bit.features, "bit", "classifier.1"),
    "convnext": Convnet(_convnext, "convnext", norm="layernorm"),
    "convnextv2": Convnet(_convnext, "convnextv2", norm="layernorm"),
    "efficientnet": Convnet(efficientnet, "efficientnet", pool="pooling_type"),
    "mobilenet_v1": Convnet(mobilenet_1, "mobilenet_v1"),
    "mobilenet_v2": Convnet(mobilenet_2, "mobilenet_v2"),
    "mobilevit": Convnet(mobilevit, "mobilevit"),
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

"""DETR: a network of convolutions, an encoder of its map, a decoder of objects (Carion 2020, arXiv:2005.12872).

And its like: Table Transformer, which normalizes before. Conditional DETR's decoder is in :mod:`conditional`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.importers.hf.parts import Mlp, activate, add, attention_of, biased, dense, mlp, norm, reshape, within
from archinspect.importers.hf.wanted import ending
from archinspect.ops.activation import ReLU
from archinspect.ops.conv import Conv2D
from archinspect.ops.embed import LearnedTokens
from archinspect.ops.norm import FrozenBatchNormalization
from archinspect.ops.pool import MaxPooling2D
from archinspect.ops.source import Parameter
from archinspect.ops.tensor import Custom

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.wanted import Wanted

    Decoder = Callable[[GraphBuilder, Config, Tensor, Tensor, Tensor], Tensor]
    """Adds a decoder: of objects, of the encoded map and where its places are."""


class Form(NamedTuple):
    """How a type differs from DETR."""

    pre_norm: bool = False
    backbone: str = "backbone.model"
    out: str = "o_proj"
    mlp: str = "mlp"


FORMS = {
    "conditional_detr": Form(),
    "detr": Form(),
    "table-transformer": Form(pre_norm=True, backbone="backbone.conv_encoder.model", out="out_proj", mlp=""),
}
BACKBONES = {
    "resnet18": (2, 2, 2, 2),
    "resnet34": (3, 4, 6, 3),
    "resnet50": (3, 4, 6, 3),
    "resnet101": (3, 4, 23, 3),
    "resnet152": (3, 8, 36, 3),
}
"""Networks of timm that are read, by the layers of their stages."""
BASIC = ("resnet18", "resnet34")
PLACES = 50
"""Rows and columns that have a learned position."""


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add DETR with its head."""
    return detr(c, architecture, wanted, _decoder, c.labels() + 1)  # and that there is nothing


def detr(c: Config, architecture: str, wanted: Wanted, decoder: Decoder, classes: int) -> tuple[Tensor, ...]:
    """Add one with this decoder, and its head."""
    form = FORMS[c.kind]
    end = ending(c, architecture, ("ForObjectDetection", "Model")) if architecture else "Model"
    net, width = wanted.net, c.whole("d_model")
    image = wanted.picture(c, is_open=True)
    with within(net, "model" if end != "Model" else ""):
        with within(net, form.backbone, "backbone"):
            x = _backbone(net, c, image)
        x = net.add(Conv2D(filters=width, kernel_size=1), x, name="input_projection")
        x = reshape(net, x, -1, width)
        places = _places(net, c, x, width)
        with within(net, "encoder"):
            for number in range(c.count("encoder_layers")):
                with within(net, f"layers.{number}", "layer"):
                    x = seen(net, c, "self_attn", "encoder", x, places)
                    x = fed(net, c, "encoder", x)
            if form.pre_norm:
                x = norm(net, x, "layer", "layernorm")
        objects = net.add(LearnedTokens(n=c.whole("num_queries"), dim=width), x, name="query_position_embeddings")
        with within(net, "decoder"):
            x = decoder(net, c, objects, x, places)
    if end == "Model":
        return (x,)
    scores, box = dense(net, x, classes, "class_labels_classifier"), x
    with within(net, "bbox_predictor"):
        for number in range(2):
            box = net.add(ReLU(), dense(net, box, width, f"layers.{number}"))
        return scores, activate(net, dense(net, box, 4, "layers.2"), c, "sigmoid")


def _places(net: GraphBuilder, c: Config, x: Tensor, width: int) -> Tensor:
    """Add a vector for each place of the map: of sines, or of a learned row and column."""
    kind = c.text("position_embedding_type")
    if kind not in ("sine", "learned"):
        raise c.wrong("position_embedding_type", "sine or learned")
    of = [x]
    if kind == "learned":
        names = ("row_embeddings", "column_embeddings")
        of += [net.add(Parameter(shape=[PLACES, width // 2]), name=f"position_embedding.{name}") for name in names]
    return net.add(Custom(params=0, macs=0), *of, name="position_embedding")


def _decoder(net: GraphBuilder, c: Config, objects: Tensor, encoded: Tensor, places: Tensor) -> Tensor:
    """Add the layers of the decoder, which begin with zeros for each object."""
    x = net.add(Custom(params=0, macs=0), objects, name="zeros")
    for number in range(c.count("decoder_layers")):
        with within(net, f"layers.{number}", "layer"):
            x = seen(net, c, "self_attn", "decoder", x, objects)
            x = seen(net, c, "encoder_attn", "decoder", x, objects, memory=(add(net, encoded, places), encoded))
            x = fed(net, c, "decoder", x)
    return norm(net, x, "layer", "layernorm")


def heads_of(c: Config, side: str) -> int:
    """Return the number of heads of the encoder or the decoder."""
    width, heads = c.whole("d_model"), c.whole(f"{side}_attention_heads")
    if width % heads:
        raise c.wrong(f"{side}_attention_heads", f"a divisor of {width}, the d_model")
    return heads


def seen(  # noqa: PLR0913 - what attends to what
    net: GraphBuilder,
    c: Config,
    name: str,
    side: str,
    x: Tensor,
    places: Tensor,
    *,
    memory: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Add attention with its norm and sum: to the steps with their places, or to a memory of keys and values."""
    form, a = FORMS[c.kind], biased(c.whole("d_model"), heads_of(c, side))
    y = norm(net, x, "layer", f"{name}_layer_norm") if form.pre_norm else x
    keys, values = memory or (add(net, y, places), y)
    with within(net, name, "attention"):
        inside = attention_of(net, (add(net, y, places), keys, values), a._replace(o=form.out))
    x = add(net, x, inside)
    return x if form.pre_norm else norm(net, x, "layer", f"{name}_layer_norm")


def fed(net: GraphBuilder, c: Config, side: str, x: Tensor) -> Tensor:
    """Add a feed-forward network with its norm and sum."""
    form = FORMS[c.kind]
    m = Mlp(c.whole(f"{side}_ffn_dim"), c.text("activation_function"), gated=False, bias=True, up="fc1", down="fc2")
    y = norm(net, x, "layer", "final_layer_norm") if form.pre_norm else x
    with within(net, form.mlp):
        inside = mlp(net, y, m, c.whole("d_model"), c)
    x = add(net, x, inside)
    return x if form.pre_norm else norm(net, x, "layer", "final_layer_norm")


# The backbone, whose batch normalizations never train


def _backbone(net: GraphBuilder, c: Config, image: Tensor) -> Tensor:
    name, dilates = _of_timm(c), c.flag("dilation")
    x = _conv(net, image, 64, 7, "conv1", stride=2, trains=False)
    x = net.add(MaxPooling2D(pool_size=3, strides=2, padding=1), x, name="maxpool")
    before, times = 64, 1 if name in BASIC else 4
    for stage, depth in enumerate(BACKBONES[name]):
        narrow = 64 * 2**stage
        stride = 1 if not stage or (stage == 3 and dilates) else 2  # noqa: PLR2004 - the last one
        for number in range(depth):
            # Neither the first convolution nor the first stage trains, as in the paper.
            with net.scope(f"layer{stage + 1}.{number}", "block", trainable=stage > 0):
                inside = _block(net, x, narrow, stride, is_basic=times == 1)
                if before != narrow * times or stride > 1:
                    x = _conv(net, x, narrow * times, 1, "downsample.0", stride=stride, act=False)
                x = net.add(ReLU(), add(net, inside, x))
            before, stride = narrow * times, 1
    return x


def _of_timm(c: Config) -> str:
    """Return the name of timm's network that is the backbone."""
    inner = c.find("backbone_config")
    name: object = c.find("backbone") or "resnet50"
    if isinstance(inner, dict):
        name = inner.get("backbone") if inner.get("model_type") == "timm_backbone" else inner.get("model_type")
    elif c.find("use_timm_backbone") is False:
        name = None
    if not isinstance(name, str) or name not in BACKBONES:
        raise c.refuse(f"a backbone other than timm's {', '.join(BACKBONES)} is not read")
    return name


def _block(net: GraphBuilder, x: Tensor, narrow: int, stride: int, *, is_basic: bool) -> Tensor:
    if is_basic:
        x = _conv(net, x, narrow, 3, "conv1", stride=stride)
        return _conv(net, x, narrow, 3, "conv2", act=False)
    x = _conv(net, x, narrow, 1, "conv1")
    x = _conv(net, x, narrow, 3, "conv2", stride=stride)
    return _conv(net, x, 4 * narrow, 1, "conv3", act=False)


def _conv(  # noqa: PLR0913 - as a convolution has
    net: GraphBuilder,
    x: Tensor,
    filters: int,
    size: int,
    name: str,
    stride: int = 1,
    *,
    act: bool = True,
    trains: bool = True,
) -> Tensor:
    """Add a convolution, its normalization and ReLU."""
    op = Conv2D(filters=filters, kernel_size=size, strides=stride, padding=size // 2, use_bias=False)
    x = net.add(op, x, name=name, trainable=trains)
    x = net.add(FrozenBatchNormalization(), x, name=name.replace("conv", "bn").replace("downsample.0", "downsample.1"))
    return net.add(ReLU(), x) if act else x

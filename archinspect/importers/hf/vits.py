"""Vision transformers with further parts: MAE's decoder, YOLOS's heads.

He et al. 2021, arXiv:2111.06377; Fang et al. 2021, arXiv:2106.00666.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.hf import vit
from archinspect.importers.hf.config import Config
from archinspect.importers.hf.parts import activate, dense, reshape, within
from archinspect.importers.hf.wanted import ending
from archinspect.ops.conv import Conv2D
from archinspect.ops.embed import ClassToken, LearnedPositions
from archinspect.ops.source import Parameter
from archinspect.ops.tensor import Custom, Select, Slice

if TYPE_CHECKING:
    from archinspect.base.source import Value
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.wanted import Wanted

MASKED = 0.75
"""The share of patches that MAE leaves out, unless a file says another."""
MAE = vit.Vit(uneven=True)
DECODER = vit.Vit(layers="decoder_layers", last="decoder_norm", uneven=True)
YOLOS = vit.Vit(
    layers="encoder.layer",
    q="attention.query",
    k="attention.key",
    v="attention.value",
    o="output.dense",
    up="intermediate.dense",
    down="output.dense",
)


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add one with its head."""
    return _mae(c, architecture, wanted) if c.kind == "vit_mae" else _yolos(c, architecture, wanted)


def _patches(net: GraphBuilder, c: Config, image: Tensor) -> Tensor:
    patch: list[Value] = [*c.pair("patch_size")]
    op = Conv2D(filters=c.whole("hidden_size"), kernel_size=patch, strides=patch)
    return reshape(net, net.add(op, image, name="patch_embeddings.projection"), -1, c.whole("hidden_size"))


def _mae(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    end = ending(c, architecture, ("ForPreTraining", "Model")) if architecture else "Model"
    net, image = wanted.net, wanted.picture(c)
    rows, columns = vit.grid(c)
    count = rows * columns
    share = c.number("mask_ratio") if c.find("mask_ratio") is not None else MASKED
    if not 0 <= share <= 1:
        raise c.wrong("mask_ratio", "a number from 0 to 1")
    with within(net, "vit" if end != "Model" else ""):
        with within(net, "embeddings"):
            x = net.add(ClassToken(n=1), _patches(net, c, image), name="cls_token")
            op = LearnedPositions(input_dim=count + 1)
            x = net.add(op, x, name="position_embeddings", trainable=False)
            x = net.add(Slice(stop=int(count * (1 - share)) + 1), x)  # those that are left, in whatever order
        x = vit.trunk(net, c, MAE, x)
    if end == "Model":
        return (x,)
    width = c.whole("decoder_hidden_size")
    own = {
        name: c.given.get(f"decoder_{name}", c.find(f"decoder_{name}"))
        for name in ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    }
    inner = Config(c.file, {**c.given, **own}, c.kind, c.node)
    with within(net, "decoder"):
        x = dense(net, x, width, "decoder_embed")
        x = net.add(Custom(output_shape=[count + 1, width], params=width, macs=0), x, name="mask_token")
        op = LearnedPositions(input_dim=count + 1)
        x = net.add(op, x, name="decoder_pos_embed", trainable=False)
        x = vit.trunk(net, inner, DECODER, x)
        units = c.whole("patch_size") ** 2 * (c.whole("num_channels"))
        return (net.add(Slice(start=1), dense(net, x, units, "decoder_pred")),)


def _yolos(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    end = ending(c, architecture, ("ForObjectDetection", "Model")) if architecture else "Model"
    net, image = wanted.net, wanted.picture(c, is_open=True)
    width, found = c.whole("hidden_size"), c.whole("num_detection_tokens")
    height, across = c.pair("image_size")
    rows, columns = vit.grid(c)
    places = 1 + rows * columns + found
    with within(net, "vit" if end != "Model" else ""):
        with within(net, "embeddings"):
            x = net.add(ClassToken(n=1), _patches(net, c, image), name="cls_token")
            x = net.add(ClassToken(n=found), x, name="detection_tokens")
            # Stretched to pictures of other sizes.
            x = net.add(Custom(params=places * width, macs=0, flops=0), x, name="position_embeddings")
        layers = c.count("num_hidden_layers")
        if c.flag("use_mid_position_embeddings") and layers > 1:
            name = "encoder.interpolation.mid_position_embeddings"
            places = 1 + height * across // c.whole("patch_size") ** 2 + found  # as the class has it
            net.add(Parameter(shape=[layers - 1, 1, places, width]), name=name)
        x = vit.trunk(net, c, YOLOS, x)
        if end == "Model":
            one = dense(net, net.add(Select(index=0), x), width, "pooler.dense")
            return x, activate(net, one, c, "tanh")
    x = net.add(Slice(start=-found), x)
    return tuple(
        [
            _mlp(net, c, x, units, name)
            for name, units in (("class_labels_classifier", c.labels() + 1), ("bbox_predictor", 4))
        ]
    )


def _mlp(net: GraphBuilder, c: Config, x: Tensor, units: int, name: str) -> Tensor:
    with within(net, f"{name}.layers"):
        for number in range(2):
            x = activate(net, dense(net, x, c.whole("hidden_size"), str(number)), c, "relu")
        return dense(net, x, units, "2")

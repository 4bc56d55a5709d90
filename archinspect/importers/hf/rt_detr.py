"""RT-DETR: a pyramid of maps, the likeliest places, a decoder that looks at points (Zhao 2023, arXiv:2304.08069)."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archinspect.importers.hf.config import Config
from archinspect.importers.hf.parts import Mlp, activate, add, attention_of, biased, dense, mlp, norm, reshape, within
from archinspect.importers.hf.rt_detr_resnet import Backbone
from archinspect.importers.hf.wanted import ending
from archinspect.ops.activation import ReLU, Softmax
from archinspect.ops.choose import Divide
from archinspect.ops.conv import Conv2D
from archinspect.ops.deformable import DeformableAttention
from archinspect.ops.elementwise import Clip, Log
from archinspect.ops.embed import LearnedTokens
from archinspect.ops.identity import Rescaling, StopGradient
from archinspect.ops.layout import Tile, Unsqueeze
from archinspect.ops.lookup import TakeAlongAxis
from archinspect.ops.merge import Concatenate, Multiply
from archinspect.ops.norm import BatchNormalization
from archinspect.ops.several import TopK
from archinspect.ops.source import Fill, Parameter
from archinspect.ops.tensor import ReduceMax, Slice
from archinspect.ops.upsampling import UpSampling2D

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.rt_detr_resnet import Map, Side
    from archinspect.importers.hf.wanted import Wanted

USUAL = {"out_indices": [2, 3, 4]}
"""The backbone of the class, where a file has none."""
BLOCKS = 3
"""Blocks of a part of the pyramid."""
LEVELS = {"rt_detr": "num_feature_levels", "rt_detr_v2": "decoder_n_levels"}
"""By types, the key of how many maps the decoder looks at."""
LEAST = 1e-5
"""The least share of which a logarithm is taken."""


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add RT-DETR, or its second version, with its head."""
    end = ending(c, architecture, ("ForObjectDetection", "Model")) if architecture else "Model"
    net, inner = wanted.net, _backbone(c)
    image = wanted.picture(inner, is_open=True)
    with within(net, "model" if end != "Model" else ""):
        with within(net, "backbone.model", "backbone"):
            maps = Backbone(net, inner, freezes=c.flag("freeze_backbone_batch_norms")).maps(image)
        seen, sides = _sources(net, c, _pyramid(net, c, _projected(net, c, maps)))
        if c.flag("num_denoising"):  # what training starts from
            net.add(Parameter(shape=[c.labels() + 1, c.whole("d_model")]), name="denoising_class_embed")
        *start, scores, boxes = _likeliest(net, c, seen, sides)
        found = _decoder(net, c, start, seen, sides, has_head=end != "Model")
    if c.kind == "rt_detr_v2" and end != "Model" and not c.flag("tie_word_embeddings"):
        _unread(net, c)
    return (*found, scores, boxes)


def _backbone(c: Config) -> Config:
    if c.find("backbone_config") is None:
        return Config(c.file, USUAL, "rt_detr_resnet", "backbone_config")
    inner = c.part("backbone_config")
    if inner.kind != "rt_detr_resnet":
        raise c.refuse(f"a backbone of the type '{inner.kind}' is not read")
    return inner


# The pyramid


def _projected(net: GraphBuilder, c: Config, maps: Sequence[Map]) -> list[Map]:
    """Give all maps of the backbone as many features."""
    width = c.whole("encoder_hidden_dim")
    return [(_plain(net, x, width, f"encoder_input_proj.{i}"), side) for i, (x, side) in enumerate(maps)]


def _plain(net: GraphBuilder, x: Tensor, width: int, name: str, *, halves: bool = False) -> Tensor:
    op = Conv2D(filters=width, kernel_size=3, strides=2, padding=1, use_bias=False)
    x = net.add(op if halves else Conv2D(filters=width, kernel_size=1, use_bias=False), x, name=f"{name}.0")
    return net.add(BatchNormalization(), x, name=f"{name}.1")


def _pyramid(net: GraphBuilder, c: Config, maps: list[Map]) -> list[Map]:
    """Add attention within maps, then what each of them has from the smaller ones, and then from the larger."""
    steps = len(c.items("encoder_in_channels")) - 1
    if not 0 <= steps < len(maps):
        raise c.wrong("encoder_in_channels", f"a list of {len(maps)}, as the backbone's maps")
    width = c.whole("encoder_hidden_dim")
    with within(net, "encoder"):
        if c.count("encoder_layers"):
            for number, place in enumerate(c.ints("encode_proj_layers")):
                if place >= len(maps):
                    raise c.wrong("encode_proj_layers", f"a list of those of the {len(maps)} maps")
                with within(net, f"aifi.{number}", "aifi"):
                    maps[place] = _attended(net, c, maps[place]), maps[place][1]
        down = [maps[-1]]
        for number in range(steps):
            x, _ = down[-1]
            x, (other, side) = _conv(net, c, x, width, 1, f"lateral_convs.{number}"), maps[steps - number - 1]
            down[-1] = x, down[-1][1]
            x = net.add(Concatenate(axis=-1), net.add(UpSampling2D(size=2), x), other)
            down.append((_csp(net, c, x, f"fpn_blocks.{number}"), side))
        up = [down.pop()]
        for number in range(steps):
            x = _conv(net, c, up[-1][0], width, 3, f"downsample_convs.{number}", stride=2)
            other, side = down.pop()
            up.append((_csp(net, c, net.add(Concatenate(axis=-1), x, other), f"pan_blocks.{number}"), side))
    return up


def _conv(  # noqa: PLR0913, PLR0917 - as a convolution has
    net: GraphBuilder, c: Config, x: Tensor, width: int, size: int, name: str, stride: int = 1, *, act: bool = True
) -> Tensor:
    with within(net, name, "conv"):
        op = Conv2D(filters=width, kernel_size=size, strides=stride, padding=size // 2, use_bias=False)
        x = net.add(BatchNormalization(), net.add(op, x, name="conv"), name="norm")
        return _activated(net, c, x) if act else x


def _activated(net: GraphBuilder, c: Config, x: Tensor) -> Tensor:
    name = c.text("activation_function")
    return activate(net, x, c, name) if name else x


def _csp(net: GraphBuilder, c: Config, x: Tensor, name: str) -> Tensor:
    """Add blocks of two convolutions side by side, and a way around them."""
    width = c.whole("encoder_hidden_dim")
    hidden = int(width * c.number("hidden_expansion"))
    if hidden < 1:
        raise c.wrong("hidden_expansion", "a number that leaves features")
    with within(net, name, "csp"):
        inside = _conv(net, c, x, hidden, 1, "conv1")
        for number in range(BLOCKS):
            with within(net, f"bottlenecks.{number}", "rep_vgg"):
                both = [_conv(net, c, inside, hidden, size, f"conv{i}", act=False) for i, size in ((1, 3), (2, 1))]
                inside = _activated(net, c, add(net, *both))
        x = add(net, inside, _conv(net, c, x, hidden, 1, "conv2"))
        return x if hidden == width else _conv(net, c, x, width, 1, "conv3")


def _attended(net: GraphBuilder, c: Config, map_: Map) -> Tensor:
    """Add layers of attention between the places of a map, which have positions of sines."""
    (x, side), width, before = map_, c.whole("encoder_hidden_dim"), c.flag("normalize_before")
    x = reshape(net, x, -1, width)
    places = None
    if c.find("eval_size") is None:
        if width % 4:
            raise c.wrong("encoder_hidden_dim", "a multiple of 4")
        places = net.add(Fill(shape=[prod(side), width]), name="position_embedding")
    m = _perceptron(c, "encoder")
    for number in range(c.count("encoder_layers")):
        with within(net, f"layers.{number}", "layer"):
            start = norm(net, x, "layer", "self_attn_layer_norm") if before else x
            x = add(net, x, _self_attention(net, c, "encoder", width, start, places))
            x = norm(net, x, "layer", "final_layer_norm" if before else "self_attn_layer_norm")
            with within(net, "mlp"):
                inside = mlp(net, x, m, width, c)
            x = add(net, x, inside)
            x = x if before else norm(net, x, "layer", "final_layer_norm")
    return reshape(net, x, *side, width)


def _perceptron(c: Config, side: str) -> Mlp:
    act = c.text(f"{side}_activation_function")
    return Mlp(c.whole(f"{side}_ffn_dim"), act, gated=False, bias=True, up="fc1", down="fc2")


def _self_attention(net: GraphBuilder, c: Config, side: str, width: int, x: Tensor, places: Tensor | None) -> Tensor:
    heads = c.whole(f"{side}_attention_heads")
    if heads > width or width % (width // heads):
        raise c.wrong(f"{side}_attention_heads", f"a divisor of {width}, the features")
    asked = x if places is None else add(net, x, places)
    with within(net, "self_attn", "attention"):
        a = biased(width, width // (width // heads))._replace(o="o_proj")
        return attention_of(net, (asked, asked, x), a)


# What the decoder sees, and where it begins


def _sources(net: GraphBuilder, c: Config, maps: list[Map]) -> tuple[Tensor, list[Side]]:
    """Add projections of the maps, and of smaller ones that are made of the last; return all places in one row."""
    width, given = c.whole("d_model"), c.ints("decoder_in_channels", least=1)
    levels = max(c.count("num_feature_levels", 1), len(maps))
    found, sides = [], []
    for number in range(max(levels, len(given))):
        channels = (*given, given[-1] if given else width, *[width] * levels)[number]
        if channels != c.whole("encoder_hidden_dim"):
            raise c.wrong("decoder_in_channels", f"a list of {c.whole('encoder_hidden_dim')}, the encoder_hidden_dim")
        name, halves = f"decoder_input_proj.{number}", number >= len(given)
        x, (height, across) = maps[min(number, len(maps) - 1)]
        if number >= levels:  # there, and not read
            net.add(Parameter(shape=[width, channels, 1, 1]), name=f"{name}.0.weight")
            for part in ("weight", "bias"):
                net.add(Parameter(shape=[width]), name=f"{name}.1.{part}")
            continue
        x = _plain(net, x, width, name, halves=halves)
        sides.append(((height + 1) // 2, (across + 1) // 2) if halves else (height, across))
        found.append(reshape(net, x, -1, width))
    return net.add(Concatenate(axis=1), *found) if len(found) > 1 else found[0], sides


def _likeliest(net: GraphBuilder, c: Config, seen: Tensor, sides: Sequence[Side]) -> tuple[Tensor, ...]:
    """Add what rates each place; return, of the likeliest, features, boxes before their sigmoid, scores, and boxes."""
    width, count, places = c.whole("d_model"), c.whole("num_queries"), sum(map(prod, sides))
    if count > places:
        raise c.wrong("num_queries", f"at most {places:,}, the places of all maps")
    x = net.add(Multiply(), net.add(Fill(shape=[places, 1]), name="valid_mask"), seen)
    x = norm(net, dense(net, x, width, "enc_output.0"), "layer", "enc_output.1")
    scores = dense(net, x, c.labels(), "enc_score_head")
    anchors = net.add(Fill(shape=[places, 4]), name="anchors")
    boxes = add(net, _layers(net, x, (width, width, 4), "enc_bbox_head"), anchors)
    _, best = net.add_all(TopK(k=count), net.add(ReduceMax(axis=-1), scores))
    best = net.add(Unsqueeze(axis=-1), best)
    boxes = net.add(TakeAlongAxis(axis=1), boxes, net.add(Tile(repeats=[1, 4]), best))
    scores = net.add(TakeAlongAxis(axis=1), scores, net.add(Tile(repeats=[1, c.labels()]), best))
    shares = activate(net, boxes, c, "sigmoid")
    if c.flag("learn_initial_query"):
        start = net.add(LearnedTokens(n=count, dim=width), seen, name="weight_embedding")
    else:
        start = net.add(TakeAlongAxis(axis=1), x, net.add(Tile(repeats=[1, width]), best))
        start = net.add(StopGradient(), start)
    return start, net.add(StopGradient(), boxes), scores, shares


def _layers(net: GraphBuilder, x: Tensor, widths: Sequence[int], name: str) -> Tensor:
    """Add linear layers with ReLU between them."""
    with within(net, name):
        for number, width in enumerate(widths):
            x = dense(net, net.add(ReLU(), x) if number else x, width, f"layers.{number}")
        return x


# The decoder


def _decoder(
    net: GraphBuilder,
    c: Config,
    start: Sequence[Tensor],
    seen: Tensor,
    sides: Sequence[Side],
    *,
    has_head: bool,
) -> tuple[Tensor, ...]:
    """Add the layers; return the features of objects, or their classes and boxes."""
    width, (x, boxes), first = c.whole("d_model"), start, ""
    found: tuple[Tensor, ...] = ()
    boxes = activate(net, boxes, c, "sigmoid")
    with within(net, "decoder"):
        for number in range(c.count("decoder_layers", 1)):
            with within(net, f"query_pos_head_{number}" if number else "query_pos_head") as path:
                places = _layers(net, boxes, (2 * width, width), "")
            first = first or path
            if number:
                net.share(path, first)
            with within(net, f"layers.{number}", "layer"):
                x = _layer(net, c, x, places, (boxes, seen), sides)
            found = (x,)
            if has_head:
                corners = _layers(net, x, (width, width, 4), f"bbox_embed.{number}")
                new = activate(net, add(net, corners, _logits(net, boxes)), c, "sigmoid")
                found = dense(net, x, c.labels(), f"class_embed.{number}"), new
                boxes = net.add(StopGradient(), new)
    return found


def _layer(
    net: GraphBuilder,
    c: Config,
    x: Tensor,
    places: Tensor,
    memory: tuple[Tensor, Tensor],
    sides: Sequence[Side],
) -> Tensor:
    width = c.whole("d_model")
    x = add(net, x, _self_attention(net, c, "decoder", width, x, places))
    x = norm(net, x, "layer", "self_attn_layer_norm")
    with within(net, "encoder_attn", "deformable_attention"):
        inside = _looks(net, c, add(net, x, places), memory, sides)
    x = norm(net, add(net, x, inside), "layer", "encoder_attn_layer_norm")
    with within(net, "mlp"):
        inside = mlp(net, x, _perceptron(c, "decoder"), width, c)
    return norm(net, add(net, x, inside), "layer", "final_layer_norm")


def _looks(net: GraphBuilder, c: Config, asked: Tensor, memory: tuple[Tensor, Tensor], sides: Sequence[Side]) -> Tensor:
    """Add attention to points around a box, whose sides scale how far from its center they lie."""
    (boxes, seen), width, heads = memory, c.whole("d_model"), c.whole("decoder_attention_heads")
    levels, points = c.whole(LEVELS[c.kind]), c.whole("decoder_n_points")
    if levels != len(sides):
        raise c.wrong(LEVELS[c.kind], f"{len(sides)}, as there are maps")
    if width % heads:
        raise c.wrong("decoder_attention_heads", f"a divisor of {width}, the d_model")
    value = dense(net, seen, width, "value_proj")
    moves = dense(net, asked, heads * levels * points * 2, "sampling_offsets")
    moves = net.add(Rescaling(scale=1 / points), reshape(net, moves, -1, heads, levels, points, 2))
    shares = dense(net, asked, heads * levels * points, "attention_weights")
    shares = net.add(Softmax(), reshape(net, shares, -1, heads, levels * points))
    shares = reshape(net, shares, -1, heads, levels, points)
    box = reshape(net, boxes, -1, 1, 1, 1, 4)
    center, size = (net.add(Slice(axis=-1, start=start, stop=start + 2), box) for start in (0, 2))
    moves = net.add(Rescaling(scale=0.5), net.add(Multiply(), moves, size))
    op = DeformableAttention(heights=[height for height, _ in sides], widths=[across for _, across in sides])
    return dense(net, net.add(op, value, add(net, center, moves), shares), width, "output_proj")


def _logits(net: GraphBuilder, boxes: Tensor) -> Tensor:
    """Add what gives what a sigmoid was taken of."""
    share = net.add(Clip(min_value=0, max_value=1), boxes)
    rest = net.add(Clip(min_value=LEAST), net.add(Rescaling(scale=-1, offset=1), share))
    return net.add(Log(), net.add(Divide(), net.add(Clip(min_value=LEAST), share), rest))


def _unread(net: GraphBuilder, c: Config) -> None:
    """Add the heads that the second version has beside the decoder's, unless they are one."""
    width, labels = c.whole("d_model"), c.labels()
    for number in range(c.count("decoder_layers")):
        shapes = {f"class_embed.{number}": labels}
        shapes |= {f"bbox_embed.{number}.layers.{i}": units for i, units in enumerate((width, width, 4))}
        for name, units in shapes.items():
            net.add(Parameter(shape=[units, width]), name=f"{name}.weight")
            net.add(Parameter(shape=[units]), name=f"{name}.bias")

"""Segment Anything: a tower of pictures, prompts of points, a decoder of masks (Kirillov 2023, arXiv:2304.02643)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.base.shape import size
from archinspect.importers.hf.parts import (
    Attention,
    Mlp,
    activate,
    add,
    attention_of,
    biased,
    core,
    dense,
    mlp,
    norm,
    reshape,
    within,
)
from archinspect.importers.hf.wanted import ending
from archinspect.ops.args import Int, arg
from archinspect.ops.axes import numbered
from archinspect.ops.base import Op
from archinspect.ops.conv import Conv2D
from archinspect.ops.embed import LearnedPositions, LearnedTokens
from archinspect.ops.figures import Weight, Work
from archinspect.ops.layout import Stack
from archinspect.ops.matmul import MatMul
from archinspect.ops.merge import Concatenate
from archinspect.ops.several import Split
from archinspect.ops.source import Parameter
from archinspect.ops.tensor import Custom, Select, Slice
from archinspect.ops.transposed import Conv2DTranspose
from archinspect.ops.windows import WindowPartition, WindowReverse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.wanted import Wanted


BETWEEN = 2
"""The share of features inside attention between tokens and a picture, whatever a file says of the last one."""


class RowsAndColumns(Op):
    """Compares queries with a learned vector for each distance of rows, and of columns; gives the queries on.

    MACs: (rows + columns) per element. FLOPs: 2 per MAC, 2 per score, to which both are added.
    """

    kind = "attention"
    heads: int = arg("heads", Int(1))
    rows: int = arg("rows of the map, or of a window", Int(1))
    columns: int = arg("columns", Int(1))

    def output(self, *shapes: Shape) -> Shape:  # noqa: D102 - as every operator
        return shapes[0]

    def weights(self, *shapes: Shape) -> dict[str, Weight]:  # noqa: D102 - as every operator
        sizes, axes = {"rel_pos_h": self.rows, "rel_pos_w": self.columns}, numbered(range(1, 3))
        return {name: Weight((2 * count - 1, shapes[0][-1] // self.heads), axes) for name, count in sizes.items()}

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:  # noqa: ARG002, D102 - as every operator
        steps = self.rows * self.columns
        scores = size(output[:-1]) * steps * self.heads
        return Work(size(output) * (self.rows + self.columns), 2 * scores)


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add the model as it is asked for the masks at one point of a picture."""
    if architecture:
        ending(c, architecture, ("Model",))
    sight, prompts, masks = (
        c.part(f"{name}_config", f"sam_{kind}")
        for name, kind in (
            ("vision", "vision_model"),
            ("prompt_encoder", "prompt_encoder"),
            ("mask_decoder", "mask_decoder"),
        )
    )
    side, patch, width = sight.whole("image_size"), sight.whole("patch_size"), masks.whole("hidden_size")
    if side % patch or side // patch != prompts.whole("image_size") // prompts.whole("patch_size"):
        raise c.wrong("vision_config", "such that its patches are those of the prompt encoder")
    for part, key in ((sight, "output_channels"), (prompts, "hidden_size")):
        if part.whole(key) != width:
            raise part.wrong(key, f"{width}, the hidden_size of the decoder")
    if 2 * sight.whole("num_pos_feats") != width:
        raise sight.wrong("num_pos_feats", f"half of {width}, the hidden_size of the decoder")
    shape = (side, side, sight.whole("num_channels"))
    image, points = wanted.words(None, pixel_values=shape, input_points=(1, 2))
    wanted.fixed(image, shape)
    net, grid = wanted.net, side // patch
    with within(net, "vision_encoder", "tower"):
        seen = reshape(net, _tower(net, sight, image, grid), grid * grid, width)
    vectors = net.add(Parameter(shape=[2, width // 2]), name="shared_image_embedding.positional_embedding")
    places = net.add(_placed(grid * grid, width), vectors, name="shared_image_embedding")
    with within(net, "prompt_encoder"):
        asked, whole = _prompt(net, prompts, points, vectors)
    with within(net, "mask_decoder"):
        return _decode(net, masks, asked, (add(net, seen, whole), places), grid)


def _placed(count: int, width: int) -> Custom:
    """Return what makes a vector of each of so many places: sines of two coordinates' product with a table."""
    return Custom(params=0, macs=count * width, output_shape=[count, width])


def _tower(net: GraphBuilder, c: Config, image: Tensor, grid: int) -> Tensor:
    width, patch, out = c.whole("hidden_size"), c.whole("patch_size"), c.whole("output_channels")
    op = Conv2D(filters=width, kernel_size=patch, strides=patch)
    x = net.add(op, image, name="patch_embed.projection")
    x = net.add(LearnedPositions(), x, name="pos_embed") if c.flag("use_abs_pos") else x
    every = c.ints("global_attn_indexes")
    for number in range(c.count("num_hidden_layers")):
        with within(net, f"layers.{number}", "layer"):
            x = _tower_layer(net, c, x, 0 if number in every else c.whole("window_size", 0), grid)
    x = net.add(Conv2D(filters=out, kernel_size=1, use_bias=False), x, name="neck.conv1")
    x = norm(net, x, "layer", "neck.layer_norm1")
    x = net.add(Conv2D(filters=out, kernel_size=3, padding=1, use_bias=False), x, name="neck.conv2")
    return norm(net, x, "layer", "neck.layer_norm2")


def _tower_layer(net: GraphBuilder, c: Config, x: Tensor, window: int, grid: int) -> Tensor:
    """Add a layer, which attends within windows, or to the whole map where there are none."""
    width, heads, side = c.whole("hidden_size"), c.whole("num_attention_heads"), window or grid
    if width % heads:
        raise c.wrong("num_attention_heads", f"a divisor of {width}, the hidden_size")
    inside = norm(net, x, "layer", "layer_norm1")
    if window:
        inside = net.add(WindowPartition(window_size=window), inside)
    else:
        inside = reshape(net, inside, grid * grid, width)
    with within(net, "attn", "attention"):
        joined = dense(net, inside, 3 * width, "qkv", bias=c.flag("qkv_bias"))
        query, key, value = net.add_all(Split(parts=3, axis=-1), joined)
        if c.flag("use_rel_pos"):
            query = net.add(RowsAndColumns(heads=heads, rows=side, columns=side), query, name="rel_pos")
        a = Attention(heads, heads, width // heads, width, causal=False)
        inside = dense(net, net.add(core(a), query, key, value, name="attention"), width, "proj")
    if window:
        inside = net.add(WindowReverse(window_size=window, size=[grid, grid]), inside)
    else:
        inside = reshape(net, inside, grid, grid, width)
    x = add(net, x, inside)
    units = c.maybe("mlp_dim", 1) or int(width * c.number("mlp_ratio"))
    m = Mlp(units, c.text("hidden_act"), gated=False, bias=True, up="mlp.lin1", down="mlp.lin2")
    return add(net, x, mlp(net, norm(net, x, "layer", "layer_norm2"), m, width, c))


def _prompt(net: GraphBuilder, c: Config, points: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Add the vectors of points, one of padding among them; return them, and what stands for no mask."""
    width, channels = c.whole("hidden_size"), c.whole("mask_input_channels", 4)
    few = channels // 4
    shapes: dict[str, list[Any]] = {"conv1.weight": [few, 1, 2, 2], "conv1.bias": [few]}
    shapes |= {"conv2.weight": [channels, few, 2, 2], "conv2.bias": [channels]}
    shapes |= {"conv3.weight": [width, channels], "conv3.bias": [width]}
    shapes |= {f"layer_norm{i}.{own}": [n] for i, n in ((1, few), (2, 4 * few)) for own in ("weight", "bias")}
    for name, shape in shapes.items():  # no mask is given: nothing reads what would embed one
        net.add(Parameter(shape=shape), name=f"mask_embed.{name}")
    kinds = c.whole("num_point_embeddings", 2)
    labels = [net.add(Parameter(shape=[1, width]), name=f"point_embed.{number}") for number in range(kinds)]
    padding = net.add(Parameter(shape=[1, width]), name="not_a_point_embed")
    count = points.producer.op.output()[1] + 1
    x = net.add(_placed(count, width), points, vectors, name="shared_embedding")
    whole = net.add(Parameter(shape=[1, width]), name="no_mask_embed")
    return add(net, x, labels[0], labels[1], padding), whole


def _attend(net: GraphBuilder, c: Config, asked: tuple[Tensor, Tensor, Tensor], name: str, rate: int) -> Tensor:
    """Add attention of queries to keys and values, whose features are that much fewer inside."""
    width, heads = c.whole("hidden_size"), c.whole("num_attention_heads")
    inner = width // rate
    if not inner or inner % heads:
        raise c.wrong("num_attention_heads", f"a divisor of {inner}, the features inside")
    with within(net, name, "attention"):
        return attention_of(net, asked, biased(inner, heads)._replace(out=width))


def _decode(
    net: GraphBuilder, c: Config, asked: Tensor, picture: tuple[Tensor, Tensor], grid: int
) -> tuple[Tensor, ...]:
    """Add the decoder of masks; return the masks, each a map, and how good they are."""
    width, count, rate = (
        c.whole("hidden_size"),
        c.whole("num_multimask_outputs") + 1,
        c.whole("attention_downsample_rate"),
    )
    first = net.add(LearnedTokens(n=1), asked, name="iou_token")
    tokens = net.add(LearnedTokens(n=count), asked, name="mask_tokens")
    own = x = net.add(Concatenate(axis=1), first, tokens, asked)
    keys, places = picture
    with within(net, "transformer"):
        for number in range(c.count("num_hidden_layers")):
            with within(net, f"layers.{number}", "layer"):
                x, keys = _two_ways(net, c, (x, own if number else None, own), (keys, places), BETWEEN)
        asking = add(net, x, own), add(net, keys, places), keys
        seen = _attend(net, c, asking, "final_attn_token_to_image", rate)
        x = norm(net, add(net, x, seen), "layer", "layer_norm_final_attn")
    up = reshape(net, keys, grid, grid, width)
    up = net.add(Conv2DTranspose(filters=width // 4, kernel_size=2, strides=2), up, name="upscale_conv1")
    up = activate(net, norm(net, up, "layer", "upscale_layer_norm"), c, "gelu")
    up = net.add(Conv2DTranspose(filters=width // 8, kernel_size=2, strides=2), up, name="upscale_conv2")
    up = reshape(net, activate(net, up, c, "gelu"), -1, width // 8)
    weights = [
        _forward(net, c, net.add(Select(index=1 + i), x), f"output_hypernetworks_mlps.{i}", (width, width // 8, 3))
        for i in range(count)
    ]
    masks = net.add(MatMul(), up, net.add(Stack(axis=-1), *weights))
    sizes = (c.whole("iou_head_hidden_dim"), count, c.whole("iou_head_depth"))
    scores = _forward(net, c, net.add(Select(index=0), x), "iou_prediction_head", sizes)
    masks = net.add(Slice(axis=2, start=1), reshape(net, masks, -1, count))
    return reshape(net, masks, 4 * grid, 4 * grid, count - 1), net.add(Slice(axis=1, start=1), scores)


def _two_ways(
    net: GraphBuilder,
    c: Config,
    tokens: tuple[Tensor, Tensor | None, Tensor],
    picture: tuple[Tensor, Tensor],
    rate: int,
) -> tuple[Tensor, Tensor]:
    """Add a layer: tokens see each other, then the picture, and the picture sees them."""
    (x, placed, own), (keys, places), width = tokens, picture, c.whole("hidden_size")
    if placed is None:
        x = _attend(net, c, (x, x, x), "self_attn", 1)
    else:
        asking = add(net, x, placed)
        x = add(net, x, _attend(net, c, (asking, asking, x), "self_attn", 1))
    x = norm(net, x, "layer", "layer_norm1")
    seen = _attend(net, c, (add(net, x, own), add(net, keys, places), keys), "cross_attn_token_to_image", rate)
    x = norm(net, add(net, x, seen), "layer", "layer_norm2")
    m = Mlp(c.whole("mlp_dim"), c.text("hidden_act"), gated=False, bias=True, up="mlp.lin1", down="mlp.lin2")
    x = norm(net, add(net, x, mlp(net, x, m, width, c)), "layer", "layer_norm3")
    seen = _attend(net, c, (add(net, keys, places), add(net, x, own), x), "cross_attn_image_to_token", rate)
    return x, norm(net, add(net, keys, seen), "layer", "layer_norm4")


def _forward(net: GraphBuilder, c: Config, x: Tensor, name: str, sizes: tuple[int, int, int]) -> Tensor:
    """Add linear layers with ReLU between them: features inside, features out, how many."""
    inner, out, depth = sizes
    with within(net, name, "mlp"):
        x = activate(net, dense(net, x, inner, "proj_in"), c, "relu")
        for number in range(depth - 2):
            x = activate(net, dense(net, x, inner, f"layers.{number}"), c, "relu")
        return dense(net, x, out, "proj_out")

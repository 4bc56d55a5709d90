"""Llama 3.2 Vision: a tower of tiles, and a decoder of which some layers attend to them alone (arXiv:2407.21783)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.importers.hf.decoder import Decoder, Sizes, layer, sizes
from archinspect.importers.hf.parts import (
    Attention,
    Mlp,
    add,
    attention,
    dense,
    mlp,
    norm,
    reshape,
    table,
    unfit,
    within,
)
from archinspect.importers.hf.wanted import ending
from archinspect.ops.activation import Tanh
from archinspect.ops.borders import ZeroPadding2D
from archinspect.ops.conv import Conv2D
from archinspect.ops.embed import LearnedTokens
from archinspect.ops.layout import Expand
from archinspect.ops.merge import Concatenate, Multiply
from archinspect.ops.source import Parameter
from archinspect.ops.tensor import Custom, Select, Slice

if TYPE_CHECKING:
    from archinspect.base.source import Value
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.wanted import Wanted

TEXT = Decoder()
CROSSED = [3, 8, 13, 18, 23, 28, 33, 38]
"""The layers that attend to pictures, unless a file says others."""
TAPS = [3, 7, 15, 23, 30]
"""The layers of the tower whose states it gives besides, unless a file says others."""
RATIOS = 8
"""Shapes that tiles may form, unless a file lists others."""
MORE_WORDS = 8
"""Rows of the table of words beyond the words that are predicted."""
STEPS = 8
"""Of which the steps of a tile are a multiple, with what is put behind them."""


class Tiles(NamedTuple):
    """Sizes of a tower."""

    tiles: int
    patches: int
    """Of a tile."""
    width: int
    ratios: int

    @property
    def behind(self) -> int:
        """Steps that are put behind those of a tile, its class token among these."""
        return -(self.patches + 1) % STEPS


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add the model as it reads a picture, of all tiles, and a text."""
    end = ending(c, architecture, ("ForConditionalGeneration", "Model")) if architecture else "ForConditionalGeneration"
    sight, words = c.part("vision_config", "mllama_vision_model"), c.part("text_config", "mllama_text_model")
    shape = (sight.whole("max_num_tiles"), *sight.pair("image_size"), sight.whole("num_channels"))
    ids, image = wanted.words(words.whole("max_position_embeddings"), "input_ids", pixel_values=shape)
    wanted.fixed(image, shape)
    net = wanted.net
    with within(net, "model" if end != "Model" else ""):
        with within(net, "vision_model", "tower"):
            seen = _tower(net, sight, image)
        seen = dense(net, seen, words.whole("hidden_size"), "multi_modal_projector")
        with within(net, "language_model", "decoder"):
            x = _text(net, words, ids, seen)
    return (x,) if end == "Model" else (dense(net, x, words.whole("vocab_size"), "lm_head", bias=False),)


# The tower


def _tower(net: GraphBuilder, c: Config, image: Tensor) -> Tensor:
    """Add the tower; return its features, of shape (batch, steps of all tiles, features)."""
    (height, across), (rows, columns) = c.pair("image_size"), c.pair("patch_size")
    patches = (height // rows) * (across // columns)
    ratios = len(c.items("supported_aspect_ratios")) if c.find("supported_aspect_ratios") is not None else RATIOS
    t = Tiles(c.whole("max_num_tiles"), patches, c.whole("hidden_size"), ratios)
    whole: list[Value] = [rows, columns]
    flat = reshape(net, image, t.tiles * height, across, c.whole("num_channels"))
    x = net.add(Conv2D(filters=t.width, kernel_size=whole, strides=whole, use_bias=False), flat, name="patch_embedding")
    if height % rows or across % columns:
        x = unfit(
            net,
            f"no pictures: patches of {rows}x{columns} do not divide {height}x{across}",
            (t.tiles * patches, t.width),
            x,
        )
    x = _placed(net, t, reshape(net, x, t.tiles, patches, t.width), "pre_tile_positional_embedding")
    token = net.add(LearnedTokens(n=1, dim=t.width), reshape(net, x, -1, t.width), name="class_embedding")
    token = net.add(Expand(target_shape=[t.tiles, 1, t.width]), token)
    x = norm(net, _positions(net, t, net.add(Concatenate(axis=2), token, x)), "layer", "layernorm_pre")
    x = net.add(ZeroPadding2D(padding=[[0, 0], [0, t.behind]]), x) if t.behind else x
    steps = t.tiles * (patches + 1 + t.behind)
    net.add(Custom(params=0, macs=steps * steps, output_shape=[1]), x, name="mask_of_tiles")  # an outer product
    x = reshape(net, x, -1, t.width)
    states: list[Tensor] = []
    for number in range(c.count("num_hidden_layers")):
        x = _seeing_layer(net, c, x, f"transformer.layers.{number}", gated=False)
        states.append(x)
    x = norm(net, x, "layer", "layernorm_post")
    x = _placed(net, t, reshape(net, x, t.tiles, -1, t.width), "post_tile_positional_embedding")
    x = reshape(net, x, -1, t.width)
    for number in range(c.count("num_global_layers")):
        x = _seeing_layer(net, c, x, f"global_transformer.layers.{number}", gated=True)
    taps = c.ints("intermediate_layers_indices") if c.find("intermediate_layers_indices") is not None else TAPS
    missing = f"no pictures: a tower of {len(states)} layers has no states {taps}, of which its features are to be made"
    seen = [states[at] if at < len(states) else unfit(net, missing, None, x) for at in taps]
    features, read = (1 + len(taps)) * t.width, c.whole("vision_output_dim")
    x = net.add(Concatenate(axis=-1), x, *seen)
    x = net.add(Slice(axis=2, stop=patches + 1), reshape(net, x, t.tiles, -1, features))
    x = reshape(net, x, -1, features)
    if read == features:
        return x
    why = f"no pictures: 'vision_output_dim' must be {features}, of {1 + len(taps)} states, not {read}"
    return unfit(net, why, (t.tiles * (patches + 1), read), x)


def _rows(net: GraphBuilder, t: Tiles, size: int, name: str) -> Tensor:
    """Add a table with a row for each shape that tiles may form; return one of its rows, of shape (1, size)."""
    return net.add(Select(index=0), net.add(Parameter(shape=[t.ratios + 1, size]), name=name))


def _gate(net: GraphBuilder, x: Tensor, name: str) -> Tensor:
    """Multiply by a learned number."""
    return net.add(Multiply(), x, net.add(Tanh(), net.add(Parameter(shape=[1]), name=name)))


def _placed(net: GraphBuilder, t: Tiles, x: Tensor, name: str) -> Tensor:
    """Add a vector for each tile."""
    with within(net, name):
        row = reshape(net, _rows(net, t, t.tiles * t.width, "embedding"), t.tiles, 1, t.width)
        return add(net, x, _gate(net, row, "gate"))


def _positions(net: GraphBuilder, t: Tiles, x: Tensor) -> Tensor:
    """Add a vector for each step of a tile, and one for each step of each tile; both have one gate."""
    steps = t.patches + 1
    with within(net, "gated_positional_embedding"):
        x = add(net, x, net.add(Parameter(shape=[1, steps, t.width]), name="embedding"))
        row = reshape(net, _rows(net, t, t.tiles * steps * t.width, "tile_embedding"), t.tiles, steps, t.width)
        return add(net, x, _gate(net, row, "gate"))


def _seeing_layer(net: GraphBuilder, c: Config, x: Tensor, path: str, *, gated: bool) -> Tensor:
    width, heads = c.whole("hidden_size"), c.whole("attention_heads")
    if width < heads:
        raise c.wrong("attention_heads", "at most hidden_size")
    a = Attention(heads, heads, width // heads, width, causal=False, masked=True)
    m = Mlp(c.whole("intermediate_size"), c.text("hidden_act"), gated=False, bias=True, up="mlp.fc1", down="mlp.fc2")
    with within(net, path, "layer"):
        inside = norm(net, x, "layer", "input_layernorm")
        with within(net, "self_attn"):
            inside = attention(net, inside, a)
        x = add(net, x, _gate(net, inside, "gate_attn") if gated else inside)
        inside = mlp(net, norm(net, x, "layer", "post_attention_layernorm"), m, width, c)
        return add(net, x, _gate(net, inside, "gate_ffn") if gated else inside)


# The text


def _text(net: GraphBuilder, c: Config, ids: Tensor, seen: Tensor) -> Tensor:
    size = sizes(c, TEXT._replace(head_dim=""))
    crossed = c.ints("cross_attention_layers") if c.find("cross_attention_layers") is not None else CROSSED
    x = table(net, ids, size.vocabulary + MORE_WORDS, size.width, "embed_tokens")
    for number in range(size.layers):
        with within(net, f"layers.{number}", "layer"):
            x = _crossed(net, c, size, x, seen) if number in crossed else layer(net, c, TEXT, size, number, None, x)
    return norm(net, x, "rms", "norm")


def _crossed(net: GraphBuilder, c: Config, size: Sizes, x: Tensor, seen: Tensor) -> Tensor:
    """Add a layer that attends to pictures; what it adds has gates."""
    if size.heads % size.kv_heads:
        raise c.wrong("num_key_value_heads", f"a divisor of the {size.heads} heads")
    a = Attention(size.heads, size.kv_heads, size.head, size.width, causal=False, masked=True, norms="head")
    inside = norm(net, x, "rms", "input_layernorm")
    with within(net, "cross_attn", "attention"):
        inside = attention(net, inside, a, seen)
    x = add(net, x, _gate(net, inside, "cross_attn_attn_gate"))
    inside = norm(net, x, "rms", "post_attention_layernorm")
    with within(net, "mlp"):
        m = Mlp(c.whole("intermediate_size"), c.text("hidden_act"))
        inside = mlp(net, inside, m, size.width, c)
    return add(net, x, _gate(net, inside, "cross_attn_mlp_gate"))

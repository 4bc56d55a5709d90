"""What joins a tower of pictures with a decoder of text: the projectors of composites, by the names of their types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.importers.hf.parts import activate, dense, norm, reshape, unfit
from archinspect.ops.merge import Concatenate, Multiply
from archinspect.ops.norm import LayerNormalization
from archinspect.ops.pool import AveragePooling2D
from archinspect.ops.several import Split
from archinspect.ops.shuffle import PixelUnshuffle
from archinspect.ops.tensor import Slice

if TYPE_CHECKING:
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config


class Sight(NamedTuple):
    """What a tower of pictures gives."""

    last: Tensor
    states: list[Tensor]
    """What goes into the first layer, and what comes out of each."""
    rows: int
    columns: int


def _joined(net: GraphBuilder, c: Config, sight: Sight) -> Tensor:
    """Add what puts the states side by side that a projector reads."""
    given: Any = c.find("vision_feature_layer")
    places = given if isinstance(given, list) else [given]
    states = len(sight.states)
    if not places or any(type(one) is not int for one in places):
        raise c.wrong("vision_feature_layer", f"one of the {states} states of the tower")
    found = [
        sight.states[one]
        if -states <= one < states
        else unfit(net, f"no pictures: the tower has {states} states, and none of number {one}", None, sight.last)
        for one in places
    ]
    return net.add(Concatenate(axis=-1), *found) if len(found) > 1 else found[0]


def _chosen(net: GraphBuilder, c: Config, sight: Sight) -> Tensor:
    """Add what takes the states of the patches: all but the first, whether or not there is a class token."""
    x = _joined(net, c, sight)
    strategy = c.text("vision_feature_select_strategy", "default")
    if strategy not in ("default", "full"):
        raise c.wrong("vision_feature_select_strategy", "default or full")
    return net.add(Slice(start=1), x) if strategy == "default" else x


def llava(net: GraphBuilder, c: Config, tower: Config, text: Config, sight: Sight) -> Tensor:
    """Add LLaVA's projector: two products."""
    del tower
    x, bias = _chosen(net, c, sight), c.flag("multimodal_projector_bias")
    return _two(net, c, x, text.whole("hidden_size"), bias=bias)


def _two(net: GraphBuilder, c: Config, x: Tensor, width: int, *, bias: bool) -> Tensor:
    x = activate(net, dense(net, x, width, "linear_1", bias=bias), c, c.text("projector_hidden_act", "gelu"))
    return dense(net, x, width, "linear_2", bias=bias)


def vipllava(net: GraphBuilder, c: Config, tower: Config, text: Config, sight: Sight) -> Tensor:
    """Add ViP-LLaVA's projector, of several states without their class token."""
    del tower
    x = norm(net, net.add(Slice(start=1), _joined(net, c, sight)), "layer", "projector_layernorm")
    return _two(net, c, x, text.whole("hidden_size"), bias=True)


def paligemma(net: GraphBuilder, c: Config, tower: Config, text: Config, sight: Sight) -> Tensor:
    """Add PaliGemma's projector: one product."""
    del tower
    width, words = c.whole("projection_dim"), text.whole("hidden_size")
    x = dense(net, sight.last, width, "linear")
    return x if width == words else unfit(net, f"no pictures: {width} features are no word's {words}", None, x)


def gemma3(net: GraphBuilder, c: Config, tower: Config, text: Config, sight: Sight) -> Tensor:
    """Add Gemma 3's projector: a mean of neighboring patches, a norm, one product."""
    side = int(c.whole("mm_tokens_per_image") ** 0.5)
    width = tower.whole("hidden_size")
    kernel = sight.rows // side if side else 0
    if kernel:
        x = net.add(AveragePooling2D(pool_size=kernel), reshape(net, sight.last, sight.rows, sight.columns, width))
    else:
        patches = sight.rows * sight.columns
        x = unfit(
            net, f"no pictures: of {patches} patches cannot come {c.whole('mm_tokens_per_image')}", None, sight.last
        )
    x = norm(net, reshape(net, x, -1, width), "rms", "mm_soft_emb_norm")
    return dense(net, x, text.whole("hidden_size"), "mm_input_projection_weight", bias=False)


def _shuffled(net: GraphBuilder, x: Tensor, sight: Sight, width: int, factor: int, *, crops: bool = False) -> Tensor:
    """Put the features of neighboring patches side by side; `crops` leaves out rows and columns that are too many."""
    if not crops and (sight.rows % factor or sight.columns % factor):
        steps = max(sight.rows // factor, 1) * max(sight.columns // factor, 1)
        why = f"no pictures: {factor}x{factor} patches do not divide {sight.rows}x{sight.columns}"
        return unfit(net, why, (steps, width * factor * factor), x)
    x = reshape(net, x, sight.rows, sight.columns, width)
    for axis, count in ((1, sight.rows), (2, sight.columns)):
        if crops and count % factor and count > factor:
            x = net.add(Slice(axis=axis, stop=count - count % factor), x)
    x = net.add(PixelUnshuffle(downscale_factor=factor), x)
    return reshape(net, x, -1, width * factor * factor)


def idefics3(net: GraphBuilder, c: Config, tower: Config, text: Config, sight: Sight) -> Tensor:
    """Add Idefics 3's projector: neighboring patches side by side, one product."""
    x = _shuffled(net, sight.last, sight, tower.whole("hidden_size"), c.whole("scale_factor"))
    return dense(net, x, text.whole("hidden_size"), "modality_projection.proj", bias=False)


def internvl(net: GraphBuilder, c: Config, tower: Config, text: Config, sight: Sight) -> Tensor:
    """Add InternVL's projector: neighboring patches side by side, a norm, two products."""
    ratio = c.number("downsample_ratio")
    if not 0 < ratio <= 1:
        raise c.wrong("downsample_ratio", "a number above 0, at most 1")
    own = sight._replace(states=[*sight.states[:-1], sight.last])
    x = _chosen(net, c, own)
    x = _shuffled(net, x, sight, tower.whole("hidden_size"), int(1 / ratio))
    return _two(net, c, net.add(LayerNormalization(), x, name="layer_norm"), text.whole("hidden_size"), bias=True)


def mistral3(net: GraphBuilder, c: Config, tower: Config, text: Config, sight: Sight) -> Tensor:
    """Add Mistral 3's projector: a norm, neighboring patches side by side and merged, two products."""
    width, factor = tower.whole("hidden_size"), c.whole("spatial_merge_size")
    x = norm(net, _joined(net, c, sight), "rms", "norm")
    x = _shuffled(net, x, sight, width, factor, crops=True)
    x = dense(net, x, width, "patch_merger.merging_layer", bias=False)
    return _two(net, c, x, text.whole("hidden_size"), bias=c.flag("multimodal_projector_bias"))


def aya(net: GraphBuilder, c: Config, tower: Config, text: Config, sight: Sight) -> Tensor:
    """Add Aya Vision's projector: a norm, a product whose second half gates its first, another product."""
    width, factor = tower.whole("hidden_size"), c.whole("downsample_factor")
    x = norm(net, _shuffled(net, _chosen(net, c, sight), sight, width, factor), "layer", "layernorm")
    return _half_gated(net, c, text, x)


def cohere2(net: GraphBuilder, c: Config, tower: Config, text: Config, sight: Sight) -> Tensor:
    """Add the projector of Cohere's Command A Vision: Aya's without its norm."""
    x = _shuffled(net, sight.last, sight, tower.whole("hidden_size"), c.whole("downsample_factor"))
    return _half_gated(net, c, text, x)


def _half_gated(net: GraphBuilder, c: Config, text: Config, x: Tensor) -> Tensor:
    inner = c.maybe("alignment_intermediate_size", 2) or text.whole("hidden_size")
    values, gate = net.add_all(Split(parts=2, axis=-1), dense(net, x, inner, "linear_1"))
    x = net.add(Multiply(), activate(net, gate, c, "silu"), values)
    return dense(net, x, text.whole("hidden_size"), "linear_2")


def llama4(net: GraphBuilder, c: Config, tower: Config, text: Config, sight: Sight) -> Tensor:
    """Add Llama 4's projector; the adapter before it is of the tower."""
    del c, tower
    return dense(net, sight.last, text.whole("hidden_size"), "linear_1", bias=False)


def llama4_adapter(net: GraphBuilder, c: Config, sight: Sight) -> Tensor:
    """Add what ends Llama 4's tower: neighboring patches side by side, and two products."""
    ratio, width = c.number("pixel_shuffle_ratio"), c.whole("hidden_size")
    if not 0 < ratio <= 1:
        raise c.wrong("pixel_shuffle_ratio", "a number above 0, at most 1")
    factor = int(1 / ratio)
    x = _shuffled(net, net.add(Slice(start=1), sight.last), sight, width, factor)
    steps, have = max(sight.rows // factor, 1) * max(sight.columns // factor, 1), width * factor * factor
    sizes = {"fc1": ("intermediate_size", "projector_input_dim"), "fc2": ("projector_output_dim",) * 2}
    for name, (read, made) in sizes.items():
        x = _as_read(net, c, x, (steps, have), read)
        have = c.whole(made)
        x = activate(net, dense(net, x, have, f"vision_adapter.mlp.{name}", bias=False), c, "gelu")
    return _as_read(net, c, x, (steps, have), "vision_output_dim")


def _as_read(net: GraphBuilder, c: Config, x: Tensor, shape: tuple[int, int], key: str) -> Tensor:
    """Return features of as many as a key says; those that are more or fewer are unfit."""
    steps, have = shape
    if c.whole(key) == have:
        return x
    return unfit(net, f"no pictures: '{key}' must be {have}, not {c.whole(key)}", (steps, c.whole(key)), x)

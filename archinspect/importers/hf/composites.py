"""Models of text and pictures: a tower of pictures, a projector, and a decoder of text that sees what they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.importers.hf import qwen, vit
from archinspect.importers.hf.decoder import decoder
from archinspect.importers.hf.decoders import DECODERS
from archinspect.importers.hf.parts import activate, dense, norm, reshape, within
from archinspect.ops.merge import Concatenate
from archinspect.ops.norm import LayerNormalization
from archinspect.ops.pool import AveragePooling2D
from archinspect.ops.reshape import PixelUnshuffle
from archinspect.ops.tensor import Custom, Select, Slice

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config


class Composite(NamedTuple):
    """How a type calls its parts, and what joins them."""

    project: Callable[[GraphBuilder, Config, Config, Config, Sight], Tensor]
    """Adds the projector: of the configurations of the whole, the tower and the text."""
    tower: str = "vision_tower"
    projector: str = "multi_modal_projector"
    text: str = "language_model"


class Sight(NamedTuple):
    """What a tower of pictures gives."""

    last: Tensor
    states: list[Tensor]
    """What goes into the first layer, and what comes out of each."""
    rows: int
    columns: int


TOWERS: dict[str, vit.Vit] = {
    "clip_vision_model": vit.CLIP,
    "siglip_vision_model": vit.SIGLIP,
    "idefics3_vision": vit.SIGLIP,
    "smolvlm_vision": vit.SIGLIP,
    "internvl_vision": vit.INTERN,
    "pixtral": vit.PIXTRAL,
}
TEXTS = {"qwen2_vl_text": "qwen2", "qwen2_5_vl_text": "qwen2", "qwen3_vl_text": "qwen3"}
"""Types of text that are built as another."""


def _features(c: Config, sight: Sight) -> Tensor | list[Tensor]:
    """Return the states that a projector reads."""
    given: Any = c.find("vision_feature_layer")
    places = given if isinstance(given, list) else [given]
    if not places or any(type(one) is not int or not -len(sight.states) <= one < len(sight.states) for one in places):
        raise c.wrong("vision_feature_layer", f"one of the {len(sight.states)} states of the tower")
    found = [sight.states[one] for one in places]
    return found if len(found) > 1 else found[0]


def _chosen(net: GraphBuilder, c: Config, tower: Config, sight: Sight) -> Tensor:
    """Add what takes the states of the patches."""
    x = _features(c, sight)
    if isinstance(x, list):
        x = net.add(Concatenate(axis=-1), *x)
    has_token = TOWERS[tower.kind].tokens != ()
    strategy = c.text("vision_feature_select_strategy", "default")
    if strategy not in ("default", "full"):
        raise c.wrong("vision_feature_select_strategy", "default or full")
    return net.add(Slice(start=1), x) if has_token and strategy == "default" else x


def _llava(net: GraphBuilder, c: Config, tower: Config, text: Config, sight: Sight) -> Tensor:
    x, bias = _chosen(net, c, tower, sight), c.flag("multimodal_projector_bias")
    return _two(net, c, x, text.whole("hidden_size"), bias=bias)


def _two(net: GraphBuilder, c: Config, x: Tensor, width: int, *, bias: bool) -> Tensor:
    x = activate(net, dense(net, x, width, "linear_1", bias=bias), c, c.text("projector_hidden_act", "gelu"))
    return dense(net, x, width, "linear_2", bias=bias)


def _paligemma(net: GraphBuilder, c: Config, tower: Config, text: Config, sight: Sight) -> Tensor:
    del tower
    if c.whole("projection_dim") != text.whole("hidden_size"):
        raise c.wrong("projection_dim", f"{text.whole('hidden_size')}, as the text's hidden_size")
    return dense(net, sight.last, c.whole("projection_dim"), "linear")


def _gemma3(net: GraphBuilder, c: Config, tower: Config, text: Config, sight: Sight) -> Tensor:
    side = int(c.whole("mm_tokens_per_image") ** 0.5)
    width = tower.whole("hidden_size")
    kernel = sight.rows // side
    if not kernel:
        raise c.wrong("mm_tokens_per_image", f"at most the {sight.rows * sight.columns} patches of a picture")
    x = net.add(AveragePooling2D(pool_size=kernel), reshape(net, sight.last, sight.rows, sight.columns, width))
    x = norm(net, reshape(net, x, -1, width), "rms", "mm_soft_emb_norm")
    return dense(net, x, text.whole("hidden_size"), "mm_input_projection_weight", bias=False)


def _shuffled(net: GraphBuilder, x: Tensor, sight: Sight, width: int, factor: int) -> Tensor:
    """Put the features of neighboring patches side by side."""
    x = net.add(PixelUnshuffle(downscale_factor=factor), reshape(net, x, sight.rows, sight.columns, width))
    return reshape(net, x, -1, width * factor * factor)


def _idefics3(net: GraphBuilder, c: Config, tower: Config, text: Config, sight: Sight) -> Tensor:
    x = _shuffled(net, sight.last, sight, tower.whole("hidden_size"), c.whole("scale_factor"))
    return dense(net, x, text.whole("hidden_size"), "modality_projection.proj", bias=False)


def _internvl(net: GraphBuilder, c: Config, tower: Config, text: Config, sight: Sight) -> Tensor:
    ratio = c.number("downsample_ratio")
    if not 0 < ratio <= 1:
        raise c.wrong("downsample_ratio", "a number above 0, at most 1")
    x = sight.last if c.find("vision_feature_layer") == -1 else _chosen(net, c, tower, sight)
    if c.find("vision_feature_layer") == -1 and c.text("vision_feature_select_strategy", "default") == "default":
        x = net.add(Slice(start=1), x)
    x = _shuffled(net, x, sight, tower.whole("hidden_size"), int(1 / ratio))
    return _two(net, c, net.add(LayerNormalization(), x, name="layer_norm"), text.whole("hidden_size"), bias=True)


def _mistral3(net: GraphBuilder, c: Config, tower: Config, text: Config, sight: Sight) -> Tensor:
    width, factor = tower.whole("hidden_size"), c.whole("spatial_merge_size")
    x = norm(net, _chosen(net, c, tower, sight), "rms", "norm")
    x = _shuffled(net, x, sight, width, factor)
    x = dense(net, x, width, "patch_merger.merging_layer", bias=False)
    return _two(net, c, x, text.whole("hidden_size"), bias=c.flag("multimodal_projector_bias"))


COMPOSITES: dict[str, Composite] = {
    "gemma3": Composite(_gemma3),
    "idefics3": Composite(_idefics3, "vision_model", "connector", "text_model"),
    "internvl": Composite(_internvl),
    "llava": Composite(_llava),
    "mistral3": Composite(_mistral3),
    "paligemma": Composite(_paligemma),
    "smolvlm": Composite(_idefics3, "vision_model", "connector", "text_model"),
    "qwen2_vl": Composite(_idefics3, "visual"),
    "qwen2_5_vl": Composite(_idefics3, "visual"),
    "qwen3_vl": Composite(_idefics3, "visual"),
}
"""Every type that this template reads; Qwen's towers and projectors are in :mod:`qwen`."""


def parts(c: Config) -> tuple[Config, Config]:
    """Return the configurations of the tower and of the text."""
    tower = c.part("vision_config", f"{c.kind}_vision" if c.kind in qwen.KINDS else "")
    if c.find("text_config") is None and c.kind in qwen.KINDS:
        text = c.as_kind(f"{c.kind}_text")  # old files have its keys beside the tower
    else:
        text = c.part("text_config", f"{c.kind}_text" if c.kind in qwen.KINDS else "")
    text = text.as_kind(TEXTS.get(text.kind, text.kind), text.kind)
    if text.kind not in DECODERS:
        raise c.refuse(f"a text of the type '{text.kind}' is not read")
    if c.kind not in qwen.KINDS and tower.kind not in TOWERS:
        raise c.refuse(f"a tower of the type '{tower.kind}' is not read")
    return tower, text


def composite(net: GraphBuilder, c: Config, ids: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
    """Add both parts; return the vectors of words, and the features of each step of the text."""
    kind, (tower, text) = COMPOSITES[c.kind], parts(c)
    with within(net, kind.tower, "tower"):
        seen = qwen.tower(net, tower, image) if c.kind in qwen.KINDS else _tower(net, tower, image)
    if isinstance(seen, Sight):
        with within(net, kind.projector, "projector"):
            projected = kind.project(net, c, tower, text, seen)
    else:
        projected = seen
    d = DECODERS[text.kind]
    d = d._replace(**d.adjust(text)) if d.adjust else d

    def join(words: Tensor) -> Tensor:
        # What the tower gives stands in the place of some words: one, so that the shape is that of the words.
        return net.add(Custom(params=0, macs=0), words, projected, name="place_pictures")

    return decoder(net, text, d, ids, root=kind.text, join=join)


def _tower(net: GraphBuilder, c: Config, image: Tensor) -> Sight:
    v = TOWERS[c.kind]
    states: list[Tensor] = []
    last = vit.vit(net, c, v, image, states)
    if v is vit.CLIP:
        norm(net, net.add(Select(index=0), last), "layer", "post_layernorm")  # of a summary that nothing reads
    elif v is vit.SIGLIP and c.kind == "siglip_vision_model" and c.find("vision_use_head") is not False:
        vit.pooling_head(net, c, last)
    height, width = image.producer.op.output()[1:3]
    rows, columns = c.pair("patch_size")
    return Sight(last, states, height // rows, width // columns)

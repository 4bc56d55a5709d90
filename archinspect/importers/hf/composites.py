"""Models of text and pictures: a tower of pictures, a projector, and a decoder of text that sees what they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.importers.hf import projectors, qwen, vit
from archinspect.importers.hf.decoder import decoder
from archinspect.importers.hf.decoders import DECODERS
from archinspect.importers.hf.parts import norm, within
from archinspect.importers.hf.projectors import Sight
from archinspect.ops.source import Parameter
from archinspect.ops.tensor import Custom, Select

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config


class PlacePictures(Custom):
    """Puts what a tower makes of pictures in the place of some words; a step that goes on has words alone."""

    anew = 1


class Composite(NamedTuple):
    """How a type calls its parts, and what joins them."""

    project: Callable[[GraphBuilder, Config, Config, Config, Sight], Tensor]
    """Adds the projector: of the configurations of the whole, the tower and the text."""
    tower: str = "vision_tower"
    projector: str = "multi_modal_projector"
    text: str = "language_model"
    newline: bool = False
    """Whether there is a vector that ends the rows of patches, which stands among the words."""
    whole: bool = False
    """Whether the text is a model with its head, and stands beside the tower, not within a model with it."""


TOWERS: dict[str, vit.Vit] = {
    "clip_vision_model": vit.CLIP,
    "siglip_vision_model": vit.SIGLIP,
    "idefics3_vision": vit.SIGLIP,
    "smolvlm_vision": vit.SIGLIP,
    "internvl_vision": vit.INTERN,
    "llama4_vision_model": vit.LLAMA4,
    "pixtral": vit.PIXTRAL,
}
TEXTS = {
    "qwen2_vl_text": "qwen2",
    "qwen2_5_vl_text": "qwen2",
    "qwen3_vl_text": "qwen3",
    "qwen3_vl_moe_text": "qwen3_moe",
}
"""Types of text that are built as another."""


COMPOSITES: dict[str, Composite] = {
    "aya_vision": Composite(projectors.aya),
    "cohere2_vision": Composite(projectors.cohere2),
    "gemma3": Composite(projectors.gemma3),
    "idefics3": Composite(projectors.idefics3, "vision_model", "connector", "text_model"),
    "internvl": Composite(projectors.internvl),
    "llama4": Composite(projectors.llama4, "vision_model", whole=True),
    "llava": Composite(projectors.llava),
    "llava_next": Composite(projectors.llava, newline=True),
    "llava_onevision": Composite(projectors.llava, newline=True),
    "mistral3": Composite(projectors.mistral3),
    "paligemma": Composite(projectors.paligemma),
    "smolvlm": Composite(projectors.idefics3, "vision_model", "connector", "text_model"),
    "vipllava": Composite(projectors.vipllava),
    **{kind: Composite(projectors.idefics3, "visual") for kind in qwen.KINDS},
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
    if kind.newline:
        net.add(Parameter(shape=[text.whole("hidden_size")]), name="image_newline")
    d = DECODERS[text.kind]
    d = d._replace(**d.adjust(text)) if d.adjust else d

    def join(words: Tensor) -> Tensor:
        # What the tower gives stands in the place of some words: one, so that the shape is that of the words.
        return net.add(PlacePictures(params=0, macs=0), words, projected, name="place_pictures")

    root = f"{kind.text}.model" if kind.whole else kind.text
    return decoder(net, text, d, ids, root=root, join=join)


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
    sight = Sight(last, states, height // rows, width // columns)
    return sight._replace(last=projectors.llama4_adapter(net, c, sight)) if v is vit.LLAMA4 else sight

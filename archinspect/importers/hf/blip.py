"""BLIP: a tower of pictures, and BERT as a decoder that attends to what it gives (Li et al. 2022, arXiv:2201.12086)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.hf import vit
from archinspect.importers.hf.encoder import encoder, word_head
from archinspect.importers.hf.encoders import ENCODERS
from archinspect.importers.hf.parts import within
from archinspect.importers.hf.wanted import ending

if TYPE_CHECKING:
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.wanted import Wanted

TOWER = vit.CLIP._replace(patch_bias=True, before="", o="projection", fused="qkv", last="post_layernorm")
"""Its tower of pictures, as its differences from CLIP's."""


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add BLIP as it writes captions."""
    if architecture:
        ending(c, architecture, ("ForConditionalGeneration",))
    sight, words = c.part("vision_config", "blip_vision_model"), c.part("text_config", "blip_text_model")
    if not words.flag("is_decoder"):
        raise c.refuse("a text model with is_decoder false does not attend to pictures: it is not read")
    shape = (*sight.pair("image_size"), 3)
    ids, image = wanted.words(words.whole("max_position_embeddings"), "input_ids", pixel_values=shape)
    wanted.fixed(image, shape)
    net, e = wanted.net, ENCODERS["bert"]._replace(types="")
    with within(net, "vision_model"):
        seen = vit.vit(net, sight, TOWER, image)
    with within(net, "text_decoder"):
        with within(net, e.names.root):
            table, x = encoder(net, words, e, ids, seen)
        return (word_head(net, words, e, x, table, ties=c.flag("tie_word_embeddings")),)

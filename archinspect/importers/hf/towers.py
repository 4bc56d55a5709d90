"""CLIP and SigLIP: a tower of text and one of pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.hf import vit
from archinspect.importers.hf.parts import Mlp, add, attention, biased, dense, mlp, norm, table, within
from archinspect.ops.embed import LearnedPositions
from archinspect.ops.source import Parameter
from archinspect.ops.tensor import Custom, Select

if TYPE_CHECKING:
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config


def text(net: GraphBuilder, c: Config, ids: Tensor, *, causal: bool) -> Tensor:
    """Add a tower of text up to its last norm; return the features of each step."""
    width = c.whole("hidden_size")
    with within(net, "embeddings"):
        x = table(net, ids, c.whole("vocab_size"), width, "token_embedding")
        x = net.add(LearnedPositions(input_dim=c.whole("max_position_embeddings")), x, name="position_embedding")
    heads = c.whole("num_attention_heads")
    if width % heads:
        raise c.wrong("num_attention_heads", f"a divisor of {width}, the hidden_size")
    a = biased(width, heads, masked=causal)
    m = Mlp(c.whole("intermediate_size"), c.text("hidden_act"), gated=False, bias=True, up="mlp.fc1", down="mlp.fc2")
    for number in range(c.count("num_hidden_layers")):
        with within(net, f"encoder.layers.{number}", "layer"):
            inside = norm(net, x, "layer", "layer_norm1")
            with within(net, "self_attn"):
                inside = attention(net, inside, a)
            x = add(net, x, inside)
            x = add(net, x, mlp(net, norm(net, x, "layer", "layer_norm2"), m, width, c))
    return norm(net, x, "layer", "final_layer_norm")


def pictures(net: GraphBuilder, c: Config, image: Tensor) -> tuple[Tensor, Tensor]:
    """Add a tower of pictures; return the features of each step, and of the whole."""
    if c.kind.startswith("clip"):
        x = vit.vit(net, c, vit.CLIP, image)
        return x, norm(net, net.add(Select(index=0), x), "layer", "post_layernorm")
    x = vit.vit(net, c, vit.SIGLIP, image)
    uses = c.find("vision_use_head")
    return x, x if uses is False else vit.pooling_head(net, c, x)


def both(net: GraphBuilder, c: Config, ids: Tensor, image: Tensor) -> tuple[Tensor, ...]:
    """Add both towers and what compares them."""
    is_clip = c.kind == "clip"
    words, sight = parts(c)
    with within(net, "text_model"):
        x = text(net, words, ids, causal=is_clip)
        one = net.add(Select(index=-1), x)
        one = one if is_clip else dense(net, one, projection(words), "head")
    with within(net, "vision_model"):
        _, seen = pictures(net, sight, image)
    if is_clip:
        one = dense(net, one, c.whole("projection_dim"), "text_projection", bias=False)
        seen = dense(net, seen, c.whole("projection_dim"), "visual_projection", bias=False)
    for name in ("logit_scale",) if is_clip else ("logit_scale", "logit_bias"):
        net.add(Parameter(shape=[1]), name=name)
    width = c.whole("projection_dim") if is_clip else projection(words)
    similarity = Custom(output=[1], params=0, macs=width)  # of each text to its own picture
    return one, seen, net.add(similarity, one, seen, name="logits")


def projection(c: Config) -> int:
    """Return the width of what SigLIP's tower of text ends in."""
    return c.maybe("projection_size", 1) or c.whole("hidden_size")


def parts(c: Config) -> tuple[Config, Config]:
    """Return the configurations of both towers, of old files, too."""
    words = c.part("text_config_dict" if c.find("text_config_dict") else "text_config", f"{c.kind}_text_model")
    sight = c.part("vision_config_dict" if c.find("vision_config_dict") else "vision_config", f"{c.kind}_vision_model")
    return words, sight

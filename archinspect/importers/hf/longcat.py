"""LongCat-Flash: layers of two attentions and two networks, beside experts some of which do nothing.

Meituan LongCat Team 2025, arXiv:2509.01322.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import size
from archinspect.importers.hf import latent, windows
from archinspect.importers.hf.parts import Mlp, activation, add, dense, mlp, norm, table, within
from archinspect.importers.hf.wanted import ending
from archinspect.ops.args import Int, arg
from archinspect.ops.experts import MixtureOfExperts
from archinspect.ops.figures import Weight, Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.wanted import Wanted

AT_MOST = "MACs are the most that can be: a step may go to experts that do nothing"


class IdleMixture(MixtureOfExperts):
    """A mixture some of whose experts give back what they read, though each has a place in the first projection.

    MACs: those of `MixtureOfExperts` where a step goes to experts that compute, the most that can be, and a step's
    features per idle expert (the router).
    """

    idle: int = arg("experts that give back what they read", Int(0), 0)

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        """Return those of the router, and of the two projections of the experts."""
        features, places = shapes[0][-1], self.num_experts + self.idle
        axes = ("experts", "channels", "hidden")
        return {
            "router": Weight((features, places), ("in", "experts")),
            "gate_up": Weight((places, features, 2 * self.units), axes, used=self.top_k),
            "down": Weight((self.num_experts, features, self.units), axes, used=self.top_k),
        }

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        """Return that of experts that compute, and of the scores of all."""
        macs, other = super().work(shapes, output)
        scored = size(output[:-1]) * self.idle
        return Work(macs + scored * output[-1], other + 5 * scored)


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add LongCat-Flash with its head."""
    end = ending(c, architecture, ("ForCausalLM", "Model")) if architecture else "ForCausalLM"
    net, width = wanted.net, c.whole("hidden_size")
    (ids,) = wanted.words(c.whole("max_position_embeddings"), "input_ids")
    with within(net, "model" if end != "Model" else "", "decoder"):
        x = words = table(net, ids, c.whole("vocab_size"), width, "embed_tokens")
        for number in range(_layers(c)):
            with within(net, f"layers.{number}", "layer"):
                x = _layer(net, c, x)
        x = norm(net, x, "rms", "norm")
    if end != "Model":
        x = dense(net, x, c.whole("vocab_size"), "lm_head", bias=False)
        if c.flag("tie_word_embeddings"):
            net.tie(x.producer, words.producer)
    return (x,)


def _layers(c: Config) -> int:
    """Return the number of layers; the count of attentions, which is twice that, wins where it is said."""
    return c.count("num_hidden_layers") // 2 if "num_hidden_layers" in c.given else c.count("num_layers")


def _layer(net: GraphBuilder, c: Config, x: Tensor) -> Tensor:
    """Add a layer; what its experts make of the first half is added after the second."""
    width, plain = c.whole("hidden_size"), Mlp(c.whole("ffn_hidden_size"), c.text("hidden_act"))
    experts: list[Tensor] = []
    for half in (0, 1):
        inside = norm(net, x, "rms", f"input_layernorm.{half}")
        with within(net, f"self_attn.{half}", "attention"):
            x = add(net, x, latent.attention(net, _latent(c, width), inside))
        inside = norm(net, x, "rms", f"post_attention_layernorm.{half}")
        if half == 0:
            experts.append(_experts(net, c, inside))
        with within(net, f"mlps.{half}", "mlp"):
            x = add(net, x, mlp(net, inside, plain, width, c))
    return add(net, x, *experts)


def _latent(c: Config, width: int) -> latent.Latent:
    heads = c.whole("num_attention_heads")
    found = latent.latent_of(c, heads, width)
    if found.query_rank is None:
        raise c.wrong("q_lora_rank", "a whole number from 1")
    if (c.maybe("qk_head_dim", 1) or found.own + found.turned) != found.own + found.turned:
        raise c.wrong("qk_head_dim", f"{found.own + found.turned}, the sum of qk_nope_head_dim and qk_rope_head_dim")
    if windows.said(c) is not None:
        raise c.refuse("latent attention whose cache has a window, by sliding_window, is not read")
    if heads // (c.maybe("num_key_value_heads", 1) or heads) != 1:
        raise c.wrong("num_key_value_heads", f"{heads}, as num_attention_heads")
    return found


def _experts(net: GraphBuilder, c: Config, x: Tensor) -> Tensor:
    count, idle, top = c.whole("n_routed_experts"), c.maybe("zero_expert_num") or 0, c.whole("moe_topk")
    if top > count:
        raise c.wrong("moe_topk", f"at most {count}, the number of experts that compute")
    op = IdleMixture(
        num_experts=count,
        idle=idle,
        top_k=top,
        units=c.whole("expert_ffn_hidden_size"),
        activation=activation(c, c.text("hidden_act")),
    )
    if c.flag("router_bias"):  # the class adds no bias to its scores, though its router has one
        raise c.refuse("a router with router_bias is not read")
    if idle:
        net.description = AT_MOST
    return net.add(op, x, name="mlp")

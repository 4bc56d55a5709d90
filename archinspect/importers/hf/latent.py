"""Multi-head latent attention: keys and values are made of a short vector of each step, which is cached.

DeepSeek-AI 2024, arXiv:2405.04434.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.importers.hf.parts import Attention, core, dense, norm, reshape
from archinspect.ops.layout import Repeat
from archinspect.ops.merge import Concatenate
from archinspect.ops.rotary import RotaryEmbedding
from archinspect.ops.several import Split

if TYPE_CHECKING:
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config


class Latent(NamedTuple):
    """Sizes and names of latent attention."""

    heads: int
    width: int
    rank: int
    """Of what keys and values are made of."""
    query_rank: int | None
    own: int
    """Features of a head's keys that do not rotate."""
    turned: int
    """Those that do, which all heads share."""
    values: int
    """Of a head."""
    bias: bool = False
    rotates: bool = True
    q: str = "q_proj"
    q_a: str = "q_a_proj"
    q_norm: str = "q_a_layernorm"
    q_b: str = "q_b_proj"
    kv_a: str = "kv_a_proj_with_mqa"
    kv_norm: str = "kv_a_layernorm"
    kv_b: str = "kv_b_proj"
    o: str = "o_proj"


def latent_of(c: Config, heads: int, width: int) -> Latent:
    """Return the sizes that a configuration of DeepSeek's kind has."""
    return Latent(
        heads,
        width,
        rank=c.whole("kv_lora_rank"),
        query_rank=c.maybe("q_lora_rank", 1),
        own=c.whole("qk_nope_head_dim"),
        turned=c.whole("qk_rope_head_dim"),
        values=c.whole("v_head_dim"),
        bias=c.flag("attention_bias"),
        rotates=c.kind != "kimi_linear",
    )


def attention(net: GraphBuilder, a: Latent, x: Tensor) -> Tensor:
    """Add latent attention with its projections."""
    heads, own, turned, values = a.heads, a.own, a.turned, a.values
    if a.query_rank is None:
        query = dense(net, x, heads * (own + turned), a.q, bias=False)
    else:
        query = dense(net, x, a.query_rank, a.q_a, bias=a.bias)
        query = norm(net, query, "rms", a.q_norm)
        query = dense(net, query, heads * (own + turned), a.q_b, bias=False)
    query = _turned(net, query, heads, own, turned) if a.rotates else query
    compressed = dense(net, x, a.rank + turned, a.kv_a, bias=a.bias)
    net.cache(compressed)
    short, shared = net.add_all(Split(sizes=[a.rank, turned], axis=-1), compressed)
    both = dense(net, norm(net, short, "rms", a.kv_norm), heads * (own + values), a.kv_b, bias=False)
    both = reshape(net, both, -1, heads, own + values)
    key, value = net.add_all(Split(sizes=[own, values], axis=-1), both)
    shared = net.add(RotaryEmbedding(dim=turned), shared) if a.rotates else shared
    shared = reshape(net, shared, -1, 1, turned)
    key = net.add(Concatenate(axis=-1), key, net.add(Repeat(repeats=heads, axis=-2), shared))
    key, value = reshape(net, key, -1, heads * (own + turned)), reshape(net, value, -1, heads * values)
    c = core(Attention(heads, heads, own + turned, a.width, value_size=values))
    attended = net.add(c, query, key, value, name="attention")
    return dense(net, attended, a.width, a.o, bias=a.bias)


def _turned(net: GraphBuilder, query: Tensor, heads: int, own: int, turned: int) -> Tensor:
    """Rotate the last features of each head."""
    apart = reshape(net, query, -1, heads, own + turned)
    still, moved = net.add_all(Split(sizes=[own, turned], axis=-1), apart)
    moved = net.add(RotaryEmbedding(dim=turned), moved)
    return reshape(net, net.add(Concatenate(axis=-1), still, moved), -1, heads * (own + turned))

"""Multi-head latent attention: keys and values are made of a short vector of each step, which is cached.

DeepSeek-AI 2024, arXiv:2405.04434.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.hf.parts import Attention, core, dense, norm, reshape
from archinspect.ops.attention import RotaryEmbedding
from archinspect.ops.layout import Repeat
from archinspect.ops.merge import Concatenate
from archinspect.ops.several import Split

if TYPE_CHECKING:
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config


def attention(net: GraphBuilder, c: Config, heads: int, width: int, x: Tensor) -> Tensor:
    """Add latent attention with its projections."""
    bias = c.flag("attention_bias")
    rank, own, turned = c.whole("kv_lora_rank"), c.whole("qk_nope_head_dim"), c.whole("qk_rope_head_dim")
    values, query_rank = c.whole("v_head_dim"), c.maybe("q_lora_rank", 1)
    if query_rank is None:
        query = dense(net, x, heads * (own + turned), "q_proj", bias=False)
    else:
        query = dense(net, x, query_rank, "q_a_proj", bias=bias)
        query = norm(net, query, "rms", "q_a_layernorm")
        query = dense(net, query, heads * (own + turned), "q_b_proj", bias=False)
    query = _turned(net, query, heads, own, turned)
    compressed = dense(net, x, rank + turned, "kv_a_proj_with_mqa", bias=bias)
    net.cache(compressed)
    short, shared = net.add_all(Split(sizes=[rank, turned], axis=-1), compressed)
    both = dense(net, norm(net, short, "rms", "kv_a_layernorm"), heads * (own + values), "kv_b_proj", bias=False)
    both = reshape(net, both, -1, heads, own + values)
    key, value = net.add_all(Split(sizes=[own, values], axis=-1), both)
    shared = reshape(net, net.add(RotaryEmbedding(dim=turned), shared), -1, 1, turned)
    key = net.add(Concatenate(axis=-1), key, net.add(Repeat(repeats=heads, axis=-2), shared))
    key, value = reshape(net, key, -1, heads * (own + turned)), reshape(net, value, -1, heads * values)
    a = Attention(heads, heads, own + turned, width, value_size=values)
    attended = net.add(core(a), query, key, value, name="attention")
    return dense(net, attended, width, "o_proj", bias=bias)


def _turned(net: GraphBuilder, query: Tensor, heads: int, own: int, turned: int) -> Tensor:
    """Rotate the last features of each head."""
    apart = reshape(net, query, -1, heads, own + turned)
    still, moved = net.add_all(Split(sizes=[own, turned], axis=-1), apart)
    moved = net.add(RotaryEmbedding(dim=turned), moved)
    return reshape(net, net.add(Concatenate(axis=-1), still, moved), -1, heads * (own + turned))

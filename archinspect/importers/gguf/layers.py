"""Attention and feed-forward networks, as the tensors of a layer are called and shaped in GGUF files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.importers.gguf.maker import UnreadError
from archinspect.importers.hf.experts import Mixture
from archinspect.importers.hf.latent import Latent, attention
from archinspect.importers.hf.parts import (
    NORMS,
    SQUARED,
    Attention,
    activation_of,
    add,
    core,
    reshape,
    rotate,
)
from archinspect.ops.activation import Sigmoid
from archinspect.ops.dense import Dense
from archinspect.ops.experts import MixtureOfExperts
from archinspect.ops.merge import Multiply
from archinspect.ops.several import Split
from archinspect.ops.source import Constant, Parameter

if TYPE_CHECKING:
    from archinspect.graph.graph import Tensor
    from archinspect.importers.gguf.maker import Maker, Steps


def attend(make: Maker, s: Steps, number: int, path: str) -> Steps:
    """Add the attention of a layer."""
    if make.has(f"{path}.attn_kv_a_mqa"):
        return _latent(make, s, number, path)
    values, tensors = make.values, make.tensors
    heads = values.whole("attention.head_count", layer=number)
    kv_heads = values.whole("attention.head_count_kv", heads, layer=number)
    if not heads or not kv_heads or heads % kv_heads:
        raise UnreadError(path)
    query, key, value, gate, (size, value_size) = _projected(make, s, path, heads, kv_heads)
    turned = min(values.whole("rope.dimension_count", size), size) if values.rotates else 0
    query = rotate(make.net, _normed(make, query, heads, size, f"{path}.attn_q_norm"), heads, size, turned)
    key = rotate(make.net, _normed(make, key, kv_heads, size, f"{path}.attn_k_norm"), kv_heads, size, turned)
    if f"{path}.attn_sinks.weight" in tensors:
        make.net.add(Parameter(shape=list(tensors[f"{path}.attn_sinks.weight"].shape)), name="attn_sinks")
        make.place(f"{path}.attn_sinks.weight")
    a = Attention(heads, kv_heads, size, s.width, causal=values.causal, window=values.window(number))
    x = make.net.add(core(a), query, key, value, name="attention")
    x = x if gate is None else make.net.add(Multiply(), x, make.net.add(Sigmoid(), gate))
    given = make.norm(s._replace(x=x, width=heads * value_size), f"{path}.attn_sub_norm")
    return make.linear(given, f"{path}.attn_output")


def _projected(
    make: Maker, s: Steps, path: str, heads: int, kv_heads: int
) -> tuple[Tensor, Tensor, Tensor, Tensor | None, tuple[int, int]]:
    """Add projections; return queries, keys, values, what gates the output, and a head's sizes."""
    fused, given, gated = make.has(f"{path}.attn_qkv"), make.shape(f"{path}.attn_output")[0], False
    if fused:
        size = make.values.whole("attention.key_length", s.width // heads)
        value_size = make.values.whole("attention.value_length", size)
    else:
        own = [make.shape(f"{path}.attn_{one}")[1] for one in "qkv"]
        gated = make.values.gates_attention and own[0] == 2 * given
        size, value_size = own[0] // heads // (1 + gated), own[2] // kv_heads
    sizes = (heads * size * (1 + gated), kv_heads * size, kv_heads * value_size)
    fits = sum(sizes) == make.shape(f"{path}.attn_qkv")[1] if fused else sizes == tuple(own)
    if not fits or not size or not value_size or given != heads * value_size:
        raise UnreadError(path)
    if fused:
        joined = make.linear(s, f"{path}.attn_qkv")
        query, key, value = make.net.add_all(Split(sizes=list(sizes), axis=-1), joined.x)
    else:
        query, key, value = (make.linear(s, f"{path}.attn_{one}").x for one in "qkv")
    if not gated:
        return query, key, value, None, (size, value_size)
    query, gate = make.net.add_all(Split(parts=2, axis=-1), query)
    return query, key, value, gate, (size, value_size)


def _normed(make: Maker, x: Tensor, heads: int, size: int, path: str) -> Tensor:
    """Add a norm of queries or keys, if there is one: over each head, or over all."""
    tensor = make.tensors.get(f"{path}.weight")
    if tensor is None:
        return x
    kind = "scale" if make.values.centers else "rms"
    elements = 1
    for one in tensor.shape:
        elements *= one
    if elements not in (size, heads * size) or f"{path}.bias" in make.tensors:
        raise UnreadError(path)
    make.place(tensor.name)
    net, name = make.net, make.inside(path)
    if elements == heads * size:
        return net.add(NORMS[kind], x, name=name)
    return reshape(net, net.add(NORMS[kind], reshape(net, x, -1, heads, size), name=name), -1, heads * size)


def _latent(make: Maker, s: Steps, number: int, path: str) -> Steps:
    """Add latent attention, whose products of values are one tensor, or two for each head apart."""
    values = make.values
    heads, rank = values.whole("attention.head_count", layer=number), values.whole("attention.kv_lora_rank")
    turned = make.shape(f"{path}.attn_kv_a_mqa")[1] - rank
    key = values.whole("attention.key_length_mla", values.whole("attention.key_length", 0))
    value = values.whole("attention.value_length_mla", values.whole("attention.value_length", 0))
    query_rank = values.whole("attention.q_lora_rank", 0) or None
    own = key - turned
    wanted = {"attn_kv_a_mqa": (s.width, rank + turned), "attn_output": (heads * value, s.width)}
    if query_rank:
        wanted |= {"attn_q_a": (s.width, query_rank), "attn_q_b": (query_rank, heads * key)}
    else:
        wanted["attn_q"] = (s.width, heads * key)
    fits = all(make.shape(f"{path}.{name}") == of for name, of in wanted.items())
    if not fits or min(heads, rank, turned, own, value) < 1:
        raise UnreadError(path)
    if make.has(f"{path}.attn_kv_b"):
        both = {"attn_kv_b": (rank, heads * (own + value))}
    else:
        both = {"attn_k_b": (own, rank, heads), "attn_v_b": (rank, value, heads)}  # type: ignore[dict-item] # of a head
    if any(make.shape(f"{path}.{name}", len(of)) != of for name, of in both.items()):
        raise UnreadError(path)
    norms = {"attn_kv_a_norm": rank, **({"attn_q_a_norm": query_rank} if query_rank else {})}
    if any(make.shape(f"{path}.{name}", 1) != (of,) for name, of in norms.items()):
        raise UnreadError(path)
    make.place(*[f"{path}.{name}.weight" for name in (*wanted, *both, *norms)])
    a = Latent(
        heads,
        s.width,
        rank,
        query_rank,
        own,
        turned,
        value,
        q="attn_q",
        q_a="attn_q_a",
        q_norm="attn_q_a_norm",
        q_b="attn_q_b",
        kv_a="attn_kv_a_mqa",
        kv_norm="attn_kv_a_norm",
        kv_b="attn_kv_b",
        o="attn_output",
    )
    return s._replace(x=attention(make.net, a, s.x))


def feed(make: Maker, s: Steps, number: int, path: str) -> Steps:
    """Add the feed-forward network of a layer, or its experts."""
    if not make.has(f"{path}.ffn_gate_inp"):
        return _mlp(make, s, path, "")
    found = _experts(make, s, number, path)
    if not make.has(f"{path}.ffn_up_shexp"):
        return found
    always = _mlp(make, s, path, "_shexp")
    gate = f"{path}.ffn_gate_inp_shexp"
    if f"{gate}.weight" in make.tensors:
        width = make.tensors[f"{gate}.weight"].shape
        if width != (s.width,):
            raise UnreadError(gate)
        make.place(f"{gate}.weight")
        one = make.net.add(Dense(units=1, use_bias=False), s.x, name=make.inside(gate))
        always = always._replace(x=make.net.add(Multiply(), make.net.add(Sigmoid(), one), always.x))
    return s._replace(x=add(make.net, found.x, always.x))


def _mlp(make: Maker, s: Steps, path: str, end: str) -> Steps:
    """Add a network of two products, or three with a gate, of which two may be one."""
    up, gate, down = (f"{path}.ffn_{one}{end}" for one in ("up", "gate", "down"))
    inner, units = make.shape(down)[0], make.shape(up)[1]
    gated = make.has(gate)
    if units not in ((inner,) if gated else (inner, 2 * inner)) or (gated and make.shape(gate)[1] != inner):
        raise UnreadError(path)
    if make.shape(down)[1] != s.width:
        raise UnreadError(path)
    net = make.net
    inside = make.linear(s, up)
    if gated:
        x = net.add(Multiply(), _activate(make, make.linear(s, gate).x), inside.x)
    elif units == 2 * inner:
        first, second = net.add_all(Split(parts=2, axis=-1), inside.x)
        x = net.add(Multiply(), _activate(make, first), second)
    else:
        x = _activate(make, inside.x)
    return make.linear(make.norm(s._replace(x=x, width=inner), f"{path}.ffn_sub_norm"), down)


def _activate(make: Maker, x: Tensor) -> Tensor:
    name = make.values.activation
    if name == SQUARED:
        x = make.net.add(activation_of("relu"), x)
        return make.net.add(Multiply(), x, x)
    return make.net.add(activation_of(name), x)


def _experts(make: Maker, s: Steps, number: int, path: str) -> Steps:
    """Add a mixture of experts, whose matrices are one tensor of each kind."""
    width, count = make.shape(f"{path}.ffn_gate_inp")
    names = ["gate_inp", "down_exps"]
    inner = make.shape(f"{path}.ffn_down_exps", 3)[0]
    if make.has(f"{path}.ffn_gate_up_exps"):
        wanted, gated = {"gate_up_exps": (width, 2 * inner, count)}, True
    else:
        gated = make.has(f"{path}.ffn_gate_exps")
        wanted = dict.fromkeys(("gate_exps", "up_exps") if gated else ("up_exps",), (width, inner, count))
    wanted["down_exps"] = (inner, width, count)
    if width != s.width or any(make.shape(f"{path}.ffn_{name}", 3) != of for name, of in wanted.items()):
        raise UnreadError(path)
    top = make.values.whole("expert_used_count", layer=number)
    if not 0 < top <= count:
        raise make.refuse(path, f"has {count:,} experts, of which {top:,} are to be used")
    biases = [f"{path}.ffn_{name}.bias" for name in ("gate_inp", *wanted)]
    own: dict[str, Any] = {
        "num_experts": count,
        "top_k": top,
        "units": inner,
        "gated": gated,
        "activation": activation_of("silu"),
    }
    op: MixtureOfExperts = MixtureOfExperts(**own)
    if all(name in make.tensors for name in biases):
        op = Mixture(**own, use_bias=True)
        make.place(*biases)
    elif biases[0] in make.tensors:
        op = Mixture(**own, router_bias=True)
        make.place(biases[0])
    make.place(*[f"{path}.ffn_{name}.weight" for name in (*names, *wanted)])
    choice = f"{path}.exp_probs_b.bias"
    if choice in make.tensors:  # by which tokens are spread evenly; it does not train
        make.net.add(Constant(shape=list(make.tensors[choice].shape)), name="exp_probs_b")
        make.place(choice)
    return s._replace(x=make.net.add(op, s.x, name="ffn_exps"))

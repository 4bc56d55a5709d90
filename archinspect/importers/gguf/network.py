"""A decoder, or an encoder of text, from the tensors of a GGUF file: what is there says which parts a layer has.

Metadata says what shapes do not: heads, experts of a token, windows. Whatever no part takes is a row with its weights
and unknown work, so that nothing of a file is left out in silence.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from archinspect.base.printable import printable
from archinspect.importers.gguf import rwkv
from archinspect.importers.gguf.layers import attend, feed
from archinspect.importers.gguf.maker import Maker, Steps, UnreadError
from archinspect.importers.gguf.mixers import DELTAS, mixer
from archinspect.importers.hf.parts import NORMS, add, within
from archinspect.importers.unread import table
from archinspect.ops.activation import Tanh
from archinspect.ops.dense import Dense
from archinspect.ops.embed import Embedding, LearnedPositions
from archinspect.ops.source import Constant, Parameter
from archinspect.ops.tensor import ReduceMean, Select

if TYPE_CHECKING:
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.file import File
    from archinspect.importers.gguf.header import Header
    from archinspect.importers.gguf.mixers import Mixer

MEAN, POOLED = 1, {2: 0, 3: -1, 4: 0}
"""Of kinds of pooling, the one that takes the mean, and those that take one step, with its number."""
CONSTANTS = ("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight")
"""Tables of rotation, which do not train."""


def network(net: GraphBuilder, file: File, header: Header, ids: Tensor) -> tuple[Tensor, ...]:
    """Add the network of a file; return its outputs."""
    make = Maker(net, file, header)
    rows = make.shape("token_embd")
    s = _tables(make, ids, rows)
    layers = make.values.count("block_count")
    for number in range(layers):
        s = _layer(make, s, number)
    last = make.norm(s, "output_norm" if make.has("output_norm") else "enc.output_norm")
    out = last.x
    if any(make.has(name) for name in ("cls", "cls.output", "dense_2")):
        out = _judged(make, last)
    elif make.has("output"):
        out = make.linear(last, "output").x
    elif make.values.causal:
        out = net.add(Dense(units=rows[1], use_bias=False), out, name="output")
        net.tie(out.producer, next(node for node in net.nodes if node.path == "token_embd"))
    for name in CONSTANTS:
        if name in make.tensors:
            net.add(Constant(shape=list(make.tensors[name].shape)), name=name.removesuffix(".weight"))
            make.place(name)
    left = [tensor for tensor in header.tensors if tensor.name not in make.placed]
    return (out, *table(net, left))


def _judged(make: Maker, s: Steps) -> Tensor:
    """Add what is made of a text, or of each step: further products, with an activation in classifiers."""
    pooling = make.values.whole("pooling_type", 0)
    if pooling == MEAN:
        s = s._replace(x=make.net.add(ReduceMean(axis=[1]), s.x))
    elif pooling in POOLED:
        s = s._replace(x=make.net.add(Select(index=POOLED[pooling]), s.x))
    for name in ("dense_2", "dense_3", "cls"):
        s = make.linear(s, name) if make.has(name) else s
    if make.has("cls"):
        s = make.norm(s._replace(x=make.net.add(Tanh(), s.x)), "cls.norm")
    return make.linear(s, "cls.output").x if make.has("cls.output") else s.x


def _tables(make: Maker, ids: Tensor, rows: tuple[int, ...]) -> Steps:
    """Add what makes steps of words."""
    net, (width, count) = make.net, rows
    make.place("token_embd.weight")
    x = net.add(Embedding(input_dim=count, output_dim=width), ids, name="token_embd")
    if make.has("token_types"):
        of, kinds = make.shape("token_types")
        if of != width:
            raise make.refuse("token_types", f"has {of:,} features, not {width:,}")
        one = net.add(Select(index=0), net.add(Parameter(shape=[kinds, width]), name="token_types"))
        x = add(net, x, one)
        make.place("token_types.weight")
    if make.has("position_embd"):
        of, most = make.shape("position_embd")
        if of != width:
            raise make.refuse("position_embd", f"has {of:,} features, not {width:,}")
        x = net.add(LearnedPositions(input_dim=most, indexed=True), x, name="position_embd")
        make.place("position_embd.weight")
    return make.norm(Steps(x, width), "token_embd_norm")


def _layer(make: Maker, s: Steps, number: int) -> Steps:
    """Add a layer: the parts that its tensors are of, in the order that its norms say."""
    path = f"blk.{number}"
    if path not in make.of_layers:  # a layer that a file counts and has no tensors of is none
        return s
    if f"{path}.nextn.eh_proj.weight" in make.tensors:  # predicts further words, and does not run
        for tensor in make.of_layers[path]:
            make.place(tensor.name)
            make.net.add(Parameter(shape=list(tensor.shape)), name=printable(tensor.name))
        return s
    with within(make.net, path, "layer"):
        with suppress(UnreadError):
            s = rwkv.layer(make, s, path) if rwkv.mixes_features(make, path) else _parts(make, s, number, path)
        return s._replace(x=make.rest(number, s.x))


def _parts(make: Maker, s: Steps, number: int, path: str) -> Steps:
    has = {end: make.has(f"{path}.{end}") for end in NORM_NAMES}
    # Without a norm of its own, one before the feed-forward network is called after the attention that it follows.
    late = has["post_attention_norm"] and has["attn_norm"] and not has["ffn_norm"] and not has["post_ffw_norm"]
    before = f"{path}.post_attention_norm" if late else f"{path}.ffn_norm"
    own = any(has[name] for name in ("ffn_norm", "post_attention_norm", "post_ffw_norm", "attn_output_norm"))
    parallel = make.values.parallel or (has["attn_norm"] and not own)
    plain = not any(has.values())
    mix = mixer(make, path)
    attends = any(make.has(f"{path}.{name}") for name in ("attn_q", "attn_qkv", "attn_kv_a_mqa")) and mix not in DELTAS
    feeds = any(make.has(f"{path}.{name}") for name in ("ffn_down", "ffn_down_exps"))
    if bool(mix) + attends + feeds == 1 and not has["ffn_norm"]:  # a layer of one part
        return _alone(make, s, number, path, mix)
    inside = make.norm(s, f"{path}.attn_norm")
    if plain:
        inside = inside._replace(x=make.net.add(NORMS["plain"], inside.x))
    first = make.norm(s, f"{path}.attn_norm_2") if has["attn_norm_2"] else inside
    attended = attend(make, first, number, path) if attends or mix is None else first
    if mix is not None:
        attended = _beside(make, mix, first, path, attended if attends else None)
    if not late:
        attended = make.norm(attended, f"{path}.post_attention_norm")
    if parallel:
        fed = feed(make, make.norm(s, before) if has["ffn_norm"] else inside, number, path)
        return s._replace(x=add(make.net, s.x, attended.x, fed.x))
    s = make.norm(s._replace(x=add(make.net, s.x, attended.x)), f"{path}.attn_output_norm")
    inside = make.norm(s, before)
    if plain:
        inside = inside._replace(x=make.net.add(NORMS["plain"], inside.x))
    fed = make.norm(feed(make, inside, number, path), f"{path}.post_ffw_norm")
    return make.norm(s._replace(x=add(make.net, s.x, fed.x)), f"{path}.layer_output_norm")


def _beside(make: Maker, mix: Mixer, s: Steps, path: str, attended: Steps | None) -> Steps:
    """Add a mixer, beside attention where the layer has both."""
    if attended is None:
        return mix(make, s, path)
    with suppress(UnreadError):  # its tensors are told with the rest
        return attended._replace(x=add(make.net, mix(make, s, path).x, attended.x))
    return attended


def _alone(make: Maker, s: Steps, number: int, path: str, mix: Mixer | None) -> Steps:
    """Add a layer that is one part with its norm: a mixer, attention or a feed-forward network."""
    inside = make.norm(s, f"{path}.attn_norm")
    if mix is not None:
        found = mix(make, inside, path)
    elif make.has(f"{path}.attn_output"):
        found = attend(make, inside, number, path)
    else:
        found = feed(make, inside, number, path)
    return s._replace(x=add(make.net, s.x, found.x))


NORM_NAMES = (
    "attn_norm",
    "attn_norm_2",
    "post_attention_norm",
    "ffn_norm",
    "post_ffw_norm",
    "attn_output_norm",
    "layer_output_norm",
)

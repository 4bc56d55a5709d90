"""Decoders: one template, whose flags say how a type differs from Llama."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.importers.hf import crossing, experts, latent, windows
from archinspect.importers.hf.parts import (
    Attention,
    Mlp,
    add,
    attention,
    dense,
    mlp,
    norm,
    table,
    within,
)
from archinspect.ops.embed import LearnedPositions
from archinspect.ops.source import Parameter

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config

    Flag = bool | str
    """Whether something is so: always, or as a key of the configuration says."""


class Names(NamedTuple):
    """How a type calls its layers."""

    root: str = "model"
    table: str = "embed_tokens"
    positions: str = "embed_positions"
    layers: str = "layers"
    norm: str = "norm"
    head: str = "lm_head"
    attention: str = "self_attn"
    mlp: str = "mlp"
    norms: tuple[str, ...] = ("input_layernorm", "post_attention_layernorm")
    """Of attention and of the feed-forward network, in the order of the layer."""
    q: str = "q_proj"
    k: str = "k_proj"
    v: str = "v_proj"
    o: str = "o_proj"
    q_norm: str = "q_norm"
    k_norm: str = "k_norm"
    gate: str = "gate_proj"
    up: str = "up_proj"
    down: str = "down_proj"


class Decoder(NamedTuple):
    """How the decoder of a type differs from Llama's. A text in the place of a flag is the key that says it."""

    names: Names = Names()
    norm: str = "rms"
    order: str = "pre"
    """Where norms stand: `pre`, `post` (on what a part gives), `both`, `after` (on the sum), `parallel`."""
    last_norm: bool = True
    query_bias: Flag = False
    value_bias: Flag | None = None
    """As the query's unless it is said; keys go with values."""
    out_bias: Flag = False
    mlp_bias: Flag = False
    head_bias: Flag = False
    ties: bool = True
    """Whether the class can tie its head to its words."""
    qk_norms: str = ""
    qk_norm_flag: Flag = True
    qk_norm_kind: str = ""
    gated: bool = True
    fused: str = ""
    fused_mlp: str = ""
    kv_heads: str | int = "num_key_value_heads"
    """The key, or the number; empty where all heads have keys of their own."""
    head_dim: str = "head_dim"
    inner: str | int = "intermediate_size"
    activation: str = "hidden_act"
    """The key, or `=` and the name."""
    rotary: str = "all"
    """The key of the share, or the number, of a head's features that rotate; `all`, or `` for none."""
    positions: str = ""
    """The key of the rows of a learned table of positions."""
    position_offset: int = 0
    table_norm: str = ""
    """The name of a norm after the table."""
    windows: str = ""
    """The rule of :data:`windows.RULES` that says which layers attend to a window."""
    sinks: bool = False
    copies_kv: bool = False
    caches: bool = True
    experts: experts.Experts | None = None
    latent: bool = False
    crosses: bool = False
    """Whether layers can have attention to an encoder, too."""
    adjust: Callable[[Config], dict[str, Any]] | None = None
    """What follows from several keys."""
    mixer: Callable[[GraphBuilder, Config, Sizes, int, Tensor], Tensor | None] | None = None
    """Adds what a layer has in the place of attention; None for a layer that attends."""


class Sizes(NamedTuple):
    """Sizes of a decoder."""

    width: int
    layers: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int


def holds(c: Config, flag: Flag) -> bool:
    """Return whether a flag is set."""
    return c.flag(flag) if isinstance(flag, str) else flag


def sizes(c: Config, d: Decoder) -> Sizes:
    """Return the sizes that a configuration has."""
    width, heads = c.whole("hidden_size"), c.whole("num_attention_heads")
    said = c.maybe(d.kv_heads, 1) if isinstance(d.kv_heads, str) and d.kv_heads else d.kv_heads
    kv_heads = said if isinstance(said, int) else heads
    head = c.maybe(d.head_dim, 1) if d.head_dim else None
    if head is None:
        if width < heads:
            raise c.wrong("num_attention_heads", "at most hidden_size")
        head = width // heads
    return Sizes(width, c.count("num_hidden_layers"), heads, kv_heads, head, c.whole("vocab_size"))


def rotary(c: Config, d: Decoder, head: int) -> int:
    """Return how many features of a head rotate."""
    if d.rotary in ("all", ""):
        return head if d.rotary else 0
    rope = c.find("rope_parameters") or c.find("rope_scaling")
    if isinstance(rope, dict) and isinstance(rope.get(d.rotary), int | float):
        share = float(rope[d.rotary])
    elif c.find(d.rotary) is None:
        return head
    else:
        share = c.number(d.rotary)
    count = int(head * share) if share <= 1 else int(share)
    return min(count - count % 2, head)


def decoder(
    net: GraphBuilder,
    c: Config,
    d: Decoder,
    ids: Tensor,
    *,
    root: str | None = None,
    join: Callable[[Tensor], Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Add a decoder without its head; return the vectors of its words, and the features of each step.

    `join` puts what is not text among the words.
    """
    names, size = d.names, sizes(c, d)
    with within(net, names.root if root is None else root, "decoder"):
        words = table(net, ids, size.vocabulary, c.maybe("word_embed_proj_dim", 1) or size.width, names.table)
        return words, stack(net, c, d, join(words) if join else words)


def stack(net: GraphBuilder, c: Config, d: Decoder, x: Tensor) -> Tensor:
    """Add what follows the table of a decoder's words."""
    names, size = d.names, sizes(c, d)
    narrow = c.maybe("word_embed_proj_dim", 1) or size.width
    if narrow != size.width:
        x = dense(net, x, size.width, "project_in", bias=False)
    if d.positions:
        rows = c.whole(d.positions) + d.position_offset
        x = net.add(LearnedPositions(input_dim=rows, indexed=True), x, name=names.positions)
    if d.table_norm:
        x = norm(net, x, d.norm, d.table_norm)

    crosses = crossing.is_asked(c, may=d.crosses)
    for number, span in enumerate(windows.spans(c, d.windows or ("" if d.mixer else "said"), size.layers)):
        with within(net, f"{names.layers}.{number}", "layer"):
            x = layer(net, c, d, size, number, span, x)
            if crosses:
                crossing.idle(net, size.width)
    if d.last_norm:
        x = norm(net, x, d.norm, names.norm)
    return dense(net, x, narrow, "project_out", bias=False) if narrow != size.width else x


def layer(  # noqa: PLR0913, PLR0917 - what a layer needs
    net: GraphBuilder, c: Config, d: Decoder, size: Sizes, number: int, span: int | None, x: Tensor
) -> Tensor:
    """Add a layer: attention and a feed-forward network, and norms in the type's order."""
    names = d.names.norms

    def attend(x: Tensor) -> Tensor:
        mixed = d.mixer(net, c, size, number, x) if d.mixer else None
        if mixed is not None:
            return mixed
        with within(net, d.names.attention, "attention"):
            return _attend(net, c, d, size, span, x)

    def feed(x: Tensor) -> Tensor:
        with within(net, d.names.mlp, "mlp"):
            return _feed(net, c, d, size, number, x)

    def normed(x: Tensor, i: int) -> Tensor:
        return norm(net, x, d.norm, names[i])

    if d.order == "parallel":
        first = normed(x, 0)
        second = normed(x, 1) if len(names) > 1 else first
        return add(net, x, attend(first), feed(second))
    if d.order == "after":
        x = normed(add(net, x, attend(x)), 0)
        return normed(add(net, x, feed(x)), 1)
    if d.order == "post":
        x = add(net, x, normed(attend(x), 0))
        return add(net, x, normed(feed(x), 1))
    if d.order == "both":
        x = add(net, x, normed(attend(normed(x, 0)), 1))
        return add(net, x, normed(feed(normed(x, 2)), 3))
    x = add(net, x, attend(normed(x, 0)))
    return add(net, x, feed(normed(x, 1)))


def _attend(net: GraphBuilder, c: Config, d: Decoder, size: Sizes, span: int | None, x: Tensor) -> Tensor:
    if size.heads % size.kv_heads and not (d.latent and size.heads // size.kv_heads == 1):
        raise c.wrong(str(d.kv_heads), f"a divisor of the {size.heads} heads")
    if d.latent:
        if span is not None:
            raise c.refuse("latent attention whose cache has a window, by sliding_window, is not read")
        return latent.attention(net, latent.latent_of(c, size.heads, size.width), x)
    query_bias = holds(c, d.query_bias)
    value_bias = query_bias if d.value_bias is None else holds(c, d.value_bias)
    a = Attention(
        size.heads,
        size.kv_heads,
        size.head,
        size.width,
        query_bias=query_bias,
        key_bias=value_bias,
        value_bias=value_bias,
        out_bias=holds(c, d.out_bias),
        norms=d.qk_norms if holds(c, d.qk_norm_flag) else "",
        norm_kind=d.qk_norm_kind or d.norm,
        rotary=rotary(c, d, size.head),
        window=span,
        causal=d.caches,
        masked=not d.caches,
        copies_kv=d.copies_kv,
        fused=d.fused,
        **{name: getattr(d.names, name) for name in ("q", "k", "v", "o", "q_norm", "k_norm")},
    )
    if d.sinks:
        net.add(Parameter(shape=[size.heads]), name="sinks")
    return attention(net, x, a)


def _feed(net: GraphBuilder, c: Config, d: Decoder, size: Sizes, number: int, x: Tensor) -> Tensor:
    said = d.inner if isinstance(d.inner, int) else c.maybe(d.inner, 1) if d.inner else None
    inner = said or 4 * size.width
    plain = Mlp(
        inner,
        d.activation[1:] if d.activation.startswith("=") else c.text(d.activation, "silu"),
        gated=d.gated,
        bias=holds(c, d.mlp_bias),
        gate=d.names.gate,
        up=d.names.up,
        down=d.names.down,
        fused=d.fused_mlp,
    )
    if d.experts is not None:
        return experts.feed(net, x, c, d.experts, plain, number, size.width)
    return mlp(net, x, plain, size.width, c)

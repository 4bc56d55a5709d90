"""Encoders of text: one template, whose flags say how a type differs from BERT, and the heads of such models."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.importers.hf import crossing, windows
from archinspect.importers.hf.parts import (
    Attention,
    Mlp,
    activate,
    add,
    attention,
    dense,
    mlp,
    norm,
    table,
    within,
)
from archinspect.ops.conv import Conv1D
from archinspect.ops.embed import LearnedPositions
from archinspect.ops.merge import Add
from archinspect.ops.source import Parameter
from archinspect.ops.tensor import Custom, Select

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config


class EncoderNames(NamedTuple):
    """How a type calls its layers."""

    root: str = "bert"
    tables: str = "embeddings"
    words: str = "word_embeddings"
    table_norm: str = "LayerNorm"
    projection: str = "embeddings_project"
    layers: str = "encoder.layer"
    attention: str = "attention"
    q: str = "self.query"
    k: str = "self.key"
    v: str = "self.value"
    o: str = "output.dense"
    norm_1: str = "attention.output.LayerNorm"
    up: str = "intermediate.dense"
    down: str = "output.dense"
    norm_2: str = "output.LayerNorm"
    pooler: str = "pooler.dense"
    norm: str = ""
    """Of a norm after the last layer."""


class Encoder(NamedTuple):
    """How the encoder of a type differs from BERT's."""

    names: EncoderNames = EncoderNames()
    norm: str = "layer"
    table_width: str = ""
    """The key of the width of the tables, where they may be narrower."""
    projects: bool = False
    """Whether there is a projection after the tables even where the widths are the same."""
    positions: str = "max_position_embeddings"
    position: type[LearnedPositions] = LearnedPositions
    extra_tables: tuple[tuple[str, str], ...] = ()
    """Further tables of positions: their name, and the key of their rows."""
    types: str = "type_vocab_size"
    tasks: str = ""
    """The flag of a table of tasks, of which there are `task_type_vocab_size`."""
    table_norm: bool = True
    pre_norm: bool = False
    inner: str = "intermediate_size"
    activation: str = "hidden_act"
    bias: bool | str = True
    mlp_bias: bool = True
    gated: bool = False
    rotary: bool = False
    biases: str = ""
    """The key of the buckets of relative positions, whose biases all layers share."""
    pools: str = "model"
    """Which classes have a pooler beside classifiers: `model`, `always`, or none."""
    head: str = "bert"
    """The form of the head for words, a key of :data:`HEADS`."""
    classifier: str = "pooled"
    groups: bool = False
    """Whether layers share weights in groups, as ALBERT's."""
    mixes: bool = False
    """Whether a Fourier transform stands in the place of attention."""
    grouped: bool = False
    """Whether projections are convolutions in groups."""
    mixer: Callable[[GraphBuilder, Config, Attention, Tensor, int], Tensor] | None = None
    """Adds what stands in the place of attention, of the layer of a number."""
    mlp_groups: str = ""
    """The key of the groups of feed-forward networks."""
    more_positions: int = 0
    """Rows of the table of positions beyond the longest text."""
    decodes: bool = False
    """Whether the type has decoders, too: the same layers where a step sees those before it alone."""


def encoder(
    net: GraphBuilder, c: Config, e: Encoder, ids: Tensor, memory: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Add an encoder; return the vectors of its words, and the features of each step.

    Where there is a `memory`, of shape (batch, steps, features), each layer attends to it, too.
    """
    names, width = e.names, c.whole("hidden_size")
    narrow = c.whole(e.table_width) if e.table_width else width
    with within(net, names.tables):
        words = table(net, ids, c.whole("vocab_size"), narrow, names.words)
        x = words
        tasks = "task_type_vocab_size" if e.tasks and c.flag(e.tasks) else ""
        for key, name in ((e.types, "token_type_embeddings"), (tasks, "task_type_embeddings")):
            if key and c.whole(key, 0):
                kinds = net.add(Parameter(shape=[c.whole(key), narrow]), name=name)
                x = net.add(Add(), x, net.add(Select(index=0), kinds))
        if e.positions:
            rows = c.whole(e.positions) + e.more_positions
            x = net.add(e.position(input_dim=rows), x, name="position_embeddings")
        for name, key in e.extra_tables:
            x = add(net, x, table(net, ids, c.whole(key), narrow, name))
        if e.table_norm:
            x = norm(net, x, e.norm, names.table_norm)
        if e.mixes:
            x = dense(net, x, width, "projection")
    if narrow != width or e.projects:
        x = dense(net, x, width, names.projection)
    first: dict[str, str] = {}
    for number in range(c.count("num_hidden_layers")):
        x = _grouped_layers(net, c, e, number, x, first) if e.groups else _layer(net, c, e, number, x, memory)
    return words, norm(net, x, e.norm, names.norm) if names.norm else x


def pooled(net: GraphBuilder, c: Config, e: Encoder, x: Tensor) -> Tensor:
    """Add the pooler: a projection of the first step."""
    first = net.add(Select(index=0), x)
    return activate(net, dense(net, first, c.whole("hidden_size"), e.names.pooler), c, "tanh")


def _layer(net: GraphBuilder, c: Config, e: Encoder, number: int, x: Tensor, memory: Tensor | None) -> Tensor:
    with within(net, f"{e.names.layers}.{number}", "layer"):
        x = _parts(net, c, e, number, x, memory)
        if crossing.is_asked(c, may=e.decodes and c.flag("is_decoder") and memory is None):
            crossing.idle(net, c.whole("hidden_size"))
        return x


def _grouped_layers(net: GraphBuilder, c: Config, e: Encoder, number: int, x: Tensor, first: dict[str, str]) -> Tensor:
    """Add the layers of a group; `first` are the paths of those whose weights later ones share, by their names."""
    groups = c.whole("num_hidden_groups")
    group = int(number / (c.count("num_hidden_layers") / groups))
    for i in range(c.count("inner_group_num", 1)):
        name = f"{e.names.layers}.{group}.albert_layers.{i}"
        with within(net, f"encoder.again.{number}.{i}" if name in first else name, "layer") as path:
            x = _parts(net, c, e, number, x)
        if first.setdefault(name, path) != path:
            net.share(path, first[name])
    return x


def _parts(net: GraphBuilder, c: Config, e: Encoder, number: int, x: Tensor, memory: Tensor | None = None) -> Tensor:
    names, width = e.names, c.whole("hidden_size")
    heads = 1 if e.mixes else c.whole("num_attention_heads")
    if width % heads:
        raise c.wrong("num_attention_heads", f"a divisor of {width}, the hidden_size")
    head = c.maybe("head_dim", 1) or width // heads
    bias = c.flag(e.bias) if isinstance(e.bias, str) else e.bias
    a = Attention(
        heads,
        heads,
        head,
        width,
        query_bias=bias,
        key_bias=bias,
        value_bias=bias,
        out_bias=bool(e.bias),
        causal=c.flag("is_decoder") and e.decodes,
        window=windows.said(c) if c.flag("is_decoder") and e.decodes else None,
        rotary=head if e.rotary else 0,
        position_biases=c.whole(e.biases) if e.biases and not number else 0,
        shared_position_biases=bool(e.biases and number),
        q=names.q,
        k=names.k,
        v=names.v,
        o=names.o,
    )
    m = Mlp(
        c.whole(e.inner), c.text(e.activation, "gelu"), gated=e.gated, bias=e.mlp_bias, up=names.up, down=names.down
    )
    attended = _attended(net, c, e, a, norm(net, x, e.norm, names.norm_1) if e.pre_norm else x, number)
    x = add(net, x, attended)
    if not e.pre_norm:
        x = norm(net, x, e.norm, names.norm_1)
    if memory is not None:
        with within(net, "crossattention"):
            seen = attention(net, x, a._replace(causal=False), memory)
            x = norm(net, add(net, x, seen), e.norm, "output.LayerNorm")
    fed = norm(net, x, e.norm, names.norm_2) if e.pre_norm else x
    groups = c.whole(e.mlp_groups) if e.mlp_groups else 1
    if m.units % groups or width % groups:
        raise c.wrong(e.mlp_groups, f"a divisor of {width} and {m.units}")
    if groups > 1:
        inner = activate(net, _conv(net, fed, m.units, groups, m.up), c, m.activation)
        return norm(net, add(net, x, _conv(net, inner, width, groups, m.down)), e.norm, names.norm_2)
    x = add(net, x, _grouped_mlp(net, c, m, width, fed) if e.grouped else mlp(net, fed, m, width, c))
    return x if e.pre_norm else norm(net, x, e.norm, names.norm_2)


def _attended(net: GraphBuilder, c: Config, e: Encoder, a: Attention, x: Tensor, number: int) -> Tensor:
    if e.mixes:  # a Fourier transform along steps and features, which has no MACs
        return net.add(Custom(params=0, macs=0), x, name="fourier")
    with within(net, e.names.attention):
        if e.mixer is not None:
            return e.mixer(net, c, a, x, number)
        if not e.grouped:
            return attention(net, x, a)
        from archinspect.importers.hf.parts import core

        query, key, value = (
            _conv(net, x, a.out, c.whole(f"{letter}_groups"), name)
            for letter, name in (("q", a.q), ("k", a.k), ("v", a.v))
        )
        attended = net.add(core(a), query, key, value, name="attention")
    return _conv(net, attended, a.out, c.whole("post_attention_groups"), "post_attention.conv1d")


def _conv(net: GraphBuilder, x: Tensor, filters: int, groups: int, name: str) -> Tensor:
    return net.add(Conv1D(filters=filters, kernel_size=1, groups=groups), x, name=name)


def _grouped_mlp(net: GraphBuilder, c: Config, m: Mlp, width: int, x: Tensor) -> Tensor:
    x = activate(net, _conv(net, x, m.units, c.whole("intermediate_groups"), m.up), c, m.activation)
    return _conv(net, x, width, c.whole("output_groups"), m.down)


# Heads


class WordHead(NamedTuple):
    """What predicts words: a projection, an activation, a norm, the table of words."""

    dense: str
    norm: str
    decoder: str
    act: str = "hidden_act"
    """The key of the activation, or `=` and its name."""
    width: str = ""
    """The key of the width of the projection, where it is not that of the steps."""
    bias: bool = True
    own_bias: str = "bias"
    """The name of the bias that an untied decoder does not share; empty where it has but one."""


HEADS: Mapping[str, WordHead] = {
    "bert": WordHead(
        "cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.decoder"
    ),
    "roberta": WordHead("lm_head.dense", "lm_head.layer_norm", "lm_head.decoder", act="=gelu"),
    "distilbert": WordHead("vocab_transform", "vocab_layer_norm", "vocab_projector", act="activation", own_bias=""),
    "albert": WordHead("predictions.dense", "predictions.LayerNorm", "predictions.decoder", width="embedding_size"),
    "electra": WordHead(
        "generator_predictions.dense",
        "generator_predictions.LayerNorm",
        "generator_lm_head",
        act="=gelu",
        width="embedding_size",
        own_bias="",
    ),
    "rembert": WordHead(
        "cls.predictions.dense",
        "cls.predictions.LayerNorm",
        "cls.predictions.decoder",
        width="output_embedding_size",
        own_bias="",
    ),
    "nomic": WordHead(
        "cls.predictions.transform.dense", "cls.predictions.transform.layer_norm", "cls.predictions.decoder"
    ),
    "deberta": WordHead(
        "lm_predictions.lm_head.dense", "lm_predictions.lm_head.LayerNorm", "lm_predictions.lm_head.decoder"
    ),
    "eurobert": WordHead("", "", "lm_head", bias=False, own_bias=""),
}


def word_head(  # noqa: PLR0913 - what a head needs
    net: GraphBuilder, c: Config, e: Encoder, x: Tensor, words: Tensor, *, ties: bool = False, width: int | None = None
) -> Tensor:
    """Add what predicts words, tied to their table where the configuration or `ties` says so."""
    h = HEADS[e.head]
    if h.dense:
        width = width or c.whole(h.width or "hidden_size")
        name = h.act[1:] if h.act.startswith("=") else c.text(h.act, "gelu")
        x = norm(net, activate(net, dense(net, x, width, h.dense), c, name), e.norm, h.norm)
    logits = dense(net, x, c.whole("vocab_size"), h.decoder, bias=h.bias)
    if (ties or c.flag("tie_word_embeddings")) and e.head != "rembert":
        net.tie(logits.producer, words.producer)
    elif h.own_bias and e.head != "rembert":
        net.add(Parameter(shape=[c.whole("vocab_size")]), name=f"{h.decoder.rpartition('.')[0]}.{h.own_bias}")
    return logits

"""DeBERTa: words attend to words and to relative positions.

He et al. 2020, arXiv:2006.03654; He et al. 2021, arXiv:2111.09543.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.shape import size
from archinspect.importers.hf.encoder import Encoder, word_head
from archinspect.importers.hf.parts import Attention, Mlp, activate, add, core, dense, mlp, norm, table, within
from archinspect.importers.hf.wanted import ending
from archinspect.ops.args import Int, arg
from archinspect.ops.base import Op
from archinspect.ops.conv import Conv1D
from archinspect.ops.embed import LearnedPositions
from archinspect.ops.figures import Work
from archinspect.ops.merge import Add
from archinspect.ops.several import Split
from archinspect.ops.source import Parameter
from archinspect.ops.tensor import Select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.wanted import Wanted


class Rows(Op):
    """Takes two rows of a table for each step, and no more than there are. No FLOPs."""

    kind = "reshape"
    inputs = (2, 2)
    reads = 1
    span: int = arg("half the rows of the table", Int(1))

    def output(self, *shapes: Shape) -> Shape:  # noqa: D102 - as every operator
        rows, steps = shapes
        found = self.span if self.span < steps[1] else steps[1]  # noqa: FURB136 - sizes may be symbols
        return (rows[0], 2 * found, rows[2])


class PositionScores(Op):
    """Compares queries, or keys, with projected positions, head by head; gives the queries on.

    MACs: steps * positions * features. FLOPs: 2 per MAC.
    """

    keeps_unknown = True
    kind = "attention"
    inputs = (2, 2)

    def output(self, *shapes: Shape) -> Shape:  # noqa: D102 - as every operator
        return shapes[0]

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:  # noqa: D102 - as every operator
        return Work(size(output) * shapes[1][1])


class Kind(NamedTuple):
    """What relative positions a configuration has."""

    content: bool
    """Whether queries are compared with positions."""
    position: bool
    """Whether positions are compared with keys."""
    span: int
    shared: bool


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add DeBERTa with its head."""
    known = ("ForMaskedLM", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering", "Model")
    end = ending(c, architecture, known) if architecture else "Model"
    net, width = wanted.net, c.whole("hidden_size")
    (ids,) = wanted.words(c.maybe("max_position_embeddings", 1), "input_ids")
    with within(net, "deberta" if end != "Model" else ""):
        words, x = _deberta(net, c, ids)
    if end == "Model":
        return (x,)
    if end == "ForMaskedLM":
        return (_words(net, c, x, words),)
    if end != "ForSequenceClassification":
        name = "qa_outputs" if end == "ForQuestionAnswering" else "classifier"
        return (dense(net, x, c.labels(), name),)
    wide = c.maybe("pooler_hidden_size", 1) or width
    if wide != width:
        raise c.wrong("pooler_hidden_size", f"{width}, the hidden_size")
    one = dense(net, net.add(Select(index=0), x), wide, "pooler.dense")
    return (dense(net, activate(net, one, c, c.text("pooler_hidden_act")), c.labels(), "classifier"),)


def _words(net: GraphBuilder, c: Config, x: Tensor, words: Tensor) -> Tensor:
    """Add the head for words."""
    if not c.flag("legacy"):
        return word_head(net, c, Encoder(head="deberta"), x, words, ties=True)
    return word_head(net, c, Encoder(), x, words, width=c.maybe("embedding_size", 1))


def _kind(c: Config) -> Kind | None:
    if not c.flag("relative_attention"):
        return None
    said = c.find("pos_att_type")
    parts = said.lower().split("|") if isinstance(said, str) else said if isinstance(said, list) else []
    names = [one.strip() for one in parts if isinstance(one, str)]
    most = c.find("max_relative_positions")
    span = most if type(most) is int and most > 0 else c.whole("max_position_embeddings")
    buckets = c.find("position_buckets") if c.kind == "deberta-v2" else None
    span = buckets if type(buckets) is int and buckets > 0 else span
    shared = c.kind == "deberta-v2" and c.find("share_att_key") is True
    return Kind("c2p" in names, "p2c" in names, span, shared)


def _deberta(net: GraphBuilder, c: Config, ids: Tensor) -> tuple[Tensor, Tensor]:
    width = c.whole("hidden_size")
    words, x = _tables(net, c, ids, width)
    kind = _kind(c)
    with within(net, "encoder"):
        rows = None
        if kind is not None:
            rows = net.add(Parameter(shape=[2 * kind.span, width]), name="rel_embeddings")
        said = c.find("norm_rel_ebd")
        names = [one.strip() for one in said.lower().split("|")] if isinstance(said, str) else []
        if c.kind == "deberta-v2" and "layer_norm" in names:
            if rows is None:
                for name in ("weight", "bias"):
                    net.add(Parameter(shape=[width]), name=f"LayerNorm.{name}")
            else:
                rows = norm(net, rows, "layer", "LayerNorm")
        first = x
        for number in range(c.count("num_hidden_layers")):
            with within(net, f"layer.{number}", "layer"):
                x = _layer(net, c, x, rows, kind)
            kernel = c.find("conv_kernel_size") if c.kind == "deberta-v2" else None
            if not number and type(kernel) is int and kernel > 0:
                x = _convolved(net, c, first, x, kernel)
    return words, x


def _tables(net: GraphBuilder, c: Config, ids: Tensor, width: int) -> tuple[Tensor, Tensor]:
    narrow = c.maybe("embedding_size", 1) or width
    with within(net, "embeddings"):
        x = words = table(net, ids, c.whole("vocab_size"), narrow, "word_embeddings")
        if c.flag("position_biased_input"):
            x = net.add(LearnedPositions(input_dim=c.whole("max_position_embeddings")), x, name="position_embeddings")
        if c.whole("type_vocab_size", 0):
            kinds = net.add(Parameter(shape=[c.whole("type_vocab_size"), narrow]), name="token_type_embeddings")
            x = net.add(Add(), x, net.add(Select(index=0), kinds))
        if narrow != width:
            x = dense(net, x, width, "embed_proj", bias=False)
        return words, norm(net, x, "layer", "LayerNorm")


def _convolved(net: GraphBuilder, c: Config, before: Tensor, x: Tensor, kernel: int) -> Tensor:
    """Add a convolution of what went into the first layer to what comes out of it."""
    groups = c.whole("conv_groups") if c.find("conv_groups") is not None else 1
    op = Conv1D(filters=c.whole("hidden_size"), kernel_size=kernel, padding=(kernel - 1) // 2, groups=groups)
    with within(net, "conv"):
        inside = activate(net, net.add(op, before, name="conv"), c, c.text("conv_act", "tanh"))
        return norm(net, add(net, x, inside), "layer", "LayerNorm")


def _layer(net: GraphBuilder, c: Config, x: Tensor, rows: Tensor | None, kind: Kind | None) -> Tensor:
    width, heads = c.whole("hidden_size"), c.whole("num_attention_heads")
    if width % heads:
        raise c.wrong("num_attention_heads", f"a divisor of {width}, the hidden_size")
    with within(net, "attention"):
        with within(net, "self"):
            inside = _attend(net, c, x, rows, kind)
        inside = dense(net, inside, width, "output.dense")
        x = norm(net, add(net, x, inside), "layer", "output.LayerNorm")
    m = Mlp(
        c.whole("intermediate_size"),
        c.text("hidden_act"),
        gated=False,
        bias=True,
        up="intermediate.dense",
        down="output.dense",
    )
    return norm(net, add(net, x, mlp(net, x, m, width, c)), "layer", "output.LayerNorm")


def _attend(net: GraphBuilder, c: Config, x: Tensor, rows: Tensor | None, kind: Kind | None) -> Tensor:
    width, heads = c.whole("hidden_size"), c.whole("num_attention_heads")
    if c.kind == "deberta-v2":
        query, key, value = (dense(net, x, width, f"{name}_proj") for name in ("query", "key", "value"))
        names = ("pos_key_proj", "pos_query_proj")
    else:
        if c.find("talking_head") is True:
            raise c.refuse("heads that talk, with talking_head, are not read")
        joined = dense(net, x, 3 * width, "in_proj", bias=False)
        query, key, value = net.add_all(Split(parts=3, axis=-1), joined)
        query = add(net, query, net.add(Parameter(shape=[width]), name="q_bias"))
        value = add(net, value, net.add(Parameter(shape=[width]), name="v_bias"))
        names = ("pos_proj", "pos_q_proj")
    before = query, key
    if rows is not None and kind is not None:
        if c.kind == "deberta":
            rows = net.add(Rows(span=kind.span), rows, x)
        if kind.content or kind.shared:
            placed = dense(net, rows, width, names[0], bias=c.kind == "deberta-v2")
            if kind.shared:
                net.tie(placed.producer, before[1].producer)
            query = net.add(PositionScores(), query, placed) if kind.content else query
        if kind.position or kind.shared:
            placed = dense(net, rows, width, names[1])
            if kind.shared:
                net.tie(placed.producer, before[0].producer)
            key = net.add(PositionScores(), key, placed) if kind.position else key
    a = Attention(heads, heads, width // heads, width, causal=False)
    return net.add(core(a), query, key, value, name="attention")

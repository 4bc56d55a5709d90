"""MobileBERT: layers that work in a narrow space of their own (Sun et al. 2020, arXiv:2004.02984)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import size
from archinspect.importers.hf.parts import Attention, activate, add, core, dense, norm, table, within
from archinspect.importers.hf.wanted import ending
from archinspect.ops.base import Op
from archinspect.ops.embed import LearnedPositions
from archinspect.ops.figures import Weight, Work
from archinspect.ops.merge import Add, Concatenate
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

UNREAD = ("dense.bias", "LayerNorm.weight", "LayerNorm.bias")
ENDS = ("ForPreTraining", "ForMaskedLM", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering")
PAIRS = "ForNextSentencePrediction"


class Affine(Op):
    """Scales and shifts each feature, in the place of a normalization. FLOPs: 2 per element."""

    keeps_unknown = True
    kind = "normalization"

    def output(self, *shapes: Shape) -> Shape:  # noqa: D102 - as every operator
        return shapes[0]

    def weights(self, *shapes: Shape) -> dict[str, Weight]:  # noqa: D102 - as every operator
        one = Weight(shapes[0][-1:], ("channels",))
        return {"scale": one, "offset": one}

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:  # noqa: ARG002, D102 - as every operator
        return Work(other=2 * size(output))


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add MobileBERT with its head."""
    end = ending(c, architecture, (*ENDS, PAIRS, "Model")) if architecture else "Model"
    net = wanted.net
    (ids,) = wanted.words(c.whole("max_position_embeddings"), "input_ids")
    pools = end in ("Model", "ForPreTraining", "ForSequenceClassification", PAIRS)
    with within(net, "mobilebert" if end != "Model" else ""):
        words, x = _encoder(net, c, ids)
        one = net.add(Select(index=0), x) if pools else x
        if pools and c.flag("classifier_activation"):
            one = activate(net, dense(net, one, c.whole("hidden_size"), "pooler.dense"), c, "tanh")
    if end == "Model":
        return x, one
    if end in ENDS[:2]:
        logits = _words(net, c, x, words)
        return (logits, dense(net, one, 2, "cls.seq_relationship")) if pools else (logits,)
    if end == PAIRS:
        return (dense(net, one, 2, "cls.seq_relationship"),)
    return (dense(net, one, c.labels(), "qa_outputs" if end == "ForQuestionAnswering" else "classifier"),)


def _norm(net: GraphBuilder, c: Config, x: Tensor, name: str) -> Tensor:
    kind = c.text("normalization_type")
    if kind not in ("no_norm", "layer_norm"):
        raise c.wrong("normalization_type", "no_norm or layer_norm")
    return net.add(Affine(), x, name=name) if kind == "no_norm" else norm(net, x, "layer", name)


def _encoder(net: GraphBuilder, c: Config, ids: Tensor) -> tuple[Tensor, Tensor]:
    width, narrow = c.whole("hidden_size"), c.whole("embedding_size")
    with within(net, "embeddings"):
        words = x = table(net, ids, c.whole("vocab_size"), narrow, "word_embeddings")
        trigram = c.flag("trigram_input")
        if trigram:  # beside its neighbors
            x = net.add(Concatenate(axis=-1), x, x, x)
        given = (3 if trigram else 1) * narrow
        if trigram or narrow != width:
            x = dense(net, x, width, "embedding_transformation")
        else:
            for name, shape in (("weight", [width, given]), ("bias", [width])):
                net.add(Parameter(shape=[*shape]), name=f"embedding_transformation.{name}")
        x = net.add(LearnedPositions(input_dim=c.whole("max_position_embeddings")), x, name="position_embeddings")
        kinds = net.add(Parameter(shape=[c.whole("type_vocab_size"), width]), name="token_type_embeddings")
        x = _norm(net, c, net.add(Add(), x, net.add(Select(index=0), kinds)), "LayerNorm")
    for number in range(c.count("num_hidden_layers")):
        with within(net, f"encoder.layer.{number}", "layer"):
            x = _layer(net, c, x)
    return words, x


def _narrowed(net: GraphBuilder, c: Config, x: Tensor, name: str) -> Tensor:
    with within(net, name):
        return _norm(net, c, dense(net, x, c.whole("intra_bottleneck_size"), "dense"), "LayerNorm")


def _layer(net: GraphBuilder, c: Config, x: Tensor) -> Tensor:
    wide, narrows = c.whole("hidden_size"), c.flag("use_bottleneck")
    width, heads = c.whole("intra_bottleneck_size") if narrows else wide, c.whole("num_attention_heads")
    shared, inside = c.flag("key_query_shared_bottleneck"), c.flag("use_bottleneck_attention")
    if width % heads:
        raise c.wrong("num_attention_heads", f"a divisor of {width}")
    residual = asked = values = x
    if narrows:
        residual = _narrowed(net, c, x, "bottleneck.input")
        if inside:
            asked = values = residual
        elif shared:
            asked = _narrowed(net, c, x, "bottleneck.attention")
        if inside and shared:  # there, and not read
            for name, shape in (("dense.weight", [width, wide]), *((one, [width]) for one in UNREAD)):
                net.add(Parameter(shape=[*shape]), name=f"bottleneck.attention.{name}")
        if not inside and not shared and width != wide:
            raise c.wrong("intra_bottleneck_size", f"{wide}, the hidden_size, where the bottleneck is not shared")
    with within(net, "attention"):
        query, key = (dense(net, asked, width, f"self.{name}") for name in ("query", "key"))
        value = dense(net, values, width, "self.value")
        a = Attention(heads, heads, width // heads, width, causal=False)
        attended = dense(net, net.add(core(a), query, key, value, name="attention"), width, "output.dense")
        y = _norm(net, c, add(net, attended, residual), "output.LayerNorm")
    for number in range(c.count("num_feedforward_networks") - 1):
        with within(net, f"ffn.{number}", "ffn"):
            y = _feed(net, c, y, width)
    y = _feed(net, c, y, width)
    if not narrows:
        return y
    with within(net, "output.bottleneck"):
        return _norm(net, c, add(net, dense(net, y, wide, "dense"), x), "LayerNorm")


def _feed(net: GraphBuilder, c: Config, x: Tensor, width: int) -> Tensor:
    inner = activate(net, dense(net, x, c.whole("intermediate_size"), "intermediate.dense"), c, c.text("hidden_act"))
    return _norm(net, c, add(net, x, dense(net, inner, width, "output.dense")), "output.LayerNorm")


def _words(net: GraphBuilder, c: Config, x: Tensor, words: Tensor) -> Tensor:
    """Add what predicts words: by the table of words, and for other features by a matrix of its own."""
    width, narrow, count = c.whole("hidden_size"), c.whole("embedding_size"), c.whole("vocab_size")
    if narrow > width:
        raise c.wrong("embedding_size", f"at most {width}, the hidden_size")
    with within(net, "cls.predictions"):
        x = activate(net, dense(net, x, width, "transform.dense"), c, c.text("hidden_act"))
        x = norm(net, x, "layer", "transform.LayerNorm")
        rest = None
        if narrow < width:
            x, rest = net.add_all(Split(sizes=[narrow, width - narrow], axis=-1), x)
        logits = dense(net, x, count, "decoder")
        if c.flag("tie_word_embeddings"):
            net.tie(logits.producer, words.producer)
        else:
            net.add(Parameter(shape=[count]), name="bias")
        return logits if rest is None else add(net, logits, dense(net, rest, count, "dense", bias=False))

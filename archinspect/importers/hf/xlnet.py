"""XLNet: attention with relative positions as in Transformer-XL (Yang et al. 2019, arXiv:1906.08237)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.hf.parts import Attention, Mlp, activate, add, core, dense, mlp, norm, table, within
from archinspect.importers.hf.relative import RelativeScores
from archinspect.importers.hf.wanted import ending
from archinspect.ops.source import Parameter
from archinspect.ops.tensor import ReduceMean, Select

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.wanted import Wanted
    from archinspect.ops.base import Op

JUDGES = ("ForSequenceClassification", "ForMultipleChoice")
"""How classes end that judge a summary of a text."""
ENDS = ("LMHeadModel", *JUDGES, "ForTokenClassification", "ForQuestionAnsweringSimple", "Model")
SUMMARIES: Mapping[str, Op] = {
    "last": Select(index=-1),
    "cls_index": Select(index=-1),
    "first": Select(index=0),
    "mean": ReduceMean(axis=[1]),
}
"""What is taken of a text, by `summary_type`."""
BIASES = 5
"""Of queries: for words, for positions, for segments, and two of these."""


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add XLNet with its head."""
    end = ending(c, architecture, ENDS) if architecture else "Model"
    if c.text("attn_type") != "bi" or c.find("bi_data") is True:
        raise c.refuse("attention other than attn_type 'bi', without bi_data, is not read")
    net = wanted.net
    (ids,) = wanted.words(None, "input_ids")
    width, heads = c.whole("d_model"), c.whole("n_head")
    if width % heads or (c.find("d_head") is not None and c.whole("d_head") * heads != width):
        raise c.wrong("d_head", f"{width} / {heads}, the d_model by the heads")
    with within(net, "transformer" if end != "Model" else ""):
        net.add(Parameter(shape=[width]), name="mask_emb")
        words = x = table(net, ids, c.whole("vocab_size"), width, "word_embedding")
        for number in range(c.count("n_layer")):
            with within(net, f"layer.{number}", "layer"):
                x = _layer(net, c, x, width, heads)
    if end == "Model":
        return (x,)
    if end == "ForTokenClassification":
        return (dense(net, x, c.labels(), "classifier"),)
    if end == "ForQuestionAnsweringSimple":
        return (dense(net, x, c.labels(), "qa_outputs"),)
    if end in JUDGES:
        return (dense(net, _summary(net, c, x), c.labels() if end == JUDGES[0] else 1, "logits_proj"),)
    logits = dense(net, x, c.whole("vocab_size"), "lm_loss")
    if c.flag("tie_word_embeddings"):
        net.tie(logits.producer, words.producer)
    return (logits,)


def _summary(net: GraphBuilder, c: Config, x: Tensor) -> Tensor:
    """Add the vector that stands for a text: the last step's, projected."""
    kind = c.text("summary_type", "last")
    if kind not in SUMMARIES:
        raise c.wrong("summary_type", f"one of {', '.join(SUMMARIES)}")
    x = net.add(SUMMARIES[kind], x)
    if c.flag("summary_use_proj"):  # to the classes it is only where the next layer fits
        x = dense(net, x, c.whole("d_model"), "sequence_summary.summary")
    act = c.text("summary_activation")
    return activate(net, x, c, act) if act else x


def _layer(net: GraphBuilder, c: Config, x: Tensor, width: int, heads: int) -> Tensor:
    with within(net, "rel_attn"):
        query, key, value = (dense(net, x, width, name, bias=False) for name in "qkv")
        query = net.add(RelativeScores(features=width, biases=BIASES), query, name="r")
        attended = net.add(core(Attention(heads, heads, width // heads, width, causal=False)), query, key, value)
        x = norm(net, add(net, x, dense(net, attended, width, "o", bias=False)), "layer", "layer_norm")
    m = Mlp(c.whole("d_inner"), c.text("ff_activation"), gated=False, bias=True, up="layer_1", down="layer_2")
    with within(net, "ff"):
        return norm(net, add(net, x, mlp(net, x, m, width, c)), "layer", "layer_norm")

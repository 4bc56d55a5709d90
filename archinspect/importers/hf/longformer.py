"""Longformer, BERT whose steps attend to those around them, and LED, BART with such an encoder (arXiv:2004.05150)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.hf import chunked
from archinspect.importers.hf.encoder import Encoder, EncoderNames, encoder, pooled, word_head
from archinspect.importers.hf.parts import Mlp, activate, add, dense, mlp, norm, table, within
from archinspect.importers.hf.seq2seq import Built, head, side_layers
from archinspect.importers.hf.wanted import ending
from archinspect.ops.embed import LearnedPositions
from archinspect.ops.source import Parameter
from archinspect.ops.tensor import Select

if TYPE_CHECKING:
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.parts import Attention
    from archinspect.importers.hf.wanted import Wanted

ENCODER = Encoder(EncoderNames(root="longformer"), head="roberta", position=chunked.PaddedPositions)
PADDING = 2
"""Positions before the first, of padding."""


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add Longformer or LED with its head."""
    return (_led if c.kind == "led" else _longformer)(c, architecture, wanted)


def _longformer(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    known = ("ForMaskedLM", "ForSequenceClassification", "ForTokenClassification", "Model")
    end = ending(c, architecture, known) if architecture else "Model"
    net, width = wanted.net, c.whole("hidden_size")
    (ids,) = wanted.words(c.whole("max_position_embeddings", PADDING + 1) - PADDING, "input_ids")
    windows = chunked.window(c, c.count("num_hidden_layers"))
    judges = end == "ForSequenceClassification"  # whose first step sees all

    def mix(net: GraphBuilder, _: Config, a: Attention, x: Tensor, number: int) -> Tensor:
        with within(net, "self"):
            seen = chunked.attend(net, x, a.heads, a.out, windows.sides[number], seen=int(judges))
        return dense(net, seen, a.out, a.o)

    e = ENCODER._replace(mixer=mix)
    with within(net, e.names.root if end != "Model" else ""):
        padded = net.add(chunked.PadSteps(multiple=windows.multiple), ids)
        words, x = encoder(net, c, e, padded)
        x = net.add(chunked.FirstSteps(), x, ids)
        one = pooled(net, c, e, x) if end == "Model" else None
    if one is not None:
        return x, one
    if end == "ForMaskedLM":
        return (word_head(net, c, e, x, words),)
    if end == "ForTokenClassification":
        return (dense(net, x, c.labels(), "classifier"),)
    first = activate(net, dense(net, net.add(Select(index=0), x), width, "classifier.dense"), c, "tanh")
    return (dense(net, first, c.labels(), "classifier.out_proj"),)


def _led(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    known = ("ForConditionalGeneration", "ForQuestionAnswering", "Model")
    end = ending(c, architecture, known) if architecture else known[0]
    net, width, rows = wanted.net, c.whole("d_model"), c.whole("vocab_size")
    most = min(c.whole("max_encoder_position_embeddings"), c.whole("max_decoder_position_embeddings"))
    ids, target = wanted.words(most, "input_ids", "decoder_input_ids")
    ties = c.flag("tie_word_embeddings")
    with within(net, "led" if end != "Model" else ""):
        if not ties:  # the table that is to be shared is there, and nothing reads it
            net.add(Parameter(shape=[rows, width]), name="shared")
        words = table(net, ids, rows, width, "shared") if ties else None
        with within(net, "encoder"):
            words, encoded = _led_encoder(net, c, ids, words)
        with within(net, "decoder"):
            again = table(net, target, rows, width, "embed_tokens")
            if ties:
                net.tie(again.producer, words.producer)
            x = _placed(net, c, again, "max_decoder_position_embeddings")
            x = side_layers(net, c, x, encoded, "decoder", pre_norm=False)
    if end == "Model":
        return (x,)
    if end == "ForQuestionAnswering":
        return (dense(net, x, 2, "qa_outputs"),)
    return (head(net, c, Built(x, words), "lm_head", ties=ties),)


def _placed(net: GraphBuilder, c: Config, x: Tensor, key: str) -> Tensor:
    x = net.add(LearnedPositions(input_dim=c.whole(key), indexed=True), x, name="embed_positions")
    return norm(net, x, "layer", "layernorm_embedding")


def _led_encoder(net: GraphBuilder, c: Config, ids: Tensor, words: Tensor | None) -> tuple[Tensor, Tensor]:
    """Add the encoder; return the vectors of words, and the features of each step."""
    width, heads, layers = c.whole("d_model"), c.whole("encoder_attention_heads"), c.count("encoder_layers")
    if width % heads:
        raise c.wrong("encoder_attention_heads", f"a divisor of {width}, the d_model")
    windows = chunked.window(c, layers)
    padded = chunked.PadSteps(multiple=windows.multiple)
    if words is None:
        words = table(net, ids, c.whole("vocab_size"), width, "embed_tokens")
    x = _placed(net, c, net.add(padded, words), "max_encoder_position_embeddings")
    m = Mlp(c.whole("encoder_ffn_dim"), c.text("activation_function"), gated=False, bias=True, up="fc1", down="fc2")
    for number in range(layers):
        with within(net, f"layers.{number}", "layer"):
            with within(net, "self_attn"):
                with within(net, "longformer_self_attn"):
                    inside = chunked.attend(net, x, heads, width, windows.sides[number])
                inside = dense(net, inside, width, "output")
            x = norm(net, add(net, x, inside), "layer", "self_attn_layer_norm")
            x = norm(net, add(net, x, mlp(net, x, m, width, c)), "layer", "final_layer_norm")
    return words, net.add(chunked.FirstSteps(), x, ids)

"""Encoders of text built like decoders, whose steps see those after them, too: ESM, EuroBERT, ModernBERT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.hf.parts import Attention, Mlp, activate, add, attention, dense, mlp, norm, table, within
from archinspect.importers.hf.wanted import ending
from archinspect.ops.embed import LearnedPositions
from archinspect.ops.source import Parameter
from archinspect.ops.tensor import ReduceMean, Select

if TYPE_CHECKING:
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.wanted import Wanted

ENDS = ("ForMaskedLM", "ForSequenceClassification", "ForTokenClassification", "Model")
ROOTS = {"esm": "esm", "eurobert": "model", "modernbert": "model"}


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add an encoder with its head."""
    known = ("ForQuestionAnswering", *ENDS) if c.kind == "modernbert" else ENDS
    end = ending(c, architecture, known) if architecture else "Model"
    if c.find("add_cross_attention") is True:
        raise c.refuse("attention to an encoder, with add_cross_attention, is not read")
    net = wanted.net
    (ids,) = wanted.words(c.maybe("max_position_embeddings", 1), "input_ids")
    with within(net, ROOTS[c.kind] if end != "Model" else ""):
        words, x = _ENCODERS[c.kind](net, c, ids)
        if c.kind == "esm" and end == "Model":
            width = c.whole("hidden_size")
            one = activate(net, dense(net, net.add(Select(index=0), x), width, "pooler.dense"), c, "tanh")
            return x, one
    if end == "Model":
        return (x,)
    if end == "ForMaskedLM":
        return (_word_head(net, c, x, words),)
    if end == "ForTokenClassification" and c.kind != "modernbert":
        return (dense(net, x, c.labels(), "classifier"),)
    return (_judge(net, c, x, each=end in ("ForTokenClassification", "ForQuestionAnswering")),)


def _attention(c: Config, *, bias: bool, rotates: bool = True, kv_heads: int | None = None) -> Attention:
    width, heads = c.whole("hidden_size"), c.whole("num_attention_heads")
    size = c.maybe("head_dim", 1) or width // heads
    if c.find("head_dim") is None and width % heads:
        raise c.wrong("num_attention_heads", f"a divisor of {width}, the hidden_size")
    kv_heads = kv_heads or heads
    if heads % kv_heads:
        raise c.wrong("num_key_value_heads", f"a divisor of the {heads} heads")
    return Attention(
        heads,
        kv_heads,
        size,
        width,
        query_bias=bias,
        key_bias=bias,
        value_bias=bias,
        out_bias=bias,
        causal=False,
        rotary=size if rotates else 0,
    )


def _esm(net: GraphBuilder, c: Config, ids: Tensor) -> tuple[Tensor, Tensor]:
    width, positions = c.whole("hidden_size"), c.text("position_embedding_type")
    if positions not in ("absolute", "rotary"):
        raise c.wrong("position_embedding_type", "absolute or rotary")
    with within(net, "embeddings"):
        words = x = table(net, ids, c.whole("vocab_size"), width, "word_embeddings")
        if c.flag("emb_layer_norm_before"):
            x = norm(net, x, "layer", "layer_norm")
        if positions == "absolute":
            x = net.add(LearnedPositions(input_dim=c.whole("max_position_embeddings")), x, name="position_embeddings")
    a = _attention(c, bias=True, rotates=positions == "rotary")
    a = a._replace(q="self.query", k="self.key", v="self.value", o="output.dense")
    m = Mlp(c.whole("intermediate_size"), "gelu", gated=False, bias=True, up="intermediate.dense", down="output.dense")
    layers = c.count("num_hidden_layers")
    for number in range(layers):
        with within(net, f"encoder.layer.{number}", "layer"):
            with within(net, "attention"):
                inside = attention(net, norm(net, x, "layer", "LayerNorm"), a)
            x = add(net, x, inside)
            x = add(net, x, mlp(net, norm(net, x, "layer", "LayerNorm"), m, width, c))
    with within(net, "contact_head.regression"):  # of contacts of a protein; nothing else reads it
        net.add(Parameter(shape=[max(layers * a.heads, 1)]), name="weight")
        net.add(Parameter(shape=[1]), name="bias")
    return words, norm(net, x, "layer", "encoder.emb_layer_norm_after")


def _eurobert(net: GraphBuilder, c: Config, ids: Tensor) -> tuple[Tensor, Tensor]:
    width = c.whole("hidden_size")
    words = x = table(net, ids, c.whole("vocab_size"), width, "embed_tokens")
    a = _attention(c, bias=c.flag("attention_bias"), kv_heads=c.maybe("num_key_value_heads", 1))
    m = Mlp(c.whole("intermediate_size"), c.text("hidden_act"), bias=c.flag("mlp_bias"))
    for number in range(c.count("num_hidden_layers")):
        with within(net, f"layers.{number}", "layer"):
            inside = norm(net, x, "rms", "input_layernorm")
            with within(net, "self_attn"):
                inside = attention(net, inside, a)
            x = add(net, x, inside)
            inside = norm(net, x, "rms", "post_attention_layernorm")
            with within(net, "mlp"):
                x = add(net, x, mlp(net, inside, m, width, c))
    return words, norm(net, x, "rms", "norm")


def _modernbert(net: GraphBuilder, c: Config, ids: Tensor) -> tuple[Tensor, Tensor]:
    width, kind = c.whole("hidden_size"), _kind(c)
    words = table(net, ids, c.whole("vocab_size"), width, "embeddings.tok_embeddings")
    x = norm(net, words, kind, "embeddings.norm")
    a = _attention(c, bias=c.flag("attention_bias"))._replace(fused="Wqkv", o="Wo")
    m = Mlp(c.whole("intermediate_size"), c.text("hidden_activation"), bias=c.flag("mlp_bias"), down="Wo", fused="Wi")
    for number in range(c.count("num_hidden_layers")):
        with within(net, f"layers.{number}", "layer"):
            inside = norm(net, x, kind, "attn_norm") if number else x
            with within(net, "attn"):
                inside = attention(net, inside, a)
            x = add(net, x, inside)
            inside = norm(net, x, kind, "mlp_norm")
            with within(net, "mlp"):
                x = add(net, x, mlp(net, inside, m, width, c))
    return words, norm(net, x, kind, "final_norm")


_ENCODERS = {"esm": _esm, "eurobert": _eurobert, "modernbert": _modernbert}


def _kind(c: Config) -> str:
    return "layer" if c.flag("norm_bias") else "scale"


def _word_head(net: GraphBuilder, c: Config, x: Tensor, words: Tensor) -> Tensor:
    """Add what predicts words."""
    width, name, bias = c.whole("hidden_size"), "decoder", True
    if c.kind == "modernbert":
        x, bias = _prepared(net, c, x), c.flag("decoder_bias")
    elif c.kind == "esm":
        x = norm(net, activate(net, dense(net, x, width, "lm_head.dense"), c, "gelu"), "layer", "lm_head.layer_norm")
        name = "lm_head.decoder"
    else:
        name, bias = "lm_head", c.flag("mlp_bias")
    logits = dense(net, x, c.whole("vocab_size"), name, bias=bias)
    if c.flag("tie_word_embeddings"):
        net.tie(logits.producer, words.producer)
    return logits


def _prepared(net: GraphBuilder, c: Config, x: Tensor) -> Tensor:
    x = dense(net, x, c.whole("hidden_size"), "head.dense", bias=c.flag("classifier_bias"))
    return norm(net, activate(net, x, c, c.text("classifier_activation")), _kind(c), "head.norm")


def _judge(net: GraphBuilder, c: Config, x: Tensor, *, each: bool) -> Tensor:
    """Add a classifier of a text, or of each step."""
    width = c.whole("hidden_size")
    if c.kind == "esm":
        one = dense(net, net.add(Select(index=0), x), width, "classifier.dense")
        return dense(net, activate(net, one, c, "tanh"), c.labels(), "classifier.out_proj")
    pooling = c.text("classifier_pooling")
    if c.kind == "eurobert":
        if pooling == "late":
            x = activate(net, dense(net, x, width, "dense"), c, "gelu")
            return net.add(ReduceMean(axis=[1]), dense(net, x, c.labels(), "classifier"))
        one = net.add(Select(index=0), x) if pooling == "bos" else net.add(ReduceMean(axis=[1]), x)
        return dense(net, activate(net, dense(net, one, width, "dense"), c, "gelu"), c.labels(), "classifier")
    if not each:
        x = net.add(Select(index=0), x) if pooling == "cls" else net.add(ReduceMean(axis=[1]), x)
    return dense(net, _prepared(net, c, x), c.labels(), "classifier")

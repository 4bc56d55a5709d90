"""Encoders and decoders of text and sound: the templates of T5, of BART and of Whisper, and their types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.importers.hf import blocks, crossing, windows
from archinspect.importers.hf.experts import Mixture
from archinspect.importers.hf.parts import (
    Attention,
    Mlp,
    activate,
    activation,
    add,
    attention,
    biased,
    dense,
    mlp,
    norm,
    table,
    within,
)
from archinspect.importers.hf.prompts import prompts
from archinspect.ops.conv import Conv1D
from archinspect.ops.embed import LearnedPositions
from archinspect.ops.experts import MixtureOfExperts
from archinspect.ops.source import Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config


class T5(NamedTuple):
    """How a type differs from T5."""

    own_biases: bool = False
    """Whether each layer has its own biases of relative positions."""
    ties: bool | str = True


class Bart(NamedTuple):
    """How a type differs from BART."""

    pre_norm: bool = False
    last_norm: bool = False
    table_norm: bool = False
    learned: bool = True
    """Whether positions are learned; else they are sines, as frozen parameters or buffers."""
    stored: bool = False
    """Whether sines are parameters, frozen ones."""
    offset: int = 0
    """Rows of the table of positions beyond the longest text."""


T5S = {
    "longt5": T5(),
    "switch_transformers": T5(ties="tie_word_embeddings"),
    "t5": T5(),
    "mt5": T5(),
    "umt5": T5(own_biases=True),
}
BARTS = {
    "bart": Bart(table_norm=True, offset=2),
    "blenderbot": Bart(pre_norm=True, last_norm=True),
    "blenderbot-small": Bart(table_norm=True),
    "m2m_100": Bart(pre_norm=True, last_norm=True, learned=False),
    "marian": Bart(learned=False, stored=True),
    "mbart": Bart(pre_norm=True, last_norm=True, table_norm=True, offset=2),
    "mvp": Bart(table_norm=True, offset=2),
    "pegasus": Bart(pre_norm=True, last_norm=True, learned=False, stored=True),
    "plbart": Bart(table_norm=True, offset=2),
}


class Built(NamedTuple):
    """What heads need: features of the decoder's steps, vectors of words."""

    steps: Tensor
    words: Tensor


# T5


def t5(net: GraphBuilder, c: Config, kind: T5, ids: Tensor, target: Tensor | None) -> Built:
    """Add T5's encoder, and its decoder where there is a target."""
    width, rows = c.whole("d_model"), c.whole("vocab_size")
    ties = kind.ties if isinstance(kind.ties, bool) else c.flag(kind.ties)
    if not ties:  # the table that is to be shared is there, and nothing reads it
        net.add(Parameter(shape=[rows, width]), name="shared")
    words = table(net, ids, rows, width, "shared" if ties else "encoder.embed_tokens")
    steps = ids.producer.op.output()[1]
    encoded = _t5_stack(net, c, kind, words, None, "encoder", c.count("num_layers"), steps)
    if target is None:
        return Built(encoded, words)
    again = table(net, target, rows, width, "decoder.embed_tokens")
    if ties:
        net.tie(again.producer, words.producer)
    layers = c.count("num_decoder_layers") if c.find("num_decoder_layers") is not None else c.count("num_layers")
    return Built(_t5_stack(net, c, kind, again, encoded, "decoder", layers, steps), words)


def _t5_stack(  # noqa: PLR0913, PLR0917 - what a stack needs
    net: GraphBuilder, c: Config, kind: T5, x: Tensor, memory: Tensor | None, root: str, layers: int, steps: int
) -> Tensor:
    """Add a side; `steps` are those of the text that it reads."""
    with within(net, root):
        for number in range(layers):
            with within(net, f"block.{number}", "block"):
                has_biases = kind.own_biases or number == 0
                is_sparse = _is_sparse(c, root, number)
                x = _t5_block(net, c, x, memory, has_biases=has_biases, sparse=is_sparse, steps=steps)
        return norm(net, x, "rms", "final_layer_norm")


def _is_sparse(c: Config, side: str, number: int) -> bool:
    """Whether a layer of Switch Transformers has experts."""
    if c.kind != "switch_transformers":
        return False
    layers = c.count(
        "num_layers" if side == "encoder" or c.find("num_decoder_layers") is None else "num_decoder_layers"
    )
    if f"{side}_sparse_step" in c.given:
        step = c.whole(f"{side}_sparse_step", 0)
    else:
        count = c.whole(f"num_sparse_{side}_layers", 0)
        step = layers // count if count else layers
    return step == 1 or (step > 0 and number % step == 1)


def _switch(net: GraphBuilder, c: Config, x: Tensor, *, sparse: bool) -> Tensor:
    """Add a feed-forward network, or experts of which a step goes to one, as none is dropped."""
    act, width = c.text("dense_act_fn"), c.whole("d_model")
    with within(net, "mlp"):
        if not sparse:
            return mlp(net, x, Mlp(c.whole("d_ff"), act, gated=False, up="wi", down="wo"), width, c)
        own: dict[str, Any] = {
            "num_experts": c.whole("num_experts"),
            "top_k": 1,
            "units": c.whole("d_ff"),
            "gated": False,
            "activation": activation(c, act),
        }
        op = Mixture(**own, router_bias=True) if c.flag("router_bias") else MixtureOfExperts(**own)
        return net.add(op, x, name="experts")


def _t5_block(  # noqa: PLR0913 - what a block needs
    net: GraphBuilder, c: Config, x: Tensor, memory: Tensor | None, *, has_biases: bool, sparse: bool, steps: int
) -> Tensor:
    heads, size, width = c.whole("num_heads"), c.whole("d_kv"), c.whole("d_model")
    plain = Attention(heads, heads, size, width, causal=False, q="q", k="k", v="v", o="o")
    own = plain._replace(
        causal=memory is not None,
        window=windows.said(c) if memory is not None else None,
        position_biases=c.whole("relative_attention_num_buckets") if has_biases else 0,
        shared_position_biases=not has_biases,
    )
    with within(net, "layer.0", "self_attention"):
        inside = norm(net, x, "rms", "layer_norm")
        if c.kind == "longt5" and memory is None:
            inside = blocks.attend(net, c, inside, steps, is_first=has_biases)
        else:
            with within(net, "SelfAttention"):
                inside = attention(net, inside, own)
    x = add(net, x, inside)
    if memory is not None:
        with within(net, "layer.1", "cross_attention"):
            inside = norm(net, x, "rms", "layer_norm")
            with within(net, "EncDecAttention"):
                inside = attention(net, inside, plain, memory)
        x = add(net, x, inside)
    if c.kind == "switch_transformers":
        with within(net, f"layer.{1 if memory is None else 2}", "feed_forward"):
            return add(net, x, _switch(net, c, norm(net, x, "rms", "layer_norm"), sparse=sparse))
    form = c.text("feed_forward_proj", "relu")
    gated = c.flag("is_gated_act") if "is_gated_act" in c.given else form.startswith("gated-")
    m = Mlp(c.whole("d_ff"), form.rpartition("-")[2], gated=gated, gate="wi_0", up="wi_1" if gated else "wi", down="wo")
    with within(net, f"layer.{1 if memory is None else 2}", "feed_forward"):
        inside = norm(net, x, "rms", "layer_norm")
        with within(net, "DenseReluDense"):
            inside = mlp(net, inside, m, width, c)
    return add(net, x, inside)


# BART


def bart(net: GraphBuilder, c: Config, kind: Bart, ids: Tensor, target: Tensor, root: str) -> Built:
    """Add BART's encoder and decoder."""
    width, rows = c.whole("d_model"), c.whole("vocab_size")
    shares = shares_tables(c)
    ties = shares and c.flag("tie_word_embeddings")
    with within(net, root):
        if ties:
            words = table(net, ids, rows, width, "shared")
        elif shares:  # the table that is to be shared is there, and nothing reads it
            net.add(Parameter(shape=[rows, width]), name="shared")
        with within(net, "encoder"):
            words = words if ties else table(net, ids, rows, width, "embed_tokens")
            encoded = _bart_stack(net, c, kind, words, None)
        with within(net, "decoder"):
            again = table(net, target, rows if ties else own_rows(c), width, "embed_tokens")
            if ties:
                net.tie(again.producer, words.producer)
            return Built(_bart_stack(net, c, kind, again, encoded), words if shares else again)


def bart_decoder(net: GraphBuilder, c: Config, kind: Bart, ids: Tensor) -> Tensor:
    """Add BART's decoder alone, with what predicts words: its attention to an encoder computes nothing."""
    rows = c.whole("vocab_size")
    if own_rows(c) != rows:
        raise c.wrong("decoder_vocab_size", f"{rows}, as vocab_size, where there is no encoder")
    with within(net, "model.decoder", "decoder"):
        words = table(net, ids, rows, c.whole("d_model"), "embed_tokens")
        x = _bart_stack(net, c, kind, words, None, side="decoder")
    logits = dense(net, x, rows, "lm_head", bias=False)
    if c.flag("tie_word_embeddings"):
        net.tie(logits.producer, words.producer)
    return logits


def shares_tables(c: Config) -> bool:
    """Whether the encoder and the decoder have one vocabulary."""
    return c.find("share_encoder_decoder_embeddings") is not False


def own_rows(c: Config) -> int:
    """Return the words that a decoder knows which shares no table."""
    return c.maybe("decoder_vocab_size", 1) or c.whole("vocab_size")


def _bart_stack(net: GraphBuilder, c: Config, kind: Bart, x: Tensor, memory: Tensor | None, side: str = "") -> Tensor:
    side = side or ("encoder" if memory is None else "decoder")
    if kind.learned or kind.stored:
        rows = c.whole("max_position_embeddings") + kind.offset
        op = LearnedPositions(input_dim=rows, indexed=True)
        x = net.add(op, x, name="embed_positions", trainable=kind.learned)
    if kind.table_norm:
        x = norm(net, x, "layer", "layernorm_embedding")
    before = None
    if c.find("use_prompt") is True and side == "decoder":  # transformers builds none for the encoder
        before = prompts(net, c, c.count("decoder_layers", 1))
    x = side_layers(net, c, x, memory, side, pre_norm=kind.pre_norm, before=before)
    return norm(net, x, "layer", "layer_norm") if kind.last_norm else x


def side_layers(  # noqa: PLR0913 - what a stack needs
    net: GraphBuilder,
    c: Config,
    x: Tensor,
    memory: Tensor | None,
    side: str,
    *,
    pre_norm: bool,
    key_bias: bool = True,
    before: Mapping[str, Sequence[Tensor]] | None = None,
) -> Tensor:
    """Add the layers of one side, `encoder` or `decoder`, as BART has them.

    `before` has by the name of an attention what it reads before its keys and values, of shape (1, steps, width):
    of each layer two.
    """
    heads, width = c.whole(f"{side}_attention_heads"), c.whole("d_model")
    if width % heads:
        raise c.wrong(f"{side}_attention_heads", f"a divisor of {width}, the d_model")
    plain = biased(width, heads, key_bias=key_bias)
    m = Mlp(c.whole(f"{side}_ffn_dim"), c.text("activation_function"), gated=False, bias=True, up="fc1", down="fc2")
    for number in range(c.count(f"{side}_layers")):
        with within(net, f"layers.{number}", "layer"):
            causal = side == "decoder"
            own = plain._replace(causal=causal, window=windows.said(c) if causal else None)
            prompt = {name: rows[2 * number : 2 * number + 2] for name, rows in before.items()} if before else {}
            x = _residual(net, x, "self_attn", pre_norm=pre_norm, a=own, prompt=prompt.get("self_attn", ()))
            if memory is not None:
                seen = prompt.get("encoder_attn", ())
                x = _residual(net, x, "encoder_attn", pre_norm=pre_norm, a=plain, memory=memory, prompt=seen)
            elif causal:
                crossing.idle(net, width)
            inside = norm(net, x, "layer", "final_layer_norm") if pre_norm else x
            x = add(net, x, mlp(net, inside, m, width, c))
            x = x if pre_norm else norm(net, x, "layer", "final_layer_norm")
    return x


def _residual(  # noqa: PLR0913 - what a part needs
    net: GraphBuilder,
    x: Tensor,
    name: str,
    *,
    pre_norm: bool,
    a: Attention,
    memory: Tensor | None = None,
    prompt: Sequence[Tensor] = (),
) -> Tensor:
    inside = norm(net, x, "layer", f"{name}_layer_norm") if pre_norm else x
    with within(net, name):
        inside = attention(net, inside, a, memory, prompt)
    x = add(net, x, inside)
    return x if pre_norm else norm(net, x, "layer", f"{name}_layer_norm")


# Whisper


def whisper(net: GraphBuilder, c: Config, sound: Tensor, target: Tensor, root: str) -> Built:
    """Add Whisper: two convolutions of sound and an encoder, a decoder of text."""
    width = c.whole("d_model")
    with within(net, root):
        with within(net, "encoder"):
            x = activate(net, _conv(net, sound, width, 1, "conv1"), c, "gelu")
            x = activate(net, _conv(net, x, width, 2, "conv2"), c, "gelu")
            op = LearnedPositions(input_dim=c.whole("max_source_positions"))
            x = net.add(op, x, name="embed_positions", trainable=False)
            x = side_layers(net, c, x, None, "encoder", pre_norm=True, key_bias=False)
            encoded = norm(net, x, "layer", "layer_norm")
        with within(net, "decoder"):
            words = table(net, target, c.whole("vocab_size"), width, "embed_tokens")
            op = LearnedPositions(input_dim=c.whole("max_target_positions"), indexed="each_sample")
            x = net.add(op, words, name="embed_positions")
            x = side_layers(net, c, x, encoded, "decoder", pre_norm=True, key_bias=False)
            return Built(norm(net, x, "layer", "layer_norm"), words)


def _conv(net: GraphBuilder, x: Tensor, filters: int, stride: int, name: str) -> Tensor:
    return net.add(Conv1D(filters=filters, kernel_size=3, strides=stride, padding=1), x, name=name)


def head(net: GraphBuilder, c: Config, built: Built, name: str, *, ties: bool) -> Tensor:
    """Add what predicts words."""
    rows = c.whole("vocab_size") if shares_tables(c) else own_rows(c)
    logits = dense(net, built.steps, rows, name, bias=False)
    if ties:
        net.tie(logits.producer, built.words.producer)
    return logits

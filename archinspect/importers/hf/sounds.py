"""Encoders of waves: convolutions make steps of them, which a transformer reads. wav2vec 2.0 and its kin.

Baevski et al. 2020, arXiv:2006.11477; Hsu et al. 2021, arXiv:2106.07447; Chen et al. 2022, arXiv:2110.13900.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.printable import printable
from archinspect.importers.hf.parts import (
    Attention,
    Mlp,
    activate,
    add,
    attention,
    biased,
    core,
    dense,
    mlp,
    norm,
    reshape,
    rotate,
    within,
)
from archinspect.importers.hf.relative import RelativeScores
from archinspect.importers.hf.wanted import ending
from archinspect.ops.activation import GLU
from archinspect.ops.conv import Conv1D
from archinspect.ops.merge import Average
from archinspect.ops.norm import BatchNormalization, GroupNormalization
from archinspect.ops.source import Parameter
from archinspect.ops.tensor import ReduceMean, Slice

if TYPE_CHECKING:
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.wanted import Wanted

SAMPLES = 16_000
"""Of a wave of a second."""
ROOTS = {kind: kind.replace("-", "_") for kind in ("data2vec-audio", "unispeech-sat", "wav2vec2-conformer")}
PLAIN = ("hubert", "unispeech", "unispeech-sat")
"""Types without adapters after the last layer."""
FRAMES = "ForAudioFrameClassification"
MASKS = 0.05
"""The share of steps that is masked in training, unless a file says another."""


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add an encoder of waves with its head."""
    end = ending(c, architecture, ("ForCTC", "ForSequenceClassification", FRAMES, "Model")) if architecture else "Model"
    adapts = c.kind not in PLAIN and c.find("add_adapter") is True
    if end == FRAMES and c.kind in ("hubert", "unispeech"):
        raise c.refuse(f"the class '{printable(architecture)}' is not read")
    if adapts and end in ("ForSequenceClassification", FRAMES):
        raise c.refuse("a classifier with add_adapter is not read: such a model does not run")
    stable = c.find("do_stable_layer_norm") is True and c.kind in (*PLAIN, "wav2vec2")
    if stable and c.find("adapter_attn_dim") is not None:
        raise c.refuse("adapters in layers, with adapter_attn_dim, are not read")
    net = wanted.net
    (wave,) = wanted.words(None, input_values=(SAMPLES,))
    states: list[Tensor] = []
    with within(net, ROOTS.get(c.kind, c.kind) if end != "Model" else ""):
        x = _encoder(net, c, wave, states)
        x = _adapted(net, c, x) if adapts else x
    if end == "Model":
        return (x,)
    if end == "ForCTC":
        return (dense(net, x, c.whole("vocab_size"), "lm_head"),)
    if c.flag("use_weighted_layer_sum"):
        net.add(Parameter(shape=[len(states)]), name="layer_weights")
        x = net.add(Average(), *states)
    if end == FRAMES:
        return (dense(net, x, c.labels(), "classifier"),)
    x = dense(net, x, c.whole("classifier_proj_size"), "projector")
    return (dense(net, net.add(ReduceMean(axis=[1]), x), c.labels(), "classifier"),)


def _adapted(net: GraphBuilder, c: Config, x: Tensor) -> Tensor:
    """Add convolutions after the last layer, which make fewer steps."""
    width = c.maybe("output_hidden_size", 1) or c.whole("hidden_size")
    with within(net, "adapter"):
        if width != c.whole("hidden_size"):
            x = norm(net, dense(net, x, width, "proj"), "layer", "proj_layer_norm")
        for number in range(c.count("num_adapter_layers")):
            op = Conv1D(
                filters=2 * width,
                kernel_size=c.whole("adapter_kernel_size"),
                strides=c.whole("adapter_stride"),
                padding=1,
            )
            x = net.add(GLU(), net.add(op, x, name=f"layers.{number}.conv"))
    return x


def _encoder(net: GraphBuilder, c: Config, wave: Tensor, states: list[Tensor]) -> Tensor:
    width = c.whole("hidden_size")
    x = _convolutions(net, c, reshape(net, wave, -1, 1))
    with within(net, "feature_projection"):
        if c.kind != "hubert" or c.flag("feat_proj_layer_norm"):
            x = norm(net, x, "layer", "layer_norm")
        x = dense(net, x, width, "projection")
    shares = [c.number(name) if c.find(name) is not None else otherwise for name, otherwise in _MASKS.items()]
    if any(share > 0 for share in shares):
        net.add(Parameter(shape=[width]), name="masked_spec_embed")
    with within(net, "encoder"):
        return _layers(net, c, x, states)


_MASKS = {"mask_time_prob": MASKS, "mask_feature_prob": 0.0}


def _convolutions(net: GraphBuilder, c: Config, x: Tensor) -> Tensor:
    """Add the convolutions of a wave."""
    widths, kernels, strides = (c.ints(f"conv_{name}", least=1) for name in ("dim", "kernel", "stride"))
    if not len(widths) == len(kernels) == len(strides):
        raise c.wrong("conv_dim", "as long as conv_kernel and conv_stride")
    kind = "layer" if c.kind == "data2vec-audio" else c.text("feat_extract_norm")
    if kind not in ("group", "layer"):
        raise c.wrong("feat_extract_norm", "group or layer")
    for number, (width, kernel, stride) in enumerate(zip(widths, kernels, strides, strict=True)):
        with within(net, f"feature_extractor.conv_layers.{number}", "layer"):
            op = Conv1D(filters=width, kernel_size=kernel, strides=stride, use_bias=c.flag("conv_bias"))
            x = net.add(op, x, name="conv")
            if kind == "layer":
                x = norm(net, x, "layer", "layer_norm")
            elif number == 0:
                x = net.add(GroupNormalization(groups=width), x, name="layer_norm")
            x = activate(net, x, c, c.text("feat_extract_activation"))
    return x


def _positions(net: GraphBuilder, c: Config, x: Tensor) -> Tensor:
    """Add the convolutions that say where a step is."""
    if c.kind == "data2vec-audio":
        kernel = c.whole("conv_pos_kernel_size")
        for number in range(c.count("num_conv_pos_embeddings")):
            with within(net, f"layers.{number}", "layer"):
                x = norm(net, _position(net, c, x, kernel), "plain", "layer_norm")
                x = activate(net, x, c, c.text("feat_extract_activation"))
        return x
    kernel = c.whole("num_conv_pos_embeddings")
    if c.kind == "hubert" and c.flag("conv_pos_batch_norm"):
        x = net.add(BatchNormalization(), x, name="batch_norm")
    else:
        net.add(Parameter(shape=[kernel]), name="conv.weight_g")  # the lengths of its weights
    return activate(net, _position(net, c, x, kernel), c, c.text("feat_extract_activation"))


def _position(net: GraphBuilder, c: Config, x: Tensor, kernel: int) -> Tensor:
    groups = c.whole("num_conv_pos_embedding_groups")
    op = Conv1D(filters=c.whole("hidden_size"), kernel_size=kernel, padding=kernel // 2, groups=groups)
    x = net.add(op, x, name="conv")
    return net.add(Slice(stop=-1), x) if kernel % 2 == 0 else x


def _unused_positions(net: GraphBuilder, c: Config) -> None:
    """Add the weights of convolutions that are there, and that nothing reads."""
    width, kernel, groups = (
        c.whole("hidden_size"),
        c.whole("num_conv_pos_embeddings"),
        c.whole("num_conv_pos_embedding_groups"),
    )
    for name, shape in (("weight_g", [kernel]), ("weight_v", [width, width // groups, kernel]), ("bias", [width])):
        net.add(Parameter(shape=[*shape]), name=f"conv.{name}")


def _layers(net: GraphBuilder, c: Config, x: Tensor, states: list[Tensor]) -> Tensor:
    conformer = c.kind == "wav2vec2-conformer"
    stable = c.find("do_stable_layer_norm") is True
    with within(net, "pos_conv_embed"):
        if conformer:
            _unused_positions(net, c)
        else:
            placed = _positions(net, c, x)
    x = x if conformer else add(net, x, placed)
    late = stable or conformer
    x = x if late else norm(net, x, "layer", "layer_norm")
    states.append(x)
    for number in range(c.count("num_hidden_layers")):
        with within(net, f"layers.{number}", "layer"):
            x = _conformer(net, c, x) if conformer else _layer(net, c, x, number, stable=stable)
        states.append(x)
    return norm(net, x, "layer", "layer_norm") if late else x


def _layer(net: GraphBuilder, c: Config, x: Tensor, number: int, *, stable: bool) -> Tensor:
    width = c.whole("hidden_size")
    inside = norm(net, x, "layer", "layer_norm") if stable else x
    with within(net, "attention"):
        if c.kind == "wavlm":
            _gate(net, c, inside, number)
        inside = attention(net, inside, _attention(c))
    x = add(net, x, inside)
    x = x if stable else norm(net, x, "layer", "layer_norm")
    inside = norm(net, x, "layer", "final_layer_norm") if stable else x
    x = add(net, x, _feed(net, c, inside, width, "feed_forward"))
    return x if stable else norm(net, x, "layer", "final_layer_norm")


def _attention(c: Config) -> Attention:
    width, heads = c.whole("hidden_size"), c.whole("num_attention_heads")
    if width % heads:
        raise c.wrong("num_attention_heads", f"a divisor of {width}, the hidden_size")
    return biased(width, heads)


def _gate(net: GraphBuilder, c: Config, x: Tensor, number: int) -> None:
    """Add WavLM's gates of biases of relative positions, which the first layer has."""
    heads = c.whole("num_attention_heads")
    apart = reshape(net, x, -1, heads, c.whole("hidden_size") // heads)
    dense(net, apart, GATES, "gru_rel_pos_linear")
    net.add(Parameter(shape=[heads]), name="gru_rel_pos_const")
    if not number:
        net.add(Parameter(shape=[c.whole("num_buckets"), heads]), name="rel_attn_embed")


GATES = 8


def _feed(net: GraphBuilder, c: Config, x: Tensor, width: int, name: str) -> Tensor:
    m = Mlp(
        c.whole("intermediate_size"),
        c.text("hidden_act"),
        gated=False,
        bias=True,
        up="intermediate_dense",
        down="output_dense",
    )
    with within(net, name):
        return mlp(net, x, m, width, c)


def _conformer(net: GraphBuilder, c: Config, x: Tensor) -> Tensor:
    """Add a layer of Conformer (Gulati et al. 2020, arXiv:2005.08100)."""
    width = c.whole("hidden_size")
    x = add(net, x, _feed(net, c, norm(net, x, "layer", "ffn1_layer_norm"), width, "ffn1"))
    inside = norm(net, x, "layer", "self_attn_layer_norm")
    with within(net, "self_attn"):
        inside = _relative(net, c, inside)
    x = add(net, x, inside)
    with within(net, "conv_module"):
        x = add(net, x, _convolution(net, c, x))
    x = add(net, x, _feed(net, c, norm(net, x, "layer", "ffn2_layer_norm"), width, "ffn2"))
    return norm(net, x, "layer", "final_layer_norm")


def _relative(net: GraphBuilder, c: Config, x: Tensor) -> Tensor:
    """Add attention with positions relative to each other, rotated, or none."""
    a = _attention(c)
    kind = c.text("position_embeddings_type")
    if kind == "rotary":
        turned = rotate(net, x, a.heads, a.size, a.size)
    elif kind in ("relative", ""):
        turned = x
    else:
        raise c.wrong("position_embeddings_type", "relative, rotary or null")
    query, key = (dense(net, turned, a.out, f"linear_{one}") for one in "qk")
    value = dense(net, x, a.out, "linear_v")
    if kind == "relative":
        query = net.add(RelativeScores(features=a.out, fewer=1), query, name="relative_positions")
    return dense(net, net.add(core(a), query, key, value, name="attention"), a.out, "linear_out")


def _convolution(net: GraphBuilder, c: Config, x: Tensor) -> Tensor:
    width, kernel = c.whole("hidden_size"), c.whole("conv_depthwise_kernel_size")
    if kernel % 2 == 0:
        raise c.wrong("conv_depthwise_kernel_size", "an odd number")
    x = norm(net, x, "layer", "layer_norm")
    x = net.add(Conv1D(filters=2 * width, kernel_size=1, use_bias=False), x, name="pointwise_conv1")
    x = net.add(GLU(), x)
    op = Conv1D(filters=width, kernel_size=kernel, padding=kernel // 2, groups=width, use_bias=False)
    x = net.add(BatchNormalization(), net.add(op, x, name="depthwise_conv"), name="batch_norm")
    x = activate(net, x, c, c.text("hidden_act"))
    return net.add(Conv1D(filters=width, kernel_size=1, use_bias=False), x, name="pointwise_conv2")

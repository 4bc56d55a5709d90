"""Patches of videos and spectrograms, which a vision transformer reads as those of pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.hf.parts import reshape, within
from archinspect.importers.hf.vit import Vit
from archinspect.ops.conv import Conv2D, Conv3D
from archinspect.ops.embed import ClassToken, LearnedPositions

if TYPE_CHECKING:
    from archinspect.base.source import Value
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config


def tubes(net: GraphBuilder, c: Config, video: Tensor) -> Tensor:
    """Add VideoMAE's patches of several frames."""
    height, width = c.pair("patch_size")
    size: list[Value] = [c.whole("tubelet_size"), height, width]
    op = Conv3D(filters=c.whole("hidden_size"), kernel_size=size, strides=size)
    x = net.add(op, video, name="embeddings.patch_embeddings.projection")
    return reshape(net, x, -1, c.whole("hidden_size"))


VIDEO = Vit(
    "videomae",
    (),
    layers="encoder.layer",
    attention="attention",
    q="attention.query",
    k="attention.key",
    v="attention.value",
    o="output.dense",
    q_bias="qv_bias",
    k_bias=False,
    v_bias="qv_bias",
    up="intermediate.dense",
    down="output.dense",
    last_flag="not use_mean_pooling",
)
SPECTROGRAM = Vit("audio_spectrogram_transformer", (("cls_token", 1), ("distillation_token", 1)), uneven=True)


def spectrogram(net: GraphBuilder, c: Config, sound: Tensor) -> Tensor:
    """Add the patches of a spectrogram, which overlap, with tokens and positions."""
    width, patch = c.whole("hidden_size"), c.whole("patch_size")
    strides: list[Value] = [c.whole("time_stride"), c.whole("frequency_stride")]
    x = reshape(net, sound, c.whole("max_length"), c.whole("num_mel_bins"), 1)
    with within(net, "embeddings"):
        op = Conv2D(filters=width, kernel_size=patch, strides=strides)
        x = reshape(net, net.add(op, x, name="patch_embeddings.projection"), -1, width)
        for name, count in reversed(SPECTROGRAM.tokens):
            x = net.add(ClassToken(n=count), x, name=name)
        return net.add(LearnedPositions(), x, name="position_embeddings")

"""Every operator as Keras has it: layers, or expressions of `keras.ops`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from archinspect.exporters.code import AT_RANDOM, SAME
from archinspect.exporters.keras import axes, elementwise, features, images, maps, places, tensors
from archinspect.ops import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.exporters.code import Step
    from archinspect.exporters.keras.use import Chain, Use


def _each(*ranks: int, **names: Callable[[Use], Step | Chain]) -> dict[str, Callable[[Use], Step | Chain]]:
    return {name.replace("_", f"{rank}D"): made for name, made in names.items() for rank in ranks}


OPERATORS: dict[str, Callable[[Use], Step | Chain]] = {
    **_each(
        *(1, 2, 3),
        Conv_=maps.convolution,
        Conv_Transpose=maps.transposed,
        MaxPooling_=maps.max_pooling,
        AveragePooling_=maps.average_pooling,
        GlobalMaxPooling_=maps.global_pooling,
        GlobalAveragePooling_=maps.global_pooling,
        AdaptiveMaxPooling_=maps.adaptive,
        AdaptiveAveragePooling_=maps.adaptive,
        ZeroPadding_=maps.padding,
        Cropping_=maps.cropping,
        UpSampling_=maps.upsampling,
        SpatialDropout_=elementwise.spatial_dropout,
    ),
    **_each(1, 2, DepthwiseConv_=maps.convolution),
    **_each(1, 2, 3, ConvLSTM_=images.conv_lstm),
    "RoIAlign": maps.roi_align,
    "Upsample": maps.upsampling,
    "UpsampleBilinear": maps.upsampling,
    "Resizing": images.resizing,
    **dict.fromkeys(("CenterCrop", "RandomCrop"), images.crop),
    **{name: images.at_random for name in AT_RANDOM if name != "RandomCrop"},
    "Normalization": images.normalization,
    "CategoryEncoding": images.categories,
    "Discretization": images.intervals,
    "Hashing": images.hashed,
    **dict.fromkeys(("IntegerLookup", "StringLookup"), images.looked_up),
    "ResizeLike": maps.resize_like,
    "CropLike": maps.crop_like,
    "ChannelShuffle": partial(maps.shuffle, name="channel_shuffle", argument="groups"),
    "PixelShuffle": partial(maps.shuffle, name="pixel_shuffle", argument="upscale_factor"),
    "PixelUnshuffle": partial(maps.shuffle, name="pixel_unshuffle", argument="downscale_factor"),
    "BatchNormalization": maps.batch_norm,
    "FrozenBatchNormalization": maps.frozen_batch_norm,
    "GroupNormalization": maps.group_norm,
    "InstanceNormalization": maps.instance_norm,
    "LayerNormalization": maps.layer_norm,
    "RMSNormalization": maps.rms_norm,
    "LocalResponseNormalization": maps.local_response_norm,
    "UnitNormalization": maps.unit_norm,
    "LayerScale": maps.layer_scale,
    "Dense": features.dense,
    "ScaledDotProductAttention": features.attention,
    "RotaryEmbedding": features.rotary,
    "MixtureOfExperts": features.experts,
    "_FurtherStep": partial(images.refused, reason="Keras has no attention with `add_bias_kv` or `add_zero_attn`"),
    "SimpleRNN": features.recurrent,
    "LSTM": features.recurrent,
    "GRU": features.recurrent,
    **dict.fromkeys(("SimpleRNNCell", "LSTMCell", "GRUCell"), features.one_step),
    "SelectiveScan": features.selective_scan,
    "LinearAttention": features.linear_attention,
    "DeltaRule": features.delta_rule,
    "GeneralizedDeltaRule": features.generalized_delta_rule,
    "WKV": features.wkv,
    "MLSTM": features.mlstm,
    "SLSTM": features.slstm,
    "Embedding": features.embedding,
    "EmbeddingBag": features.embedding_bag,
    "SinusoidalEmbedding": features.sinusoids,
    "LearnedPositions": features.positions,
    "ClassToken": features.class_token,
    "LearnedTokens": features.learned_tokens,
    "Parameter": features.parameter,
    "Constant": features.constant,
    "Einsum": features.einsum,
    "EinsumDense": features.einsum_dense,
    "Flatten": axes.flatten,
    "Reshape": axes.reshape,
    **dict.fromkeys(("ReshapeLike", "_AsQuery"), axes.reshape_like),
    "Permute": axes.permute,
    "RepeatVector": axes.repeat_vector,
    "MatMul": axes.mat_mul,
    "Slice": axes.part,
    "Select": axes.select,
    "ReduceSum": partial(axes.reduction, name="sum"),
    "ReduceMean": partial(axes.reduction, name="mean"),
    "ReduceMax": partial(axes.reduction, name="max"),
    "Roll": axes.roll,
    "WindowPartition": axes.windows,
    "WindowReverse": axes.from_windows,
    "Split": axes.split,
    "Unbind": axes.unbind,
    "TopK": axes.top_k,
    "TimeDistributed": axes.each_step,
    "SpectralNormalization": images.spectral,
    "WeightStandardization": partial(images.refused, reason="Keras has no weight standardization"),
    "WeightNorm": partial(images.refused, reason="Keras has no weight normalization"),
    "SpectralNorm": partial(images.refused, reason="Keras's spectral norm keeps one vector: `SpectralNormalization`"),
    "DeformConv2D": partial(images.refused, reason="Keras has no deformable convolution"),
    "GlobalResponseNormalization": images.response_norm,
    "Maxout": images.maxout,
    **_each(1, 3, PixelShuffle_=images.pixels, PixelUnshuffle_=images.pixels),
    **_each(1, 2, 3, MaxUnpooling_=partial(images.refused, reason="Keras has no pooling backward by indices")),
    "GridSample": partial(images.refused, reason="Keras has no layer that reads a map at points"),
    "DeformableAttention": partial(images.refused, reason="Keras has no layer that reads a map at points"),
    "AffineGrid": partial(images.refused, reason="Keras has no layer that reads a map at points"),
    "Fold": partial(images.refused, reason="Keras has no sum of patches"),
    "Unfold": images.unfold,
    "Bilinear": images.bilinear,
    **{
        name: partial(images.refused, reason="Keras transforms the last axes only, and complex numbers as pairs")
        for name in FAMILIES["fourier"]
        if name != "FFTConvolution"
    },
    "CRF": partial(images.refused, reason="Keras has no conditional random field"),
    "Custom": axes.custom,
    **dict.fromkeys(elementwise.NAMES, elementwise.activation),
    "ReLU": elementwise.relu,
    "ReLU6": elementwise.relu6,
    "LeakyReLU": elementwise.leaky_relu,
    "ELU": elementwise.elu,
    "PReLU": elementwise.prelu,
    "ThresholdedReLU": elementwise.threshold,
    "QuickGELU": elementwise.quick_gelu,
    "Softmax": elementwise.softmax,
    "LogSoftmax": elementwise.log_softmax,
    "GLU": elementwise.glu,
    **dict.fromkeys(("Add", "Subtract", "Multiply", "Maximum", "Minimum", "Average"), elementwise.merge),
    "Concatenate": elementwise.concatenate,
    "Dot": elementwise.dot,
    "SampleGaussian": elementwise.sample,
    "Identity": elementwise.identity,
    "StopGradient": elementwise.detached,
    **dict.fromkeys(("Dropout", "AlphaDropout", "GaussianDropout"), elementwise.dropout),
    "GaussianNoise": elementwise.noise,
    "StochasticDepth": elementwise.stochastic_depth,
    "Rescaling": elementwise.rescaling,
    **tensors.OPERATORS,
    **places.OPERATORS,
    "Masking": elementwise.masking,
}
"""By the operator's name. What is built of other operators, as `SeparableConv2D`, is not here: those are."""
OPERATORS |= {name: OPERATORS[same] for name, same in SAME.items()}

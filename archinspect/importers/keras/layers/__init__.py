"""Which of our operators Keras's layers are: one table, by the class's name.

A function takes a :class:`archinspect.importers.keras.build.Use` and adds nodes. To add a layer: a function in its
family's module, its name in the table there.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.graph.graph import Tensor
    from archinspect.importers.keras.build import Use

    Made = Tensor | tuple[Tensor, ...]
    Add = Callable[[Use], Made]

FAMILIES: dict[str, tuple[str, ...]] = {
    "plain": (
        *("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "ThresholdedReLU", "Softmax"),
        *("Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"),
        *("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D", "Dense", "EinsumDense"),
        *("Convolution1D", "Convolution2D", "Convolution3D", "Convolution1DTranspose", "Convolution2DTranspose"),
        *("Convolution3DTranspose", "SeparableConvolution1D", "SeparableConvolution2D"),
        *("MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "AveragePooling1D", "AveragePooling2D", "AveragePooling3D"),
        *("MaxPool1D", "MaxPool2D", "MaxPool3D", "AvgPool1D", "AvgPool2D", "AvgPool3D"),
        *("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D"),
        *("GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D"),
        *("GlobalMaxPool1D", "GlobalMaxPool2D", "GlobalMaxPool3D"),
        *("GlobalAvgPool1D", "GlobalAvgPool2D", "GlobalAvgPool3D"),
        *("AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D"),
        *("AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D"),
        *("Flatten", "Reshape", "Permute", "RepeatVector", "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D"),
        *("Cropping1D", "Cropping2D", "Cropping3D", "UpSampling1D", "UpSampling2D", "UpSampling3D"),
        *(
            "Embedding",
            "ReversibleEmbedding",
            "Masking",
            "Identity",
            "ActivityRegularization",
            "UnitNormalization",
            "RMSNormalization",
        ),
        *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout", "GaussianDropout"),
        *("GaussianNoise", "StochasticDepth", "FixedDropout", "SReLU", "ParametricSoftplus", "Swish"),
    ),
    "norms": (
        *("BatchNormalization", "SyncBatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2"),
        *("LayerNormalization", "InstanceNormalization", "Scale"),
        *("GroupNormalization", "Normalization", "LayerScale", "Rescaling", "SpectralNormalization"),
    ),
    "merges": (
        *("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot", "Merge"),
        *("CustomScaleLayer",),
    ),
    "recurrent": (
        *("SimpleRNN", "LSTM", "GRU", "CuDNNLSTM", "CuDNNGRU", "UnifiedLSTM", "UnifiedGRU", "RNN", "Bidirectional"),
        *("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"),
    ),
    "attention": (
        *("MultiHeadAttention", "GroupQueryAttention", "GroupedQueryAttention", "Attention", "AdditiveAttention"),
    ),
    "preprocess": (
        *("Resizing", "CenterCrop", "RandomCrop", "CategoryEncoding", "Discretization", "Hashing"),
        *("IntegerLookup", "StringLookup", "TextVectorization", "AugMix", "AutoContrast", "CutMix", "MixUp"),
        *("RandAugment", "Equalization", "Solarization", "ContrastLimitedAdaptiveHistogramEqualization"),
    ),
    "wrappers": ("TimeDistributed", "Lambda", "Pipeline"),
    "local": ("LocallyConnected1D", "LocallyConnected2D", "Highway", "MaxoutDense", "TimeDistributedDense"),
    "quantized": (
        *("QDense", "QConv1D", "QConv2D", "QDepthwiseConv2D", "QSeparableConv1D", "QSeparableConv2D"),
        *("QConv2DTranspose", "QActivation", "QBatchNormalization", "QAveragePooling2D", "QGlobalAveragePooling2D"),
        *("QSimpleRNN", "QLSTM", "QGRU", "QBidirectional"),
    ),
}
"""Every layer that is known, by the module that adds it."""
_FAMILY = {name: family for family, names in FAMILIES.items() for name in names}


def find(kind: str) -> Add | None:
    """Return what adds a layer of this class; None where none is known."""
    family = _FAMILY.get(kind)
    if family is None and kind.startswith("Random"):
        family = "preprocess"
    if family is None:
        return None
    layers: dict[str, Add] = import_module(f"archinspect.importers.keras.layers.{family}").LAYERS
    return layers.get(kind) or layers.get("Random")

"""All operators: the one visible table of names, and the lookup by any name a framework gives them.

A family's module is imported when a network uses it, since importing all would cost more than
everything else a small summary does. To add an operator: a class in its family's module, its name here.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archinspect.ops.base import Op

FAMILIES: dict[str, tuple[str, ...]] = {
    "conv": (
        *("Conv1D", "Conv2D", "Conv3D", "DepthwiseConv1D", "DepthwiseConv2D"),
        *("SeparableConv1D", "SeparableConv2D"),
    ),
    "dynamic": ("DynamicConv1D", "DynamicConv2D", "DynamicConv3D"),
    "transposed": ("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"),
    "dense": ("Dense",),
    "pool": (
        *("MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "AveragePooling1D", "AveragePooling2D", "AveragePooling3D"),
    ),
    "globalpool": (
        *("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D"),
        *("GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D"),
    ),
    "adaptivepool": (
        *("AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D"),
        *("AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D"),
    ),
    "regions": ("RoIAlign",),
    "norm": (
        *("BatchNormalization", "FrozenBatchNormalization", "LayerNormalization", "GroupNormalization"),
        *("InstanceNormalization", "RMSNormalization", "UnitNormalization", "LayerScale"),
    ),
    "response": ("LocalResponseNormalization",),
    "activation": (
        *("Activation", "ReLU", "ReLU6", "LeakyReLU", "PReLU", "ThresholdedReLU", "ELU", "SELU", "CELU", "GELU"),
        *("QuickGELU", "SiLU", "Sigmoid", "LogSigmoid", "Tanh", "Softplus", "Softsign", "Mish", "Exponential"),
        *("HardSigmoid", "HardSwish", "HardTanh", "HardShrink", "SoftShrink", "TanhShrink"),
        *("Softmax", "LogSoftmax", "GLU"),
    ),
    "elementwise": (
        *("Sqrt", "Rsqrt", "Square", "Abs", "Log", "Log1p", "Expm1", "Sin", "Cos", "Erf", "Reciprocal", "Negative"),
        *("Sign", "Floor", "Ceil", "Round", "Clip", "LogicalNot", "Cast"),
        *("Log2", "Log10", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Trunc"),
    ),
    "choose": (
        *("Divide", "Power", "Equal", "NotEqual", "GreaterThan", "GreaterEqual", "LessThan", "LessEqual"),
        *("LogicalAnd", "LogicalOr", "LogicalXor", "Where", "MaskedFill"),
    ),
    "merge": ("Add", "Subtract", "Multiply", "Maximum", "Minimum", "Average", "Concatenate", "Dot"),
    "reshape": ("Flatten", "Reshape", "Permute", "RepeatVector"),
    "borders": ("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D", "Cropping1D", "Cropping2D", "Cropping3D"),
    "upsampling": ("UpSampling1D", "UpSampling2D", "UpSampling3D", "Upsample", "UpsampleBilinear"),
    "shuffle": (
        *("ChannelShuffle", "PixelShuffle", "PixelUnshuffle"),
        *("PixelShuffle1D", "PixelShuffle3D", "PixelUnshuffle1D", "PixelUnshuffle3D"),
    ),
    "windows": ("WindowPartition", "WindowReverse"),
    "like": ("ResizeLike", "CropLike", "ReshapeLike"),
    "layout": (
        *(
            "Squeeze",
            "Unsqueeze",
            "Expand",
            "Tile",
            "Repeat",
            "Stack",
            "Flip",
            "SwapAxes",
            "MoveAxis",
            "Transpose",
            "Tril",
            "Triu",
        ),
    ),
    "lookup": ("Gather", "EmbeddingLookup", "TakeAlongAxis", "ScatterAdd", "OneHot"),
    "image": ("Resizing",),
    "preprocess": (
        *("Normalization", "CenterCrop", "RandomCrop", "RandomFlip", "RandomRotation", "RandomZoom"),
        *("RandomTranslation", "RandomShear", "RandomPerspective", "RandomElasticTransform", "RandomErasing"),
        *("RandomGaussianBlur", "RandomBrightness", "RandomContrast", "RandomColorJitter", "RandomColorDegeneration"),
        *("RandomGrayscale", "RandomHue", "RandomInvert", "RandomPosterization", "RandomSaturation"),
        *("RandomSharpness", "AugMix", "CutMix", "MixUp", "RandAugment", "Equalization", "Solarization"),
        *("CategoryEncoding", "Discretization"),
    ),
    "words": ("Hashing", "HashedCrossing", "IntegerLookup", "StringLookup", "TextVectorization"),
    "embed": (
        *("Embedding", "EmbeddingBag", "SinusoidalEmbedding", "LearnedPositions", "ClassToken", "LearnedTokens"),
    ),
    "multihead": ("MultiHeadAttention",),
    "attention": ("ScaledDotProductAttention",),
    "neighborhood": ("NA1D", "NA2D", "NA3D"),
    "rotary": ("RotaryEmbedding", "RotaryTables"),
    "luong": ("Attention", "AdditiveAttention"),
    "experts": ("MixtureOfExperts",),
    "recurrent": ("SimpleRNN", "LSTM", "GRU"),
    "cells": ("SimpleRNNCell", "LSTMCell", "GRUCell"),
    "sampling": (
        *("GridSample", "AffineGrid", "Unfold", "Fold", "MaxUnpooling1D", "MaxUnpooling2D", "MaxUnpooling3D"),
    ),
    "bilinear": ("Bilinear",),
    "deform": ("DeformConv2D",),
    "weightnorm": ("WeightNorm", "WeightStandardization", "SpectralNorm", "SpectralNormalization"),
    "channels": ("GlobalResponseNormalization", "Maxout"),
    "convlstm": ("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"),
    "scan": ("SelectiveScan",),
    "linear": ("LinearAttention",),
    "deformable": ("DeformableAttention",),
    "delta": ("DeltaRule", "GeneralizedDeltaRule"),
    "wkv": ("WKV",),
    "crf": ("CRF",),
    "xlstm": ("MLSTM", "SLSTM"),
    "fourier": ("FFT", "InverseFFT", "RFFT", "InverseRFFT", "ComplexMultiply", "FFTConvolution"),
    "wrap": ("TimeDistributed", "Bidirectional"),
    "matmul": ("MatMul",),
    "tensor": (
        *("Slice", "Select", "ReduceSum", "ReduceMean", "ReduceMax", "Roll"),
        *("SampleGaussian", "Custom"),
    ),
    "reduce": (
        *("ReduceMin", "ReduceProd", "ReduceVar", "ReduceStd", "ReduceL1", "ReduceL2", "ReduceLogSumExp"),
        *("ReduceAny", "ReduceAll", "ArgMax", "ArgMin", "CumSum", "CumProd", "Sort"),
    ),
    "several": ("Split", "Unbind", "TopK"),
    "einsum": ("Einsum", "EinsumDense"),
    "source": ("Input", "Parameter", "Constant", "Arange", "Fill"),
    "identity": (
        *(
            "Identity",
            "StopGradient",
            "Dropout",
            "SpatialDropout1D",
            "SpatialDropout2D",
            "SpatialDropout3D",
            "AlphaDropout",
        ),
        *("GaussianDropout", "GaussianNoise", "StochasticDepth", "Rescaling", "Masking"),
    ),
}

_BY_KEY = {name.lower(): (family, name) for family, names in FAMILIES.items() for name in names}


def fold(name: str) -> str:
    """Fold a name: `nn.Conv2d`, `nn.LazyConv2d`, `conv_2d` and `Conv2D` are the same."""
    return name.rpartition(".")[2].lower().replace("_", "").replace("-", "").replace(" ", "").removeprefix("lazy")


@cache
def find_operator(name: str) -> type[Op] | None:
    """Return the operator of this name, in any framework's spelling, or None."""
    key = fold(name)
    if key in _BY_KEY:
        family, own = _BY_KEY[key]
        op: type[Op] = getattr(import_module(f"archinspect.ops.{family}"), own)
        return op
    return _aliases().get(key)


def all_ops() -> list[type[Op]]:
    """Return every operator, in the table's order."""
    return [op for names in FAMILIES.values() for name in names if (op := find_operator(name))]


@cache
def _aliases() -> dict[str, type[Op]]:
    return {fold(alias): op for op in all_ops() for alias in op.aliases}

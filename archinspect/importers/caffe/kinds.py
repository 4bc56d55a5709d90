"""Which function builds a layer of which type, and what its arguments are called."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archinspect.importers.caffe import images, layers

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.graph.graph import Tensor
    from archinspect.importers.caffe.net import Layer, Net
    from archinspect.importers.caffe.text import Message

KINDS: dict[str, Callable[[Net, Layer], list[Tensor]]] = {
    "Convolution": images.convolution,
    "DepthwiseConvolution": images.depthwise,
    "ConvolutionDepthwise": images.depthwise,
    "Deconvolution": images.deconvolution,
    "Padding": images.padding,
    "Pooling": images.pooling,
    "SPP": images.pyramid,
    "Crop": images.crop,
    "Interp": images.interp,
    "Upsample": images.upsample,
    "ShuffleChannel": images.shuffle_channel,
    "PriorBox": images.prior_box,
    "DetectionOutput": images.detection_output,
    "InnerProduct": layers.inner_product,
    "Embed": layers.embed,
    "LSTM": layers.lstm,
    "RNN": layers.rnn,
    "BatchNorm": layers.batch_norm,
    "BN": layers.bn,
    "Scale": layers.scale,
    "Bias": layers.bias,
    "Axpy": layers.axpy,
    "LRN": layers.lrn,
    "MVN": layers.mvn,
    "Normalize": layers.normalize,
    "ReLU": layers.relu,
    "PReLU": layers.prelu,
    "ELU": layers.elu,
    "Power": layers.power,
    "Exp": layers.exponential,
    "Log": layers.logarithm,
    "Softmax": layers.softmax,
    "Dropout": layers.dropout,
    "ArgMax": layers.argmax,
    "Eltwise": layers.eltwise,
    "Concat": layers.concat,
    "Slice": layers.part,
    "Flatten": layers.flatten,
    "Reshape": layers.reshape,
    "Permute": layers.permute,
    "Reduction": layers.reduction,
    "Tile": layers.tile,
}
"""By the type that `layer` has."""
LOSSES = (
    *("SoftmaxWithLoss", "SigmoidCrossEntropyLoss", "EuclideanLoss", "HingeLoss", "ContrastiveLoss", "InfogainLoss"),
    *("MultinomialLogisticLoss", "SmoothL1Loss", "MultiBoxLoss", "TripletLoss", "CenterLoss"),
)
ENDS = frozenset([*LOSSES, "Accuracy", "HDF5Output", "Silence", "DetectionEvaluate"])
"""What measures or trains a network, and is no part of it."""
ARGUMENTS = {
    "LRN": "lrn_param",
    "MVN": "mvn_param",
    "LSTM": "recurrent_param",
    "RNN": "recurrent_param",
    "ELU": "elu_param",
    "BN": "bn_param",
    "ReLU": "relu_param",
    "PReLU": "prelu_param",
    "ArgMax": "argmax_param",
    "Normalize": "norm_param",
    "DepthwiseConvolution": "convolution_param",
    "ConvolutionDepthwise": "convolution_param",
    "Deconvolution": "convolution_param",
}
"""What the arguments of a type are called where that does not follow from its name."""
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


def argument_of(kind: str, message: Message) -> str:
    """Return what the arguments of a layer are called."""
    if message.has("v0_param"):
        return "v0_param"
    return ARGUMENTS.get(kind) or f"{_WORD.sub('_', kind).lower()}_param"

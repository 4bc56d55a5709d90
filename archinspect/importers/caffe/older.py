"""Layers as Caffe wrote them before `layer`: types in capitals, and before that within `layers { layer { ... } }`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.caffe.text import Field, Message

if TYPE_CHECKING:
    from collections.abc import Mapping

NEWER = {
    "ABSVAL": "AbsVal",
    "ARGMAX": "ArgMax",
    "BNLL": "BNLL",
    "DUMMY_DATA": "DummyData",
    "ELU": "ELU",
    "EUCLIDEAN_LOSS": "EuclideanLoss",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
    "LRN": "LRN",
    "LSTM": "LSTM",
    "MVN": "MVN",
    "PRELU": "PReLU",
    "RELU": "ReLU",
    "SIGMOID_CROSS_ENTROPY_LOSS": "SigmoidCrossEntropyLoss",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "TANH": "TanH",
}
"""Types in capitals whose later name does not follow from them."""
OLDEST = {
    "conv": "Convolution",
    "padding": "Padding",
    "pool": "Pooling",
    "relu": "ReLU",
    "lrn": "LRN",
    "innerproduct": "InnerProduct",
    "dropout": "Dropout",
    "concat": "Concat",
    "softmax": "Softmax",
    "softmax_loss": "SoftmaxWithLoss",
    "sigmoid": "Sigmoid",
    "tanh": "TanH",
    "flatten": "Flatten",
    "split": "Split",
    "data": "Data",
    "accuracy": "Accuracy",
    "euclidean_loss": "EuclideanLoss",
    "power": "Power",
    "bnll": "BNLL",
}
SPELLED = {"kernelsize": "kernel_size", "biasterm": "bias_term", "batchsize": "batch_size", "cropsize": "crop_size"}


def newer(kind: str) -> str:
    """Return the later name of a type in capitals, `INNER_PRODUCT`; others as they are."""
    if not kind.isupper() or kind in ("LRN", "LSTM", "RNN", "MVN", "ELU", "BNLL", "BN", "SPP"):
        return kind
    return NEWER.get(kind) or "".join(part.capitalize() for part in kind.split("_"))


def renewed(message: Message) -> Message:
    """Return a layer as `layer` has it, of one whose arguments stand in a `layer` of its own."""
    if not message.has("layer"):
        return message
    inner = message.message("layer")
    given = _with(message, {SPELLED.get(name, name): fields for name, fields in inner.fields.items()})
    fields = {name: found for name, found in message.fields.items() if name != "layer"}
    fields |= {name: found for name, found in inner.fields.items() if name == "name"}
    kind = inner.word("type")
    fields["type"] = [Field(OLDEST.get(kind, kind), inner.at)]
    fields["v0_param"] = [Field(given, inner.at)]
    return _with(message, fields)


def _with(message: Message, fields: Mapping[str, list[Field]]) -> Message:
    found = Message(message.text, message.at, message.name)
    found.fields = dict(fields)
    return found

"""Functions of each element by itself, and those that normalize along an axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.exporters.onnx.writer import Value
from archinspect.ops.identity import Dropout

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.exporters.onnx.use import Use


def plain(kind: str, **attributes: Any) -> Callable[[Use], Value]:  # noqa: ANN401 - of any type
    """Return the translation to one operator of ONNX; an attribute may be a function of ours."""

    def translate(use: Use) -> Value:
        name, order = use.given()
        values = {key: value(use.op) if callable(value) else value for key, value in attributes.items()}
        return Value(use.emit(kind, name, **values), order)

    return translate


def written_out(write: Callable[[Use, str], str]) -> Callable[[Use], Value]:
    """Return the translation of an elementwise function to several operators."""

    def translate(use: Use) -> Value:
        name, order = use.given()
        return Value(write(use, name), order)

    return translate


def clip(use: Use, name: str, low: float | None, high: float | None) -> str:
    """Return a value within bounds."""
    bounds = ["" if bound is None else use.number(bound) for bound in (low, high)]
    return use.emit("Clip", name, *(bounds if high is not None else bounds[:1]))


@written_out
def relu(use: Use, name: str) -> str:
    """`ReLU`, with its bound, slope and threshold."""
    high, slope, threshold = use.op.max_value, use.op.negative_slope, use.op.threshold
    if (slope, threshold) == (0, 0):
        return use.emit("Relu", name) if high is None else clip(use, name, 0, high)
    if threshold == 0 and high is None:
        return use.emit("LeakyRelu", name, alpha=slope)
    above = name if high is None else clip(use, name, None, high)
    moved = use.emit("Sub", name, use.number(threshold))
    is_above = use.emit("GreaterOrEqual", name, use.number(threshold))
    return use.emit("Where", is_above, above, use.emit("Mul", moved, use.number(slope)))


@written_out
def thresholded(use: Use, name: str) -> str:
    """`ThresholdedReLU`, also with another value below the threshold than 0."""
    theta, value = use.op.theta, use.op.value
    if not value:
        return use.emit("ThresholdedRelu", name, alpha=theta)
    return use.emit("Where", use.emit("Greater", name, use.number(theta)), name, use.number(value))


def prelu(use: Use) -> Value:
    """`PReLU`: its slopes lie along all axes but the batch, or along the channels."""
    name, order = use.given()
    (weight,) = use.weights.values()
    rank = len(order)
    if use.op.num_parameters:
        channels = channels_of(use, weight.shape[0])
        return Value(use.emit("PRelu", name, along(use, "alpha", use.axis(channels, order), rank)), order)
    turned = tuple(axis - 1 for axis in order[1:])
    return Value(use.emit("PRelu", name, use.weight("alpha", turned)), order)


def channels_of(use: Use, count: int) -> int:
    """Return the axis of so many channels: the last or the first, as the network has them; the last for one."""
    first, last = 1, len(use.shape) - 1
    axes = (first, last) if use.layout == "channels_first" else (last, first)
    return next((axis for axis in axes if use.shape[axis] == count), last)


def along(use: Use, name: str, axis: int, rank: int) -> str:
    """Return a vector of weights along an axis of a value of this rank."""
    (count,) = use.weights[name].shape
    return use.weight(name, shape=(count, *[1] * (rank - 1 - axis)))


@written_out
def celu(use: Use, name: str) -> str:
    """`CELU`, which ONNX has for float32 alone: else an ELU of another scale."""
    alpha = use.op.alpha
    if use.writer.facts.dtype == "float32":
        return use.emit("Celu", name, alpha=alpha)
    return use.emit("Mul", use.emit("Elu", use.emit("Div", name, use.number(alpha))), use.number(alpha))


@written_out
def softplus(use: Use, name: str) -> str:
    """`Softplus`, with its steepness."""
    beta = use.op.beta
    if beta == 1:
        return use.emit("Softplus", name)
    return use.emit("Div", use.emit("Softplus", use.emit("Mul", name, use.number(beta))), use.number(beta))


def along_axes(kind: str) -> Callable[[Use], Value]:
    """Return the translation of `Softmax` or `LogSoftmax`, along one axis or several."""

    def translate(use: Use) -> Value:
        name, order = use.given()
        rank = len(order)
        # PyTorch's choice where no axis is given.
        axes = use.op.axis or ((0 if rank in (1, 3) else 1),)
        places = [use.axis(axis, order) for axis in axes]
        if len(places) == 1:
            return Value(use.emit(kind, name, axis=places[0]), order)
        sums = use.emit("ReduceLogSumExp", name, use.ints(*places), keepdims=1)
        log = use.emit("Sub", name, sums)
        return Value(log if kind == "LogSoftmax" else use.emit("Exp", log), order)

    return translate


def glu(use: Use) -> Value:
    """`GLU`: a half and the sigmoid of the other."""
    name, order = use.given()
    axis = use.axis(use.op.axis, order)
    half, gate = use.several("Split", 2, name, axis=axis, num_outputs=2)
    return Value(use.emit("Mul", half, use.emit("Sigmoid", gate)), order)


@written_out
def dropout(use: Use, name: str) -> str:
    """`Dropout` and its like, which do nothing at inference."""
    if type(use.op) is Dropout and use.op.rate < 1 and use.writer.facts.is_float(use.node.inputs[0]):
        return use.emit("Dropout", name, use.number(use.op.rate))
    return use.emit("Identity", name)


@written_out
def rescaling(use: Use, name: str) -> str:
    """`Rescaling`: a factor and a term, each left out where it changes nothing."""
    scale, offset = use.op.scale, use.op.offset
    scaled = use.emit("Mul", name, use.number(scale)) if scale != 1 else name
    return use.emit("Add", scaled, use.number(offset)) if offset else scaled


@written_out
def log_sigmoid(use: Use, name: str) -> str:
    """`LogSigmoid`: a negative `Softplus` of the negative."""
    return use.emit("Neg", use.emit("Softplus", use.emit("Neg", name)))


@written_out
def tanh_shrink(use: Use, name: str) -> str:
    """`TanhShrink`."""
    return use.emit("Sub", name, use.emit("Tanh", name))


@written_out
def hard_tanh(use: Use, name: str) -> str:
    """`HardTanh`."""
    return clip(use, name, use.op.min_val, use.op.max_val)


@written_out
def relu6(use: Use, name: str) -> str:
    """`ReLU6`."""
    return clip(use, name, 0, 6)


def arg(name: str) -> Callable[[object], Any]:
    """Return the function that reads an argument of an operator."""
    return lambda op: getattr(op, name)


OPERATORS: dict[str, Callable[[Use], Value]] = {
    "ReLU": relu,
    "ReLU6": relu6,
    "LeakyReLU": plain("LeakyRelu", alpha=arg("negative_slope")),
    "PReLU": prelu,
    "ThresholdedReLU": thresholded,
    "ELU": plain("Elu", alpha=arg("alpha")),
    "SELU": plain("Selu"),
    "CELU": celu,
    "GELU": plain("Gelu", approximate=lambda op: "tanh" if op.approximate in (True, "tanh") else "none"),
    "QuickGELU": plain("Swish", alpha=1.702),
    "SiLU": plain("Swish"),
    "Sigmoid": plain("Sigmoid"),
    "LogSigmoid": log_sigmoid,
    "Tanh": plain("Tanh"),
    "Softplus": softplus,
    "Softsign": plain("Softsign"),
    "Mish": plain("Mish"),
    "Exponential": plain("Exp"),
    "HardSigmoid": plain("HardSigmoid", alpha=1 / 6, beta=0.5),
    "HardSwish": plain("HardSwish"),
    "HardTanh": hard_tanh,
    "HardShrink": plain("Shrink", lambd=arg("lambd"), bias=0.0),
    "SoftShrink": plain("Shrink", lambd=arg("lambd"), bias=arg("lambd")),
    "TanhShrink": tanh_shrink,
    "Softmax": along_axes("Softmax"),
    "LogSoftmax": along_axes("LogSoftmax"),
    "GLU": glu,
    "Identity": plain("Identity"),
    "StopGradient": plain("Identity"),
    "_Dropout": dropout,
    "GaussianNoise": dropout,
    "Rescaling": rescaling,
}

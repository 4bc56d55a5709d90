"""Operators that compute each element by itself or along an axis: activations, merges, noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.base.shape import normal_axes, normal_axis
from archinspect.exporters.code import Step, call, code
from archinspect.exporters.keras.use import function, layer, of_each_sample, own, same
from archinspect.ops.spatial import channel_axis

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.exporters.keras.use import Use

NAMES = {
    "ReLU": "relu",
    "ReLU6": "relu6",
    "ELU": "elu",
    "SELU": "selu",
    "CELU": "celu",
    "GELU": "gelu",
    "SiLU": "silu",
    "Sigmoid": "sigmoid",
    "LogSigmoid": "log_sigmoid",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Mish": "mish",
    "Exponential": "exponential",
    "HardSigmoid": "hard_sigmoid",
    "HardSwish": "hard_silu",
    "HardTanh": "hard_tanh",
    "HardShrink": "hard_shrink",
    "SoftShrink": "soft_shrink",
    "TanhShrink": "tanh_shrink",
    "Softmax": "softmax",
    "LogSoftmax": "log_softmax",
}
"""What `keras.activations` calls them."""
# Arguments that change no number, or not noticeably.
_SILENT = ("in_place", "threshold")


def activation_name(op: Any) -> str | None:  # noqa: ANN401 - an operator, or None
    """Return the name under which Keras's layers take an activation; None where its arguments are not Keras's own."""
    if op is None:
        return "linear"
    kind = type(op)
    plain = kind()
    differs = [
        name
        for name in kind.args
        if getattr(op, name) != getattr(plain, name) and not (name in _SILENT and kind.__name__ != "ReLU")
    ]
    if kind.__name__ == "GELU" and op.approximate not in (True, "tanh"):
        differs = []
    if kind.__name__ == "ReLU":
        differs = [name for name in differs if name != "in_place"]
    return None if differs else NAMES.get(kind.__name__)


def activation(use: Use) -> Step:
    """Return an `Activation`."""
    name = activation_name(use.op)
    if name is not None:
        return layer("Activation", {"activation": name})
    return _TEXTS[type(use.op).__name__](use.op)


def _of(text: str, **values: Any) -> Step:  # noqa: ANN401 - of any argument
    return Step(code(text, **values))


_TEXTS: dict[str, Callable[[Any], Step]] = {
    "CELU": lambda op: _of("ops.celu({0}, alpha={alpha})", alpha=op.alpha),
    "GELU": lambda _: _of("ops.gelu({0}, approximate=True)"),
    "Softplus": lambda op: _of("ops.softplus({beta} * {0}) / {beta}", beta=op.beta),
    "HardTanh": lambda op: _of("ops.clip({0}, {low}, {high})", low=op.min_val, high=op.max_val),
    "HardShrink": lambda op: _of("ops.hard_shrink({0}, threshold={lambd})", lambd=op.lambd),
    "SoftShrink": lambda op: _of("ops.soft_shrink({0}, threshold={lambd})", lambd=op.lambd),
}


def relu(use: Use) -> Step:
    """Return a `ReLU`."""
    op: Any = use.op
    if op.threshold < 0 or op.negative_slope < 0:
        values = {"max_value": op.max_value, "negative_slope": op.negative_slope, "threshold": op.threshold}
        return function("bounded_relu", "{0}, {max_value}, {negative_slope}, {threshold}", **values)
    return layer(
        "ReLU",
        {},
        max_value=(op.max_value, None),
        negative_slope=(op.negative_slope, 0.0),
        threshold=(op.threshold, 0.0),
    )


def relu6(use: Use) -> Step:
    """Return a `ReLU` that ends at 6."""
    del use
    return layer("ReLU", {"max_value": 6.0})


def leaky_relu(use: Use) -> Step:
    """Return a `LeakyReLU`."""
    op: Any = use.op
    if op.negative_slope < 0:
        return _of("ops.leaky_relu({0}, negative_slope={slope})", slope=op.negative_slope)
    return layer("LeakyReLU", {}, negative_slope=(op.negative_slope, 0.3))


def elu(use: Use) -> Step:
    """Return an `ELU`."""
    op: Any = use.op
    return layer("ELU", {}, alpha=(op.alpha, 1.0))


def prelu(use: Use) -> Step:
    """Return a `PReLU`."""
    op: Any = use.op
    axes = range(1, len(use.shape))
    shared = tuple(op.shared_axes or ())
    if op.num_parameters:
        channels = 1 if use.shape[1] == op.num_parameters else len(use.shape) - 1
        shared = tuple(axis for axis in axes if axis != channels or op.num_parameters == 1)
    return layer("PReLU", {}, shared_axes=(shared or None, None))


def threshold(use: Use) -> Step:
    """Return a value in the place of all up to a threshold."""
    op: Any = use.op
    return _of("ops.threshold({0}, {theta}, {value})", theta=op.theta, value=op.value)


def quick_gelu(use: Use) -> Step:
    """Return a GELU by a sigmoid."""
    del use
    return _of("{0} * ops.sigmoid(1.702 * {0})")


def _along(use: Use) -> Any:  # noqa: ANN401 - an axis, or several
    op: Any = use.op
    rank = len(use.shape)
    axes = op.axis
    if axes is None:  # as PyTorch chooses
        axes = (0,) if rank in (1, 3) else (1,)
    return same([axis if axis != rank - 1 else -1 for axis in sorted(normal_axes(axes, rank))])


def softmax(use: Use) -> Step:
    """Return a `Softmax`."""
    return layer("Softmax", {}, axis=(_along(use), -1))


def log_softmax(use: Use) -> Step:
    """Return a softmax's logarithm."""
    return _of("{0} - ops.logsumexp({0}, axis={axis}, keepdims=True)", axis=_along(use))


def glu(use: Use) -> Step:
    """Return a GLU."""
    op: Any = use.op
    return _of("ops.glu({0}, axis={axis})", axis=op.axis)


# Merges

_SIGNS = {"Add": "+", "Subtract": "-", "Multiply": "*"}


def merge(use: Use) -> Step:
    """Return an `Add` or another merge; an expression where inputs have other axes or are the same for all samples."""
    name = type(use.op).__name__
    alike = len(set(map(len, use.shapes))) == 1 and all(tensor.batched for tensor in use.node.inputs)
    if alike:
        return Step(code("{self}([{all}])"), call(f"layers.{name}", {}))
    rank = max(map(len, use.shapes))
    operands = [
        f"{{{index}}}" + (f"[:, {', '.join(['None'] * (rank - len(shape)))}]" if len(shape) < rank else "")
        for index, shape in enumerate(use.shapes)
    ]
    if name in _SIGNS:
        return Step(code(f" {_SIGNS[name]} ".join(operands)))
    if name == "Average":
        return Step(code(f"({' + '.join(operands)}) / {len(operands)}"))
    text = operands[0]
    for other in operands[1:]:
        text = f"ops.{name.lower()}({text}, {other})"
    return Step(code(text))


def concatenate(use: Use) -> Step:
    """Return a `Concatenate`."""
    op: Any = use.op
    rank = len(use.shape)
    axis = normal_axis(channel_axis(use.shape, op.data_format) if op.axis is None else op.axis, rank)
    axis = -1 if axis == rank - 1 else axis
    if not any(tensor.batched for tensor in use.node.inputs):
        return Step(code("ops.concatenate([{all}], axis={axis})", axis=axis))
    given, parts = of_each_sample(use)
    return Step(code(f"{{self}}([{given}])"), call("layers.Concatenate", {}, axis=(axis, -1)), parts=parts)


def dot(use: Use) -> Step:
    """Return a `Dot`."""
    op: Any = use.op
    first, second = use.shapes
    axes = (normal_axis(op.axes[0], len(first)), normal_axis(op.axes[-1], len(second)))
    module = call("layers.Dot", {}, axes=(same(axes), ...), normalize=(op.normalize, False))
    return Step(code("{self}([{all}])"), module)


def sample(use: Use) -> Step:
    """Return a draw from a normal distribution."""
    del use
    return own("SampleGaussian")._replace(code=code("{self}([{all}])"))


# What does something in training alone


def identity(use: Use) -> Step:
    """Return the input."""
    del use
    return layer("Identity")


def detached(use: Use) -> Step:
    """Return the input, to which no gradient goes."""
    del use
    return Step(code("ops.stop_gradient({0})"))


def dropout(use: Use) -> Step:
    """Return a `Dropout`, an `AlphaDropout` or a `GaussianDropout`."""
    op: Any = use.op
    return layer(type(op).__name__, {"rate": op.rate})


def spatial_dropout(use: Use) -> Step:
    """Return a dropout of whole channels."""
    op: Any = use.op
    rank = len(use.shape)
    if type(op).__name__ == f"SpatialDropout{rank - 2}D":
        options = {"data_format": (op.data_format, "channels_last")} if rank > 3 else {}  # noqa: PLR2004 - steps
        if rank > 3 or op.data_format == "channels_last":  # noqa: PLR2004 - as above
            return layer(type(op).__name__, {"rate": op.rate}, **options)
    kept = channel_axis(use.shape, op.data_format)
    shape = tuple(None if axis in (0, kept) else 1 for axis in range(rank))
    return layer("Dropout", {"rate": op.rate}, noise_shape=(shape, None))


def noise(use: Use) -> Step:
    """Return a `GaussianNoise`."""
    op: Any = use.op
    return layer("GaussianNoise", {"stddev": op.stddev})


def stochastic_depth(use: Use) -> Step:
    """Return a dropout of whole samples."""
    op: Any = use.op
    shape = (None if op.mode == "row" else 1, *[1] * (len(use.shape) - 1))
    return layer("Dropout", {"rate": op.rate}, noise_shape=(shape, None))


def masking(use: Use) -> Step:
    """Return a `Masking`."""
    op: Any = use.op
    return layer("Masking", {}, mask_value=(op.mask_value, 0.0))


def rescaling(use: Use) -> Step:
    """Return a `Rescaling`."""
    op: Any = use.op
    return layer("Rescaling", {"scale": op.scale}, offset=(op.offset or 0.0, 0.0))

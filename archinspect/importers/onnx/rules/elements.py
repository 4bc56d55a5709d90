"""Operators of each element by itself, and those that join tensors element by element."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

from archinspect.importers.onnx.messages import DTYPES, FLOATS
from archinspect.importers.onnx.values import Step, Value, stretched, stretched_data

if TYPE_CHECKING:
    from collections.abc import Callable

    Rule = Callable[[Step], list[Value]]

MOST = 2**63
"""No whole number is larger."""


def _try(compute: Callable[[], list[Any]]) -> list[Any] | None:
    try:
        found = compute()
    except (ArithmeticError, ValueError, TypeError):
        return None
    return None if any(type(one) is int and abs(one) > MOST for one in found) else found


def unary(function: Callable[[Any], Any] | None = None, dtype: str = "") -> Rule:
    """Return the rule of a function of each element."""

    def rule(use: Step) -> list[Value]:
        value = use.input(0)
        data = None
        if function is not None:
            given = use.data(0)
            if given is not None:
                data = _try(lambda: [function(one) for one in given])
        made = use.make(value.dims, dtype, data, sure=value.sure)
        return [made] + [use.make(value.dims, "bool") for _ in range(use.count - 1)]

    return rule


def joined(function: Callable[[Any, Any], Any] | None = None, dtype: str = "") -> Rule:
    """Return the rule of a function of elements of several inputs."""

    def rule(use: Step) -> list[Value]:
        shapes = [use.shape(at) for at in range(len(use.inputs))]
        if use.attribute("broadcast") and use.opset < 7 and len(shapes) == 2:  # noqa: PLR2004 - before NumPy's rules
            axis = use.attribute("axis", len(shapes[0]) - len(shapes[1]))
            shapes[1] = (*shapes[1], *(1,) * (len(shapes[0]) - axis - len(shapes[1])))
        dims = stretched(*shapes)
        data: list[Any] | None = None
        if function is not None and use.known(use.input(0).dtype, dims):
            given = [use.data(at) for at in range(len(shapes))]
            if None not in given:
                data = stretched_data(given[0], shapes[0], dims)  # type: ignore[arg-type] # none is None
                for other, shape in zip(given[1:], shapes[1:], strict=True):
                    more = stretched_data(other, shape, dims)  # type: ignore[arg-type] # as above
                    data = _try(lambda one=data, two=more: list(map(function, one, two)))  # type: ignore[misc] # bound now
                    if data is None:
                        break
        return [use.make(dims, dtype, data)]

    return rule


def _quotient(one: Any, two: Any) -> Any:  # noqa: ANN401 - numbers
    if isinstance(one, float) or isinstance(two, float):
        return one / two
    return int(one / two) if (one < 0) != (two < 0) and one % two else one // two


def _power(one: Any, two: Any) -> Any:  # noqa: ANN401 - numbers
    if abs(one) > MOST or abs(two) > 64:  # noqa: PLR2004 - no size is so large
        raise OverflowError
    return one**two


def _mod(one: Any, two: Any) -> Any:  # noqa: ANN401 - numbers
    return math.fmod(one, two) if isinstance(one, float) else one % two


def where(use: Step) -> list[Value]:
    """`Where`."""
    shapes = [use.shape(at) for at in range(3)]
    dims = stretched(*shapes)
    data = None
    dtype = use.input(1).dtype
    if use.known(dtype, dims):
        given = [use.data(at) for at in range(3)]
        if None not in given:
            parts = [stretched_data(one, shape, dims) for one, shape in zip(given, shapes, strict=True)]  # type: ignore[arg-type] # none is None
            data = [one if yes else other for yes, one, other in zip(*parts, strict=True)]
    return [use.make(dims, dtype, data)]


def cast(use: Step) -> list[Value]:
    """`Cast`, `CastLike`."""
    value = use.input(0)
    dtype = use.input(1).dtype if use.kind == "CastLike" else DTYPES.get(use.attribute("to", 1), "float")
    given = use.data(0)
    convert: Callable[[Any], Any] = bool if dtype == "bool" else float if dtype in FLOATS else _whole
    data = None if given is None else _try(lambda: [convert(one) for one in given])
    made = use.make(value.dims, dtype, data, sure=value.sure)
    return [made]


def _whole(number: Any) -> Any:  # noqa: ANN401 - a number
    return number if isinstance(number, int) and not isinstance(number, bool) else int(number)


def clip(use: Step) -> list[Value]:
    """`Clip`."""
    value = use.input(0)
    data = use.data(0)
    low, high = use.attribute("min"), use.attribute("max")
    bounds = [use.data(at) if use.has(at) else None for at in (1, 2)]
    low, high = (given[0] if given else own for given, own in zip(bounds, (low, high), strict=True))
    if data is not None and low is not None:
        data = [max(one, low) for one in data]
    if data is not None and high is not None:
        data = [min(one, high) for one in data]
    return [use.make(value.dims, "", data, sure=value.sure)]


def dropout(use: Step) -> list[Value]:
    """`Dropout`, whose second output is a mask."""
    value = use.input(0)
    return [use.make(value.dims, "", use.data(0))] + [use.make(value.dims, "bool") for _ in range(use.count - 1)]


def normalization(use: Step) -> list[Value]:
    """Return what a normalization gives: the input's shape, and statistics."""
    dims = use.shape()
    if use.kind == "BatchNormalization" or use.count == 1:
        return [use.make(dims)] + [use.make(dims[1:2]) for _ in range(use.count - 1)]
    axis = use.attribute("axis", -1) % max(len(dims), 1)
    return [use.make(dims)] + [
        use.make((*dims[:axis], *(1,) * (len(dims) - axis)), "float") for _ in range(use.count - 1)
    ]


def skip_normalization(use: Step) -> list[Value]:
    """`SkipLayerNormalization`: the fourth output is the sum."""
    dims = use.shape()
    return [use.make(dims if at in (0, 3) else (*dims[:-1], 1)) for at in range(use.count)]


def noise(use: Step) -> list[Value]:
    """`RandomNormalLike` and its like."""
    use.varies = True
    return [use.make(use.shape())]


RULES: dict[str, Rule] = {
    **dict.fromkeys(
        (
            *("Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Celu", "Cos", "Cosh", "Elu", "Erf", "Gelu"),
            *("HardSigmoid", "HardSwish", "Hardmax", "LeakyRelu", "LogSoftmax", "Mish", "LpNormalization"),
            *("MeanVarianceNormalization", "Selu", "Shrink", "Sigmoid", "Sin", "Sinh", "Softmax", "Softplus"),
            *("Softsign", "Swish", "Tan", "Tanh", "ThresholdedRelu", "InstanceNormalization", "GroupNormalization"),
            *("LRN", "PRelu", "BitwiseNot", "QuickGelu", "FastGelu", "BiasGelu", "BiasSoftmax", "RotaryEmbedding"),
        ),
        unary(),
    ),
    "Abs": unary(abs),
    "Neg": unary(operator.neg),
    "Ceil": unary(math.ceil),
    "Floor": unary(math.floor),
    "Round": unary(round),
    "Sqrt": unary(math.sqrt),
    "Exp": unary(math.exp),
    "Log": unary(math.log),
    "Reciprocal": unary(lambda one: 1 / one),
    "Sign": unary(lambda one: (one > 0) - (one < 0)),
    "Relu": unary(lambda one: max(one, 0)),
    "Not": unary(operator.not_),
    "IsNaN": unary(dtype="bool"),
    "IsInf": unary(dtype="bool"),
    "Add": joined(operator.add),
    "Sub": joined(operator.sub),
    "Mul": joined(operator.mul),
    "Div": joined(_quotient),
    "Mod": joined(_mod),
    "Pow": joined(_power),
    "Max": joined(max),
    "Min": joined(min),
    "Sum": joined(operator.add),
    "Mean": joined(),
    "Equal": joined(operator.eq, "bool"),
    "Greater": joined(operator.gt, "bool"),
    "GreaterOrEqual": joined(operator.ge, "bool"),
    "Less": joined(operator.lt, "bool"),
    "LessOrEqual": joined(operator.le, "bool"),
    "And": joined(lambda one, two: bool(one and two), "bool"),
    "Or": joined(lambda one, two: bool(one or two), "bool"),
    "Xor": joined(lambda one, two: bool(one) != bool(two), "bool"),
    **dict.fromkeys(("BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor"), joined()),
    **dict.fromkeys(("RandomNormalLike", "RandomUniformLike", "Bernoulli"), noise),
    "Where": where,
    "Cast": cast,
    "CastLike": cast,
    "Clip": clip,
    "Dropout": dropout,
    **dict.fromkeys(
        ("BatchNormalization", "LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization"), normalization
    ),
    **dict.fromkeys(("SkipLayerNormalization", "SkipSimplifiedLayerNormalization"), skip_normalization),
}

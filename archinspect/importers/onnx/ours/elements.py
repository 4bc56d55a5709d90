"""Functions of each element, or of an axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.importers.onnx.messages import DTYPES
from archinspect.importers.onnx.ours.base import CHANNELS_FIRST, Ours, given, joined, make, plain
from archinspect.importers.onnx.values import axis_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.importers.onnx.values import Step


def with_number(
    operator: str, argument: Callable[[float], dict[str, Any]], *, single: str = "", turned: bool = False
) -> Callable[[Step], Ours]:
    """Return the function of an operator of two inputs, of which a number that is no weight may be an argument.

    With the number it is `single`; with `turned` the number may be the first input, too.
    """

    def translate(use: Step) -> Ours:
        for at in (1, 0) if turned else (1,):
            number, other = use.input(at), use.input(1 - at)
            data = use.data(at)
            is_weight = any(one.initializer for one in number.stored)
            if data and number.size == 1 and not is_weight and other.rank >= number.rank:
                return Ours(make(single or operator, **argument(float(data[0]))), (1 - at,))
        return Ours(make(operator), (0, 1))

    return translate


def _scale(value: float) -> dict[str, Any]:
    return {"scale": value}


def clip(use: Step) -> Ours:
    """`Clip`: a `ReLU` where it begins at 0."""
    low, high = use.attribute("min"), use.attribute("max")
    bounds = [use.data(at) if use.has(at) else None for at in (1, 2)]
    low, high = (float(data[0]) if data else own for data, own in zip(bounds, (low, high), strict=True))
    if low == 0 and high == 6:  # noqa: PLR2004 - as it is called
        return Ours(make("ReLU6"))
    if low == 0 and high is not None and high >= 0:
        return Ours(make("ReLU", max_value=high))
    return Ours(make("Clip", min_value=low, max_value=high))


def softmax(operator: str) -> Callable[[Step], Ours | None]:
    """Return the function of a softmax; before version 13 over all axes from one on."""

    def translate(use: Step) -> Ours | None:
        rank = len(use.shape())
        if use.opset >= 13:  # noqa: PLR2004 - since when it is of one axis
            return Ours(make(operator, axis=axis_of(use.attribute("axis", -1), rank)))
        return Ours(make(operator, axis=tuple(range(axis_of(use.attribute("axis", 1), rank), rank))))

    return translate


def prelu(use: Step) -> Ours | None:
    """`PRelu`."""
    slopes, dims = use.input(1), use.shape()
    if not slopes.constant or slopes.size not in (1, dims[1] if len(dims) > 1 else 1):
        return None
    return Ours(make("PReLU", num_parameters=slopes.size), (0,), (1,))


def swish(use: Step) -> Ours:
    """`Swish`."""
    return Ours(make("SiLU" if use.attribute("alpha", 1.0) == 1 else "QuickGELU"))


def dropout(use: Step) -> Ours:
    """`Dropout`: nothing at inference."""
    return Ours(make("Dropout", rate=use.attribute("ratio", 0.5)))


def unit(use: Step) -> Ours | None:
    """`LpNormalization`; by the sum of absolute values it is none of ours."""
    return Ours(make("UnitNormalization", axis=use.attribute("axis", -1))) if use.attribute("p", 2) == 2 else None  # noqa: PLR2004 - the length


OPERATORS: dict[str, Callable[[Step], Ours | None]] = {
    "LRN": plain("LocalResponseNormalization", size=given("size", 5), **CHANNELS_FIRST),
    "Relu": plain("ReLU"),
    "LeakyRelu": plain("LeakyReLU", negative_slope=given("alpha", 0.01)),
    "PRelu": prelu,
    "ThresholdedRelu": plain("ThresholdedReLU"),
    "Elu": plain("ELU"),
    "Selu": plain("SELU"),
    "Celu": plain("CELU"),
    "Gelu": plain("GELU", approximate=given("approximate", "none")),
    "Sigmoid": plain("Sigmoid"),
    "Tanh": plain("Tanh"),
    "Softplus": plain("Softplus"),
    "Softsign": plain("Softsign"),
    "Mish": plain("Mish"),
    "Swish": swish,
    "HardSigmoid": plain("HardSigmoid"),
    "HardSwish": plain("HardSwish"),
    "Softmax": softmax("Softmax"),
    "LogSoftmax": softmax("LogSoftmax"),
    "LpNormalization": unit,
    "Clip": clip,
    "Exp": plain("Exponential"),
    "Log": plain("Log"),
    "Sqrt": plain("Sqrt"),
    "Erf": plain("Erf"),
    "Abs": plain("Abs"),
    "Neg": plain("Negative"),
    "Sign": plain("Sign"),
    "Floor": plain("Floor"),
    "Ceil": plain("Ceil"),
    "Round": plain("Round"),
    "Reciprocal": plain("Reciprocal"),
    "Sin": plain("Sin"),
    "Cos": plain("Cos"),
    "Tan": plain("Tan"),
    "Asin": plain("Asin"),
    "Acos": plain("Acos"),
    "Atan": plain("Atan"),
    "Sinh": plain("Sinh"),
    "Cosh": plain("Cosh"),
    "Not": plain("LogicalNot"),
    "Cast": plain("Cast", dtype=lambda use: DTYPES.get(use.attribute("to", 1), "float")),
    "CastLike": plain("Cast", dtype=lambda use: use.input(1).dtype),
    "Add": with_number("Add", lambda value: {"offset": value}, turned=True, single="Rescaling"),
    "Sub": with_number("Subtract", lambda value: {"offset": -value}, single="Rescaling"),
    "Mul": with_number("Multiply", _scale, turned=True, single="Rescaling"),
    "Div": with_number("Divide", lambda value: {"scale": 1 / value} if value else {"scale": value}, single="Rescaling"),
    "Pow": with_number("Power", lambda value: {"exponent": value}),
    "Equal": with_number("Equal", lambda value: {"value": value}),
    "Greater": with_number("GreaterThan", lambda value: {"value": value}),
    "GreaterOrEqual": with_number("GreaterEqual", lambda value: {"value": value}),
    "Less": with_number("LessThan", lambda value: {"value": value}),
    "LessOrEqual": with_number("LessEqual", lambda value: {"value": value}),
    "And": joined("LogicalAnd"),
    "Or": joined("LogicalOr"),
    "Xor": joined("LogicalXor"),
    "Max": joined("Maximum"),
    "Min": joined("Minimum"),
    "Sum": joined("Add"),
    "Mean": joined("Average"),
    "Where": joined("Where"),
    "Dropout": dropout,
}
"""By their names in the standard set of ONNX."""

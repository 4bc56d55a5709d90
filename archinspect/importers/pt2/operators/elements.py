"""What is computed of each element: activations, sums, comparisons, types, dropout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.pt2.operators.base import Translation, Untranslated, make, plain
from archinspect.importers.pt2.program import DTYPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.importers.pt2.operators.base import Use


def _two(name: str, scaled: Callable[[float], dict[str, float]] | None = None) -> Callable[[Use], Translation]:
    """Return the translation of an operator of two tensors; `scaled` says what one with a number is."""

    def translate(use: Use) -> Translation:
        if use.get("alpha", 1) != 1 or "rounding_mode" in use.call.arguments:
            raise Untranslated
        if use.has("other"):
            return Translation(make(name), ["self", "other"])
        number = use.get("other")
        if scaled is None or type(number) not in (int, float) or not use.has("self"):
            raise Untranslated
        return Translation(make("Rescaling", **scaled(number)), ["self"])

    return translate


def _compared(name: str) -> Callable[[Use], Translation]:
    def translate(use: Use) -> Translation:
        if use.has("other"):
            return Translation(make(name), ["self", "other"])
        return Translation(make(name, value=use.get("other")), ["self"])

    return translate


def _cast(use: Use) -> Translation:
    return Translation(make("Cast", dtype=DTYPES[use.get("dtype")]), ["self"])


def _clip(use: Use) -> Translation:
    return Translation(make("Clip", min_value=use.get("min"), max_value=use.get("max")), ["self"])


def _power(use: Use) -> Translation:
    return Translation(make("Power", exponent=use.get("exponent")), ["self"])


def _where(use: Use) -> Translation:
    if not use.has("other"):
        raise Untranslated
    return Translation(make("Where"), ["condition", "self", "other"])


def _masked_fill(_: Use) -> Translation:
    return Translation(make("MaskedFill"), ["self", "mask"])


def _dropout(name: str) -> Callable[[Use], Translation]:
    return lambda use: Translation(make(name, rate=use.get("p")), ["input" if use.has("input") else "self"])


def _feature_dropout(use: Use) -> Translation:
    rank = len(use.sizes("input")) - 2
    return Translation(make(f"SpatialDropout{rank}D", rate=use.get("p"), data_format="channels_first"), ["input"])


ELEMENTS: dict[str, Callable[[Use], Translation]] = {
    # Activations
    "aten.relu": plain("ReLU"),
    "aten.relu6": plain("ReLU6"),
    "aten.leaky_relu": plain("LeakyReLU", "negative_slope"),
    "aten.elu": plain("ELU", "alpha"),
    "aten.gelu": plain("GELU", "approximate"),
    "aten.silu": plain("SiLU"),
    "aten.sigmoid": plain("Sigmoid"),
    "aten.tanh": plain("Tanh"),
    "aten.softplus": plain("Softplus"),
    "aten.mish": plain("Mish"),
    "aten.hardsigmoid": plain("HardSigmoid"),
    "aten.hardswish": plain("HardSwish"),
    "aten.hardtanh": plain("HardTanh", "min_val", "max_val"),
    "aten.glu": plain("GLU", axis="dim"),
    "aten.selu": plain("SELU"),
    "aten.celu": plain("CELU", "alpha"),
    "aten.log_sigmoid": plain("LogSigmoid"),
    "aten.hardshrink": plain("HardShrink", "lambd"),
    "aten.softshrink": plain("SoftShrink", "lambd"),
    # Of two tensors
    "aten.add": _two("Add", lambda number: {"offset": number}),
    "aten.sub": _two("Subtract", lambda number: {"offset": -number}),
    "aten.mul": _two("Multiply", lambda number: {"scale": number}),
    "aten.div": _two("Divide", lambda number: {"scale": 1 / number}),
    "aten.maximum": _two("Maximum"),
    "aten.minimum": _two("Minimum"),
    "aten.eq": _compared("Equal"),
    "aten.ne": _compared("NotEqual"),
    "aten.gt": _compared("GreaterThan"),
    "aten.ge": _compared("GreaterEqual"),
    "aten.lt": _compared("LessThan"),
    "aten.le": _compared("LessEqual"),
    "aten.where": _where,
    "aten.masked_fill": _masked_fill,
    # Of one
    "aten.sqrt": plain("Sqrt"),
    "aten.rsqrt": plain("Rsqrt"),
    "aten.exp": plain("Exponential"),
    "aten.log": plain("Log"),
    "aten.sin": plain("Sin"),
    "aten.cos": plain("Cos"),
    "aten.abs": plain("Abs"),
    "aten.neg": plain("Negative"),
    "aten.square": plain("Square"),
    "aten.sign": plain("Sign"),
    "aten.ceil": plain("Ceil"),
    "aten.floor": plain("Floor"),
    "aten.round": plain("Round"),
    "aten.erf": plain("Erf"),
    "aten.reciprocal": plain("Reciprocal"),
    "aten.pow": _power,
    "aten.clamp": _clip,
    "aten.clamp_min": _clip,
    "aten.dropout": _dropout("Dropout"),
    "aten.alpha_dropout": _dropout("AlphaDropout"),
    **dict.fromkeys(("aten.feature_dropout", "aten.feature_alpha_dropout"), _feature_dropout),
    "aten.to": _cast,
}

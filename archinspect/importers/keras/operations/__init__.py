"""Functions of `keras.ops` that stand among the layers of a functional model: one table, by the class's name.

A function takes a :class:`archinspect.importers.keras.build.Use`, whose layer's arguments are those of the class, and
whose call has tensors and numbers. What has no function here, or mixes samples, is a row with the file's own shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.keras.build import UNREAD
from archinspect.importers.keras.operations import elements, moves, pictures, sums
from archinspect.importers.keras.operations.base import MixesSamplesError, is_tensor

if TYPE_CHECKING:
    from archinspect.importers.keras.build import Use
    from archinspect.importers.keras.layers import Add, Made

__all__ = ["OPERATIONS", "MixesSamplesError", "add", "is_tensor"]


def add(use: Use) -> Made:
    """Add the nodes of a function."""
    found = OPERATIONS.get(use.layer.kind)
    if found is not None:
        try:
            return found(use)
        except MixesSamplesError:
            pass
    why = "it works over the batch, or with values that the file does not have, and the file has no shape of it"
    return use.unknown(params=0, is_own=found is not None, why=why if found else UNREAD)


ACTIVATIONS = (
    *("Relu", "Relu6", "Sigmoid", "Softplus", "Softsign", "Silu", "LogSigmoid", "LeakyRelu", "HardSigmoid"),
    *("HardSilu", "Elu", "Selu", "Gelu", "Celu", "Glu", "TanhShrink", "HardTanh", "Softmax", "LogSoftmax"),
)
UNARY = {
    **{name: name for name in ("Sqrt", "Rsqrt", "Square", "Log", "Log1p", "Expm1", "Sin", "Cos", "Erf", "Reciprocal")},
    **{name: name for name in ("Negative", "Sign", "Floor", "Ceil", "Round", "LogicalNot", "Log2", "Log10", "Tan")},
    **{name: name for name in ("Sinh", "Cosh", "Trunc", "Tanh")},
    "Absolute": "Abs",
    "Abs": "Abs",
    "Fabs": "Abs",
    "Exp": "Exponential",
    "Arcsin": "Asin",
    "Arccos": "Acos",
    "Arctan": "Atan",
    "Copy": "Identity",
    "StopGradient": "StopGradient",
    "ConvertToTensor": "Identity",
    "Real": "Identity",
}
ONE_EACH = (
    *("Arccosh", "Arcsinh", "Arctanh", "Cbrt", "Exp2", "Erfinv", "Erfc", "Isfinite", "Isinf", "Isnan", "NanToNum"),
    *("Sinc", "Signbit", "Deg2rad", "Rad2deg", "Isneginf", "Isposinf", "Angle", "Conjugate", "Conj"),
)
BITWISE = ("BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseLeftShift", "BitwiseRightShift", "LeftShift", "RightShift")
REDUCED = {
    "Mean": "ReduceMean",
    "Sum": "ReduceSum",
    "Max": "ReduceMax",
    "Amax": "ReduceMax",
    "Min": "ReduceMin",
    "Amin": "ReduceMin",
    "Prod": "ReduceProd",
    "Var": "ReduceVar",
    "Std": "ReduceStd",
    "Any": "ReduceAny",
    "All": "ReduceAll",
    "Logsumexp": "ReduceLogSumExp",
}

OPERATIONS: dict[str, Add] = {
    **dict.fromkeys(ACTIVATIONS, elements.activated()),
    "Threshold": elements.unary("ThresholdedReLU"),
    "SoftShrink": elements.unary("SoftShrink"),
    "HardShrink": elements.unary("HardShrink"),
    "Squareplus": elements.each(4),
    **{name: elements.unary(operator) for name, operator in UNARY.items()},
    **{name: elements.each() for name in ONE_EACH},
    "Add": elements.binary("Add", elements.shifted, elements.shifted),
    "Subtract": elements.binary("Subtract", elements.shifted, lambda value: elements.shifted(-value)),
    "Multiply": elements.binary("Multiply", elements.scaled, elements.scaled),
    **dict.fromkeys(
        ("Divide", "TrueDivide", "DivideNoNan"),
        elements.binary(
            "Divide", lambda _: ("Reciprocal", {}), lambda value: elements.scaled(1 / value if value else 2.0)
        ),
    ),
    "Power": elements.binary("Power", lambda _: ("Exponential", {}), lambda value: ("Power", {"exponent": value})),
    "Maximum": elements.binary("Maximum", *[lambda value: ("Clip", {"min_value": value})] * 2),
    "Minimum": elements.binary("Minimum", *[lambda value: ("Clip", {"max_value": value})] * 2),
    "Equal": elements.binary("Equal", *[elements.compared("Equal")] * 2),
    "NotEqual": elements.binary("NotEqual", *[elements.compared("NotEqual")] * 2),
    "Greater": elements.binary("GreaterThan", elements.compared("LessThan"), elements.compared("GreaterThan")),
    "GreaterEqual": elements.binary("GreaterEqual", elements.compared("LessEqual"), elements.compared("GreaterEqual")),
    "Less": elements.binary("LessThan", elements.compared("GreaterThan"), elements.compared("LessThan")),
    "LessEqual": elements.binary("LessEqual", elements.compared("GreaterEqual"), elements.compared("LessEqual")),
    "LogicalAnd": elements.binary("LogicalAnd"),
    "LogicalOr": elements.binary("LogicalOr"),
    "LogicalXor": elements.binary("LogicalXor"),
    **dict.fromkeys(("Mod", "Fmod", "Arctan2", "Nextafter", "Heaviside", *BITWISE), elements.each_of_two()),
    **dict.fromkeys(("Hypot", "Logaddexp", "Logaddexp2"), elements.each_of_two(4)),
    "Fmax": elements.binary("Maximum"),
    "Fmin": elements.binary("Minimum"),
    "FloorDivide": elements.floor_divide,
    "Where": elements.where,
    "Clip": elements.clip,
    "Cast": elements.cast,
    "SaturateCast": elements.cast,
    **{name: sums.reduced(operator) for name, operator in REDUCED.items()},
    "Argmax": sums.of_axis("ArgMax", keepdims="keepdims"),
    "Argmin": sums.of_axis("ArgMin", keepdims="keepdims"),
    "Cumsum": sums.of_axis("CumSum"),
    "Cumprod": sums.of_axis("CumProd"),
    "Sort": sums.of_axis("Sort"),
    "Norm": sums.norm,
    "Normalize": sums.normalized,
    "LayerNorm": sums.normed("LayerNormalization"),
    "RMSNorm": sums.normed("RMSNormalization"),
    "TopK": sums.of_axis("TopK", k="k", sorted="sorted"),
    "Matmul": sums.matmul,
    "Einsum": sums.einsum,
    "DotProductAttention": sums.attention,
    "Reshape": moves.reshape,
    "Transpose": moves.transpose,
    "Squeeze": moves.squeeze,
    "ExpandDims": moves.expand_dims,
    "Swapaxes": moves.swapped,
    "Moveaxis": moves.moved,
    "Flip": moves.flipped,
    "Roll": moves.rolled,
    "Repeat": moves.repeated,
    "Tile": moves.tiled,
    "BroadcastTo": moves.broadcast,
    "Concatenate": moves.concatenated,
    "Stack": moves.stacked,
    "Split": moves.split,
    "Unstack": moves.unstacked,
    "Pad": moves.padded,
    "GetItem": moves.item,
    "Take": moves.taken,
    "Resize": pictures.resized,
    "MaxPool": pictures.pooled("Max"),
    "AveragePool": pictures.pooled("Average"),
    "DepthToSpace": pictures.shuffled("PixelShuffle", "upscale_factor"),
    "SpaceToDepth": pictures.shuffled("PixelUnshuffle", "downscale_factor"),
    "ExtractPatches": pictures.patches,
    "OneHot": pictures.one_hot,
    "ZerosLike": pictures.like,
    "OnesLike": pictures.like,
    "FullLike": pictures.like,
    "Tril": elements.unary("Tril"),
    "Triu": elements.unary("Triu"),
}
"""By the name of the class."""

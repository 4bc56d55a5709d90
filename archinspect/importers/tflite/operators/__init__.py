"""Which of our operators TensorFlow Lite's are: one table, by name.

What moves numbers, and functions of each element, is as in Keras's `ops`: that table is used, with the values of the
file's constants. What has weights is here. A function takes a :class:`Step` and adds nodes.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archinspect.importers.tflite.operators import elements, moves, weights
from archinspect.importers.tflite.operators.base import WHOLE, Step

if TYPE_CHECKING:
    from archinspect.importers.tflite.operators.base import Add

__all__ = ["EACH", "MOVES", "OPERATORS", "WHOLE", "Step", "work_of"]
MOVES = frozenset(
    (
        *("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "CONCATENATION", "PAD", "PADV2", "MIRROR_PAD", "SLICE"),
        *(
            "STRIDED_SLICE",
            "SPLIT",
            "SPLIT_V",
            "TILE",
            "BROADCAST_TO",
            "PACK",
            "UNPACK",
            "REVERSE_V2",
            "GATHER",
            "FILL",
        ),
        *("DEPTH_TO_SPACE", "SPACE_TO_DEPTH", "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND", "GATHER_ND", "SCATTER_ND"),
        *("SELECT", "SELECT_V2", "CAST", "ZEROS_LIKE", "ONE_HOT", "DYNAMIC_UPDATE_SLICE", "REVERSE_SEQUENCE"),
        *("READ_VARIABLE", "ASSIGN_VARIABLE", "VAR_HANDLE"),
    )
)
"""Operators that compute nothing."""
EACH = frozenset(
    (
        *("ADD", "SUB", "MUL", "DIV", "POW", "FLOOR_DIV", "FLOOR_MOD", "MAXIMUM", "MINIMUM", "EQUAL", "NOT_EQUAL"),
        *("GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "LOGICAL_AND", "LOGICAL_OR", "LOGICAL_NOT", "NEG"),
        *("SQRT", "RSQRT", "SQUARE", "EXP", "LOG", "SIN", "COS", "ABS", "FLOOR", "CEIL", "ROUND", "SIGN"),
    )
)
"""Operators of one operation for each element of the output."""
REDUCED = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "REDUCE_ANY", "REDUCE_ALL")


def work_of(kind: str, step: Step) -> int | None:
    """Return the operations of one that is none of ours; None where they are not known."""
    if kind == "RESHAPE" and step.use.inputs and prod(step.use.net.shapes[step.use.x]) != prod(step.made[0].shape):
        return None  # sizes that the file leaves to the run
    if kind in MOVES:
        return 0
    if kind in REDUCED and step.use.inputs:
        return prod(step.use.net.shapes[step.use.x])
    made = sum(prod(one.shape) for one in step.made)
    return 2 * made if kind == "SQUARED_DIFFERENCE" else made if kind in EACH else None


OPERATORS: dict[str, Add] = {
    "CONV_2D": weights.convolution,
    "DEPTHWISE_CONV_2D": weights.depthwise,
    "TRANSPOSE_CONV": weights.transposed,
    "CONV_3D": weights.volume,
    "FULLY_CONNECTED": weights.dense,
    "BATCH_MATMUL": weights.product,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": weights.lstm,
    "PRELU": weights.prelu,
    "GATHER": weights.table,
    "ADD": elements.binary("Add"),
    "SUB": elements.binary("Subtract"),
    "MUL": elements.binary("Multiply"),
    "DIV": elements.binary("Divide"),
    "POW": elements.binary("Power", fuses=False),
    "FLOOR_DIV": elements.binary("FloorDivide", fuses=False),
    "SQUARED_DIFFERENCE": elements.squared_difference,
    "ADD_N": elements.total,
    **{
        name: elements.binary(name.capitalize(), fuses=False)
        for name in ("MAXIMUM", "MINIMUM", "EQUAL", "GREATER", "LESS")
    },
    "NOT_EQUAL": elements.binary("NotEqual", fuses=False),
    "GREATER_EQUAL": elements.binary("GreaterEqual", fuses=False),
    "LESS_EQUAL": elements.binary("LessEqual", fuses=False),
    "LOGICAL_AND": elements.binary("LogicalAnd", fuses=False),
    "LOGICAL_OR": elements.binary("LogicalOr", fuses=False),
    "SELECT": elements.where,
    "SELECT_V2": elements.where,
    "RELU": elements.unary("ReLU"),
    "RELU6": elements.unary("ReLU6"),
    "RELU_N1_TO_1": elements.unary("HardTanh"),
    "RELU_0_TO_1": elements.unary("ReLU", max_value=1.0),
    "LEAKY_RELU": elements.leaky,
    "GELU": elements.gelu,
    "LOGISTIC": elements.unary("Sigmoid"),
    "TANH": elements.unary("Tanh"),
    "ELU": elements.unary("ELU"),
    "HARD_SWISH": elements.unary("HardSwish"),
    "SOFTMAX": elements.unary("Softmax"),
    "LOG_SOFTMAX": elements.unary("LogSoftmax"),
    "EXP": elements.unary("Exponential"),
    **{
        name: elements.unary(name.capitalize())
        for name in ("SQRT", "RSQRT", "SQUARE", "LOG", "SIN", "COS", "ABS", "SIGN")
    },
    **{name: elements.unary(name.capitalize()) for name in ("FLOOR", "CEIL", "ROUND")},
    "NEG": elements.unary("Negative"),
    "LOGICAL_NOT": elements.unary("LogicalNot"),
    "L2_NORMALIZATION": elements.unary("UnitNormalization", axis=-1),
    "QUANTIZE": elements.rounded,
    "DEQUANTIZE": elements.rounded,
    "CAST": elements.cast,
    "AVERAGE_POOL_2D": weights.pooled("Average"),
    "MAX_POOL_2D": weights.pooled("Max"),
    "RESIZE_BILINEAR": weights.resized("bilinear"),
    "RESIZE_NEAREST_NEIGHBOR": weights.resized("nearest"),
    "RESHAPE": moves.reshape,
    "SQUEEZE": moves.reshape,
    "EXPAND_DIMS": moves.reshape,
    "TRANSPOSE": moves.transpose,
    "MEAN": moves.reduced("Mean"),
    "SUM": moves.reduced("Sum"),
    "REDUCE_MAX": moves.reduced("Max"),
    "REDUCE_MIN": moves.reduced("Min"),
    "REDUCE_PROD": moves.reduced("Prod"),
    "REDUCE_ANY": moves.reduced("Any"),
    "REDUCE_ALL": moves.reduced("All"),
    "ARG_MAX": moves.of_axis("Argmax"),
    "ARG_MIN": moves.of_axis("Argmin"),
    "CUMSUM": moves.of_axis("Cumsum"),
    "CONCATENATION": moves.concatenated,
    "PAD": moves.padded,
    "PADV2": moves.padded,
    "MIRROR_PAD": moves.padded,
    "STRIDED_SLICE": moves.sliced,
    "SLICE": moves.cut,
    "SPLIT": moves.split,
    "SPLIT_V": moves.split_sizes,
    "TILE": moves.tiled,
    "BROADCAST_TO": moves.broadcast,
    "PACK": moves.stacked,
    "UNPACK": moves.unstacked,
    "REVERSE_V2": moves.flipped,
    "DEPTH_TO_SPACE": moves.shuffled("DepthToSpace"),
    "SPACE_TO_DEPTH": moves.shuffled("SpaceToDepth"),
    "ONE_HOT": moves.one_hot,
}
"""By the name in the schema."""

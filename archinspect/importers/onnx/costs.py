"""What operators take beside multiply-accumulates, where none of ours tells."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from archinspect.base.shape import Mismatch
from archinspect.importers.onnx.ours import Ours, make, ours_of
from archinspect.importers.onnx.values import RuleError
from archinspect.ops import find_operator
from archinspect.ops.declared import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.importers.onnx.values import Step
    from archinspect.ops.base import Op

MOVES = frozenset(
    (
        *("CenterCropPad", "Col2Im", "Compress", "Constant", "DepthToSpace", "EyeLike", "GatherElements", "GatherND"),
        *("Identity", "MaxUnpool", "NonZero", "OneHot", "Optional", "OptionalGetElement", "OptionalHasElement"),
        *("Pad", "Range", "ReverseSequence", "Scatter", "ScatterElements", "ScatterND", "SequenceAt"),
        *("SequenceConstruct", "SequenceEmpty", "SequenceErase", "SequenceInsert", "SequenceLength", "Shape", "Size"),
        *("SpaceToDepth", "SplitToSequence", "ConcatFromSequence", "TensorScatter", "Trilu", "Unique", "Transpose"),
        *("ConstantOfShape", "Expand", "Concat", "Slice", "Split", "Gather", "Reshape", "Flatten", "Tile"),
        *("Squeeze", "Unsqueeze", "BitCast", "SequenceMap", "QLinearConcat", "Dropout", "Hardmax"),
        *("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli"),
    )
)
"""Operators that compute nothing."""
EACH: dict[str, int] = {
    **dict.fromkeys(("IsNaN", "IsInf", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot", "Mod"), 1),
    **dict.fromkeys(("Acosh", "Asinh", "Atanh"), 1),
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"), 2),
    **dict.fromkeys(("QLinearConv", "QLinearMatMul", "QGemm", "MatMulIntegerToFloat", "Shrink"), 2),
    **dict.fromkeys(("ConvInteger", "MatMulInteger", "MatMulNBits", "MatMulBnb4", "FusedMatMul", "MatMul"), 0),
    **dict.fromkeys(("Einsum", "TransposeMatMul", "DynamicQuantizeMatMul"), 0),
    **dict.fromkeys(("Gemm", "FusedGemm", "ConvTranspose", "Conv", "FusedConv", "DeformConv"), 1),
    **dict.fromkeys(("RotaryEmbedding", "QLinearAdd", "QLinearMul"), 3),
    **dict.fromkeys(("SkipLayerNormalization", "LayerNormalization", "BatchNormalization"), 9),
    **dict.fromkeys(("SimplifiedLayerNormalization", "RMSNormalization", "SkipSimplifiedLayerNormalization"), 5),
    **dict.fromkeys(("GroupNormalization", "InstanceNormalization"), 8),
    **dict.fromkeys(("FastGelu", "BiasGelu", "QuickGelu"), 8),
    "PRelu": 2,
}
"""Operations of each output element, beside multiply-accumulates, of those of which none of ours tells."""
STATES = {"LSTM": (4, "LSTM"), "GRU": (3, "GRU"), "RNN": (1, "SimpleRNN"), "DynamicQuantizeLSTM": (4, "LSTM")}
"""Recurrences: gates, and what they are called here."""


def operations(step: Step, ours: Ours | None = None) -> int | None:
    """Return a step's operations beside multiply-accumulates; None where they are not known.

    Where an operator of ours computes the same, `ours`, its own rule says, for tensors of any axes.
    """
    if step.inside:
        parts = [operations(one) for one in step.inside]
        return None if None in parts or step.unknown else step.trips * sum(part or 0 for part in parts)
    ours = ours or ours_of(step)
    if ours is not None and step.outputs:
        try:
            return ours.op.work([step.shape(at) for at in ours.reads], step.outputs[0].dims).other
        except (Mismatch, RuleError, ArithmeticError, LookupError, TypeError, ValueError):
            pass
    return _by_table(step)


def _by_table(step: Step) -> int | None:
    if step.kind in MOVES:
        return 0
    made = step.outputs[0] if step.outputs else None
    if made is None:
        return None
    if step.kind in EACH:
        return EACH[step.kind] * made.size
    own = OTHERS.get(step.kind)
    try:
        return own(step) if own else None
    except (RuleError, ArithmeticError, LookupError, TypeError):
        return None


def _of_states(step: Step) -> int:
    gates, name = STATES[step.kind]
    units = step.shape(2)[1 if step.kind == "DynamicQuantizeLSTM" else -1]
    steps = prod(step.shape()[:2]) * step.shape(1)[0]
    own: int = find_operator(name).operations  # type: ignore[union-attr] # a recurrence of ours
    return steps * units * (own + gates * 2 * step.has(3))


def recurrence(step: Step) -> Op | None:
    """Return the layer of ours that computes the same over samples, then steps, as ONNX's with their axes swapped."""
    if step.kind not in STATES or step.kind == "DynamicQuantizeLSTM":
        return None
    try:
        (_, _, _), (ways, _, units) = step.shape(), step.shape(2)
        biases: dict[str, Any] = {"biases": 2} if step.has(3) else {"use_bias": False}
        options = {"return_sequences": True, "return_state": True, "bidirectional": ways > 1}
        return make(STATES[step.kind][1], units=units, **options, **biases)
    except (ArgumentError, RuleError, TypeError, ValueError):
        return None


def _of_boxes(step: Step) -> int | None:
    """Return what the mean of so many points takes, each of four positions; where they are fixed in number."""
    points = step.attribute("sampling_ratio", 0)
    return 8 * points**2 * step.outputs[0].size if points else None


def _of_grid(step: Step) -> int:
    """Return what the products of a point's coordinates and a 1 take, and their sum."""
    return (2 * step.outputs[0].dims[-1] + 1) * step.outputs[0].size


def _of_mean(step: Step) -> int:
    return step.input(0).size + 2 * step.outputs[0].size


def _of_scores(step: Step) -> int:
    """Return what scaling, softmax and masks take, 6 per score and 1 per mask; and the biases of com.microsoft's."""
    dims, heads = step.shape(), step.attribute("q_num_heads") or step.attribute("num_heads") or 1
    if step.domain:
        packed = step.kind in ("Attention", "QAttention")
        bias, mask = (2, 3) if packed else (3, 4)
        keys = dims[1] if packed else step.shape(1)[1]
        biased = step.input(bias).size * prod(dims[:2]) if step.kind != "GroupQueryAttention" and step.has(bias) else 0
        masked = step.kind != "GroupQueryAttention" and step.has(mask)
        return int(prod(dims[:2]) * heads * keys * (6 + masked + bool(step.attribute("unidirectional"))) + biased)
    key, value = step.shape(1), step.shape(2)
    if len(dims) == len(("batch", "steps", "features")):
        features = dims[2] // heads + value[2] // step.attribute("kv_num_heads", heads)
    else:
        features = key[3] + value[3]
    return int(step.macs // max(features, 1) * (6 + bool(step.attribute("is_causal")) + step.has(3)))


OTHERS: dict[str, Callable[[Step], int | None]] = {
    **dict.fromkeys(STATES, _of_states),
    **dict.fromkeys(("Attention", "MultiHeadAttention", "GroupQueryAttention", "QAttention"), _of_scores),
    "RoiAlign": _of_boxes,
    "AffineGrid": _of_grid,
    "QLinearGlobalAveragePool": _of_mean,
    "LpNormalization": lambda step: 3 * step.input(0).size,
    "ReduceSumSquare": lambda step: 2 * step.input(0).size,
    "ReduceLogSum": lambda step: step.input(0).size + step.outputs[0].size,
}
"""Those that follow from more than the size of the output."""

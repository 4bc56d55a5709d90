"""Products, normalizations, reductions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.importers.onnx.ours.base import CHANNELS_FIRST, Ours, given, make, plain
from archinspect.importers.onnx.values import axis_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.importers.onnx.values import Step


def normalization(operator: str, **args: Any) -> Callable[[Step], Ours]:  # noqa: ANN401 - as the operator takes
    """Return the function of a normalization with a scale, and an offset where there is one."""

    def translate(use: Step) -> Ours:
        found = {name: value(use) if callable(value) else value for name, value in args.items()}
        weights = tuple(at for at in range(1, len(use.inputs)) if use.has(at))
        if operator in ("LayerNormalization", "GroupNormalization"):
            found["center"] = use.has(2)
        is_frozen = operator == "BatchNormalization" and all(one.role == "buffer" for one in use.input(1).stored)
        return Ours(make("FrozenBatchNormalization" if is_frozen else operator, **found), (0,), weights)

    return translate


def _last_axes(use: Step) -> tuple[int, ...]:
    rank = len(use.shape())
    return tuple(range(axis_of(use.attribute("axis", -1), rank), rank))


def matmul(use: Step) -> Ours:
    """`MatMul`: a fully connected layer where the second factor is a matrix of the file's own."""
    second = use.input(1)
    if second.constant and second.plain and second.rank == 2 and use.input(0).rank > 1:  # noqa: PLR2004 - a matrix
        return Ours(make("Dense", units=second.dims[1], use_bias=False), (0,), (1,))
    return Ours(make("MatMul"), (0, 1))


def gemm(use: Step) -> Ours | None:
    """`Gemm`."""
    second = use.input(1)
    if use.attribute("transA", 0) or not (second.constant and second.plain):
        return None
    units = second.dims[0 if use.attribute("transB", 0) else 1]
    biased = use.has(2)
    return Ours(make("Dense", units=units, use_bias=biased), (0,), (1, 2)[: 1 + biased])


def einsum(use: Step) -> Ours:
    """`Einsum`."""
    return Ours(make("Einsum", equation=use.attribute("equation")), tuple(range(len(use.inputs))))


def attention(use: Step) -> Ours | None:
    """`Attention` of features of all heads side by side, without a mask."""
    if any(use.has(at) for at in range(3, 7)) or len(use.shape()) != 3 or use.count > 1:  # noqa: PLR2004 - batch, steps, features
        return None
    heads, shared = use.attribute("q_num_heads", 1), use.attribute("kv_num_heads", 1)
    causal = bool(use.attribute("is_causal"))
    return Ours(make("ScaledDotProductAttention", num_heads=heads, num_kv_heads=shared, causal=causal), (0, 1, 2))


def reduction(operator: str) -> Callable[[Step], Ours | None]:
    """Return the function of a reduction."""

    def translate(use: Step) -> Ours | None:
        rank = len(use.shape())
        axes = use.ints("axes", 1) or list(range(rank))
        if not axes:
            return None
        return Ours(
            make(
                operator, axis=tuple(axis_of(axis, rank) for axis in axes), keepdims=bool(use.attribute("keepdims", 1))
            )
        )

    return translate


def _place(operator: str) -> Callable[[Step], Ours]:
    return plain(operator, axis=given("axis", 0), keepdims=lambda use: bool(use.attribute("keepdims", 1)))


def _cumulative(operator: str) -> Callable[[Step], Ours | None]:
    def translate(use: Step) -> Ours | None:
        axis = use.data(1)
        return Ours(make(operator, axis=axis[0])) if axis else None

    return translate


OPERATORS: dict[str, Callable[[Step], Ours | None]] = {
    "Gemm": gemm,
    "MatMul": matmul,
    "Einsum": einsum,
    "Attention": attention,
    "BatchNormalization": normalization("BatchNormalization", epsilon=given("epsilon", 1e-5), **CHANNELS_FIRST),
    "InstanceNormalization": normalization("InstanceNormalization", affine=True, **CHANNELS_FIRST),
    "LayerNormalization": normalization("LayerNormalization", axis=_last_axes, epsilon=given("epsilon", 1e-5)),
    "RMSNormalization": normalization("RMSNormalization", axis=_last_axes, epsilon=given("epsilon", 1e-5)),
    "GroupNormalization": normalization("GroupNormalization", groups=given("num_groups", 1), **CHANNELS_FIRST),
    "ReduceSum": reduction("ReduceSum"),
    "ReduceMean": reduction("ReduceMean"),
    "ReduceMax": reduction("ReduceMax"),
    "ReduceMin": reduction("ReduceMin"),
    "ReduceProd": reduction("ReduceProd"),
    "ReduceL1": reduction("ReduceL1"),
    "ReduceL2": reduction("ReduceL2"),
    "ReduceLogSumExp": reduction("ReduceLogSumExp"),
    "ArgMax": _place("ArgMax"),
    "ArgMin": _place("ArgMin"),
    "CumSum": _cumulative("CumSum"),
    "CumProd": _cumulative("CumProd"),
}
"""By their names in the standard set of ONNX."""

"""Data types as PyTorch has them: their names, and those of which it has no kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.exporters.refusal import CannotExportError
from archinspect.ops.figures import DTYPES

if TYPE_CHECKING:
    from archinspect.exporters.orders import Use
    from archinspect.graph.graph import Node

_TRUTH = frozenset(["bool"])
_WHOLE = frozenset([dtype for dtype in DTYPES if "float" not in dtype])
_RANKS = ("1D", "2D", "3D")

_LACKING: dict[str, frozenset[str]] = {
    **dict.fromkeys(("Subtract", "Negative", "Abs", "Power", "Floor", "Ceil", "Round", "Trunc", "ReLU"), _TRUTH),
    **dict.fromkeys(("MatMul", "Dot", "ArgMax", "ArgMin", "TopK"), _TRUTH),
    "Einsum": _WHOLE - {"int64"},  # the type of its sums, which it multiplies with what else it reads
    **dict.fromkeys(("Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise", "StochasticDepth"), _WHOLE),
    **dict.fromkeys([f"{name}MaxPooling{rank}" for name in ("", "Adaptive") for rank in _RANKS], _WHOLE),
    **dict.fromkeys([f"{name}{rank}" for name in ("MaxUnpooling", "SpatialDropout") for rank in _RANKS], _WHOLE),
    "Unfold": _WHOLE,
    **dict.fromkeys([f"UpSampling{rank}" for rank in _RANKS], _WHOLE - {"uint8"}),
    **dict.fromkeys(("Upsample", "UpsampleBilinear", "ResizeLike"), _WHOLE - {"uint8"}),
}
"""By the operator, types of which PyTorch's function raises an error, on a CPU or on a GPU."""
_PRODUCTS = ("MatMul", "Dot", "Einsum")
"""Of one type each: PyTorch promotes none."""


def refuse_types(use: Use) -> None:
    """Raise :class:`CannotExportError` where PyTorch has no kernel for what an operator reads."""
    op, _ = use.op.unwrapped(*use.call.shapes)
    name, lacking = type(op).__name__, _lacking(op)
    others = {*use.call.read_as_floats, *op.undifferentiated}
    read = {type_.dtype for i, type_ in enumerate(use.call.inputs[: op.reads]) if i not in others}
    for dtype in sorted(read & lacking):
        raise CannotExportError(use.node.layer, f"PyTorch has no {name} of {dtype}: `Cast: float` before it")
    if name in _PRODUCTS and len(read) > 1 and not any("float" in dtype for dtype in read):
        given = " and ".join(sorted(read))
        raise CannotExportError(use.node.layer, f"PyTorch has no {name} of {given}: `Cast` one of them before it")


def _lacking(op: Any) -> frozenset[str]:  # noqa: ANN401 - an operator
    """Return the types of which PyTorch has no kernel."""
    name = type(op).__name__
    if name.startswith("ZeroPadding"):
        return _TRUTH if op.mode != "constant" else frozenset()
    if name == "MaskedFill":  # no integer is infinite
        return _WHOLE - _TRUTH if op.value is None else frozenset()
    return _LACKING.get(name, frozenset())


def torch_dtype(node: Node, dtype: str) -> str:
    """Return PyTorch's name of a data type of what a node makes."""
    if dtype not in DTYPES or dtype == "float8":
        raise CannotExportError(node.layer, f"PyTorch has no {dtype}")
    return f"torch.{dtype}"


def dtype_of(use: Use) -> str:
    """Return the data type of the first output as PyTorch has it."""
    dtype = use.call.outputs[0].dtype
    return "torch.get_default_dtype()" if dtype == "float" else torch_dtype(use.node, dtype)


def own_type(use: Use) -> str:
    """Return what keeps the type of integers, for which PyTorch has int64 otherwise."""
    dtype = use.call.outputs[0].dtype
    return "" if "float" in dtype or dtype == "int64" else f", dtype={dtype_of(use)}"


def index_of(use: Use, index: int, *, long: bool = False) -> str:
    """Return an input as an index, which has to be int64 if `long`."""
    whole = use.call.inputs[index].dtype in (("int64",) if long else ("int64", "int32"))
    return "" if whole else ".long()"

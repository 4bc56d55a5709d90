"""What backward reads of calls that no operator stands for, and what is made within them: tables by names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import size
from archinspect.importers.pt2.families import family
from archinspect.ops.spatial import READ_AGAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from archinspect.base.shape import Shape
    from archinspect.importers.pt2.program import Call, Meta


def _as_many(shapes: Mapping[str, Shape]) -> int:
    return size(next(iter(shapes.values())))


def _one(shapes: Mapping[str, Shape]) -> int:
    """Return the sum of the weights of the classes."""
    del shapes
    return 1


def _of_elimination(shapes: Mapping[str, Shape]) -> int:
    """Return the triangular factors, and the rows that were exchanged."""
    matrix = next(iter(shapes.values()))
    return size(matrix) + size(matrix[:-1])


def _of_lengths(shapes: Mapping[str, Shape]) -> int:
    """Return the lengths that a weight is divided by."""
    return size(shapes["g"])


def _of_cross_entropy(shapes: Mapping[str, Shape]) -> int:
    """Return the logarithms; where targets are classes, the sum of their weights too."""
    return size(shapes["self"]) + (shapes["target"] != shapes["self"])


_OF_INPUT = (
    *("acos", "asin", "atan", "acosh", "asinh", "atanh", "cosh", "sinh", "sinc", "erfc", "erfinv", "lgamma", "digamma"),
    *("log10", "log1p", "log2", "logit", "threshold", "nan_to_num", "nansum", "renorm", "var", "var_mean"),
    *("cumprod", "angle", "matrix_exp"),
    *(f"special_{name}" for name in ("ndtr", "log_ndtr", "i0", "entr", "erfcx")),
    *("reflection_pad1d", "reflection_pad2d", "reflection_pad3d"),
    *("replication_pad1d", "replication_pad2d", "replication_pad3d"),
)
_OF_REAL = frozenset(
    f"aten.fft_{name}" for name in ("fft", "ifft", "rfft", "ihfft", "rfft2", "rfftn", "ihfft2", "ihfftn")
)
"""Calls of which backward reads the input where that is of real numbers."""
_OF_BOTH = (
    *("atan2", "fmax", "fmin", "logaddexp", "logaddexp2", "xlogy"),
    *("max.other", "min.other", "maximum", "minimum"),
)
_LOSSES = ("mse_loss", "smooth_l1_loss", "huber_loss", "soft_margin_loss", "multi_margin_loss")
_OF_THE_OTHER = ("kron", "cross", "linalg_cross")
_OF_A_REMAINDER = ("fmod.Tensor", "remainder.Tensor")
_OF_INPUT_AND_RESULT = (
    *(
        "linalg_vector_norm",
        "linalg_norm",
        "amax",
        "amin",
        "norm",
        "prod",
        "sgn",
        "copysign",
        "logcumsumexp",
        "std",
        "std_mean",
    ),
    *("max.default", "min.default", "median.default", "nanmedian.default"),
)
_OF_INDICES = ("max.dim", "min.dim", "topk", "sort", "median.dim", "nanmedian.dim", "kthvalue", "mode")
KEPT: dict[str, tuple[str | int, ...]] = {
    **{f"aten.{name}": ("self",) for name in _OF_INPUT},
    **{f"aten.{name}": (0,) for name in ("exp2", "expm1", "tan", "polar")},
    **{f"aten.{name}": ("self", 0) for name in _OF_INPUT_AND_RESULT},
    **{f"aten.{name}": ("self", "other") for name in _OF_BOTH},
    **{f"aten.{name}": ("self@other", "other@self") for name in _OF_THE_OTHER},
    **{f"aten.{name}": ("self@other", "other@other") for name in _OF_A_REMAINDER},
    **{f"aten.{name}": ("self", "target") for name in _LOSSES},
    **{f"aten.{name}": ("self@vec2", "vec2@self") for name in ("outer", "ger")},
    **{f"aten.{name}": (1,) for name in _OF_INDICES},
    **{f"aten.{name}": ("self", 1) for name in ("cummax", "cummin")},
    "aten.hypot": ("self", "other", 0),
    "aten.pow.Tensor_Tensor": ("self", "exponent", 0),
    "aten.pow.Scalar": ("exponent", 0),
    "aten.prelu": ("self", "weight"),
    "aten.lerp.Tensor": ("self@weight", "end@weight", "weight"),
    "aten.addcmul": ("tensor1@tensor2", "tensor2@tensor1"),
    "aten.addcdiv": ("tensor1@tensor2", "tensor2"),
    "aten.argsort": (),
    "aten.clamp.Tensor": ("self", "min", "max"),
    "aten.clamp_min.Tensor": ("self", "min"),
    "aten.clamp_max.Tensor": ("self", "max"),
    "aten.index": ("indices",),
    "aten.gather": ("self", "index"),
    "aten.take": ("self", "index"),
    "aten.take_along_dim": ("self", "indices"),
    **{f"aten.{name}": ("index",) for name in ("index_select", "scatter", "scatter_add", "index_fill")},
    "aten.index_add": ("index@source", "source@source"),
    "aten.cdist": ("x1", "x2", 0),
    "aten._cdist_forward": ("x1", "x2", 0),
    "aten.dist": ("self", "other", 0),
    **{f"aten.{name}": ("self", 0) for name in ("pdist", "_pdist_forward")},
    "aten.aminmax": ("self", 0, 1),
    "aten.linalg_det": ("self", 0),
    **{f"aten.{name}": (0,) for name in ("linalg_inv", "linalg_cholesky", "linalg_solve")},
    **{f"aten.{name}": (0, 1) for name in ("linalg_qr", "linalg_eigh")},
    "aten.linalg_svd": (0, 1, 2),
    "aten.index_copy": ("index", "source"),
    "aten.scatter_reduce": ("self", "index", "src", 0),
    "aten.index_put": ("indices",),
    "aten.where": ("condition",),
    "aten.masked_fill": ("mask",),
    "aten.masked_scatter": ("mask",),
    "aten.embedding_bag": ("indices", "offsets", 1, 2, 3),
    "aten.binary_cross_entropy": ("self", "target", "weight"),
    "aten.binary_cross_entropy_with_logits": ("self", "target", "weight", "pos_weight"),
    "aten.cross_entropy_loss": ("target",),
    **{f"aten.{name}": ("self", "target") for name in ("nll_loss", "nll_loss_nd", "nll_loss2d")},
    "aten.multilabel_margin_loss": ("self", "target"),
    "aten.embedding": ("indices",),
    "aten.pairwise_distance": (0,),
    "aten.rrelu": ("self",),
    "aten.complex": ("real", "imag"),
}
"""What backward reads, of calls that no operator stands for: arguments by their names, outputs by their numbers; as
PyTorch's `tools/autograd/derivatives.yaml` says it. `x@y` is `x` where `y` has a gradient."""

WITHIN: dict[str, Callable[[Mapping[str, Shape]], int]] = {
    **{f"aten.{name}": _as_many for name in ("l1_loss", "pairwise_distance", "rrelu", "multilabel_margin_loss")},
    "aten.cross_entropy_loss": _of_cross_entropy,
    "aten._weight_norm": _of_lengths,
    **{f"aten.{name}": _of_elimination for name in ("linalg_det", "linalg_solve")},
    "aten.linalg_eigvalsh": _as_many,
    **{f"aten.{name}": _one for name in ("nll_loss", "nll_loss_nd", "nll_loss2d")},
}
"""Elements that backward reads and that are made within a call: no argument, and no output."""


def read_back(call: Call, metas: Mapping[str, Meta]) -> tuple[str | int, ...]:
    """Return what backward reads of a call."""
    if call.plain in _OF_REAL:
        return () if metas[call.arguments["self"].name].is_complex else ("self",)
    if call.plain == "aten.pad" and call.arguments.get("mode") in READ_AGAIN:
        return ("self",)
    return KEPT.get(f"{call.plain}.{call.overload}") or KEPT.get(call.plain, ())


def copied_within(call: Call, metas: Mapping[str, Meta]) -> str:
    """Return the type of a copy of its first tensor that a call makes; empty where it makes none."""
    if call.plain == "aten.argsort":
        return "float"
    is_complex = call.plain.startswith("aten.fft_") and call.plain not in _OF_REAL and family(call)
    return "float64" if is_complex and not metas[call.arguments["self"].name].is_complex else ""


def made_within(call: Call) -> Callable[[Mapping[str, Shape]], int] | None:
    """Return the rule of what is made within a call and read by backward."""
    return WITHIN.get(call.plain)

"""What calls cost that no operator of archinspect's stands for: tables by names."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.base.shape import largest, size, smallest
from archinspect.ops.fourier import rounds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from archinspect.base.shape import Shape
    from archinspect.importers.pt2.program import Call

    Macs = Callable[[Mapping[str, Shape], Shape, Mapping[str, Any]], int]


class Family(NamedTuple):
    """What calls of a family cost: multiply-accumulates, and other operations."""

    macs: Macs
    other: Macs


def _none(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    return 0


def _each(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    return size(output)


def _read(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    return size(next(iter(shapes.values()), ()))


def _bias(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    return size(output) if "bias" in shapes else 0


def _product(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    first = shapes.get("mat1") or shapes.get("batch1") or shapes["self"]
    return size(output) * first[-1]


def _weighted(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    if arguments.get("transposed"):
        return size(shapes["input"]) * prod(shapes["weight"][1:])
    return size(output) * prod(shapes["weight"][1:])


def _transposed(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    return size(shapes["input"]) * prod(shapes["weight"][1:])


def _attention(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    query, key = shapes["query"], shapes["key"]
    return prod(output[:-2]) * query[-2] * key[-2] * (query[-1] + shapes["value"][-1])


def _attention_else(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    # A scale and a softmax of 5 for each score, and an addition where there is a mask.
    scores = prod(output[:-2]) * shapes["query"][-2] * shapes["key"][-2]
    return scores * (6 + ("attn_mask" in shapes))


def _grouped(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    first, second, *_ = shapes.values()
    # Of two matrices the groups are parts of the axis that is summed over.
    return size(output[1:] if len(first) == len(second) == 2 else output) * first[-1]  # noqa: PLR2004 - a matrix


def _summed_batch(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    return size(shapes["batch1"]) * shapes["batch2"][-1]


def _contracted(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    dims: list[int] = arguments["dims_self"]
    return size(output) * prod([shapes["self"][axis] for axis in dims])


def _sorted(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    """Return the comparisons of a merge sort, as :class:`archinspect.ops.reduce.Sort` counts them."""
    length = shapes["self"][arguments.get("dim", -1)] if shapes["self"] else 1
    return size(shapes["self"]) * max(length - 1, 0).bit_length()


def _added(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    return size(shapes["src"] if "src" in shapes else shapes["source"])


def _transformed(*plain: int) -> Macs:
    """Return the rule of a Fourier transform, along these axes where a call says none; without any along all.

    It counts 5 per complex number and round of each axis, as :mod:`archinspect.ops.fourier` does.
    """

    def operations(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
        given, lengths = shapes["self"], arguments.get("s")
        axes = arguments.get("dim")
        if axes is None:
            axes = plain or range(-len(given if lengths is None else lengths), 0)
        axes = [axes] if isinstance(axes, int) else axes
        over = sum(rounds(largest(given[axis], output[axis])) for axis in axes)
        return 5 * smallest(size(given), size(output)) * over

    return operations


def _searched(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    """Count the comparisons of a search by halves."""
    borders = shapes["boundaries" if "boundaries" in shapes else "sorted_sequence"]
    return size(output) * borders[-1].bit_length()


def _on_grid(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    """Count the products and sums of a matrix with a bias, for each coordinate."""
    return size(output) * (2 * shapes["theta"][-1] - 1)


def _among(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    """Count a difference, its power and its sum for each feature of two of the points, and a root."""
    return size(output) * (3 * shapes["self"][-1] + 1)


def _summed_logarithms(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    return 3 * size(output)


def _smoothed(points: int) -> Macs:
    """Return the rule of a resampling, one axis after the other, of so many points, and more where it shrinks a map."""

    def operations(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
        given = shapes["input"]
        high, wide = (2 * points * largest(1, -(-given[axis] // output[axis])) - 1 for axis in (-2, -1))
        return size(given[:-1]) * output[-1] * wide + size(output) * high

    return operations


def _lengths(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    """Count a power and its sum for each element."""
    return 2 * _read(shapes, output, arguments)


def _cubic(times: float) -> Macs:
    """Return the rule of an algorithm of so many operations for each n^3 of an n x n matrix."""

    def operations(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
        matrix = next(iter(shapes.values()))
        return round(times * size(matrix) * matrix[-1])

    return operations


def _apart(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    """Count a difference, its power and its sum for each feature of two points, and a root."""
    return size(output) * (3 * shapes["x1"][-1] + 1)


def _normed(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    return 3 * size(shapes["v"])


def _einsum(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    """Return the MACs of operands joined from left to right: for each two, all letters of both."""
    given, _, result = arguments["equation"].replace(" ", "").partition("->")
    terms, operands = given.split(","), list(shapes.values())
    sizes = {
        letter: dim
        for term, shape in zip(terms, operands, strict=True)
        for letter, dim in zip(term, shape, strict=True)
    }
    macs, left = 0, set(terms[0])
    for place, term in enumerate(terms[1:], 1):
        both = left | set(term)
        left = {letter for letter in both if letter in result or any(letter in later for later in terms[place + 1 :])}
        if left != both:  # else nothing is summed, and it is a product of elements
            macs += prod([sizes[letter] for letter in sorted(both)])
    return macs


def _recurrent(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    steps = prod(shapes["input"][:-1])
    return steps * sum(size(shape) for name, shape in shapes.items() if name.startswith("params") and len(shape) > 1)


def _bag(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    return size(shapes["indices"]) * shapes["weight"][-1]


def _normalized(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    affine = ("weight" in shapes) + ("bias" in shapes)
    return size(output) * (6 + affine if arguments.get("training", True) else 2)


def _differences(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    """Count a difference, what is made of it, and its sum, for each element."""
    return 3 * _read(shapes, output, arguments)


def _spread(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    """Count as :class:`archinspect.ops.reduce.ReduceVar` does: two sums, a difference and its square."""
    return 4 * _read(shapes, output, arguments)


CUBIC = {
    "linalg_cholesky": 1 / 3,
    **dict.fromkeys(("linalg_det", "linalg_slogdet", "logdet"), 2 / 3),
    "linalg_eigvalsh": 4 / 3,
    "linalg_inv": 2,
    **dict.fromkeys(("linalg_qr", "linalg_solve"), 8 / 3),
    "linalg_eigh": 9,
    **dict.fromkeys(("matrix_exp", "linalg_svd"), 21),
}
"""Operations for each n^3 of an n x n matrix (Golub & Van Loan, Matrix Computations); as many right sides as rows."""
CONVOLUTIONS = frozenset(("weighted", "transposed"))
"""Products that keep both factors, whichever gradient is wanted."""
PRODUCTS = frozenset(("product", "product+", "linear", "grouped", "summed batch", "contracted"))
FACTORS = frozenset(("input", "weight", "mat", "mat1", "mat2", "batch1", "batch2", "self", "other", "tensor", "vec"))
"""What the factors of a product are called."""
WITH_A_TERM = frozenset(("product+", "summed batch"))
"""Products of which `self` is a term."""
_NOTHING = Family(_none, _none)
COSTS: dict[str, Family] = {
    "move": _NOTHING,
    "each": Family(_none, _each),
    "read": Family(_none, _read),
    "product": Family(_product, _none),
    "product+": Family(_product, _each),
    "linear": Family(_weighted, _bias),
    "weighted": Family(_weighted, _bias),
    "transposed": Family(_transposed, _bias),
    "attention": Family(_attention, _attention_else),
    "einsum": Family(_einsum, _none),
    "recurrent": Family(_recurrent, _none),
    "bag": Family(_none, _bag),
    "normalized": Family(_none, _normalized),
    "grouped": Family(_grouped, _none),
    "summed batch": Family(_summed_batch, _each),
    "contracted": Family(_contracted, _none),
    "sorted": Family(_none, _sorted),
    "added": Family(_none, _added),
    "normed": Family(_none, _normed),
    "differences": Family(_none, _differences),
    "spread": Family(_none, _spread),
    "transformed": Family(_none, _transformed(-1)),
    "transformed in two": Family(_none, _transformed(-2, -1)),
    "transformed in all": Family(_none, _transformed()),
    "lengths": Family(_none, _lengths),
    "smoothed by 2": Family(_none, _smoothed(2)),
    "smoothed by 4": Family(_none, _smoothed(4)),
    **{f"{times:.2f} n^3": Family(_none, _cubic(times)) for times in CUBIC.values()},
    "apart": Family(_none, _apart),
    "among": Family(_none, _among),
    "searched": Family(_none, _searched),
    "on grid": Family(_none, _on_grid),
    "summed logarithms": Family(_none, _summed_logarithms),
}
"""The families of calls: nothing is computed; an operation for each element that is made, or read; products."""

_MOVES = frozenset(
    """
_to_copy alias arange as_strided broadcast_to chunk clone constant_pad_nd contiguous copy detach diagonal empty
empty_like expand expand_as fill flatten flip full full_like gather im2col index index_copy index_put index_select
lift_fresh_copy linspace masked_fill meshgrid movedim narrow new_empty new_full new_ones new_zeros ones ones_like pad
permute pixel_shuffle pixel_unshuffle rand rand_like randn randn_like real imag repeat repeat_interleave reshape
reshape_as resolve_conj roll scalar_tensor scatter select select_scatter slice slice_scatter split split_with_sizes
squeeze stack swapaxes t take_along_dim tensor_split tile to transpose tril triu type_as unbind unfold unflatten
unsafe_split unsqueeze view view_as view_as_complex view_as_real where zero zeros zeros_like embedding cat
alias_copy narrow_copy unfold_copy _unsafe_view numpy_T adjoint mT expand_copy rot90 one_hot eye triu_indices
tril_indices hstack vstack dstack column_stack diag diag_embed block_diag cartesian_prod broadcast_tensors bernoulli
randint randint_like randperm normal uniform exponential index_fill masked_scatter take moveaxis swapdims ravel
channel_shuffle reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d
replication_pad3d max_unpool2d max_unpool3d upsample_nearest3d _upsample_nearest_exact1d _upsample_nearest_exact2d
_upsample_nearest_exact3d rand randn fft_fftshift fft_ifftshift fft_fftfreq fft_rfftfreq
    """.split()  # noqa: SIM905 - a hundred names
)
_EACH = frozenset(
    """
__and__ __or__ __xor__ abs acos add addcdiv addcmul asin atan atan2 bitwise_and bitwise_not bitwise_or ceil clamp
clamp_max clamp_min cos cumsum diff div eq erf exp expm1 floor floor_divide fmod ge gelu gt hardsigmoid hardswish
hardtanh isinf isnan le leaky_relu lerp log log10 log1p log2 logical_and logical_not logical_or logical_xor lt max min
maximum minimum mul ne neg nan_to_num pow reciprocal relu relu6 remainder round rsqrt rsub sigmoid sign silu sin
softplus sqrt square sub tan tanh trunc masked_fill rsub sgn sinh cosh asinh acosh atanh erfc erfinv exp2 lgamma digamma
logaddexp logaddexp2 hypot frac sinc logit xlogy copysign signbit celu selu softsign hardshrink softshrink threshold
prelu rrelu log_sigmoid angle heaviside nextafter isposinf isneginf trace deg2rad rad2deg isfinite
bitwise_xor outer ger kron fmax fmin cummax cummin cross linalg_cross complex polar
special_ndtr special_log_ndtr special_ndtri special_i0 special_i0e special_i1 special_i1e special_entr special_erfcx
    """.split()  # noqa: SIM905 - as above
)
_READ = (
    *("all", "amax", "amin", "any", "argmax", "argmin", "mean", "prod", "sum", "nansum", "max", "min"),
    *("histc", "bincount", "count_nonzero", "col2im", "aminmax"),
)
_DIFFERENCES = (
    *("dist", "soft_margin_loss", "multi_margin_loss", "renorm"),
    *("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "pairwise_distance"),
    *("binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy_loss"),
)
_TRANSFORMS = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
_ATTENTIONS = (
    "aten.scaled_dot_product_attention",
    *(f"aten._scaled_dot_product_{kind}_attention" for kind in ("flash", "efficient", "cudnn", "fused")),
    "aten._scaled_dot_product_flash_attention_for_cpu",
)
OF_CALLS: dict[str, str] = {
    **{f"aten.{name}": "each" for name in _EACH},
    **{f"aten.{name}.{form}": "read" for name in _READ for form in ("dim", "dim_int")},
    **{f"aten.{name}": "read" for name in _READ if name not in _EACH},
    **{f"aten.{name}": "move" for name in _MOVES},
    **dict.fromkeys(("aten.matmul", "aten.bmm", "aten.mm", "aten.mv", "aten.dot", "aten.inner"), "product"),
    **dict.fromkeys(("aten.addmm", "aten.baddbmm", "aten.addmv"), "product+"),
    "aten.linear": "linear",
    **dict.fromkeys(("aten.conv1d", "aten.conv2d", "aten.conv3d", "aten.convolution"), "weighted"),
    **dict.fromkeys(("aten.conv_transpose1d", "aten.conv_transpose2d", "aten.conv_transpose3d"), "transposed"),
    **dict.fromkeys(_ATTENTIONS, "attention"),
    "aten.einsum": "einsum",
    **dict.fromkeys(("overwritten", "written_out"), "move"),
    "aten.embedding_bag": "bag",
    "aten.batch_norm": "normalized",
    "aten.layer_norm": "normalized",
    "aten.group_norm": "normalized",
    "aten.instance_norm": "normalized",
    "aten.lstm": "recurrent",
    "aten.gru": "recurrent",
    **dict.fromkeys(("transformers.grouped_mm_fallback", "aten._grouped_mm"), "grouped"),
    "aten.addbmm": "summed batch",
    "aten.tensordot": "contracted",
    **dict.fromkeys(("aten.sort", "aten.argsort"), "sorted"),
    **dict.fromkeys(("aten.scatter_add", "aten.index_add", "aten.scatter_reduce", "aten.index_reduce"), "added"),
    "aten._weight_norm": "normed",
    **{f"aten.fft_{name}": "transformed" for name in _TRANSFORMS},
    **{f"aten.fft_{name}2": "transformed in two" for name in _TRANSFORMS},
    **{f"aten.fft_{name}n": "transformed in all" for name in _TRANSFORMS},
    **dict.fromkeys(("aten.linalg_vector_norm", "aten.linalg_norm", "aten.norm"), "lengths"),
    **{f"aten.{name}": f"{times:.2f} n^3" for name, times in CUBIC.items()},
    **dict.fromkeys(("aten.cdist", "aten._cdist_forward"), "apart"),
    **dict.fromkeys(("aten.pdist", "aten._pdist_forward"), "among"),
    **dict.fromkeys(("aten.searchsorted", "aten.bucketize"), "searched"),
    "aten.affine_grid_generator": "on grid",
    "aten._upsample_bilinear2d_aa": "smoothed by 2",
    "aten._upsample_bicubic2d_aa": "smoothed by 4",
    "aten.logcumsumexp": "summed logarithms",
    **{f"aten.{name}": "differences" for name in _DIFFERENCES},
    **{f"aten.{name}": "each" for name in ("nll_loss", "nll_loss_nd", "nll_loss2d")},
    **{f"aten.{name}": "spread" for name in ("var", "std", "var_mean", "std_mean")},
    **{f"aten.{name}": "sorted" for name in ("median", "nanmedian", "kthvalue", "mode")},
}
"""The family of a call's costs, for one that no operator stands for: a name of
:data:`COSTS`."""


LENDS = frozenset(
    f"aten.{name}"
    for name in (
        *("new_zeros", "new_ones", "new_full", "new_empty", "zeros_like", "ones_like", "full_like", "empty_like"),
        *("rand_like", "randn_like", "zero", "fill"),
    )
)
"""Calls that read of their tensor no more than its shape."""
LIKES = frozenset(("aten.expand_as", "aten.reshape_as", "aten.type_as", "aten.view_as"))
"""Calls that read of their second tensor no more than its shape."""


def family(call: Call) -> str:
    """Return the family of a call's costs; empty where it is not known."""
    return OF_CALLS.get(f"{call.plain}.{call.overload}") or OF_CALLS.get(call.plain, "")

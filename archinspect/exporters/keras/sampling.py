"""What reads maps at points, sums patches, puts elements back, and transforms of frequencies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.exporters.code import Step, code
from archinspect.exporters.keras.use import function, of_each_sample, own

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.exporters.keras.use import Use


def _first(use: Use) -> str:
    """Return the argument that says that channels come first."""
    op: Any = use.op
    return ", channels_first=True" if op.data_format == "channels_first" else ""


def _corners(use: Use) -> str:
    op: Any = use.op
    return ", align_corners=True" if op.align_corners else ""


def _grid_sample(use: Use) -> Step:
    """Return a map read at points."""
    op: Any = use.op
    options = "" if op.mode == "bilinear" else ", mode={mode}"
    options += "" if op.padding_mode == "zeros" else ", padding={padding}"
    text = f"{{0}}, {{1}}{options}{_corners(use)}{_first(use)}"
    return function("grid_sample", text, mode=op.mode, padding=op.padding_mode)


def _affine_grid(use: Use) -> Step:
    """Return a grid of points."""
    op: Any = use.op
    return function("affine_grid", f"{{0}}, {{size}}{_corners(use)}", size=op.size)


def _deformable_attention(use: Use) -> Step:
    """Return attention to points of maps."""
    op: Any = use.op
    return function("deformable_attention", "{0}, {1}, {2}, {sizes}", sizes=op.sizes)


def _dynamic_convolution(use: Use) -> Step:
    """Return a convolution by a kernel of each sample."""
    op: Any = use.op
    given, parts = of_each_sample(use)
    text = f"dynamic_conv({given}, {{filters}}, {{sizes}}, {{groups}}, {{strides}}, {{rate}}, {{pads}}{_first(use)})"
    values = {
        "filters": op.filters,
        "sizes": tuple(op.kernel_size),
        "groups": op.groups,
        "strides": tuple(op.strides),
        "rate": tuple(op.dilation_rate),
        "pads": tuple(map(tuple, op.sliding(op.split(use.shape)[0]).pads)),
    }
    return Step(code(text, **values), parts=("dynamic_conv", *parts))


def _neighborhood(use: Use) -> Step:
    """Return attention to windows around positions."""
    op: Any = use.op
    given = {"heads": op.num_heads, "sizes": tuple(op.kernel_size), "steps": tuple(op.dilation)}
    step = own("NeighborhoodAttention", given, biases=(op.position_biases, False))
    return step._replace(code=code("{self}([{all}])"))


def _deformed(use: Use) -> Step:
    """Return a convolution with offsets."""
    op: Any = use.op
    pads = tuple(map(tuple, op.sliding(op.split(use.shape)[0]).pads))
    step = own(
        "DeformConv2D",
        {"filters": op.filters, "kernel_size": tuple(op.kernel_size)},
        strides=(tuple(op.strides), (1, 1)),
        padding=(pads, ((0, 0), (0, 0))),
        dilation_rate=(tuple(op.dilation_rate), (1, 1)),
        groups=(op.groups, 1),
        use_bias=(op.use_bias, True),
        channels_first=(op.data_format == "channels_first", False),
    )
    return step._replace(code=code("{self}([{all}])"))


def _fold(use: Use) -> Step:
    """Return sums of patches."""
    op: Any = use.op
    values = {name: tuple(getattr(op, name)) for name in ("kernel_size", "strides", "padding", "dilation_rate")}
    template = "{0}, {size}, {kernel_size}, {strides}, {padding}, {dilation_rate}"
    return function("fold", f"{template}{_first(use)}", size=tuple(op.output_size), **values)


def _unpool(use: Use) -> Step:
    """Return elements where a pooling found them."""
    op: Any = use.op
    return function("max_unpool", f"{{0}}, {{1}}, {{size}}{_first(use)}", size=tuple(op.split(use.output)[0]))


def _axes(use: Use) -> tuple[int, ...]:
    op: Any = use.op
    rank = len(use.shape) - op.has_parts()
    return tuple(axis % rank for axis in op.axes)


def _transform(use: Use, more: str = "") -> Step:
    """Return a transform of complex numbers, or of real ones to all."""
    op: Any = use.op
    parts = "" if op.has_parts() else ", parts=False"
    return function("transform", f"{{0}}, {{axes}}{parts}{more}", axes=_axes(use))


def _inverse(use: Use) -> Step:
    """Return its inverse."""
    return _transform(use, ", inverse=True")


def _of_real(use: Use) -> Step:
    """Return a transform of real numbers to the half that is not redundant."""
    op: Any = use.op
    axes = _axes(use)
    return function("transform_real", "{0}, {axes}, {length}", axes=axes, length=use.shape[axes[-1]] * op.factor)


def _to_real(use: Use) -> Step:
    """Return the inverse, cut to what was not filled up."""
    op: Any = use.op
    axes = _axes(use)
    length = op.n or 2 * (use.shape[axes[-1]] - 1)
    return function(
        "inverse_to_real", "{0}, {axes}, {length}, {kept}", axes=axes, length=length, kept=use.output[axes[-1]]
    )


def _product(use: Use) -> Step:
    """Return the product of complex numbers."""
    del use
    return function("complex_product", "{0}, {1}")


OPERATORS: dict[str, Callable[[Use], Step]] = {
    "GridSample": _grid_sample,
    "AffineGrid": _affine_grid,
    "DeformableAttention": _deformable_attention,
    "DeformConv2D": _deformed,
    **dict.fromkeys(("NA1D", "NA2D", "NA3D"), _neighborhood),
    **dict.fromkeys(("DynamicConv1D", "DynamicConv2D", "DynamicConv3D"), _dynamic_convolution),
    "Fold": _fold,
    **dict.fromkeys(("MaxUnpooling1D", "MaxUnpooling2D", "MaxUnpooling3D"), _unpool),
    "FFT": _transform,
    "InverseFFT": _inverse,
    "RFFT": _of_real,
    "InverseRFFT": _to_real,
    "ComplexMultiply": _product,
}
"""By the operator's name."""

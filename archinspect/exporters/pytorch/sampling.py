"""Operators that read a map at points or in patches, and put such back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.exporters.code import Step, call, code
from archinspect.exporters.pytorch.dtypes import index_of
from archinspect.exporters.pytorch.maps import function, one

if TYPE_CHECKING:
    from archinspect.exporters.orders import Use


def grid_sample(use: Use) -> Step:
    """Return a map read at points."""
    op: Any = use.op
    options = {"mode": (op.mode, "bilinear"), "padding_mode": (op.padding_mode, "zeros")}
    written = "".join(f', {name}="{value}"' for name, (value, default) in options.items() if value != default)
    return Step(code(f"F.grid_sample({{0}}, {{1}}{written}, align_corners={bool(op.align_corners)})"))


def affine_grid(use: Use) -> Step:
    """Return points moved by a matrix."""
    op: Any = use.op
    sizes = ", ".join(map(str, op.size))
    text = f"F.affine_grid({{0}}, [len({{0}}), 1, {sizes}], align_corners={bool(op.align_corners)})"
    return Step(code(text))


def _last(op: Any) -> bool:  # noqa: ANN401 - an operator with a layout
    return bool(op.data_format != "channels_first")


def _patches(op: Any) -> dict[str, tuple[Any, Any]]:  # noqa: ANN401 - what has patches
    return {
        "dilation": (one(op.dilation_rate), 1),
        "padding": (one(op.padding), 0),
        "stride": (one(op.strides), 1),
    }


def unfold(use: Use) -> Step:
    """Return the patches of a map."""
    op: Any = use.op
    module = call("nn.Unfold", {"kernel_size": one(op.kernel_size)}, **_patches(op))
    pieces = function("F.unfold", module)
    return Step((*pieces, ".mT"), stateless=True) if _last(op) else Step(pieces, module, stateless=True)


def fold(use: Use) -> Step:
    """Return a map of its patches."""
    op: Any = use.op
    sizes = {"output_size": one(op.output_size), "kernel_size": one(op.kernel_size)}
    module = call("nn.Fold", sizes, **_patches(op))
    pieces = function("F.fold", module)
    if not _last(op):
        return Step(pieces, module, stateless=True)
    first, given, *rest = pieces
    return Step((first, given, ".mT", *rest, ".permute(0, 2, 3, 1)"))


def max_unpool(use: Use) -> Step:
    """Return elements at the places where a pooling found them."""
    op: Any = use.op
    strides = op.strides or op.pool_size
    options = "".join(
        (
            ", {stride}" if strides != op.pool_size or any(op.padding) else "",
            ", {padding}" if any(op.padding) else "",
            ", output_size={output_size}" if op.output_size else "",
        )
    )
    text = f"F.max_unpool{op.rank}d({{0}}, {{1}}{index_of(use, 1, long=True)}, {{kernel_size}}{options})"
    values = {"stride": tuple(strides), "padding": tuple(op.padding), "output_size": op.output_size}
    return Step(code(text, kernel_size=tuple(op.pool_size), **values))


def pixels(use: Use) -> Step:
    """Return pixels moved between channels and one or three axes."""
    op: Any = use.op
    if use.call.shapes[0] == use.output:  # a factor of 1
        return Step(code("{0}"))
    if hasattr(op, "upscale_factor"):
        return Step(code("shuffle_pixels({0}, {factor})", factor=op.upscale_factor), parts=("shuffle_pixels",))
    return Step(code("unshuffle_pixels({0}, {factor})", factor=op.downscale_factor), parts=("unshuffle_pixels",))

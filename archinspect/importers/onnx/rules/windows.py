"""Operators that move a window over positions, or make other positions: convolutions, pooling, resizing."""

from __future__ import annotations

from math import floor, prod
from typing import TYPE_CHECKING

from archinspect.base.shape import ceil_div, largest, scaled
from archinspect.importers.onnx.values import OpenError, RuleError, Step, Value, axis_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.base.shape import Shape


class Window:
    """How a window moves over an input's positions."""

    def __init__(self, use: Step, lengths: Shape, kernel: Sequence[int]) -> None:
        rank = len(lengths)
        self.kernel = tuple(kernel)
        self.strides = tuple(use.attribute("strides") or (1,) * rank)
        self.dilations = tuple(use.attribute("dilations") or (1,) * rank)
        if not (len(self.kernel) == len(self.strides) == len(self.dilations) == rank) or min(self.strides) < 1:
            raise RuleError(f"a window {list(kernel)} does not move over {list(lengths)}")
        self.spans = tuple((size - 1) * step + 1 for size, step in zip(self.kernel, self.dilations, strict=True))
        self.auto = use.attribute("auto_pad", "NOTSET")
        pads = use.attribute("pads") or (0,) * (2 * rank)
        self.pads = tuple(zip(pads[:rank], pads[rank:], strict=True))
        if self.auto in ("SAME_UPPER", "SAME_LOWER"):
            self.pads = tuple(map(self._same, lengths, self.spans, self.strides))
        elif self.auto == "VALID":
            self.pads = ((0, 0),) * rank

    def _same(self, length: int, span: int, stride: int) -> tuple[int, int]:
        total = largest((ceil_div(length, stride) - 1) * stride + span - length, 0)
        half = total // 2
        return (half, total - half) if self.auto == "SAME_UPPER" else (total - half, half)

    def slide(self, lengths: Shape, *, up: bool = False) -> Shape:
        """Return how many places it takes along each axis; with `up`, where the last begins within the padding, too."""
        found = []
        for length, span, stride, pads in zip(lengths, self.spans, self.strides, self.pads, strict=True):
            room = length + sum(pads) - span
            if room < 0:
                raise RuleError(f"a window of {span} does not fit into {length}")
            count = (ceil_div(room, stride) if up else room // stride) + 1
            if up and (count - 1) * stride >= length + pads[0]:
                count -= 1  # it would begin in the padding after the input
            found.append(count)
        return tuple(found)


def kernel_of(use: Step, weight: int = 1) -> Shape:
    """Return the shape of a convolution's window."""
    return tuple(use.attribute("kernel_shape") or use.shape(weight)[2:])


def convolution(use: Step) -> list[Value]:
    """`Conv`, and its forms of whole numbers."""
    weight = {"QLinearConv": 3}.get(use.kind, 1)
    dims, kernel = use.shape(), use.shape(weight)
    if len(kernel) != len(dims) or len(dims) < 3:  # noqa: PLR2004 - batch, channels, positions
        raise RuleError(f"{list(dims)} and a kernel {list(kernel)} have no convolution")
    if kernel[1] * use.attribute("group", 1) != dims[1]:
        raise RuleError(f"a kernel {list(kernel)} does not fit {dims[1]} channels")
    lengths = Window(use, dims[2:], kernel_of(use, weight)).slide(dims[2:])
    found = (dims[0], kernel[0], *lengths)
    use.macs = prod(found) * prod(kernel[1:])
    dtype = {"ConvInteger": "int32"}.get(use.kind, "")
    return [use.make(found, dtype)]


def transposed(use: Step) -> list[Value]:
    """`ConvTranspose`."""
    dims, kernel = use.shape(0), use.shape(1)
    lengths = dims[2:]
    window = Window(use, lengths, kernel_of(use))
    extra = use.attribute("output_padding") or (0,) * len(lengths)
    wanted = use.attribute("output_shape")
    if wanted:
        found = tuple(wanted)[-len(lengths) :]
    elif window.auto.startswith("SAME"):
        found = tuple(length * stride for length, stride in zip(lengths, window.strides, strict=True))
    else:
        found = tuple(
            stride * (length - 1) + more + span - sum(pads)
            for length, stride, more, span, pads in zip(
                lengths, window.strides, extra, window.spans, window.pads, strict=True
            )
        )
    use.macs = prod(dims) * prod(kernel[1:])
    return [use.make((dims[0], kernel[1] * use.attribute("group", 1), *found))]


def pooling(use: Step) -> list[Value]:
    """`MaxPool`, `AveragePool`, `LpPool`; the second output has places."""
    dims = use.shape()
    window = Window(use, dims[2:], use.attribute("kernel_shape", ()))
    if window.auto.startswith("SAME"):
        lengths = tuple(map(ceil_div, dims[2:], window.strides))
    else:
        lengths = window.slide(dims[2:], up=bool(use.attribute("ceil_mode", 0)))
    found = (*dims[:2], *lengths)
    return [use.make(found)] + [use.make(found, "int64") for _ in range(use.count - 1)]


def global_pooling(use: Step) -> list[Value]:
    """`GlobalAveragePool` and its like."""
    dims = use.shape()
    if use.attribute("channels_last"):
        return [use.make((dims[0], *(1,) * (len(dims) - 2), dims[-1]))]
    return [use.make((*dims[:2], *(1,) * (len(dims) - 2)))]


def unpooling(use: Step) -> list[Value]:
    """`MaxUnpool`."""
    dims = use.shape()
    if use.has(2):
        wanted = use.data(2)
        if wanted is None:
            raise OpenError("its sizes follow from data")
        return [use.make(wanted)]
    window = Window(use, dims[2:], use.attribute("kernel_shape", ()))
    lengths = [
        (length - 1) * stride - sum(pads) + size
        for length, stride, pads, size in zip(dims[2:], window.strides, window.pads, window.kernel, strict=True)
    ]
    return [use.make((*dims[:2], *lengths))]


def resize(use: Step) -> list[Value]:
    """`Resize`, `Upsample`: by factors, or to sizes."""
    dims = use.shape()
    if use.kind == "Upsample" and use.opset < 7:  # noqa: PLR2004 - of pictures alone
        factors = (1, 1, use.attribute("height_scale", 1), use.attribute("width_scale", 1))
        return [use.make([scaled(size, factor) for size, factor in zip(dims, factors, strict=True)])]
    legacy = use.kind == "Upsample" or use.opset < 11  # noqa: PLR2004 - without roi
    at = 1 if legacy else 2
    scales = use.attribute("scales")
    if scales is None and use.has(at) and use.input(at).size:
        scales = use.data(at)
    sizes = use.data(3) if not legacy and use.has(3) and use.input(3).size else None
    if scales is None and sizes is None:
        raise OpenError("its sizes follow from data")
    chosen = use.attribute("axes")
    axes = range(len(dims)) if chosen is None else [axis_of(axis, len(dims)) for axis in chosen]
    found = list(dims)
    if sizes is not None:
        policy = use.attribute("keep_aspect_ratio_policy", "stretch")
        if policy != "stretch":
            ratios = [size / dims[axis] for axis, size in zip(axes, sizes, strict=True)]
            factor = min(ratios) if policy == "not_larger" else max(ratios)
            sizes = [floor(dims[axis] * factor + 0.5) for axis in axes]
        for axis, size in zip(axes, sizes, strict=True):
            found[axis] = size
    else:
        for axis, factor in zip(axes, scales or (), strict=True):
            found[axis] = scaled(dims[axis], factor)
    return [use.make(found)]


def columns_to_image(use: Step) -> list[Value]:
    """`Col2Im`."""
    dims, image, block = use.shape(), use.data(1), use.data(2)
    if image is None or block is None:
        raise OpenError("its sizes follow from data")
    return [use.make((dims[0], dims[1] // prod(block), *image))]


def grid_sample(use: Step) -> list[Value]:
    """`GridSample`."""
    return [use.make((*use.shape(0)[:2], *use.shape(1)[1:-1]))]


def affine_grid(use: Step) -> list[Value]:
    """`AffineGrid`."""
    size = use.data(1)
    if size is None:
        raise OpenError("its size follows from data")
    batch, _, *lengths = size
    use.macs = 0
    return [use.make((batch, *lengths, len(lengths)))]


def boxes(use: Step) -> list[Value]:
    """`RoiAlign`, `MaxRoiPool`."""
    dims, rois = use.shape(0), use.shape(1)
    pooled = use.attribute("pooled_shape")
    height, width = pooled or (use.attribute("output_height", 1), use.attribute("output_width", 1))
    return [use.make((rois[0], dims[1], height, width))]


def deformed(use: Step) -> list[Value]:
    """`DeformConv`."""
    dims, kernel = use.shape(0), use.shape(1)
    found = (dims[0], kernel[0], *Window(use, dims[2:], kernel_of(use)).slide(dims[2:]))
    use.macs = prod(found) * prod(kernel[1:])
    return [use.make(found)]


RULES: dict[str, Callable[[Step], list[Value]]] = {
    "Conv": convolution,
    "ConvInteger": convolution,
    "QLinearConv": convolution,
    "FusedConv": convolution,
    "ConvTranspose": transposed,
    "DeformConv": deformed,
    **dict.fromkeys(("MaxPool", "AveragePool", "LpPool"), pooling),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "QLinearGlobalAveragePool"), global_pooling),
    "MaxUnpool": unpooling,
    "Resize": resize,
    "Upsample": resize,
    "Col2Im": columns_to_image,
    "GridSample": grid_sample,
    "AffineGrid": affine_grid,
    "RoiAlign": boxes,
    "MaxRoiPool": boxes,
}

"""Convolutions, poolings, and what else moves over positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.importers.onnx.ours.base import CHANNELS_FIRST, Ours, make
from archinspect.importers.onnx.rules.windows import Window, kernel_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.importers.onnx.values import Step


def _window(use: Step, weight: int = 0) -> tuple[int, dict[str, Any]]:
    """Return the rank of a window, and its arguments."""
    dims = use.shape()
    window = Window(use, dims[2:], kernel_of(use, weight) if weight else use.attribute("kernel_shape", ()))
    return len(dims) - 2, {"strides": window.strides, "padding": window.pads, **CHANNELS_FIRST}


def convolution(use: Step) -> Ours | None:
    """`Conv`."""
    rank, args = _window(use, 1)
    if rank > 3:  # noqa: PLR2004 - axes of positions
        return None
    kernel = use.shape(1)
    biased = use.has(2)
    op = make(
        f"Conv{rank}D",
        filters=kernel[0],
        kernel_size=kernel[2:],
        dilation_rate=tuple(use.attribute("dilations") or (1,) * rank),
        groups=use.attribute("group", 1),
        use_bias=biased,
        **args,
    )
    return Ours(op, (0,), (1, 2)[: 1 + biased])


def transposed(use: Step) -> Ours | None:
    """`ConvTranspose`."""
    rank, args = _window(use, 1)
    if rank > 3 or use.attribute("output_shape"):  # noqa: PLR2004 - axes of positions
        return None
    kernel, groups = use.shape(1), use.attribute("group", 1)
    biased = use.has(2)
    extra = use.attribute("output_padding")
    op = make(
        f"Conv{rank}DTranspose",
        filters=kernel[1] * groups,
        kernel_size=kernel[2:],
        dilation_rate=tuple(use.attribute("dilations") or (1,) * rank),
        groups=groups,
        use_bias=biased,
        output_padding=tuple(extra) if extra else None,
        **args,
    )
    return Ours(op, (0,), (1, 2)[: 1 + biased])


def pooling(word: str) -> Callable[[Step], Ours | None]:
    """Return the function of a pooling."""

    def translate(use: Step) -> Ours | None:
        rank, args = _window(use)
        if rank > 3:  # noqa: PLR2004 - axes of positions
            return None
        if word == "Max":
            args |= {"return_indices": use.count > 1, "dilation_rate": tuple(use.attribute("dilations") or (1,) * rank)}
        size = tuple(use.attribute("kernel_shape", ()))
        return Ours(make(f"{word}Pooling{rank}D", pool_size=size, ceil_mode=bool(use.attribute("ceil_mode")), **args))

    return translate


def global_pooling(word: str) -> Callable[[Step], Ours | None]:
    """Return the function of a pooling over all positions."""

    def translate(use: Step) -> Ours | None:
        rank = len(use.shape()) - 2
        return Ours(make(f"Global{word}Pooling{rank}D", keepdims=True, **CHANNELS_FIRST)) if 1 <= rank <= 3 else None  # noqa: PLR2004 - axes of positions

    return translate


def pad(use: Step) -> Ours | None:
    """`Pad` of positions, by zeros or what is there."""
    rank = len(use.shape()) - 2
    pads = use.ints("pads" if use.opset > 1 else "paddings", 1)
    if not 1 <= rank <= 3 or pads is None or use.has(3) or min(pads) < 0 or any(pads[:2] + pads[rank + 2 : rank + 4]):  # noqa: PLR2004 - axes of positions
        return None
    sides = tuple(zip(pads[2 : rank + 2], pads[rank + 4 :], strict=True))
    return Ours(make(f"ZeroPadding{rank}D", padding=sides, **CHANNELS_FIRST))


_MODES = {"nearest": "nearest", "linear": "linear", "cubic": "bicubic"}


def resize(use: Step) -> Ours | None:
    """`Resize`, `Upsample`, of positions alone."""
    before, after = use.shape(), use.outputs[0].dims
    rank = len(before) - 2
    mode = _MODES.get(use.attribute("mode", "nearest"))
    if before[:2] != after[:2] or not 1 <= rank <= 3 or mode is None:  # noqa: PLR2004 - axes of positions
        return None
    if mode == "linear":
        mode = ("linear", "bilinear", "trilinear")[rank - 1]
    return Ours(make("Upsample", size=after[2:], mode=mode, **CHANNELS_FIRST))


def pixel_shuffle(use: Step) -> Ours:
    """`DepthToSpace`, `SpaceToDepth`."""
    block = use.attribute("blocksize", 1)
    if use.kind == "DepthToSpace":
        return Ours(make("PixelShuffle", upscale_factor=block, **CHANNELS_FIRST))
    return Ours(make("PixelUnshuffle", downscale_factor=block, **CHANNELS_FIRST))


def grid_sample(use: Step) -> Ours:
    """`GridSample`."""
    mode = {"linear": "bilinear", "bilinear": "bilinear", "nearest": "nearest"}.get(
        use.attribute("mode", "linear"), "bicubic"
    )
    return Ours(make("GridSample", mode=mode, **CHANNELS_FIRST), (0, 1))


OPERATORS: dict[str, Callable[[Step], Ours | None]] = {
    "Conv": convolution,
    "ConvTranspose": transposed,
    "MaxPool": pooling("Max"),
    "AveragePool": pooling("Average"),
    "GlobalAveragePool": global_pooling("Average"),
    "GlobalMaxPool": global_pooling("Max"),
    "Pad": pad,
    "Resize": resize,
    "Upsample": resize,
    "DepthToSpace": pixel_shuffle,
    "SpaceToDepth": pixel_shuffle,
    "GridSample": grid_sample,
}
"""By their names in the standard set of ONNX."""

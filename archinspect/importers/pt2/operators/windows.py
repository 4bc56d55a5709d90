"""What goes over the positions of a map: pooling, padding, other sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.pt2.operators.base import Translation, Untranslated, make, pads

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.importers.pt2.operators.base import Use


def _pool(kind: str, rank: int) -> Callable[[Use], Translation]:
    def translate(use: Use) -> Translation:
        dilation = {"dilation_rate": use.get("dilation", 1)} if kind == "Max" else {}
        op = make(
            f"{kind}Pooling{rank}D",
            pool_size=use.get("kernel_size"),
            strides=use.get("stride") or None,
            padding=pads(use, rank),
            ceil_mode=use.get("ceil_mode", False),
            data_format="channels_first",
            **dilation,
        )
        return Translation(op, ["self"])

    return translate


def _adaptive(kind: str, rank: int) -> Callable[[Use], Translation]:
    def translate(use: Use) -> Translation:
        op = make(f"Adaptive{kind}Pooling{rank}D", output_size=use.get("output_size"), data_format="channels_first")
        return Translation(op, ["self"])

    return translate


def _pad(use: Use) -> Translation:
    pads, rank = use.get("pad"), len(use.sizes("self")) - 2
    if not all(isinstance(pad, int) for pad in pads):
        raise Untranslated
    sides = [*pads, *[0] * (2 * rank - len(pads))]
    mode = use.get("mode", "constant")
    return Translation(make(f"ZeroPadding{rank}D", padding=sides, mode=mode, data_format="channels_first"), ["self"])


def _upsample(mode: str) -> Callable[[Use], Translation]:
    def translate(use: Use) -> Translation:
        size = None if use.get("scale_factors") else use.get("output_size")
        factors = use.get("scale_factors")
        op = make("Upsample", size=size, scale_factor=factors, mode=mode, data_format="channels_first")
        return Translation(op, ["input"])

    return translate


def _grid_sample(use: Use) -> Translation:
    mode = ("bilinear", "nearest", "bicubic")[use.get("interpolation_mode")]
    return Translation(make("GridSample", mode=mode, data_format="channels_first"), ["input", "grid"])


WINDOWS: dict[str, Callable[[Use], Translation]] = {
    **{f"aten.max_pool{rank}d": _pool("Max", rank) for rank in (1, 2, 3)},
    "aten.max_pool2d_with_indices": _pool("Max", 2),
    "aten._adaptive_avg_pool2d": _adaptive("Average", 2),
    **{f"aten.avg_pool{rank}d": _pool("Average", rank) for rank in (1, 2, 3)},
    **{f"aten.adaptive_avg_pool{rank}d": _adaptive("Average", rank) for rank in (1, 2, 3)},
    **{f"aten.adaptive_max_pool{rank}d": _adaptive("Max", rank) for rank in (1, 2, 3)},
    "aten.pad": _pad,
    "aten.grid_sampler": _grid_sample,
    "aten.grid_sampler_2d": _grid_sample,
    "aten.upsample_nearest1d": _upsample("nearest"),
    "aten.upsample_linear1d": _upsample("linear"),
    "aten.upsample_nearest2d": _upsample("nearest"),
    "aten.upsample_bilinear2d": _upsample("bilinear"),
    "aten.upsample_bicubic2d": _upsample("bicubic"),
}

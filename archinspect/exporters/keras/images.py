"""Operators over pictures and volumes beside windows: sampling, cutting, filling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.exporters.keras.use import layer

if TYPE_CHECKING:
    from archinspect.exporters.code import Step
    from archinspect.exporters.keras.use import Use


def data_format(use: Use) -> tuple[str, str]:
    """Return where the channels stand, and where Keras has them."""
    return use.op.data_format, "channels_last"


def resizing(use: Use) -> Step:
    """Return a `Resizing`."""
    op: Any = use.op
    return layer(
        "Resizing",
        {"height": op.height, "width": op.width},
        interpolation=(op.interpolation, "bilinear"),
        crop_to_aspect_ratio=(op.crop_to_aspect_ratio, False),
        data_format=data_format(use),
    )

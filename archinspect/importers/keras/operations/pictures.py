"""Functions of pictures and of maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.keras.operations.base import (
    MixesSamplesError,
)
from archinspect.ops.tensor import Custom

if TYPE_CHECKING:
    from archinspect.importers.keras.build import Use
    from archinspect.importers.keras.layers import Add, Made


def resized(use: Use) -> Made:
    """`Resize`."""
    size = use.get("size")
    if not isinstance(size, list) or len(size) != 2:  # noqa: PLR2004 - height and width
        raise MixesSamplesError
    return use.add(
        "Resizing",
        use.x,
        height=size[0],
        width=size[1],
        interpolation=use.get("interpolation", "bilinear"),
        crop_to_aspect_ratio=bool(use.get("crop_to_aspect_ratio", False)),
        pad_to_aspect_ratio=bool(use.get("pad_to_aspect_ratio", False)),
        data_format=use.get("data_format", "channels_last"),
    )


def pooled(kind: str) -> Add:
    """Return the function of a pooling."""

    def call(use: Use) -> Made:
        rank = len(use.shape()) - 2
        args = {key: use.get(key) for key in ("pool_size", "strides") if use.get(key) is not None}
        return use.add(
            f"{kind}Pooling{rank}D",
            use.x,
            **args,
            padding=use.get("padding", "valid"),
            data_format=use.get("data_format", "channels_last"),
        )

    return call


def shuffled(operator: str, name: str) -> Add:
    """Return the function of `DepthToSpace` and its reverse."""

    def call(use: Use) -> Made:
        size = use.whole("block_size")
        return use.add(operator, use.x, **{name: size}, data_format=use.get("data_format", "channels_last"))

    return call


def patches(use: Use) -> Made:
    """`ExtractPatches`: windows of a picture, each with all its numbers; no arithmetic."""
    return _known_shape(use)


def _known_shape(use: Use) -> Made:
    (shape,) = use.given_shapes()
    return use.add(Custom(output_shape=list(shape), params=0, macs=0), *use.inputs)


def one_hot(use: Use) -> Made:
    """`OneHot`."""
    if use.get("axis", -1) not in (-1, len(use.shape())):
        raise MixesSamplesError
    return use.add("OneHot", use.x, num_classes=use.whole("num_classes"))


def like(use: Use) -> Made:
    """`ZerosLike`, `OnesLike`: numbers of the shape of a tensor."""
    return use.add(Custom(output_shape=list(use.shape()[1:]), params=0, macs=0), use.x)

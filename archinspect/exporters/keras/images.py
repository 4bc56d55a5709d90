"""Operators over pictures and volumes beside windows: sampling, cutting, filling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.exporters.code import code
from archinspect.exporters.keras.use import layer, same

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


def conv_lstm(use: Use) -> Step:
    """Return a `ConvLSTM2D`."""
    op: Any = use.op
    step = layer(
        type(op).__name__,
        {"filters": op.filters, "kernel_size": same(op.kernel_size)},
        strides=(same(op.strides), 1),
        padding=(op.padding, "valid"),
        dilation_rate=(same(op.dilation_rate), 1),
        use_bias=(op.use_bias, True),
        return_sequences=(op.return_sequences, False),
        return_state=(op.return_state, False),
        data_format=data_format(use),
    )
    names = ", ".join(f"{{{index}}}" for index in range(1, len(use.shapes)))
    return step._replace(code=code(f"{{self}}({{0}}, initial_state=[{names}])")) if names else step


def crop(use: Use) -> Step:
    """Return a `CenterCrop` or a `RandomCrop`."""
    op: Any = use.op
    sizes = {"height": op.height, "width": op.width}
    return layer(type(op).__name__, sizes, data_format=data_format(use))


def at_random(use: Use) -> Step:
    """Refuse what a spec says no more of than its name."""
    raise use.refuse("how much it changes in training is nothing that a spec keeps")


def normalization(use: Use) -> Step:
    """Return a `Normalization`."""
    op: Any = use.op
    axes = None if op.axis is None else same(op.axis)
    given = {"mean": (op.mean, None), "variance": (op.variance, None)}
    return layer("Normalization", {}, axis=(axes, -1), **given, invert=(op.invert, False))


def categories(use: Use) -> Step:
    """Return a `CategoryEncoding`."""
    op: Any = use.op
    return layer("CategoryEncoding", {"num_tokens": op.num_tokens}, output_mode=(op.output_mode, "multi_hot"))


def intervals(use: Use) -> Step:
    """Return a `Discretization`."""
    op: Any = use.op
    if op.bin_boundaries is None:
        raise use.refuse("its boundaries are found in the data: give `bin_boundaries`")
    return layer("Discretization", {"bin_boundaries": op.bin_boundaries}, output_mode=(op.output_mode, "int"))

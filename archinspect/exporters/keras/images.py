"""Operators over pictures and volumes beside windows: sampling, cutting, filling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.base.shape import normal_axis
from archinspect.exporters.code import Step, call, code
from archinspect.exporters.keras.use import function, layer, own, same
from archinspect.ops.spatial import channel_axis

if TYPE_CHECKING:
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


def hashed(use: Use) -> Step:
    """Return a `Hashing` or a `HashedCrossing`."""
    op: Any = use.op
    given = "{self}([{all}])" if len(use.node.inputs) > 1 else "{self}({0})"
    made = call(f"layers.{type(op).__name__}", {"num_bins": op.num_bins}, output_mode=(op.output_mode, "int"))
    return Step(code(given), made)


def looked_up(use: Use) -> Step:
    """Return a table of words."""
    op: Any = use.op
    if op.vocabulary is None:
        raise use.refuse("its words are found in the data: give `vocabulary`")
    own = {
        "max_tokens": None,
        "num_oov_indices": 1,
        "vocabulary": None,
        "output_sequence_length": None,
        "output_mode": "int",
        "pad_to_max_tokens": False,
    }
    given: Any = {name: (getattr(op, name), default) for name, default in own.items() if name in op.names}
    return layer(type(op).__name__, **given)


def _axis(use: Use) -> int:
    op: Any = use.op
    given = getattr(op, "axis", None)
    return normal_axis(channel_axis(use.shape, op.data_format) if given is None else given, len(use.shape))


def response_norm(use: Use) -> Step:
    """Return a scaling of channels by their norms."""
    op: Any = use.op
    axis = _axis(use)
    at = -1 if axis == len(use.shape) - 1 else axis
    return own("GlobalResponseNormalization", {}, epsilon=(op.epsilon, 1e-6), axis=(at, -1))


def maxout(use: Use) -> Step:
    """Return the largest of each group of channels."""
    op: Any = use.op
    axis = _axis(use)
    sizes = (-1, *use.shape[1:axis], op.num_units, use.shape[axis] // op.num_units, *use.shape[axis + 1 :])
    return Step(code("ops.max(ops.reshape({0}, {shape}), axis={axis})", shape=sizes, axis=axis + 1))


def pixels(use: Use) -> Step:
    """Return pixels moved between channels and one or three axes."""
    op: Any = use.op
    name, factor = ("shuffle_pixels", op.upscale_factor) if hasattr(op, "upscale_factor") else ("unshuffle_pixels", 0)
    last = ", channels_first=True" if op.data_format == "channels_first" else ""
    return function(name, f"{{0}}, {{factor}}{last}", factor=factor or op.downscale_factor)


def unfold(use: Use) -> Step:
    """Return the patches of a map."""
    op: Any = use.op
    last = ", channels_first=True" if op.data_format == "channels_first" else ""
    values = {"strides": tuple(op.strides), "padding": tuple(op.padding), "dilation": tuple(op.dilation_rate)}
    template = f"{{0}}, {{kernel_size}}, {{strides}}, {{padding}}, {{dilation}}{last}"
    return function("patches_of", template, kernel_size=tuple(op.kernel_size), **values)


def bilinear(use: Use) -> Step:
    """Return a product of two inputs with a kernel."""
    op: Any = use.op
    step = own("Bilinear", {"units": op.units}, use_bias=(op.use_bias, True))
    return step._replace(code=code("{self}([{0}, {1}])"))

"""What is done to data before a network reads it."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archinspect.importers.keras.layers.base import arguments
from archinspect.ops import find_operator
from archinspect.ops.tensor import Custom

if TYPE_CHECKING:
    from archinspect.importers.keras.build import Use
    from archinspect.importers.keras.layers import Add, Made


def random(use: Use) -> Made:
    """Layers that change pictures in training, and do nothing at inference."""
    if find_operator(use.layer.kind) is None:
        return use.unknown(is_own=False)
    return use.add(use.layer.kind, data_format=use.get("data_format", "channels_last"))


def training_alone(use: Use) -> Made:
    """`RandAugment` and the like, which are nothing at inference, and have no operator of ours."""
    return use.add("Identity")


def repainted(use: Use) -> Made:
    """`Equalization` and other functions of colors that have no operator of ours."""
    return use.add(Custom(params=0))


def resized(use: Use) -> Made:
    """`Resizing`."""
    kind = find_operator("Resizing")
    assert kind is not None  # it is
    args = arguments(use, kind, ("fill_mode", "fill_value", "antialias"))
    return use.add("Resizing", **args)


def cropped(use: Use) -> Made:
    """`CenterCrop`, `RandomCrop`."""
    return use.add(
        use.layer.kind,
        height=use.whole("height"),
        width=use.whole("width"),
        data_format=use.get("data_format", "channels_last"),
    )


def discretized(use: Use) -> Made:
    """`Discretization`."""
    bounds = use.get("bin_boundaries")
    return use.add(
        "Discretization",
        bin_boundaries=bounds,
        num_bins=None if bounds else use.get("num_bins"),
        output_mode=use.get("output_mode", "int"),
    )


def categories(use: Use) -> Made:
    """`CategoryEncoding`."""
    return use.add("CategoryEncoding", num_tokens=use.whole("num_tokens"), output_mode=use.get("output_mode"))


def looked_up(use: Use) -> Made:
    """`StringLookup`, `IntegerLookup`, `Hashing`, `TextVectorization`: tables without learned numbers."""
    shape = [*use.shape()[1:]]
    mode = use.get("output_mode", "int")
    if mode != "int":
        size = _vocabulary(use)
        if size is None:
            return use.unknown(params=0)
        shape = [*shape, size] if mode == "one_hot" and shape[-1:] != [1] else [*shape[:-1], size]
    elif use.layer.kind == "TextVectorization":
        steps = use.get("output_sequence_length")
        if type(steps) is not int:
            return use.unknown(params=0)
        shape = [*(shape[:-1] if shape[-1:] == [1] else shape), steps]
    return use.add("Cast", use.add(Custom(output_shape=[*shape], params=0, macs=0, flops=prod(shape))), dtype="int64")


def _vocabulary(use: Use) -> int | None:
    """Return how many words a table has, those that it does not know among them."""
    if use.layer.kind.startswith("Hash"):
        return use.whole("num_bins")
    words = use.get("vocabulary")
    if use.get("pad_to_max_tokens") and type(use.get("max_tokens")) is int:
        return use.whole("max_tokens")
    if not isinstance(words, list):
        return None
    return len(words) + use.whole("num_oov_indices", 1)


LAYERS: dict[str, Add] = {
    "Random": random,
    "Resizing": resized,
    "CenterCrop": cropped,
    "RandomCrop": cropped,
    "CategoryEncoding": categories,
    "Discretization": discretized,
    **dict.fromkeys(("Hashing", "IntegerLookup", "StringLookup", "TextVectorization"), looked_up),
    **dict.fromkeys(
        ("AugMix", "CutMix", "MixUp", "RandAugment"),
        training_alone,
    ),
    **dict.fromkeys(("AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "Equalization"), repainted),
    "Solarization": repainted,
}

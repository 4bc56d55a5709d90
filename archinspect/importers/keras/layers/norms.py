"""Normalizations, and scaling by fixed or learned numbers."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from archinspect.importers.keras.layers.base import activation, arguments
from archinspect.ops import find_operator
from archinspect.ops.tensor import Custom

if TYPE_CHECKING:
    from archinspect.importers.keras.build import Use
    from archinspect.importers.keras.layers import Add, Made


def _axis(value: Any) -> Any:  # noqa: ANN401 - as the file says
    """Return an axis that TensorFlow writes as a list of one."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _numbers(use: Use, *names: str) -> dict[str, float]:
    """Return arguments that are numbers, where the file has them."""
    return {name: use.get(name) for name in names if isinstance(use.get(name), int | float)}


def batch_norm(use: Use) -> Made:
    """`BatchNormalization`."""
    if use.get("renorm"):
        raise use.refuse("batch renormalization is not known")
    axis = _axis(use.get("axis", -1))
    flags = {name: use.get(name, True) for name in ("center", "scale")}
    return use.add("BatchNormalization", axis=axis, **flags, **_numbers(use, "epsilon", "momentum"))


def layer_norm(use: Use) -> Made:
    """`LayerNormalization`."""
    args = {"axis": use.get("axis", -1), **_numbers(use, "epsilon")}
    if use.get("rms_scaling"):
        return use.add("RMSNormalization", **args)
    return use.add("LayerNormalization", **args, center=use.get("center", True), scale=use.get("scale", True))


def group_norm(use: Use) -> Made:
    """`GroupNormalization`; -1 groups are as many as channels."""
    axis = _axis(use.get("axis", -1))
    groups = use.whole("groups", 32)
    if groups == -1:
        groups = use.shape()[axis]
    return use.add(
        "GroupNormalization",
        groups=groups,
        axis=axis,
        center=use.get("center", True),
        scale=use.get("scale", True),
        **_numbers(use, "epsilon"),
    )


def instance_norm(use: Use) -> Made:
    """`InstanceNormalization` of keras-contrib and TensorFlow Addons; without an axis of one scale and one offset."""
    axis = _axis(use.config.get("axis", -1))
    flags = {name: bool(use.get(name, True)) for name in ("center", "scale")}
    if axis is None:
        elements = prod(use.shape()[1:])
        learned = sum(flags.values())
        return use.add(Custom(params=learned, macs=0, flops=(6 + learned) * elements))
    return use.add("InstanceNormalization", affine=True, axis=axis, **flags, **_numbers(use, "epsilon"))


def scale(use: Use) -> Made:
    """`Scale`, as old ResNets for Keras define it: a learned factor and term of each channel."""
    channels = use.shape()[_axis(use.get("axis", -1))]
    return use.add(Custom(params=2 * channels, macs=0, flops=2 * prod(use.shape()[1:])))


def normalization(use: Use) -> Made:
    """Add `Normalization`, whose mean and variance are weights unless the author gave them."""
    axis = use.config.get("axis", -1)
    axis = None if axis == [] else axis
    given = {}
    for name in ("mean", "variance"):
        value = use.config.get(name)
        if value is not None:
            given[name] = _flat(value)
    return use.add("Normalization", axis=axis, invert=bool(use.get("invert", False)), **given)


def _flat(value: Any) -> list[float]:  # noqa: ANN401 - as the file says
    if isinstance(value, dict):
        value = value.get("config", {}).get("value")
    while isinstance(value, list) and value and isinstance(value[0], list):
        value = value[0]
    return value if isinstance(value, list) else [value]


def layer_scale(use: Use) -> Made:
    """`LayerScale` of ConvNeXt."""
    return use.add("LayerScale", axis=-1, **_numbers(use, "init_values"))


def rescaling(use: Use) -> Made:
    """`Rescaling`: a factor and a term, of each channel where they are lists."""

    def one(value: Any, neutral: float) -> float:  # noqa: ANN401 - as the file says
        values = _flat(value)
        return next((number for number in values if number != neutral), neutral)

    scale, offset = use.get("scale", 1.0), use.get("offset", 0.0)
    return use.add("Rescaling", scale=one(scale, 1.0), offset=one(offset, 0.0))


def spectral_norm(use: Use) -> Made:
    """`SpectralNormalization`: a layer with another kernel."""
    from archinspect.importers.keras.layers.wrappers import inner_layer

    inner = inner_layer(use)
    kind = find_operator(inner.layer.kind)
    if kind is None or not kind.has_kernel:
        raise use.refuse(f"a {inner.layer.kind} in it is not known")
    args = arguments(inner, kind, ("activation", "groups"))
    layer = inner.make(kind.__name__, **args)
    wrapped = use.make("SpectralNormalization", layer=layer, power_iterations=use.whole("power_iterations", 1))
    x = use.add(wrapped)
    found = activation(inner.config.get("activation"))
    if isinstance(found, str):
        raise use.refuse("its activation is not known")
    return use.add(found, x) if found is not None else x


LAYERS: dict[str, Add] = {
    "BatchNormalization": batch_norm,
    "BatchNormalizationV1": batch_norm,
    "BatchNormalizationV2": batch_norm,
    "InstanceNormalization": instance_norm,
    "Scale": scale,
    "SyncBatchNormalization": batch_norm,
    "LayerNormalization": layer_norm,
    "GroupNormalization": group_norm,
    "Normalization": normalization,
    "LayerScale": layer_scale,
    "Rescaling": rescaling,
    "SpectralNormalization": spectral_norm,
}

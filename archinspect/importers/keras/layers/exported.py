"""Layers that `archinspect export --to keras` defines in its programs, where Keras has none: read as what they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.keras.layers.base import UNKNOWN, activation
from archinspect.ops import find_operator
from archinspect.ops.tensor import Custom

if TYPE_CHECKING:
    from archinspect.graph.graph import Tensor
    from archinspect.importers.keras.build import Use
    from archinspect.importers.keras.layers import Add, Made

PACKAGE = "Custom"
"""Where Keras registers classes of an author's own without another word."""
COMMON = {"name", "trainable", "dtype"}
"""Arguments of every layer."""


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def same(use: Use) -> Made:
    """Add the operator of the same name, with the arguments of the same names."""
    kind = find_operator(use.layer.kind)
    assert kind is not None  # all names are of the table of operators
    args = {key: _listed(value) for key, value in use.config.items() if key in kind.args and value is not None}
    return use.add(use.layer.kind, *use.inputs, **args)


def source(use: Use) -> Made:
    """Add an operator that reads nothing: here the input only places it in the model."""
    kind = find_operator(use.layer.kind)
    assert kind is not None  # as above
    args = {key: _listed(value) for key, value in use.config.items() if key in kind.args and value is not None}
    return use.source(use.make(use.layer.kind, **args))


def layer_scale(use: Use) -> Made:
    """`LayerScale`."""
    return use.add("LayerScale", axis=use.get("axis", -1))


def attend(use: Use) -> Made:
    """`Attend`: attention of what is projected already; biases and masks are further inputs."""
    if len(use.inputs) < 3:  # noqa: PLR2004 - query, key, value
        raise use.refuse("it reads no query, key and value")
    return use.add(
        "ScaledDotProductAttention",
        *use.inputs[:3],
        num_heads=use.whole("num_heads"),
        num_kv_heads=use.get("num_kv_heads"),
        causal=bool(use.get("causal", False)),
        window=use.get("window"),
        dropout=use.get("dropout", 0.0),
        masked=len(use.inputs) > 3,  # noqa: PLR2004 - as above
    )


def position_biases(use: Use) -> Made:
    """`PositionBiases`: a table of a number for each head and distance."""
    query, key = use.inputs[:2]
    heads, count = use.whole("num_heads"), use.whole("count")
    shape = [heads, use.shape(query)[-2], use.shape(key)[-2]]
    return use.add(Custom(output_shape=[*shape], params=count * heads, macs=0), query, key)


def mask(use: Use) -> Made:
    """`Mask`: numbers of the author's, the same for every sample."""
    return use.source(use.make("Fill", shape=use.get("shape", [])))


def experts(use: Use) -> Made:
    """`MixtureOfExperts`."""
    found = activation(use.get("activation", "silu"))
    if found == UNKNOWN:
        raise use.refuse("its activation is not known")
    args = {key: use.config[key] for key in ("top_k", "shared_experts", "gated") if use.get(key) is not None}
    return use.add(
        "MixtureOfExperts", num_experts=use.whole("num_experts"), units=use.whole("units"), activation=found, **args
    )


def untracked(use: Use) -> Tensor:
    """`UntrackedBatchNormalization`."""
    return use.add(
        "BatchNormalization",
        axis=use.get("axis", -1),
        center=use.get("center", True),
        scale=use.get("scale", True),
        track_running_stats=False,
    )


def stated(use: Use) -> Made:
    """Add a `Custom`, of whose figures the program has the parameters alone."""
    return use.unknown(params=use.whole("params", 0))


CLASSES: dict[str, tuple[set[str], Add]] = {
    "LayerScale": ({"value", "axis"}, layer_scale),
    "LearnedPositions": ({"input_dim"}, same),
    "ClassToken": ({"n"}, same),
    "LearnedTokens": ({"n", "dim"}, same),
    "Parameter": ({"shape"}, source),
    "Constant": ({"shape", "value_dtype"}, source),
    "Arange": ({"start", "stop", "step", "value_dtype"}, source),
    "Fill": ({"shape", "value", "value_dtype"}, source),
    "Attend": ({"num_heads", "num_kv_heads", "causal", "window", "dropout"}, attend),
    "PositionBiases": ({"count", "num_heads"}, position_biases),
    "Mask": ({"shape"}, mask),
    "MixtureOfExperts": ({"num_experts", "units", "top_k", "shared_experts", "gated", "activation"}, experts),
    "RoIAlign": ({"output_size", "sampling_ratio", "data_format"}, same),
    "Custom": ({"output_shape", "params"}, stated),
    "SampleGaussian": (set(), same),
    "GlobalResponseNormalization": ({"epsilon", "axis"}, same),
    "Bilinear": ({"units", "use_bias"}, same),
    "UntrackedBatchNormalization": ({"axis", "epsilon", "center", "scale"}, untracked),
}
"""By the class's name, with its own arguments: another author's class of the same name has others."""


def find(use: Use) -> Add | None:
    """Return what adds a layer of such a class; None for any other."""
    own, add = CLASSES.get(use.layer.kind, ((), None))
    is_one = use.layer.package == PACKAGE and set(use.config) <= COMMON | set(own)
    return add if is_one else None

"""Normalizations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.pt2.operators.base import Translation, make, own_weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.importers.pt2.operators.base import Use


def _batch_norm(use: Use) -> Translation:
    weights = own_weights(use, "weight", "bias", "running_mean", "running_var")
    op = make(
        "BatchNormalization",
        epsilon=use.get("eps", 1e-5),
        scale="weight" in weights,
        center="bias" in weights,
        track_running_stats="running_mean" in weights,
        data_format="channels_first",
    )
    return Translation(op, ["input"], weights)


def _instance_norm(use: Use) -> Translation:
    weights = own_weights(use, "weight", "bias")
    op = make("InstanceNormalization", epsilon=use.get("eps", 1e-5), affine=bool(weights), data_format="channels_first")
    return Translation(op, ["input"], weights)


def _layer_norm(use: Use) -> Translation:
    weights = own_weights(use, "weight", "bias")
    op = make(
        "LayerNormalization",
        normalized_shape=use.get("normalized_shape"),
        epsilon=use.get("eps", 1e-5),
        scale="weight" in weights,
        center="bias" in weights,
    )
    return Translation(op, ["input"], weights)


def _rms_norm(use: Use) -> Translation:
    weights = own_weights(use, "weight")
    op = make("RMSNormalization", normalized_shape=use.get("normalized_shape"), scale=bool(weights))
    return Translation(op, ["input"], weights)


def _group_norm(use: Use) -> Translation:
    weights = own_weights(use, "weight", "bias")
    op = make(
        "GroupNormalization",
        groups=use.get("num_groups") or use.get("group"),
        epsilon=use.get("eps", 1e-5),
        scale="weight" in weights,
        center="bias" in weights,
        data_format="channels_first",
    )
    return Translation(op, ["input"], weights)


NORMALIZATIONS: dict[str, Callable[[Use], Translation]] = {
    "aten.batch_norm": _batch_norm,
    "aten._native_batch_norm_legit_no_training": _batch_norm,
    "aten._native_batch_norm_legit_functional": _batch_norm,
    "aten.native_layer_norm": _layer_norm,
    "aten.instance_norm": _instance_norm,
    "aten.layer_norm": _layer_norm,
    "aten.rms_norm": _rms_norm,
    "aten.group_norm": _group_norm,
    "aten.native_group_norm": _group_norm,
}

"""Normalizations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.base.shape import normal_axis
from archinspect.exporters.code import Step, code
from archinspect.exporters.keras.use import function, layer, own, same
from archinspect.ops.spatial import channel_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.exporters.keras.use import Use


def _axis(use: Use) -> int:
    """Return the axis of the channels, -1 where they are the last."""
    op: Any = use.op
    rank = len(use.shape)
    axis = normal_axis(channel_axis(use.shape, op.data_format) if op.axis is None else op.axis, rank)
    return -1 if axis == rank - 1 else axis


def _learned(op: Any) -> dict[str, tuple[Any, Any]]:  # noqa: ANN401 - a normalization
    return {"center": (op.center and op.affine, True), "scale": (op.scale and op.affine, True)}


def batch_norm(use: Use) -> Step:
    """Return a `BatchNormalization`."""
    op: Any = use.op
    if not op.track_running_stats:
        options = {"axis": (_axis(use), -1), "epsilon": (op.epsilon, 0.001), **_learned(op)}
        return own("UntrackedBatchNormalization", {}, **options)
    if op.momentum is None:
        raise use.refuse("Keras's batch normalization has no plain mean of all batches: it needs a momentum")
    return layer(
        "BatchNormalization",
        {},
        axis=(_axis(use), -1),
        momentum=(op.momentum, 0.99),
        epsilon=(op.epsilon, 0.001),
        **_learned(op),
    )


def frozen_batch_norm(use: Use) -> Step:
    """Return a `BatchNormalization` that never trains."""
    op: Any = use.op
    options = {"axis": (_axis(use), -1), "epsilon": (op.epsilon, 0.001), "trainable": (False, True)}
    return layer("BatchNormalization", {}, **options)


def group_norm(use: Use) -> Step:
    """Return a `GroupNormalization`."""
    op: Any = use.op
    options = {"axis": (_axis(use), -1), "epsilon": (op.epsilon, 0.001), **_learned(op)}
    return layer("GroupNormalization", {}, groups=(op.groups, 32), **options)


def instance_norm(use: Use) -> Step:
    """Return a `GroupNormalization` of as many groups as channels."""
    op: Any = use.op
    if op.track_running_stats:
        raise use.refuse("Keras has no instance normalization with running statistics")
    options = {"axis": (_axis(use), -1), "epsilon": (op.epsilon, 0.001), **_learned(op)}
    return layer("GroupNormalization", {}, groups=(-1, 32), **options)


def _axes(use: Use) -> Sequence[int]:
    """Return the axes that a layer normalization goes over, -1 where it is the last alone."""
    op: Any = use.op
    rank = len(use.shape)
    axes = sorted(op._axes(rank))  # noqa: SLF001 - which axes is the operator's own rule
    return [-1] if axes == [rank - 1] else axes


def layer_norm(use: Use) -> Step:
    """Return a `LayerNormalization`."""
    op: Any = use.op
    axes = _axes(use)
    affine = op.elementwise_affine
    return layer(
        "LayerNormalization",
        {},
        axis=(same(axes), -1),
        epsilon=(op.epsilon, 0.001),
        center=(op.center and affine, True),
        scale=(op.scale and affine, True),
    )


def rms_norm(use: Use) -> Step:
    """Return an `RMSNormalization`."""
    op: Any = use.op
    axes = _axes(use)
    if op.scale and op.elementwise_affine:
        return layer("RMSNormalization", {}, axis=(same(axes), -1), epsilon=(op.epsilon, 1e-6))
    text = "{0} * ops.rsqrt(ops.mean(ops.square({0}), axis={axis}, keepdims=True) + {epsilon})"
    return Step(code(text, axis=same(axes), epsilon=op.epsilon))


def local_response_norm(use: Use) -> Step:
    """Return a division by the activity of neighboring channels."""
    op: Any = use.op
    # TensorFlow, whose radius it is then, sums the squares where others take their mean.
    alpha = op.alpha * (op.window if op.depth_radius is not None else 1)
    axis = ", axis=1" if op.data_format == "channels_first" else ""
    template = f"{{0}}, {{size}}, {{alpha}}, {{beta}}, {{k}}{axis}"
    return function("local_response", template, size=op.window, alpha=alpha, beta=op.beta, k=op.k)


def unit_norm(use: Use) -> Step:
    """Return vectors of length 1."""
    return layer("UnitNormalization", {}, axis=(_axis(use), -1))


def layer_scale(use: Use) -> Step:
    """Return a product with a learned vector."""
    op: Any = use.op
    return own("LayerScale", {}, value=(op.init_values, 1e-6), axis=(_axis(use), -1))

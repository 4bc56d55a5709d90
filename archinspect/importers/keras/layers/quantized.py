"""Layers of QKeras: Keras's own with fewer bits, as many numbers and operations, and roundings that are not counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.keras.layers import find
from archinspect.importers.keras.layers.base import UNKNOWN, activation
from archinspect.ops.tensor import Custom

if TYPE_CHECKING:
    from archinspect.importers.keras.build import Use
    from archinspect.importers.keras.layers import Add, Made

OWN = ("quantizer", "mask", "inverse_quantizer")


def quantized(use: Use) -> Made:
    """`QDense` and the like, whose weights, and perhaps outputs, are rounded."""
    kind = use.layer.kind[1:]
    config = {
        key: value
        for key, value in use.config.items()
        if not key.endswith(OWN) and not key.endswith("_quantizer_internal")
    }
    of_its_own = config.get("activation")
    if activation(of_its_own) == UNKNOWN or isinstance(activation(of_its_own), str):
        config["activation"] = None
    else:
        of_its_own = None
    add = find(kind)
    if add is None:
        return use.unknown(is_own=False)
    inner = type(use)(use.net, use.layer._replace(kind=kind, config=config), use.path, use.args, use.kwargs, use.said)
    made = add(inner)
    use.net.unknown[f"the roundings of {use.layer.title}"] = None
    if of_its_own is None:
        return made
    assert not isinstance(made, tuple)  # layers with an activation give one tensor
    return inner.add(Custom(params=0), made)


def rounded(use: Use) -> Made:
    """`QActivation`: an activation and a rounding."""
    use.net.unknown[use.layer.title] = None
    return use.add(Custom(params=0))


LAYERS: dict[str, Add] = {
    **dict.fromkeys(
        (
            *("QDense", "QConv1D", "QConv2D", "QDepthwiseConv2D", "QSeparableConv1D", "QSeparableConv2D"),
            *("QConv2DTranspose", "QBatchNormalization", "QAveragePooling2D", "QGlobalAveragePooling2D"),
            *("QSimpleRNN", "QLSTM", "QGRU", "QBidirectional"),
        ),
        quantized,
    ),
    "QActivation": rounded,
}

"""Layers of Keras 1 in the words of its later versions, as Keras 2 translated them itself."""

from __future__ import annotations

from typing import Any

KINDS = {
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "AtrousConv1D": "Conv1D",
    "AtrousConv2D": "Conv2D",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "Deconvolution2D": "Conv2DTranspose",
    "Deconvolution3D": "Conv3DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
}
"""Classes that have another name since."""
KEYS = {
    "nb_filter": "filters",
    "filter_length": "kernel_size",
    "subsample_length": "strides",
    "subsample": "strides",
    "border_mode": "padding",
    "bias": "use_bias",
    "atrous_rate": "dilation_rate",
    "pool_length": "pool_size",
    "length": "size",
    "sigma": "stddev",
    "inner_activation": "recurrent_activation",
    "mode": "mode",
}
"""Arguments of all layers."""
OWN = {
    ("Dense", "LSTM", "GRU", "SimpleRNN", "TimeDistributedDense", "Highway", "MaxoutDense"): ("output_dim", "units"),
    ("MaxPooling1D", "AveragePooling1D"): ("stride", "strides"),
    ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianDropout"): ("p", "rate"),
}
"""Arguments of some."""
WINDOWS = (("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3"))
"""Sizes of windows by themselves."""
ORDERS = {"tf": "channels_last", "th": "channels_first"}
GONE = ("init", "inner_init", "forget_bias_init", "consume_less", "input_dim", "input_length", "dropout_W", "dropout_U")
"""Arguments without effect on figures."""


def modern(kind: str, config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return class and arguments as later versions have them."""
    own = dict(pair for kinds, pair in OWN.items() if kind in kinds)
    found: dict[str, Any] = {}
    for key, value in config.items():
        if key[:2] in ("W_", "U_", "b_") or (key in GONE and kind != "Embedding"):
            continue
        found[own.get(key) or KEYS.get(key, key)] = value
    for names in WINDOWS:
        if names[0] in found:
            found["kernel_size"] = [found.pop(name, None) for name in names]
    if "dim_ordering" in found:
        found["data_format"] = ORDERS.get(str(found.pop("dim_ordering")), "channels_last")
    if kind.startswith("Deconvolution"):
        found.pop("output_shape", None)
    if kind == "BatchNormalization":
        found.pop("mode", None)
    return KINDS.get(kind, kind), found

"""Layers of Keras 1 and 2 that there are no more."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from archinspect.importers.keras.layers.base import activation, plain
from archinspect.ops.tensor import Custom

if TYPE_CHECKING:
    from archinspect.graph.graph import Tensor
    from archinspect.importers.keras.build import Use
    from archinspect.importers.keras.layers import Add, Made


def locally_connected(use: Use) -> Made:
    """`LocallyConnected2D`: a convolution with a kernel of its own at each position, and a bias."""
    rank = int(use.layer.kind[-2])
    first = use.get("data_format") == "channels_first"
    shape = use.shape()[1:]
    if len(shape) != rank + 1:
        raise use.refuse(f"it needs {rank + 1} axes, and gets {len(shape)}")
    if use.get("padding", "valid") != "valid" or use.whole("implementation", 1) != 1:
        raise use.refuse("only padding valid and implementation 1 are known")
    places, channels = (shape[1:], shape[0]) if first else (shape[:-1], shape[-1])
    kernel, strides = _per_axis(use, "kernel_size", rank), _per_axis(use, "strides", rank, 1)
    filters = use.whole("filters")
    found = [(size - window) // step + 1 for size, window, step in zip(places, kernel, strides, strict=True)]
    if min(found) < 1:
        raise use.refuse("its window is larger than its input")
    outputs = prod(found) * filters
    macs = outputs * channels * prod(kernel)
    biased = bool(use.get("use_bias", True))
    made = [filters, *found] if first else [*found, filters]
    x = use.add(
        Custom(output_shape=[*made], params=macs + biased * outputs, macs=macs, flops=2 * macs + biased * outputs)
    )
    return _activate(use, x)


def _per_axis(use: Use, name: str, rank: int, default: int | None = None) -> list[int]:
    value = use.get(name, default)
    values = value if isinstance(value, list) else [value] * rank
    if len(values) != rank or any(type(one) is not int or one < 1 for one in values):
        raise use.refuse(f"{name} must be {rank} positive whole numbers")
    return values


def _activate(use: Use, x: Tensor, value: Any = None) -> Tensor:  # noqa: ANN401 - as the file says
    found = activation(use.config.get("activation") if value is None else value)
    if isinstance(found, str):
        return use.add(Custom(params=0), x)
    return x if found is None else use.add(found, x)


def highway(use: Use) -> Made:
    """`Highway`: `t * f(x) + (1 - t) * x` with `t = sigmoid(W x + b)` (Srivastava et al. 2015)."""
    x = use.x
    width = use.shape()[-1]
    biased = bool(use.get("use_bias", True))
    gate = use.add("Sigmoid", use.add("Dense", x, units=width, use_bias=biased))
    inner = _activate(use, use.add("Dense", x, units=width, use_bias=biased))
    kept = use.add("Multiply", x, use.add("Rescaling", gate, offset=1.0))
    return use.add("Add", use.add("Multiply", inner, gate), kept)


def maxout(use: Use) -> Made:
    """`MaxoutDense`: the largest of several linear layers."""
    units, pieces = use.whole("units"), use.whole("nb_feature", 4)
    x = use.add("Dense", units=units * pieces, use_bias=bool(use.get("use_bias", True)))
    return use.add("ReduceMax", use.add("Reshape", x, target_shape=[pieces, units]), axis=1)


LAYERS: dict[str, Add] = {
    "LocallyConnected1D": locally_connected,
    "LocallyConnected2D": locally_connected,
    "Highway": highway,
    "MaxoutDense": maxout,
    "TimeDistributedDense": plain("Dense"),
}

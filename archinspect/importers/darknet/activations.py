"""Activations by the names that Darknet has for them."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archinspect.base.diagnostics import suggest
from archinspect.base.printable import printable
from archinspect.ops.activation import (
    ELU,
    GELU,
    SELU,
    HardTanh,
    LeakyReLU,
    Mish,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Tanh,
)
from archinspect.ops.tensor import Custom

if TYPE_CHECKING:
    from archinspect.graph.graph import Tensor
    from archinspect.importers.sections import Section
    from archinspect.importers.shaped import ShapedBuilder
    from archinspect.ops.base import Op

KNOWN: dict[str, Op | None] = {
    "linear": None,
    "logistic": Sigmoid(),
    "relu": ReLU(),
    "relu6": ReLU6(),
    "elu": ELU(),
    "selu": SELU(),
    "gelu": GELU(),
    "relie": LeakyReLU(negative_slope=0.01),
    "leaky": LeakyReLU(negative_slope=0.1),
    "revleaky": LeakyReLU(negative_slope=0.1),
    "tanh": Tanh(),
    "hardtan": HardTanh(),
    "swish": SiLU(),
    "mish": Mish(),
}
FLOPS = {
    "loggy": 5,  # 2 / (1 + exp -x) - 1
    "ramp": 3,  # x * (x > 0) + x / 10
    "plse": 4,  # pieces of lines
    "stair": 4,
    "lhtan": 3,
    "hard_mish": 5,  # x / 2 * min(2, max(0, x + 2))
    "normalize_channels": 3,  # relu x / sum of relu x
    "normalize_channels_softmax": 5,
    "normalize_channels_softmax_maxval": 5,
}
"""Of those that no operator is: FLOPs of an element."""
SAME = {"norm_chan": "normalize_channels", "norm_chan_softmax": "normalize_channels_softmax"}
SAME["norm_chan_softmax_maxval"] = "normalize_channels_softmax_maxval"


def activate(net: ShapedBuilder, x: Tensor, section: Section, default: str = "logistic") -> Tensor:
    """Add a section's activation, none for `linear`."""
    return by_name(net, x, section, section.text("activation", default))


def by_name(net: ShapedBuilder, x: Tensor, section: Section, name: str) -> Tensor:
    """Add an activation."""
    name = SAME.get(name, name)
    if name in FLOPS:
        op: Op | None = Custom(params=0, flops=FLOPS[name] * prod(net.shape(x)))
    elif name not in KNOWN:
        help_ = suggest(name, [*KNOWN, *FLOPS])
        raise section.refuse(f"the activation '{printable(name)}' is not known", "activation", help=help_)
    else:
        op = KNOWN[name]
    return net.add_layer(op, (x,), net.claim("", name))[0] if op else x

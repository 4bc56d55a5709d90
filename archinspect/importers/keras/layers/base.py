"""What the tables of this package are written with: arguments of Keras as those of our operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.base.diagnostics import show
from archinspect.base.printable import printable
from archinspect.ops import find_operator
from archinspect.ops.activation import ActivationKind
from archinspect.ops.declared import ArgumentError
from archinspect.ops.tensor import Custom

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from archinspect.graph.graph import Tensor
    from archinspect.importers.keras.build import Use
    from archinspect.ops.base import Op

IGNORED = frozenset(
    [
        "name",
        "trainable",
        "dtype",
        "batch_input_shape",
        "batch_shape",
        "input_shape",
        "input_dtype",
        "input_dim",
        "input_length",
        "seed",
        "noise_shape",
        "autocast",
        "implementation",
        "sparse",
        "ragged",
        "synchronized",
        "fused",
        "momentum",
        "epsilon",
        "mask_zero",
        "supports_masking",
        "weights",
        "arguments",
    ]
)
"""Arguments of any layer that change neither shapes nor costs."""
ENDINGS = ("_initializer", "_regularizer", "_constraint", "_quantizer", "_range")
"""How further ones end."""
UNKNOWN = "unknown"
"""In the place of an activation that is none of Keras's."""
RENAMED = {
    "hard_swish": "hard_silu",
    "squareplus": "softplus",
    "soft_shrink": "SoftShrink",
    "relu6": "ReLU6",
}
"""Activations under our names."""


def arguments(use: Use, kind: type[Op], ignored: Iterable[str] = ()) -> dict[str, Any]:
    """Return a layer's arguments that an operator takes; raise :class:`SourceError` for one that is not known."""
    found = {}
    for key, value in use.config.items():
        if key in kind.names and key not in ignored:
            if value is not None or kind.args[kind.names[key]].default is None:
                found[key] = value
        elif value and not (key in IGNORED or key in ignored or key in kind.ignores or key.endswith(ENDINGS)):
            raise use.refuse(f"its argument {printable(key)} is not known", f"the file has {show(value)[:100]}")
    if "data_format" in kind.args:
        found.setdefault("data_format", "channels_last")
    return found


def plain(
    operator: str = "",
    ignored: Iterable[str] = (),
    **fixed: Any,  # noqa: ANN401 - as the operator takes
) -> Callable[[Use], Tensor]:
    """Return the function of a layer that is an operator with arguments of the same names."""

    def add(use: Use) -> Tensor:
        kind = find_operator(operator or use.layer.kind)
        assert kind is not None  # all names are of the table of operators
        return activated(use, kind, {**arguments(use, kind, (*ignored, "activation")), **fixed})

    return add


def activated(use: Use, kind: type[Op], args: dict[str, Any]) -> Tensor:
    """Add an operator, and the activation that the layer's own argument says."""
    found = activation(use.config.get("activation")) if "activation" in kind.args else None
    if isinstance(found, str):
        x = use.add(use.make(kind.__name__, **args))
        use.net.unknown[f"the activation of {use.layer.title}"] = None
        return use.add(Custom(params=0), x)
    if found is not None:
        args["activation"] = found
    return use.add(use.make(kind.__name__, **args))


def activation(value: Any) -> Op | str | None:  # noqa: ANN401 - as the file says
    """Return the operator of an activation, None for none, and :data:`UNKNOWN` for one that is not known."""
    given: Any = None
    if isinstance(value, dict):
        kind, config = value.get("class_name"), value.get("config")
        if kind in ("function", "Functional") and isinstance(config, str):
            value = config
        elif kind == "Activation" and isinstance(config, dict):
            return activation(config.get("activation"))
        else:
            value, given = kind, config
    if value is None:
        return None
    if not isinstance(value, str):
        return UNKNOWN
    name = value.rpartition(">")[2].rpartition(".")[2]
    name = RENAMED.get(name, name)
    if isinstance(given, dict):
        kind_ = find_operator(name)
        given = {
            key: one
            for key, one in given.items()
            if kind_ and key in kind_.names and (one is not None or kind_.args[kind_.names[key]].default is None)
        }
    try:
        return ActivationKind().convert({name: given} if given else name)
    except (ArgumentError, ValueError):
        return UNKNOWN


def per_element(use: Use, operations: int = 1, x: Tensor | None = None) -> Tensor:
    """Add a function of each element that costs so many operations and has no operator of ours."""
    shape = use.shape(x)[1:]
    count = operations
    for size in shape:
        count *= size
    return use.add(Custom(params=0, macs=0, flops=count), use.x if x is None else x)

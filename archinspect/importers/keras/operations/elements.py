"""Functions of each element, of one tensor, of several, or of a tensor and a number."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from archinspect.base.shape import Mismatch, broadcast
from archinspect.importers.keras.build import tensors
from archinspect.importers.keras.layers.base import activation
from archinspect.importers.keras.model import Array
from archinspect.importers.keras.operations.base import (
    MixesSamplesError,
    argument,
    as_tensor,
    is_tensor,
    number,
)
from archinspect.ops.tensor import Custom

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.graph.graph import Tensor
    from archinspect.importers.keras.build import Use
    from archinspect.importers.keras.layers import Add, Made


def unary(operator: str, **fixed: Any) -> Add:  # noqa: ANN401 - as the operator takes
    """Return the function of an operator of one tensor."""

    def call(use: Use) -> Made:
        return use.add(operator, use.x, **fixed)

    return call


def each(operations: int = 1) -> Add:
    """Return what adds a function of each element that has no operator of ours."""

    def call(use: Use) -> Made:
        shape = use.shape()[1:]
        count = operations * prod(shape)
        return use.add(Custom(output_shape=list(shape), params=0, macs=0, flops=count), use.x)

    return call


def activated(name: str = "") -> Add:
    """Return the function of an activation, with its own arguments."""

    def call(use: Use) -> Made:
        given = {key: value for key, value in use.config.items() if key != "name"}
        kind = name or use.layer.kind
        found = activation({"class_name": kind, "config": given} if given else kind)
        if found is None or isinstance(found, str):
            return use.unknown(params=0)
        return use.add(found, use.x)

    return call


def _both(use: Use) -> tuple[Any, Any]:
    return argument(use, 0, "x1", "x", "condition"), argument(use, 1, "x2", "y")


def binary(
    operator: str, first: Callable[[float], Any] | None = None, second: Callable[[float], Any] | None = None
) -> Add:
    """Return a function of two tensors; of a number, first or second, it is another operator with that."""

    def call(use: Use) -> Made:
        one, other = _both(use)
        for value, tensor, made in ((other, one, second), (one, other, first)):
            alone = number(value)
            if made is not None and alone is not None and is_tensor(tensor) and _is_small(use, value, tensor):
                name, args = made(alone)
                return use.add(name, tensor, **args)
        return joined(use, operator, one, other)

    return call


def each_of_two(operations: int = 1) -> Add:
    """Return what adds a function of each element of two tensors that has no operator of ours."""

    def call(use: Use) -> Made:
        shapes = [use.shape(value) for value in _both(use) if is_tensor(value)]
        try:
            shape = broadcast(tuple(shapes))[1:]
        except Mismatch:
            raise MixesSamplesError from None
        if any(isinstance(value, list | Array) for value in _both(use)) or len({*map(len, shapes)}) != 1:
            raise MixesSamplesError
        return use.add(Custom(output_shape=[*shape], params=0, macs=0, flops=operations * prod(shape)), *use.inputs)

    return call


def _is_small(use: Use, value: Any, tensor: Tensor) -> bool:  # noqa: ANN401 - as the file says
    return not isinstance(value, Array) or len(value.shape) <= len(use.shape(tensor))


def joined(use: Use, operator: str, *values: Any) -> Tensor:  # noqa: ANN401 - as the file says
    """Add an operator that reads tensors and numbers, all of as many axes as the largest."""
    given = list(tensors(list(values)))
    if not given:
        raise MixesSamplesError
    rank = max(len(use.shape(x)) for x in given)
    if any(len(use.shape(x)) != rank for x in given):
        raise MixesSamplesError  # NumPy meets the last axes, so that the batch would meet another
    return use.add(operator, *[as_tensor(use, value, rank) for value in values])


def scaled(value: float) -> tuple[str, dict[str, Any]]:
    """Return the operator of a product with a number."""
    return "Rescaling", {"scale": value}


def shifted(value: float) -> tuple[str, dict[str, Any]]:
    """Return the operator of a sum with a number."""
    return "Rescaling", {"offset": value}


def compared(operator: str) -> Callable[[float], Any]:
    """Return what makes the operator of a comparison with a number."""
    return lambda value: (operator, {"value": value})


def where(use: Use) -> Made:
    """`Where`."""
    return joined(use, "Where", argument(use, 0, "condition"), argument(use, 1, "x1"), argument(use, 2, "x2"))


def clip(use: Use) -> Made:
    """`Clip`."""
    return use.add("Clip", use.x, min_value=number(use.get("x_min")), max_value=number(use.get("x_max")))


def cast(use: Use) -> Made:
    """`Cast`."""
    dtype = use.get("dtype")
    name = dtype if isinstance(dtype, str) else "float32"
    known = ("float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "bool")
    return use.add("Cast", use.x, dtype="float" if name == "float32" or name not in known else name)


def floor_divide(use: Use) -> Made:
    """`FloorDivide`."""
    one, other = _both(use)
    return use.add("Floor", joined(use, "Divide", one, other))

"""Operators that make tensors of nothing, of sizes, or of single numbers."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archinspect.importers.onnx.messages import DTYPES, Stored
from archinspect.importers.onnx.values import OpenError, RuleError, Step, Value, axis_of

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_MADE = 10**12
"""Elements of a tensor that is made of sizes."""


def shape_of(use: Step) -> list[Value]:
    """`Shape`, of some axes."""
    value = use.input(0)
    found = list(value.dims)[slice(use.attribute("start", 0), use.attribute("end"))]
    return [use.make((len(found),), "int64", found if value.sure else None, sure=True)]


def size_of(use: Step) -> list[Value]:
    """`Size`."""
    value = use.input(0)
    return [use.make((), "int64", [value.size] if value.sure else None)]


_SINGLE = {"value_float": "float", "value_int": "int64", "value_string": "int8"}


def constant(use: Step) -> list[Value]:
    """`Constant`, in any of its forms."""
    value = use.attribute("value") or use.attribute("sparse_value")
    if isinstance(value, Stored):
        made = use.make(value.dims, value.dtype)
        made.stored, made.plain = (value,), True
        return [made]
    for name, dtype in _SINGLE.items():
        value = use.attribute(name)
        if value is not None:
            return [use.make((), dtype, [value])]
        value = use.attribute(f"{name}s")
        if value is not None:
            return [use.make((len(value),), dtype, list(value))]
    raise RuleError("it has no value")


def filled(use: Step) -> list[Value]:
    """`ConstantOfShape`."""
    dims = use.data(0)
    value = use.attribute("value")
    dtype = value.dtype if isinstance(value, Stored) else "float"
    if dims is None:
        raise OpenError("its shape follows from data")
    if prod(dims) > MAX_MADE:
        raise RuleError(f"it has more than {MAX_MADE:.0e} elements")
    number = (value.values(use.file) if isinstance(value, Stored) else None) or [0]
    data = number * prod(dims) if use.known(dtype, tuple(dims)) else None
    made = use.make(dims, dtype, data)
    made.plain = True
    if use.input(0).constant:
        # What stands in the place of weights that were left out.
        instead = Stored(next(iter(use.node.outputs), ""), made.dims, value.code if isinstance(value, Stored) else 1)
        instead.filled = True
        made.stored = (instead,)
    return [made]


def counted(use: Step) -> list[Value]:
    """`Range`."""
    bounds = [use.data(at) for at in range(3)]
    if None in bounds:
        return [use.make((1,), sure=False)]
    start, stop, step = (bound[0] for bound in bounds)  # type: ignore[index] # none is None
    if step == 0:
        raise RuleError("its step is 0")
    count = max(-int((start - stop) // step), 0)
    dtype = use.input(0).dtype
    if count > MAX_MADE:
        raise RuleError(f"it has more than {MAX_MADE:.0e} elements")
    data = [start + step * at for at in range(count)] if use.known(dtype, (count,)) else None
    return [use.make((count,), dtype, data)]


def one_hot(use: Step) -> list[Value]:
    """`OneHot`."""
    dims, depth = use.shape(), use.data(1)
    axis = axis_of(use.attribute("axis", -1), len(dims) + 1)
    size = int(depth[0]) if depth else 1
    return [use.make((*dims[:axis], size, *dims[axis:]), use.input(2).dtype, sure=bool(depth))]


def eye(use: Step) -> list[Value]:
    """`EyeLike`."""
    return [use.make(use.shape(), DTYPES.get(use.attribute("dtype", 0), ""))]


def drawn(use: Step) -> list[Value]:
    """`RandomNormal`, `RandomUniform`."""
    use.varies = True
    return [use.make(use.attribute("shape", ()), DTYPES.get(use.attribute("dtype", 1), "float"))]


RULES: dict[str, Callable[[Step], list[Value]]] = {
    "Shape": shape_of,
    "Size": size_of,
    "Constant": constant,
    "ConstantOfShape": filled,
    "Range": counted,
    "OneHot": one_hot,
    "EyeLike": eye,
    "RandomNormal": drawn,
    "RandomUniform": drawn,
}

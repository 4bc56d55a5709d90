"""Functions of each element, of one tensor or several."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from archinspect.importers.keras.operations import MixesSamplesError
from archinspect.importers.tflite.operators.base import WHOLE
from archinspect.ops.source import Fill, Parameter
from archinspect.ops.tensor import Custom

if TYPE_CHECKING:
    from archinspect.graph.graph import Tensor as Made
    from archinspect.importers.tflite.model import Tensor
    from archinspect.importers.tflite.operators.base import Add, Step


def operand(step: Step, at: int, rank: int) -> Any:  # noqa: ANN401 - a tensor, or a number
    """Return an input as a tensor: of a constant a weight, and of a single number that."""
    tensor = step.tensor(at)
    if not tensor.is_constant:
        found = next((x for x, own in zip(step.use.inputs, _tensors(step), strict=False) if own is tensor), None)
        if found is None:
            raise MixesSamplesError
        return found
    alone = tensor.real()
    if alone is not None:
        return alone
    shape = tensor.shape
    if len(shape) == rank and shape[0] != 1:
        raise MixesSamplesError
    own = shape[1:] if len(shape) == rank else (*[1] * (rank - 1 - len(shape)), *shape)
    if tensor.is_made or tensor.dtype in WHOLE:
        return step.use.source(Fill(shape=[*own]))
    found = step.sources.get((tensor.place, own))
    if found is None:
        found = step.sources[tensor.place, own] = step.use.source(Parameter(shape=[*own]))
    return found


def _tensors(step: Step) -> list[Tensor]:
    return [one for one in step.reads if one is not None and not one.is_constant]


def binary(name: str, *, fuses: bool = True) -> Add:
    """Return the function of two tensors."""

    def call(step: Step) -> Made:
        rank = max(len(step.use.shape(x)) for x in step.use.inputs)
        found = step.call(name, *[operand(step, at, rank) for at in range(2)])
        return step.fused(found) if fuses else found

    return call


def squared_difference(step: Step) -> Made:
    """`SQUARED_DIFFERENCE`."""
    return step.use.add("Square", binary("Subtract", fuses=False)(step))  # type: ignore[arg-type] # one tensor


def total(step: Step) -> Made:
    """`ADD_N`."""
    return step.use.add("Add", *step.use.inputs)


def unary(operator: str, **fixed: Any) -> Add:  # noqa: ANN401 - as the operator takes
    """Return the function of an operator of one tensor."""
    return lambda step: step.use.add(operator, step.use.x, **fixed)


def leaky(step: Step) -> Made:
    """`LEAKY_RELU`."""
    return step.use.add("LeakyReLU", negative_slope=step.options.real(0) if step.options else 0.0)


def gelu(step: Step) -> Made:
    """`GELU`."""
    return step.use.add("GELU", approximate=bool(step.whole(0, 1)))


def where(step: Step) -> Made:
    """`SELECT`, `SELECT_V2`."""
    rank = max(len(step.use.shape(x)) for x in step.use.inputs)
    return step.call("Where", *[operand(step, at, rank) for at in range(3)])  # type: ignore[no-any-return] # a tensor


def rounded(step: Step) -> Made:
    """`QUANTIZE`, `DEQUANTIZE`: a product and a sum for each element."""
    shape = step.use.shape()[1:]
    x = step.use.add(Custom(output_shape=[*shape], params=0, macs=0, flops=2 * prod(shape)), step.use.x)
    dtype = step.made[0].dtype
    return step.use.add("Cast", x, dtype=dtype)


def cast(step: Step) -> Made:
    """`CAST`."""
    return step.use.add("Cast", step.use.x, dtype=step.made[0].dtype)

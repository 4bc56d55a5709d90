"""Sizes that a file leaves to the run: it has 1 in their place, which is the batch's only where that comes first."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archinspect.base.shape import Mismatch
from archinspect.base.shape import broadcast as meet
from archinspect.importers.tflite.names import name_of

if TYPE_CHECKING:
    from archinspect.base.shape import Shape
    from archinspect.importers.tflite.model import Model, Operator, Tensor

ELEMENTWISE = frozenset(
    (
        *("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "POW", "SQUARED_DIFFERENCE", "RELU", "RELU6", "LOGISTIC"),
        *("TANH", "EXP", "LOG", "SQRT", "RSQRT", "SQUARE", "NEG", "ABS", "GELU", "LEAKY_RELU", "ELU", "HARD_SWISH"),
        *("QUANTIZE", "DEQUANTIZE", "CAST", "SOFTMAX", "LOG_SOFTMAX"),
    )
)
REDUCED = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD")


class Sizes:
    """Finds open sizes, operator by operator, before each is read."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.widths = _widths(model)

    def settle(self, operator: Operator) -> None:
        """Give what an operator makes the shape that it has at a batch of 1, where that follows from what it reads."""
        tensors = self.model.tensors
        made = [tensors[at] for at in operator.outputs if at >= 0]
        reads = [tensors[at] if at >= 0 else None for at in operator.inputs]
        if len(made) != 1 or not reads or reads[0] is None or -1 not in made[0].signature:
            return
        kind = name_of(operator.code, operator.custom)
        if kind == "RESHAPE" and not reads[0].is_constant:
            _reshaped(made[0], prod(reads[0].shape), self.widths.get(operator.outputs[0]))
        elif kind == "FULLY_CONNECTED" and reads[1] is not None and len(made[0].shape) == 2:  # noqa: PLR2004 - a matrix
            made[0].shape = (prod(reads[0].shape) // max(1, reads[1].shape[-1]), made[0].shape[-1])
        elif kind in ("TRANSPOSE", *REDUCED):
            _moved(kind, operator, made[0], reads)
        elif kind == "SPACE_TO_BATCH_ND" and reads[1] is not None:
            made[0].shape = (reads[0].shape[0] * prod(reads[1].numbers() or ()), *made[0].shape[1:])
        elif kind in ELEMENTWISE:
            _met(made[0], [one for one in reads if one is not None])


def fits(found: Shape, said: Tensor) -> bool:
    """Return whether a shape that was found is the file's, which may leave sizes open."""
    open_ = said.signature if len(said.signature) == len(said.shape) else said.shape
    return len(found) == len(said.shape) and all(
        own == size or (mark == -1 and at > 0)
        for at, (own, size, mark) in enumerate(zip(found, said.shape, open_, strict=True))
    )


def _widths(model: Model) -> dict[int, int]:
    """Return how many features linear layers read of each tensor."""
    found = {}
    widened: set[int] = set()  # constants that are stored in half precision
    for operator in model.operators:
        kind = name_of(operator.code, operator.custom)
        if kind == "DEQUANTIZE" and operator.inputs[:1] and model.tensors[operator.inputs[0]].is_constant:
            widened.update(operator.outputs)
        elif kind == "FULLY_CONNECTED" and len(operator.inputs) > 1 and operator.inputs[1] >= 0:
            kernel = model.tensors[operator.inputs[1]]
            if kernel.shape and (kernel.is_constant or operator.inputs[1] in widened):
                found[operator.inputs[0]] = kernel.shape[-1]
    return found


def _reshaped(made: Tensor, count: int, width: int | None) -> None:
    if prod(made.shape) == count:
        return
    open_ = [at for at, size in enumerate(made.signature) if size == -1]
    if len(open_) == 2 and width and open_[-1] == len(made.shape) - 1:  # noqa: PLR2004 - places and features
        made.shape = (*made.shape[:-1], width)
        open_.pop()
    known = prod(size for at, size in enumerate(made.shape) if at not in open_)
    if len(open_) == 1 and known and not count % known:
        made.shape = tuple(count // known if at == open_[0] else size for at, size in enumerate(made.shape))


def _moved(kind: str, operator: Operator, made: Tensor, reads: list[Tensor | None]) -> None:
    """Find the shape of a transposed tensor, or of one whose axes are reduced."""
    given = reads[0].shape if reads[0] is not None else ()
    axes = reads[1].numbers() if len(reads) > 1 and reads[1] is not None else None
    if not given or axes is None or any(not -len(given) <= axis < len(given) for axis in axes):
        return
    axes = [axis % len(given) for axis in axes]
    if kind == "TRANSPOSE":
        found = tuple(given[axis] for axis in axes)
    elif operator.options is not None and operator.options.flag(0):
        found = tuple(1 if axis in axes else size for axis, size in enumerate(given))
    else:
        found = tuple(size for axis, size in enumerate(given) if axis not in axes)
    if len(found) == len(made.shape):
        made.shape = found


def _met(made: Tensor, reads: list[Tensor]) -> None:
    most = max(len(one.shape) for one in reads)
    try:
        made.shape = meet(tuple((*[1] * (most - len(one.shape)), *one.shape) for one in reads))
    except Mismatch:
        return

"""What tensor programs write with PyTorch's functions, as modules; the cases of it that `measure_ops.py` measures."""

import sys
from functools import reduce
from math import inf
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

sys.path.append(str(Path(__file__).parents[1]))

from input_types import input_types


class Of(nn.Module):
    """A function of the inputs and the arguments."""

    def __init__(self, **arguments):
        super().__init__()
        self.arguments = arguments

    def forward(self, *given):
        return self.function(*given, **self.arguments)


def of(function):
    return type("Of", (Of,), {"function": staticmethod(function)})


COMPARISONS = {
    "Equal": torch.eq,
    "NotEqual": torch.ne,
    "Greater": torch.gt,
    "GreaterEqual": torch.ge,
    "Less": torch.lt,
    "LessEqual": torch.le,
}
LOGIC = {"LogicalAnd": torch.logical_and, "LogicalOr": torch.logical_or, "LogicalXor": torch.logical_xor}


def reduced(function):
    return of(lambda given, axis, keepdims=False: function(given, axis, keepdims))


def one_by_one(given, axis, keepdims):
    for one in sorted(at + given.dim() * (at < 0) for at in axis)[::-1]:
        given = given.prod(one, keepdims)
    return given


def deviation(function):
    return of(
        lambda given, axis, keepdims=False, correction=0: function(given, axis, correction=correction, keepdim=keepdims)
    )


REDUCTIONS = {
    "ReduceMin": reduced(torch.amin),
    "ReduceProd": reduced(one_by_one),
    "ReduceVar": deviation(torch.var),
    "ReduceStd": deviation(torch.std),
    "ReduceL1": reduced(lambda given, *how: torch.linalg.vector_norm(given, 1, *how)),
    "ReduceL2": reduced(lambda given, *how: torch.linalg.vector_norm(given, 2, *how)),
    "ReduceLogSumExp": reduced(torch.logsumexp),
    "ReduceAny": reduced(torch.any),
    "ReduceAll": reduced(torch.all),
}


def squeezed(given, axis):
    axis = (axis,) if isinstance(axis, int) else axis
    if any(given.shape[one] != 1 for one in axis):
        raise ValueError("an axis is longer, which PyTorch leaves as it is")
    return given.squeeze(axis)


def unsqueezed(given, axis):
    axis = (axis,) if isinstance(axis, int) else axis
    rank = given.dim() + len(axis)
    for one in sorted(at + rank * (at < 0) for at in axis):
        given = given.unsqueeze(one)
    return given


def expanded(given, target_shape):
    for _ in range(len(target_shape) - given.dim() + 1):
        given = given.unsqueeze(1)
    return given.expand(-1, *target_shape)


def stacked(*given, axis=1):
    samples = max(map(len, given))
    return torch.stack([one.expand(samples, *one.shape[1:]) for one in given], axis)


def sided(given):
    if given.dim() < 3:
        raise ValueError("the batch is no axis of a table")
    return given


def gathered(given, index, axis=1):
    axis += given.dim() * (axis < 0)
    if axis == given.dim():
        raise IndexError("no such axis")
    found = given.index_select(axis, index.flatten())
    return found.squeeze(axis) if index.dim() == 1 else found.unflatten(axis, index.shape[1:])


def taken(given, index, axis=1):
    axis += given.dim() * (axis < 0)
    shape = [*given.shape]
    shape[axis] = index.shape[axis]
    return given.gather(axis, index.expand(shape))


def scattered(given, index, size, axis=1):
    axis += given.dim() * (axis < 0)
    shape = [*given.shape]
    shape[axis] = size
    index = index.reshape(len(index), *(1,) * (axis - 1), -1, *(1,) * (given.dim() - axis - 1))
    return given.new_zeros(shape).scatter_add_(axis, index.expand_as(given), given)


def one_hot(given, num_classes, dtype="float"):
    return torch.zeros(*given.shape, num_classes, dtype=getattr(torch, dtype)).scatter_(-1, given[..., None], 1)


def compared(function):
    return of(lambda given, other=None, value=None: function(given, value if other is None else other))


MODULES = {
    **{
        name: of(getattr(torch, name.lower()))
        for name in (
            *("Sqrt", "Rsqrt", "Square", "Abs", "Log", "Log1p", "Expm1", "Sin", "Cos", "Erf", "Reciprocal", "Negative"),
            *("Sign", "Floor", "Ceil", "Round"),
            *("Log2", "Log10", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Trunc"),
        )
    },
    "Clip": of(lambda given, min_value=None, max_value=None: given.clamp(min_value, max_value)),
    "LogicalNot": of(torch.logical_not),
    "Cast": of(lambda given, dtype: given.to(getattr(torch, dtype))),
    **REDUCTIONS,
    "ArgMax": of(lambda given, axis=-1, keepdims=False: given.argmax(axis, keepdims)),
    "ArgMin": of(lambda given, axis=-1, keepdims=False: given.argmin(axis, keepdims)),
    "CumSum": of(lambda given, axis=-1: given.cumsum(axis)),
    "CumProd": of(lambda given, axis=-1: given.cumprod(axis)),
    "Sort": of(lambda given, axis=-1, descending=False: tuple(given.sort(axis, descending))),
    "Squeeze": of(squeezed),
    "Unsqueeze": of(unsqueezed),
    "Expand": of(expanded),
    "Tile": of(lambda given, repeats: given.repeat(1, *repeats)),
    "Repeat": of(lambda given, repeats, axis=1: given.repeat_interleave(repeats, axis)),
    "Stack": of(stacked),
    "Flip": of(lambda given, axis: given.flip(axis)),
    "SwapAxes": of(lambda given, axis1, axis2: given.transpose(axis1, axis2)),
    "MoveAxis": of(lambda given, source, destination: given.movedim(source, destination)),
    "Tril": of(lambda given, diagonal=0: sided(given).tril(diagonal)),
    "Triu": of(lambda given, diagonal=0: sided(given).triu(diagonal)),
    "Gather": of(gathered),
    "EmbeddingLookup": of(lambda index, table: functional.embedding(index, table[0])),
    "TakeAlongAxis": of(taken),
    "ScatterAdd": of(scattered),
    "OneHot": of(one_hot),
    "Arange": of(
        lambda start=0, stop=0, step=1, dtype="int64": torch.arange(start, stop, step, dtype=getattr(torch, dtype))[
            None
        ]
    ),
    "Fill": of(lambda shape=(), value=0.0, dtype="float": torch.full((1, *shape), value, dtype=getattr(torch, dtype))),
    "Divide": of(torch.div),
    "Power": of(lambda given, other=None, exponent=None: given ** (exponent if other is None else other)),
    **{name: compared(function) for name, function in COMPARISONS.items()},
    **{name: of(lambda *given, function=function: reduce(function, given)) for name, function in LOGIC.items()},
    "Where": of(torch.where),
    "MaskedFill": of(lambda given, mask, value=None: given.masked_fill(mask, -inf if value is None else value)),
}


def elementwise():
    image = (4, 5, 6)
    for name in (
        *("Sqrt", "Rsqrt", "Square", "Abs", "Log", "Log1p", "Expm1", "Sin", "Cos", "Erf", "Reciprocal", "Negative"),
        *("Sign", "Floor", "Ceil", "Round", "LogicalNot"),
        *("Log2", "Log10", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Trunc"),
    ):
        yield name, {}, image
    yield "Clip", {"min_value": -0.5, "max_value": 1.0}, image
    yield "Clip", {"min_value": 0.0}, image
    yield "Clip", {"max_value": 1.0}, image
    for dtype in ("float16", "float32", "int64", "bool"):
        yield "Cast", {"dtype": dtype}, image


def choices():
    image, row, column = (4, 5, 6), (4, 1, 6), (1, 5, 1)
    for name in ("Divide", "Power", *COMPARISONS):
        yield name, {}, image, image
        yield name, {}, image, row
        yield name, {}, row, column
        yield name, {}, image, (4, 2, 6)
    for exponent in (2, 0.5, -1):
        yield "Power", {"exponent": exponent}, image
    for name in COMPARISONS:
        yield name, {"value": 0.5}, image
    for name in LOGIC:
        yield name, {}, image, image
        yield name, {}, image, row, column
    yield "Where", {}, image, image, image
    yield "Where", {}, column, row, image
    yield "Where", {}, image, (4, 1, 1), (1, 1, 1)
    yield "MaskedFill", {}, image, image
    yield "MaskedFill", {"value": 0.5}, image, column
    yield "MaskedFill", {}, row, column


def reductions():
    image = (4, 5, 6)
    for name in REDUCTIONS:
        yield name, {"axis": [1]}, image
        yield name, {"axis": [-1, 2], "keepdims": True}, image
        yield name, {"axis": [1, 2, 3]}, image
        yield name, {"axis": [4]}, image
    for name in ("ReduceVar", "ReduceStd"):
        yield name, {"axis": [2], "correction": 1}, image
    for name in ("ArgMax", "ArgMin"):
        yield name, {}, image
        yield name, {"axis": 1, "keepdims": True}, image
        yield name, {"axis": 4}, image
    for name in ("CumSum", "CumProd", "Sort"):
        yield name, {}, image
        yield name, {"axis": 2}, image
        yield name, {"axis": 4}, image
    yield "Sort", {"axis": 1, "descending": True}, (1, 9)
    yield "Sort", {"axis": 2, "descending": True}, (2, 17)


class Same(tuple):
    """The shape of what is the same for all samples."""

    __slots__ = ()


def layouts():
    image, steps = (4, 5, 6), (5, 6)
    yield "Squeeze", {"axis": [1, 3]}, (1, 5, 1)
    yield "Squeeze", {"axis": -1}, (5, 1)
    yield "Squeeze", {"axis": 1}, image
    yield "Unsqueeze", {"axis": 1}, image
    yield "Unsqueeze", {"axis": [1, -1]}, image
    yield "Unsqueeze", {"axis": 5}, image
    yield "Expand", {"target_shape": [4, 7, 6]}, (4, 1, 6)
    yield "Expand", {"target_shape": [3, 2, -1, 6]}, (1, 6)
    yield "Expand", {"target_shape": [4, 5]}, image
    yield "Expand", {"target_shape": [4, 5, 7]}, image
    yield "Tile", {"repeats": [1, 2, 3]}, image
    yield "Tile", {"repeats": [1, 1, 1]}, image
    yield "Tile", {"repeats": [2]}, image
    yield "Repeat", {"repeats": 3}, image
    yield "Repeat", {"repeats": 2, "axis": -1}, image
    yield "Repeat", {"repeats": 2, "axis": 4}, image
    yield "Stack", {}, image, image
    yield "Stack", {"axis": -1}, steps, steps, steps
    yield "Stack", {"axis": 2}, steps
    yield "Stack", {}, image, steps
    yield "Stack", {"axis": 1}, steps, Same(steps)
    yield "Flip", {"axis": [1, -1]}, image
    yield "Flip", {"axis": 4}, image
    yield "SwapAxes", {"axis1": 1, "axis2": -1}, image
    yield "SwapAxes", {"axis1": 1, "axis2": 4}, image
    yield "MoveAxis", {"source": [1], "destination": [-1]}, image
    yield "MoveAxis", {"source": [3, 1], "destination": [1, 2]}, image
    yield "MoveAxis", {"source": [1, 1], "destination": [1, 2]}, image
    for name in ("Tril", "Triu"):
        yield name, {}, steps
        yield name, {"diagonal": -2}, image
        yield name, {"diagonal": 1}, (5,)


def lookups():
    image, steps = (4, 5, 6), (5, 6)
    yield "Gather", {}, steps, (7,)
    yield "Gather", {"axis": -1}, image, (2, 3)
    yield "Gather", {"axis": 2}, image, ()
    yield "Gather", {"axis": 4}, image, (7,)
    yield "EmbeddingLookup", {}, (7,), (9, 6)
    yield "EmbeddingLookup", {}, (), (9, 6)
    yield "EmbeddingLookup", {}, (2, 3), (9, 6)
    yield "TakeAlongAxis", {}, steps, (2, 6)
    yield "TakeAlongAxis", {}, steps, (7, 1)
    yield "TakeAlongAxis", {"axis": -1}, image, (4, 5, 2)
    yield "TakeAlongAxis", {}, steps, Same((2, 6))
    yield "TakeAlongAxis", {}, steps, (2, 5)
    yield "ScatterAdd", {"size": 9}, steps, (5,)
    yield "ScatterAdd", {"size": 9}, steps, Same((5,))
    yield "ScatterAdd", {"size": 2, "axis": -1}, image, (6,)
    yield "ScatterAdd", {"size": 2}, (5,), (5,)
    yield "ScatterAdd", {"size": 9}, steps, (4,)
    yield "OneHot", {"num_classes": 9}, (5,)
    yield "OneHot", {"num_classes": 2, "dtype": "int64"}, ()


def sources():
    yield "Arange", {"stop": 9}
    yield "Arange", {"start": 10, "stop": 0, "step": -3, "dtype": "float32"}
    yield "Fill", {"shape": [3, 4]}
    yield "Fill", {"shape": [], "value": 2.0, "dtype": "int32"}


def cases():
    """Yield each case for three samples, the first of an operator for one, too."""
    seen = set()
    for op, args, *shapes in (*elementwise(), *choices(), *reductions(), *layouts(), *lookups(), *sources()):
        types = input_types(op, len(shapes))
        for batch in (1, 3) if op not in seen and shapes else (3,):
            seen.add(op)
            yield (
                op,
                tuple(
                    (1 if type_.shared or isinstance(shape, Same) else batch, *shape)
                    for type_, shape in zip(types, shapes, strict=True)
                ),
                args,
            )


def zeros(op, inputs):
    """Return zeros for a case, on the device that is set."""
    types = input_types(op, len(inputs))
    return [torch.zeros(shape, dtype=getattr(torch, type_.dtype)) for shape, type_ in zip(inputs, types, strict=True)]

"""What tensor programs write with PyTorch's functions, as modules; the cases of it that `measure_ops.py` measures."""

import sys
from functools import reduce
from math import inf
from pathlib import Path

import torch
from torch import nn

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


def compared(function):
    return of(lambda given, other=None, value=None: function(given, value if other is None else other))


MODULES = {
    **{
        name: of(getattr(torch, name.lower()))
        for name in (
            *("Sqrt", "Rsqrt", "Square", "Abs", "Log", "Log1p", "Expm1", "Sin", "Cos", "Erf", "Reciprocal", "Negative"),
            *("Sign", "Floor", "Ceil", "Round"),
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


def cases():
    """Yield each case for three samples, the first of an operator for one, too."""
    seen = set()
    for op, args, *shapes in (*elementwise(), *choices(), *reductions()):
        types = input_types(op, len(shapes))
        for batch in (1, 3) if op not in seen else (3,):
            seen.add(op)
            yield (
                op,
                tuple((1 if type_.shared else batch, *shape) for type_, shape in zip(types, shapes, strict=True)),
                args,
            )


def zeros(op, inputs):
    """Return zeros for a case, on the device that is set."""
    types = input_types(op, len(inputs))
    return [torch.zeros(shape, dtype=getattr(torch, type_.dtype)) for shape, type_ in zip(inputs, types, strict=True)]

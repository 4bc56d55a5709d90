"""Functions of every element by itself, as tensor programs write them, and another data type for all of them.

FLOPs: one for every operation of the formula in the class's docstring; a function such as exp, and a power, is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import size
from archinspect.ops.args import DataType, Float, Optional, arg
from archinspect.ops.axes import same
from archinspect.ops.base import Op
from archinspect.ops.declared import ArgumentError
from archinspect.ops.elements import Elementwise
from archinspect.ops.figures import DTYPES, Backward, Kept, View, Work, counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Run


class _Function(Elementwise):
    """One whose slope is computed from its input, unless `from_output` says otherwise; integers give floats."""

    kind = "elementwise"
    promotes = True


class _OfNumbers(_Function):
    """One that gives integers of integers."""

    gives_floats = False


class _Stepped(_OfNumbers):
    """One whose slope is 0 wherever it has one: PyTorch's backward passes zeros on, and keeps nothing."""

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept()

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward()


class Sqrt(_Function):
    """The square root. FLOPs: 1 per element."""

    from_output = True


class Rsqrt(_Function):
    """`x ** -0.5`, one over the square root. FLOPs: 1 per element."""

    from_output = True


class Square(_OfNumbers):
    """`x * x`; of truth values as int64. FLOPs: 1 per element."""

    def output_dtype(self, *dtypes: str) -> str:
        return counted(super().output_dtype(*dtypes))


class Abs(_OfNumbers):
    """The value without its sign. FLOPs: 1 per element."""

    aliases = ("Absolute",)


class Log(_Function):
    """The natural logarithm. FLOPs: 1 per element."""


class Log1p(_Function):
    """`log(1 + x)`. FLOPs: 2 per element."""

    operations = 2


class Log2(_Function):
    """The logarithm to the base of 2. FLOPs: 1 per element."""


class Log10(_Function):
    """The logarithm to the base of 10. FLOPs: 1 per element."""


class Expm1(_Function):
    """`exp(x) - 1`. FLOPs: 2 per element."""

    operations = 2
    from_output = True


class Sin(_Function):
    """The sine. FLOPs: 1 per element."""

    aliases = ("Sine",)


class Cos(_Function):
    """The cosine. FLOPs: 1 per element."""

    aliases = ("Cosine",)


class Tan(_Function):
    """The tangent. FLOPs: 1 per element."""

    from_output = True


class Asin(_Function):
    """The inverse of the sine. FLOPs: 1 per element."""

    aliases = ("Arcsin",)


class Acos(_Function):
    """The inverse of the cosine. FLOPs: 1 per element."""

    aliases = ("Arccos",)


class Atan(_Function):
    """The inverse of the tangent. FLOPs: 1 per element."""

    aliases = ("Arctan",)


class Sinh(_Function):
    """The hyperbolic sine. FLOPs: 1 per element."""


class Cosh(_Function):
    """The hyperbolic cosine. FLOPs: 1 per element."""


class Erf(_Function):
    """The error function. FLOPs: 1 per element."""


class Reciprocal(_Function):
    """`1 / x`. FLOPs: 1 per element."""

    from_output = True


class Negative(_OfNumbers):
    """`-x`. FLOPs: 1 per element."""

    aliases = ("Neg",)

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept()


class Sign(_Stepped):
    """-1, 0 or 1. FLOPs: 1 per element."""

    aliases = ("Sgn",)


class Floor(_Stepped):
    """The next whole number below. FLOPs: 1 per element."""


class Ceil(_Stepped):
    """The next whole number above. FLOPs: 1 per element."""


class Round(_Stepped):
    """The nearest whole number, of two the even one. FLOPs: 1 per element."""


class Trunc(_Stepped):
    """The next whole number toward 0. FLOPs: 1 per element."""

    aliases = ("Truncate", "Fix")


class Clip(_OfNumbers):
    """`min(max(x, min_value), max_value)`, or one of the two; of truth values as int64.

    FLOPs: 1 per element for a lower bound, 1 per element for an upper bound.
    """

    aliases = ("Clamp",)
    main = ""
    min_value: float | None = arg("lower bound", Optional(Float()), None, aliases=("min", "min_val", "x_min"))
    max_value: float | None = arg("upper bound", Optional(Float()), None, aliases=("max", "max_val", "x_max"))

    def check(self) -> None:
        if self.min_value is None and self.max_value is None:
            raise ArgumentError("Clip: takes min_value, max_value or both", "min_value")
        if self.min_value is not None and self.max_value is not None and self.min_value > self.max_value:
            message = f"Clip: min_value {self.min_value:g} must not be above max_value {self.max_value:g}"
            raise ArgumentError(message, "min_value")

    def output_dtype(self, *dtypes: str) -> str:
        found = counted(super().output_dtype(*dtypes))
        whole = all(bound is None or bound.is_integer() for bound in (self.min_value, self.max_value))
        return found if whole or "float" in found else "float"

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=((self.min_value is not None) + (self.max_value is not None)) * size(output))


class LogicalNot(_Function):
    """True for what is 0 or false. FLOPs: 1 per element."""

    aliases = ("Not",)

    def output_dtype(self, *dtypes: str) -> str:
        return "bool"


class Cast(Op):
    """The same numbers in another data type; where that is the input's own, the input itself. No FLOPs.

    `float` is the type that the network computes in. A gradient comes back through floats, not through integers.
    """

    kind = "elementwise"
    pointwise = True
    memory_order = "kept"
    aliases = ("AsType",)
    dtype: str = arg("the data type", DataType(*DTYPES), aliases=("to",))

    def output(self, *shapes: Shape) -> Shape:
        return shapes[0]

    def output_dtype(self, *dtypes: str) -> str:
        return self.dtype

    def axis_flow(self, *shapes: Shape) -> str:
        return same(len(shapes[0]))

    def view(self, *, training: bool) -> View | None:
        return View(same_type=True)

    def label(self) -> str:
        return f"to {self.dtype}"

"""Quotients and powers, comparisons, logic, and choices between tensors; dimensions of size 1 stretch as in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, size
from archinspect.ops.args import Float, Optional, arg
from archinspect.ops.figures import Backward, Kept, Work
from archinspect.ops.merge import JoinedByElements, stretched

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run


class Divide(JoinedByElements):
    """The first input over the second. FLOPs: 1 per output element."""

    aliases = ("Div", "TrueDivide")
    inputs = (2, 2)
    gives_floats = True
    promotes = True

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((0, 1) if run.inputs[1] else (1,))  # the gradient of the divisor is the quotient over it, again


class _WithNumber(JoinedByElements):
    """Joins two inputs, or each element of one with a number."""

    inputs: ClassVar[tuple[int, int | None]] = (1, 2)
    number: ClassVar[str] = "value"
    """The argument that is the number."""

    def output(self, *shapes: Shape) -> Shape:
        if (getattr(self, self.number) is None) != (len(shapes) == 2):  # noqa: PLR2004 - inputs
            raise Mismatch(
                f"takes two inputs, or one and {self.number}",
                args=(self.number,),
                help=f"`from: [a, b]` gives two inputs; without {self.number} there is nothing to join one with",
            )
        return super().output(*shapes)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=size(output))


class Power(_WithNumber):
    """The first input to the power of the second, or of a number: `Power: 2`. FLOPs: 1 per output element."""

    aliases = ("Pow",)
    number = "exponent"
    exponent: float | None = arg("the exponent, instead of a second input", Optional(Float()), None, aliases=("power",))

    def output_dtype(self, *dtypes: str) -> str:
        found = super().output_dtype(*dtypes)
        fraction = self.exponent is not None and not self.exponent.is_integer()
        return "float" if fraction and "float" not in found else found

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        # Of two inputs PyTorch keeps everything, whichever gradient is wanted.
        return Kept((0, 1), outputs=(0,)) if self.exponent is None else Kept((0,))


class _Comparison(_WithNumber):
    """Says of each element whether it holds: of two inputs, or of one and a number. FLOPs: 1 per output element."""

    value: float | None = arg("a number, instead of a second input", Optional(Float()), None, aliases=("other", "to"))

    def output_dtype(self, *dtypes: str) -> str:
        return "bool"


class Equal(_Comparison):
    """Whether the inputs are equal, or one is a number's. FLOPs: 1 per output element."""

    aliases = ("Eq",)


class NotEqual(_Comparison):
    """Whether the inputs differ, or one from a number. FLOPs: 1 per output element."""

    aliases = ("Ne",)


class GreaterThan(_Comparison):
    """Whether the first input is greater than the second, or than a number. FLOPs: 1 per output element."""

    aliases = ("Greater", "Gt")


class GreaterEqual(_Comparison):
    """Whether the first input is at least the second, or a number. FLOPs: 1 per output element."""

    aliases = ("Ge", "GreaterOrEqual")


class LessThan(_Comparison):
    """Whether the first input is less than the second, or than a number. FLOPs: 1 per output element."""

    aliases = ("Less", "Lt")


class LessEqual(_Comparison):
    """Whether the first input is at most the second, or a number. FLOPs: 1 per output element."""

    aliases = ("Le", "LessOrEqual")


class _Logical(JoinedByElements):
    """Joins truth values; of numbers, all but 0 are true. FLOPs: 1 per output element and input after the first."""

    def output_dtype(self, *dtypes: str) -> str:
        return "bool"

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return tuple(("bool", count) for _, count in super().workspace(shapes, output, run))


class LogicalAnd(_Logical):
    """Whether all inputs are true. FLOPs: 1 per output element and input after the first."""

    aliases = ("And",)


class LogicalOr(_Logical):
    """Whether one of the inputs is true. FLOPs: 1 per output element and input after the first."""

    aliases = ("Or",)


class LogicalXor(_Logical):
    """Whether the number of true inputs is odd. FLOPs: 1 per output element and input after the first."""

    aliases = ("Xor",)


class _Choice(JoinedByElements):
    """Takes elements, computing nothing; where what it takes them of stretches, gradients are summed."""

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work()

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward(Work(other=stretched(shapes, output, run)))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return ()


class Where(_Choice):
    """The elements of its second input where the first is true, and else those of the third. No FLOPs."""

    inputs = (3, 3)
    undifferentiated = (0,)
    kept_as: ClassVar[Mapping[int, str]] = {0: "bool"}

    def output_dtype(self, *dtypes: str) -> str:
        return super().output_dtype(*dtypes[1:])

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((0,))


class MaskedFill(_Choice):
    """A number in the place of the first input's elements where the second, a mask, is true. No FLOPs."""

    inputs = (2, 2)
    undifferentiated = (1,)
    kept_as: ClassVar[Mapping[int, str]] = {1: "bool"}
    value: float | None = arg("what is put there; null for minus infinity", Optional(Float()), None)

    def output_dtype(self, *dtypes: str) -> str:
        return dtypes[0]

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((1,))

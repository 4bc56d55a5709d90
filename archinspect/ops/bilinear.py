"""Products of two inputs with a learned kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, size, text
from archinspect.ops.args import Bool, Int, Optional, arg
from archinspect.ops.base import Op
from archinspect.ops.figures import Backward, Kept, Weight, Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run


class Bilinear(Op):
    """Every output is a weighted sum of all products of a feature of one input and one of the other, as PyTorch's.

    MACs: units * the first's features * the second's, per step. PyTorch's own counter does not know its function and
    counts none. FLOPs: 2 per MAC, 1 per pair of features (their product), 1 per output element for the bias.
    """

    kind = "dense"
    has_kernel = True
    gives_floats = True
    pointwise = True
    inputs: ClassVar[tuple[int, int | None]] = (2, 2)
    units: int = arg("output features", Int(1), aliases=("out_features",))
    use_bias: bool = arg("add a learned bias to every output feature", Bool(), default=True, aliases=("bias",))
    in1_features: int | None = arg("features of the first input, only to be checked", Optional(Int(1)), None)
    in2_features: int | None = arg("features of the second input, only to be checked", Optional(Int(1)), None)

    def output(self, *shapes: Shape) -> Shape:
        first, second = shapes
        if first[:-1] != second[:-1] or len(first) == 1:
            raise Mismatch(f"{text(first)} and {text(second)} differ in more than their last axis")
        for shape, given, name in (
            (first, self.in1_features, "in1_features"),
            (second, self.in2_features, "in2_features"),
        ):
            if given not in (None, shape[-1]):
                message = f"{name} is {given}, but that input has {shape[-1]} features"
                raise Mismatch(message, args=(name,), help=f"leave {name} out: it follows from the input")
        return (*first[:-1], self.units)

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        first, second = shapes
        kernel = Weight((self.units, first[-1], second[-1]), ("out", "i", "j"))
        return {"kernel": kernel} | ({"bias": Weight((self.units,), ("out",))} if self.use_bias else {})

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        first, second = shapes
        return Work(first[-1] * second[-1] * size(output), second[-1] * size(first) + size(output) * self.use_bias)

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        macs, other = self.work(shapes, output)
        wanted, bias = sum(run.inputs), size(output) * self.use_bias
        products = other - bias  # of two of the three: the inputs, or the output's gradient and one of them
        return Backward(Work(wanted * macs, wanted * products), Work(run.weights * macs, run.weights * other))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((0, 1))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return (("float", size(output) * self.use_bias),)  # the sums before the bias is added

    def label(self) -> str:
        return f"bilinear, {self.units}"

"""Fully connected layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import Mismatch, size
from archinspect.base.strides import copied
from archinspect.ops.activation import activation_arg
from archinspect.ops.args import Bool, Int, Optional, arg
from archinspect.ops.base import Op
from archinspect.ops.figures import Backward, Kept, Weight, Work, product_backward

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run


class Projection(Op):
    """What fully connected layers and the end of an attention share: a product with the last axis.

    FLOPs: 2 per MAC, 1 per output element for the bias.
    """

    kind = "dense"
    has_kernel = True
    gives_floats = True
    use_bias: bool

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        features = self.output(*shapes)[-1]
        kernel = {"kernel": Weight((shapes[0][-1], features), ("in", "out"))}
        return kernel | ({"bias": Weight((features,), ("out",))} if self.use_bias else {})

    def axis_flow(self, *shapes: Shape) -> str:
        return "... in -> ... out"

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(shapes[0][-1] * size(output), size(output) * self.use_bias)

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return product_backward(self.work(shapes, output), run)

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((0,)) if run.weights else Kept()


class Dense(Projection):
    """Fully connected: every output is a weighted sum of the last axis.

    MACs: the last axis's size per output element. FLOPs: 2 per MAC, 1 per output element for the bias.
    """

    pointwise = True
    aliases = ("Linear", "FullyConnected", "FC", "InnerProduct")

    units: int = arg("output features", Int(1), aliases=("out_features", "hidden_units"))
    use_bias: bool = arg("add a learned bias to every output feature", Bool(), default=True, aliases=("bias",))
    activation: Op | None = activation_arg()
    in_features: int | None = arg("input features, only to be checked", Optional(Int(1)), None)

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) == 1:
            raise Mismatch("needs an input of at least one axis")
        if self.in_features not in (None, shape[-1]):
            flat = size(shape[1:])
            flatten = self.in_features == flat or len(shape) > 2  # noqa: PLR2004 - the batch and one axis
            raise Mismatch(
                f"in_features is {self.in_features}, but the input's last axis has {shape[-1]}",
                args=("in_features",),
                help=(f"`Flatten` before it gives {flat}; " if flatten else "")
                + "or leave in_features out: it follows from the input",
            )
        return (*shape[:-1], self.units)

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return (*super().workspace(shapes, output, run), ("float", copied_as_rows(shapes[0], run)))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        rows = copied_as_rows(shapes[0], run) * run.weights
        return Kept(extra=(("float", rows),)) if rows else super().kept(shapes, output, run)

    def label(self) -> str:
        return f"dense, {self.units}"


def copied_as_rows(shape: Shape, run: Run) -> int:
    """Return the elements of a copy: all axes but the last become one, which they may not be in memory.

    As `should_fold` of PyTorch's ATen: with a frozen kernel, one product is made for each matrix of the last two axes.
    """
    matrix = shape[-2:] if run.frozen else shape[-1:]
    return copied(shape, run.strides, (size(shape[: -len(matrix)]), *matrix))

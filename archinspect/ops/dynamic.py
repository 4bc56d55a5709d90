"""Convolutions whose kernel another step makes for each sample."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, largest, size, text
from archinspect.base.strides import in_order, reshaped
from archinspect.ops.args import Choice, arg
from archinspect.ops.base import Op
from archinspect.ops.conv import _Conv
from archinspect.ops.figures import Kept, Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Backward, Elements, Run, Weight


class _DynamicConv(_Conv):
    """A convolution by a kernel of each sample, that other steps make: CondConv's, DyNet's, a hypernetwork's.

    Its inputs are a map and the kernel: as many numbers as a `Conv2D` of these arguments has, in the order of PyTorch,
    [filters, channels / groups, *window], along any axes. A program has the samples as groups of one convolution (Yang
    et al. 2019, arXiv:1904.04971).

    MACs: window * input channels / groups per output element. FLOPs: 2 per MAC.
    """

    stretches = True
    inputs: ClassVar[tuple[int, int | None]] = (2, 2)
    memory_order = "first"
    use_bias: bool = arg("no bias: `Add` adds one", Choice(False), default=False, aliases=("bias",))
    padding_mode: str = arg("what the padding holds", Choice("zeros"), "zeros")

    def output(self, *shapes: Shape) -> Shape:
        given, kernel = shapes
        made = super().output(given)
        wanted = self._kernel(given)
        if size(kernel[1:]) != prod(wanted):
            message = f"a kernel {text(kernel)} has not the {prod(wanted)} numbers of [{', '.join(map(str, wanted))}]"
            raise Mismatch(message, args=("filters", "kernel_size"))
        return (largest(given[0], kernel[0]), *made[1:])

    def _kernel(self, given: Shape) -> Shape:
        """Return the shape of a sample's kernel, in PyTorch's order."""
        return (self.filters, self.channels(given) // self.groups, *self.kernel_size)

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        return {}

    def axis_flow(self, *shapes: Shape) -> str:
        return ""

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return super().work(shapes[:1], output)

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Op.backward(self, shapes, output, run)

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        copies = self._copies(shapes, output, run)
        inputs = tuple([place for place, copied in enumerate(copies) if not copied])
        return Kept(inputs, extra=(("float", sum(copies)),))

    def _copies(self, shapes: Sequence[Shape], output: Shape, run: Run) -> tuple[int, int]:
        """Return the elements of the copies of map and kernel as samples become groups; 0 where they are views."""
        given, kernel = ((output[0], *shape[1:]) for shape in shapes)
        lying = (*run.others, None)[0] or in_order(shapes[1])
        if shapes[1][0] != output[0]:  # one for all samples, which is repeated as a view
            lying = (0, *lying[1:])
        filters, *rest = self._kernel(given)
        of_all = reshaped(kernel, lying, (kernel[0] * filters, *rest)) is None
        copied = self.padded(given) or size(given) * self._is_turned(shapes[0], output, run)
        return copied, size(kernel) * of_all

    def _is_turned(self, given: Shape, output: Shape, run: Run) -> bool:
        """Return whether samples and channels of a map cannot be one axis as they lie."""
        order = [*range(len(given))]
        if self.data_format != "channels_first":
            order.insert(1, order.pop())
        first, strides = (tuple([of[axis] for axis in order]) for of in (given, run.strides or in_order(given)))
        return given[0] != output[0] or reshaped(first, strides, (1, first[0] * first[1], *first[2:])) is None

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        # A padded copy lies as the map does.
        again = self.padded((output[0], *shapes[0][1:])) * self._is_turned(shapes[0], output, run)
        return (("float", sum(self._copies(shapes, output, run)) + again),)

    def label(self) -> str:
        return self.describe("dynamic conv", str(self.filters))


class DynamicConv1D(_DynamicConv):
    rank = 1


class DynamicConv2D(_DynamicConv):
    rank = 2
    aliases = ("HyperConv2D",)


class DynamicConv3D(_DynamicConv):
    rank = 3

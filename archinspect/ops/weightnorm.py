"""Layers whose kernel is made of other weights in each pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.base.shape import largest, size
from archinspect.base.strides import in_order, is_in_order, reshaped
from archinspect.ops.args import Bool, Float, Int, arg
from archinspect.ops.base import TRAITS, Op
from archinspect.ops.conv import ConvWindow, _Depthwise
from archinspect.ops.declared import ArgumentError
from archinspect.ops.dense import Dense
from archinspect.ops.figures import WIDE, Backward, Kept, Weight, Work
from archinspect.ops.spatial import data_format_arg
from archinspect.ops.transposed import _Transpose
from archinspect.ops.wrap import LayerKind, Trait, in_layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.base.source import Value
    from archinspect.ops.base import Emit, T
    from archinspect.ops.figures import Elements, Run


def _layers(rule: str) -> Any:  # noqa: ANN401 - of the type of the rule
    """Return a rule that is the layer's."""

    def ask(self: _MadeKernel, *args: object, **how: object) -> object:
        return getattr(self.layer, rule)(*args, **how)

    return ask


class _MadeKernel(Op):
    """A layer with a kernel that is made anew in each pass."""

    layer: Op = arg("a convolution or a `Dense`, as `{Conv1d: {out_channels: 8, kernel_size: 3}}`", LayerKind())
    data_format: str = data_format_arg()

    def __init__(self, **values: Value | Op) -> None:
        super().__init__(**in_layout(values))

    def check(self) -> None:
        if not isinstance(self.layer, ConvWindow | Dense) or type(self.layer).build is not Op.build:
            name = type(self.layer).__name__
            raise ArgumentError(f"{type(self).__name__}: layer must be a convolution or a Dense, not {name}", "layer")

    def build(self, emit: Emit[T], inputs: Sequence[T]) -> tuple[T, ...]:
        return self.layer.build(lambda op, read: emit(self if op is self.layer else op, read), inputs)

    def row_axes(self) -> tuple[str, ...]:
        """Return the names of the kernel's axes of which each position is a row of PyTorch's matrix."""
        return ("channels", "multiplier") if isinstance(self.layer, _Depthwise) else ("out",)

    def kernel(self, shapes: Sequence[Shape]) -> Weight:
        """Return the kernel."""
        return self.layer.weights(*shapes)["kernel"]

    def rows(self, shapes: Sequence[Shape]) -> Shape:
        """Return the sizes of those axes."""
        kernel = self.kernel(shapes)
        return tuple(kernel.shape[kernel.axes.index(name)] for name in self.row_axes())

    def making(self, shapes: Sequence[Shape]) -> int:
        """Return the operations that make the kernel, whatever the batch is."""
        raise NotImplementedError

    def noted(self, shapes: Sequence[Shape]) -> int:
        """Return the elements beside the kernel that backward through the making keeps."""
        raise NotImplementedError

    def held(self, shapes: Sequence[Shape]) -> int:
        """Return the elements beside the kernel that are there as it is made without gradients."""
        return self.noted(shapes)

    def kernel_axes(self) -> tuple[str, ...]:
        """Return the names of the kernel's axes in PyTorch's order, where no axis has two names."""
        first = ("in", "out") if isinstance(self.layer, _Transpose) else ("out", "in")
        return (*first, *self.layer.axis_names()) if isinstance(self.layer, ConvWindow) else first

    def turned_kernel(self, shapes: Sequence[Shape], axis: int) -> tuple[Shape, Shape]:
        """Return the shape and the strides of PyTorch's kernel with an axis in the place of the first one."""
        kernel, order = self.kernel(shapes), [*range(len(self.kernel_axes()))]
        order[0], order[axis] = axis, 0
        sizes = [kernel.shape[kernel.axes.index(name)] for name in self.kernel_axes()]
        strides = in_order(sizes)
        return tuple(sizes[axis] for axis in order), tuple(strides[axis] for axis in order)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        macs, other = self.layer.work(shapes, output)
        return Work(macs, other + self.making(shapes))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        inputs, (macs, other) = self.layer.backward(shapes, output, run)
        return Backward(inputs, Work(macs, other + run.weights * self.making(shapes)))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        found = self.layer.kept(shapes, output, run)
        # A product keeps its kernel for the input's gradient; a convolution keeps it for either.
        reads = run.inputs[0] or (run.weights and not isinstance(self.layer, Dense))
        made, noted = reads * size(self.kernel(shapes).shape), run.weights * self.noted(shapes)
        return found._replace(extra=(*found.extra, ("float", made), (WIDE, noted)))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        # Without gradients, a kernel that is made needs none. While it is made, the output is not there yet.
        inside = self.layer.workspace(shapes, output, run._replace(frozen=True))
        later = size(output) + sum(count for _, count in inside)
        making = largest(self.held(shapes), later) - later
        return (*inside, ("float", size(self.kernel(shapes).shape) + making))

    def unwrapped(self, *shapes: Shape) -> tuple[Op, tuple[Shape, ...]]:
        return self.layer.unwrapped(*shapes)

    output = _layers("output")
    outputs = _layers("outputs")
    output_dtype = _layers("output_dtype")
    output_dtypes = _layers("output_dtypes")
    reach = _layers("reach")
    own_strides = _layers("own_strides")
    axis_flow = _layers("axis_flow")
    quantities = _layers("quantities")
    variants = _layers("variants")
    unknown = _layers("unknown")
    output_count = Trait("output_count")


for _name in TRAITS:
    setattr(_MadeKernel, _name, Trait(_name))


class WeightNorm(_MadeKernel):
    """A layer whose kernel is a direction, with a learned length for each output (Salimans & Kingma 2016, 1602.07868).

    As PyTorch's `weight_norm`: the lengths belong to the kernel's first axis there, which is that of the outputs, in a
    transposed convolution that of the inputs; or to another one, which `dim` names. MACs and FLOPs: the layer's, and
    whatever the batch is 3 FLOPs per element of the kernel (a square, its sum, a factor) and 2 per length (a root, a
    quotient).
    """

    aliases = ("WeightNormalization",)

    dim: int = arg(
        "the axis of PyTorch's kernel of which each position has a length: 0 the outputs, 1 the inputs, 2 the window's",
        Int(0, 4),
        0,
    )

    def check(self) -> None:
        super().check()
        if self.dim >= (1 if isinstance(self.layer, _Depthwise) else len(self.kernel_axes())):
            raise ArgumentError(f"WeightNorm: the kernel of {type(self.layer).__name__} has no axis {self.dim}", "dim")

    def row_axes(self) -> tuple[str, ...]:
        return super().row_axes() if isinstance(self.layer, _Depthwise) else (self.kernel_axes()[self.dim],)

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        return {**self.layer.weights(*shapes), "magnitude": Weight(self.rows(shapes), self.row_axes())}

    def making(self, shapes: Sequence[Shape]) -> int:
        return 3 * size(self.kernel(shapes).shape) + 2 * size(self.rows(shapes))

    def noted(self, shapes: Sequence[Shape]) -> int:
        is_copied = self._is_turned(shapes) and not is_in_order(*self.turned_kernel(shapes, self.dim))
        return self.held(shapes) + is_copied * size(self.kernel(shapes).shape)

    def held(self, shapes: Sequence[Shape]) -> int:
        return size(self.rows(shapes)) * (1 + self._is_turned(shapes))

    def _is_turned(self, shapes: Sequence[Shape]) -> bool:
        """Return whether the norms are of a copy: one function makes those along the first axis or the last."""
        return 0 < self.dim < len(self.kernel(shapes).shape) - 1

    def label(self) -> str:
        return f"{self.layer.label()}, weight norm"


class SpectralNorm(_MadeKernel):
    """A layer whose kernel is divided by its largest singular value (Miyato et al. 2018, arXiv:1802.05957).

    As PyTorch's `spectral_norm`: two vectors, which are buffers, follow the value; each step in training moves them.
    MACs and FLOPs: the layer's, and whatever the batch is 3 FLOPs per element of the kernel (a product with a vector,
    a quotient) and 2 per output (a product of vectors).
    """

    n_power_iterations: int = arg("how often the vectors are moved in a step of training", Int(1), 1)

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        kernel, rows = self.kernel(shapes), self.rows(shapes)
        left = Weight(rows, self.row_axes(), parameter=False)
        right = Weight((size(kernel.shape) // size(rows),), ("elements",), parameter=False)
        return {**self.layer.weights(*shapes), "vector_u": left, "vector_v": right}

    def making(self, shapes: Sequence[Shape]) -> int:
        return 3 * size(self.kernel(shapes).shape) + 2 * size(self.rows(shapes))

    def noted(self, shapes: Sequence[Shape]) -> int:
        kernel, rows = size(self.kernel(shapes).shape), size(self.rows(shapes))
        return rows + kernel // rows + 1  # the vectors as they were, the value

    def held(self, shapes: Sequence[Shape]) -> int:
        # A transposed convolution's matrix is a copy, as its rows are not the kernel's first axis.
        kernel, rows = size(self.kernel(shapes).shape), size(self.rows(shapes))
        is_turned = isinstance(self.layer, _Transpose)
        is_copied = is_turned and reshaped(*self.turned_kernel(shapes, 1), (rows, kernel // rows)) is None
        return self.noted(shapes) + is_copied * kernel

    def label(self) -> str:
        return f"{self.layer.label()}, spectral norm"


class WeightStandardization(_MadeKernel):
    """A layer whose kernel has mean 0 and deviation 1 for each output (Qiao et al. 2019, arXiv:1903.10520).

    As in ResNets with group normalization and in BiT; with a `gain`, a learned factor for each output, and `gamma`
    divided by the root of the fan-in, as in NFNets (Brock et al. 2021, arXiv:2101.08692). MACs and FLOPs: the layer's,
    and whatever the batch is 5 FLOPs per element of the kernel (a sum, a difference, a square and its sum, a factor)
    and 2 per output (a root, a quotient), with a gain 2 more (two factors).
    """

    aliases = ("WeightStandardized",)

    gain: bool = arg("whether each output has a learned factor", Bool(), default=False)
    gamma: float = arg("what the gain is multiplied by beside its fan-in; without effect on costs", Float(0), 1.0)
    epsilon: float = arg("added to the variance; without effect on costs", Float(0), 1e-6, aliases=("eps",))

    def check(self) -> None:
        super().check()
        if isinstance(self.layer, _Transpose):
            raise ArgumentError(
                "WeightStandardization: which axis of a transposed kernel it means is not settled", "layer"
            )

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        gain = {"gain": Weight(self.rows(shapes), self.row_axes())} if self.gain else {}
        return {**self.layer.weights(*shapes), **gain}

    def making(self, shapes: Sequence[Shape]) -> int:
        return 5 * size(self.kernel(shapes).shape) + (2 + 2 * self.gain) * size(self.rows(shapes))

    def noted(self, shapes: Sequence[Shape]) -> int:
        return (2 + self.gain) * size(self.rows(shapes))  # mean and inverse deviation, the scaled gain

    def label(self) -> str:
        return f"{self.layer.label()}, weight standardization"


class SpectralNormalization(_MadeKernel):
    """A layer whose kernel is divided by its largest singular value in training, as Keras's wrapper.

    One vector, which does not train, follows the value. At inference the kernel is used as it is: MACs and FLOPs: the
    layer's.
    """

    power_iterations: int = arg("how often the vector is moved in a step of training", Int(1), 1)

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        kernel = self.kernel(shapes)
        vector = Weight(kernel.shape[-1:], kernel.axes[-1:], parameter=False)
        return {**self.layer.weights(*shapes), "vector_u": vector}

    def making(self, shapes: Sequence[Shape]) -> int:
        return 0

    def noted(self, shapes: Sequence[Shape]) -> int:
        return 0

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return self.layer.kept(shapes, output, run)

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return self.layer.workspace(shapes, output, run)

    def label(self) -> str:
        return f"{self.layer.label()}, spectral norm"

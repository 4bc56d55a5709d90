"""Operations on whole tensors: products, sums along axes, parts of them; and a layer of the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from archinspect.base.shape import Mismatch, ceil_div, normal_axes, normal_axis, size, text
from archinspect.ops.args import Bool, DataType, Int, Ints, Optional, arg
from archinspect.ops.base import Op
from archinspect.ops.computed import Computable, Computed, expressions, known
from archinspect.ops.declared import ArgumentError
from archinspect.ops.figures import DTYPES, Backward, Kept, View, Weight, Work, counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.args import Kind
    from archinspect.ops.figures import Elements, Run

MAX_COUNT = 10**15


class Slice(Op):
    """Takes the positions of an axis from `start` to before `stop`, as Python's slices. No FLOPs."""

    reads_words = True
    kind = "reshape"
    aliases = ("Narrow",)
    axis: int = arg("the axis", Int(), 1, aliases=("dim",))
    start: int = arg("first position; negative from the end", Int(), 0)
    stop: int | None = arg("first position left out; negative from the end", Optional(Int()), None, aliases=("end",))
    step: int = arg("distance of the positions", Int(1), 1)

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        axis = normal_axis(self.axis, len(shape))
        length = shape[axis]
        start = max(self.start + length, 0) if self.start < 0 else self.start
        stop = length if self.stop is None else self.stop + length if self.stop < 0 else min(self.stop, length)
        if start >= stop:
            raise Mismatch(f"nothing is left of axis {axis}, which has {length} positions", args=("start", "stop"))
        return (*shape[:axis], ceil_div(stop - start, self.step), *shape[axis + 1 :])

    def view(self, *, training: bool) -> View | None:
        return View(strided=True)

    def view_strides(self, shape: Shape, strides: Shape, output: Shape) -> Shape | None:
        axis = normal_axis(self.axis, len(shape))
        return (*strides[:axis], strides[axis] * self.step, *strides[axis + 1 :])


class Select(Op):
    """Takes one position of an axis, which is dropped: `Select: -1` is the last step. No FLOPs."""

    reads_words = True
    kind = "reshape"
    aliases = ("Index",)
    index: int = arg("the position; negative from the end", Int())
    axis: int = arg("the axis", Int(), 1, aliases=("dim",))

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        axis = normal_axis(self.axis, len(shape))
        if not -shape[axis] <= self.index < shape[axis]:
            raise Mismatch(f"axis {axis} has no position {self.index}, only {shape[axis]} of them", args=("index",))
        return (*shape[:axis], *shape[axis + 1 :])

    def view(self, *, training: bool) -> View | None:
        return View(strided=True)

    def view_strides(self, shape: Shape, strides: Shape, output: Shape) -> Shape | None:
        axis = normal_axis(self.axis, len(shape))
        return (*strides[:axis], *strides[axis + 1 :])

    def label(self) -> str:
        return f"select {self.index}"


class Reduction(Op):
    """Joins the elements along axes into one, by an operation of two."""

    kind = "reshape"
    axis: tuple[int, ...] = arg("the axes", Ints(), aliases=("dim", "axes"))
    keepdims: bool = arg("keep the axes, with size 1", Bool(), default=False, aliases=("keepdim",))

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        axes = normal_axes(self.axis, len(shape))
        dims = [1 if axis in axes else dim for axis, dim in enumerate(shape)]
        return tuple(dim for axis, dim in enumerate(dims) if self.keepdims or axis not in axes)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=size(shapes[0]) - size(output))


class ReduceSum(Reduction):
    """The sum along axes; truth values count as int64. FLOPs: 1 per input element but the first of each."""

    def output_dtype(self, *dtypes: str) -> str:
        return counted(dtypes[0])


class ReduceMean(Reduction):
    """The mean along axes. FLOPs: 1 per input element (additions, a division)."""

    aliases = ("Mean",)
    gives_floats = True

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=size(shapes[0]))


class ReduceMax(Reduction):
    """The largest element along axes. FLOPs: 1 per input element but the first of each."""

    aliases = ("Amax",)

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((0,), outputs=(0,))


class Roll(Op):
    """Shifts positions along axes; what falls off one end comes in at the other. No FLOPs."""

    kind = "reshape"
    shift: tuple[int, ...] = arg("by how much, for each axis", Ints(), aliases=("shifts",))
    axis: tuple[int, ...] = arg("the axes", Ints(), 1, aliases=("dims", "axes"))

    def check(self) -> None:
        if len(self.shift) not in (1, len(self.axis)):
            raise ArgumentError(f"Roll: {len(self.shift)} shifts for {len(self.axis)} axes", "shift")

    def output(self, *shapes: Shape) -> Shape:
        normal_axes(self.axis, len(shapes[0]))
        return shapes[0]


class SampleGaussian(Op):
    """Draws from a normal distribution of given mean and logarithm of the variance (Kingma & Welling 2013).

    Its inputs are the mean and the logarithm (arXiv:1312.6114). FLOPs: 4 per element (`mean + exp(log / 2) * noise`).
    Drawing the noise counts nothing.
    """

    kind = "merge"
    joins = True
    aliases = ("Sampling", "Reparameterize")
    gives_floats = True
    promotes = True
    inputs = (2, 2)

    def output(self, *shapes: Shape) -> Shape:
        mean, log_variance = shapes
        if mean != log_variance:
            raise Mismatch(f"the mean {text(mean)} and the variance {text(log_variance)} differ in shape")
        return mean

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=4 * size(output))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        # The deviation and the noise; nothing where only the mean is learned.
        return Kept(extra=(("float", 2 * size(output)),)) if run.inputs[1] else Kept()

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return (("float", 2 * size(output)),)


def _stated(low: int, high: int) -> Kind:
    return Optional(Computable(Int(low, high)))


class Custom(Op):
    """A layer of your own, counted as you state it: output, parameters, MACs and FLOPs of a sample.

    It has as many MACs as `macs` says, and as many FLOPs as `flops` says; without `flops`, 2 per MAC, and without
    `macs`, no MACs. Where neither is stated, or no `params`, the network's status is `partial`: say 0 if there are
    none. Backward is taken to keep its inputs, or `kept` elements of a sample.

    Each may be an expression of the first input's axes, `macs: ${in[1] * in[2] * units}`; `in[1]` is the first axis
    after the batch, `inputs[1]` are the axes of a second input. Other names that the step gives, such as `units: 64`,
    are for the expressions.
    """

    reads_words = True
    inputs = (1, None)
    aliases = ("Lambda",)
    ignores = ("function", "arguments", "mask")
    output_shape: tuple[int, ...] | Computed | None = arg(
        "the output's axes, without the batch; the first input's by default",
        Optional(Computable(Ints(1, empty=True))),
        None,
        aliases=("output",),
    )
    params: int | Computed | None = arg("learned parameters", _stated(0, MAX_COUNT), None)
    macs: int | Computed | None = arg("multiply-accumulates of a sample", _stated(0, MAX_COUNT), None)
    flops: int | Computed | None = arg("FLOPs of a sample, those of the MACs included", _stated(0, 2 * MAX_COUNT), None)
    kept_elements: int | Computed | None = arg(
        "elements of a sample that backward keeps; its inputs by default",
        _stated(0, MAX_COUNT),
        None,
        aliases=("kept",),
    )
    buffers: int | Computed | None = arg("numbers that it keeps and does not learn", _stated(0, MAX_COUNT), None)
    output_type: str | None = arg(
        "the output's data type; that of the first input of a float type by default", Optional(DataType(*DTYPES)), None
    )

    def check(self) -> None:
        if not expressions((self.macs, self.flops)):
            found = self._too_few_flops(())
            if found:
                raise ArgumentError(f"Custom: {found}", "flops")

    def given(self) -> dict[str, object]:
        given = super().given()
        return given | {
            name: value for one in given.values() for part in expressions(one) for name, value in part.names.items()
        }

    def unknown(self) -> tuple[str, ...]:
        work = ("macs", "flops") if self.macs is None and self.flops is None else ()
        return work if self.params is not None else ("params", *work)

    def _too_few_flops(self, shapes: Sequence[Shape]) -> str:
        macs, flops = self._count("macs", shapes) or 0, self._count("flops", shapes)
        if flops is None or flops >= 2 * macs:
            return ""
        return f"{macs:,} MACs are {2 * macs:,} FLOPs, more than {flops:,}"

    def _count(self, name: str, shapes: Sequence[Shape]) -> int | None:
        return cast("int | None", known(self.args[name].kind, name, getattr(self, name), shapes))

    def output(self, *shapes: Shape) -> Shape:
        for name in ("params", "kept_elements", "buffers"):
            self._count(name, shapes)
        found = self._too_few_flops(shapes)
        if found:
            raise Mismatch(found, args=("flops",))
        axes = known(self.args["output_shape"].kind, "output_shape", self.output_shape, shapes)
        return shapes[0] if axes is None else (shapes[0][0], *cast("Shape", axes))

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        params, buffers = self._count("params", shapes), self._count("buffers", shapes)
        weights = {"weights": Weight((params,), ("elements",))} if params else {}
        return weights | ({"buffers": Weight((buffers,), ("elements",), parameter=False)} if buffers else {})

    def output_dtype(self, *dtypes: str) -> str:
        return self.output_type or super().output_dtype(*dtypes)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        macs, flops = self._count("macs", shapes) or 0, self._count("flops", shapes)
        other = 0 if flops is None else flops - 2 * macs
        return Work(output[0] * macs, output[0] * other)

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        macs, other = self.work(shapes, output)
        return Backward(Work(any(run.inputs) * macs, any(run.inputs) * other), Work(run.weights * macs))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        elements = self._count("kept_elements", shapes)
        if elements is None:
            return Kept(tuple(range(len(shapes))))
        return Kept(extra=(("float", output[0] * elements),))

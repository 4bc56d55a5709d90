"""Fourier transforms, and products in the frequency domain. A complex number is two, along a last axis of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, broadcast, normal_axes, size, text
from archinspect.base.strides import in_order, of_elements, ordered
from archinspect.ops.args import Bool, Int, Ints, Optional, arg
from archinspect.ops.base import Op
from archinspect.ops.figures import Backward, Kept, Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.base import Emit, T
    from archinspect.ops.figures import Elements, Run

PARTS = 2
"""Of a complex number: real and imaginary."""


def rounds(length: int) -> int:
    """Return log2 of a length, rounded up: how often a fast transform goes over all points."""
    found = 0
    while 1 << found < length:
        found += 1
    return found


def _is_apart(strides: Shape | None) -> bool:
    """Return whether parts do not lie in pairs, which alone can be seen as complex numbers; others are copied."""
    return strides is not None and (strides[-1] != 1 or any(stride % PARTS for stride in strides[:-1]))


class _Fourier(Op):
    """What all transforms have. Axes are counted without that of real and imaginary parts, which is the last."""

    gives_floats = True
    ignores: ClassVar[tuple[str, ...]] = ("norm",)
    main = "axes"
    axes: tuple[int, ...] = arg("the axes, as of a tensor of plain numbers", Ints(), -1, aliases=("axis", "dim"))
    takes_parts: ClassVar[bool] = True
    gives_parts: ClassVar[bool] = True

    def _made(self, shapes: Sequence[Shape], output: Shape) -> Shape:
        """Return the shape, without parts, of what is made, of whose last axis the output may be a part."""
        return output[:-1] if self.gives_parts else output

    def _lying(self, shape: Shape, strides: Shape | None) -> Shape:
        """Return the strides of what is transformed."""
        return strides or in_order(shape)

    def has_parts(self) -> bool:
        """Return whether the input's last axis is real and imaginary parts."""
        return self.takes_parts

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        # The axes that are transformed are the innermost. PyTorch keeps the order of memory of the others where it
        # makes complex numbers, and of these where it makes them of such.
        made, own = self._made(shapes, output), self._lying(shapes[0], strides[0])
        axes, last = [*range(len(made))], {*self._axes(made)}
        kept = sorted(axes, key=lambda axis: -own[axis])
        others = [axis for axis in (kept if self.gives_parts else axes) if axis not in last]
        inner = [axis for axis in (kept if self.gives_parts and self.takes_parts else axes) if axis in last]
        found = ordered(made, [*others, *inner])
        return (*[PARTS * stride for stride in found], 1) if self.gives_parts else found

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return (("float", size(shapes[0]) * (self.has_parts() and _is_apart(run.strides))),)

    def _plain(self, shape: Shape) -> Shape:
        """Return the input's shape without the axis of parts."""
        if not self.has_parts():
            return shape
        if len(shape) < 3 or shape[-1] != PARTS:  # noqa: PLR2004 - the batch, an axis, the parts
            raise Mismatch(f"needs real and imaginary parts as a last axis of 2, got {text(shape)}")
        return shape[:-1]

    def _lengths(self, lengths: list[int], axes: Sequence[int]) -> list[int]:
        """Return how long the axes are after the transform."""
        return lengths

    def _axes(self, plain: Shape) -> list[int]:
        """Return the axes as they stand, the last one named last."""
        normal_axes(self.axes, len(plain), "axes")
        return [axis + len(plain) if axis < 0 else axis for axis in self.axes]

    def output(self, *shapes: Shape) -> Shape:
        plain = self._plain(shapes[0])
        if len(plain) == 1:
            raise Mismatch("needs an input of at least one axis")
        found = tuple(self._lengths([*plain], self._axes(plain)))
        return (*found, PARTS) if self.gives_parts else found

    def _points(self, shapes: Sequence[Shape], output: Shape) -> int:
        """Return the complex numbers that are transformed."""
        return size(output) // PARTS

    def _transformed(self, shapes: Sequence[Shape], output: Shape) -> list[int]:
        """Return how many points each axis has while it is transformed."""
        plain = self._plain(shapes[0])
        return [plain[axis] for axis in self._axes(plain)]

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        over = sum(rounds(length) for length in self._transformed(shapes, output))
        return Work(other=5 * self._points(shapes, output) * over)

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward(Work(other=self.work(shapes, output).other * run.inputs[0]))


class FFT(_Fourier):
    """The discrete Fourier transform along axes, as `torch.fft.fftn`; `axes: [-2, -1]` is `fft2`.

    The input is of real numbers or, if `parts`, of complex ones; the output is complex. FLOPs: 5 per complex number and
    round (log2 of an axis's length, rounded up, for each axis: Cooley & Tukey 1965).
    """

    aliases = ("FFTN", "FFT2", "DFT", "FourierTransform")
    parts: bool = arg("the input is complex, its last axis real and imaginary parts", Bool(), default=False)

    def has_parts(self) -> bool:
        return self.parts

    def _lying(self, shape: Shape, strides: Shape | None) -> Shape:
        # Real numbers are copied to complex ones.
        return super()._lying(shape, strides) if self.parts else of_elements([shape], [strides], shape)

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        if self.parts:
            return super().workspace(shapes, output, run)
        return (("float", size(output)),)  # the input as complex numbers


class InverseFFT(_Fourier):
    """The inverse of `FFT`, as `torch.fft.ifftn`; input and output are complex.

    FLOPs: 5 per complex number and round (as `FFT`).
    """

    aliases = ("IFFT", "IFFTN", "IFFT2")


class RFFT(_Fourier):
    """The Fourier transform of real numbers, as `torch.fft.rfftn`: the half of its last axis that is not redundant.

    The axis named last has n // 2 + 1 complex numbers of n real ones. FLOPs: 5 per complex number and round (as `FFT`).
    """

    aliases = ("RFFTN", "RFFT2", "RealFFT")
    takes_parts = False
    factor: int = arg("transform as many times the last axis's length, filled up with zeros", Int(1, 16), 1)

    def _lengths(self, lengths: list[int], axes: Sequence[int]) -> list[int]:
        lengths[axes[-1]] = lengths[axes[-1]] * self.factor // 2 + 1
        return lengths

    def _transformed(self, shapes: Sequence[Shape], output: Shape) -> list[int]:
        *others, last = super()._transformed(shapes, output)
        return [*others, last * self.factor]

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return (("float", self._filled_up(shapes)),)

    def _filled_up(self, shapes: Sequence[Shape]) -> int:
        return size(shapes[0]) * self.factor * (self.factor > 1)

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        # Whose lengths alone backward needs.
        return Kept(() if self.factor > 1 else (0,), extra=(("float", self._filled_up(shapes)),))


class InverseRFFT(_Fourier):
    """The inverse of `RFFT`, as `torch.fft.irfftn`: n // 2 + 1 complex numbers of the last axis give n real ones.

    FLOPs: 5 per complex number of the input and round (as `FFT`).
    """

    aliases = ("IRFFT", "IRFFTN", "IRFFT2")
    gives_parts = False
    n: int | None = arg(
        "the last axis's length; an even number by default", Optional(Int(1)), None, aliases=("fft_length", "s")
    )
    factor: int = arg("keep the first of so many parts of the last axis, as `RFFT` has filled it up", Int(1, 16), 1)

    def _made(self, shapes: Sequence[Shape], output: Shape) -> Shape:
        axis = self._axes(output)[-1]
        return (*output[:axis], self._whole(shapes[0][axis]), *output[axis + 1 :])

    def _whole(self, length: int) -> int:
        """Return how many real numbers so many complex ones give."""
        return self.n or 2 * (length - 1)

    def _lengths(self, lengths: list[int], axes: Sequence[int]) -> list[int]:
        whole = self._whole(lengths[axes[-1]])
        if whole < self.factor or whole // 2 + 1 > lengths[axes[-1]]:
            raise Mismatch(f"{lengths[axes[-1]]} complex numbers do not give {whole} real ones", args=("n",))
        lengths[axes[-1]] = whole // self.factor
        return lengths

    def _points(self, shapes: Sequence[Shape], output: Shape) -> int:
        return size(shapes[0]) // PARTS

    def _transformed(self, shapes: Sequence[Shape], output: Shape) -> list[int]:
        *others, last = super()._transformed(shapes, output)
        return [*others, self._whole(last)]

    def stored(self, shapes: Sequence[Shape], output: Shape) -> int:
        return size(self._made(shapes, output))


class ComplexMultiply(Op):
    """The product of complex numbers, real and imaginary parts along the last axis. FLOPs: 6 per complex number."""

    kind = "merge"
    joins = True
    stretches = True
    gives_floats = True
    inputs: ClassVar[tuple[int, int | None]] = (2, 2)

    def output(self, *shapes: Shape) -> Shape:
        if any(len(shape) < 2 or shape[-1] != PARTS for shape in shapes):  # noqa: PLR2004 - the batch, the parts
            shown = " and ".join(map(text, shapes))
            raise Mismatch(f"needs real and imaginary parts as a last axis of 2, got {shown}")
        return broadcast(shapes)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=3 * size(output))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward(Work(other=sum(run.inputs) * 3 * size(output)))

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        lying = [
            None if own is None or _is_apart(own) else tuple(stride // PARTS for stride in own[:-1]) for own in strides
        ]
        found = of_elements([shape[:-1] for shape in shapes], lying, output[:-1])
        return (*[PARTS * stride for stride in found], 1)

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        copied = self._copied(shapes, run)
        kept = [i for i in (0, 1) if run.inputs[1 - i]]
        return Kept(tuple(i for i in kept if not copied[i]), extra=(("float", sum(copied[i] for i in kept)),))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return (("float", sum(self._copied(shapes, run))),)

    def _copied(self, shapes: Sequence[Shape], run: Run) -> list[int]:
        """Return how many elements of each input are copied."""
        lying = (run.strides, *(run.others or (None,)))
        return [size(shape) * _is_apart(own) for shape, own in zip(shapes, lying, strict=True)]


class FFTConvolution(Op):
    """A convolution as long as the sequence, by Fourier transforms, as Hyena's (Poli et al. 2023, arXiv:2302.10866).

    Its inputs are x [steps, channels] and a filter [steps, channels], which layers or a `Parameter` make. Both are
    filled up to twice the steps, so that what comes later does not reach back.

    MACs and FLOPs: those of two `RFFT`, a `ComplexMultiply` and an `InverseRFFT`.
    """

    aliases = ("FFTConv", "LongConvolution", "LongConv", "HyenaFilter")
    inputs: ClassVar[tuple[int, int | None]] = (2, 2)
    axis: int = arg("the axis of the steps", Int(), 1)

    def build(self, emit: Emit[T], inputs: Sequence[T]) -> tuple[T, ...]:
        spectra = [emit(RFFT(axes=self.axis, factor=2), [one])[0] for one in inputs]
        return emit(InverseRFFT(axes=self.axis, factor=2), emit(ComplexMultiply(), spectra))

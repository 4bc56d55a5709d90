"""Fourier transforms: those of `torch.fft`, between views of complex numbers as a last axis of two."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from archinspect.exporters.code import Step, code
from archinspect.exporters.orders import as_the_spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.exporters.orders import Reads, Use


def _axes(use: Use) -> tuple[int, ...]:
    op: Any = use.op
    rank = len(use.shape) - op.has_parts()
    return tuple(axis % rank for axis in op.axes)


def _complex(index: int) -> str:
    return f"as_complex({{{index}}})"


def _transform(use: Use, name: str) -> Step:
    """Return a transform of complex numbers, or of real ones to all."""
    op: Any = use.op
    given = _complex(0) if op.has_parts() else "{0}"
    return Step(
        code(f"torch.view_as_real(torch.fft.{name}({given}, dim={{dim}}))", dim=_axes(use)), parts=("as_complex",)
    )


def _of_real(use: Use) -> Step:
    """Return a transform of real numbers to the half that is not redundant."""
    op: Any = use.op
    axes = _axes(use)
    sizes = [use.shape[axis] for axis in axes]
    sizes[-1] *= op.factor
    return Step(
        code("torch.view_as_real(torch.fft.rfftn({0}, {sizes}, dim={dim}))", sizes=tuple(sizes), dim=axes),
        parts=("as_complex",),
    )


def _to_real(use: Use) -> Step:
    """Return the inverse, cut to what was not filled up."""
    op: Any = use.op
    axes = _axes(use)
    sizes = [use.shape[axis] for axis in axes]
    sizes[-1] = op.n or 2 * (sizes[-1] - 1)
    cut = ".narrow({axis}, 0, {length})" if op.factor > 1 else ""
    text = f"torch.fft.irfftn({_complex(0)}, {{sizes}}, dim={{dim}}){cut}"
    values = {"sizes": tuple(sizes), "dim": axes, "axis": axes[-1], "length": use.output[axes[-1]]}
    return Step(code(text, **values), parts=("as_complex",))


def _product(use: Use) -> Step:
    """Return the product of complex numbers."""
    return Step(code(f"torch.view_as_real({_complex(0)} * {_complex(1)})"), parts=("as_complex",))


OPERATORS: dict[str, tuple[Callable[[Use], Step], Reads, bool]] = {
    "FFT": (partial(_transform, name="fftn"), as_the_spec, False),
    "InverseFFT": (partial(_transform, name="ifftn"), as_the_spec, False),
    "RFFT": (_of_real, as_the_spec, False),
    "InverseRFFT": (_to_real, as_the_spec, False),
    "ComplexMultiply": (_product, as_the_spec, True),
}
"""By the operator's name: the translation, the order of axes in which it reads, whether it keeps that."""

"""Positions as rotations of pairs of features."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, size, text
from archinspect.ops.args import Int, Optional, arg
from archinspect.ops.base import Op
from archinspect.ops.figures import Kept, Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run

_IGNORED = ("max_wavelength", "scaling_factor", "base", "theta", "max_seq_len")


class RotaryTables(Op):
    """Cosines and sines of the angles by which `RotaryEmbedding` rotates, [steps, dim] each, the same for all samples.

    A program makes them in each pass, once for all layers: these keep them for backward. Of the input only the steps
    are used, its first axis.

    No MACs. FLOPs: 9 per pair of output elements (a product of position and speed; for each of the two, whose angle is
    the same, a cosine, a sine, and 2 products that scale these).
    """

    kind = "embedding"
    inputs = (1, 1)
    reads = 0
    batched = False
    ignores = _IGNORED
    dim: int = arg("features of a head", Int(1), aliases=("head_dim",))

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) < 2:  # noqa: PLR2004 - the batch, steps
            raise Mismatch("needs an input with an axis of steps")
        _refuse_odd(self.dim)
        return (1, shape[1], self.dim)

    def outputs(self, *shapes: Shape) -> tuple[Shape, ...]:
        return (self.output(*shapes),) * 2

    @property
    def output_count(self) -> int:
        return 2

    def output_dtype(self, *dtypes: str) -> str:
        return "float"

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=9 * size(output) // 2)

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        # Positions; angles of all pairs, and of all features; sines before they are scaled.
        angles = size(output) // 2 + size(output)
        return (("int64", output[1]), ("float32", angles + size(output) * (1 + run.low)))

    def label(self) -> str:
        return "rotary tables"


class RotaryEmbedding(Op):
    """Rotates pairs of features by angles that grow with the step (Su et al. 2021, arXiv:2104.09864).

    Further inputs are the tables of `RotaryTables`, which backward keeps. Without them the angles are constants, which
    are no part of memory.

    No weights. FLOPs: 3 per element (two products and their sum).
    """

    memory_order = "kept"
    kind = "embedding"
    has_kernel = True
    is_table = True
    pointwise = True
    stretches = True
    aliases = ("RoPE", "RotaryPositionalEmbeddings")
    gives_floats = True
    inputs: ClassVar[tuple[int, int | None]] = (1, 3)
    ignores = (*_IGNORED, "sequence_axis", "feature_axis")
    dim: int | None = arg("features of a head, only to be checked", Optional(Int(1)), None, aliases=("head_dim",))

    def output(self, *shapes: Shape) -> Shape:
        shape, *tables = shapes
        if len(shape) < 3:  # noqa: PLR2004 - the batch, steps, features
            raise Mismatch(f"needs an input of at least two axes (steps, features), got {len(shape) - 1}")
        head = self.dim or (tables[0] if tables else shape)[-1]
        _refuse_odd(head)
        if shape[-1] % head:
            raise Mismatch(f"{head} features of a head do not divide the input's {shape[-1]}", args=("dim",))
        if tables and [table[1:] for table in tables] != [(shape[-2], head)] * 2:
            wanted = text((1, shape[-2], head))
            message = f"needs two tables {wanted}, cosines and sines, not {' and '.join(map(text, tables))}"
            raise Mismatch(message, help="`RotaryTables` makes both")
        return shape

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=3 * size(output))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        turned, *tables = run.inputs
        if not tables:
            return Kept()
        of_cosines, of_sines = tables
        inputs = (*((0,) if of_cosines else ()), *((1, 2) if turned else ()))
        return Kept(inputs, extra=(("float", of_sines * size(output)),))  # pairs, the second feature first

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return (("float", 2 * size(output)),)  # both products

    def label(self) -> str:
        return "rotary"


def _refuse_odd(head: int) -> None:
    if head % 2:
        raise Mismatch(f"heads of {head} features cannot be rotated in pairs", args=("dim", "key_dim", "embed_dim"))

"""Positions as rotations of pairs of features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import Mismatch, size
from archinspect.ops.args import Int, Optional, arg
from archinspect.ops.base import Op
from archinspect.ops.figures import Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run


class RotaryEmbedding(Op):
    """Rotates pairs of features by angles that grow with the step (Su et al. 2021, arXiv:2104.09864).

    No weights. FLOPs: 3 per element (two products and their sum).
    """

    memory_order = "kept"
    kind = "embedding"
    has_kernel = True
    is_table = True
    pointwise = True
    aliases = ("RoPE", "RotaryPositionalEmbeddings")
    gives_floats = True
    ignores = ("max_wavelength", "scaling_factor", "base", "theta", "max_seq_len", "sequence_axis", "feature_axis")
    dim: int | None = arg("features of a head, only to be checked", Optional(Int(1)), None, aliases=("head_dim",))

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) < 3:  # noqa: PLR2004 - the batch, steps, features
            raise Mismatch(f"needs an input of at least two axes (steps, features), got {len(shape) - 1}")
        head = self.dim or shape[-1]
        if head % 2:
            raise Mismatch(f"heads of {head} features cannot be rotated in pairs", args=("dim", "key_dim", "embed_dim"))
        if shape[-1] % head:
            raise Mismatch(f"{head} features of a head do not divide the input's {shape[-1]}", args=("dim",))
        return shape

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=3 * size(output))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return (("float", 2 * size(output)),)  # both products

    def label(self) -> str:
        return "rotary"

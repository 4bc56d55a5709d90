"""Attention to latent vectors in the place of the keys and values that are made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from archinspect.base.shape import size
from archinspect.ops.attention import ScaledDotProductAttention

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.attending import Attending
    from archinspect.ops.base import Op
    from archinspect.ops.figures import Elements, Run, Work


class AbsorbedAttention(ScaledDotProductAttention):
    """Attention of a step whose heads all attend to cached latent vectors (DeepSeek-AI 2024, arXiv:2405.04434).

    The products that would make keys and values multiply the queries of the step, and what they attend to, instead: as
    many MACs as for the keys and values of the step alone, which the layers that make these count.
    MACs: the widths of what keys and values are made of per head, query step and key step. FLOPs: 2 per MAC, and those
    of scores as `ScaledDotProductAttention`.
    """

    latent: tuple[int, int] = (0, 0)
    """Features of what keys, and values, are made of."""
    held = 0
    """Features of a step that are cached, of keys and values together."""

    @classmethod
    def of(cls, op: Op, key: int, value: int, held: int) -> AbsorbedAttention:
        """Return attention to latent vectors in the place of another, whose keys and values are made of them."""
        return cls(num_heads=1).replace(**vars(cast("Attending", op).apart()), latent=(key, value), held=held)

    @property
    def _plain(self) -> ScaledDotProductAttention:
        """The attention of all heads to one vector of each step."""
        return ScaledDotProductAttention(num_heads=1).replace(**{**vars(self), "num_kv_heads": 1})

    def _met(self, shapes: Sequence[Shape]) -> tuple[list[Shape], Shape]:
        """Return shapes of queries, keys and values as they meet, and of what is attended to."""
        lead, memory, (key, value) = shapes[0][:-1], shapes[-1][:-1], self.latent
        met = [(*lead, self.num_heads * key), (*memory, key), (*memory, value)]
        return met, (*lead, self.num_heads * value)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return self._plain.work(*self._met(shapes))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        met, attended = self._met(shapes)
        return (*self._plain.workspace(met, attended, run), ("float", size(met[0]) + size(attended)))

    def cache(self, *shapes: Shape) -> int:
        return self.held

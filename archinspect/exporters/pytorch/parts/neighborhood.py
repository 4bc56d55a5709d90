"""Attention of each position to those in a window around it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class NeighborhoodAttention(nn.Module):
    """Attention of each position to a window around it, which borders move inside."""

    places: Tensor
    offsets: Tensor

    def __init__(
        self,
        heads: int,
        lengths: tuple[int, ...],
        sizes: tuple[int, ...],
        steps: tuple[int, ...],
        *,
        biases: bool = False,
    ) -> None:
        super().__init__()
        self.heads = heads
        shape = (heads, *(2 * size - 1 for size in sizes))
        self.biases = nn.Parameter(torch.zeros(shape)) if biases else None
        places = offsets = torch.zeros(1, 1, dtype=torch.long)
        for length, size, step in zip(lengths, sizes, steps, strict=True):
            first, before = window_starts(length, size, step)
            taps = torch.arange(size)
            places = joined(places * length, first + step * taps)
            offsets = joined(offsets * (2 * size - 1), size - 1 - before + taps)
        self.window = places.shape
        self.register_buffer("places", places.flatten(), persistent=False)
        self.register_buffer("offsets", offsets.flatten(), persistent=False)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        shape = v.shape
        added = self.added()
        q, k, v = (
            torch.unflatten(x.flatten(1, -2), -1, (self.heads, -1)).transpose(1, 2)
            for x in (q, k, v)
        )
        scores = (
            q[..., None, :]
            @ torch.unflatten(k.index_select(2, self.places), 2, self.window).mT
        )
        scores = scores * q.shape[-1] ** -0.5
        if added is not None:
            scores = scores + added
        scores = scores.softmax(-1)
        x: Tensor = (
            scores @ torch.unflatten(v.index_select(2, self.places), 2, self.window)
        ).squeeze(-2)
        return x.transpose(1, 2).reshape(shape)

    def added(self) -> Tensor | None:
        """Return what is added to the scores."""
        if self.biases is None:
            return None
        biases = self.biases.flatten(1).index_select(1, self.offsets)
        return torch.unflatten(biases, 1, self.window)[:, :, None]


def window_starts(length: int, size: int, step: int) -> tuple[Tensor, Tensor]:
    """Return where the window of each position begins, and how many of it are before the position itself."""
    at = torch.arange(length)[:, None]
    row, rest = at // step, at % step
    last = (length - 1 - rest) // step + 1 - size
    first = torch.minimum((row - size // 2).clamp(min=0), last)
    return first * step + rest, row - first


def joined(before: Tensor, own: Tensor) -> Tensor:
    """Return the sums for all positions and windows of several axes."""
    return (before[:, None, :, None] + own[:, None]).flatten(2).flatten(0, 1)

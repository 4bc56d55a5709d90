"""Attention of each position to those in a window around it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class NeighborhoodAttention(nn.Module):
    """Attention of each position to a window around it, which borders move inside."""

    def __init__(self, heads: int, sizes: tuple[int, ...], steps: tuple[int, ...], *, biases: bool = False) -> None:
        super().__init__()
        self.heads, self.sizes, self.steps = heads, sizes, steps
        shape = (heads, *(2 * size - 1 for size in sizes))
        self.biases = nn.Parameter(torch.zeros(shape)) if biases else None

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        shape = v.shape
        added = self.added(shape[1:-1], v.device)
        places = neighbor_places(shape[1:-1], self.sizes, self.steps, v.device)
        window, places = places.shape, places.flatten()
        q, k, v = (torch.unflatten(x.flatten(1, -2), -1, (self.heads, -1)).transpose(1, 2) for x in (q, k, v))
        scores = q[..., None, :] @ torch.unflatten(k.index_select(2, places), 2, window).mT
        scores = scores * q.shape[-1] ** -0.5
        if added is not None:
            scores = scores + added
        scores = scores.softmax(-1)
        x = (scores @ torch.unflatten(v.index_select(2, places), 2, window)).squeeze(-2)
        return x.transpose(1, 2).reshape(shape)

    def added(self, lengths: tuple[int, ...], device: torch.device) -> Tensor | None:
        """Return what is added to the scores."""
        if self.biases is None:
            return None
        offsets = relative_positions(lengths, self.sizes, self.steps, device)
        biases = self.biases.flatten(1).index_select(1, offsets.flatten())
        return torch.unflatten(biases, 1, offsets.shape)[:, :, None]


def neighbor_places(lengths: tuple[int, ...], sizes: tuple[int, ...], steps: tuple[int, ...], device: torch.device) -> Tensor:
    """Return which positions each one reads, all of its window."""
    found = torch.zeros(1, 1, dtype=torch.long, device=device)
    for length, size, step in zip(lengths, sizes, steps, strict=True):
        first, _ = window_starts(length, size, step, device)
        places = first[:, None] + step * torch.arange(size, device=device)
        found = (found[:, None, :, None] * length + places[:, None]).flatten(2).flatten(0, 1)
    return found


def relative_positions(
    lengths: tuple[int, ...], sizes: tuple[int, ...], steps: tuple[int, ...], device: torch.device
) -> Tensor:
    """Return which bias each position has for each one of its window."""
    found = torch.zeros(1, 1, dtype=torch.long, device=device)
    for length, size, step in zip(lengths, sizes, steps, strict=True):
        _, before = window_starts(length, size, step, device)
        offsets = size - 1 - before[:, None] + torch.arange(size, device=device)
        found = (found[:, None, :, None] * (2 * size - 1) + offsets[:, None]).flatten(2).flatten(0, 1)
    return found


def window_starts(length: int, size: int, step: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return where the window of each position begins, and how many of it are before the position itself."""
    at = torch.arange(length, device=device)
    row, rest = at // step, at % step
    last = (length - 1 - rest) // step + 1 - size
    first = torch.minimum((row - size // 2).clamp(min=0), last)
    return first * step + rest, row - first

"""What is learned or stated, and what is picked of it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LearnedPositions(nn.Module):
    """Adds a learned vector for every position."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight[: x.shape[1]]


class IndexedPositions(nn.Embedding):
    """Adds a learned vector for every position, looked up in a table."""

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(torch.arange(x.shape[1], device=x.device)).reshape(
            x.shape[1:]
        )


class SamplePositions(nn.Embedding):
    """Adds a learned vector for every position, looked up in a table for each sample."""

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(
            torch.arange(x.shape[1], device=x.device).repeat(len(x), 1)
        ).reshape(x.shape)


class ClassToken(nn.Module):
    """Puts learned vectors in front of the steps."""

    def __init__(self, features: int, n: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, n, features))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.weight.expand(len(x), -1, -1), x], dim=1)


class LearnedTokens(nn.Module):
    """Learned vectors, the same for every sample."""

    def __init__(self, n: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, n, dim))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight.expand(len(x), -1, -1)


class Parameter(nn.Module):
    """A learned tensor, the same for every sample."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(shape))

    def forward(self) -> Tensor:
        return self.value[None]


class Constant(nn.Module):
    """A fixed tensor, the same for every sample."""

    value: Tensor

    def __init__(
        self, shape: tuple[int, ...], dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        self.register_buffer("value", torch.zeros(shape, dtype=dtype))

    def forward(self) -> Tensor:
        return self.value[None]


class Arange(nn.Module):
    """Whole numbers in a row, the same for every sample."""

    device_of: Tensor

    def __init__(self, start: int, stop: int, step: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.numbers, self.dtype = (start, stop, step), dtype
        self.register_buffer("device_of", torch.empty(0), persistent=False)

    def forward(self) -> Tensor:
        device = self.device_of.device
        return torch.arange(*self.numbers, dtype=self.dtype, device=device)[None]


class Fill(nn.Module):
    """One number everywhere, the same for every sample."""

    device_of: Tensor

    def __init__(
        self, shape: tuple[int, ...], value: float, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        self.shape, self.value, self.dtype = shape, value, dtype
        self.register_buffer("device_of", torch.empty(0), persistent=False)

    def forward(self) -> Tensor:
        dtype = self.device_of.dtype if self.dtype is None else self.dtype
        device = self.device_of.device
        return torch.full((1, *self.shape), self.value, dtype=dtype, device=device)


def scatter_add(x: Tensor, index: Tensor, dim: int, size: int) -> Tensor:
    """Return the sums, along an axis, of what has the same index."""
    shape = [*x.shape]
    shape[dim] = size
    others = [1] * (x.dim() - dim - 1)
    index = index.reshape(len(index), *[1] * (dim - 1), -1, *others)
    return x.new_zeros(shape).scatter_add_(dim, index.expand_as(x), x)


def one_hot(x: Tensor, size: int, dtype: torch.dtype | None = None) -> Tensor:
    """Return a vector with a single 1 for each integer."""
    zeros = torch.zeros(*x.shape, size, dtype=dtype, device=x.device)
    return zeros.scatter_(-1, x[..., None], 1)

"""Norms, scales and noise."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody writes it
from torch import Tensor, nn


def without(module: nn.Module, name: str) -> nn.Module:
    """Return a normalization without its `weight` or its `bias`."""
    module.register_parameter(name, None)
    return module


class FrozenBatchNorm(nn.Module):
    """Batch normalization whose vectors never train."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        for name, value in (
            ("weight", 1.0),
            ("bias", 0.0),
            ("running_mean", 0.0),
            ("running_var", 1.0),
        ):
            self.register_buffer(name, torch.full((num_features,), value))

    def forward(self, x: Tensor) -> Tensor:
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        shape = (-1, *(1,) * (x.dim() - 2))
        return x * scale.reshape(shape) + shift.reshape(shape)


class LayerScale(nn.Module):
    """Multiplies by a learned vector along an axis, which is counted from the end."""

    def __init__(self, dim: int, value: float = 1e-6, *, axis: int = -1) -> None:
        super().__init__()
        self.axis = axis
        self.weight = nn.Parameter(torch.full((dim,), value))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight.reshape(-1, *(1,) * (-1 - self.axis))


class GlobalResponseNorm(nn.Module):
    """Scales each channel by its share of all channels' norms."""

    def __init__(self, features: int, eps: float = 1e-6, axis: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(features))
        self.bias = nn.Parameter(torch.zeros(features))
        self.eps, self.axis = eps, axis

    def forward(self, x: Tensor) -> Tensor:
        places = tuple(axis for axis in range(1, x.dim()) if axis != self.axis)
        norms: Tensor = torch.linalg.vector_norm(x, dim=places, keepdim=True)
        shares = norms / (norms.mean(self.axis, keepdim=True) + self.eps)
        shape = (-1, *(1,) * (x.dim() - 1 - self.axis))
        return self.weight.reshape(shape) * (x * shares) + self.bias.reshape(shape) + x


class Normalization(nn.Module):
    """Subtracts a mean and divides by a deviation that were found in the data."""

    def __init__(self, shape: tuple[int, ...], *, invert: bool = False) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(shape))
        self.variance = nn.Parameter(torch.ones(shape))
        self.count = nn.Parameter(torch.zeros(()))
        self.invert = invert

    def forward(self, x: Tensor) -> Tensor:
        if self.invert:
            return self.mean + x * self.variance.sqrt().clamp(min=1e-7)
        return (x - self.mean) / self.variance.sqrt().clamp(min=1e-7)


class ElementwisePReLU(nn.Module):
    """A ReLU with a learned slope for each element."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        if self.weight.shape != x.shape[1:]:  # axes share slopes
            return torch.where(x > 0, x, self.weight * x)
        return F.prelu(x.flatten(1), self.weight.flatten()).view(x.shape)


class SpatialDropout(nn.Module):
    """Drops whole channels at random in training."""

    def __init__(self, rate: float, axis: int = 1) -> None:
        super().__init__()
        self.rate, self.axis = rate, axis

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        shape = [
            size if axis in (0, self.axis) else 1 for axis, size in enumerate(x.shape)
        ]
        return x * x.new_empty(shape).bernoulli_(1 - self.rate).div_(1 - self.rate)


class StochasticDepth(nn.Module):
    """Drops a path at random in training: that of a sample (`row`) or of the batch."""

    def __init__(self, rate: float, mode: str = "row") -> None:
        super().__init__()
        self.rate, self.mode = rate, mode

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        shape = (len(x) if self.mode == "row" else 1, *(1,) * (x.dim() - 1))
        return x * x.new_empty(shape).bernoulli_(1 - self.rate).div_(1 - self.rate)


class GaussianDropout(nn.Module):
    """Multiplies by random factors in training."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.deviation = (rate / max(1 - rate, 1e-9)) ** 0.5

    def forward(self, x: Tensor) -> Tensor:
        return (
            x * (torch.randn_like(x) * self.deviation + 1)
            if self.training and self.deviation
            else x
        )


class GaussianNoise(nn.Module):
    """Adds noise in training."""

    def __init__(self, stddev: float) -> None:
        super().__init__()
        self.stddev = stddev

    def forward(self, x: Tensor) -> Tensor:
        return (
            x + torch.randn_like(x) * self.stddev
            if self.training and self.stddev
            else x
        )


class StandardizedKernel(nn.Module):
    """Gives a kernel mean 0 and deviation 1 for each output, times a gain."""

    def __init__(self, gain: nn.Parameter | None, scale: float, eps: float) -> None:
        super().__init__()
        self.gain = gain
        self.scale = scale
        self.eps = eps

    def forward(self, kernel: Tensor) -> Tensor:
        rows = kernel.reshape(1, len(kernel), -1)
        gain = None if self.gain is None else self.gain * self.scale
        made = F.batch_norm(rows, None, None, gain, None, True, 0.0, self.eps)
        return made.reshape_as(kernel)


def standardized(
    layer: nn.Module,
    *,
    gain: bool = False,
    gamma: float = 1.0,
    eps: float = 1e-6,
) -> nn.Module:
    """Return the layer with a kernel that is standardized in each pass."""
    kernel = layer.get_parameter("weight")
    factors = nn.Parameter(torch.ones(len(kernel))) if gain else None
    scale = gamma * kernel[0].numel() ** -0.5
    made = StandardizedKernel(factors, scale, eps)
    register = nn.utils.parametrize.register_parametrization
    return register(layer, "weight", made, unsafe=True)

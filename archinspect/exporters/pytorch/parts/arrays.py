"""Functions of maps, windows, spectra and positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody writes it
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable


def dynamic_conv(
    x: Tensor, kernel: Tensor, shape: tuple[int, ...], groups: int, **window: Any
) -> Tensor:
    """Return a convolution by a kernel of each sample: samples are groups."""
    convolve = (F.conv1d, F.conv2d, F.conv3d)[len(shape) - 3]
    samples, kernel = len(x), kernel.reshape(-1, *shape[1:])
    x = convolve(
        x.reshape(1, -1, *x.shape[2:]), kernel, groups=groups * samples, **window
    )
    return x.view(samples, -1, *x.shape[2:])


def shuffle_pixels(x: Tensor, factor: int) -> Tensor:
    """Make a map larger along all its axes by as much as its channels become fewer."""
    rank = x.dim() - 2
    sizes = [length * factor for length in x.shape[2:]]
    order = [axis + more for axis in range(2, rank + 2) for more in (rank, 0)]
    x = torch.unflatten(x, 1, (-1, *[factor] * rank)).permute(0, 1, *order)
    return x.reshape(len(x), -1, *sizes)


def unshuffle_pixels(x: Tensor, factor: int) -> Tensor:
    """Make channels of the positions of every cube of a map."""
    rank = x.dim() - 2
    sizes = [length // factor for length in x.shape[2:]]
    for axis in reversed(range(2, rank + 2)):
        x = torch.unflatten(x, axis, (-1, factor))
    inner, outer = (range(first, 2 * rank + 2, 2) for first in (3, 2))
    return x.permute(0, 1, *inner, *outer).reshape(len(x), -1, *sizes)


def sinusoids(x: Tensor, dim: int) -> Tensor:
    """Return sines and cosines of numbers at `dim / 2` frequencies."""
    pairs = dim // 2
    angles = x.unsqueeze(-1).float() * 10_000.0 ** -(
        torch.arange(pairs, device=x.device) / pairs
    )
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def sample_gaussian(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Draw from a normal distribution."""
    deviation = torch.exp(log_variance / 2)
    return mean + deviation * torch.randn_like(deviation)


def quick_gelu(x: Tensor) -> Tensor:
    """Return a GELU by a sigmoid."""
    return x * torch.sigmoid(1.702 * x)


def bounded_relu(
    x: Tensor, max_value: float | None, negative_slope: float, threshold: float
) -> Tensor:
    """Return a ReLU with a bound, a slope below the threshold, and a threshold, as Keras's."""
    x = torch.where(x >= threshold, x, negative_slope * (x - threshold))
    return x if max_value is None else x.clamp(max=max_value)


def as_complex(x: Tensor) -> Tensor:
    """View real and imaginary parts as complex numbers, or a copy where they do not lie in pairs."""
    *others, last = x.stride()
    places = *others, x.storage_offset()
    pairs = last == 1 and all(place % 2 == 0 for place in places)
    return torch.view_as_complex(
        x if pairs else x.clone(memory_format=torch.contiguous_format)
    )


def along(function: Callable[..., Tensor], x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Apply a function of one axis along several, as if they were one."""
    last = tuple(range(-len(axes), 0))
    moved = x.movedim(axes, last)
    return (
        function(moved.flatten(-len(axes)), dim=-1)
        .reshape(moved.shape)
        .movedim(last, axes)
    )


def average_inside(
    x: Tensor,
    kernel_size: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
) -> Tensor:
    """Return the means of windows, over the positions of the input alone."""
    pool: Callable[..., Tensor] = getattr(F, f"avg_pool{len(kernel_size)}d")
    inside = pool(F.pad(torch.ones_like(x[:1, :1]), padding), kernel_size, stride)
    return pool(F.pad(x, padding), kernel_size, stride) / inside


def crop_like(x: Tensor, like: Tensor) -> Tensor:
    """Cut a map down to the size of another, around the middle."""
    for axis, size in enumerate(like.shape[2:], 2):
        x = x.narrow(axis, (x.shape[axis] - size) // 2, size)
    return x


def windows_of(x: Tensor, size: int) -> Tensor:
    """Cut a map, its channels last, into windows; one that is no multiple is padded at its end."""
    _, height, width, channels = x.shape
    padded = F.pad(x, (0, 0, 0, -width % size, 0, -height % size))
    cut = torch.unflatten(torch.unflatten(padded, 2, (-1, size)), 1, (-1, size))
    return cut.transpose(2, 3).reshape(len(x), -1, size * size, channels)


def from_windows(x: Tensor, height: int, width: int) -> Tensor:
    """Put windows together to a map, its channels last; padding is cut off."""
    size = round(x.shape[2] ** 0.5)
    rows, columns = -(-height // size), -(-width // size)
    x = x.reshape(len(x), rows, columns, size, size, -1).transpose(2, 3)
    return x.reshape(len(x), rows * size, columns * size, -1)[:, :height, :width]


def unfold_steps(x: Tensor, like: Tensor) -> Tensor:
    """Make steps again of a batch of steps."""
    return torch.unflatten(x, 0, like.shape[:2])

"""What optimizers keep for each weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import size
from archinspect.ops.figures import DTYPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.base.shape import Shape

BLOCK = 256
"""Numbers of an 8-bit optimizer's state that share a float32 scale (bitsandbytes 0.50.2, optim/optimizer.py)."""
LEAST_8_BIT = 4096
"""A tensor with fewer elements keeps its state in float32 there."""

# Bytes of an optimizer's state for a weight of a shape, whose numbers take so many bytes each. The counter of steps, a
# number per tensor that PyTorch has in the memory of the processor, is none of it.


def _states(times: int) -> Callable[[Shape, int], int]:
    return lambda shape, bytes_: times * size(shape) * bytes_


def _factored(shape: Shape, bytes_: int) -> int:
    """Return Adafactor's: means of rows and of columns, or of every element (Shazeer & Stern 2018, arXiv:1804.04235).

    As in PyTorch, rows and columns are the last two axes of a kernel that has its window after its channels.
    """
    axes = (*shape[-2:], *shape[:-2]) if len(shape) > 2 else shape  # noqa: PLR2004 - a window's axes come first here
    if len(axes) < 2:  # noqa: PLR2004 - as above
        return size(shape) * bytes_
    return (size(shape) // axes[-1] + size(shape) // axes[-2]) * bytes_


def _states_8_bit(shape: Shape, _: int) -> int:
    """Return Adam's two states in 8 bits (Dettmers et al. 2021, arXiv:2110.02861)."""
    count = size(shape)
    each = count * DTYPES["float32"] if count < LEAST_8_BIT else count + -(-count // BLOCK) * DTYPES["float32"]
    return 2 * each


OPTIMIZERS: dict[str, Callable[[Shape, int], int]] = {
    "sgd": _states(0),
    "momentum": _states(1),
    "rmsprop": _states(1),
    "adagrad": _states(1),
    "adam": _states(2),
    "adamw": _states(2),
    "adafactor": _factored,
    "adam8bit": _states_8_bit,
}
"""The optimizers and the bytes of their state for a weight."""

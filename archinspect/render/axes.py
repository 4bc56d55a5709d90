"""Axes of charts: where values lie, and round numbers beside them."""

from __future__ import annotations

from math import ceil, floor, log10
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

DECADES = 1.3
"""From so many powers of ten on, positive values stand on a logarithmic axis."""
PRECISION = 1e-9
"""Of a value, what its ends are beyond it at least, as floats that are nearer may be the same."""
_SI = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_BINARY = ((2.0**50, "PiB"), (2.0**40, "TiB"), (2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"))


class Axis(NamedTuple):
    """An axis from `low` to `high`, which are beyond all values."""

    low: float
    high: float
    is_log: bool
    ticks: tuple[float, ...]
    """Round numbers on it."""
    zero: float = 0
    """Where on a logarithmic axis nothing lies: below all that is something."""

    def place(self, value: float) -> float:
        """Return where a value lies, from 0 to 1."""
        low, high, at = (log10(one or self.zero) if self.is_log else one for one in (self.low, self.high, value))
        return (at - low) / (high - low)


def axis(values: Sequence[float], room: int = 6, unit: str = "count") -> Axis:
    """Return an axis for values, with about `room` ticks; those of `bytes` are round in KiB, MiB, ..."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    least = min((value for value in values if value > 0), default=0)
    if low >= 0 and least and log10(high / least) >= DECADES:
        return _log_axis(least, high, room, unit, has_zero=not low)
    margin = max((high - low or abs(high) or 1) * 0.08, abs(high) * PRECISION)
    low, high = low - margin, high + margin
    least = 1 if all(value % 1 == 0 for value in values) else 0  # there is no half a year
    size = next((size for size, _ in _BINARY if unit == "bytes" and high >= size), 1)
    step = max(_round_step((high - low) / room / size) * size, least)
    ticks = [step * n for n in range(ceil(low / step), floor(high / step) + 1)]
    return Axis(low, high, is_log=False, ticks=_within(low, high, ticks))


def _log_axis(least: float, high: float, room: float, unit: str, *, has_zero: bool) -> Axis:
    """Return a logarithmic axis; where there are values of 0, they lie one power of ten below the `least` other."""
    low, high = least / 1.3, high * 1.3
    steps = (1,) if log10(high / low) > room / 2 else (1, 2, 5)
    ticks = _within(low, high, [step * power for power in _powers(low, high, unit) for step in steps])
    if not has_zero:
        return Axis(low, high, is_log=True, ticks=ticks)
    return Axis(low / 10, high, is_log=True, ticks=(0, *ticks), zero=least / 10)


def _powers(low: float, high: float, unit: str) -> list[float]:
    """Return powers of ten; of bytes, 1, 10 and 100 of each unit."""
    if unit == "bytes":
        return [10.0**power * size for size in (1.0, *(size for size, _ in reversed(_BINARY))) for power in range(3)]
    return [10.0**power for power in range(floor(log10(low)), ceil(log10(high)))]


def _within(low: float, high: float, ticks: Sequence[float]) -> tuple[float, ...]:
    return tuple([tick for tick in ticks if low <= tick <= high])


def _round_step(least: float) -> float:
    """Return the smallest of 1, 2, 5, 10, ... that is no smaller."""
    power = 10.0 ** floor(log10(least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least * 0.999)


def tick_text(value: float, unit: str) -> str:
    """Write a round number: `10 G`, `64 MiB`, `71.5`."""
    if unit == "stated":
        return f"{value:.6g}"
    for size, suffix in _BINARY if unit == "bytes" else _SI:
        if abs(value) >= size:
            return f"{value / size:.3g} {suffix}"
    return f"{value:.3g}" + (" B" if unit == "bytes" else "")

"""Numbers as people read them: counts in SI, bytes in binary units, or exact."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WHOLE_BELOW = 100_000
_SI = ((10**15, "P"), (10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))
_BINARY = ((2**50, "PiB"), (2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def count(number: int, *, exact: bool = False) -> str:
    """Write a count: whole below 100,000 or where `exact`, else with two decimals and its SI suffix."""
    if exact or abs(number) < WHOLE_BELOW:
        return f"{number:,}"
    unit, suffix = next(entry for entry in _SI if abs(number) >= entry[0])
    return f"{number / unit:.2f} {suffix}"


def both(number: int) -> str:
    """Write a count whole, and in brackets as :func:`count` does where that is shorter."""
    whole, short = f"{number:,}", count(number)
    return whole if whole == short else f"{whole} ({short})"


def byte_count(number: int, *, exact: bool = False) -> str:
    """Write a number of bytes in binary units with two decimals, or whole where `exact`."""
    if exact:
        return f"{number:,} B"
    for unit, suffix in _BINARY:
        if abs(number) >= unit:
            return f"{number / unit:.2f} {suffix}"
    return f"{number} B"


def shape(dims: tuple[int | None, ...]) -> str:
    """Write a shape as Keras does: `(None, 26, 26, 32)`."""
    return "(" + ", ".join(map(str, dims)) + ("," if len(dims) == 1 else "") + ")"


def duration(seconds: float) -> str:
    """Write a time with three digits: `1.23 ms`."""
    for unit, suffix in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= unit:
            return f"{seconds / unit:.3g} {suffix}" if seconds < 1000 * unit else f"{seconds / unit:,.0f} {suffix}"
    return f"{seconds * 1e9:.3g} ns"


def aligned(texts: Sequence[str]) -> list[str]:
    """Return the numbers of a column, all as wide as the widest: digits end, and units begin, below one another."""
    parts = [text.partition(" ") for text in texts]
    digits = max((len(number) for number, _, _ in parts), default=0)
    units = max((len(blank + unit) for _, blank, unit in parts), default=0)
    return [number.rjust(digits) + (blank + unit).ljust(units) for number, blank, unit in parts]


BAR_WIDTH = 8
NARROWER = (BAR_WIDTH, 4, 0)
"""Widths of bars, of which a terminal shows the largest that it has room for; without any the numbers stand alone."""
_EIGHTHS = " ▏▎▍▌▋▊▉"


def bars(values: Sequence[float], width: int = BAR_WIDTH, *, plain: bool = False) -> list[str]:
    """Return a bar for each number, that of the largest as long as `width`; `plain` are those of any character set."""
    most = max(values, default=0) or 1
    eighths = [round(value * 8 * width / most) for value in values]
    if plain:
        return ["#" * round(length / 8) for length in eighths]
    return [("█" * (length // 8) + _EIGHTHS[length % 8]).rstrip() for length in eighths]


def with_bars(texts: Sequence[str], values: Sequence[float], width: int, *, plain: bool = False) -> list[str]:
    """Return texts, each with the bar of its value."""
    return [
        f"{text} {bar}" if width else text for text, bar in zip(texts, bars(values, width, plain=plain), strict=True)
    ]

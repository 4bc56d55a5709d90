"""Quantities that people write: `11_689_512`, `1.814 G ± 0.1%`, `<= 5 M`, `36.5 MiB`."""

from __future__ import annotations

import operator
import re
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_UNITS = {
    "": 1,
    **{prefix: 1000**power for power, prefix in enumerate("kMGTP", 1)},
    "K": 1000,
    "B": 1,
    **{f"{prefix}B": 1000**power for power, prefix in enumerate("kMGTP", 1)},
    "KB": 1000,
    **{f"{prefix}iB": 1024**power for power, prefix in enumerate("KMGTP", 1)},
}
_OF_COUNTS = {**_UNITS, "B": 1000**3}
"""Of what is no size in bytes: billions, as of the parameters of language models."""
_COMPARE: dict[str, Callable[[Fraction, Fraction], bool]] = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
}
_NUMBER = r"\d[\d_,]*(?:\.\d+)?(?:[eE][-+]?\d{1,2})?"
_QUANTITY = re.compile(
    rf"\s*(?P<compare><=|>=|<|>|==?)?\s*(?P<number>{_NUMBER})\s*(?P<unit>[A-Za-z]*)"
    rf"\s*(?:(?:±|\+-|\+/-)\s*(?P<within>{_NUMBER})\s*(?P<percent>%|[A-Za-z]*))?\s*\Z"
)


class Quantity(NamedTuple):
    """A number that another should equal, within a tolerance, or stay below or above."""

    compare: str
    number: Fraction
    within: Fraction

    def holds(self, value: float) -> bool:
        """Return whether `value` is as stated."""
        if self.compare in _COMPARE:
            return _COMPARE[self.compare](Fraction(value), self.number)
        return abs(Fraction(value) - self.number) <= self.within


def parse_quantity(value: object, *, of_bytes: bool = True) -> Quantity:
    """Read a quantity, of bytes or of things that are counted; raise ValueError for anything else.

    A number written with a suffix is exact only as far as its digits go: `1.814 G` is true for
    whatever rounds to it.
    """
    text = str(value)
    match = _QUANTITY.match(text) if not isinstance(value, bool) and len(text) < 100 else None  # noqa: PLR2004
    units = _UNITS if of_bytes else _OF_COUNTS
    if not match or match["unit"] not in units or match["percent"] not in {None, "%", *units}:
        raise ValueError("a quantity: '1_000', '4.1 G', '4.1 G ± 1%', '<= 5 M', '36 MiB'")
    unit = units[match["unit"]]
    digits = match["number"].replace("_", "").replace(",", "")
    number = Fraction(digits) * unit
    if match["within"] is None:
        decimals = len(digits.partition(".")[2].partition("e")[0].partition("E")[0])
        rounding = Fraction(unit, 2 * 10**decimals) if match["unit"] else Fraction(0)
        return Quantity(match["compare"] or "", number, rounding)
    within = Fraction(match["within"].replace("_", "").replace(",", ""))
    within *= number / 100 if match["percent"] == "%" else units[match["percent"]]
    return Quantity(match["compare"] or "", number, within)

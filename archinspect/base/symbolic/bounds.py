"""What is known of a polynomial's sign: proofs that it is never below a number, from the ranges of its variables."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from archinspect.base.symbolic.polynomial import (
    EVERYTHING,
    INFINITE,
    ONE,
    Polynomial,
    divided,
    of_atom,
    reachable,
    replaced,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archinspect.base.symbolic.polynomial import Atom, Bound, Monomial, Range

MAX_CASES = 16
"""The most combinations of operands of `max` and `min` that a proof looks at."""
MAX_DEGREE = 8
"""The most factors of a term that a proof multiplies out."""
MAX_TERMS = 200


class Bounds:
    """Bounds of polynomials where variables keep to their ranges; they hold always, and need not be the best."""

    def __init__(self, ranges: Mapping[Atom, Range] | None = None) -> None:
        """Take ranges of variables that are narrower than those they were declared with."""
        self._ranges: dict[Atom, Range] = dict(ranges or {})
        self._narrower = bool(self._ranges)
        self._lower: dict[Polynomial, Bound] = {}

    def lower(self, polynomial: Polynomial) -> Bound:
        """Return a number that the polynomial is never below; minus infinity where none is known."""
        found = self._lower.get(polynomial)
        if found is None:
            found = self._by_ranges(polynomial)
            if found < 0:  # most questions are whether it is negative
                found = max(found, self._by_cases(polynomial, MAX_CASES))
            self._lower[polynomial] = found
        return found

    def upper(self, polynomial: Polynomial) -> Bound:
        """Return a number that the polynomial is never above; infinity where none is known."""
        return -self.lower(-polynomial)

    def never_negative(self, polynomial: Polynomial) -> bool:
        """Return whether the polynomial is known to be 0 or more."""
        return self.lower(polynomial) >= 0

    def of(self, atom: Atom) -> Range:
        """Return the range of an atom."""
        if not self._narrower:
            return atom.range
        if atom not in self._ranges:
            for part in reachable([of_atom(atom)]):
                if part not in self._ranges:
                    self._ranges[part] = _both(part.range, self.derived(part)) if part.operands else part.range
        return self._ranges[atom]

    def derived(self, atom: Atom) -> Range:
        """Return the range of an operation, from those of its operands."""
        if not all(operand.whole for operand in atom.operands):
            return EVERYTHING
        lows = [self.lower(operand) for operand in atom.operands]
        highs = [self.upper(operand) for operand in atom.operands]
        if atom.operation == "max":
            return max(lows), max(highs)
        if atom.operation == "min":
            return min(lows), min(highs)
        if atom.operation == "gcd":
            least = min((high for low, high in zip(lows, highs, strict=True) if low > 0), default=inf)
            return int(any(low > 0 for low in lows)), least
        if atom.operation == "//":
            return _quotient(lows[0], lows[1], highs[1]), -_quotient(-highs[0], lows[1], highs[1], up=True)
        return EVERYTHING

    def _by_ranges(self, polynomial: Polynomial) -> Bound:
        """Return the sum of all terms' least values."""
        total: Bound = 0
        for monomial, count in polynomial.terms.items():
            low, high = self._product(monomial)
            term = _times(count, low if count > 0 else high)
            if term in INFINITE:
                return term
            total += term
        return total

    def _product(self, monomial: Monomial) -> Range:
        low: Bound = 1
        high: Bound = 1
        for atom in monomial:
            first, last = self.of(atom)
            if low >= 0 and first >= 0:
                low, high = _times(low, first), _times(high, last)
            else:
                corners = [_times(a, b) for a in (low, high) for b in (first, last)]
                low, high = min(corners), max(corners)
        return low, high

    def _by_cases(self, polynomial: Polynomial, cases: int) -> Bound:
        """Return the least bound over all operands that a `max` or `min` may be."""
        choices = [atom for atom in polynomial.atoms() if atom.operation in ("max", "min")]
        if not choices:
            return self._by_quotients(polynomial)
        choice = max(choices, key=lambda atom: atom.index)
        if len(choice.operands) > cases:
            return -inf
        cases //= len(choice.operands)
        found = [self._by_cases(replaced(polynomial, choice, operand), cases) for operand in choice.operands]
        # Where it only makes the sum larger, any operand that a `max` is not below will do.
        helps = "max" if self._grows(polynomial, choice, 1) else "min" if self._grows(polynomial, choice, -1) else ""
        return max(found) if choice.operation == helps else min(found)

    def _grows(self, polynomial: Polynomial, atom: Atom, sign: int) -> bool:
        """Return whether the polynomial grows with the atom, or, for a sign of -1, falls."""
        return all(
            atom not in monomial
            or (count * sign > 0 and monomial.count(atom) == 1 and self._is_positive(monomial, atom))
            for monomial, count in polynomial.terms.items()
        )

    def _is_positive(self, monomial: Monomial, but: Atom) -> bool:
        return all(atom is but or self.of(atom)[0] >= 0 for atom in monomial)

    def _by_quotients(self, polynomial: Polynomial) -> Bound:
        """Return a bound in which `(x - d + 1) / d` or `x / d` stands for `x // d`, and each variable for its least."""
        scale = 1
        kept: set[Atom] = set()
        while quotients := [atom for atom in polynomial.atoms() if atom.operation == "//" and atom not in kept]:
            quotient = max(quotients, key=lambda atom: atom.index)
            unrounded = self._unrounded(polynomial, quotient)
            if unrounded is None:
                kept.add(quotient)
                continue
            polynomial, factor = unrounded
            scale *= factor
            if len(polynomial.terms) > MAX_TERMS:
                return -inf
        least = self._from_least(polynomial)
        return least if least in INFINITE else -(-int(least) // scale)

    def _unrounded(self, polynomial: Polynomial, quotient: Atom) -> tuple[Polynomial, int] | None:
        """Return a smaller polynomial without a quotient, and the number it is multiplied by; None without any."""
        dividend, divisor = quotient.operands
        number = divisor.constant
        rest: dict[Monomial, int] = {}
        result = Polynomial({})
        for monomial, count in polynomial.terms.items():
            if quotient not in monomial:
                rest[monomial] = count
                continue
            if monomial.count(quotient) > 1 or not self._is_positive(monomial, quotient):
                return None
            factor = Polynomial({tuple(atom for atom in monomial if atom is not quotient): count})
            if number is None:
                factor, left = divided(factor, divisor)
                if left.terms or not self._by_ranges(factor if count > 0 else -factor) >= 0:
                    return None
            result += factor * (dividend - divisor + ONE if count > 0 else dividend)
        return result + Polynomial(rest).scaled(number or 1), number or 1

    def _from_least(self, polynomial: Polynomial) -> Bound:
        """Return a bound where variables are counted from their least value, so that `x * x - x` is never negative."""
        shifted = Polynomial({})
        for monomial, count in polynomial.terms.items():
            if len(monomial) > MAX_DEGREE:
                return -inf
            product = Polynomial({(): count})
            for atom in monomial:
                low = self.of(atom)[0]
                if low in INFINITE:
                    return -inf
                product *= Polynomial({(atom,): 1, (): int(low)} if low else {(atom,): 1})
            shifted += product
        total: Bound = shifted.offset
        for monomial, count in shifted.terms.items():
            if count < 0 and monomial:
                most: Bound = count
                for atom in monomial:
                    low, high = self.of(atom)
                    most = _times(most, inf if high == inf else high - low)
                if most == -inf:
                    return most
                total += most
        return total


def _times(a: Bound, b: Bound) -> Bound:
    """Return a product in which 0 times infinity is 0, of whole numbers of any size."""
    if a in INFINITE or b in INFINITE:
        return (inf if (a > 0) == (b > 0) else -inf) if a and b else 0
    return a * b


def _quotient(low: Bound, least: Bound, most: Bound, *, up: bool = False) -> Bound:
    """Return the least of `x // d`, or of `x / d` rounded up, for an x of at least `low` and a d from least to most."""
    divisor = most if low >= 0 else max(least, 1)
    if low in INFINITE:
        return low
    if divisor in INFINITE:
        return 0
    return -(-int(low) // int(divisor)) if up else int(low) // int(divisor)


def _both(one: Range, other: Range) -> Range:
    return max(one[0], other[0]), min(one[1], other[1])

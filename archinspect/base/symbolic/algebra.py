"""Operations on polynomials, each brought to a normal form by identities that hold for all whole numbers.

Divisors are positive: whoever divides by what is not known to be, makes sure of it first.
"""

from __future__ import annotations

from math import gcd, inf
from typing import TYPE_CHECKING

from archinspect.base.symbolic.bounds import Bounds
from archinspect.base.symbolic.polynomial import (
    ONE,
    Atom,
    Polynomial,
    common,
    constant,
    divided,
    floor_scaled,
    leading,
    of_atom,
    ratio,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archinspect.base.symbolic.polynomial import Monomial


MAX_DIVISOR = 10**100
"""Of a chain of quotients that are joined."""


class Algebra:
    """Makes atoms, one for all uses, so that equal expressions become equal polynomials."""

    def __init__(self) -> None:
        self._atoms: dict[tuple[str, object, bool], Atom] = {}
        self.bounds = Bounds()
        """What follows from the ranges that variables were declared with."""

    def variable(self, name: str, low: int | None, *, whole: bool = True) -> Polynomial:
        """Return a variable, of at least `low` where that is given."""
        atom = self._atom("variable", (), name, whole=whole)
        if low is not None:
            atom.range = (low, inf)
        return of_atom(atom)

    def number(self, value: float) -> Polynomial:
        """Return a number."""
        if isinstance(value, int):
            return constant(int(value))
        return of_atom(self._atom("number", (), value, whole=False))

    def inexact(self, operation: str, *operands: Polynomial, whole: bool = False) -> Polynomial:
        """Return an operation on numbers that are not all whole, or whose result is not."""
        return of_atom(self._atom(operation, operands, whole=whole))

    def _atom(
        self, operation: str, operands: tuple[Polynomial, ...], value: str | float = "", *, whole: bool = True
    ) -> Atom:
        key = (operation, operands or (value, str(value)), whole)
        atom = self._atoms.get(key)
        if atom is None:
            atom = self._atoms[key] = Atom(len(self._atoms), operation, operands, value, whole=whole)
            if operands and whole:
                atom.range = self.bounds.derived(atom)
        return atom

    def power(self, base: Polynomial, exponent: int) -> Polynomial:
        """Return a power with an exponent of 0 or more."""
        result = ONE
        for _ in range(exponent):
            result *= base
        return result

    def remainder(self, dividend: Polynomial, divisor: Polynomial) -> Polynomial:
        """Return the remainder of a division, as Python's `%`."""
        return dividend - divisor * self.quotient(dividend, divisor)

    def quotient(self, dividend: Polynomial, divisor: Polynomial) -> Polynomial:
        """Return a quotient rounded down, as Python's `//`.

        What divides without rest is taken out, factors in common are left out, and `(x // 2 + 1) // 2` is
        `(x + 2) // 4`, so that a chain of halvings becomes one division.
        """
        whole, rest = _divided(dividend, divisor)
        if not rest.terms or (divisor.constant and rest.constant is not None):
            return whole
        if _has_one_sign(divisor) and rest.terms[rest.lead()] < 0:
            # The quotient of the opposite, rounded up.
            return whole - self.quotient(divisor - rest - ONE, divisor)
        reduced = self._reduced(rest, divisor)
        if reduced != (rest, divisor):
            return whole + self.quotient(*reduced)
        inner = _lone_quotient(rest)
        if inner is not None:
            dividend, times = inner.operands
            if times.offset > MAX_DIVISOR:
                raise ValueError("the formula has numbers that are too large: strides multiply along the layers")
            return whole + self.quotient(dividend + times.scaled(rest.offset), times * divisor)
        return whole + of_atom(self._atom("//", (rest, divisor)))

    def _reduced(self, dividend: Polynomial, divisor: Polynomial) -> tuple[Polynomial, Polynomial]:
        """Return dividend and divisor without what they have in common."""
        shared = [atom for atom in common((dividend, divisor)) if atom.range[0] > 0]
        if shared:
            dividend, divisor = dividend.without(tuple(shared)), divisor.without(tuple(shared))
        factor = gcd(dividend.content(), divisor.content(), divisor.offset)
        if factor > 1:
            dividend, divisor = floor_scaled(dividend, factor), floor_scaled(divisor, factor)
        return dividend, divisor

    def largest(self, *operands: Polynomial) -> Polynomial:
        """Return the largest of numbers; without those that never are."""
        return self._extreme("max", operands, 1)

    def smallest(self, *operands: Polynomial) -> Polynomial:
        """Return the smallest of numbers."""
        return self._extreme("min", operands, -1)

    def _extreme(self, operation: str, operands: Iterable[Polynomial], sign: int) -> Polynomial:
        left: list[Polynomial] = []
        for one in _flattened(operation, operands):
            if any(self.bounds.never_negative((other - one).scaled(sign)) for other in left):
                continue
            left = [other for other in left if not self.bounds.never_negative((one - other).scaled(sign))]
            left.append(one)
        if len(left) == 1:
            return left[0]
        factor = gcd(*(gcd(one.content(), one.offset) for one in left))
        left = [floor_scaled(one, factor) for one in left]
        left.sort(key=_order)
        return of_atom(self._atom(operation, tuple(left))).scaled(factor)

    def magnitude(self, operand: Polynomial) -> Polynomial:
        """Return a number without its sign."""
        return self.largest(operand, -operand)

    def gcd(self, one: Polynomial, other: Polynomial) -> Polynomial:
        """Return the greatest common divisor."""
        if not one.terms or not other.terms or one == other:
            return self.magnitude(one if one.terms else other)
        factor = gcd(one.content(), one.offset, other.content(), other.offset)
        one, other = floor_scaled(one, factor), floor_scaled(other, factor)
        if ONE in (one, other):
            return constant(factor)
        operands = tuple(sorted((one, other), key=_order))
        return of_atom(self._atom("gcd", operands)).scaled(factor)


def _divided(dividend: Polynomial, divisor: Polynomial) -> tuple[Polynomial, Polynomial]:
    """Return what can be taken out of a division, and the rest that is still to be divided.

    By a single term, the rest's coefficients are smaller than the divisor's. By a sum it is all or nothing: what is
    left over might look worse than what was there.
    """
    if len(divisor.terms) > 1:
        whole, rest = divided(dividend, divisor)
        return (constant(0), dividend) if rest.terms else (whole, rest)
    ((factor, number),) = divisor.terms.items()
    quotients: dict[Monomial, int] = {}
    for monomial, count in dividend.terms.items():
        left = ratio(monomial, factor)
        if left is not None:
            # Rounded towards 0, so that no sign changes; a number is rounded down.
            times = count // number if not monomial else _towards_0(count, number)
            if times:
                quotients[left] = times
    whole = Polynomial(quotients)
    return whole, dividend - whole * divisor


def _towards_0(dividend: int, divisor: int) -> int:
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend > 0) == (divisor > 0) else -quotient


def _has_one_sign(divisor: Polynomial) -> bool:
    """Return whether a divisor is a single term, added; what it divides can then change its sign."""
    return len(divisor.terms) == 1 and all(count > 0 for count in divisor.terms.values())


def _lone_quotient(polynomial: Polynomial) -> Atom | None:
    """Return the quotient that a polynomial consists of, a number aside; None for others."""
    atom = (polynomial - constant(polynomial.offset)).atom
    return atom if atom is not None and atom.operation == "//" else None


def _flattened(operation: str, operands: Iterable[Polynomial]) -> Iterator[Polynomial]:
    """Yield operands, those of an operand that is the same operation in its place."""
    for operand in operands:
        atom = operand.atom
        if atom is not None and atom.operation == operation:
            yield from atom.operands
        else:
            yield operand


def _order(polynomial: Polynomial) -> tuple[object, ...]:
    """Return what operands whose order does not matter are sorted by; numbers come last."""
    terms = sorted((leading(monomial), count) for monomial, count in polynomial.terms.items())
    return polynomial.constant is not None, terms

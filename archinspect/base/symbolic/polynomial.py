"""Whole numbers as polynomials: the form in which expressions are compared, simplified and evaluated.

The atoms of a polynomial are variables and what no polynomial says: quotients that are rounded down, largest and
smallest numbers, greatest common divisors. What is no whole number is an atom of its own; its arithmetic is never put
into another order, so that its results stay equal to the last bit.
"""

from __future__ import annotations

from math import gcd, inf
from operator import attrgetter
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Bound: TypeAlias = "int | float"
"""A whole number, or infinity."""
Range: TypeAlias = tuple[Bound, Bound]
EVERYTHING: Range = (-inf, inf)
INFINITE = frozenset(EVERYTHING)
"""Unlike `isinf`, what is in it can be asked of whole numbers of any size."""


class Atom:
    """A factor that is not taken apart: a variable, or an operation on polynomials.

    Atoms are made by :class:`archinspect.base.symbolic.algebra.Algebra`, which makes the same one for the same
    operands; `index` counts them, so that an atom comes after those of its operands.
    """

    __slots__ = ("index", "operands", "operation", "range", "value", "whole")

    def __init__(
        self, index: float, operation: str, operands: tuple[Polynomial, ...], value: str | float, *, whole: bool
    ) -> None:
        self.index = index
        self.operation = operation
        """`variable`, `number` (a float), or an operation on the operands."""
        self.operands = operands
        self.value = value
        """The name of a variable, the value of a number."""
        self.whole = whole
        """Whether it is a whole number."""
        self.range = EVERYTHING
        """The least and the largest value, as far as known."""

    def __repr__(self) -> str:
        return str(self.value) if not self.operands else f"{self.operation}{self.operands}"


Monomial: TypeAlias = tuple[Atom, ...]
_INDEX = attrgetter("index")


class Polynomial:
    """A sum of products of atoms, each with a whole coefficient. Polynomials are values: equal, hashed and frozen."""

    __slots__ = ("_hash", "terms")

    def __init__(self, terms: dict[Monomial, int]) -> None:
        self.terms = terms
        """Coefficients by the atoms that are multiplied, these by ascending index; none is 0."""
        self._hash: int | None = None

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self.terms.items()))
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Polynomial) and self.terms == other.terms)

    def __repr__(self) -> str:
        return " + ".join("*".join(map(str, (c, *m))) for m, c in self.terms.items()) or "0"

    @property
    def constant(self) -> int | None:
        """The value of a polynomial without atoms; None for others."""
        if not self.terms:
            return 0
        return self.terms.get(()) if len(self.terms) == 1 else None

    @property
    def atom(self) -> Atom | None:
        """The atom that the polynomial consists of; None where it is more, or less."""
        if len(self.terms) == 1:
            ((monomial, count),) = self.terms.items()
            if count == 1 and len(monomial) == 1:
                return monomial[0]
        return None

    @property
    def whole(self) -> bool:
        """Whether it is a whole number."""
        atom = self.atom
        return atom is None or atom.whole

    @property
    def offset(self) -> int:
        """The term without atoms."""
        return self.terms.get((), 0)

    def atoms(self) -> set[Atom]:
        """Return the atoms that occur in it, without those that occur within them."""
        return {atom for monomial in self.terms for atom in monomial}

    def __add__(self, other: Polynomial) -> Polynomial:
        return summed((self, other))

    def __sub__(self, other: Polynomial) -> Polynomial:
        return self + -other

    def __neg__(self) -> Polynomial:
        return self.scaled(-1)

    def scaled(self, factor: int) -> Polynomial:
        """Return the product with a number."""
        return Polynomial({monomial: count * factor for monomial, count in self.terms.items()} if factor else {})

    def __mul__(self, other: Polynomial) -> Polynomial:
        terms: dict[Monomial, int] = {}
        for one, count in self.terms.items():
            for two, times in other.terms.items():
                product = multiplied(one, two)
                total = terms.get(product, 0) + count * times
                if total:
                    terms[product] = total
                else:
                    del terms[product]
        return Polynomial(terms)

    def content(self) -> int:
        """Return the greatest common divisor of the coefficients, that of the constant term aside; 0 without any."""
        return gcd(*(count for monomial, count in self.terms.items() if monomial))

    def without(self, factor: Monomial) -> Polynomial:
        """Return the quotient by atoms that all terms have."""
        return Polynomial({_removed(monomial, factor): count for monomial, count in self.terms.items()})

    def lead(self) -> Monomial:
        """Return the atoms of the leading term: that of highest degree, in which the first atoms occur most."""
        return min(self.terms, key=leading)


def constant(value: int) -> Polynomial:
    """Return a number as a polynomial."""
    return Polynomial({(): value} if value else {})


ONE = constant(1)


def of_atom(atom: Atom) -> Polynomial:
    """Return an atom as a polynomial."""
    return Polynomial({(atom,): 1})


def summed(polynomials: Iterable[Polynomial]) -> Polynomial:
    """Return the sum of polynomials."""
    longest, *others = sorted((polynomial.terms for polynomial in polynomials), key=len, reverse=True)
    terms = dict(longest)
    for other in others:
        for monomial, count in other.items():
            total = terms.get(monomial, 0) + count
            if total:
                terms[monomial] = total
            else:
                del terms[monomial]
    return Polynomial(terms)


def leading(monomial: Monomial) -> tuple[int, list[float]]:
    """Return what terms are sorted by, the leading one first."""
    return -len(monomial), [atom.index for atom in monomial]


def multiplied(one: Monomial, other: Monomial) -> Monomial:
    """Return the product of products of atoms."""
    if not one or not other:
        return one or other
    return tuple(sorted(one + other, key=_INDEX))


def _taken(atoms: list[Atom], atom: Atom) -> bool:
    """Remove an atom from a list; return whether it was there."""
    if atom not in atoms:
        return False
    atoms.remove(atom)
    return True


def _removed(monomial: Monomial, factor: Monomial) -> Monomial:
    left = list(monomial)
    for atom in factor:
        left.remove(atom)
    return tuple(left)


def ratio(monomial: Monomial, divisor: Monomial) -> Monomial | None:
    """Return the quotient of products of atoms; None where it is none."""
    left = list(monomial)
    return tuple(left) if all(_taken(left, atom) for atom in divisor) else None


def floor_scaled(polynomial: Polynomial, divisor: int) -> Polynomial:
    """Return the quotient by a divisor of all coefficients; the constant term is rounded down."""
    terms = {monomial: count // divisor for monomial, count in polynomial.terms.items()}
    return Polynomial({monomial: count for monomial, count in terms.items() if count})


def common(polynomials: Iterable[Polynomial]) -> Monomial:
    """Return the atoms that all terms of all polynomials have in common."""
    found: list[Atom] | None = None
    for polynomial in polynomials:
        for monomial in polynomial.terms:
            left = list(monomial)
            found = left if found is None else [atom for atom in found if _taken(left, atom)]
    return tuple(found or ())


def divided(dividend: Polynomial, divisor: Polynomial) -> tuple[Polynomial, Polynomial]:
    """Return quotient and rest of a division term by term: `dividend == quotient * divisor + rest`.

    A rest has no term that the divisor's leading term divides, but may well be larger than the divisor.
    """
    lead = divisor.lead()
    times = divisor.terms[lead]
    quotient: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    left = dividend
    while left.terms:
        first = left.lead()
        count = left.terms[first]
        factor = ratio(first, lead)
        if factor is None or count % times:
            rest[first] = count
            left = left + Polynomial({first: -count})
        else:
            quotient[factor] = count // times
            left = left - Polynomial({factor: count // times}) * divisor
    return Polynomial(quotient), Polynomial(rest)


def coefficient(polynomial: Polynomial, atom: Atom) -> tuple[Polynomial, Polynomial]:
    """Return what an atom is multiplied by, and the rest; where it is multiplied by itself it stays in the former."""
    factor: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    for monomial, count in polynomial.terms.items():
        if atom in monomial:
            at = monomial.index(atom)
            factor[monomial[:at] + monomial[at + 1 :]] = count
        else:
            rest[monomial] = count
    return Polynomial(factor), Polynomial(rest)


def replaced(polynomial: Polynomial, atom: Atom, operand: Polynomial) -> Polynomial:
    """Return a polynomial with another in the place of an atom."""
    result = Polynomial({})
    for monomial, count in polynomial.terms.items():
        product = Polynomial({tuple(one for one in monomial if one is not atom): count})
        for _ in range(monomial.count(atom)):
            product *= operand
        result += product
    return result


def reachable(polynomials: Iterable[Polynomial]) -> list[Atom]:
    """Return all atoms that occur in polynomials and within their atoms, each after those that it is made of."""
    found: set[Atom] = set()
    todo = [atom for polynomial in polynomials for atom in polynomial.atoms()]
    while todo:
        atom = todo.pop()
        if atom not in found:
            found.add(atom)
            todo.extend(_inside(atom))
    return sorted(found, key=_INDEX)


def _inside(atom: Atom) -> Iterator[Atom]:
    for operand in atom.operands:
        yield from operand.atoms()

"""Guards: what comparisons have found, and what a formula therefore takes for granted, put as simply as can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.symbolic.bounds import Bounds
from archinspect.base.symbolic.polynomial import (
    ONE,
    Polynomial,
    coefficient,
    common,
    constant,
    divided,
    floor_scaled,
    of_atom,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archinspect.base.symbolic.polynomial import Atom, Range

OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", "<=": ">", ">": "<="}
_SWAPPED = {"<": ">", "<=": ">="}
ZERO = constant(0)
MAX_COMPARED = 30
"""The most guards of which each is compared with every other."""


class Guard(NamedTuple):
    """A relation that holds: `==`, `!=`, `>=`, or between numbers that are not whole also `>`.

    Of whole numbers the right side is 0.
    """

    relation: str
    left: Polynomial
    right: Polynomial = ZERO


def guards(relation: str, left: Polynomial, right: Polynomial, bounds: Bounds) -> Iterator[Guard]:
    """Yield what a true comparison says, in normal form; nothing where it follows from the expressions alone."""
    if relation in _SWAPPED:
        relation, left, right = _SWAPPED[relation], right, left
    if left == right:
        return
    if not (left.whole and right.whole):
        yield Guard(relation, left, right)
    elif relation == ">":
        yield from _normal(">=", left - right - ONE, bounds)
    else:
        yield from _normal(relation, left - right, bounds)


def _normal(relation: str, left: Polynomial, bounds: Bounds) -> Iterator[Guard]:
    """Yield guards which together say that a polynomial has this relation to 0; none where it always has."""
    left = _without_factors(relation, left, bounds)
    if _follows(relation, left, bounds):
        return
    if relation == "!=" and bounds.never_negative(left):
        yield from _normal(">=", left - ONE, bounds)
    elif relation == "!=" and bounds.never_negative(-left):
        yield from _normal(">=", -left - ONE, bounds)
    elif parts := _parts(relation, left):
        for part in parts:
            yield from _normal(">=", part, bounds)
    elif relation != ">=" and left.terms[left.lead()] < 0:
        yield Guard(relation, -left)
    else:
        yield Guard(relation, left)


def _follows(relation: str, left: Polynomial, bounds: Bounds) -> bool:
    if relation == ">=":
        return bounds.never_negative(left)
    if relation == "==":
        return not left.terms
    factor = left.content()
    return bounds.lower(left) > 0 or bounds.upper(left) < 0 or bool(factor and left.offset % factor)


def _without_factors(relation: str, left: Polynomial, bounds: Bounds) -> Polynomial:
    """Return a polynomial that has the same relation to 0, without factors that are positive."""
    left = left.without(tuple(atom for atom in common([left]) if bounds.of(atom)[0] > 0))
    factor = left.content()
    if factor == 0 or (relation != ">=" and left.offset % factor):
        return left
    return floor_scaled(left, factor)


def _parts(relation: str, left: Polynomial) -> list[Polynomial]:
    """Return the polynomials that are never negative where a relation holds, if they say it more simply."""
    for monomial, count in left.terms.items():
        if len(monomial) != 1:
            continue
        (atom,) = monomial
        rest = left - Polynomial({monomial: count})
        if atom in rest.atoms():
            continue
        if relation == ">=" and atom.operation == ("min" if count > 0 else "max"):
            return [rest + operand.scaled(count) for operand in atom.operands]
        if atom.operation == "//" and abs(count) == 1 and all(one.operation == "variable" for one in rest.atoms()):
            dividend, divisor = atom.operands
            least = dividend + rest.scaled(count) * divisor
            parts = {1: least, -1: divisor - least - ONE}
            if relation == ">=":
                return [parts[count]]
            if relation == "==" and rest.constant is not None:
                return [*parts.values()]
    return []


class Simplified(NamedTuple):
    """Guards without those that follow from others."""

    ranges: dict[Atom, Range]
    """Of the variables whose range is narrower than the declared one."""
    relations: tuple[Guard, ...]


def simplified(given: Iterable[Guard]) -> Simplified:
    """Return guards as the ranges of variables, and those relations that do not follow from them."""
    left = list(given)
    inexact = [guard for guard in left if not (guard.left.whole and guard.right.whole)]
    left = [guard for guard in left if guard.left.whole and guard.right.whole]
    ranges: dict[Atom, Range] = {}
    while True:
        bounds = Bounds(ranges)
        narrowed = dict(ranges)
        relations: dict[Guard, None] = {}
        for guard in left:
            for part in _normal(guard.relation, guard.left, bounds):
                if not _narrow(narrowed, part):
                    relations[part] = None
        left = list(relations)
        if narrowed == ranges:
            return Simplified(ranges, (*_independent(left, bounds), *inexact))
        ranges = narrowed


def reduced(polynomial: Polynomial, relations: Iterable[Guard]) -> Polynomial:
    """Return a polynomial that is the same where equations hold, with fewer quotients.

    Where `width % 12 == 0`, `12 * (width // 12)` is `width`; where `height // 4 == 2 * (height // 8)`, one will do.
    """
    for guard in relations:
        if guard.relation != "==":
            continue
        for atom in sorted(guard.left.atoms(), key=lambda atom: atom.index):
            factor, rest = coefficient(guard.left, atom)
            if atom.operation == "//" and polynomial.atoms() >= {atom} and atom not in factor.atoms():
                polynomial = _solved(polynomial, atom, factor, rest)
                break
    return polynomial


def _solved(polynomial: Polynomial, atom: Atom, factor: Polynomial, rest: Polynomial) -> Polynomial:
    """Return a polynomial in which `-rest` stands for the product of an atom and a factor."""
    times, left = coefficient(polynomial, atom)
    if atom in times.atoms():
        return polynomial
    whole, kept = divided(times, factor)
    return left - whole * rest + kept * of_atom(atom)


def _narrow(ranges: dict[Atom, Range], guard: Guard) -> bool:
    """Take a guard on a single variable into the ranges; return whether it is one."""
    atom = (guard.left - constant(guard.left.offset)).atom or (constant(guard.left.offset) - guard.left).atom
    if atom is None or atom.operation != "variable" or guard.relation == "!=":
        return False
    low, high = ranges.get(atom, atom.range)
    value = -guard.left.offset * guard.left.terms[atom,]
    if guard.relation == "==" or guard.left.terms[atom,] > 0:
        low = max(low, value)
    if guard.relation == "==" or guard.left.terms[atom,] < 0:
        high = min(high, value)
    ranges[atom] = low, high
    return True


def _independent(relations: list[Guard], bounds: Bounds) -> list[Guard]:
    """Return guards without those that follow from another one."""
    if len(relations) > MAX_COMPARED:
        return relations
    left = list(relations)
    for guard in relations:
        others = (other for other in left if other is not guard and other.relation in (">=", "=="))
        if guard.relation == ">=" and any(bounds.never_negative(guard.left - other.left) for other in others):
            left.remove(guard)
    return left

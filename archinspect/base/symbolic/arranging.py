"""Polynomials arranged as people write them: as a tree of sums, products and calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from archinspect.base.symbolic.polynomial import (
    ONE,
    Atom,
    Polynomial,
    coefficient,
    common,
    constant,
    divided,
    multiplied,
    of_atom,
    replaced,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from archinspect.base.symbolic.guards import Guard
    from archinspect.base.symbolic.polynomial import Monomial

MAX_PARTS = 20_000
"""The most atoms of a formula that is written."""
MAX_DEPTH = 100
_STAND_INS = ("", "%", "ceildiv", "//", "sum")
MAX_SHIFTED = 100
"""The most terms of a polynomial in which sums that are multiplied are looked for."""


class Applied(NamedTuple):
    """An operation: `+ * // % **`, `negative`, `ceildiv` (a quotient rounded up), `max`, `min`, `abs`, `gcd`.

    Between fractions also `- /`, `floor`, `ceil`, `trunc` and `round`.
    """

    sign: str
    parts: tuple[Tree, ...]


Tree: TypeAlias = "int | float | str | Applied"
"""A number, a name, or an operation."""


def arranged(polynomial: Polynomial) -> Tree:
    """Return a polynomial as a tree; raise ValueError for one that nobody could read."""
    _refuse_huge(polynomial)
    polynomial = _with_calls(polynomial)
    shared = common([polynomial])
    inner = _shifted(polynomial.without(shared))
    if len(inner.terms) == 1:
        shared, inner = multiplied(shared, inner.lead()), inner.without(inner.lead())
    factor = min(map(abs, inner.terms.values()), default=1)
    if len(inner.terms) > 1 and (inner.offset or any(count % factor for count in inner.terms.values())):
        factor = 1  # that a number can be divided, too, is chance
    if inner.terms and all(count < 0 for count in inner.terms.values()):
        factor = -factor
    sum_ = _sum({monomial: count // factor for monomial, count in inner.terms.items()})
    product = _product(shared, abs(factor), () if sum_ == 1 else (sum_,))
    return product if factor > 0 else Applied("negative", (product,))


def _sum(terms: dict[Monomial, int]) -> Tree:
    """Return a sum, terms of low degree first, but `x + 1`, and nothing that is taken away before what is added."""
    order = sorted(terms, key=lambda monomial: (len(monomial), _names_first(monomial)))
    if len(order) == 2 and not order[0] and terms[order[1]] == 1:  # noqa: PLR2004 - a number and an atom
        order.reverse()
    first = next((monomial for monomial in order if terms[monomial] > 0), None)
    if first is not None:
        order.remove(first)
        order.insert(0, first)
    parts = [_signed(monomial, terms[monomial]) for monomial in order]
    return Applied("+", tuple(parts)) if len(parts) > 1 else parts[0] if parts else 0


def _names_first(monomial: Monomial) -> list[tuple[bool, float]]:
    return sorted((atom.operation != "variable", atom.index) for atom in monomial)


def _signed(monomial: Monomial, count: int) -> Tree:
    product = _product(monomial, abs(count), ())
    return product if count > 0 else Applied("negative", (product,))


def _product(monomial: Monomial, count: int, more: tuple[Tree, ...]) -> Tree:
    """Return a product: the number, variables, other atoms, and `more`."""
    distinct = sorted(dict.fromkeys(monomial), key=lambda atom: (atom.operation != "variable", atom.index))
    powers: list[Tree] = []
    for atom in distinct:
        times = monomial.count(atom)
        powers.append(_atom(atom) if times == 1 else Applied("**", (_atom(atom), times)))
    parts = (*([count] if count != 1 or not (powers or more) else []), *powers, *more)
    return Applied("*", parts) if len(parts) > 1 else parts[0]


def _atom(atom: Atom) -> Tree:
    if not atom.operands:
        return atom.value
    operation = atom.operation.removesuffix(".")
    operands = atom.operands
    if operation == "sum":
        return arranged(operands[0])
    if atom.operation == "//":
        dividend, divisor = operands
        number = divisor.constant
        if number is not None and dividend.offset == number - 1:
            return Applied("ceildiv", (arranged(dividend - constant(number - 1)), number))
    if operation == "max" and len(operands) == 2 and operands[0] == -operands[1]:  # noqa: PLR2004 - x and -x
        positive = operands[0].terms[operands[0].lead()] > 0
        return Applied("abs", (arranged(operands[0 if positive else 1]),))
    return Applied(operation, tuple(map(arranged, operands)))


def _with_calls(polynomial: Polynomial) -> Polynomial:
    """Return a polynomial of fewer terms, with remainders and with quotients that are rounded up."""
    return _replaced(_replaced(polynomial, _as_remainder), _as_ceiling)


def _replaced(polynomial: Polynomial, form: Callable[[Polynomial, Atom], Polynomial | None]) -> Polynomial:
    """Return a polynomial in which each quotient has another form, where that leaves fewer terms."""
    quotients = [atom for atom in polynomial.atoms() if atom.operation == "//"]
    for quotient in sorted(quotients, key=lambda atom: -atom.index):
        other = form(polynomial, quotient)
        if other is not None and len(other.terms) < len(polynomial.terms):
            polynomial = other
    return polynomial


def _as_remainder(polynomial: Polynomial, quotient: Atom) -> Polynomial | None:
    """Return a polynomial with `x % d` for `x - d * (x // d)`."""
    dividend, divisor = quotient.operands
    factor, rest = coefficient(polynomial, quotient)
    times, left = divided(-factor, divisor)
    if left.terms:
        return None
    return rest + times * (_stand_in(quotient, "%", dividend, divisor) - dividend)


def _as_ceiling(polynomial: Polynomial, quotient: Atom) -> Polynomial | None:
    """Return a polynomial with `x / d` rounded up for `(x - 1) // d + 1`."""
    dividend, divisor = quotient.operands
    if dividend.offset != -1:
        return None
    factor, rest = coefficient(polynomial, quotient)
    return rest + factor * (_stand_in(quotient, "ceildiv", dividend + ONE, divisor) - ONE)


def _shifted(polynomial: Polynomial) -> Polynomial:
    """Return a polynomial in `x - 2` and `y - 2` for `x * y - 2 * x - 2 * y + 4`, where that leaves fewer terms."""
    for atom in sorted(polynomial.atoms(), key=lambda atom: atom.index):
        if atom.operation in ("variable", "//") and len(polynomial.terms) <= MAX_SHIFTED:
            others = [_with_shift(polynomial, atom, by) for by in _shifts(polynomial, atom)]
            polynomial = min([polynomial, *others], key=lambda other: len(other.terms))
    return polynomial


def _shifts(polynomial: Polynomial, atom: Atom) -> set[int]:
    """Return the numbers by which an atom is larger than a factor that some terms have in common."""
    factor, rest = coefficient(polynomial, atom)
    return {
        -rest.terms[monomial] // count
        for monomial, count in factor.terms.items()
        if monomial in rest.terms and rest.terms[monomial] % count == 0 and (monomial or atom.operation == "//")
    }


def _with_shift(polynomial: Polynomial, atom: Atom, by: int) -> Polynomial:
    """Return a polynomial in which an atom is another one, plus a number."""
    if atom.operation == "//":
        dividend, divisor = atom.operands
        shifted = _stand_in(atom, "//", dividend - divisor.scaled(by), divisor)
    else:
        shifted = _stand_in(atom, "sum", of_atom(atom) - constant(by))
    return replaced(polynomial, atom, shifted + constant(by))


def _stand_in(atom: Atom, operation: str, *operands: Polynomial) -> Polynomial:
    """Return an operation that is written in the place of an atom, and comes right after it."""
    index = atom.index + _STAND_INS.index(operation) / len(_STAND_INS)
    return of_atom(Atom(index, operation, operands, "", whole=True))


def _refuse_huge(polynomial: Polynomial) -> None:
    """Raise ValueError where a formula, written out, would be too long or nest too deep."""
    known: dict[Atom, tuple[int, int]] = {}
    length, depth = _parts_and_depth([polynomial], known, 0)
    if length > MAX_PARTS or depth > MAX_DEPTH:
        raise ValueError(f"the formula has {length:,} parts, too many to be written")


def _parts_and_depth(operands: Iterable[Polynomial], known: dict[Atom, tuple[int, int]], level: int) -> tuple[int, int]:
    """Return how many atoms stand in polynomials, written out, and how deep they nest; no deeper than matters."""
    parts = depth = 0
    for atom in [one for operand in operands for monomial in operand.terms for one in monomial]:
        if atom not in known:
            deeper = (0, 0) if level > MAX_DEPTH else _parts_and_depth(atom.operands, known, level + 1)
            known[atom] = 1 + deeper[0], 1 + deeper[1]
        parts += known[atom][0]
        depth = max(depth, known[atom][1])
    return parts, depth


def relation(guard: Guard) -> tuple[Tree, str, Tree]:
    """Return both sides of a guard, nothing negative in any, and the sign between them."""
    if not (guard.left.whole and guard.right.whole):
        return arranged(guard.left), guard.relation, arranged(guard.right)
    left = _with_calls(guard.left)
    sign = guard.relation
    if sign == ">=" and left.offset == -1 and len(left.terms) > 2:  # noqa: PLR2004 - more than one term against 1
        left, sign = left + ONE, ">"
    more = Polynomial({monomial: count for monomial, count in left.terms.items() if count > 0})
    less = Polynomial({monomial: -count for monomial, count in left.terms.items() if count < 0})
    if not more.terms:
        more, sign, less = less, {">=": "<=", ">": "<"}.get(sign, sign), more
    if not less.terms:
        less = constant(-more.offset)
        more = more + less
    return arranged(more), sign, arranged(less)

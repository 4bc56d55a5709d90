"""Values of polynomials, exactly as Python computes them."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

from archinspect.base.symbolic.polynomial import reachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from archinspect.base.symbolic.polynomial import Atom, Polynomial

_SIGNS: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "max": max,
    "min": min,
    "negative": operator.neg,
    "abs": abs,
}
OPERATIONS: dict[str, Callable[..., Any]] = {
    **_SIGNS,
    "gcd": math.gcd,
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "round": round,
    # Between numbers that are not all whole, with a dot as in Caml.
    **{f"{sign}.": function for sign, function in _SIGNS.items()},
}
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def evaluated(polynomials: Iterable[Polynomial], variables: Mapping[str, float]) -> list[Any]:
    """Return the values of polynomials for values of the variables, by their names."""
    polynomials = list(polynomials)
    found: dict[Atom, Any] = {}
    for atom in reachable(polynomials):
        if atom.operation == "variable":
            found[atom] = variables[str(atom.value)]
        elif atom.operation == "number":
            found[atom] = atom.value
        else:
            found[atom] = OPERATIONS[atom.operation](*[_value(operand, found) for operand in atom.operands])
    return [_value(polynomial, found) for polynomial in polynomials]


def _value(polynomial: Polynomial, found: Mapping[Atom, Any]) -> Any:  # noqa: ANN401 - a number
    if polynomial.atom is not None:
        return found[polynomial.atom]
    return sum(count * math.prod([found[atom] for atom in monomial]) for monomial, count in polynomial.terms.items())

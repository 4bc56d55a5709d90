"""Formulas for many values at once, by NumPy, each result exactly that of the formula.

Numbers are 64-bit integers wherever their largest possible value shows that they fit, and Python's integers elsewhere.
"""

from __future__ import annotations

from functools import reduce
from math import prod
from operator import index
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from archinspect.base.symbolic.evaluation import COMPARISONS, OPERATIONS
from archinspect.base.symbolic.polynomial import Polynomial, coefficient, reachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from archinspect.base.symbolic.formulas import Formula
    from archinspect.base.symbolic.guards import Guard
    from archinspect.base.symbolic.polynomial import Atom

    Array = NDArray[Any]

LARGEST = 2**63 - 1
_INDEX = np.frompyfunc(index, 1, 1)
BLOCK = 2**14
"""How many values are computed at once."""


class Column(NamedTuple):
    """The values of a formula, and the least and the largest of them, or bounds of both."""

    values: Array
    low: int
    high: int


class Table:
    """Formulas that are evaluated together, what they have in common once.

    >>> import numpy as np
    >>> from archinspect.base.symbolic.trace import Trace
    >>> trace = Trace()
    >>> height, batch = trace.symbol("height", 224), trace.symbol("batch", 1)
    >>> table = Table({"positions": trace.formula(batch * (height // 2))})
    >>> columns, holds = table(height=np.array([[224], [225]]), batch=np.array([[1, 2]]))
    >>> columns["positions"].tolist(), bool(holds.all())
    ([[112, 224], [112, 224]], True)
    """

    def __init__(self, formulas: Mapping[str, Formula]) -> None:
        self._expressions = {name: formula.expression for name, formula in formulas.items()}
        self._guards = list(dict.fromkeys(guard for formula in formulas.values() for guard in formula.conditions()))
        self._sides = [side for guard in self._guards for side in (guard.left, guard.right)]
        self.variables = tuple(dict.fromkeys(name for formula in formulas.values() for name in formula.variables))

    def __call__(self, **values: Any) -> tuple[dict[str, Array], Array]:  # noqa: ANN401 - whatever NumPy takes
        """Return an array for each formula, and one that is true where the guards of all formulas hold.

        Values are arrays that broadcast: a mesh of `numpy.ix_` computes what depends on one variable for its values
        only. Where the guards do not hold, the figures mean nothing.
        """
        for name in values:
            if name not in self.variables:
                raise ValueError(f"there is no variable '{name}', only {', '.join(self.variables) or 'none at all'}")
        missing = [name for name in self.variables if name not in values]
        if missing:
            raise ValueError(f"values for {' and '.join(missing)} are missing")
        given = {name: _array(array) for name, array in values.items()}
        blocks = [self._evaluated(block) for block in _blocks(given)]
        if len(blocks) == 1:
            *columns, holds = blocks[0]
        else:
            *columns, holds = map(np.concatenate, zip(*blocks, strict=True))
        return dict(zip(self._expressions, columns, strict=True)), holds

    def _evaluated(self, values: Mapping[str, Array]) -> list[Array]:
        """Return an array for each formula, and that of where all guards hold."""
        evaluation = _Evaluation(values, [*self._expressions.values(), *self._sides])
        columns = [evaluation.column(expression).values for expression in self._expressions.values()]
        shape = np.broadcast_shapes(*[array.shape for array in values.values()])
        return [np.broadcast_to(array, shape) for array in (*columns, evaluation.hold(self._guards))]


def _blocks(values: Mapping[str, Array]) -> Iterator[Mapping[str, Array]]:
    """Yield arrays in blocks along the first axis, small enough for a processor's cache to hold what is in between."""
    shape = np.broadcast_shapes(*[array.shape for array in values.values()])
    step = max(BLOCK // max(prod(shape[1:]), 1), 1)
    if not shape or shape[0] <= step:
        yield values
        return
    for start in range(0, shape[0], step):
        yield {
            name: array[start : start + step] if array.ndim == len(shape) and array.shape[0] > 1 else array
            for name, array in values.items()
        }


class _Evaluation:
    """Polynomials at given values of the variables: every atom, product and sum is computed once."""

    def __init__(self, variables: Mapping[str, Array], polynomials: Iterable[Polynomial]) -> None:
        self._known: dict[Polynomial, Column] = {}
        self._atoms: dict[Atom, Column] = {}
        self._failed: list[Array] = []
        """For each operation that failed for some values: where it did not."""
        for atom in reachable(polynomials):
            if atom.operation == "variable":
                self._atoms[atom] = _given(variables[str(atom.value)], whole=atom.whole)
            elif atom.operation == "number":
                self._atoms[atom] = Column(np.array(atom.value, dtype=object), 0, 0)
            elif atom.operation in _WHOLE:
                self._atoms[atom] = _WHOLE[atom.operation](*map(self.column, atom.operands))
            else:
                self._atoms[atom] = self._by_python(atom)

    def column(self, polynomial: Polynomial) -> Column:
        """Return the values of a polynomial."""
        found = self._known.get(polynomial)
        if found is None:
            found = self._known[polynomial] = self._sum(polynomial)
        return found

    def hold(self, guards: Iterable[Guard]) -> Array:
        """Return where guards hold, and nothing failed."""
        masks = [*self._failed]
        for guard in guards:
            left, right = self.column(guard.left), self.column(guard.right)
            if guard.relation != ">=" or not guard.left.whole or left.low < 0:
                masks.append(COMPARISONS[guard.relation](left.values, right.values).astype(bool))
        masks.sort(key=lambda mask: mask.size)
        return reduce(np.logical_and, masks, np.array(True))

    def _sum(self, polynomial: Polynomial) -> Column:
        terms = polynomial.terms
        if polynomial.constant is not None:
            return _constant(polynomial.constant)
        if len(terms) == 1:
            ((monomial, count),) = terms.items()
            product = reduce(_times, sorted((self._atoms[atom] for atom in monomial), key=_size))
            return product if count == 1 else _times(product, _constant(count))
        atom = self._shared(polynomial)
        if atom is None:
            parts = [self.column(Polynomial({monomial: count})) for monomial, count in terms.items()]
            return reduce(_plus, sorted(parts, key=_size))
        # What several terms have in common is multiplied once.
        factor, rest = coefficient(polynomial, atom)
        product = _times(self.column(factor), self._atoms[atom])
        return _plus(self.column(rest), product) if rest.terms else product

    def _shared(self, polynomial: Polynomial) -> Atom | None:
        """Return the atom that most terms have; among several, that of most values."""
        counts: dict[Atom, int] = {}
        for monomial in polynomial.terms:
            for atom in dict.fromkeys(monomial):
                counts[atom] = counts.get(atom, 0) + 1
        most = max(counts, key=lambda atom: (counts[atom], self._atoms[atom].values.size))
        return most if counts[most] > 1 else None

    def _by_python(self, atom: Atom) -> Column:
        """Return an operation with fractions, value by value as Python computes it."""
        operation = OPERATIONS[atom.operation]

        def attempt(*operands: Any) -> tuple[Any, bool]:  # noqa: ANN401 - numbers
            try:
                return operation(*operands), True
            except (ArithmeticError, ValueError):
                return 0, False

        operands = [self.column(operand).values.astype(object) for operand in atom.operands]
        values, fine = np.frompyfunc(attempt, len(operands), 2)(*operands)
        values, fine = np.asarray(values, dtype=object), np.asarray(fine, dtype=bool)
        if not fine.all():
            self._failed.append(fine)
        return _given(values, whole=True) if atom.whole else Column(values, 0, 0)


def _array(values: Any) -> Array:  # noqa: ANN401 - whatever NumPy takes
    """Return values as an array; of a list Python's own numbers, which NumPy would make fractions if they are large."""
    return values if isinstance(values, np.ndarray) else np.array(values, dtype=object)


def _given(array: Array, *, whole: bool) -> Column:
    """Return values with their bounds; whole ones as 64-bit integers where they fit."""
    if not whole:
        return Column(array.astype(float).astype(object), 0, 0)
    if array.dtype.kind not in "iu":
        array = np.asarray(_INDEX(array), dtype=object)
    low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
    fits = max(-low, high) <= LARGEST
    return Column(array.astype(np.int64 if fits else object), low, high)


def _constant(value: int) -> Column:
    return Column(np.array(value, dtype=np.int64 if abs(value) <= LARGEST else object), value, value)


def _size(column: Column) -> int:
    return column.values.size


def _exact(operation: Callable[[Array, Array], Array], one: Column, other: Column, low: int, high: int) -> Column:
    """Return the result of an operation, in Python's integers where it might not fit into 64 bits."""
    left, right = one.values, other.values
    if max(-low, high) > LARGEST:
        left = left.astype(object)
    return Column(np.asarray(operation(left, right)), low, high)


def _plus(one: Column, other: Column) -> Column:
    return _exact(np.add, one, other, one.low + other.low, one.high + other.high)


def _times(one: Column, other: Column) -> Column:
    corners = [a * b for a in (one.low, one.high) for b in (other.low, other.high)]
    return _exact(np.multiply, one, other, min(corners), max(corners))


def _quotient(one: Column, other: Column) -> Column:
    if other.low <= 0 <= other.high:
        # Where a divisor is 0, the guards do not hold.
        other = Column(np.where(other.values == 0, 1, other.values), min(other.low, -1), max(other.high, 1))
    most = max(abs(one.low), abs(one.high))
    low = 0 if one.low >= 0 and other.low > 0 else -most
    high = one.high // other.low if one.high >= 0 and other.low > 0 else most
    return _exact(np.floor_divide, one, other, low, high)


def _largest(*columns: Column) -> Column:
    values = reduce(np.maximum, [column.values for column in columns])
    return Column(values, max(column.low for column in columns), max(column.high for column in columns))


def _smallest(*columns: Column) -> Column:
    values = reduce(np.minimum, [column.values for column in columns])
    return Column(values, min(column.low for column in columns), min(column.high for column in columns))


def _gcd(one: Column, other: Column) -> Column:
    high = max(abs(one.low), abs(one.high), abs(other.low), abs(other.high))
    return _exact(np.gcd, one, other, 0, high)


_WHOLE: dict[str, Callable[..., Column]] = {"//": _quotient, "max": _largest, "min": _smallest, "gcd": _gcd}

"""Numbers of which a trace knows how they came about, and which comparisons their makers relied on.

A rule that runs on the symbols of a trace computes formulas, and its comparisons become guards: the formulas hold for
all values of the symbols for which every comparison turns out as it did in the trace.
"""

from __future__ import annotations

from math import ceil, floor, isfinite
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from archinspect.base.symbolic.algebra import Algebra
from archinspect.base.symbolic.evaluation import COMPARISONS, OPERATIONS
from archinspect.base.symbolic.formulas import Formula
from archinspect.base.symbolic.guards import OPPOSITE, ZERO, Simplified, guards, reduced, simplified
from archinspect.base.symbolic.polynomial import ONE, Polynomial, summed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.base.symbolic.guards import Guard

Number: TypeAlias = "int | float | Symbolic"
_NUMBERS = (int, float)


class Trace:
    """Symbols, the numbers that are computed from them, and what comparisons have found.

    >>> trace = Trace()
    >>> height = trace.symbol("height", 224)
    >>> half = (height + 1) // 2
    >>> half > 7
    True
    >>> print(trace.formula(64 * half))
    64 * ceil(height / 2)
    >>> trace.formula(64 * half).guards
    ('height >= 15',)
    >>> trace.formula(64 * half)(height=225)
    7232
    """

    def __init__(self) -> None:
        self.algebra = Algebra()
        self.symbols: dict[str, Symbolic] = {}
        self._numbers: dict[Polynomial, Symbolic] = {}
        self._exact: dict[str, Callable[..., Polynomial]] = {
            "+": Polynomial.__add__,
            "-": Polynomial.__sub__,
            "*": Polynomial.__mul__,
            "negative": Polynomial.__neg__,
            "//": self.algebra.quotient,
            "%": self.algebra.remainder,
            "max": self.algebra.largest,
            "min": self.algebra.smallest,
            "gcd": self.algebra.gcd,
            "abs": self.algebra.magnitude,
        }
        self._results: dict[tuple[object, ...], Number] = {}
        self._compared: set[tuple[str, Polynomial, Polynomial, bool]] = set()
        self._guards: dict[Guard, None] = {}
        self._simplified = Simplified({}, ())
        self._counted = 0
        """How many guards there were when they were simplified."""

    def symbol(self, name: str, value: float, low: int | None = 1) -> Any:  # noqa: ANN401 - an int to rules
        """Return a variable with its value at the traced point; a whole one is never below `low`, if that is given."""
        if name in self.symbols:
            raise ValueError(f"there is a symbol '{name}' already")
        whole = isinstance(value, int)
        if whole and low is not None and value < low:
            raise ValueError(f"'{name}' is {value}, and must be {low} or more")
        form = self.algebra.variable(name, low if whole else None, whole=whole)
        self.symbols[name] = self._numbers[form] = Symbolic(self, form, value)
        return self.symbols[name]

    def form(self, number: Number) -> Polynomial:
        """Return a number as a polynomial."""
        return number.form if type(number) is Symbolic else self.algebra.number(number)  # type: ignore[arg-type] # plain

    def number(self, form: Polynomial, value: float) -> Number:
        """Return the number of a form: always the same one, and a plain one for a constant."""
        if form.constant is not None:
            return value
        found = self._numbers.get(form)
        if found is None:
            found = self._numbers[form] = Symbolic(self, form, value)
        return found

    def found(self, relation: str, left: Polynomial, right: Polynomial, *, holds: bool = True) -> None:
        """Record what a comparison has found, unless it follows from the expressions alone."""
        key = (relation, left, right, holds)
        if key not in self._compared:
            self._compared.add(key)
            relation = relation if holds else OPPOSITE[relation]
            self._guards |= dict.fromkeys(guards(relation, left, right, self.algebra.bounds))

    def guards(self) -> Simplified:
        """Return what comparisons have found so far."""
        if self._counted != len(self._guards):
            self._simplified, self._counted = simplified(self._guards), len(self._guards)
        return self._simplified

    def formula(self, number: Number) -> Formula:
        """Return a number as a formula, with the guards of all comparisons so far."""
        guards = self.guards()
        return Formula(reduced(self.form(number), guards.relations), guards)

    def combined(self, sign: str, *operands: Number) -> Number:
        """Return the result of an operation; networks repeat themselves, so that it is computed once."""
        key = (sign, *[_identity(operand) for operand in operands])
        found = self._results.get(key)
        if found is None:
            found = self._results[key] = self._combined(sign, operands)
        return found

    def _combined(self, sign: str, operands: tuple[Number, ...]) -> Number:
        values = [at_point(operand) for operand in operands]
        value = OPERATIONS[sign](*values)
        forms = [self.form(operand) for operand in operands]
        exact = sign in self._exact and all(form.whole for form in forms)
        if sign in ("//", "%", "/"):
            self._divides(forms[1], values[1], exact=exact)
        if not exact:
            return self.number(self.algebra.inexact(f"{sign}.", *forms), value)
        if sign in ("//", "%") and values[1] < 0:
            form = self._exact[sign](-forms[0], -forms[1])
            return self.number(form if sign == "//" else -form, value)
        return self.number(self._exact[sign](*forms), value)

    def total(self, numbers: Sequence[Number]) -> Number:
        """Return the sum of numbers, in which terms are added up once."""
        forms = [self.form(number) for number in numbers]
        if not all(form.whole for form in forms):
            return sum(numbers)
        return self.number(summed(forms), sum(map(at_point, numbers)))

    def _divides(self, divisor: Polynomial, value: float, *, exact: bool) -> None:
        """Take for granted that a divisor is not 0; for a division without fractions, that it keeps its sign."""
        if not exact:
            self.found("!=", divisor, ZERO)
        elif value > 0:
            self.found(">=", divisor, ONE)
        else:
            self.found(">=", -divisor, ONE)

    def rounded(self, operation: str, number: Symbolic) -> Number:
        """Return a number rounded to a whole one."""
        if number.form.whole:
            return number
        value = OPERATIONS[operation](number.value)
        return self.number(self.algebra.inexact(operation, number.form, whole=True), value)


def at_point(number: Number) -> int | float:
    """Return a number's value at the traced point."""
    return number.value if type(number) is Symbolic else number  # type: ignore[return-value] # a plain one


def _identity(number: Number) -> object:
    """Return what tells a number from all others; 1 is not 1.0."""
    return number.form if type(number) is Symbolic else number if type(number) is int else (type(number), number)


class Symbolic:
    """A number of a trace: to rules an int or a float, but what is compared is recorded.

    It is no subclass of int, whose values C code would read without a word: `range`, indices and whatever else needs a
    plain number asks for it, and that is a guard, too: `number == value`. It cannot be hashed, since in a set or a dict
    nobody would see that two numbers differ.
    """

    __slots__ = ("form", "trace", "value")

    def __init__(self, trace: Trace, form: Polynomial, value: float) -> None:
        self.trace = trace
        self.form = form
        self.value = value

    @property  # type: ignore[misc] # it is read only
    def __class__(self) -> type:
        """The type of the value, which `isinstance` looks at."""
        return type(self.value)

    def __hash__(self) -> NoReturn:
        raise TypeError(f"the symbolic number {self!r} cannot be hashed: compare it")

    def __repr__(self) -> str:
        try:
            return f"<{Formula(self.form)}>"
        except ValueError:  # too long to be read, but a number of its own
            return f"<symbolic number {id(self):#x}>"

    def called(self, name: str) -> Symbolic:  # noqa: ARG002 - explanations give names to what is computed
        """Return the number; in a closed formula only symbols have names."""
        return self

    # Where a plain number is needed.

    def __index__(self) -> int:
        if not isinstance(self.value, int):
            raise TypeError(f"the symbolic number {self!r} is not whole")
        return int(self._pinned())

    def __int__(self) -> int:
        if isinstance(self.value, int):
            return int(self._pinned())
        whole = self.trace.rounded("trunc", self)
        return int(whole._pinned()) if type(whole) is Symbolic else int(whole)  # noqa: SLF001 - one of these

    def __float__(self) -> float:
        return float(self._pinned())

    # As text, in messages and labels, it is its value; who lets text decide anything takes `int` first.

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)

    def _pinned(self) -> int | float:
        """Return the value, and take it for granted."""
        self.trace.found("==", self.form, self.trace.form(self.value))
        return self.value

    # Comparisons.

    def _compared(self, relation: str, other: Number) -> bool:
        if not isinstance(other, _NUMBERS):
            return NotImplemented  # type: ignore[no-any-return] # as operators do
        holds = bool(COMPARISONS[relation](self.value, at_point(other)))
        if type(other) is float and self.form.whole:
            # Of whole numbers, `< 2.5` says `<= 2`; infinity, and equality to a fraction, say nothing.
            if not isfinite(other) or (relation in ("==", "!=") and not other.is_integer()):
                return holds
            if not other.is_integer():
                relation = relation[0] + "="
            other = floor(other) if relation[0] == "<" else ceil(other)
        self.trace.found(relation, self.form, self.trace.form(other), holds=holds)
        return holds

    def __eq__(self, other: object) -> bool:
        return self._compared("==", other)  # type: ignore[arg-type] # says NotImplemented of other kinds

    def __ne__(self, other: object) -> bool:
        return self._compared("!=", other)  # type: ignore[arg-type] # as above

    def __lt__(self, other: Number) -> bool:
        return self._compared("<", other)

    def __le__(self, other: Number) -> bool:
        return self._compared("<=", other)

    def __gt__(self, other: Number) -> bool:
        return self._compared(">", other)

    def __ge__(self, other: Number) -> bool:
        return self._compared(">=", other)

    def __bool__(self) -> bool:
        return self != 0

    def is_integer(self) -> bool:
        """Return whether a float has no fraction."""
        return self == self.trace.rounded("floor", self)

    # Arithmetic.

    def _combined(self, sign: str, left: Number, right: Number) -> Number:
        if isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS):
            return self.trace.combined(sign, left, right)
        return NotImplemented  # type: ignore[no-any-return] # as operators do

    def __add__(self, other: Number) -> Number:
        return self._combined("+", self, other)

    def __radd__(self, other: Number) -> Number:
        return self._combined("+", other, self)

    def __sub__(self, other: Number) -> Number:
        return self._combined("-", self, other)

    def __rsub__(self, other: Number) -> Number:
        return self._combined("-", other, self)

    def __mul__(self, other: Number) -> Number:
        return self._combined("*", self, other)

    def __rmul__(self, other: Number) -> Number:
        return self._combined("*", other, self)

    def __floordiv__(self, other: Number) -> Number:
        return self._combined("//", self, other)

    def __rfloordiv__(self, other: Number) -> Number:
        return self._combined("//", other, self)

    def __truediv__(self, other: Number) -> Number:
        return self._combined("/", self, other)

    def __rtruediv__(self, other: Number) -> Number:
        return self._combined("/", other, self)

    def __mod__(self, other: Number) -> Number:
        return self._combined("%", self, other)

    def __rmod__(self, other: Number) -> Number:
        return self._combined("%", other, self)

    def __divmod__(self, other: Number) -> tuple[Number, Number]:
        return self // other, self % other

    def __rdivmod__(self, other: Number) -> tuple[Number, Number]:
        return other // self, other % self

    def __pow__(self, exponent: Number) -> Number:
        if not isinstance(exponent, _NUMBERS):
            return NotImplemented
        if self.form.whole and isinstance(exponent, int) and exponent >= 0:
            times = int(exponent)
            return self.trace.number(self.trace.algebra.power(self.form, times), self.value**times)
        return self._combined("**", self, exponent)

    def __rpow__(self, base: Number) -> Number:
        if isinstance(base, int) and isinstance(self.value, int):
            power: Number = base ** int(self)
            return power
        return self._combined("**", base, self)

    def __neg__(self) -> Number:
        return self.trace.combined("negative", self)

    def __pos__(self) -> Number:
        return self

    def __abs__(self) -> Number:
        return self.trace.combined("abs", self)

    def largest(self, other: Number) -> Number:
        """Return the larger of two numbers; unlike `max`, this remembers both."""
        return self._combined("max", self, other)

    def smallest(self, other: Number) -> Number:
        """Return the smaller of two numbers; unlike `min`, this remembers both."""
        return self._combined("min", self, other)

    def gcd(self, other: Number) -> Number:
        """Return the greatest common divisor."""
        return self._combined("gcd", self, other)

    def total(self, numbers: Sequence[Number]) -> Number:
        """Return the sum of numbers; unlike `sum`, without a sum of its own after each of them."""
        return self.trace.total(numbers)

    def __floor__(self) -> Number:
        return self.trace.rounded("floor", self)

    def __ceil__(self) -> Number:
        return self.trace.rounded("ceil", self)

    def __trunc__(self) -> Number:
        return self.trace.rounded("trunc", self)

    def __round__(self, digits: int | None = None) -> Number:
        return self.trace.rounded("round", self) if digits is None else round(self._pinned(), digits)

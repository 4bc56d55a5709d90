"""Numbers that remember how they came about, so that an operator's rules, run on them, give their own formulas.

A traced number is an ordinary int or float wherever a rule compares or indexes with it; where a rule
distinguishes cases, the formula is therefore that of the case at hand.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Number: TypeAlias = "int | float | Traced"
N = TypeVar("N", bound=Number)

_COMPUTE: dict[str, Callable[..., int | float]] = {
    "max": max,
    "min": min,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "/": operator.truediv,
    "%": operator.mod,
    "negative": operator.neg,
}
# How tightly each binds.
_BINDS = {"+": 1, "-": 1, "*": 2, "//": 2, "/": 2, "%": 2, "negative": 3}
_ATOM = 4
_plain = operator.attrgetter("real")
"""As :func:`plain`, for what is done often."""
MAX_OPERATIONS = 200
"""Of a formula that is written."""


class Traced:
    """What traced ints and floats share: a name, or an operator and its operands."""

    name: str = ""
    operator: str = ""
    operands: tuple[Number, ...] = ()
    definition: Number | None = None
    """What a name stands for, where that is computed."""

    def called(self, name: str) -> Number:
        """Return the number under a name; one that has a name keeps it."""
        return self if self.name else named(self, name, self)

    def largest(self, other: Number) -> Number:
        """Return the larger of two numbers; unlike `max`, this remembers both."""
        return _result("max", self, other)

    def smallest(self, other: Number) -> Number:
        """Return the smaller of two numbers; unlike `min`, this remembers both."""
        return _result("min", self, other)

    def gcd(self, other: Number) -> int:
        """Return the greatest common divisor, which no expression of a spec can say."""
        return math.gcd(int(plain(cast("Number", self))), int(plain(other)))

    def total(self, numbers: Iterable[Number]) -> Number:
        """Return the sum of numbers."""
        return sum(numbers)

    def __add__(self, other: Number) -> Number:
        return _add(self, other)

    def __radd__(self, other: Number) -> Number:
        return _add(other, self)

    def __sub__(self, other: Number) -> Number:
        return _subtract(self, other)

    def __rsub__(self, other: Number) -> Number:
        return _subtract(other, self)

    def __mul__(self, other: Number) -> Number:
        return _multiply(self, other)

    def __rmul__(self, other: Number) -> Number:
        return _multiply(other, self)

    def __floordiv__(self, other: Number) -> Number:
        return _divide("//", self, other)

    def __rfloordiv__(self, other: Number) -> Number:
        return _divide("//", other, self)

    def __truediv__(self, other: Number) -> Number:
        return _divide("/", self, other)

    def __rtruediv__(self, other: Number) -> Number:
        return _divide("/", other, self)

    def __mod__(self, other: Number) -> Number:
        return _result("%", self, other)

    def __rmod__(self, other: Number) -> Number:
        return _result("%", other, self)

    def __neg__(self) -> Number:
        return _result("negative", self)


class TracedInt(Traced, int):  # type: ignore[misc] # its arithmetic takes any number
    """A traced int."""


class TracedFloat(Traced, float):  # type: ignore[misc] # as above
    """A traced float."""


def named(value: N, name: str, definition: Number | None = None) -> N:
    """Return a number that a formula calls by its name."""
    number = _traced(value)
    number.name, number.definition = name, definition
    return number  # type: ignore[return-value] # what is traced is an int or a float


def structure(numbers: Iterable[Number], values: dict[str, int | float]) -> tuple[object, ...]:
    """Return what is the same for numbers that came about in the same way, whatever numbers the names stand for.

    These, by their names, are added to `values`.
    """
    found: list[object] = []
    waiting = [*numbers]
    while waiting:
        part = waiting.pop()
        if not isinstance(part, Traced):
            found.append(part)
        elif part.name:
            name, value = part.name, _plain(part)
            found.append(name if value >= 0 else f"-{name}")  # which may stand in brackets
            if name not in values and part.definition is not None:
                found.append("=")
                waiting.append(part.definition)
            values[name] = value
        else:
            found.append(part.operator or _plain(part))
            waiting += part.operands
    return tuple(found)


def plain(number: Number) -> int | float:
    """Return a number without its history."""
    return number.real  # type: ignore[union-attr] # what is traced is an int or a float


def _traced(value: Number) -> Traced:
    return TracedInt(value) if isinstance(value, int) else TracedFloat(value)  # type: ignore[arg-type] # as above


def _result(operator: str, *operands: Number) -> Number:
    number = _traced(_COMPUTE[operator](*map(_plain, operands)))
    number.operator, number.operands = operator, operands
    return number


# What would only be noise is left out: a stride of 1, a bias that is not there, what is taken away and added again.


def _add(a: Number, b: Number) -> Number:
    for one, other in ((a, b), (b, a)):
        if not isinstance(one, Traced):
            if one == 0:
                return other
        elif one.operator == "-" and not one.name and _same(one.operands[1], other):
            return one.operands[0]
    return _result("+", a, b)


def _subtract(a: Number, b: Number) -> Number:
    if _is(b, 0):
        return a
    if _operator(a) == "+" and _same(_operands(a)[0], b):
        return _operands(a)[1]
    return _result("-", a, b)


def _multiply(a: Number, b: Number) -> Number:
    for one, other in ((a, b), (b, a)):
        if one in (0, 1) and not isinstance(one, Traced):
            return other if one else 0
    return _result("*", a, b)


def _divide(operator: str, a: Number, b: Number) -> Number:
    return a if _is(b, 1) else _result(operator, a, b)


def _is(number: Number, value: int) -> bool:
    return number == value and not isinstance(number, Traced)


def _same(a: Number, b: Number) -> bool:
    return a is b or (not isinstance(a, Traced) and not isinstance(b, Traced) and a == b)


def _operator(number: Number) -> str:
    return number.operator if isinstance(number, Traced) and not number.name else ""


def _operands(number: Number) -> tuple[Number, ...]:
    return number.operands if isinstance(number, Traced) else ()


def terms(number: Number) -> list[Number]:
    """Return the terms of a sum; the number itself where it is none."""
    found: list[Number] = []
    waiting = [number]
    while waiting:
        part = waiting.pop()
        if _operator(part) == "+":
            waiting += reversed(_operands(part))
        else:
            found.append(part)
    return found


def named_numbers(number: Number) -> list[Traced]:
    """Return the named numbers of a formula from left to right, after those that define them."""
    found: list[Traced] = []
    waiting = [number]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Traced):
            if part.operator:
                waiting += part.operands[::-1]
            elif part.name:
                if isinstance(part.definition, Traced):
                    found += named_numbers(part.definition)
                found.append(part)
    return found


def is_long(number: Number) -> bool:
    """Return whether a number comes of more operations than anyone reads."""
    waiting, operations = [number], 0
    while waiting and operations <= MAX_OPERATIONS:
        part = waiting.pop()
        if isinstance(part, Traced) and not part.name:
            operations += bool(part.operator)
            waiting += part.operands
    return operations > MAX_OPERATIONS


class Written(NamedTuple):
    """A formula as an expression of a spec."""

    text: str
    """With names."""
    numbers: str
    """With a place for the number of each, `{name}`."""


_Form: TypeAlias = tuple[str, str, int, int]
"""Both texts of a formula, and how tightly they bind."""


def written(number: Number) -> Written:
    """Write how a number was computed."""
    return Written(*_written(number)[:2])


def _written(number: Number) -> _Form:
    if not isinstance(number, Traced):
        return _atom("", number)
    if number.name or not number.operator:
        return _atom(number.name, _plain(number))
    sign, parts = number.operator, number.operands
    if sign == "negative" and _operator(parts[0]) == "//" and _operator(_operands(parts[0])[0]) == "negative":
        # -(-a // b) is how a rule rounds up.
        (above,), below = _operands(_operands(parts[0])[0]), _operands(parts[0])[1]
        text, numbers, *_ = _written(_result("/", above, below))
        return f"ceil({text})", f"ceil({numbers})", _ATOM, _ATOM
    if sign in ("max", "min"):
        forms = list(map(_written, parts))
        return (
            f"{sign}({', '.join(form[0] for form in forms)})",
            f"{sign}({', '.join(form[1] for form in forms)})",
            _ATOM,
            _ATOM,
        )
    binds = _BINDS[sign]
    text, numbers = _within(_written(parts[0]), binds)
    if sign == "negative":
        return f"-{text}", f"-{numbers}", binds, binds
    # What is subtracted or divided by needs brackets where it binds as tightly; so does a quotient in a product.
    same = sign in ("+", "*") and _operator(parts[1]) == sign
    right_text, right_numbers = _within(_written(parts[1]), binds if same else binds + 1)
    return f"{text} {sign} {right_text}", f"{numbers} {sign} {right_numbers}", binds, binds


def _within(form: _Form, binds: int) -> tuple[str, str]:
    """Return both texts, in brackets where they bind less tightly than what they stand in."""
    text, numbers, text_binds, numbers_bind = form
    return text if text_binds >= binds else f"({text})", numbers if numbers_bind >= binds else f"({numbers})"


def _atom(name: str, value: float) -> _Form:
    binds = _ATOM if value >= 0 else 0
    if name:
        return name, f"{{{name}}}", _ATOM, binds
    text = str(value) if isinstance(value, int) else f"{value:.12g}"
    return text, text, binds, binds

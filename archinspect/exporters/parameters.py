"""The parameters of a class or function, found by laying its copies side by side.

A column is what stands at one place in each copy. What is the same in all of them is written into the class; what
differs becomes a parameter, or follows from one.
"""

from __future__ import annotations

import keyword
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from archinspect.exporters.code import Hole

ABSENT: Any = type("Absent", (), {})()
"""What stands where a copy lacks an optional part."""


INPUTS = ("in_channels", "in_features", "num_features", "input_size")
"""Names of parameters that say how much comes in."""


SORTS = {
    **dict.fromkeys(("kernel_size", "pool_size", "strides", "dilation_rate", "padding"), "window"),
    **dict.fromkeys(("params", "macs", "flops", "buffers"), "cost"),
    "depth": "depth",
    "rate": "rate",
}
"""Kinds of numbers that say nothing of numbers of another kind."""


class Presence(NamedTuple):
    """Whether a copy has an optional part, as the column behind those of the part itself."""

    value: bool
    role: str
    """The part's name."""
    holes: int
    """How many columns are the part's own."""


class Parameter(NamedTuple):
    """A parameter of a class: its name, and its value in each copy."""

    name: str
    values: tuple[Any, ...]
    default: Any = ...
    """The value that most copies have, where that is worth a default."""


class Expression(NamedTuple):
    """A value by a parameter: itself, a multiple of it, or a part, rounded down."""

    parameter: str
    factor: int = 1
    divisor: int = 1

    def __str__(self) -> str:
        text = self.parameter
        if self.factor != 1:
            text = f"{self.factor} * {text}"
        return text if self.divisor == 1 else f"{text} // {self.divisor}"

    def of(self, value: int) -> int:
        """Return what it is where the parameter has this value."""
        return self.factor * value // self.divisor


class Differ(NamedTuple):
    """A condition: two values, by parameters or fixed, are not the same."""

    one: Any
    other: Any

    def __str__(self) -> str:
        return f"{self.one} != {self.other}"


class Solver:
    """Finds the parameters of a class, and what stands for each of its holes."""

    def __init__(self, args: Sequence[Mapping[str, Any]], *, apart: bool = False) -> None:
        """With `apart` a value follows only from one of its kind: the size of a kernel from no number of filters."""
        self.apart = apart
        self.given = _arguments(args)
        """The block's own arguments, and their values in each copy."""
        self.found: dict[str, list[Any]] = {}
        self.bound: list[Any] = []
        """What stands for each hole: a value, an :class:`Expression`, a :class:`Differ`."""

    def solve(self, columns: Sequence[Sequence[Hole | Presence]], *, always_first: bool = False) -> list[Parameter]:
        """Return the parameters, those first that have no default.

        With `always_first` parts that all copies have say what the parameters are, and optional ones follow.
        """
        self.bound = [None] * len(columns)
        numbers = list(range(len(columns)))
        if always_first:
            numbers.sort(key=lambda at: any(isinstance(h, Presence) or h.value is ABSENT for h in columns[at]))
        for number in numbers:
            column = columns[number]
            condition = self._condition(number, column) if isinstance(column[0], Presence) else None
            self.bound[number] = condition or self._bind([hole.value for hole in column], column[0].role)
        return _ordered([_parameter(name, values, optional=always_first) for name, values in self.found.items()])

    def _condition(self, number: int, column: Sequence[Any]) -> Differ | None:
        """Return on which sizes it depends whether a part is there: what it reads and makes differ, or one is not 0."""
        own = self.bound[number - column[0].holes : number]
        known = [differ for differ in self.bound if isinstance(differ, Differ)]
        for differ in (*known, *map(Differ, own[:1], own[1:2]), *(Differ(size, 0) for size in own)):
            by_parameters = any(isinstance(size, Expression) for size in differ)
            if by_parameters and all(there == self._differ(differ, at) for at, (there, *_) in enumerate(column)):
                return differ
        return None

    def _differ(self, sizes: Differ, number: int) -> bool | None:
        """Return whether two sizes differ in a copy; None where one is no size."""
        one, other = (self._value(size, number) for size in sizes)
        return one != other if type(one) is int and type(other) is int else None

    def _value(self, bound: Any, number: int) -> Any:  # noqa: ANN401 - a value or an expression
        """Return what a value is in a copy."""
        if not isinstance(bound, Expression):
            return bound
        value = self.found[bound.parameter][number]
        return bound.of(value) if type(value) is int else value

    def _bind(self, values: list[Any], role: str) -> Any:  # noqa: ANN401 - as above
        known = [value for value in values if value is not ABSENT]
        telling = len(known) < len(values) and (role in INPUTS or known[0] != 1)
        if telling and _agree(values, self.found.get(role, ())):  # of an optional part, where few copies have it
            return self._also(role, values)
        if all(_same(value, known[0]) for value in known):
            return known[0]
        for name, others in self.found.items():
            if _agree(values, others):
                return self._also(name, values)
        for name, others in self.given.items():
            if _agree(values, others):
                self.found[name] = others
                return Expression(name)
        for name, others in (*self.found.items(), *self.given.items()):
            if self.apart and _sort(name) != _sort(role) and role != "padding":
                continue
            expression = _by(name, others, values, role)
            if expression is not None:
                self.found.setdefault(name, others)
                return expression
        name = unused(role, {*self.found, *self.given})
        self.found[name] = values
        return Expression(name)

    def _also(self, name: str, values: Sequence[Any]) -> Expression:
        """Let a parameter stand for values with which it agrees, and have theirs where a copy did not say."""
        self.found[name] = [a if b is ABSENT else b for a, b in zip(values, self.found[name], strict=True)]
        return Expression(name)


def _sort(role: str) -> str:
    """Return which kind of number a parameter is, by its name: of windows, of costs, ..., or empty for a size."""
    return SORTS.get(re.sub(r"_\d+\Z", "", role), "")


def _agree(values: Sequence[Any], others: Sequence[Any]) -> bool:
    """Return whether values are those of a parameter in all copies of one of them."""
    known, theirs = ({at for at, value in enumerate(side) if value is not ABSENT} for side in (values, others))
    return (known <= theirs or known >= theirs > set()) and all(_same(values[at], others[at]) for at in known & theirs)


def _by(name: str, others: Sequence[Any], values: Sequence[Any], role: str) -> Expression | None:
    """Return values by a parameter: a multiple, a part, or, of a padding, half of it, rounded down."""
    pairs = [(value, other) for value, other in zip(values, others, strict=True) if value is not ABSENT]
    if not all(type(value) is int and type(other) is int and other > 0 for value, other in pairs):
        return None
    if len({other for _, other in pairs}) < 2:  # noqa: PLR2004 - it says something only where it differs
        return None
    value, other = pairs[0]
    if value > 0:
        found = Expression(name, max(value // other, 1), max(other // value, 1))
        if all(value * found.divisor == found.factor * other for value, other in pairs):
            return found
    half = Expression(name, 1, 2)
    return half if role == "padding" and all(value == half.of(other) for value, other in pairs) else None


def _filled(values: Sequence[Any]) -> tuple[Any, ...]:
    """Return values with the most common one where a copy does not say."""
    known = [value for value in values if value is not ABSENT]
    common = _most(known)[0] if len(known) < len(values) else None
    return tuple(common if value is ABSENT else value for value in values)


def _parameter(name: str, values: Sequence[Any], *, optional: bool) -> Parameter:
    """Return a parameter; one that copies without a part do not need may have a default for them."""
    filled = _filled(values)
    is_needless = optional and any(value is ABSENT for value in values)
    return Parameter(name, filled, filled[[value is ABSENT for value in values].index(True)] if is_needless else ...)


def _most(values: Sequence[Any]) -> tuple[Any, int]:
    """Return the value that most have, and how many these are."""
    counts = [sum(_same(value, other) for other in values) for value in values]
    most = max(counts)
    return values[counts.index(most)], most


def _same(value: object, other: object) -> bool:
    return type(value) is type(other) and value == other


def _arguments(args: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the numbers among a block's own arguments, by the name that a parameter has."""
    found: dict[str, list[Any]] = {}
    for name in args[0]:
        values = [own.get(name) for own in args]
        numbers = all(isinstance(value, int | float) for value in values)
        if numbers and re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII):
            found[f"{name}_" if keyword.iskeyword(name) or name in ("self", "nn") else name] = values
    return found


def unused(name: str, taken: Container[str], join: str = "_") -> str:
    """Return a name, with a running number where it is taken."""
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}{join}{number}"
    return found


def _ordered(parameters: list[Parameter]) -> list[Parameter]:
    """Return parameters: what comes in first, switches late; those that most copies agree on last, with a default."""
    leading = [p for p in parameters if p.name in INPUTS]
    found = []
    for parameter in parameters:
        if parameter in leading:
            continue
        if parameter.default is not ...:
            found.append(parameter)
            continue
        common, most = _most(parameter.values)
        is_common = 2 * most > len(parameter.values) and len(parameter.values) > 2  # noqa: PLR2004 - of two none is common
        found.append(parameter._replace(default=common) if is_common else parameter)
    rest = sorted(found, key=lambda p: 2 if p.default is not ... else type(p.values[0]) is bool)
    return [*leading, *rest]

"""Sizes of a program: numbers, and expressions of symbols as sympy writes them, `Mul(Integer(4), Symbol('s77'))`.

They are read by a parser of a few lines; nothing of a file is evaluated as Python.
"""

from __future__ import annotations

import re
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeGuard

from archinspect.base.shape import Mismatch, largest, smallest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MAX_LENGTH = 20_000
"""Characters of an expression."""
MAX_NESTING = 100
MAX_BITS = 64
"""Of what a power gives."""
_TOKEN = re.compile(r"\s*(?:([A-Za-z_]\w*)|'([^'\\]*)'|(-?\d{1,19})(?![\w.])|([(),=]))")
_KINDS = ("name", "text", "number", "mark")


class Expression(NamedTuple):
    """A size that depends on symbols: an operation on sizes; of a symbol its name."""

    operation: str
    arguments: tuple[Any, ...]


Size: TypeAlias = "int | Expression"
Symbols: TypeAlias = "Mapping[str, int]"
"""Values of symbols, which may be numbers that remember how they came about."""


def symbol(name: str) -> Expression:
    """Return a symbol as a size."""
    return Expression("Symbol", (name,))


def is_symbol(size: object) -> TypeGuard[Expression]:
    """Return whether a size is just a symbol."""
    return isinstance(size, Expression) and size.operation == "Symbol"


def _quotient(a: int, b: int) -> int:
    return a // b


def _power(base: int, exponent: int) -> int:
    if not 0 <= exponent * base.bit_length() <= MAX_BITS:
        raise ValueError(f"a size to the power of {exponent}")
    return int(base**exponent)


OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "Add": lambda a, b: a + b,
    "Mul": lambda a, b: a * b,
    "Max": largest,
    "Min": smallest,
    "FloorDiv": _quotient,
    "CleanDiv": _quotient,
    "CeilDiv": lambda a, b: -(-a // b),
    "Mod": lambda a, b: a % b,
    "PythonMod": lambda a, b: a % b,
    "Pow": _power,
}
"""What sizes are made by; of more than two arguments from left to right."""


def parse(text: str) -> Size:
    """Return a size from sympy's text; raise ValueError for what is none."""
    if len(text) > MAX_LENGTH:
        raise ValueError("an expression of a size is too long")
    tokens = _tokens(text)
    found = _parse(next(tokens, ("", "")), tokens, MAX_NESTING)
    if next(tokens, None) is not None:
        raise ValueError(f"'{text[:60]}' is no expression of a size")
    return found


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place, end = 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"'{text[:60]}' is no expression of a size")
        place = match.end()
        yield _KINDS[(match.lastindex or 1) - 1], match[match.lastindex or 0]


def _parse(token: tuple[str, str], tokens: Iterator[tuple[str, str]], depth: int) -> Size:
    kind, word = token
    if kind == "number":
        return int(word)
    if kind != "name" or depth == 0 or next(tokens, None) != ("mark", "("):
        raise ValueError(f"'{word}' is no expression of a size")
    arguments: list[Size] = []
    name = ""
    for kind, text in tokens:
        if (kind, text) == ("mark", ")"):
            break
        if kind == "text":
            name = text
        elif (kind, text) == ("mark", "="):  # positive=True: what sympy assumes of a symbol
            next(tokens, None)
        elif kind == "number" or (kind == "name" and text not in _ASSUMPTIONS):
            arguments.append(_parse((kind, text), tokens, depth - 1))
    else:
        raise ValueError(f"'{word}(' has no end")
    return _made(word, name, arguments)


_ASSUMPTIONS = frozenset(["positive", "integer", "nonnegative", "negative", "zero", "real", "evaluate", "even", "odd"])


def _made(word: str, name: str, arguments: list[Size]) -> Size:
    if word == "Symbol" and name:
        return Expression("Symbol", (name,))
    if word == "Integer" and len(arguments) == 1:
        return arguments[0]
    if word not in OPERATIONS or not arguments:
        raise ValueError(f"sizes by '{word[:40]}' are not known")
    found = Expression(word, tuple(arguments))
    return found if symbols_of(found) else value(found, {})


def symbols_of(size: Size) -> frozenset[str]:
    """Return the symbols on which a size depends."""
    if not isinstance(size, Expression):
        return frozenset()
    if size.operation == "Symbol":
        return frozenset(size.arguments)
    return frozenset().union(*map(symbols_of, size.arguments))


def value(size: Size, symbols: Symbols) -> int:
    """Return a size for values of its symbols; raise ValueError for one without a value."""
    if not isinstance(size, Expression):
        return size
    if size.operation == "Symbol":
        if size.arguments[0] not in symbols:
            raise ValueError(f"the size {size.arguments[0]} is known when the program runs, and not before")
        return symbols[size.arguments[0]]
    return reduce(OPERATIONS[size.operation], [value(one, symbols) for one in size.arguments])


def bound(size: Size, symbols: Mapping[str, Size]) -> Size:
    """Return a size with other sizes in the place of those symbols."""
    if not isinstance(size, Expression):
        return size
    if size.operation == "Symbol":
        return symbols.get(size.arguments[0], size)
    found = Expression(size.operation, tuple([bound(one, symbols) for one in size.arguments]))
    return found if symbols_of(found) else value(found, {})


class Linear(NamedTuple):
    """A size that is `factor * symbol + offset`."""

    factor: int
    offset: int


def linear(size: Size) -> Linear | None:
    """Return a size as a factor and an offset of its one symbol; None where it is not so simple."""
    if not isinstance(size, Expression):
        return Linear(0, size)
    if size.operation == "Symbol":
        return Linear(1, 0)
    if size.operation not in ("Add", "Mul"):
        return None
    found = Linear(*((0, 0) if size.operation == "Add" else (0, 1)))
    for one in map(linear, size.arguments):
        if one is None:
            return None
        if size.operation == "Add":
            found = Linear(found.factor + one.factor, found.offset + one.offset)
        elif one.factor and found.factor:
            return None
        else:
            found = Linear(found.factor * one.offset + found.offset * one.factor, found.offset * one.offset)
    return found


def solved(size: Size, dimension: int) -> int:
    """Return the value of a size's one symbol that gives a dimension; raise Mismatch where none does."""
    found = linear(size)
    if found is None or found.factor == 0:
        raise ValueError("a size that cannot be solved")
    number = (dimension - found.offset) // found.factor
    if number * found.factor + found.offset != dimension:
        raise Mismatch(f"the program has no size {dimension} here: it is a multiple of {found.factor}")
    return number

"""Expressions of specs: `$name`, `${width * 4}`, `${depths[0]}`.

Arithmetic, comparison, `and or not`, `a if c else b`, indexing, and the functions `min max round ceil floor int`.
Nothing else: an expression cannot run code. Each is parsed once, to a function of the parameters.
"""

from __future__ import annotations

import math
import operator
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from archinspect.base.diagnostics import Near, show

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from archinspect.base.source import Value

    Env: TypeAlias = Mapping[str, Value]
    Expression: TypeAlias = Callable[[Env], Value]

MAX_LENGTH = 1_000
MAX_TEXT = 1_000
MAX_DEPTH = 50
MAX_NUMBER = 10**18
MAX_POWER = 64

_REFERENCE = re.compile(r"\$(?:(\$)|([A-Za-z_]\w*)|\{([^{}]*)\}|)")
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:_\d+)*\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<text>'[^']*'|\"[^\"]*\")|(?P<sign>\*\*|//|[<>=!]=|[-+*/%<>()\[\],]))"
)
_BINARY: dict[str, tuple[int, Callable[..., Value]]] = {
    "or": (1, operator.or_),
    "and": (2, operator.and_),
    "==": (4, operator.eq),
    "!=": (4, operator.ne),
    "<": (4, operator.lt),
    "<=": (4, operator.le),
    ">": (4, operator.gt),
    ">=": (4, operator.ge),
    "+": (5, operator.add),
    "-": (5, operator.sub),
    "*": (6, operator.mul),
    "/": (6, operator.truediv),
    "//": (6, operator.floordiv),
    "%": (6, operator.mod),
    "**": (8, operator.pow),
}
_NOT, _UNARY, _POWER = 3, 7, 8
_ANY_TYPE = frozenset(("==", "!="))
_LAZY = {"and": True, "or": False}
"""What the left side must be for the right one to count."""
_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "min": lambda *values: _extreme(min, "smallest", values),
    "max": lambda *values: _extreme(max, "largest", values),
    "round": lambda x: math.floor(x + 0.5) if x >= 0 else -math.floor(-x + 0.5),
    "ceil": math.ceil,
    "floor": math.floor,
    "int": int,
}
_WORDS = frozenset(("if", "else", "and", "or", "not"))
RESERVED = _WORDS | {*_FUNCTIONS, "true", "false", "null", "in", "inputs"}
"""Names that mean something in an expression, or in those of a layer of one's own."""
_CONSTANTS: dict[str, Value] = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}


FAILED: Any = object()
"""The value of a parameter that could not be evaluated; what uses it fails without a message of its own."""


class ExpressionError(Exception):
    """An expression that cannot be read or evaluated; the message is empty where another one has told why."""

    def __init__(self, message: str, help: str = "", unknown: str = "", near: Near | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.unknown = unknown
        """The name that is no parameter's, if that is what is wrong."""
        self.near = near or Near.of(help)
        """What that name may mean, or else the remedy alone."""


def substitute(text: str, env: Env) -> Value:
    """Return a string with its references replaced; one that is a single reference becomes that value."""
    whole = _REFERENCE.fullmatch(text)
    if whole and not whole[1]:
        return _reference(whole, env)
    return _REFERENCE.sub(lambda match: _inside(_reference(match, env)), text)


def whole_expression(text: str) -> str | None:
    """Return the expression that a text is as a whole, `$name` or `${...}`; None for other texts."""
    whole = _REFERENCE.fullmatch(text)
    return (whole[2] or whole[3]) if whole else None


def names_in(text: str) -> frozenset[str]:
    """Return the names of parameters that an expression uses."""
    return _parse(text).names


def evaluate(text: str, env: Env) -> Value:
    """Return the value of an expression."""
    try:
        return _parse(text).run(env)
    except (TypeError, ValueError, ArithmeticError, IndexError) as error:
        reason = str(error) or type(error).__name__
        raise ExpressionError(f"cannot evaluate {show(text.strip())}: {reason}") from None


def _reference(match: re.Match[str], env: Env) -> Value:
    dollar, name, inside = match.groups()
    if dollar:
        return "$"
    if name:
        return _lookup(name, env)
    if inside is None:
        raise ExpressionError("a '$' without a name", "write $name, ${expression}, or $$ for the sign itself")
    return evaluate(inside, env)


def _inside(value: Value) -> str:
    if isinstance(value, list | dict):
        raise ExpressionError("a list cannot stand inside text", "to index it, write ${name[0]}")
    if type(value) not in (int, float, str, bool) and isinstance(value, int):
        value = int(value)  # a symbol: which text it becomes may decide what the network is
    if len(text := str(value)) > MAX_TEXT:
        raise ExpressionError(f"a text longer than {MAX_TEXT} characters cannot stand inside another")
    return text


def _lookup(name: str, env: Env) -> Value:
    if name not in env:
        raise ExpressionError(f"unknown parameter '{name}'", unknown=name, near=Near(name, env))
    value = env[name]
    if value is FAILED:
        raise ExpressionError("")
    return value


class _Parsed(NamedTuple):
    run: Expression
    names: frozenset[str]


@lru_cache(4096)
def _parse(text: str) -> _Parsed:
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"the expression is longer than {MAX_LENGTH} characters")
    parser = _Parser(text)
    return _Parsed(parser.parse(), frozenset(parser.names))


class _Parser:
    """A precedence-climbing parser: every rule returns a function of the parameters."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._tokenize(text)
        self.at = 0
        self.depth = 0
        self.names: set[str] = set()
        """The names that it looks up."""

    def _tokenize(self, text: str) -> list[tuple[str, str]]:
        tokens = []
        place, end = 0, len(text.rstrip())
        while place < end:
            match = _TOKEN.match(text, place)
            if not match or not match.lastgroup:
                raise ExpressionError(f"{show(text.strip())}: '{text[place:].strip()[0]}' has no meaning here")
            tokens.append((match.lastgroup, match[match.lastgroup]))
            place = match.end()
        return [*tokens, ("end", "")]

    def parse(self) -> Expression:
        result = self._conditional()
        if self.tokens[self.at][0] != "end":
            self._fail()
        return result

    def _fail(self) -> None:
        kind, token = self.tokens[self.at]
        found = " ends too early" if kind == "end" else f": '{token}' has no meaning here"
        raise ExpressionError(show(self.text.strip()) + found)

    def _take(self, *wanted: str) -> str | None:
        kind, token = self.tokens[self.at]
        if token in wanted and kind in ("sign", "name"):
            self.at += 1
            return token
        return None

    def _expect(self, token: str) -> None:
        if not self._take(token):
            self._fail()

    def _conditional(self) -> Expression:
        self._enter()
        value = self._binary(1)
        if self._take("if"):
            condition = self._binary(1)
            self._expect("else")
            other = self._conditional()
            self.depth -= 1
            return lambda env: value(env) if condition(env) else other(env)
        self.depth -= 1
        return value

    def _binary(self, lowest: int) -> Expression:
        left = self._unary()
        rest: list[tuple[str, Expression]] = []
        while (token := self.tokens[self.at][1]) in _BINARY and self.tokens[self.at][0] != "text":
            level = _BINARY[token][0]
            if level < lowest:
                break
            self.at += 1
            # ** groups to the right, everything else to the left.
            self._enter()
            rest.append((token, self._binary(level if level == _POWER else level + 1)))
            self.depth -= 1
        return _fold(left, rest) if rest else left

    def _enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError(f"the expression nests deeper than {MAX_DEPTH} levels")

    def _unary(self) -> Expression:
        self._enter()
        if self._take("not"):
            inner = self._binary(_NOT)
            result: Expression = lambda env: not inner(env)  # noqa: E731 - one of three forms
        elif sign := self._take("-", "+"):
            factor = -1 if sign == "-" else 1
            inner = self._binary(_UNARY)
            result = lambda env: factor * _number(inner(env))  # noqa: E731 - one of three forms
        else:
            result = self._postfix()
        self.depth -= 1
        return result

    def _postfix(self) -> Expression:
        value = self._atom()
        indices: list[Expression] = []
        while self._take("["):
            indices.append(self._conditional())
            self._expect("]")
        return _item(value, indices) if indices else value

    def _atom(self) -> Expression:
        kind, token = self.tokens[self.at]
        if self._take("("):
            inner = self._conditional()
            self._expect(")")
            return inner
        if self._take("["):
            items = self._arguments("]")
            return lambda env: [item(env) for item in items]
        self.at += 1
        if kind == "number":
            digits = token.replace("_", "")
            number: Value = int(digits) if digits.isdigit() and len(digits) < 20 else float(digits)  # noqa: PLR2004
            return lambda _: _bounded(number)
        if kind == "text":
            return lambda _: token[1:-1]
        if kind == "name" and token not in _WORDS:
            return self._named(token)
        self.at -= 1
        self._fail()
        raise AssertionError  # _fail always raises

    def _named(self, name: str) -> Expression:
        if self._take("("):
            if name not in _FUNCTIONS:
                raise ExpressionError(f"unknown function '{name}'", f"known here: {', '.join(_FUNCTIONS)}")
            function = _FUNCTIONS[name]
            items = self._arguments(")")
            return lambda env: _bounded(function(*(item(env) for item in items)))
        if name in _CONSTANTS:
            constant = _CONSTANTS[name]
            return lambda env: env.get(name, constant)
        self.names.add(name)
        return lambda env: _lookup(name, env)

    def _arguments(self, close: str) -> list[Expression]:
        items: list[Expression] = []
        while not self._take(close):
            if items:
                self._expect(",")
            items.append(self._conditional())
        return items


def _fold(first: Expression, rest: list[tuple[str, Expression]]) -> Expression:
    """Return a chain of operators; a loop, so that a long chain does not nest."""

    def fold(env: Env) -> Value:
        value = first(env)
        for sign, operand in rest:
            if sign in _LAZY:
                value = operand(env) if bool(value) is _LAZY[sign] else value
            else:
                value = _apply(sign, value, operand(env))
        return value

    return fold


def _apply(sign: str, a: Value, b: Value) -> Value:
    function = _BINARY[sign][1]
    if sign in _ANY_TYPE:
        return function(a, b)
    a, b = _number(a), _number(b)
    if sign == "**" and abs(b) > MAX_POWER:
        raise ValueError(f"the power is larger than {MAX_POWER}")
    return _bounded(function(a, b))


def _item(value: Expression, indices: list[Expression]) -> Expression:
    def item(env: Env) -> Value:
        items = value(env)
        for index in indices:
            at = index(env)
            if not isinstance(items, list):
                raise TypeError(f"{show(items)} is not a list")
            if isinstance(at, bool) or not isinstance(at, int):
                raise TypeError(f"{show(at)} is not an index")
            if not -len(items) <= at < len(items):
                raise IndexError(f"index {at} of a list of {len(items)}")
            items = items[at]
        return items

    return item


def _extreme(function: Callable[..., Value], symbolic: str, values: tuple[Any, ...]) -> Value:
    """Return the smallest or largest number; of symbols, as a formula that holds whichever it is."""
    if not any(hasattr(value, symbolic) for value in values):
        return function(*values)
    found, *rest = values
    for value in rest:
        first, other = (found, value) if hasattr(found, symbolic) else (value, found)
        found = getattr(first, symbolic)(other)
    return found  # type: ignore[no-any-return] # a number


def _number(value: Value) -> int | float:
    if not isinstance(value, int | float):
        raise TypeError(f"{show(value)} is not a number")
    return value


def _bounded(value: Value) -> Value:
    if isinstance(value, complex):
        raise ValueError("not a real number")
    if isinstance(value, int | float) and not -MAX_NUMBER <= value <= MAX_NUMBER:
        raise ValueError("the number is too large")
    return value

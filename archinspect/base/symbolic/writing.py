"""Arranged formulas as text, as Python, as LaTeX and as JSON."""

from __future__ import annotations

from keyword import iskeyword
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias
from unicodedata import normalize

from archinspect.base.symbolic.arranging import Applied

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archinspect.base.symbolic.arranging import Tree

GROUPED = 10_000
"""The least number whose digits are written in groups."""
# How tightly each binds.
_BINDS = {"+": 1, "-": 1, "*": 2, "//": 2, "/": 2, "%": 2, "negative": 3, "**": 4}
_SUM, _PRODUCT, _NEGATIVE, _ATOM = 1, 2, 3, 5
_TAKEN = ("math", "max", "min", "abs", "round", "ValueError")
"""What functions call."""
Written: TypeAlias = tuple[str, int]
"""A text, and how tightly its outermost operator binds."""


class Text:
    """Formulas for people: `64 * ceil(height / 32)`."""

    times = " * "
    brackets = ("(", ")")
    relations: ClassVar = {sign: sign for sign in ("==", "!=", "<=", ">=", "<", ">")}

    def write(self, tree: Tree) -> str:
        """Return a formula's text."""
        return self._write(tree)[0]

    def _write(self, tree: Tree) -> Written:
        if not isinstance(tree, Applied):
            return self.leaf(tree)
        if tree.sign == "+":
            return self._sum(tree.parts), _SUM
        parts = [self._write(part) for part in tree.parts]
        if tree.sign == "*":
            return self.times.join(self.bracketed(part, _NEGATIVE) for part in parts), _PRODUCT
        if tree.sign == "negative":
            return f"-{self.bracketed(parts[0], _NEGATIVE)}", _NEGATIVE
        return self.operation(tree.sign, parts)

    def _sum(self, parts: tuple[Tree, ...]) -> str:
        """Write a sum; what is negative is taken away."""
        result = ""
        for part in parts:
            negative = isinstance(part, Applied) and part.sign == "negative"
            inner = part.parts[0] if isinstance(part, Applied) and negative else part
            written = self.bracketed(self._write(inner), _PRODUCT if negative or result else _SUM)
            result += f" {'-' if negative else '+'} {written}" if result else f"{'-' * negative}{written}"
        return result

    def leaf(self, leaf: float | str) -> Written:
        """Write a name or a number."""
        if isinstance(leaf, str):
            return leaf, _ATOM
        written = f"{leaf:_}" if isinstance(leaf, int) and abs(leaf) >= GROUPED else repr(leaf)
        return written, _ATOM if leaf >= 0 else 0

    def bracketed(self, written: Written, binds: int) -> str:
        """Return a text, in brackets where it binds less tightly than what is around it."""
        left, right = self.brackets
        return written[0] if written[1] >= binds else f"{left}{written[0]}{right}"

    def operation(self, sign: str, parts: list[Written]) -> Written:
        """Write any other operation."""
        if sign == "ceildiv":
            return f"ceil({self.operation('/', parts)[0]})", _ATOM
        binds = _BINDS.get(sign)
        if binds is None:
            return f"{sign}({', '.join(part for part, _ in parts)})", _ATOM
        left = self.bracketed(parts[0], binds + (sign == "**"))
        return f"{left} {sign} {self.bracketed(parts[1], binds + 1)}", binds


class Python(Text):
    """Formulas as Python's expressions, exact for whole numbers; `math` is named where it is needed."""

    def __init__(self, variables: Iterable[str]) -> None:
        self.names = identifiers(variables)
        """Python's names of the variables."""

    def leaf(self, leaf: float | str) -> Written:
        """Write a name or a number."""
        return super().leaf(self.names[leaf] if isinstance(leaf, str) else leaf)

    def operation(self, sign: str, parts: list[Written]) -> Written:
        """Write any other operation."""
        if sign == "ceildiv":
            left, right = (self.bracketed(part, _NEGATIVE) for part in parts)
            return f"-(-{left} // {right})", _NEGATIVE
        return super().operation(f"math.{sign}" if sign in ("gcd", "floor", "ceil", "trunc") else sign, parts)


class Latex(Text):
    """Formulas for LaTeX's math mode."""

    times = r" \cdot "
    brackets = (r"\left(", r"\right)")
    relations: ClassVar = {"==": "=", "!=": r"\ne", "<=": r"\le", ">=": r"\ge", "<": "<", ">": ">"}
    _FENCES: ClassVar = {
        "//": (r"\left\lfloor", r"\right\rfloor"),
        "floor": (r"\left\lfloor", r"\right\rfloor"),
        "ceildiv": (r"\left\lceil", r"\right\rceil"),
        "ceil": (r"\left\lceil", r"\right\rceil"),
        "abs": (r"\left|", r"\right|"),
    }

    def leaf(self, leaf: float | str) -> Written:
        """Write a name or a number."""
        written, binds = super().leaf(leaf)
        if isinstance(leaf, str):
            escaped = "".join(f"\\{sign}" if sign == "_" else sign if sign.isalnum() else "?" for sign in leaf)
            return (escaped if len(escaped) == 1 else rf"\mathrm{{{escaped}}}"), binds
        return written.replace("_", r"\,"), binds

    def operation(self, sign: str, parts: list[Written]) -> Written:
        """Write any other operation."""
        bare = [part for part, _ in parts]
        inside = bare[0] if len(bare) == 1 else rf"\frac{{{bare[0]}}}{{{bare[1]}}}"
        if sign in self._FENCES:
            left, right = self._FENCES[sign]
            return f"{left} {inside} {right}", _ATOM
        if sign == "/":
            return inside, _ATOM
        if sign == "**":
            return f"{self.bracketed(parts[0], _ATOM)}^{{{bare[1]}}}", _BINDS["**"]
        if sign == "%":
            left = self.bracketed(parts[0], _PRODUCT)
            return rf"{left} \bmod {self.bracketed(parts[1], _NEGATIVE)}", _PRODUCT
        if sign == "-":
            return super().operation(sign, parts)
        name = rf"\{sign}" if sign in ("max", "min", "gcd") else rf"\mathrm{{{sign}}}"
        return rf"{name}\left({', '.join(bare)}\right)", _ATOM


def identifiers(names: Iterable[str]) -> dict[str, str]:
    """Return a name of its own for each, which Python takes as an argument's.

    A spec may have parameters of any name, such as `class`, or `x=f()`, which must not become code.
    """
    found: dict[str, str] = {}
    for name in names:
        safe = "".join(sign if f"_{sign}".isidentifier() else "_" for sign in normalize("NFKC", name))
        safe = safe if safe.isidentifier() else f"_{safe}"
        while iskeyword(safe) or safe in _TAKEN or safe in found.values():
            safe += "_"
        found[name] = safe
    return found


def json(tree: Tree) -> Any:  # noqa: ANN401 - numbers, names, and {"op": sign, "args": [...]}
    """Return a formula as JSON can hold it."""
    return {"op": tree.sign, "args": [json(part) for part in tree.parts]} if isinstance(tree, Applied) else tree

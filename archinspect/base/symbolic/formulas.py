"""Closed formulas: a number by names, and the range of values for which it holds."""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Any

from archinspect.base.symbolic.arranging import arranged, relation
from archinspect.base.symbolic.evaluation import COMPARISONS, evaluated
from archinspect.base.symbolic.guards import Guard, Simplified
from archinspect.base.symbolic.polynomial import INFINITE, constant, of_atom, reachable
from archinspect.base.symbolic.writing import Latex, Python, Text, json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.base.symbolic.polynomial import Atom, Polynomial, Range


class Formula:
    """A closed formula: called with a value for each variable it returns what the traced rules would.

    `print` writes it for people; `guards` says for which values it holds.
    """

    def __init__(self, expression: Polynomial, guards: Simplified | None = None) -> None:
        found = guards or Simplified({}, ())
        self.expression = expression
        self.relations = found.relations
        """What holds beside the ranges of variables."""
        sides = [side for guard in found.relations for side in (guard.left, guard.right)]
        occurring = [atom for atom in reachable([expression, *sides]) if atom.operation == "variable"]
        self._variables = sorted({*occurring, *found.ranges}, key=lambda atom: atom.index)
        self.ranges: dict[str, Range] = {
            str(atom.value): found.ranges.get(atom, atom.range) for atom in self._variables
        }
        """The least and the largest value of each variable."""

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables, as they were declared."""
        return tuple(self.ranges)

    def __call__(self, **values: float) -> Any:  # noqa: ANN401 - an int, or a float where there are fractions
        """Return the exact value; raise ValueError outside of the range in which the formula holds."""
        known = self._checked(values)
        violated = self._violated(known)
        if violated is not None:
            raise ValueError(f"the formula holds for {_written(violated, Text())}")
        try:
            return evaluated([self.expression], known)[0]
        except ArithmeticError as error:
            raise ValueError(f"the formula has no value there: {error}") from None

    def holds(self, **values: float) -> bool:
        """Return whether the formula holds for these values."""
        return self._violated(self._checked(values)) is None

    def _checked(self, values: dict[str, float]) -> dict[str, float]:
        for name in values:
            if name not in self.ranges:
                raise ValueError(f"there is no variable '{name}', only {', '.join(self.variables) or 'none at all'}")
        missing = [name for name in self.variables if name not in values]
        if missing:
            raise ValueError(f"a value for {' and '.join(missing)} is missing")
        return {str(atom.value): _whole(values[str(atom.value)], atom) for atom in self._variables}

    def _violated(self, values: dict[str, float]) -> Guard | None:
        for guard in self.conditions():
            try:
                left, right = evaluated((guard.left, guard.right), values)
            except (ArithmeticError, ValueError):
                return guard
            if not COMPARISONS[guard.relation](left, right):
                return guard
        return None

    def conditions(self) -> list[Guard]:
        """Return all guards: those of the variables' ranges, and the relations."""
        found = []
        for atom in self._variables:
            low, high = self.ranges[str(atom.value)]
            if low not in INFINITE:
                found.append(Guard(">=", of_atom(atom) - constant(int(low))))
            if high not in INFINITE:
                found.append(Guard(">=", constant(int(high)) - of_atom(atom)))
        return [*found, *self.relations]

    # What people and programs read.

    def __str__(self) -> str:
        return Text().write(arranged(self.expression))

    def __repr__(self) -> str:
        return f"<Formula {self}>"

    @property
    def guards(self) -> tuple[str, ...]:
        """For which values it holds: `height >= 32`, `channels % groups == 0`."""
        return tuple(self._conditions(Text()))

    def latex(self) -> str:
        """Return the formula for LaTeX's math mode."""
        return Latex().write(arranged(self.expression))

    def latex_guards(self) -> tuple[str, ...]:
        """Return for which values it holds, for LaTeX's math mode."""
        return tuple(self._conditions(Latex()))

    def python(self, name: str = "formula") -> str:
        """Return the source of a Python function of the variables, which needs nothing but Python."""
        writer = Python(self.variables)
        result = writer.write(arranged(self.expression))
        guards = list(self._conditions(writer))
        lines = [f"def {name}({', '.join(writer.names.values())}):"]
        for guard in guards:
            lines += [f"    if not {guard}:", f"        raise ValueError({f'{name} holds for {guard}'!r})"]
        lines.append(f"    return {result}")
        source = "\n".join(lines) + "\n"
        return f"import math\n\n\n{source}" if "math." in source else source

    def as_dict(self) -> dict[str, Any]:
        """Return the formula and its guards in the JSON form."""
        return {
            "text": str(self),
            "variables": list(self.variables),
            "expression": json(arranged(self.expression)),
            "ranges": {
                name: [None if bound in INFINITE else bound for bound in range_] for name, range_ in self.ranges.items()
            },
            "relations": [
                {"op": sign, "args": [json(left), json(right)]} for left, sign, right in map(relation, self.relations)
            ],
        }

    def _conditions(self, writer: Text) -> Iterator[str]:
        for name, (low, high) in self.ranges.items():
            variable = writer.write(name)
            least, most = ("" if bound in INFINITE else writer.write(int(bound)) for bound in (low, high))
            if low == high:
                yield f"{variable} {writer.relations['==']} {least}"
            elif least and most:
                yield f"{least} {writer.relations['<=']} {variable} {writer.relations['<=']} {most}"
            elif least or most:
                yield f"{variable} {writer.relations['>=' if least else '<=']} {least or most}"
        for guard in self.relations:
            yield _written(guard, writer)


def _written(guard: Guard, writer: Text) -> str:
    left, sign, right = relation(guard)
    return f"{writer.write(left)} {writer.relations[sign]} {writer.write(right)}"


def _whole(value: float, atom: Atom) -> float:
    """Return the value of a variable as its kind of number."""
    return index(value) if atom.whole else float(value)  # type: ignore[arg-type] # raises TypeError for a fraction

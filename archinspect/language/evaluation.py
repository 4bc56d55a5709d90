"""Values of a spec: its trees with their expressions evaluated."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, TypeAlias

from archinspect.base.diagnostics import show
from archinspect.base.source import MAX_DEPTH, List, Scalar
from archinspect.language.expressions import ExpressionError, substitute
from archinspect.ops.args import Int

if TYPE_CHECKING:
    from archinspect.base.diagnostics import Problems
    from archinspect.base.source import Tree, Value

    Env: TypeAlias = dict[str, Value]

MAX_ITEMS = 100_000


class UnevaluatedError(Exception):
    """A value could not be made; the problem has been told."""


class Evaluation:
    """Evaluates trees; what is wrong is told to `problems`."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def value(self, tree: Tree, env: Env) -> Value:
        """Return a tree as plain values, its expressions evaluated; tell what is wrong with one and raise."""
        value = self._evaluate(tree, env)
        if isinstance(value, list | dict) and _is_huge(value):
            message = f"the value has more than {MAX_ITEMS:,} items, or nests deeper than {MAX_DEPTH} levels"
            self.problems.error("limit", message, tree.span)
            raise UnevaluatedError
        return value

    def _evaluate(self, tree: Tree, env: Env) -> Value:
        if isinstance(tree, Scalar):
            if isinstance(tree.value, str) and "$" in tree.value:
                try:
                    return substitute(tree.value, env)
                except ExpressionError as error:
                    if error.message:
                        self.problems.unknown("expression", error.message, tree.span, error.unknown, error.near)
                    raise UnevaluatedError from None
            return tree.value
        if isinstance(tree, List):
            return [self._evaluate(item, env) for item in tree.items]
        return {name: self._evaluate(item, env) for name, item in tree.values.items()}

    def integer(self, tree: Tree, env: Env, what: str, high: int) -> int:
        """Return a whole number from 0 to `high`; tell what is wrong and raise."""
        value = self.value(tree, env)
        try:
            return Int(0, high).convert(value)
        except ValueError as error:
            self.problems.error("type", f"{what} must be {error}, not {show(value)}", tree.span)
            raise UnevaluatedError from None


def _is_huge(value: Value) -> bool:
    """Return whether a list or map, all that it repeats written out, exceeds the limits."""
    items, depth = [value], 0
    count = 0
    while items:
        count += len(items)
        depth += 1
        if count > MAX_ITEMS or depth > MAX_DEPTH + 1:
            return True
        inside = [item.values() if isinstance(item, dict) else item for item in items if isinstance(item, list | dict)]
        items = list(islice(chain.from_iterable(inside), MAX_ITEMS + 1))
    return False

"""Values of a spec: its trees with their expressions evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, islice
from typing import TYPE_CHECKING, TypeAlias

from archinspect.base.diagnostics import show
from archinspect.base.source import List, Scalar
from archinspect.base.yaml_core import MAX_DEPTH
from archinspect.language.expressions import ExpressionError, substitute
from archinspect.ops.args import Int

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.base.diagnostics import Problems
    from archinspect.base.source import Tree, Value

    Env: TypeAlias = Mapping[str, Value]

MAX_ITEMS = 100_000
MAX_ALL_ITEMS = 5_000_000
"""Items of all values of a spec, each counted as often as it is evaluated."""


class Names(Mapping[str, "Value"]):
    """The names of a scope, and those of the one around it that they do not hide: nothing is copied."""

    __slots__ = ("outer", "own")

    def __init__(self, outer: Env, own: dict[str, Value]) -> None:
        self.outer = outer
        self.own = own

    def __getitem__(self, name: str) -> Value:
        return self.own[name] if name in self.own else self.outer[name]

    def __contains__(self, name: object) -> bool:
        return name in self.own or name in self.outer

    def __iter__(self) -> Iterator[str]:
        return iter({**self.outer, **self.own})

    def __len__(self) -> int:
        return len({**self.outer, **self.own})


class TooLargeError(Exception):
    """The spec stands for more than the limits allow; nothing further is expanded."""


class UnevaluatedError(Exception):
    """A value could not be made; the problem has been told."""


class Evaluation:
    """Evaluates trees; what is wrong is told to `problems`."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self._items = 0
        self._counted: dict[int, tuple[Value, int]] = {}
        """Lists and maps, which blocks pass on, and their numbers of items, by identity."""

    def value(self, tree: Tree, env: Env) -> Value:
        """Return a tree as plain values, its expressions evaluated; tell what is wrong with one and raise."""
        value = self._evaluate(tree, env)
        if isinstance(value, list | dict):
            self._count(value, tree)
        return value

    def _count(self, value: Value, tree: Tree) -> None:
        """Tell of a value that is too large, or with which all of them are."""
        if id(value) not in self._counted:
            self._counted[id(value)] = value, _items_in(value)
        items = self._counted[id(value)][1]
        self._items += items
        if items > MAX_ITEMS:
            message = f"the value has more than {MAX_ITEMS:,} items, or nests deeper than {MAX_DEPTH} levels"
        elif self._items > MAX_ALL_ITEMS:
            message = f"the lists of all steps have more than {MAX_ALL_ITEMS:,} items"
        else:
            return
        self.problems.error("limit", message, tree.span)
        raise UnevaluatedError if items > MAX_ITEMS else TooLargeError

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


def _items_in(value: Value) -> int:
    """Return how many items a list or map has, repeats written out; more than the limit if it nests deep."""
    items, depth = [value], 0
    count = 0
    while items:
        count += len(items)
        depth += 1
        if count > MAX_ITEMS or depth > MAX_DEPTH + 1:
            return MAX_ITEMS + 1
        inside = [item.values() if isinstance(item, dict) else item for item in items if isinstance(item, list | dict)]
        items = list(islice(chain.from_iterable(inside), MAX_ITEMS + 1))
    return count

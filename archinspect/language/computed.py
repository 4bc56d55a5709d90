"""Arguments of operators that are computed from their inputs' dimensions: a user's own layer, as data."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from archinspect.base.diagnostics import Near
from archinspect.base.source import List, Scalar
from archinspect.language.evaluation import Names, UnevaluatedError
from archinspect.language.expressions import FAILED, ExpressionError, evaluate, names_in, whole_expression
from archinspect.ops.computed import DIMENSIONS, Computed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from archinspect.base.source import Map, Tree, Value
    from archinspect.language.evaluation import Env, Evaluation
    from archinspect.ops.base import Op


def values(
    kind: type[Op], arguments: Map, env: Env, evaluation: Evaluation
) -> dict[str, Value | Computed | list[Value | Computed]]:
    """Return the arguments of an operator that computes some; tell what is wrong with one and raise.

    What a step gives beside the operator's own arguments is a name for expressions, if one of them uses it.
    """
    used = {name for tree in arguments.values.values() for text in _texts(tree) for name in _names(text)}
    own: dict[str, Value] = {}
    for name, tree in arguments.values.items():
        if name in used and name not in kind.names:
            own[name] = evaluation.value(tree, Names(env, own))
    making = _Making(env, own, evaluation)
    return {
        name: making.value(tree) if kind.names.get(name) in kind.computed else evaluation.value(tree, env)
        for name, tree in arguments.values.items()
        if name not in own
    }


class _Making:
    """Makes the values of arguments of one step."""

    def __init__(self, env: Env, own: dict[str, Value], evaluation: Evaluation) -> None:
        self.env = Names(env, own)
        self.later = {*own, *(name for name in DIMENSIONS if name not in env)}
        """The names by which an expression is one to be evaluated later."""
        self.evaluation = evaluation

    def value(self, tree: Tree) -> Value | Computed | list[Value | Computed]:
        if isinstance(tree, List):
            return [self._item(item) for item in tree.items]
        return self._item(tree)

    def _item(self, tree: Tree) -> Value | Computed:
        text = whole_expression(tree.text) if isinstance(tree, Scalar) and isinstance(tree.value, str) else None
        if text is None or self.later.isdisjoint(_names(text)):
            return self.evaluation.value(tree, self.env)
        names = {}
        for name in sorted(_names(text) - {name for name in DIMENSIONS if name not in self.env}):
            if name not in self.env:
                known = chain(self.env, DIMENSIONS)
                message = f"unknown parameter '{name}'"
                self.evaluation.problems.unknown("expression", message, tree.span, name, Near(name, known))
                raise UnevaluatedError
            if self.env[name] is FAILED:
                raise UnevaluatedError
            names[name] = self.env[name]
        return Computed(text, names, value_of)


def value_of(text: str, env: Mapping[str, Value]) -> Value:
    """Return the value of an expression; raise :class:`ValueError` where it has none."""
    try:
        return evaluate(text, env)
    except ExpressionError as error:
        raise ValueError(error.message) from None


def _texts(tree: Tree) -> Iterator[str]:
    """Yield the expressions that an argument consists of."""
    if isinstance(tree, List):
        for item in tree.items:
            yield from _texts(item)
    elif isinstance(tree, Scalar) and isinstance(tree.value, str):
        text = whole_expression(tree.text)
        if text is not None:
            yield text


def _names(text: str) -> frozenset[str]:
    """Return the names in an expression; none of one that cannot be read, which its evaluation tells."""
    try:
        return names_in(text)
    except ExpressionError:
        return frozenset()

"""Operators of a spec: made from the arguments that their steps give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.source import List, Map, Scalar
from archinspect.language.evaluation import UnevaluatedError
from archinspect.ops.base import ArgumentError

if TYPE_CHECKING:
    from archinspect.base.diagnostics import Problems
    from archinspect.base.source import Span, Tree
    from archinspect.language.evaluation import Env, Evaluation
    from archinspect.language.parse import Step
    from archinspect.ops.base import Op


class Maker:
    """Makes operators, the same one for the same arguments; what is wrong is told to `problems`."""

    def __init__(self, evaluation: Evaluation, problems: Problems) -> None:
        self.evaluation = evaluation
        self.problems = problems
        self.interned: dict[tuple[type[Op], str], Op] = {}

    def make(self, kind: type[Op], step: Step, env: Env, layout: str, *, merges: bool) -> Op | None:
        """Return the operator with this step's arguments; None where they are wrong."""
        if step.value is not None and not (merges and isinstance(step.value, List)):
            self._name_main(kind, step, step.value)
        try:
            values = (
                {name: self.evaluation.value(tree, env) for name, tree in step.args.values.items()} if step.args else {}
            )
        except UnevaluatedError:
            return None
        if "data_format" in kind.args:
            values.setdefault("data_format", layout)
        key = (kind, repr(values))
        op = self.interned.get(key)
        if op is None:
            try:
                op = self.interned[key] = kind(**values)
            except ArgumentError as error:
                self._argument_error(error, step)
                return None
        if not _has_expression(step):
            step.cached = op
        return op

    def _name_main(self, kind: type[Op], step: Step, value: Tree) -> None:
        """Turn `Dense: 10` into `Dense: {units: 10}`."""
        step.value = None
        main = kind.main_arg()
        if main is None:
            self.problems.error("unknown-argument", f"{kind.__name__} takes no arguments", value.span)
            return
        step.args = step.args or Map(value.span)
        step.args.keys[main] = Scalar(main, main, value.span)
        step.args.values[main] = value

    def _argument_error(self, error: ArgumentError, step: Step) -> None:
        span = step.span
        code = "argument"
        if "is missing" in error.message:
            code = "missing-argument"
        elif error.arg:
            unknown = "unknown argument" in error.message
            code = "unknown-argument" if unknown else "argument"
            if step.args and error.arg in step.args.keys:
                key = step.args.keys[error.arg]
                span = key.span if unknown else argument_spans(step.args)[error.arg]
        self.problems.error(code, error.message, span, error.help)


def _has_expression(step: Step) -> bool:
    return "$" in step.op or (step.args is not None and any(map(_holds_dollar, step.args.values.values())))


def _holds_dollar(tree: Tree) -> bool:
    if isinstance(tree, Scalar):
        return isinstance(tree.value, str) and "$" in tree.value
    children = tree.items if isinstance(tree, List) else tree.values.values()
    return any(map(_holds_dollar, children))


def argument_spans(tree: Tree) -> dict[str, Span]:
    """Return where each argument's value stands, or its name where the value is empty."""
    if not isinstance(tree, Map):
        return {}
    return {key.text: value.span if value.span.line else key.span for key, value in tree}

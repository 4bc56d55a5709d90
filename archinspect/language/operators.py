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
        self._made: dict[Step, Op] = {}
        """The operators of steps whose arguments hold no expression."""
        self._arguments: dict[tuple[Step, type[Op]], Map | None] = {}
        """The arguments of steps that give one without its name."""

    def make(self, kind: type[Op], step: Step, env: Env, layout: str, *, merges: bool) -> Op | None:
        """Return the operator with this step's arguments; None where they are wrong."""
        made = self._made.get(step)
        if made is not None:
            return made
        if (
            step.value is not None
            and not (merges and isinstance(step.value, List))
            and (step, kind) not in self._arguments
        ):
            self._arguments[step, kind] = self._with_main(kind, step, step.value)
        arguments = self.arguments(step, kind)
        try:
            values = (
                {name: self.evaluation.value(tree, env) for name, tree in arguments.values.items()} if arguments else {}
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
                self._argument_error(error, step, kind)
                return None
        if not _has_expression(step.op, arguments):
            self._made[step] = op
        return op

    def arguments(self, step: Step, kind: type[Op]) -> Map | None:
        """Return the arguments that a step gives, the main one among them by its name."""
        return self._arguments.get((step, kind), step.args)

    def _with_main(self, kind: type[Op], step: Step, value: Tree) -> Map | None:
        """Return the arguments of `Dense: 10` as those of `Dense: {units: 10}`."""
        main = kind.main_arg()
        if main is None:
            self.problems.error("unknown-argument", f"{kind.__name__} takes no arguments", value.span)
            return step.args
        arguments = Map(value.span)
        for key, tree in step.args or ():
            arguments.keys[key.text], arguments.values[key.text] = key, tree
        arguments.keys[main], arguments.values[main] = Scalar(main, main, value.span), value
        return arguments

    def _argument_error(self, error: ArgumentError, step: Step, kind: type[Op]) -> None:
        span = step.span
        code = "argument"
        if "is missing" in error.message:
            code = "missing-argument"
        elif error.arg:
            unknown = "unknown argument" in error.message
            code = "unknown-argument" if unknown else "argument"
            arguments = self.arguments(step, kind)
            if arguments and error.arg in arguments.keys:
                key = arguments.keys[error.arg]
                span = key.span if unknown else argument_spans(arguments)[error.arg]
        self.problems.error(code, error.message, span, error.help)


def _has_expression(op: str, arguments: Map | None) -> bool:
    return "$" in op or (arguments is not None and any(map(_holds_dollar, arguments.values.values())))


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

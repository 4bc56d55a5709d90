"""Operators of a spec: made from the arguments that their steps give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.base.shared import table
from archinspect.base.source import List, Map, Scalar
from archinspect.language.evaluation import UnevaluatedError
from archinspect.ops import find_operator
from archinspect.ops.declared import ArgumentError
from archinspect.ops.modules import module_arguments

if TYPE_CHECKING:
    from archinspect.base.diagnostics import Problems
    from archinspect.base.source import Span, Tree
    from archinspect.language.evaluation import Env, Evaluation
    from archinspect.language.forms import Step
    from archinspect.ops.base import Op


class Maker:
    """Makes operators, the same one for the same arguments; what is wrong is told to `problems`."""

    def __init__(self, evaluation: Evaluation, problems: Problems) -> None:
        self.evaluation = evaluation
        self.problems = problems
        self._interned: dict[tuple[type[Op], str], Op] = {}
        self._plain: dict[tuple[type[Op], str], Op] = table("operators")
        """Those whose arguments are numbers and words: no expression, which may give a symbol, was evaluated."""
        self._wrong: dict[tuple[type[Op], str], ArgumentError] = {}
        self._told: set[tuple[Step, type[Op], str]] = set()
        """The steps whose wrong arguments have been told."""
        self._made: dict[Step, Op] = {}
        """The operators of steps whose arguments hold no expression."""
        self._arguments: dict[tuple[Step, type[Op]], Map | None] = {}
        """The arguments of steps that give one without its name."""

    def make(self, kind: type[Op], name: str, step: Step, env: Env, layout: str, *, merges: bool) -> Op | None:
        """Return the operator that a step calls so, with its arguments; None where they are wrong."""
        made = self._made.get(step)
        if made is not None:
            return made
        if (
            step.value is not None
            and not (merges and isinstance(step.value, List))
            and (step, kind) not in self._arguments
        ):
            self._arguments[step, kind] = self._with_main(kind, kind.main_arg(name), step, step.value)
        elif _wraps(kind, step.args) and (step, kind) not in self._arguments:
            assert step.args is not None
            self._arguments[step, kind] = named_layer = Map(step.args.span)
            named_layer.keys["layer"], named_layer.values["layer"] = next(iter(step.args.keys.values())), step.args
        arguments = self.arguments(step, kind)
        try:
            given = self._values(kind, arguments, env) if arguments else {}
            values = module_arguments(name, kind.names, given)
        except UnevaluatedError:
            return None
        if "data_format" in kind.args:
            values.setdefault("data_format", layout)
        key = (kind, repr(values))
        is_plain = not _has_expression(step.op, arguments)
        interned = self._plain if is_plain else self._interned
        op = interned.get(key) or self._new(key, values, step, arguments, env)
        if op is None:
            return None
        interned[key] = op
        if is_plain:
            self._made[step] = op
        return op

    def _new(
        self, key: tuple[type[Op], str], values: dict[str, Any], step: Step, arguments: Map | None, env: Env
    ) -> Op | None:
        """Return a new operator; where its arguments are wrong that is told, once for a step and its copies."""
        if (step, *key) in self._told:
            return None
        kind, _ = key
        try:
            if key in self._wrong:
                raise self._wrong[key]
            return kind(**values)
        except ArgumentError as error:
            self._wrong[key] = error
            self._told.add((step, *key))
            self._tell(error, kind, arguments, step, values, env)
            return None

    def _values(self, kind: type[Op], arguments: Map, env: Env) -> dict[str, Any]:
        if kind.computed:
            from archinspect.language.computed import values  # for a user's own layer alone

            return values(kind, arguments, env, self.evaluation)
        return {name: self._value(tree, env) for name, tree in arguments.values.items()}

    def _value(self, tree: Tree, env: Env) -> Any:  # noqa: ANN401 - what an argument takes
        """Return an argument's value, which for a wrapper is an operator with arguments of its own."""
        if isinstance(tree, Map) and len(tree.values) == 1:
            ((name, arguments),) = tree.values.items()
            kind = find_operator(name)
            if kind is not None and isinstance(arguments, Map):
                return {name: self._values(kind, arguments, env)}
        return self.evaluation.value(tree, env)

    def arguments(self, step: Step, kind: type[Op]) -> Map | None:
        """Return the arguments that a step gives, the main one among them by its name."""
        return self._arguments.get((step, kind), step.args)

    def _with_main(self, kind: type[Op], main: str | None, step: Step, value: Tree) -> Map | None:
        """Return the arguments of `Dense: 10` as those of `Dense: {units: 10}`."""
        if main is None and isinstance(value, List):  # the first of several, so that all are named
            main = next((argument for argument in kind.args if kind.args[argument].required), None)
        if main is None:
            help_ = "`from` says what is read: `from: [-1, other]`" if kind.inputs[1] != 1 else ""
            number = isinstance(value, Scalar) and isinstance(value.value, int | float)
            if number and kind.__name__ in ("Add", "Multiply"):
                scaled = "scale: 1, offset" if kind.__name__ == "Add" else "scale"
                help_ = f"for a number write `Rescaling: {{{scaled}: {value.text}}}`"  # type: ignore[union-attr] # a scalar
            self.problems.error("unknown-argument", f"{kind.__name__} takes no arguments", value.span, help_)
            return step.args
        arguments = Map(value.span)
        for key, tree in step.args or ():
            arguments.keys[key.text], arguments.values[key.text] = key, tree
        arguments.keys[main], arguments.values[main] = Scalar(main, main, value.span), value
        return arguments

    def _tell(
        self,
        first: ArgumentError,
        kind: type[Op],
        arguments: Map | None,
        step: Step,
        values: dict[str, Any],
        env: Env,
    ) -> None:
        """Tell all that is wrong with the arguments; what a remedy for one names is not missing, too."""
        from archinspect.language import remedies  # only errors need it

        meant = ""
        torn = remedies.torn(arguments) if arguments else {}
        for error in sorted((first, *first.beside), key=lambda one: one.code == "missing-argument"):
            place = place_of(error, arguments, step.span)
            argument = error.path[0] if len(error.path) == 1 else ""
            if torn.get(argument) == "":
                continue
            if error.near:
                self.problems.unknown(error.code, error.message, place, error.path[-1], error.near)
            elif error.code != "missing-argument" or not meant:
                remedy = error.help or torn.get(argument, "") or _remedy(error, arguments, step, kind)
                tree = arguments.values.get(argument) if arguments else None
                remedy = remedy or remedies.of_parameter(tree, env) or remedies.of_quotient(tree, values.get(argument))
                meant = meant or remedy
                self.problems.error(error.code, error.message, place, remedy)


def _remedy(error: ArgumentError, arguments: Map | None, step: Step, kind: type[Op]) -> str:
    """Return how to write what a wrong argument seems to mean."""
    from archinspect.language import remedies  # only errors need it

    if arguments is None or len(error.path) != 1 or error.path[0] not in arguments.values:
        return ""
    tree = arguments.values[error.path[0]]
    return remedies.of_argument(step.op, kind, error.path[0], tree, bare=tree is step.value)


def _wraps(kind: type[Op], arguments: Map | None) -> bool:
    """Return whether a wrapper is given its layer without the argument's name: `TimeDistributed: {Dense: 8}`."""
    names = list(arguments.keys) if arguments and "layer" in kind.args else []
    return len(names) == 1 and names[0] not in kind.names and find_operator(names[0]) is not None


def _has_expression(op: str, arguments: Map | None) -> bool:
    return "$" in op or (arguments is not None and any(map(_holds_dollar, arguments.values.values())))


def _holds_dollar(tree: Tree) -> bool:
    if isinstance(tree, Scalar):
        return isinstance(tree.value, str) and "$" in tree.value
    children = tree.items if isinstance(tree, List) else tree.values.values()
    return any(map(_holds_dollar, children))


def place_of(error: ArgumentError, tree: Tree | None, span: Span) -> Span:
    """Return where the argument that is wrong stands in an operator's arguments; `span` where none is to blame.

    Where a name is unknown or lacks something it is the name that is meant, else the value.
    """
    found = span
    for name in error.path:
        if not isinstance(tree, Map) or name not in tree.keys:
            return found
        key, tree = tree.keys[name], tree.values[name]
        found = tree.span if tree.span.line else key.span
        span = key.span
    return span if error.near or error.code == "missing-argument" else found

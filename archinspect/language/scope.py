"""What is known while a spec is expanded: names, parameters, what has been made so far."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from archinspect.base.diagnostics import show
from archinspect.base.source import Scalar
from archinspect.graph.builder import MAX_NODES
from archinspect.language.evaluation import Evaluation, TooLargeError
from archinspect.language.forms import MAX_NESTING
from archinspect.language.operators import Maker
from archinspect.language.parse import NAMES, is_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.base.diagnostics import Problems
    from archinspect.base.source import Span
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.language.evaluation import Env
    from archinspect.language.forms import Step
    from archinspect.language.likely import Chain
    from archinspect.language.parse import Block, Spec
    from archinspect.language.references import Sharing

Start: TypeAlias = "Tensor | list[Tensor] | None"
"""What a step reads unless it says otherwise: the tensor before it, several that `from` names, nothing yet."""

MAX_EXPANSIONS = 2 * MAX_NODES
FEW_EXPANSIONS = 10_000
"""After so many, what a spec stands for is counted before more of it is written out."""
MANY_PARAMS = 100


def first(start: Start) -> Tensor | None:
    """Return the first tensor of what a step reads; None where there is none."""
    return next(iter(start), None) if isinstance(start, list) else start


class Scope:
    """Where names live: a path, the parameters, and what has been built so far."""

    __slots__ = ("blocks", "callers", "depth", "env", "prefix", "results", "trainable")

    def __init__(self, prefix: str, env: Env, outer: Scope | None = None, span: Span | None = None) -> None:
        self.prefix = prefix
        self.env = env
        self.results: list[Tensor] = []
        """What comes in, then what each step produces: `from: -1` is the last."""
        self.depth: int = outer.depth + 1 if outer else 0
        self.blocks: tuple[str, ...] = outer.blocks if outer else ()
        self.callers: tuple[Span, ...] = outer.callers if outer else ()
        self.trainable: bool = outer.trainable if outer else True
        if span is not None:
            self.callers = (span, *self.callers)

    def for_path(self, env: Env, first: Tensor | None) -> Scope:
        """Return the scope of a merge's path: names are the surrounding scope's, `from: -1` stays inside the path."""
        inner = Scope(self.prefix, env, self)
        inner.results = [] if first is None else [first]
        return inner

    def frozen(self) -> Scope:
        """Return this scope with weights that do not train; what is made stands in both."""
        inner = Scope(self.prefix, self.env, self)
        inner.depth, inner.results, inner.trainable = self.depth, self.results, False
        return inner


class Expansion:
    """What all that expand a spec share."""

    def __init__(self, spec: Spec, builder: GraphBuilder, problems: Problems) -> None:
        self.spec = spec
        self.blocks: Mapping[str, Block] = spec.blocks
        self.builder = builder
        self.problems = problems
        self.evaluation = Evaluation(problems)
        self.maker = Maker(self.evaluation, problems)
        self.results: dict[str, Tensor] = {}
        """What the layer or composite of each path produces."""
        self.sharing: list[Sharing] = []
        self.chains: list[Chain] = []
        self.shapes: dict[str, Sequence[int]] = {}
        """Other shapes for the inputs that are steps, by their paths; empty for the only input."""
        self.steps = 0
        """How many steps were expanded."""
        self.is_counted = False
        """Whether the whole spec was found to be of a size that can be written out."""
        self.is_open = False
        """Whether this is within a repeat whose number stays open."""

    @property
    def unknown(self) -> Tensor:
        """Stands for what could not be made; what reads it stays silent."""
        return self.builder.unknown

    def count(self, step: Step, steps: int = 1) -> None:
        """Count what is expanded, and end where that is too much."""
        self.steps += steps
        if self.steps > MAX_EXPANSIONS:
            self.refuse_large(step)
        if not self.is_counted and type(self.steps) is int and self.steps > FEW_EXPANSIONS:
            from archinspect.language.least import too_many  # few specs are large

            self.is_counted = True
            params = self.builder.params
            large = too_many(self.spec, params, MAX_EXPANSIONS, 2) or too_many(self.spec, params, MAX_NODES, 0)
            if large:
                self.refuse_large(large)

    def refuse_large(self, step: Step) -> None:
        """End the expansion of what has too many layers."""
        message = f"the spec stands for more than {MAX_NODES:,} layers"
        if step.op in self.blocks and len(self.blocks[step.op].params) > MANY_PARAMS:
            message += ", or for blocks with too many parameters in all"
        self.problems.error("limit", message, step.span, "a lower `repeat`, or fewer blocks within blocks")
        raise TooLargeError

    def refuse_deep(self, scope: Scope, span: Span) -> None:
        """End the expansion of blocks that nest too deep."""
        if scope.depth > MAX_NESTING:
            self.problems.error("limit", f"blocks nest deeper than {MAX_NESTING} levels", span)
            raise TooLargeError

    def single(self, step: Step, start: Start) -> Tensor | None:
        """Return the tensor that a step reads; tell where there are several."""
        if not isinstance(start, list):
            return start
        if len(start) > 1:
            help_ = "pass the others' names as parameters of the block and use them in its `from`"
            message = f"'{step.op or 'group'}' takes one input"
            tree = step.extras.get("from")  # in a block that reads all, its first step has none of its own
            self.problems.error("from", message, tree.span if tree else step.span, help_)
        return first(start)

    def given_name(self, step: Step, env: Env) -> str | None:
        """Return the name that a step gives, evaluated; None without one, or where it cannot be one."""
        tree = step.extras.get("name")
        if tree is None:
            return None
        name = self.evaluation.value(tree, env)
        text = tree.text if isinstance(tree, Scalar) and name == tree.value else str(name)
        if not isinstance(tree, Scalar) or not is_name(text):
            span = tree.span if tree.span.line else step.span
            plain = re.sub(r"[ .:]+", "_", text)
            help_ = f"write `{plain}`: {NAMES}" if is_name(plain) else NAMES
            self.problems.error("name", f"{show(name)} cannot be a name", span, help_)
            return None
        return text

    def claim(self, name: str | None, step: Step, scope: Scope, default: str = "") -> str:
        """Return the path of a new layer or composite: the given name, or the default with a running number."""
        taken = self.builder.taken
        if name is not None and scope.prefix + name in taken:
            tree = step.extras.get("name")
            notes = [("the first one", taken[scope.prefix + name])]
            span = tree.span if tree else step.span
            self.problems.error("name", f"the name '{name}' is taken", span, "choose another", notes)
            default, name = name, None  # what is inside has another path, and nothing more to complain of
        path = self.builder.claim(name or "", default, scope.prefix, step.span)
        self.results[path] = self.unknown
        return path

    def close(self, path: str, result: Tensor | None) -> None:
        """Set what a composite that was claimed produces: nothing, if nothing is inside and nothing in front."""
        if result is None:
            del self.results[path]
        else:
            self.results[path] = result

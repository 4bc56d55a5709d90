"""Steps that are operators: what they read, the paths of a merge among that, and the layers that they make."""

from __future__ import annotations

from functools import cached_property
from itertools import chain, islice
from typing import TYPE_CHECKING

from archinspect import ops
from archinspect.base.diagnostics import MAX_SHOWN, Diagnostic, Fix, Near
from archinspect.base.source import List, Map
from archinspect.graph.builder import TooManyNodesError, snake
from archinspect.language.evaluation import UnevaluatedError
from archinspect.language.forms import has_paths, parse_path
from archinspect.language.likely import split_path
from archinspect.language.ready import SECOND
from archinspect.ops.declared import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from archinspect.base.source import Span
    from archinspect.graph.graph import Tensor
    from archinspect.language.evaluation import Env
    from archinspect.language.forms import Step
    from archinspect.language.scope import Expansion, Scope, Start
    from archinspect.ops.base import Op


READS = "`from` says what is read: `{Add: , from: [-1, other]}`"


class _NearOperator(Near):
    """What an unknown operator may mean: a call of a framework, a name that is near, a word of its docs."""

    def __init__(self, name: str, blocks: Iterable[str], names: Iterable[str]) -> None:
        super().__init__(name, chain(blocks, names))
        self.blocks = list(islice(blocks, MAX_SHOWN))

    @cached_property
    def step(self) -> str:
        """The step that a call means, perhaps without its arguments; empty if the name is no call."""
        from archinspect.language.calls import step_for  # the error path only

        return step_for(self.name)

    def fix(self, span: Span, name: str) -> Fix | None:
        is_whole = self.step and "..." not in self.step and span.text() == name
        return Fix(span, self.step) if is_whole else super().fix(span, name)

    def look(self) -> tuple[str, str]:
        if self.step:
            return f"write `{self.step}`", ""
        from archinspect.language.meaning import NAMED, SHORT, by_meaning, meant, spelled_alike

        if ops.fold(self.name) in NAMED:
            return NAMED[ops.fold(self.name)], ""
        known = [*self.names, *(alias for kind in ops.all_ops() for alias in kind.aliases)]
        self.names = [name for name in known if spelled_alike(self.name, name)]
        if self.names and not meant(self.name):
            return super().look()
        if close := [block for block in self.blocks if spelled_alike(self.name, block, SHORT)]:
            return "did you mean " + " or ".join(f"'{block}'" for block in close) + "?", ""
        likely = " or ".join(f"`{name}`" for name in by_meaning(self.name))
        near = f"{likely} may be what it means; " if likely else ""
        if self.blocks and not likely:
            near = f"blocks here: {', '.join(self.blocks)}; "
        return f"{near}`archinspect ops` lists all; `Custom` is a layer of your own", ""


class Layers:
    """Makes layers; `steps` expands a merge's paths."""

    def __init__(
        self,
        expansion: Expansion,
        inputs: Collection[str],
        steps: Callable[[Sequence[Step], Scope, Start], Tensor | None],
    ) -> None:
        self.expansion = expansion
        self.inputs = inputs
        """The names of the network's inputs."""
        self.steps = steps
        self.paths: dict[int, list[list[Step]]] = {}
        """The steps of each path of a merge, by the identity of the list of paths."""

    def layer(self, op_name: str, step: Step, scope: Scope, env: Env, start: Start, name: str | None) -> str:
        """Make the layer of a step and return its path."""
        expansion = self.expansion
        kind = ops.find_operator(op_name)
        if kind is None:
            message = f"unknown operator or block '{op_name}'"
            near: Near = _NearOperator(op_name, expansion.blocks, chain(SECOND, *ops.FAMILIES.values()))
            if f"{scope.prefix}{op_name}" in expansion.results:
                near = Near.of(READS)
            expansion.problems.unknown("unknown-op", message, step.span, op_name, near)
            expansion.claim(name, step, scope, snake(op_name))
            raise UnevaluatedError
        if op_name in self.inputs and step.args is None and step.value is None:
            expansion.problems.error("from", f"'{op_name}' is an input, and no layer", step.span, READS)
            raise UnevaluatedError
        merges = has_paths(kind, step)
        op = expansion.maker.make(kind, op_name, step, env, expansion.builder.layout, merges=merges)
        path = expansion.claim(name, step, scope, snake(kind.__name__))
        if op and kind is ops.find_operator("Input"):
            self._add_input(op, path, step)
            return path
        inputs = [] if kind.inputs == (0, 0) else self._read(step, scope, env, start, merges=merges)
        if op and self._count_fits(op, step, scope, inputs):
            self._add(op, inputs, path, step, scope)
        return path

    def _add_input(self, op: Op, path: str, step: Step) -> None:
        expansion = self.expansion
        shape = expansion.shapes.pop(path, None if self.inputs else expansion.shapes.get(""))
        if shape is not None:
            try:
                op = type(op)(**{**vars(op), "shape": list(shape)})
            except ArgumentError as error:
                expansion.problems.error("input", error.message, step.span, error.help)
                return
        expansion.results[path] = expansion.builder.add_input(op, path, step.span)

    def _add(self, op: Op, inputs: list[Tensor], path: str, step: Step, scope: Scope) -> None:
        expansion = self.expansion
        try:
            outputs = expansion.builder.add_layer(
                op,
                inputs,
                path,
                origin=step.span,
                arguments=expansion.maker.arguments(step, type(op)) or Map(step.span),
                callers=scope.callers,
                trainable=scope.trainable,
            )
        except TooManyNodesError:
            expansion.refuse_large(step)
            raise
        expansion.results[path] = outputs[0]
        if len(outputs) > 1:
            expansion.results.update({f"{path}.{i}": tensor for i, tensor in enumerate(outputs)})

    def _read(self, step: Step, scope: Scope, env: Env, start: Start, *, merges: bool) -> list[Tensor]:
        """Return an operator's inputs; a merge's paths are expanded, all from where the step starts."""
        if not (merges and isinstance(step.value, List)):
            return start if isinstance(start, list) else [] if start is None else [start]
        expansion = self.expansion
        first = expansion.single(step, start)
        inputs = []
        for path, steps in zip(step.value.items, self._paths(step.value), strict=True):
            inner = scope.for_path(env, first)
            expansion.refuse_deep(inner, step.span)
            end = self.steps(steps, inner, first)
            if end is None:
                message = "the empty path has no input"
                expansion.problems.error("from", message, path.span, "say where it comes from: `from:`")
                end = expansion.unknown
            inputs.append(end)
        return inputs

    def _paths(self, paths: List) -> list[list[Step]]:
        """Return the steps of each path, which are parsed and looked through once for all copies of the merge."""
        found = self.paths.get(id(paths))
        if found is None:
            problems = self.expansion.problems
            found = self.paths[id(paths)] = [parse_path(path, problems) for path in paths.items]
            for warning in split_path(paths.items, found):
                problems.add(warning)
        return found

    def _count_fits(self, op: Op, step: Step, scope: Scope, inputs: list[Tensor]) -> bool:
        low, high = op.inputs
        is_bare = not (isinstance(step.value, List) or "from" in step.extras or scope.blocks)
        if is_bare and len(inputs) == 1 and type(op) is ops.find_operator("Concatenate"):
            help_ = "give a list of paths, or `from: [-1, other]` for the previous step and another layer"
            message = f"{type(op).__name__} has one input: nothing is joined"
            self.expansion.problems.add(Diagnostic("paths", message, step.span, help_))
        if low <= len(inputs) and (high is None or len(inputs) <= high):
            return True
        name, problems = type(op).__name__, self.expansion.problems
        if not inputs and self.inputs:
            help_ = f"say `from:` one of {', '.join(self.inputs)}"
            problems.error("from", f"{name}: which input?", step.span, help_)
            return False
        if not inputs:
            help_ = "give the shape of a sample: `input: [224, 224, 3]`, or --input"
            problems.error("input", f"{name}: the network has no input", step.span, help_)
            return False
        wanted = f"{low}" if low == high else f"at least {low}" if high is None else f"{low} to {high}"
        plural = "input" if wanted == "1" else "inputs"
        tree = step.extras.get("from")
        help_ = (
            "give a list of paths, or `from: [-1, other]` for the previous step and another layer"
            if len(inputs) < low
            else "join them with `Add` or `Concatenate` first"
        )
        span = tree.span if tree else step.span
        problems.error("from", f"{name}: takes {wanted} {plural}, got {len(inputs)}", span, help_)
        return False

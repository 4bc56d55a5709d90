"""How many steps a spec stands for, at least: multiplied, before blocks within blocks are written out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.diagnostics import Problems
from archinspect.base.source import List
from archinspect.language.evaluation import Evaluation, Names, UnevaluatedError
from archinspect.language.expressions import FAILED
from archinspect.language.forms import MAX_NESTING, has_paths, parse_path
from archinspect.ops import find_operator

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from archinspect.language.evaluation import Env
    from archinspect.language.forms import Step
    from archinspect.language.parse import Spec


def too_many(spec: Spec, params: Env, limit: int, composite: int) -> Step | None:
    """Return the step with which a spec certainly stands for more than `limit`; None if none is certain.

    A layer counts 1, a group or a block `composite`. Nothing is certain of what depends on a block's parameters.
    """
    count = _Least(spec, params, composite)
    paths: Iterable[tuple[Sequence[Step], Env]] = [(spec.layers or [], params)]
    found = None
    while True:
        total = 0
        for step, env in ((step, env) for steps, env in paths for step in steps):
            total += count.step(step, env)
            if total > limit:
                break
        else:
            return found
        found, paths = step, count.inside(step, env)


class _Least:
    def __init__(self, spec: Spec, params: Env, composite: int) -> None:
        self.blocks = spec.blocks
        self.params = params
        self.composite = composite
        self.evaluation = Evaluation(Problems())  # what is wrong is told when it is expanded
        self.known: dict[str, int] = {}
        """What each block stands for."""
        self.depth = 0

    def step(self, step: Step, env: Env) -> int:
        """Return what a step stands for, at least."""
        times = self._times(step, env)
        if times == 0:
            return 0
        if step.layers is None and step.op in self.blocks:
            if step.op not in self.known:
                self.known[step.op] = 0  # a block within itself is refused
                self.known[step.op] = self._all(step, env)
            return times * (self.composite + self.known[step.op])
        return times * ((1 if step.layers is None else self.composite) + self._all(step, env))

    def inside(self, step: Step, env: Env) -> Iterable[tuple[Sequence[Step], Env]]:
        """Return the steps of a group, of a block, or of each path of a merge, with the names they see."""
        if step.layers is not None:
            return [(step.layers, env)]
        block = self.blocks.get(step.op)
        if block:
            return [(block.layers, Names(self.params, dict.fromkeys(block.params, FAILED)))]
        kind = find_operator(step.op)
        if kind and isinstance(step.value, List) and has_paths(kind, step):
            return [(parse_path(path, self.evaluation.problems), env) for path in step.value.items]
        return []

    def _all(self, step: Step, env: Env) -> int:
        if self.depth > MAX_NESTING:  # refused
            return 0
        self.depth += 1
        total = sum(self.step(inner, names) for steps, names in self.inside(step, env) for inner in steps)
        self.depth -= 1
        return total

    def _times(self, step: Step, env: Env) -> int:
        """Return how often a step is there, at least."""
        times = 1
        for key in ("when", "repeat"):
            if key in step.extras:
                try:
                    value = self.evaluation.value(step.extras[key], env)
                except UnevaluatedError:
                    return 0
                times *= max(value, 0) if isinstance(value, int) else 0
        return times

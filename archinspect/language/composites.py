"""Groups and blocks: composites, and the parameters that blocks are called with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.diagnostics import Near
from archinspect.base.source import List, Scalar
from archinspect.graph.builder import snake
from archinspect.graph.graph import Composite
from archinspect.language.evaluation import Names, UnevaluatedError
from archinspect.language.references import is_all
from archinspect.language.scope import Expansion, Scope, Start

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.base.source import Tree
    from archinspect.graph.graph import Tensor
    from archinspect.language.evaluation import Env
    from archinspect.language.forms import Step
    from archinspect.language.parse import Block


PARAMS_OF_A_STEP = 4
"""So many parameters of a block take as long as a step."""


class Composites:
    """Expands groups and blocks; `steps` expands what is inside of them."""

    def __init__(
        self, expansion: Expansion, params: Env, steps: Callable[[Sequence[Step], Scope, Start], Tensor | None]
    ) -> None:
        self.expansion = expansion
        self.params = params
        self.steps = steps

    def group(self, step: Step, scope: Scope, env: Env, start: Start, name: str | None) -> str:
        """Expand a group and return its path."""
        path = self.expansion.claim(name, step, scope, "group")
        self.expansion.builder.composites[path] = Composite("group")
        return self._inside(step.layers or [], path, Scope(f"{path}.", env, scope), self.expansion.single(step, start))

    def block(self, block: Block, step: Step, scope: Scope, env: Env, start: Start, name: str | None) -> str:
        """Expand a call of a block and return its path."""
        expansion = self.expansion
        if block.name in scope.blocks:
            chain = " -> ".join([*scope.blocks[scope.blocks.index(block.name) :], block.name])
            expansion.problems.error("recursion", f"block '{block.name}' contains itself: {chain}", step.span)
            raise UnevaluatedError
        path = expansion.claim(name, step, scope, snake(block.name))
        expansion.builder.composites[path] = Composite(block.name, {}, block.module)
        expansion.count(step, len(block.params) // PARAMS_OF_A_STEP)
        names = self._arguments(block, step, env)
        args = {name: names[name] for name in block.params}
        expansion.builder.composites[path] = Composite(block.name, args, block.module)
        inner = Scope(f"{path}.", names, scope, step.span)
        inner.blocks = (*scope.blocks, block.name)
        if block.second and isinstance(start, list) and len(start) == 2:  # noqa: PLR2004 - the second has a name
            start, expansion.results[f"{path}.{block.second}"] = start
        if not is_all(step.extras.get("from")):
            start = expansion.single(step, start)
        is_ready = block.span.source.is_ours and not step.span.source.is_ours
        with expansion.problems.used_at(step.span, always=is_ready):
            return self._inside(block.layers, path, inner, start)

    def _inside(self, steps: Sequence[Step], path: str, scope: Scope, start: Start) -> str:
        expansion = self.expansion
        expansion.refuse_deep(scope, expansion.builder.taken[path])
        if isinstance(start, list):
            scope.results += start
        elif start is not None:
            expansion.results[f"{path}.input"] = start
            scope.results.append(start)
        result = self.steps(steps, scope, start)
        expansion.close(path, result)
        return path

    def _arguments(self, block: Block, step: Step, env: Env) -> Names:
        """Return the names within the block: its parameters as this step gives them, or by their defaults."""
        problems, value = self.expansion.problems, self.expansion.evaluation.value
        given = {key.text: (key, tree) for key, tree in step.args or ()}
        if step.value is not None:
            if not block.params:
                message = f"block '{block.name}' has no parameters"
                problems.error("unknown-argument", message, step.value.span)
            else:
                main = next(iter(block.params))
                if isinstance(step.value, List) and block.span.source.is_ours:
                    message = f"{block.name}: {main} is one value, not a list"
                    problems.error("argument", message, step.value.span, _by_name(block, step.value))
                    raise UnevaluatedError
                given[main] = (Scalar(main, main, step.value.span), step.value)
        for name, (key, _) in given.items():
            if name not in block.params:
                message = f"{block.name}: unknown parameter '{name}'"
                found = Near(name, block.params, given)
                problems.unknown("unknown-argument", message, key.span, name, found)
        names = Names(self.params, {"index": env["index"]} if "index" in env else {})
        for name, (key, tree) in block.params.items():
            if name in given:
                names.own[name] = value(given[name][1], env)
            elif isinstance(tree, Scalar) and tree.text == "":
                message = f"{block.name}: '{name}' is missing"
                notes = [("declared here", key.span)]
                wanted = [one for one, (_, own) in block.params.items() if isinstance(own, Scalar) and own.text == ""]
                help_ = _by_name(block, step.value) or (
                    f"write `{block.name}: {{{', '.join(f'{one}: ...' for one in wanted)}}}`"
                )
                problems.error("missing-argument", message, step.span, help_, notes)
                raise UnevaluatedError
            else:
                names.own[name] = value(tree, names)
        return names


def _by_name(block: Block, given: Tree | None) -> str:
    """Return how to write parameters that are given in a list, by their places; empty for other values."""
    items = given.items if isinstance(given, List) else []
    if len(items) not in range(1, len(block.params) + 1):
        return ""
    pairs = [
        f"{name}: {item.text}" for name, item in zip(block.params, items, strict=False) if isinstance(item, Scalar)
    ]
    return f"write `{{{', '.join(pairs)}}}`" if len(pairs) == len(items) else ""

"""Steps of a spec, one after another: what each reads, how often it repeats, whether it is there at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.diagnostics import show
from archinspect.base.source import List, Scalar
from archinspect.graph.graph import Composite, Tensor
from archinspect.language.composites import Composites
from archinspect.language.copies import copies
from archinspect.language.evaluation import Names, TooLargeError, UnevaluatedError
from archinspect.language.layers import Layers
from archinspect.language.likely import Chain
from archinspect.language.ready import find_ready
from archinspect.language.references import COPIES, Ref, Sharing, copies_of, is_all
from archinspect.language.scope import Expansion, Scope, Start, first

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from archinspect.base.source import Tree, Value
    from archinspect.language.evaluation import Env
    from archinspect.language.forms import Step

MAX_REPEAT = 100_000


class Steps:
    """Expands the steps of a spec, of its blocks and of its merges."""

    def __init__(self, expansion: Expansion, params: Env, inputs: Collection[str]) -> None:
        self.expansion = expansion
        self.composites = Composites(expansion, params, self.expand)
        self.layers = Layers(expansion, inputs, self.expand)

    def expand(self, steps: Sequence[Step], scope: Scope, current: Start) -> Tensor | None:
        """Expand steps one after another, the first on several tensors perhaps; return what the last one produces."""
        expansion = self.expansion
        for step in steps:
            if expansion.problems.full:
                raise TooLargeError
            try:
                current = self._step(step, scope, current)
            except UnevaluatedError:
                current = expansion.unknown
                name = step.extras.get("name")
                if isinstance(name, Scalar):
                    expansion.results.setdefault(scope.prefix + name.text, current)
            if isinstance(current, Tensor):
                scope.results.append(current)
        return first(current)

    def _step(self, step: Step, scope: Scope, current: Start) -> Start:
        """Expand one step as often as it repeats."""
        extras, env = step.extras, scope.env
        if not extras:
            return self._once(step, scope, env, current, None)
        if "when" in extras and not self._is_wanted(extras["when"], env):
            return current
        start = current
        if "from" in extras:
            start = self.sources(extras["from"], scope, env)
            self.expansion.count(step, len(start) if isinstance(start, list) else 0)  # copies of copies are many
        if "repeat" not in extras:
            return self._once(step, scope, env, start, self.expansion.given_name(step, env))
        return self._repeat(step, scope, start)

    def _is_wanted(self, tree: Tree, env: Env) -> bool:
        wanted = self.expansion.evaluation.value(tree, env)
        if not isinstance(wanted, bool | int):
            self._refuse_truth("when", wanted, tree)
        return bool(wanted)

    def _repeat(self, step: Step, scope: Scope, start: Start) -> Tensor | None:
        expansion = self.expansion
        times = expansion.evaluation.integer(step.extras["repeat"], scope.env, "repeat", MAX_REPEAT)
        each = _names_copies(step)
        name = None if each else expansion.given_name(step, scope.env)
        reads_all = is_all(step.extras.get("from"))
        inner = scope
        if name is not None:
            # A named repeat is a composite whose copies are called 0, 1, ...
            path = expansion.claim(name, step, scope)
            inner = Scope(f"{path}.", scope.env, scope)
            expansion.builder.composites[path] = Composite(self._op_name(step, scope.env) or "group")
        made: list[Tensor] = []
        started = step.extras.get("from") if each and not reads_all else None
        # What reads all that was made before differs from copy to copy.
        for index in range(times) if reads_all else copies(expansion, times):
            env = Names(scope.env, {"index": index})
            copy_name = expansion.given_name(step, env) if each else None if name is None else str(index)
            if reads_all:
                start = [*scope.results, *made]
                expansion.count(step, len(start))  # what is read grows with the square of the copies
            start = self._once(step, inner, env, start, copy_name)
            made += [] if start is None else [start]
        if reads_all:
            scope.results += made[:-1]  # the last is added as what the step makes, as of any other
        result = first(start)
        if started is not None:
            expansion.chains.append(Chain(started.span, made))
        if name is not None:
            expansion.close(inner.prefix[:-1], result)
        return result

    def _once(self, step: Step, scope: Scope, env: Env, start: Start, name: str | None) -> Tensor | None:
        """Expand one copy of a step and return what it produces."""
        expansion = self.expansion
        if expansion.problems.full:
            raise TooLargeError
        expansion.count(step, 1 if step.layers is None and step.op not in expansion.blocks else 2)
        if "trainable" in step.extras and self._is_true(step.extras["trainable"], env, "trainable") is False:
            scope = scope.frozen()
        nodes = len(expansion.builder.nodes)
        if step.layers is not None:
            path = self.composites.group(step, scope, env, start, name)
        else:
            op_name = self._op_name(step, env)
            block = expansion.blocks.get(op_name) or find_ready(op_name)
            if block:
                with expansion.problems.used_at(step.span):
                    path = self.composites.block(block, step, scope, env, start, name)
            else:
                path = self.layers.layer(op_name, step, scope, env, start, name)
        if "weights" in step.extras:
            self._share(path, step, scope, env, nodes)
        result = expansion.results.get(path)
        if "cache" in step.extras:
            cached = self._is_true(step.extras["cache"], env, "cache")
            if result and cached is not None:
                expansion.builder.cache(result, cached=cached)
        return result

    def _op_name(self, step: Step, env: Env) -> str:
        """Return the operator's or block's name, which may be an expression."""
        if "$" not in step.op:
            return step.op
        return str(self.expansion.evaluation.value(Scalar(step.op, step.op, step.span), env))

    def _is_true(self, tree: Tree, env: Env, key: str) -> bool | None:
        """Return whether a key's value is true; None for what is neither true nor false, which is told."""
        value = self.expansion.evaluation.value(tree, env)
        if isinstance(value, bool):
            return value
        self._refuse_truth(key, value, tree)
        return None

    def _refuse_truth(self, key: str, value: Value, tree: Tree) -> None:
        from archinspect.language.remedies import of_truth  # only errors need it

        message = f"{key} must be true or false, not {show(value)}"
        self.expansion.problems.error("type", message, tree.span, of_truth(value))

    def _share(self, path: str, step: Step, scope: Scope, env: Env, first: int) -> None:
        tree = step.extras["weights"]
        value = self.expansion.evaluation.value(tree, env)
        if not isinstance(value, str):
            self.expansion.problems.error("type", f"weights must name a layer, not {show(value)}", tree.span)
            return
        nodes = self.expansion.builder.nodes[first:]
        self.expansion.sharing.append(Sharing(path, nodes, Ref(value, scope.prefix, tree.span)))

    def sources(self, tree: Tree, scope: Scope, env: Env, key: str = "from") -> Tensor | list[Tensor]:
        """Return the tensors that `from` or `outputs` names; what names none is told, and unknown."""
        evaluation = self.expansion.evaluation
        if isinstance(tree, List):
            if not tree.items:
                message = f"{key} is an empty list"
                self.expansion.problems.error("type", message, tree.span, "name at least one layer")
                raise UnevaluatedError
            found = [source for item in tree.items for source in self._item(item, scope, env, key)]
            named = {self._meant(one): one for one in reversed(found) if isinstance(one, Ref)}
            return [named.get(self._meant(one), one) for one in found]  # keys and values may be one tensor
        if is_all(tree) and key == "from":
            return list(scope.results)
        value = evaluation.value(tree, env)
        if isinstance(value, list):  # from a parameter
            return [self._source(item, tree, scope, key) for item in value]
        return self._source(value, tree, scope, key)

    def _meant(self, source: Tensor) -> Tensor | str:
        """Return what a name means where the layer is there already, and else the name; others as they are."""
        if not isinstance(source, Ref):
            return source
        return self.expansion.results.get(f"{source.scope}{source.ref}", source.ref)

    def _item(self, tree: Tree, scope: Scope, env: Env, key: str) -> list[Tensor]:
        """Return the tensor that an item of a list names, or those of all copies of a repeat: `blocks.*`."""
        value = self.expansion.evaluation.value(tree, env)
        if not isinstance(value, str) or not value.endswith(COPIES):
            return [self._source(value, tree, scope, key)]
        name = value.removesuffix(COPIES)
        made = copies_of(name, scope.prefix, self.expansion.results)
        if not made:
            message = f"{key}: no repeated step '{name}' stands before this one"
            self.expansion.problems.error("from", message, tree.span, "name the step that has `repeat`")
            raise UnevaluatedError
        return made

    def _source(self, value: Value, tree: Tree, scope: Scope, key: str) -> Tensor:
        problems = self.expansion.problems
        if isinstance(value, int) and not isinstance(value, bool):
            if value < 0 and -value <= len(scope.results):
                return scope.results[value]
            message = f"{key}: {value} is none of the {len(scope.results)} outputs before it"
            problems.error("from", message, tree.span, "count back from -1, the previous step, or use names")
            return self.expansion.unknown
        if not isinstance(value, str) or not value:
            problems.error("type", f"{key} must name a layer, not {show(value)}", tree.span)
            return self.expansion.unknown
        return Ref(value, scope.prefix, tree.span)


def _names_copies(step: Step) -> bool:
    """Return whether a repeated step's name is one for each copy: `conv1_${index + 1}`."""
    tree = step.extras.get("name")
    return isinstance(tree, Scalar) and "$" in tree.text and "index" in tree.text

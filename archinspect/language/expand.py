"""A spec to a graph: parameters are evaluated, blocks and repeats written out, names resolved."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archinspect import ops
from archinspect.base.diagnostics import show, suggest
from archinspect.base.source import List, Map, Scalar
from archinspect.graph.graph import MAX_NODES, Graph, Node, Tensor
from archinspect.language.evaluation import Evaluation, UnevaluatedError
from archinspect.language.expressions import FAILED
from archinspect.language.operators import Maker, argument_spans
from archinspect.language.parse import LAYOUTS, MAX_NAME, is_name, parse_path
from archinspect.language.references import Linker, Ref, Sharing
from archinspect.ops.base import ArgumentError, Op

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.base.diagnostics import Problems
    from archinspect.base.source import Span, Tree, Value
    from archinspect.language.evaluation import Env
    from archinspect.language.parse import Block, Spec, Step

MAX_REPEAT = 100_000
ALL = "all"
"""As `from`: everything that the scope has made so far, and what came in."""
MAX_EXPANSIONS = 2 * MAX_NODES
MAX_NESTING = 60


class Settings:
    """What a user changes from outside: parameters (`--set`) and input shapes (`--input`)."""

    def __init__(
        self, params: Mapping[str, Value] | None = None, inputs: Mapping[str, Sequence[int]] | None = None
    ) -> None:
        self.params = dict(params or {})
        self.inputs = dict(inputs or {})
        """The input named `` is the only one."""


class Scope:
    """Where names live: a path, the parameters, and what has been built so far."""

    __slots__ = ("blocks", "callers", "counts", "depth", "env", "prefix", "results", "trainable")

    def __init__(self, prefix: str, env: Env, outer: Scope | None = None, span: Span | None = None) -> None:
        self.prefix = prefix
        self.env = env
        self.counts: dict[str, int] = {}
        self.results: list[Tensor] = []
        """What comes in, then what each step produces: `from: -1` is the last."""
        self.depth: int = outer.depth + 1 if outer else 0
        self.blocks: tuple[str, ...] = outer.blocks if outer else ()
        self.callers: tuple[Span, ...] = outer.callers if outer else ()
        self.trainable: bool = outer.trainable if outer else True
        if span is not None:
            self.callers = (span, *self.callers)

    def variant(self, **changes: object) -> Scope:
        """Return this scope with other attributes; names and counts stay shared."""
        other = object.__new__(Scope)
        for slot in Scope.__slots__:
            setattr(other, slot, changes.get(slot, getattr(self, slot)))
        return other


class TooLargeError(Exception):
    """The spec stands for more than the limits allow; nothing further is expanded."""


def expand(spec: Spec, settings: Settings, problems: Problems) -> Graph:
    """Return the spec's graph, sorted; what is wrong is told to `problems`."""
    return _Expander(spec, settings, problems).run()


class _Expander:
    def __init__(self, spec: Spec, settings: Settings, problems: Problems) -> None:
        self.spec = spec
        self.settings = settings
        self.problems = problems
        self.graph = Graph(spec.text("name") or spec.span.source.name, spec.span)
        self.results: dict[str, Tensor] = {}
        """What the layer or composite of each path produces."""
        self.places: dict[str, Span] = {}
        self.sharing: list[Sharing] = []
        self.evaluation = Evaluation(problems)
        self.maker = Maker(self.evaluation, problems)
        self.paths: dict[int, list[Step]] = {}
        """The steps of each merge's path, by the identity of its tree."""
        self.expansions = 0
        self.unknown = Tensor(Node(Op(), [], "", "", spec.span))
        """Stands for what could not be made; what reads it stays silent."""

    def run(self) -> Graph:
        graph, spec = self.graph, self.spec
        graph.source = spec.text("source")
        graph.description = spec.text("description")
        layout = spec.text("layout")
        graph.layout = layout if layout in LAYOUTS else LAYOUTS[0]
        graph.expect = spec.fields.get("expect")
        graph.values = spec.fields.get("values")
        metrics = spec.fields.get("metrics")
        if isinstance(metrics, Map):
            graph.metrics = {name: tree.plain() for name, tree in metrics.values.items()}
        env = self._params()
        if env is None or (not spec.layers and self._no_layers()):
            return graph
        graph.params = env
        scope = Scope("", env)
        try:
            start = self._inputs(env)
            scope.results = [] if start is None else [start]
            last = self.steps(spec.layers or [], scope, start)
            self._outputs(scope, last)
        except TooLargeError:
            return graph
        Linker(graph, self.results, self.unknown, self.problems).link(self.sharing)
        return graph

    def _no_layers(self) -> bool:
        if not self.problems.failed:
            self.problems.error("spec", "the spec has no `layers`", self.spec.span, "list the network's steps there")
        return True

    # Parameters and inputs

    def _params(self) -> Env | None:
        declared = self.spec.params
        for name in self.settings.params:
            if name not in declared:
                help_ = suggest(name, declared) if declared else "this spec has no params"
                self.problems.error("unknown-param", f"the spec has no parameter '{name}'", self.spec.span, help_)
        env: Env = {}
        missing = []
        for name, (key, tree) in declared.items():
            if name in self.settings.params:
                env[name] = self.settings.params[name]
            elif isinstance(tree, Scalar) and tree.text == "":
                missing.append((name, key))
                env[name] = FAILED
            else:
                try:
                    env[name] = self.evaluation.value(tree, env)
                except UnevaluatedError:
                    env[name] = FAILED
        if missing:
            names = ", ".join(f"'{name}'" for name, _ in missing)
            help_ = " ".join(f"--set {name}=..." for name, _ in missing)
            self.problems.error(
                "missing-param", f"this spec is a template: it needs {names}", missing[0][1].span, help_
            )
            return None
        return env

    def _inputs(self, env: Env) -> Tensor | None:
        """Make the input nodes; return the tensor that the first step reads, if there is one input."""
        given = self.settings.inputs
        if "" in given and not self.spec.inputs:
            nothing = Scalar(None, "", self.spec.span)
            self.spec.inputs = {"input": (nothing, nothing)}
        if "" in given and len(self.spec.inputs) == 1:
            given[next(iter(self.spec.inputs))] = given.pop("")
        for name in given:
            if name not in self.spec.inputs:
                message = f"the spec has no input '{name}'" if name else "which input has this shape?"
                self.problems.error("unknown-input", message, self.spec.span, suggest(name, self.spec.inputs))
        for name, (key, tree) in self.spec.inputs.items():
            self.results[name] = self.unknown
            try:
                op = ops.find("Input")(**self._input_arguments(name, tree, env))  # type: ignore[misc] # in the table
            except UnevaluatedError:
                continue
            except ArgumentError as error:
                span = argument_spans(tree).get(error.arg, tree.span if tree.span.line else key.span)
                self.problems.error("input", error.message.replace("Input: ", f"input '{name}': ", 1), span, error.help)
                continue
            self.results[name] = self._add_input(op, name, key.span)
        if len(self.spec.inputs) == 1:
            return next(iter(self.results.values()))
        return None

    def _add_input(self, op: Op, name: str, span: Span) -> Tensor:
        node = Node(op, [], name, name, span)
        self.graph.inputs.append(node)
        self.places[name] = span
        return node.output

    def _input_arguments(self, name: str, tree: Tree, env: Env) -> dict[str, Value]:
        value = self.evaluation.value(tree, env)
        arguments: dict[str, Value] = dict(value) if isinstance(value, dict) else {"shape": value}
        shape = arguments.get("shape")
        if isinstance(shape, list) and shape[:1] == [None]:
            arguments["shape"] = shape[1:]  # the batch, as Keras prints it
        if name in self.settings.inputs:
            arguments["shape"] = list(self.settings.inputs[name])
        return arguments

    # Steps

    def steps(self, steps: Sequence[Step], scope: Scope, current: Tensor | list[Tensor] | None) -> Tensor | None:
        """Expand steps one behind another, the first on several tensors perhaps; return what the last one produces."""
        for step in steps:
            if self.problems.full:
                raise TooLargeError
            try:
                current = self.step(step, scope, current)
            except UnevaluatedError:
                current = self.unknown
                name = step.extras.get("name")
                if isinstance(name, Scalar):
                    self.results.setdefault(scope.prefix + name.text, self.unknown)
            if isinstance(current, Tensor):
                scope.results.append(current)
        return current[0] if isinstance(current, list) else current

    def step(self, step: Step, scope: Scope, current: Tensor | list[Tensor] | None) -> Tensor | list[Tensor] | None:
        """Expand one step as often as it repeats."""
        extras, env = step.extras, scope.env
        if not extras:
            return self.once(step, scope, env, current, None)
        if "when" in extras:
            wanted = self.evaluation.value(extras["when"], env)
            if not isinstance(wanted, bool | int):
                message = f"when must be true or false, not {show(wanted)}"
                self.problems.error("type", message, extras["when"].span)
            if not wanted:
                return current
        start: Tensor | list[Tensor] | None = current
        if "from" in extras:
            start = self._sources(extras["from"], scope, env)
        if "repeat" not in extras:
            return self.once(step, scope, env, start, self._given_name(step, env))
        return self._repeat(step, scope, start)

    def _repeat(self, step: Step, scope: Scope, start: Tensor | list[Tensor] | None) -> Tensor | None:
        times = self.evaluation.integer(step.extras["repeat"], scope.env, "repeat", MAX_REPEAT)
        each = _names_copies(step)
        name = None if each else self._given_name(step, scope.env)
        inner = scope
        if name is not None:
            # A named repeat is a composite whose copies are called 0, 1, ...
            path = self._claim(name, step, scope)
            inner = Scope(path + ".", scope.env, scope)
            self.graph.groups[path] = self._op_name(step, scope.env) or "group"
        made: list[Tensor] = []
        for index in range(times):
            env = {**scope.env, "index": index}
            copy_name = self._given_name(step, env) if each else None if name is None else str(index)
            if _is_all(step.extras.get("from")):
                start = [*scope.results, *made]
                self.expansions += len(start)  # what is read grows with the square of the copies
            start = self.once(step, inner, env, start, copy_name)
            made += [] if start is None else [start]
        if _is_all(step.extras.get("from")):
            scope.results += made[:-1]  # the last is added as what the step makes, as of any other
        result = start[0] if isinstance(start, list) else start
        if name is not None and result is not None:
            self.results[inner.prefix[:-1]] = result
        return result

    def once(
        self, step: Step, scope: Scope, env: Env, start: Tensor | list[Tensor] | None, name: str | None
    ) -> Tensor | None:
        """Expand one copy of a step and return what it produces."""
        self.expansions += 1
        if self.expansions > MAX_EXPANSIONS:
            self._too_large(step)
        if "trainable" in step.extras or "weights" in step.extras:
            scope = self._with_extras(step, scope, env)
        first = len(self.graph.nodes)
        if step.layers is not None:
            path = self._group(step, scope, env, start, name)
        else:
            op_name = self._op_name(step, env)
            block = self.spec.blocks.get(op_name)
            if block:
                path = self._block(block, step, scope, env, start, name)
            else:
                path = self._op(op_name, step, scope, env, start, name)
        if "weights" in step.extras:
            self._share(path, step, scope, env, first)
        return self.results[path]

    def _op_name(self, step: Step, env: Env) -> str:
        """Return the operator's or block's name, which may be an expression."""
        return str(self.evaluation.value(Scalar(step.op, step.op, step.span), env)) if "$" in step.op else step.op

    def _with_extras(self, step: Step, scope: Scope, env: Env) -> Scope:
        """Return the scope with the step's `trainable` applied, names and counts still the scope's own."""
        tree = step.extras.get("trainable")
        trainable = self.evaluation.value(tree, env) if tree else True
        if not isinstance(trainable, bool) and tree:
            self.problems.error("type", f"trainable must be true or false, not {show(trainable)}", tree.span)
        return scope.variant(trainable=scope.trainable and trainable is not False)

    def _too_large(self, step: Step) -> None:
        message = f"the spec stands for more than {MAX_NODES:,} layers"
        self.problems.error("limit", message, step.span, "lower `repeat`")
        raise TooLargeError

    # Names

    def _given_name(self, step: Step, env: Env) -> str | None:
        tree = step.extras.get("name")
        if tree is None:
            return None
        name = self.evaluation.value(tree, env)
        text = tree.text if isinstance(tree, Scalar) and name == tree.value else str(name)
        if not isinstance(tree, Scalar) or not is_name(text):
            message = f"a name has at most {MAX_NAME} characters, no spaces, dots or '$', unlike {show(name)}"
            self.problems.error("name", message, tree.span if tree.span.line else step.span)
            return None
        return text

    def _claim(self, name: str | None, step: Step, scope: Scope, default: str = "") -> str:
        """Return the path of a new layer or composite: the given name, or the default with a running number."""
        path = scope.prefix + (name or default)
        if name is not None and path in self.places:
            tree = step.extras.get("name")
            notes = [("the first one", self.places[path])]
            span = tree.span if tree else step.span
            self.problems.error("name", f"the name '{name}' is taken", span, "choose another", notes)
            default, name = name, None  # what is inside has another path, and nothing more to complain of
        if name is None:
            count = scope.counts.get(default, 0)
            path += f"_{count}" if count else ""
            while path in self.places:
                count += 1
                path = f"{scope.prefix}{default}_{count}"
            scope.counts[default] = count + 1
        self.places[path] = step.span
        self.results[path] = self.unknown
        return path

    def _sources(self, tree: Tree, scope: Scope, env: Env, key: str = "from") -> Tensor | list[Tensor]:
        """Return the tensors that `from` or `outputs` names; what names none is told, and unknown."""
        if isinstance(tree, List):
            if not tree.items:
                self.problems.error("type", f"{key} is an empty list", tree.span, "name at least one layer")
                raise UnevaluatedError
            return [self._source(self.evaluation.value(item, env), item, scope, key) for item in tree.items]
        if _is_all(tree) and key == "from":
            return list(scope.results)
        value = self.evaluation.value(tree, env)
        if isinstance(value, list):  # from a parameter
            return [self._source(item, tree, scope, key) for item in value]
        return self._source(value, tree, scope, key)

    def _source(self, value: Value, tree: Tree, scope: Scope, key: str) -> Tensor:
        if isinstance(value, int) and not isinstance(value, bool):
            if value < 0 and -value <= len(scope.results):
                return scope.results[value]
            message = f"{key}: {value} is none of the {len(scope.results)} outputs before it"
            self.problems.error("from", message, tree.span, "count back from -1, the previous step, or use names")
            return self.unknown
        if not isinstance(value, str) or not value:
            self.problems.error("type", f"{key} must name a layer, not {show(value)}", tree.span)
            return self.unknown
        return Ref(value, scope.prefix, tree.span)

    # Composites

    def _group(self, step: Step, scope: Scope, env: Env, start: Tensor | list[Tensor] | None, name: str | None) -> str:
        path = self._claim(name, step, scope, "group")
        self.graph.groups[path] = "group"
        return self._inside(step.layers or [], path, Scope(path + ".", env, scope), self._single(step, start))

    def _block(
        self,
        block: Block,
        step: Step,
        scope: Scope,
        env: Env,
        start: Tensor | list[Tensor] | None,
        name: str | None,
    ) -> str:
        if block.name in scope.blocks:
            chain = " -> ".join([*scope.blocks[scope.blocks.index(block.name) :], block.name])
            self.problems.error("recursion", f"block '{block.name}' contains itself: {chain}", step.span)
            raise UnevaluatedError
        path = self._claim(name, step, scope, snake(block.name))
        self.graph.groups[path] = block.name
        if block.module:
            self.graph.modules.add(path)
        inner = Scope(path + ".", self._block_env(block, step, env), scope, step.span)
        inner.blocks = (*scope.blocks, block.name)
        return self._inside(
            block.layers, path, inner, start if _is_all(step.extras.get("from")) else self._single(step, start)
        )

    def _inside(self, steps: Sequence[Step], path: str, scope: Scope, start: Tensor | list[Tensor] | None) -> str:
        self._refuse_deep(scope, self.places[path])
        if isinstance(start, list):
            scope.results += start
        elif start is not None:
            self.results[scope.prefix + "input"] = start
            scope.results.append(start)
        result = self.steps(steps, scope, start)
        if result is not None:
            self.results[path] = result
        return path

    def _refuse_deep(self, scope: Scope, span: Span) -> None:
        if scope.depth > MAX_NESTING:
            self.problems.error("limit", f"blocks nest deeper than {MAX_NESTING} levels", span)
            raise TooLargeError

    def _single(self, step: Step, start: Tensor | list[Tensor] | None) -> Tensor | None:
        if not isinstance(start, list):
            return start
        if len(start) > 1:
            help_ = "pass the others' names as parameters of the block and use them in its `from`"
            self.problems.error("from", f"'{step.op or 'group'}' takes one input", step.extras["from"].span, help_)
        return start[0]

    def _block_env(self, block: Block, step: Step, env: Env) -> Env:
        names = {key.text: (key, tree) for key, tree in step.args or ()}
        if step.value is not None:
            if not block.params:
                message = f"block '{block.name}' has no parameters"
                self.problems.error("unknown-argument", message, step.value.span)
            else:
                main = next(iter(block.params))
                names[main] = (Scalar(main, main, step.value.span), step.value)
        for name, (key, _) in names.items():
            if name not in block.params:
                help_ = suggest(name, block.params)
                self.problems.error("unknown-argument", f"{block.name}: unknown parameter '{name}'", key.span, help_)
        inner = dict(self.graph.params)
        if "index" in env:
            inner["index"] = env["index"]
        for name, (key, tree) in block.params.items():
            if name in names:
                inner[name] = self.evaluation.value(names[name][1], env)
            elif isinstance(tree, Scalar) and tree.text == "":
                message = f"{block.name}: '{name}' is missing"
                self.problems.error("missing-argument", message, step.span, notes=[("declared here", key.span)])
                raise UnevaluatedError
            else:
                inner[name] = self.evaluation.value(tree, inner)
        return inner

    # Operators

    def _op(
        self,
        op_name: str,
        step: Step,
        scope: Scope,
        env: Env,
        start: Tensor | list[Tensor] | None,
        name: str | None,
    ) -> str:
        kind = ops.find(op_name)
        if kind is None:
            known = [*self.spec.blocks, *(n for names in ops.FAMILIES.values() for n in names)]
            self.problems.error(
                "unknown-op", f"unknown operator or block '{op_name}'", step.span, suggest(op_name, known)
            )
            self._claim(name, step, scope, snake(op_name))
            raise UnevaluatedError
        merges = kind.inputs[1] != 1 and kind.inputs != (0, 0)
        op = step.cached or self.maker.make(kind, step, env, self.graph.layout, merges=merges)
        path = self._claim(name, step, scope, snake(kind.__name__))
        if op and kind.inputs == (0, 0):
            self.results[path] = self._add_input(op, path, step.span)
            return path
        inputs = self._paths(step, scope, env, start, merges=merges)
        if op and self._count_fits(op, step, inputs):
            self.results[path] = op.build(_Layer(self, step, scope, path, op), inputs)[0]
        return path

    def _paths(
        self, step: Step, scope: Scope, env: Env, start: Tensor | list[Tensor] | None, *, merges: bool
    ) -> list[Tensor]:
        """Return an operator's inputs; a merge's paths are expanded, all from where the step starts."""
        if not (merges and isinstance(step.value, List)):
            return start if isinstance(start, list) else [] if start is None else [start]
        first = self._single(step, start)
        inputs = []
        for path in step.value.items:
            # A path's names and counts are the surrounding scope's; `from: -1` stays inside the path.
            inner = scope.variant(env=env, results=[] if first is None else [first], depth=scope.depth + 1)
            self._refuse_deep(inner, step.span)
            end = self.steps(self._path_steps(path), inner, first)
            if end is None:
                self.problems.error(
                    "from", "the empty path has no input", path.span, "say where it comes from: `from:`"
                )
                end = self.unknown
            inputs.append(end)
        return inputs

    def _path_steps(self, path: Tree) -> list[Step]:
        steps = self.paths.get(id(path))
        if steps is None:
            steps = self.paths[id(path)] = parse_path(path, self.problems)
        return steps

    def _count_fits(self, op: Op, step: Step, inputs: list[Tensor]) -> bool:
        low, high = op.inputs
        if low <= len(inputs) and (high is None or len(inputs) <= high):
            return True
        name = type(op).__name__
        if not inputs and self.spec.inputs:
            names = ", ".join(self.spec.inputs)
            self.problems.error("from", f"{name}: which input?", step.span, f"say `from:` one of {names}")
            return False
        if not inputs:
            message = f"{name}: the network has no input"
            self.problems.error(
                "input", message, step.span, "give the shape of a sample: `input: [224, 224, 3]`, or --input"
            )
            return False
        wanted = f"{low}" if low == high else f"at least {low}" if high is None else f"{low} to {high}"
        plural = "input" if wanted == "1" else "inputs"
        tree = step.extras.get("from")
        help_ = (
            "give a list of paths, or `from: [-1, other]` for the previous step and another layer"
            if len(inputs) < low
            else "join them with `Add` or `Concatenate` first"
        )
        self.problems.error(
            "from", f"{name}: takes {wanted} {plural}, got {len(inputs)}", tree.span if tree else step.span, help_
        )
        return False

    def _share(self, path: str, step: Step, scope: Scope, env: Env, first: int) -> None:
        tree = step.extras["weights"]
        value = self.evaluation.value(tree, env)
        if not isinstance(value, str):
            self.problems.error("type", f"weights must name a layer, not {show(value)}", tree.span)
            return
        self.sharing.append(Sharing(path, self.graph.nodes[first:], Ref(value, scope.prefix, tree.span)))

    def _outputs(self, scope: Scope, last: Tensor | None) -> None:
        tree = self.spec.fields.get("outputs") or self.spec.fields.get("output")
        if tree is None:
            self.graph.outputs = [] if last is None else [last]
            return
        try:
            found = self._sources(tree, scope, scope.env, "outputs")
        except UnevaluatedError:
            return
        self.graph.outputs = found if isinstance(found, list) else [found]


class _Layer:
    """Adds the nodes of one layer to the graph: what an operator's `build` calls."""

    def __init__(self, expander: _Expander, step: Step, scope: Scope, path: str, op: Op) -> None:
        self.expander = expander
        self.step = step
        self.scope = scope
        self.path = path
        self.op = op
        self.count: dict[str, int] = {}

    def __call__(self, op: Op, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Add a node; the first bears the layer's own path, the others hang below it."""
        path = self.path
        if self.count:
            name = snake(type(op).__name__)
            number = self.count[name] = self.count.get(name, -1) + 1
            path = f"{path}.{name}" + (f"_{number}" if number else "")
        else:
            self.count[""] = 0
        node = Node(op, inputs, path, self.path, self.step.span)
        node.layer_op = self.op
        node.callers = self.scope.callers
        node.trainable = self.scope.trainable
        node.args = self.step.args
        nodes = self.expander.graph.nodes
        nodes.append(node)
        if len(nodes) > MAX_NODES:
            self.expander._too_large(self.step)  # noqa: SLF001 - the expander's own helper
        return (node.output,)


_WORD_START = re.compile(r"(.)([A-Z][a-z]+)")
_LOWER_UPPER = re.compile(r"([a-z])([A-Z])")
_snakes: dict[str, str] = {}


def snake(name: str) -> str:
    """Return a type's name as Keras names its layers: `conv2d`, `max_pooling2d`, `re_lu`."""
    known = _snakes.get(name)
    if known is None:
        plain = re.sub(r"\W+", "", name)
        known = _snakes[name] = _LOWER_UPPER.sub(r"\1_\2", _WORD_START.sub(r"\1_\2", plain)).lower()
    return known


def _names_copies(step: Step) -> bool:
    """Return whether a repeated step's name is one for each copy: `conv1_${index + 1}`."""
    tree = step.extras.get("name")
    return isinstance(tree, Scalar) and "$" in tree.text and "index" in tree.text


def _is_all(tree: Tree | None) -> bool:
    """Return whether a step's `from` is everything that the scope has made."""
    return isinstance(tree, Scalar) and tree.value == ALL

"""A spec to a graph: parameters are evaluated, blocks and repeats written out, names resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.diagnostics import suggest
from archinspect.base.source import Map, Scalar
from archinspect.graph.builder import GraphBuilder, Later
from archinspect.language.evaluation import TooLargeError, UnevaluatedError
from archinspect.language.expressions import FAILED
from archinspect.language.likely import (
    chained_copies,
    contrary_layout,
    forgotten_layout,
    places_as_window,
    turned_for_pytorch,
)
from archinspect.language.operators import place_of
from archinspect.language.parse import LAYOUTS
from archinspect.language.references import Linker
from archinspect.language.scope import Expansion, Scope
from archinspect.language.steps import Steps
from archinspect.ops import find_operator
from archinspect.ops.declared import ArgumentError
from archinspect.ops.source import Input

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.diagnostics import Problems
    from archinspect.base.settings import Settings
    from archinspect.base.source import Tree, Value
    from archinspect.graph.graph import Graph, Tensor
    from archinspect.language.evaluation import Env
    from archinspect.language.parse import Spec


def expand(spec: Spec, settings: Settings, problems: Problems) -> Graph | None:
    """Return the spec's graph; None where none can be made. What is wrong is told to `problems`."""
    return _Expander(spec, settings, problems).run()


class _Expander:
    def __init__(self, spec: Spec, settings: Settings, problems: Problems) -> None:
        self.spec = spec
        self.settings = settings
        self.problems = problems
        layout = spec.text("layout")
        name = spec.text("name") or spec.span.source.name
        self.builder = GraphBuilder(name, layout=layout if layout in LAYOUTS else LAYOUTS[0], origin=spec.span)
        self.builder.stand_in = settings.open
        self.expansion = Expansion(spec, self.builder, problems)

    def run(self) -> Graph | None:
        builder, spec = self.builder, self.spec
        builder.source = spec.text("source")
        builder.description = spec.text("description")
        builder.expect = spec.fields.get("expect")
        builder.values = spec.fields.get("values")
        metrics = spec.fields.get("metrics")
        if isinstance(metrics, Map):
            builder.metrics = {name: tree.plain() for name, tree in metrics.values.items()}
        try:
            env = self._params()
            if env is None or (not spec.layers and self._no_layers()):
                return None
            builder.params = env
            inputs = self._inputs(env)
            scope = Scope("", env)
            start = self._add_inputs(inputs)
            scope.results = [] if start is None else [start]
            steps = Steps(self.expansion, env, inputs)
            last = steps.expand(spec.layers or [], scope, start)
            self._refuse_unknown_inputs()
            outputs = self._outputs(steps, scope, last)
        except TooLargeError:
            return None
        graph = Linker(builder, self.expansion.results, self.problems).link(outputs, self.expansion.sharing)
        if graph is not None:
            layout = spec.text("layout")
            warnings = [*contrary_layout(graph)] if layout else [*forgotten_layout(graph), *turned_for_pytorch(graph)]
            for warning in (*warnings, *places_as_window(graph), *chained_copies(graph, self.expansion.chains)):
                self.problems.add(warning)
        return graph

    def _no_layers(self) -> bool:
        if not self.problems.failed:
            self.problems.error("spec", "the spec has no `layers`", self.spec.span, "list the network's steps there")
        return True

    def _params(self) -> dict[str, Value] | None:
        declared, given = self.spec.params, self.settings.params
        for name in given:
            if name not in declared:
                help_ = suggest(name, declared) if declared else "this spec has no params"
                self.problems.error("unknown-param", f"the spec has no parameter '{name}'", self.spec.span, help_)
        env: dict[str, Value] = {}
        missing = []
        for name, (key, tree) in declared.items():
            if name in given:
                env[name] = given[name]
            elif isinstance(tree, Scalar) and tree.text == "":
                missing.append((name, key))
                env[name] = FAILED
            else:
                try:
                    env[name] = self.expansion.evaluation.value(tree, env)
                except UnevaluatedError:
                    env[name] = FAILED
        if missing:
            names = ", ".join(f"'{name}'" for name, _ in missing)
            help_ = " ".join(f"--set {name}=..." for name, _ in missing)
            message = f"this spec is a template: it needs {names}"
            self.problems.error("missing-param", message, missing[0][1].span, help_)
            return None
        return env

    def _inputs(self, env: Env) -> dict[str, tuple[Scalar, Tree, dict[str, Value] | None]]:
        """Return key, tree and arguments of each input; None where the arguments cannot be evaluated."""
        declared = self.spec.inputs
        if not declared and "" in self.settings.inputs and not self._has_input_steps():
            nothing = Scalar(None, "", self.spec.span)
            declared = {"input": (nothing, nothing)}
        shapes = self.expansion.shapes = self.settings.shapes_for(list(declared))
        found = {}
        for name, (key, tree) in declared.items():
            try:
                arguments: dict[str, Value] | None = self._input_arguments(tree, env)
            except UnevaluatedError:
                arguments = None
            shape = shapes.pop(name, None)
            if arguments is not None and shape is not None:
                arguments["shape"] = list(shape)
            found[name] = (key, tree, arguments)
        return found

    def _has_input_steps(self) -> bool:
        return any(find_operator(step.op) is Input for step in self.spec.layers or [])

    def _refuse_unknown_inputs(self) -> None:
        """Tell of shapes for inputs that there are not; a shape without a name is for the only one."""
        inputs = [node.path for node in self.builder.inputs]
        for name in self.expansion.shapes:
            if name or len(inputs) != 1:
                message = f"the spec has no input '{name}'" if name else "which input has this shape?"
                self.problems.error("unknown-input", message, self.spec.span, suggest(name, inputs))

    def _input_arguments(self, tree: Tree, env: Env) -> dict[str, Value]:
        value = self.expansion.evaluation.value(tree, env)
        arguments: dict[str, Value] = dict(value) if isinstance(value, dict) else {"shape": value}
        return arguments

    def _add_inputs(self, inputs: dict[str, tuple[Scalar, Tree, dict[str, Value] | None]]) -> Tensor | None:
        """Make the input nodes; return the tensor that the first step reads, if there is one input."""
        results = self.expansion.results
        for name, (key, tree, arguments) in inputs.items():
            results[name] = self.builder.unknown
            if arguments is None:
                continue
            try:
                op = Input(**arguments)
            except ArgumentError as error:
                from archinspect.language.remedies import of_numbers  # only errors need it

                for one in (error, *error.beside):
                    span = place_of(one, tree, tree.span if tree.span.line else key.span)
                    message = one.message.replace("Input: ", f"input '{name}': ", 1)
                    shape = tree.values.get("shape", tree) if isinstance(tree, Map) else tree
                    help_ = one.help or ("" if one.near or "shape" not in message else of_numbers(shape))
                    self.problems.error("input", message, span, help_)
                continue
            results[name] = self.builder.add_input(op, self.builder.claim(name, origin=key.span), key.span)
        return next(iter(results.values())) if len(inputs) == 1 else None

    def _outputs(self, steps: Steps, scope: Scope, last: Tensor | None) -> Sequence[Tensor]:
        tree = self.spec.fields.get("outputs") or self.spec.fields.get("output")
        if tree is None:
            return [] if last is None else _all_of(last)
        try:
            found = steps.sources(tree, scope, scope.env, "outputs")
        except UnevaluatedError:
            return []
        return found if isinstance(found, list) else [found]


def _all_of(last: Tensor) -> Sequence[Tensor]:
    """Return what the last layer gives: all its outputs, where its first one is meant."""
    if isinstance(last, Later):
        return [last]
    outputs = last.producer.outputs
    return outputs if last is outputs[0] else [last]

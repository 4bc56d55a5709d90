"""An outline as the text of a Keras program: a function for each block, then one for the network."""

from __future__ import annotations

import re
from itertools import chain
from math import prod
from typing import TYPE_CHECKING, Any

from archinspect.exporters.code import literal
from archinspect.exporters.definitions import parts_for
from archinspect.exporters.keras.body import Body, Shared, own_path
from archinspect.exporters.keras.names import VARIABLES, free_name, marked, network_name, quoted
from archinspect.exporters.keras.use import legal
from archinspect.exporters.layout import WIDTH, laid_out
from archinspect.exporters.scopes import Leaf, sequential

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.analyses.facts import Facts
    from archinspect.exporters.outline import Outline
    from archinspect.exporters.parameters import Parameter
    from archinspect.exporters.scopes import Definition, Scope


class Writer:
    """Writes one network."""

    def __init__(self, outline: Outline, facts: Facts, kept: set[str], *, observed: bool = False) -> None:
        self.outline = outline
        self.facts = facts
        self.shared = Shared({definition.name for definition in outline.definitions}, kept, observed=observed)
        self.layers: dict[str, str] = {}
        """Layers' names in Keras, by their paths."""
        self.steps: dict[str, str] = {}
        """For each further layer that a node becomes, such as its padding, the name of the one that makes its value."""
        self.name = network_name(outline.graph.name)
        while self.name in self.shared.defined:
            self.name = f"build_{self.name}"

    def functions(self) -> Iterator[str]:
        """Yield the text of each function, the network's last."""
        for definition in self.outline.definitions:
            yield _Function(self.shared, definition).text()
        root = self.outline.root
        yield _Chain(self).text() if _is_chain(root) and not self.shared.kept else _Network(self).text()
        self._note(root, "")

    def _note(self, scope: Scope, prefix: str) -> None:
        """Note the names of all layers."""
        waiting: list[str] = []
        for child in scope.children:
            name = "-".join(part for part in (prefix, legal(own_path(child, scope))) if part)
            if not isinstance(child, Leaf):
                self._note(child, name)
            elif self.shared.observed or (child.step.module and child.step.module.name):
                self.layers.update(dict.fromkeys((node.path for node in child.nodes), name))
            if isinstance(child, Leaf) and not child.nodes:
                waiting.append(name)
            elif isinstance(child, Leaf):
                self.steps.update(dict.fromkeys(waiting, name))
                waiting = []


def _is_chain(root: Scope) -> bool:
    """Return whether a network is a list of layers."""
    return sequential(root) and not any(_functions(root))


def _functions(scope: Scope) -> Iterator[Scope]:
    for child in scope.children:
        if not isinstance(child, Leaf):
            if child.definition is not None:
                yield child
            yield from _functions(child)


class _Function(Body):
    """A block as a function."""

    def __init__(self, shared: Shared, definition: Definition) -> None:
        super().__init__(shared, definition.copies[0], iter(definition.bound))
        self.definition = definition
        self.pool = list(VARIABLES)

    def text(self) -> str:
        """Return the function's text."""
        scope, definition = self.scope, self.definition
        lines: list[str] = []
        names = [*self.pool, *(f"x{number}" for number in range(1, len(scope.inputs)))][: len(scope.inputs)]
        if scope.reads_all:
            names = ["*inputs"] * len(names)
        for tensor, name in zip(scope.inputs, names, strict=True):
            self.hold(tensor, name)
        declared = [name.lstrip("*") for name in dict.fromkeys(names)]
        signature = [*declared, *map(self._declared, definition.parameters), "*", "name"]
        lines += laid_out(f"def {definition.name}({', '.join(signature)}):")
        lines.append(f'    """{_describe(scope)}"""')
        body = list(chain.from_iterable(self.blocks(scope, ("{name}",), 0)))
        given = ", ".join(self.variable[tensor] for tensor in scope.outputs)
        if body and body[-1].startswith(f"{given} = ") and not body[-1].startswith(" "):
            body[-1] = f"return {body[-1].removeprefix(f'{given} = ')}"
        else:
            body.append(f"return {given}")
        return "\n".join([*lines, *_finished(body)])

    def _declared(self, parameter: Parameter) -> str:
        name = self.shared.parameter(parameter.name)
        return name if parameter.default is ... else f"{name}={literal(parameter.default)}"


class _Network(Body):
    """The network as a function."""

    def __init__(self, writer: Writer) -> None:
        super().__init__(writer.shared, writer.outline.root, None)
        self.writer = writer
        graph = writer.outline.graph
        names = ["inputs"] if len(graph.inputs) == 1 else self._input_names()
        self.inputs = names
        self.forbidden = set(names)
        self.pool = list(VARIABLES)
        for node, name in zip(graph.inputs, names, strict=True):
            self.last[node.output] = 10**9
            self.hold(node.output, name)

    def text(self) -> str:
        """Return the function's text."""
        writer, graph = self.writer, self.writer.outline.graph
        lines = [f"def {writer.name}():", *_doc(graph, writer.facts)]
        body = [f"{name} = {_input(writer.facts, node)}" for name, node in zip(self.inputs, graph.inputs, strict=True)]
        body += chain.from_iterable(self.blocks(self.scope, (), 0))
        given = self.inputs[0] if len(self.inputs) == 1 else f"[{', '.join(self.inputs)}]"
        made = [self.variable[tensor] for tensor in self.scope.outputs]
        outputs = made[0] if len(made) == 1 else f"[{', '.join(made)}]"
        body.append(f"return keras.Model({given}, {outputs}, name={marked(legal(graph.name))})")
        return "\n".join([*lines, *_finished(body)])

    def _input_names(self) -> list[str]:
        taken = set(self.shared.defined)
        names: list[str] = []
        for node in self.writer.outline.graph.inputs:
            names.append(free_name(re.sub(r"\W", "_", node.path), taken))
            taken.add(names[-1])
        return names


class _Chain(Body):
    """A network that is a list of layers."""

    def __init__(self, writer: Writer) -> None:
        super().__init__(writer.shared, writer.outline.root, None)
        self.writer = writer

    def text(self) -> str:
        """Return the function's text."""
        writer, graph = self.writer, self.writer.outline.graph
        (entry,) = graph.inputs
        items = [_input(writer.facts, entry), *self._items(self.scope, ())]
        body = [f"return keras.Sequential([{', '.join(items)}], name={marked(legal(graph.name))})"]
        return "\n".join([f"def {writer.name}():", *_doc(graph, writer.facts), *_finished(body)])

    def _items(self, scope: Scope, prefix: Sequence[str]) -> Iterator[str]:
        for child in scope.children:
            path = (*prefix, legal(own_path(child, scope)))
            if isinstance(child, Leaf):
                self.shared.parts.update(dict.fromkeys(child.step.parts))
                yield self.module(child.step.module, path) if child.step.module else ""
            else:
                yield from self._items(child, path)


def _input(facts: Facts, node: Any) -> str:  # noqa: ANN401 - a node
    shape, dtype = facts.types[node.output.position]
    given = literal(shape[1:]) if node.output.batched else f"batch_shape={literal(shape)}"
    typed = "" if dtype == "float" else f', dtype="{dtype}"'
    return f"keras.Input({given}{typed}, name={marked(legal(node.path))})"


def _finished(lines: Sequence[str]) -> Iterator[str]:
    """Yield lines with names written as strings, laid out."""
    for line in lines:
        text = line.lstrip(" ")
        yield from _laid_out(quoted(text), 4 + len(line) - len(text))


def _laid_out(text: str, indent: int) -> Iterator[str]:
    """Yield a statement's lines; of a layer made and called at once, what makes it is opened where it does not fit."""
    made, called = _split_call(text)
    if indent + len(text) <= WIDTH or not called or indent + len(made) < WIDTH:
        yield from laid_out(text, indent)
        return
    *lines, last = laid_out(made + " " * WIDTH, indent)
    yield from lines
    yield last.rstrip() + called


def _split_call(text: str) -> tuple[str, str]:
    """Return the call that makes a layer, and the call of that layer, which is empty where there is none."""
    depth = 0
    for place in range(len(text) - 1, 0, -1):
        depth += (text[place] in ")]}") - (text[place] in "([{")
        if not depth:
            return (text[:place], text[place:]) if text[place] == "(" and text[place - 1] == ")" else (text, "")
    return text, ""


def _describe(scope: Scope) -> str:
    return f"The block `{_plain(scope.kind)}`." if scope.kind != "group" else f"The layers of `{_plain(scope.path)}`."


def _doc(graph: Any, facts: Facts) -> Iterator[str]:  # noqa: ANN401 - a graph
    """Yield the network's docstring: its name and source, and what the spec says of its size."""
    weights = [(weight, node) for node in graph.nodes for weight in facts.own_weights(node).values()]
    total = sum(prod(weight.shape) for weight, node in weights if weight.parameter)
    head = [f"{_plain(graph.name)}.", *([f"{_plain(graph.source)}."] if graph.source else [])]
    figures = f"{total:,} parameters."
    yield f'    """{head[0]}'
    yield ""
    for text in (*head[1:], figures):
        yield from _wrapped(text)
    yield '    """'


def _wrapped(text: str) -> Iterator[str]:
    import textwrap

    for line in textwrap.wrap(text, 84, break_long_words=False):
        yield f"    {line}"


def _plain(text: str) -> str:
    """Return text as a docstring holds it on one line."""
    found = " ".join(text.replace("\\", "/").replace('"', "'").split())
    return "".join(sign for sign in found if sign.isprintable()).rstrip(".")


def module_text(writer: Writer) -> str:
    """Return the text of the file."""
    functions = list(writer.functions())
    pieces = [*parts_for("keras", list(writer.shared.parts)), *functions]
    body = "\n\n\n".join(pieces)
    imports = [name for name in ("layers", "ops") if re.search(rf"(?<![\w.]){name}\.", body)]
    head = [f'"""{_plain(writer.outline.graph.name)} in Keras."""', ""]
    if re.search(r"(?<![\w.])math\.", body):
        head += ["import math", ""]
    head += ["import keras", *([f"from keras import {', '.join(imports)}"] if imports else [])]
    head += ["", ""]
    return "\n".join([*head, body, ""])

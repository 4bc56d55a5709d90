"""An outline as the text of a Keras program: a function for each block, then one for the network."""

from __future__ import annotations

import builtins
import keyword
import re
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from archinspect.exporters.code import Call, Given, Hole, Own, Raw, literal
from archinspect.exporters.definitions import part_texts, parts_for
from archinspect.exporters.keras.use import Named, legal
from archinspect.exporters.layout import WIDTH, laid_out
from archinspect.exporters.outline import Leaf, sequential
from archinspect.exporters.parameters import Expression

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from archinspect.analyses.facts import Facts
    from archinspect.exporters.outline import Definition, Outline, Scope
    from archinspect.exporters.parameters import Parameter

_COUNTERS = "ijk"
_NUMBERED = re.compile(r"x\d+\Z")
RUN = 2
"""Equal copies in a row, from which on they are made by a loop."""
VARIABLES = "xyzuvw"
RESERVED = frozenset({"keras", "layers", "ops", "math", "name", "inputs", *_COUNTERS, *VARIABLES, *dir(builtins)})
_NAME = re.compile("\x02([^\x03]*)\x03")


def function_name(name: str) -> str:
    """Return a block's name, or a network's, as a function's: `conv_bn`, `resnet_50`."""
    name = re.sub(r"(?<=[a-z\d])(?=[A-Z])", "_", name) if "_" not in name and "-" not in name else name
    found = "_".join(re.findall(r"[^\W_]+", name)).lower()
    if not found.isidentifier() or not found.isascii():
        found = f"network_{''.join(sign for sign in found if sign.isalnum() and sign.isascii())}".rstrip("_")
    return free_name(found)


def free_name(name: str, taken: Collection[str] = ()) -> str:
    """Return a name as one that stands for nothing else in a program."""
    while (
        keyword.iskeyword(name)
        or name in RESERVED
        or name in part_texts("keras")
        or name in taken
        or _NUMBERED.match(name)
    ):
        name = f"{name}_"
    return name


def network_name(name: str) -> str:
    """Return a network's name as that of its function: `resnet_50`."""
    return function_name(name.lower())


def _name(*parts: str) -> str:
    return f"\x02{'-'.join(part for part in parts if part)}\x03"


class Writer:
    """Writes one network."""

    def __init__(self, outline: Outline, facts: Facts, kept: set[str], *, observed: bool = False) -> None:
        self.outline = outline
        self.facts = facts
        self.kept = kept
        self.observed = observed
        """Whether the program tells each value to a function `observe`."""
        self.parts: dict[str, None] = {}
        self.layers: dict[str, str] = {}
        """Layers' names in Keras, by their paths."""
        self.steps: dict[str, str] = {}
        """For each further layer that a node becomes, such as its padding, the name of the one that makes its value."""
        self.defined = {definition.name for definition in outline.definitions}
        self.name = network_name(outline.graph.name)
        while self.name in self.defined:
            self.name = f"build_{self.name}"

    def parameter(self, name: str) -> str:
        """Return what a function's parameter is called."""
        return free_name(name, self.defined)

    def functions(self) -> Iterator[str]:
        """Yield the text of each function, the network's last."""
        for definition in self.outline.definitions:
            yield _Function(self, definition).text()
        root = self.outline.root
        yield _Chain(self).text() if _is_chain(root) and not self.kept else _Network(self).text()
        self._note(root, "")

    def _note(self, scope: Scope, prefix: str) -> None:
        """Note the names of all layers."""
        waiting: list[str] = []
        for child in scope.children:
            name = "-".join(part for part in (prefix, legal(_own(child, scope))) if part)
            if not isinstance(child, Leaf):
                self._note(child, name)
            elif self.observed or (child.step.module and child.step.module.name):
                self.layers.update(dict.fromkeys((node.path for node in child.nodes), name))
            if isinstance(child, Leaf) and not child.nodes:
                waiting.append(name)
            elif isinstance(child, Leaf):
                self.steps.update(dict.fromkeys(waiting, name))
                waiting = []


def _own(child: Leaf | Scope, scope: Scope) -> str:
    """Return a child's path within its scope."""
    return child.path[len(scope.path) + 1 :] if scope.path else child.path


def _is_chain(root: Scope) -> bool:
    """Return whether a network is a list of layers."""
    return sequential(root) and not any(_functions(root))


def _functions(scope: Scope) -> Iterator[Scope]:
    for child in scope.children:
        if not isinstance(child, Leaf):
            if child.definition is not None:
                yield child
            yield from _functions(child)


class _Body:
    """The statements of one function."""

    def __init__(self, writer: Writer, scope: Scope, bound: Iterator[Any] | None) -> None:
        self.writer = writer
        self.scope = scope
        self.bound = bound
        self.variable: dict[Any, str] = {}
        self.last: dict[Any, int] = {}
        self.step = 0
        self.pool: list[str] = []
        self.forbidden: set[str] = set()
        for number, child in enumerate(self._flat(scope)):
            self.last.update(dict.fromkeys(child.inputs, number))
        self.last.update(dict.fromkeys(scope.outputs, 10**9))

    def _flat(self, scope: Scope) -> Iterator[Leaf | Scope]:
        for child in scope.children:
            if isinstance(child, Leaf) or child.definition is not None:
                yield child
            else:
                yield from self._flat(child)

    # Values and names

    def value(self, value: Any) -> str:  # noqa: ANN401 - of any argument
        """Return what stands for a value."""
        found = next(self.bound) if self.bound is not None else value
        if isinstance(found, Expression):
            return str(found._replace(parameter=self.writer.parameter(found.parameter)))
        return self.literal(found)

    def literal(self, found: Any) -> str:  # noqa: ANN401 - of any argument
        """Return a value as code."""
        if isinstance(found, Raw):
            return re.sub("\x04([^\x05]*)\x05", lambda place: self.kept_name(place[1]), found.text)
        return literal(found)

    def kept_name(self, path: str) -> str:
        """Return the variable of a layer that is called more than once."""
        found = re.sub(r"\W", "_", path)
        found = found if not found[0].isdigit() else f"layer_{found}"
        return free_name(found, self.forbidden | self.writer.defined)

    # Statements

    def blocks(self, scope: Scope, prefix: Sequence[str], depth: int) -> Iterator[list[str]]:
        """Yield the lines of each child of a scope."""
        for child in scope.children:
            name = legal(_own(child, scope))
            if isinstance(child, Leaf):
                yield self._leaf(child, (*prefix, name))
            elif child.definition is not None:
                yield self._call(child, (*prefix, name))
            elif child.is_list or _numbered(child):
                yield self._list(child, (*prefix, name), depth)
            else:
                yield list(chain.from_iterable(self.blocks(child, (*prefix, name), depth)))

    def _list(self, scope: Scope, prefix: Sequence[str], depth: int) -> list[str]:
        """Return the lines of numbered copies, equal ones in a row as a loop."""
        mark = f"\x01{depth}\x01"
        bodies = []
        for child in scope.children:
            if isinstance(child, Leaf):
                bodies.append(self._leaf(child, (*prefix, mark)))
            elif child.definition is not None:
                bodies.append(self._call(child, (*prefix, mark)))
            else:
                bodies.append(list(chain.from_iterable(self.blocks(child, (*prefix, mark), depth + 1))))
        lines: list[str] = []
        at = 0
        while at < len(bodies):
            end = at
            while end < len(bodies) and bodies[end] == bodies[at]:
                end += 1
            if end - at >= RUN and depth < len(_COUNTERS):
                counter = _COUNTERS[depth]
                lines.append(f"for {counter} in range({f'{at}, ' if at else ''}{end}):")
                lines += [f"    {line.replace(mark, f'{{{counter}}}')}" for line in bodies[at]]
            else:
                end = at + 1
                lines += [line.replace(mark, str(at)) for line in bodies[at]]
            at = end
        return lines

    def _leaf(self, leaf: Leaf, path: Sequence[str]) -> list[str]:
        self.writer.parts.update(dict.fromkeys(leaf.step.parts))
        made = self.module(leaf.step.module, path) if leaf.step.module else ""
        lines = []
        if leaf.path in self.writer.kept and leaf.step.module:
            variable = self.kept_name(leaf.path)
            lines.append(f"{variable} = {made}")
            made = variable
        read = [self.variable[tensor] for tensor in leaf.inputs]
        pieces = []
        for piece in leaf.step.code:
            if isinstance(piece, Hole):
                pieces.append(self.value(piece.value))
            elif isinstance(piece, Given):
                pieces.append(
                    ", ".join(dict.fromkeys(read))
                    if piece.index < 0 and self.scope.reads_all
                    else ", ".join(read)
                    if piece.index < 0
                    else read[piece.index]
                )
            else:
                pieces.append(made if isinstance(piece, Own) else self.literal(Raw(piece)))
        text = "".join(pieces).replace("[*inputs]", "inputs")
        if self.writer.observed:
            text = f"observe({_name(*path)}, {text})"
        names = self._assign(leaf)
        return [*lines, f"{names} = {text}"]

    def _call(self, scope: Scope, path: Sequence[str]) -> list[str]:
        definition = scope.definition
        assert definition is not None
        args = [self.variable[tensor] for tensor in scope.inputs]
        if scope.reads_all:
            args = [f"[{', '.join(args)}]"]
        for parameter, value in zip(definition.parameters, scope.values, strict=True):
            text = self.value(value)
            if parameter.default is ...:
                args.append(text)
            elif text != literal(parameter.default):
                args.append(f"{self.writer.parameter(parameter.name)}={text}")
        args.append(f"name={_name(*path)}")
        return [f"{self._assign(scope)} = {definition.name}({', '.join(args)})"]

    def _assign(self, child: Leaf | Scope) -> str:
        """Return the variables that hold what a child makes; one that nothing reads any more serves again."""
        live = {self.variable[t] for t in self.variable if self.last.get(t, -1) > self.step}
        dead = [self.variable[t] for t in child.inputs if self.variable[t] not in live]
        free = [name for name in dict.fromkeys([*sorted(dead), *self.pool]) if name not in live and name in self.pool]
        names = []
        more = (f"x{number}" for number in count(1))
        for tensor in child.outputs:
            name = (
                free.pop(0)
                if free
                else next(n for n in more if n not in live and n not in names and n not in self.forbidden)
            )
            names.append(name)
            self.variable[tensor] = name
        self.step += 1
        return ", ".join(names)

    def module(self, call: Call, path: Sequence[str]) -> str:
        """Return a constructor's call, with its layer's name last."""
        if not call.name:  # a list of layers
            return f"[{', '.join(self.call(arg.value, path) for arg in call.args)}]"
        text = self.call(call, path)
        gap = "" if text.endswith("(") or text[-2] == "(" else ", "
        return f"{text[:-1]}{gap}name={_name(*path)})"

    def call(self, call: Call, path: Sequence[str]) -> str:
        """Return a constructor's call."""
        args = []
        for arg in call.args:
            if isinstance(arg.value, Call):
                text = self.call(arg.value, path)
            elif isinstance(arg.value, Named):
                self.value(arg.value)
                text = _name(*path[:-1], path[-1] + arg.value.suffix)
            else:
                text = self.value(arg.value)
                if arg.default is not ... and text == literal(arg.default):
                    continue
            args.append(f"{arg.role}={text}" if arg.keyword else text)
        return f"{call.name}({', '.join(args)})"


def _numbered(scope: Scope) -> bool:
    names = [child.name for child in scope.children]
    return names == [str(number) for number in range(len(names))]


class _Function(_Body):
    """A block as a function."""

    def __init__(self, writer: Writer, definition: Definition) -> None:
        super().__init__(writer, definition.copies[0], iter(definition.bound))
        self.definition = definition
        self.pool = list(VARIABLES)

    def text(self) -> str:
        """Return the function's text."""
        scope, definition = self.scope, self.definition
        lines: list[str] = []
        names = [*self.pool, *(f"x{number}" for number in range(1, len(scope.inputs)))][: len(scope.inputs)]
        if scope.reads_all:
            names = ["*inputs"] * len(names)
        self.variable.update(zip(scope.inputs, names, strict=True))
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
        name = self.writer.parameter(parameter.name)
        return name if parameter.default is ... else f"{name}={literal(parameter.default)}"


class _Network(_Body):
    """The network as a function."""

    def __init__(self, writer: Writer) -> None:
        super().__init__(writer, writer.outline.root, None)
        graph = writer.outline.graph
        names = ["inputs"] if len(graph.inputs) == 1 else self._input_names()
        self.inputs = names
        self.forbidden = set(names)
        self.pool = list(VARIABLES)
        for node, name in zip(graph.inputs, names, strict=True):
            self.variable[node.output] = name
            self.last[node.output] = 10**9

    def text(self) -> str:
        """Return the function's text."""
        writer, graph = self.writer, self.writer.outline.graph
        lines = [f"def {writer.name}():", *_doc(graph, writer.facts)]
        body = [f"{name} = {_input(writer.facts, node)}" for name, node in zip(self.inputs, graph.inputs, strict=True)]
        body += chain.from_iterable(self.blocks(self.scope, (), 0))
        given = self.inputs[0] if len(self.inputs) == 1 else f"[{', '.join(self.inputs)}]"
        made = [self.variable[tensor] for tensor in self.scope.outputs]
        outputs = made[0] if len(made) == 1 else f"[{', '.join(made)}]"
        body.append(f"return keras.Model({given}, {outputs}, name={_name(legal(graph.name))})")
        return "\n".join([*lines, *_finished(body)])

    def _input_names(self) -> list[str]:
        names: list[str] = []
        for node in self.writer.outline.graph.inputs:
            found = re.sub(r"\W", "_", node.path)
            names.append(free_name(found, {*names, *self.writer.defined}))
        return names


class _Chain(_Body):
    """A network that is a list of layers."""

    def __init__(self, writer: Writer) -> None:
        super().__init__(writer, writer.outline.root, None)

    def text(self) -> str:
        """Return the function's text."""
        writer, graph = self.writer, self.writer.outline.graph
        (entry,) = graph.inputs
        items = [_input(writer.facts, entry), *self._items(self.scope, ())]
        body = [f"return keras.Sequential([{', '.join(items)}], name={_name(legal(graph.name))})"]
        return "\n".join([f"def {writer.name}():", *_doc(graph, writer.facts), *_finished(body)])

    def _items(self, scope: Scope, prefix: Sequence[str]) -> Iterator[str]:
        for child in scope.children:
            path = (*prefix, legal(_own(child, scope)))
            if isinstance(child, Leaf):
                self.writer.parts.update(dict.fromkeys(child.step.parts))
                yield self.module(child.step.module, path) if child.step.module else ""
            else:
                yield from self._items(child, path)


def _input(facts: Facts, node: Any) -> str:  # noqa: ANN401 - a node
    shape, dtype = facts.types[node.output.position]
    given = literal(shape[1:]) if node.output.batched else f"batch_shape={literal(shape)}"
    typed = "" if dtype == "float" else f', dtype="{dtype}"'
    return f"keras.Input({given}{typed}, name={_name(legal(node.path))})"


def _finished(lines: Sequence[str]) -> Iterator[str]:
    """Yield lines with names written as strings, laid out."""
    for line in lines:
        text = line.lstrip(" ")
        yield from _laid_out(_NAME.sub(_quoted, text), 4 + len(line) - len(text))


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


def _quoted(found: re.Match[str]) -> str:
    if found[1] == "{name}":
        return "name"
    return f'f"{found[1]}"' if "{" in found[1] else f'"{found[1]}"'


def _describe(scope: Scope) -> str:
    return f"The block `{_plain(scope.kind)}`." if scope.kind != "group" else f"The layers of `{_plain(scope.path)}`."


def _doc(graph: Any, facts: Facts) -> Iterator[str]:  # noqa: ANN401 - a graph
    """Yield the network's docstring: its name and source, and what the spec says of its size."""
    weights = [(weight, node) for node in graph.nodes for weight in facts.own_weights(node).values()]
    total = sum(_size(weight.shape) for weight, node in weights if weight.parameter)
    head = [f"{_plain(graph.name)}.", *([f"{_plain(graph.source)}."] if graph.source else [])]
    figures = f"{total:,} parameters."
    yield f'    """{head[0]}'
    yield ""
    for text in (*head[1:], figures):
        yield from _wrapped(text)
    yield '    """'


def _size(shape: Sequence[int]) -> int:
    found = 1
    for dim in shape:
        found *= dim
    return found


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
    pieces = [*parts_for("keras", list(writer.parts)), *functions]
    body = "\n\n\n".join(pieces)
    imports = [name for name in ("layers", "ops") if re.search(rf"(?<![\w.]){name}\.", body)]
    head = [f'"""{_plain(writer.outline.graph.name)} in Keras."""', ""]
    if re.search(r"(?<![\w.])math\.", body):
        head += ["import math", ""]
    head += ["import keras", *([f"from keras import {', '.join(imports)}"] if imports else [])]
    head += ["", ""]
    return "\n".join([*head, body, ""])

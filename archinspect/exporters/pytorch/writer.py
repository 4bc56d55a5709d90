"""An outline as the text of a Python module."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from archinspect.base.printable import printable
from archinspect.exporters.code import Call, Given, Hole, Own, Raw, literal
from archinspect.exporters.definitions import parts_for
from archinspect.exporters.layout import WIDTH, laid_out
from archinspect.exporters.parameters import Expression
from archinspect.exporters.pytorch.body import Statement, body
from archinspect.exporters.pytorch.holding import hold
from archinspect.exporters.pytorch.names import WEIGHTS, attention_weights, class_name, identifier
from archinspect.exporters.refusal import CannotExportError
from archinspect.exporters.scopes import Definition, Leaf, Scope, is_plain, numbered, sequential
from archinspect.reports.summarizing import report

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from archinspect.analyses.facts import Facts
    from archinspect.exporters.code import Step
    from archinspect.exporters.outline import Outline
    from archinspect.graph.graph import Node, Tensor

PLACED = ("stride", "padding")
"""Options of a convolution that are given by their place where they are parameters of the class."""
_BY_PARAMETER = re.compile(r"[A-Za-z_]\w*( // \d+)?")
RUN = 3
"""Equal copies in a row, from which on they are made by a loop."""


ATTENTION = "nn.MultiheadAttention"


class Rendered(NamedTuple):
    """A child of a scope: how it is made, and how it is called."""

    made: str
    """The expression that makes it; empty where nothing has to be made."""
    pieces: tuple[str | Given | Own, ...]
    """The expression that computes it."""


Rows: TypeAlias = "list[tuple[Leaf | Scope, Rendered]]"


class Writer:
    """Writes one network."""

    def __init__(self, outline: Outline, facts: Facts, *, observed: bool) -> None:
        self.outline = outline
        self.facts = facts
        self.observed = observed
        self.name = outline.free(class_name(outline.graph.name))
        self.parts: dict[str, None] = {}
        """Names of the ready-made definitions that the network needs."""
        self.layers: dict[str, str] = {}
        """The path of each node's module, or of its value where it has none."""
        self.beside: dict[str, str] = {}
        """Of a module the path of another that has weights of the same node, as position biases beside sinks."""
        self.views = {
            tensor
            for node in facts.graph.nodes
            if facts.view(node, training=False) is not None
            for tensor in node.outputs
        }
        self.fused: set[str] = set()
        """Paths of modules that make something else than the node's value."""
        self.inline: set[str] = set()
        """Paths of composites that are lists, whose modules the function around them calls."""
        self.held: dict[Tensor, Node] = {}
        """What variables hold, each tensor up to a node."""
        self.inside: dict[int, Rows] = {}
        """What lists of copies hold, by the identity of the list's scope."""
        self._calls: dict[str, Call] = {}
        """What makes each of them."""
        self._modules: dict[Node, str] = {}
        """How each node's module is reached from the network."""
        self._locate(outline.root, "self", "")

    def classes(self) -> Iterator[str]:
        """Yield the text of each class, the network's last."""
        for definition in self.outline.definitions:
            yield self._class(definition.name, definition.copies[0], definition)
        yield self._class(self.name, self.outline.root, None)

    def _locate(self, scope: Scope, expression: str, path: str) -> None:
        """Note where the modules of a scope are."""
        is_list = scope.is_list
        for number, child in enumerate(scope.children):
            own = str(number) if is_list else child.name
            inner = f"{path}.{own}" if path else own
            reached = f"{expression}[{number}]" if is_list else f"{expression}.{own}"
            if isinstance(child, Scope):
                if child.definition is None and not sequential(child):
                    self.inline.add(child.path)
                self._locate(child, reached, inner)
                continue
            for node in child.nodes:
                if node in self._modules:
                    self.beside[inner] = self.layers[node.path]
                self.layers[node.path] = inner
                if len(child.nodes) > 1 or (child.step.module and not _is_its_value(child.step)):
                    self.fused.add(inner)
                if child.step.module:
                    self._modules[node] = reached
                    self._calls[reached] = child.step.module

    # A scope's children, as expressions

    def _class(self, name: str, scope: Scope, definition: Definition | None) -> str:
        rendering = _Rendering(self, iter(definition.bound) if definition else None)
        lines = [f"class {name}({'nn.Sequential' if sequential(scope) else 'nn.Module'}):"]
        lines.append(f'    """{self._doc(scope, definition)}"""')
        lines.append("")
        signature = ", ".join(["self", *map(_declared, definition.parameters if definition else ())])
        rows = rendering.scope(scope, definition.optional if definition else ())
        made: list[str] = []
        forward: Sequence[str] = ()
        if sequential(scope) and numbered([child.name for child in scope.children]):
            made += laid_out(f"super().__init__({_items(rows)})", 8)
        else:
            made.append("        super().__init__()")
            if not sequential(scope):
                statements = list(self._statements(rows))
                names = self._argument_names(scope)
                forward, held = body(scope, statements, names, self.views, observed=self.observed)
                for copy in definition.copies if definition else [scope]:
                    hold(self.held, held, [one.child for one in statements], scope, copy)
                made += [f"        self.{attribute} = {attribute}" for attribute in rendering.kept]
            for child, row in rows:
                if row.made:
                    made += laid_out(f"self.{child.name} = {row.made}", 8)
        if definition is None:
            made += [f"        {line}" for line in self._ties()]
        if len(made) > 1 or definition is None or definition.parameters or sequential(scope):
            lines += laid_out(f"def __init__({signature}) -> None:", 4)
            lines += made
            lines += [""] if forward else []
        lines += forward
        return "\n".join(lines)

    def _doc(self, scope: Scope, definition: Definition | None) -> str:
        if definition is None:
            return f"{_plain(self.outline.graph.name)}."
        if scope.path not in self.outline.graph.composites:
            what = f"`{scope.kind}` with all that it is made of"
        else:
            alike = {copy.name for copy in definition.copies} == {scope.name}
            name = scope.name if alike and len(definition.copies) > 1 else scope.path
            what = f"The block `{scope.kind}`" if scope.kind != "group" else f"The layers of `{_plain(name)}`"
        return f"{what}."

    def _argument_names(self, scope: Scope) -> list[str]:
        if scope is self.outline.root:
            names = [identifier(node.path) for node in self.outline.graph.inputs]
            return ["x"] if len(names) == 1 else names
        if scope.reads_all:
            return ["*inputs"]
        return ["x", "other", *(f"other_{number}" for number in range(2, len(scope.inputs)))][: len(scope.inputs)]

    def _statements(self, rows: Rows) -> Iterator[Statement]:
        """Yield what a function does, step by step; copies in a list are called one by one."""
        for child, row in rows:
            own = f"self.{child.name}"
            if isinstance(child, Leaf):
                functional = child.step.stateless and not row.made
                named = "" if row.made and not functional else child.name
                yield Statement(child, row.pieces, own, child.inputs, child.outputs, observed=named)
            elif child.definition is None and not sequential(child):
                inner = self.inside[id(child)]
                for number, (copy, copied) in enumerate(inner):
                    is_there = isinstance(copy, Leaf) and copy.step.stateless  # a module in the list, so it is called
                    pieces = (Own(), "(", Given(0), ")") if is_there else copied.pieces
                    yield Statement(copy, pieces, f"{own}[{number}]", copy.inputs, copy.outputs)
            else:
                yield Statement(child, row.pieces, own, child.inputs, child.outputs)

    def _ties(self) -> Iterator[str]:
        """Yield what does not train, and what shares weights with others."""
        yield from self._frozen(self.outline.root, {node for node in self.facts.graph.nodes if not node.trainable})
        # After that: what is shared trains if the layer trains that it belongs to.
        yield from dict.fromkeys(self._shared())  # several nodes may be one module

    def _shared(self) -> Iterator[str]:
        for node in self.facts.graph.nodes:
            if node.shares is None:
                continue
            theirs = self.facts.call(node).weights.keys() - self.facts.own_weights(node).keys()
            for name in self.facts.call(node).weights:
                if name in theirs and node in self._modules:
                    yield from self._tie(node, node.shares, name)

    def _tie(self, node: Node, other: Node, name: str) -> Iterator[str]:
        """Yield the line that makes two modules share a weight."""
        if name not in WEIGHTS:
            raise CannotExportError(node.layer, f"it shares weights that {type(node.op).__name__} has several of")
        own, shared = self._modules[node], self._modules[other]
        if own == shared:
            return
        calls = self._calls[own], self._calls[shared]
        if len({made.name == ATTENTION for made in calls}) > 1:
            raise CannotExportError(node.layer, f"of it and '{other.layer}' one alone is {ATTENTION}")
        shapes = [arg.value for made in calls for arg in made.args if arg.role == "shape"]
        if len(set(shapes)) > 1 and len(set(map(len, shapes))) == 1:
            raise CannotExportError(node.layer, f"the axes of '{other.layer}', whose weights it uses, lie otherwise")
        if calls[0].name != ATTENTION:
            yield f"{own}.{WEIGHTS[name]} = {shared}.{WEIGHTS[name]}"
        else:
            for weight in attention_weights(node.layer_op):
                yield f"{own}.{weight} = {shared}.{weight}"

    def _frozen(self, scope: Scope, frozen: set[Node]) -> Iterator[str]:
        """Yield the lines that keep modules from training, a whole scope at once where all of it is."""
        for child in scope.children:
            nodes = [node for leaf in child.leaves() for node in leaf.nodes if node in self._modules]
            learning = [node for node in nodes if self.facts.call(node).learns]
            if learning and frozen.issuperset(learning):
                yield f"{_reached(child, self._modules[learning[0]])}.requires_grad_(False)"
            elif isinstance(child, Scope):
                yield from self._frozen(child, frozen)


def _is_its_value(step: Step) -> bool:
    """Return whether what a step's module gives is what the step gives: its call is the outermost one."""
    if is_plain(step):
        return True
    depth, (own, *rest) = 0, step.code
    signs = "".join(piece if isinstance(piece, str) else " " for piece in rest)
    for place, sign in enumerate(signs):
        depth += (sign in "([{") - (sign in ")]}")
        if not depth:
            return isinstance(own, Own) and place == len(signs) - 1
    return False


class _Rendering:
    """Renders the children of one class, with its parameters in the place of values that differ."""

    def __init__(self, writer: Writer, bound: Iterator[Any] | None) -> None:
        self.writer = writer
        self.bound = bound
        self.kept: dict[str, None] = {}
        """Parameters that the forward pass needs."""

    def _value(self, value: Any, *, forward: bool = False) -> str:  # noqa: ANN401 - of any argument
        found = next(self.bound) if self.bound is not None else value
        if isinstance(found, Expression):
            if forward:
                self.kept[found.parameter] = None
                found = found._replace(parameter=f"self.{found.parameter}")
            return str(found)
        return found.text if isinstance(found, Raw) else literal(found)

    def scope(self, scope: Scope, optional: Container[str] = ()) -> Rows:
        """Return the children with their texts; those that are optional give their input where they are not there."""
        in_chain = sequential(scope) or scope.is_list
        return [
            (child, self._optional(child) if child.name in optional else self._child(child, in_chain=in_chain))
            for child in scope.children
        ]

    def _optional(self, child: Leaf | Scope) -> Rendered:
        made = self._child(child, in_chain=True).made
        assert self.bound is not None
        return Rendered(f"{made} if {next(self.bound)} else nn.Identity()", (Own(), "(", Given(0), ")"))

    def _child(self, child: Leaf | Scope, *, in_chain: bool) -> Rendered:
        if isinstance(child, Leaf):
            return self._leaf(child.step, in_chain=in_chain)
        calls = tuple(Given(index) for index in range(len(child.inputs)))
        pieces: list[Any] = [Own(), "("]
        for index, given in enumerate(calls):
            pieces += [", ", given] if index else [given]
        called = (*pieces, ")")
        if child.definition is not None:
            args: list[str] = []
            for parameter, value in zip(child.definition.parameters, child.values, strict=True):
                text = self._value(value)
                if parameter.default is ... and type(value) is not bool:
                    args.append(text)
                elif text != literal(parameter.default):
                    args.append(f"{parameter.name}={text}")
            return Rendered(f"{child.definition.name}({', '.join(args)})", called)
        rows = self.scope(child)
        if sequential(child):
            return Rendered(f"nn.Sequential({_items(rows)})", called)
        self.writer.inside = {**self.writer.inside, id(child): rows}
        items = list(_runs([row.made for _, row in rows]))
        if len(items) == 1 and items[0].startswith("*("):
            return Rendered(f"nn.ModuleList{items[0][1:]}", ())
        return Rendered(f"nn.ModuleList([{', '.join(items)}])", ())

    def _leaf(self, step: Step, *, in_chain: bool) -> Rendered:
        self.writer.parts.update(dict.fromkeys(step.parts))
        made = self._call(step.module) if step.module else ""
        pieces = tuple(
            self._value(piece.value, forward=not in_chain) if isinstance(piece, Hole) else piece for piece in step.code
        )
        uses_own = any(isinstance(piece, Own) for piece in pieces)
        return Rendered(made if in_chain or uses_own or not step.stateless else "", pieces)

    def _call(self, call: Call) -> str:
        args: list[str] = []
        in_order = True
        """Whether all arguments so far stand at their places."""
        for arg in call.args:
            text = self._call(arg.value) if isinstance(arg.value, Call) else self._value(arg.value)
            if arg.keyword and arg.default is not ... and text == literal(arg.default):
                in_order = False
            elif not arg.keyword or (in_order and arg.role in PLACED and _BY_PARAMETER.fullmatch(text)):
                args.append(text)
            else:
                in_order = False
                args.append(f"{arg.role}={text}")
        return f"{call.name}({', '.join(args)})"


def _reached(child: Leaf | Scope, inside: str) -> str:
    """Return how a child is reached, from how a module inside of it, or its own, is."""
    if isinstance(child, Leaf):
        return inside
    steps = re.findall(r"\.\w+|\[\d+\]", inside)
    return "self" + "".join(steps[: child.path.count(".") + 1])


def _items(rows: Rows) -> str:
    """Return the arguments of a `nn.Sequential`: numbered ones as they are, named ones as a dictionary."""
    names = [child.name for child, _ in rows]
    made = [row.made for _, row in rows]
    if numbered(names):
        return ", ".join(_runs(made))
    return f"OrderedDict({', '.join(f'{n}={text}' for n, text in zip(names, made, strict=True))})"


def _runs(texts: Sequence[str]) -> Iterator[str]:
    """Yield the items of a list, equal ones in a row as a loop."""
    at = 0
    while at < len(texts):
        end = at
        while end < len(texts) and texts[end] == texts[at]:
            end += 1
        if end - at >= RUN:
            yield f"*({texts[at]} for _ in range({end - at}))"
        else:
            yield from texts[at:end]
        at = end


def _declared(parameter: Any) -> str:  # noqa: ANN401 - a parameter of a definition
    kinds = sorted({_type(value) for value in parameter.values})
    text = f"{parameter.name}: {' | '.join(kinds)}"
    return text if parameter.default is ... else f"{text} = {literal(parameter.default)}"


def _type(value: object) -> str:
    if isinstance(value, tuple):
        return f"tuple[{', '.join(map(_type, value)) or '()'}]"
    return "None" if value is None else type(value).__name__


def _plain(text: str) -> str:
    """Return text as a docstring holds it on one line."""
    return printable(" ".join(text.split())).replace("\\", "/").replace('"', "'")


def module_text(writer: Writer, facts: Facts) -> str:
    """Return the text of a whole module: what it is, what it imports, its definitions and classes."""
    classes = list(writer.classes())
    definitions = [*parts_for("pytorch", list(writer.parts)), *classes]
    text = "\n\n\n".join(definitions)
    imports = ["from collections import OrderedDict"] if "OrderedDict(" in text else []
    imports += ["from collections.abc import Callable"] if "Callable[" in text else []
    imports += ["from typing import Any"] if re.search(r"\bAny\b", text) else []
    imports += [""] if imports else []
    imports += ["import torch"] if re.search(r"\btorch\.", text) else []
    imports += ["import torch.nn.functional as F"] if re.search(r"\bF\.|\bF,", text) else []
    imports.append("from torch import Tensor, nn")
    return f'"""{_head(facts)}"""\n\n' + "\n".join(imports) + f"\n\n\n{text}\n"


def _head(facts: Facts) -> str:
    """Return a module's docstring: the network's name, figures and source."""
    graph = facts.graph
    totals = report(facts).totals
    lines = [f"{_plain(graph.name)}: {totals.params:,} parameters, {totals.macs:,} MACs."]
    said = ". ".join(_plain(part).rstrip(".") for part in (graph.description, graph.source) if part)
    return "\n\n".join(
        [*lines, "\n".join(textwrap.wrap(f"{said[:1].upper()}{said[1:]}.", WIDTH - 3))] if said else lines
    )

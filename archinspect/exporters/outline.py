"""The outline of a program: which blocks are one class or function, and what of them differs from copy to copy.

A scope is a composite of the network, or the network itself: a list of children, each a leaf (a step of the program) or
a scope. Scopes of the same structure become one class. What differs between them, found by laying them side by side,
become the class's parameters; what does not is written into it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from archinspect.exporters.code import Call, Given, Hole, Own, Step
from archinspect.exporters.parameters import ABSENT, Presence, Solver, unused

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from archinspect.exporters.code import Code
    from archinspect.exporters.parameters import Parameter
    from archinspect.graph.graph import Graph, Node, Tensor


LACKING = 3
"""How many modules a copy of a block may lack: as many as a projection's pooling, convolution and normalization."""


class Between:
    """A value of a program that is no tensor of the network, such as the biases that several attentions add."""


class Leaf:
    """One step of the program: what it computes, what it reads and makes."""

    def __init__(
        self,
        path: str,
        name: str,
        step: Step,
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        nodes: Sequence[Node] = (),
    ) -> None:
        self.path = path
        self.name = name
        """Its name in the scope that it is in."""
        self.step = step
        self.nodes = tuple(nodes)
        """The nodes that it stands for, whose weights its module holds."""
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)

    def leaves(self) -> Iterator[Leaf]:
        """Yield itself."""
        yield self


class Scope:
    """A composite, with its children in the order in which they run."""

    def __init__(self, path: str, name: str, kind: str, args: Mapping[str, Any]) -> None:
        self.path = path
        self.name = name
        self.kind = kind
        """The block's name, or `group`."""
        self.args = args
        self.children: list[Leaf | Scope] = []
        self.inputs: tuple[Tensor, ...] = ()
        self.outputs: tuple[Tensor, ...] = ()
        self.definition: Definition | None = None
        """The class that it is a copy of; None where it is written out at its place."""
        self.values: list[Any] = []
        """What the class's parameters are for this copy."""

    def leaves(self) -> Iterator[Leaf]:
        """Yield the steps inside, in the order in which they run."""
        for child in self.children:
            yield from child.leaves()

    @property
    def is_list(self) -> bool:
        """Whether its children are numbered copies."""
        if not self.children or not numbered(child.name for child in self.children):
            return False
        return all(is_plain(child.step) if isinstance(child, Leaf) else not child.is_list for child in self.children)

    @property
    def reads_all(self) -> bool:
        """Whether it takes any number of inputs, which its first child joins."""
        first = self.children[0] if self.children else None
        if len(self.inputs) < 2 or not isinstance(first, Leaf) or first.inputs != self.inputs:  # noqa: PLR2004 - several
            return False
        if not _concatenates(first.step):
            return False
        return not any(tensor in self.inputs for child in self.children[1:] for tensor in child.inputs)

    def chain(self) -> bool:
        """Return whether each child reads just what the one before it makes."""
        if len(self.inputs) != 1 or len(self.outputs) != 1 or not self.children:
            return False
        current = self.inputs
        for child in self.children:
            if child.inputs != current or len(child.outputs) != 1:
                return False
            current = child.outputs
        return current == self.outputs


def numbered(names: Iterable[str]) -> bool:
    """Return whether names are 0, 1, 2, ..."""
    return all(name == str(number) for number, name in enumerate(names))


class Definition:
    """A class or function: its copies, its parameters, and how values follow from these."""

    def __init__(self, name: str, copies: list[Scope]) -> None:
        self.name = name
        self.copies = copies
        self.parameters: list[Parameter] = []
        everywhere = set.intersection(*({child.name for child in copy.children} for copy in copies))
        self.optional = {child.name for child in copies[0].children} - everywhere
        """Names of the first copy's children that another one lacks."""
        self.bound: list[Any] = []
        """What stands for each hole, in the order of :meth:`holes`: a value, or what follows from parameters."""

    def solve(self) -> None:
        """Find the parameters, and what stands for each hole; tell each copy its values."""
        solver = Solver([scope.args for scope in self.copies])
        self.parameters = solver.solve(list(zip(*map(self._holes, self.copies), strict=True)))
        self.bound = solver.bound
        for number, scope in enumerate(self.copies):
            scope.definition = self
            scope.values = [parameter.values[number] for parameter in self.parameters]

    def _holes(self, copy: Scope) -> Iterator[Hole | Presence]:
        """Yield what a copy has for every value that could be another one; it may lack optional children."""
        there = {child.name: child for child in copy.children}
        for child in self.copies[0].children:
            own = list(holes(there.get(child.name, child)))
            if child.name not in there:
                own = [hole._replace(value=ABSENT) for hole in own]
            yield from own
            if child.name in self.optional:
                yield Presence(child.name in there, child.name, len(own))


def holes(child: Leaf | Scope) -> Iterator[Hole]:
    """Yield every value of a child that could be another one in a copy."""
    if isinstance(child, Leaf):
        yield from _of_step(child.step)
    elif child.definition is None:
        for inner in child.children:
            yield from holes(inner)
    else:
        for parameter, value in zip(child.definition.parameters, child.values, strict=True):
            yield Hole(value, parameter.name)


def _of_step(step: Step) -> Iterator[Hole]:
    if step.module:
        yield from _of_call(step.module)
    yield from (piece for piece in step.code if isinstance(piece, Hole))


def _of_call(call: Call) -> Iterator[Hole]:
    for arg in call.args:
        if isinstance(arg.value, Call):
            yield from _of_call(arg.value)
        else:
            yield Hole(arg.value, arg.role)


def structure(scope: Scope, without: Container[str] = ()) -> Any:  # noqa: ANN401 - anything that compares
    """Return what makes two scopes copies of each other; children that are left out pass on their input."""
    places: dict[Tensor, tuple[int, int]] = {tensor: (-1, i) for i, tensor in enumerate(scope.inputs)}
    rows: list[Any] = []
    for child in scope.children:
        if child.name in without:
            places[child.outputs[0]] = places[child.inputs[0]]
            continue
        number = len(rows)
        reads: Any = tuple(places[tensor] for tensor in child.inputs)
        kind = _kind_of(child)
        if number == 0 and scope.reads_all:
            reads, kind = "all", "concatenation"
        places |= {tensor: (number, i) for i, tensor in enumerate(child.outputs)}
        rows.append((child.name, reads, len(child.outputs), kind))
    outputs = tuple(places[tensor] for tensor in scope.outputs)
    count = "all" if scope.reads_all else len(scope.inputs)
    return (scope.kind if scope.kind != "group" else "", count, outputs, tuple(rows))


def _kind_of(child: Leaf | Scope) -> Any:  # noqa: ANN401 - as above
    if isinstance(child, Scope):
        return ("list" if child.is_list else "scope", id(child.definition) if child.definition else structure(child))
    return child.step.module and _masked(child.step.module), child.step.parts, _mask(child.step.code)


def _masked(call: Call) -> Any:  # noqa: ANN401 - as above
    return call.name, tuple(
        (arg.role, arg.keyword, _masked(arg.value) if isinstance(arg.value, Call) else _type(arg.value))
        for arg in call.args
    )


def _concatenates(step: Step) -> bool:
    """Return whether a step joins its inputs as they are, however many."""
    if step.module:
        return step.module.name == "layers.Concatenate"
    text = "".join(piece for piece in step.code if isinstance(piece, str))
    as_they_are = not any(isinstance(piece, Given) and piece.order for piece in step.code)
    return as_they_are and re.fullmatch(r"torch\.cat\(\[(, )+\], dim=\)", text) is not None


def _mask(code: Code) -> Any:  # noqa: ANN401 - as above
    return tuple((piece.role, _type(piece.value)) if isinstance(piece, Hole) else piece for piece in code)


def _type(value: object) -> object:
    """Return what a parameter's values have in common: their type; of tuples the length, too."""
    if isinstance(value, tuple):
        return ("tuple", len(value))
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def is_plain(step: Step) -> bool:
    """Return whether a step is a call of its module on its one input."""
    if step.module is None:
        return False
    plain = (Own(), "(", Given(0), ")")
    if step.code == plain:
        return True
    return step.stateless and all(not (isinstance(p, Own) or (isinstance(p, Given) and p.order)) for p in step.code)


def is_module(child: Leaf | Scope) -> bool:
    """Return whether a child can be a module of its own, with one input and one output."""
    if len(child.inputs) != 1 or len(child.outputs) != 1:
        return False
    return is_plain(child.step) if isinstance(child, Leaf) else child.definition is not None or sequential(child)


def lacks(part: Scope, whole: Scope) -> bool:
    """Return whether a scope is a copy of another one but for a few modules that it lacks."""
    if part.kind == "group" or part.kind != whole.kind or numbered([child.name for child in whole.children]):
        return False
    names = {child.name for child in part.children}
    missing = [child for child in whole.children if child.name not in names]
    if not 0 < len(missing) <= LACKING or not all(map(is_module, missing)):
        return False
    return repr(structure(whole, {child.name for child in missing})) == repr(structure(part))


def sequential(scope: Scope) -> bool:
    """Return whether a scope is a chain of modules."""
    if not scope.chain():
        return False
    return all(
        is_plain(child.step) if isinstance(child, Leaf) else child.definition is not None or sequential(child)
        for child in scope.children
    )


class Outline:
    """The outline of a network, from its leaves in the order in which they run."""

    def __init__(  # noqa: PLR0913 - what a target says of its programs
        self,
        graph: Graph,
        leaves: Iterable[Leaf],
        class_name: Callable[[str], str],
        composites: Mapping[str, tuple[str, Mapping[str, Any]]],
        identifier: Callable[[str], str] = str,
        taken: Iterable[str] = (),
        *,
        optional: bool = False,
    ) -> None:
        self.graph = graph
        self.class_name = class_name
        self.identifier = identifier
        """Makes a name that a program can have of a layer's."""
        self.composites = composites
        """Kind and arguments of each composite, and of each layer that is several steps, by path."""
        self.optional = optional
        """Whether copies that lack some modules are of the class of those that have them."""
        self.root = Scope("", "", graph.name, {})
        self.definitions: list[Definition] = []
        """In an order in which none needs one that stands after it."""
        self._taken: set[str] = set(taken)
        self._place(list(leaves))
        self._name(self.root)
        self._wire()
        if self.root.is_list and not sequential(self.root):
            self._rename(self.root)  # a network is no list, though its layers may have numbers for names
        self._define()

    def _place(self, leaves: Sequence[Leaf]) -> None:
        """Put leaves into scopes; composites whose leaves do not stand together are dissolved."""
        scopes = {"": self.root}
        scattered = self._scattered(leaves)
        for leaf in leaves:
            *above, _ = leaf.path.split(".")
            paths = [".".join(above[: i + 1]) for i in range(len(above))]
            paths = [path for path in paths if path in self.composites and path not in scattered]
            scope = self.root
            for path in paths:
                if path not in scopes:
                    name = path[len(scope.path) + 1 :] if scope.path else path
                    scopes[path] = Scope(path, name.replace(".", "_"), *self.composites[path])
                    scope.children.append(scopes[path])
                scope = scopes[path]
            own = leaf.path[len(scope.path) + 1 :] if scope.path else leaf.path
            leaf.name = own.replace(".", "_")
            scope.children.append(leaf)

    def _name(self, scope: Scope) -> None:
        """Give children names that the program can have, each another one."""
        if not scope.is_list:
            self._rename(scope)
        for child in scope.children:
            if isinstance(child, Scope):
                self._name(child)

    def _rename(self, scope: Scope) -> None:
        taken: set[str] = set()
        for child in scope.children:
            child.name = unused(self.identifier(child.name), taken)
            taken.add(child.name)

    def _scattered(self, leaves: Sequence[Leaf]) -> set[str]:
        """Return the composites between whose leaves others stand."""
        last: dict[str, int] = {}
        scattered = set()
        for number, leaf in enumerate(leaves):
            names = leaf.path.split(".")[:-1]
            for depth in range(1, len(names) + 1):
                path = ".".join(names[:depth])
                if path in last and last[path] != number - 1:
                    scattered.add(path)
                last[path] = number
        return scattered

    def _wire(self) -> None:
        """Find what each scope reads from outside and what of it is read there."""
        readers: dict[Tensor, list[Leaf]] = {}

        for leaf in self.root.leaves():
            for tensor in leaf.inputs:
                readers.setdefault(tensor, []).append(leaf)
        outputs = set(self.graph.outputs)

        def wire(scope: Scope) -> None:
            for child in scope.children:
                if isinstance(child, Scope):
                    wire(child)
            inside = list(scope.leaves())
            members = set(map(id, inside))
            made = [tensor for leaf in inside for tensor in leaf.outputs]
            own = set(made)
            read = [tensor for leaf in inside for tensor in leaf.inputs if tensor not in own]
            scope.inputs = tuple(dict.fromkeys(read))
            scope.outputs = tuple(
                tensor
                for tensor in made
                if tensor in outputs or any(id(reader) not in members for reader in readers.get(tensor, ()))
            )

        wire(self.root)
        self.root.inputs = tuple(node.output for node in self.graph.inputs)
        self.root.outputs = tuple(self.graph.outputs)

    def _define(self) -> None:
        """Make a class of each structure, those that hold others last."""
        for scopes in self._levels():
            groups: dict[Any, list[Scope]] = {}
            for scope in scopes:
                if scope.is_list or (scope.kind == "group" and sequential(scope)):
                    continue
                groups.setdefault(repr(structure(scope)), []).append(scope)
            for copies in self._joined(groups.values()):
                if len(copies) == 1 and sequential(copies[0]):
                    continue
                self._make(copies)

    def _joined(self, groups: Iterable[list[Scope]]) -> Iterator[list[Scope]]:
        """Yield groups of copies, those that lack modules behind the copies that have them."""
        found = list(groups)
        if self.optional:
            for part in sorted(found, key=lambda copies: -len(copies[0].children)):
                whole = next((copies for copies in found if lacks(part[0], copies[0])), None)
                if whole is not None:
                    whole += part
                    found.remove(part)
        yield from found

    def _levels(self) -> list[list[Scope]]:
        """Return all scopes but the root, those first that hold none; a block's copies together where they can be."""
        heights: dict[str, int] = {}
        levels: dict[int, list[Scope]] = {}

        def height(scope: Scope, levels: dict[int, list[Scope]]) -> int:
            inner = max((height(child, levels) for child in scope.children if isinstance(child, Scope)), default=0)
            found = 1 + inner if scope.kind == "group" else max(1 + inner, heights.get(scope.kind, 0))
            levels.setdefault(found, []).append(scope)
            return found

        height(self.root, levels)
        if self.optional:
            heights = {scope.kind: level for level in sorted(levels) for scope in levels[level]}
            levels = {}
            height(self.root, levels)
        return [[scope for scope in levels[level] if scope is not self.root] for level in sorted(levels)]

    def _make(self, copies: list[Scope]) -> None:
        first = copies[0]
        wanted = first.kind if first.kind != "group" else first.name
        definition = Definition(self.free(self.class_name(wanted)), copies)
        definition.solve()
        self.definitions.append(definition)

    def free(self, name: str) -> str:
        """Return a name for a class that none has yet."""
        found = unused(name, self._taken, join="")
        self._taken.add(found)
        return found

"""A program's steps and scopes, and what of a scope differs from copy to copy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from archinspect.exporters.code import Call, Given, Hole, Own, Step
from archinspect.exporters.parameters import ABSENT, Presence, Solver

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from archinspect.exporters.code import Code
    from archinspect.exporters.parameters import Parameter
    from archinspect.graph.graph import Node, Tensor

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

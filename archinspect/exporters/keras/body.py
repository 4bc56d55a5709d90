"""The statements of one function of a Keras program."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any

from archinspect.exporters.code import Call, Given, Hole, Own, Raw, literal
from archinspect.exporters.keras.names import COUNTERS, free_name, marked
from archinspect.exporters.keras.use import Named, legal
from archinspect.exporters.parameters import Expression
from archinspect.exporters.scopes import Leaf

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from archinspect.exporters.scopes import Scope

RUN = 2
"""Equal copies in a row, from which on they are made by a loop."""
_NUMBER = re.compile(r"x[1-9]\d*")


def own_path(child: Leaf | Scope, scope: Scope) -> str:
    """Return a child's path within its scope."""
    return child.path[len(scope.path) + 1 :] if scope.path else child.path


class Shared:
    """What all functions of a program share."""

    def __init__(self, defined: Collection[str], kept: Collection[str], *, observed: bool) -> None:
        self.defined = defined
        """Names of the functions."""
        self.kept = kept
        """Paths of the layers that are called more than once."""
        self.observed = observed
        """Whether the program tells each value to a function `observe`."""
        self.parts: dict[str, None] = {}
        """Names of the ready-made definitions that the program needs."""

    def parameter(self, name: str) -> str:
        """Return what a function's parameter is called."""
        return free_name(name, self.defined)


class Body:
    """The statements of one function."""

    def __init__(self, shared: Shared, scope: Scope, bound: Iterator[Any] | None) -> None:
        self.shared = shared
        self.scope = scope
        self.bound = bound
        self.variable: dict[Any, str] = {}
        self.last: dict[Any, int] = {}
        self.until: dict[str, int] = {}
        """The last step that reads what a variable holds."""
        self.step = 0
        self.pool: list[str] = []
        self.forbidden: set[str] = set()
        self.highest = 0
        """There is no `x5` yet where it is 4."""
        self.numbers: list[int] = []
        """Those up to it that are free, as a heap."""
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
            return str(found._replace(parameter=self.shared.parameter(found.parameter)))
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
        return free_name(found, {*self.forbidden, *self.shared.defined})

    # Statements

    def blocks(self, scope: Scope, prefix: Sequence[str], depth: int) -> Iterator[list[str]]:
        """Yield the lines of each child of a scope."""
        for child in scope.children:
            name = legal(own_path(child, scope))
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
            if end - at >= RUN and depth < len(COUNTERS):
                counter = COUNTERS[depth]
                lines.append(f"for {counter} in range({f'{at}, ' if at else ''}{end}):")
                lines += [f"    {line.replace(mark, f'{{{counter}}}')}" for line in bodies[at]]
            else:
                end = at + 1
                lines += [line.replace(mark, str(at)) for line in bodies[at]]
            at = end
        return lines

    def _leaf(self, leaf: Leaf, path: Sequence[str]) -> list[str]:
        self.shared.parts.update(dict.fromkeys(leaf.step.parts))
        made = self.module(leaf.step.module, path) if leaf.step.module else ""
        lines = []
        if leaf.path in self.shared.kept and leaf.step.module:
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
        if self.shared.observed:
            text = f"observe({marked(*path)}, {text})"
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
                args.append(f"{self.shared.parameter(parameter.name)}={text}")
        args.append(f"name={marked(*path)}")
        return [f"{self._assign(scope)} = {definition.name}({', '.join(args)})"]

    def _assign(self, child: Leaf | Scope) -> str:
        """Return the variables that hold what a child makes; one that nothing reads any more serves again."""
        dead = sorted({name for t in child.inputs if not self._is_live(name := self.variable[t])})
        free = [name for name in dict.fromkeys([*dead, *self.pool]) if name in self.pool and not self._is_live(name)]
        for name in dead:
            self._give_back(name)
        names = [free.pop(0) if free else self._numbered() for _ in child.outputs]
        for tensor, name in zip(child.outputs, names, strict=True):
            self.hold(tensor, name)
            if tensor not in self.last:
                self._give_back(name)
        self.step += 1
        return ", ".join(names)

    def hold(self, tensor: Any, name: str) -> None:  # noqa: ANN401 - of any graph
        """Let a variable hold a tensor."""
        self.variable[tensor] = name
        self.until[name] = max(self.last.get(tensor, -1), self.until.get(name, -1))
        if _NUMBER.fullmatch(name):
            self.highest = max(self.highest, int(name[1:]))

    def _is_live(self, name: str) -> bool:
        """Return whether a later step reads what a variable holds."""
        return self.until.get(name, -1) > self.step

    def _numbered(self) -> str:
        """Return the first of `x1`, `x2`, ... that is free."""
        if self.numbers:
            from heapq import heappop  # few networks have so many branches

            return f"x{heappop(self.numbers)}"
        self.highest += 1
        while f"x{self.highest}" in self.forbidden:
            self.highest += 1
        return f"x{self.highest}"

    def _give_back(self, name: str) -> None:
        if _NUMBER.fullmatch(name):
            from heapq import heappush  # as above

            heappush(self.numbers, int(name[1:]))

    def module(self, call: Call, path: Sequence[str]) -> str:
        """Return a constructor's call, with its layer's name last."""
        if not call.name:  # a list of layers
            return f"[{', '.join(self.call(arg.value, path) for arg in call.args)}]"
        text = self.call(call, path)
        gap = "" if text.endswith("(") or text[-2] == "(" else ", "
        return f"{text[:-1]}{gap}name={marked(*path)})"

    def call(self, call: Call, path: Sequence[str]) -> str:
        """Return a constructor's call."""
        args = []
        for arg in call.args:
            if isinstance(arg.value, Call):
                text = self.call(arg.value, path)
            elif isinstance(arg.value, Named):
                self.value(arg.value)
                text = marked(*path[:-1], path[-1] + arg.value.suffix)
            else:
                text = self.value(arg.value)
                if arg.default is not ... and text == literal(arg.default):
                    continue
            args.append(f"{arg.role}={text}" if arg.keyword else text)
        return f"{call.name}({', '.join(args)})"


def _numbered(scope: Scope) -> bool:
    names = [child.name for child in scope.children]
    return names == [str(number) for number in range(len(names))]

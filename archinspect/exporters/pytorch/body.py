"""The body of a forward pass: which values have variables, and which are part of an expression.

Variables are used as a person would, and hold tensors for as long as :mod:`archinspect.analyses.lifetimes` says: what
the next step alone reads is overwritten by what that makes, a skip connection's variable is given the sum.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, NamedTuple

from archinspect.exporters.code import Given, Own
from archinspect.exporters.layout import WIDTH, laid_out
from archinspect.exporters.pytorch.loops import folded
from archinspect.exporters.scopes import Leaf
from archinspect.ops.identity import Rescaling
from archinspect.ops.merge import Average, JoinedByElements
from archinspect.ops.reduce import ReduceProd

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.exporters.scopes import Scope
    from archinspect.graph.graph import Tensor

NEST = WIDTH - 14
"""Characters from which on an expression gets a variable."""


class Statement(NamedTuple):
    """One call of a forward pass."""

    child: Leaf | Scope
    pieces: tuple[str | Given | Own, ...]
    own: str
    """What the child is called: `self.conv`."""
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    observed: str = ""
    """The name under which its value is noted, where no module makes it."""


class Body(NamedTuple):
    """A forward pass."""

    lines: tuple[str, ...]
    held: tuple[tuple[Tensor, int], ...]
    """The tensors that variables hold, arguments left out, each with the number of the last statement meanwhile."""


def body(
    scope: Scope, statements: Sequence[Statement], names: Sequence[str], views: set[Tensor], *, observed: bool
) -> Body:
    """Return `forward`; `views` are the tensors that lie in another one's storage."""
    found = _Body(scope, statements, names, views, observed=observed)
    lines = tuple(folded(list(found.lines()), scope, found.used))
    return Body(lines, (*found.held, *((tensor, found.end - 1) for tensor in found.holding.values())))


class _Body:
    def __init__(
        self,
        scope: Scope,
        statements: Sequence[Statement],
        names: Sequence[str],
        views: set[Tensor],
        *,
        observed: bool,
    ) -> None:
        self.views = views
        self.scope = scope
        self.statements = statements
        self.observed = observed
        self.names = list(names)
        self.variadic = bool(names) and names[0].startswith("*")
        self.arguments = [] if self.variadic else list(names)
        self.variable: dict[Tensor, str] = {} if self.variadic else dict(zip(scope.inputs, names, strict=True))
        self.used = {name.lstrip("*") for name in names} | {"self"}
        self.number = 1
        self.given = frozenset(scope.inputs)
        self.own = frozenset(self.arguments)
        self.tensors = set(self.arguments)
        """Variables that hold tensors to a type checker: to it a module's result is anything, unless it is declared."""
        self.uses: dict[Tensor, list[int]] = {}
        for index, statement in enumerate(statements):
            for tensor in statement.inputs:
                self.uses.setdefault(tensor, []).append(index)
        self.end = len(statements)
        for tensor in scope.outputs:
            self.uses.setdefault(tensor, []).append(self.end)
        self.pending: dict[Tensor, str] = {}
        self.holding: dict[str, Tensor] = {}
        """What each variable holds that was assigned."""
        self.held: list[tuple[Tensor, int]] = []
        """What variables held before, each with the last statement meanwhile."""

    def lines(self) -> Iterator[str]:
        types = [f"{name}: Tensor" for name in self.names]
        types_made = ["Tensor"] * len(self.scope.outputs)
        made = f"tuple[{', '.join(types_made)}]" if len(types_made) > 1 else "Tensor" if types_made else "None"
        yield from laid_out(f"def forward({', '.join(['self', *types])}) -> {made}:", 4)
        for index, statement in enumerate(self.statements):
            yield from self._statement(index, statement)
        if not self.scope.outputs:
            return
        given = [self.pending.get(t) or self.variable[t] for t in self.scope.outputs]
        if len(given) == 1 and not self._is_tensor(given[0]):
            name = self._returned()
            yield from laid_out(f"{name} = {given[0]}", 8)
            given = [name.partition(":")[0]]
        yield from laid_out(f"return {', '.join(given)}", 8)

    def _returned(self) -> str:
        """Return the variable that what is returned is given: one that is declared to hold a tensor."""
        return self.arguments[0] if self.arguments else f"{self._new()}: Tensor"

    def _is_tensor(self, text: str) -> bool:
        """Return whether a type checker knows that an expression is a tensor."""
        return self._gives_tensor(ast.parse(text, mode="eval").body)

    def _gives_tensor(self, node: ast.expr) -> bool:
        match node:
            case ast.Name(name):
                return name in self.tensors
            case ast.BinOp(left, _, right):
                return self._gives_tensor(left) and self._gives_tensor(right)
            case ast.Call(ast.Name(name)):
                return name != "observe"
            case ast.Call(ast.Attribute(ast.Name("F" | "torch"))):
                return True
            case ast.Call(ast.Attribute(value)) | ast.Attribute(value) | ast.Subscript(value) | ast.UnaryOp(_, value):
                return self._gives_tensor(value)
        return isinstance(node, ast.Constant)

    def _statement(self, index: int, statement: Statement) -> Iterator[str]:
        yield from self._settle(statement)
        read = {t: self.pending.pop(t) if t in self.pending else self.variable.get(t, "") for t in statement.inputs}
        text = self._text(statement, read)
        going = [
            t
            for t in dict.fromkeys(statement.inputs)
            if t in self.variable and self.uses[t][-1] == index and self._may_go(t, statement)
        ]
        # What was made here is freed where its variable is given another value; the caller holds the arguments anyway.
        dying = [self.variable[t] for t in sorted(going, key=lambda t: t in self.given or t in self.views)]
        # A view of what the caller holds frees nothing, whichever variable it is given.
        viewed = isinstance(statement.child, Leaf) and self.views >= set(statement.outputs)
        viewed = viewed and self.given.issuperset(going)
        if self._nests(index, statement, text, dying=bool(dying) and not viewed):
            self.pending[statement.outputs[0]] = text
            return
        yield from self._flush()
        targets = []
        for tensor in statement.outputs:
            if tensor not in self.uses:
                targets.append(dying.pop(0) if dying and len(statement.outputs) == 1 else "_")
                continue
            name = self._target(dying, text, last=index == self.end - 1)
            self.variable[tensor] = name
            targets.append(name)
        if not targets:
            yield from laid_out(text, 8)
            return
        named = [place for place, target in enumerate(targets) if target != "_"]
        for place in named if len(named) == 1 else range(len(targets)) if named else ():
            self._assign(targets[place], statement.outputs[place], index)
        if len(named) == 1 < len(targets):  # what is not read is freed at once
            targets, text = [targets[named[0]]], f"{text}[{named[0]}]"
            yield from laid_out(f"{targets[0]} = {text}", 8)
            return
        joined = ", ".join(targets) + ("," if len(targets) == 1 and len(statement.outputs) > 1 else "")
        if text != joined:
            yield from laid_out(f"{joined} = {text}" if set(targets) != {"_"} else text, 8)

    def _assign(self, name: str, tensor: Tensor, index: int) -> None:
        """Note that a statement gives a variable a tensor: it holds another one while the statement runs."""
        if name in self.holding:
            self.held.append((self.holding[name], index))
        self.holding[name] = tensor

    def _target(self, dying: list[str], text: str, *, last: bool = False) -> str:
        """Return the variable that is given a value: one whose own is not needed any more, or a new one."""
        known = self._is_tensor(text)
        if last and len(self.scope.outputs) == 1 and self.arguments and not known:
            return self.arguments[0]
        name = dying.pop(0) if dying else self._new()
        if known:
            self.tensors.add(name)
        elif name not in self.own:
            self.tensors.discard(name)
        return name

    def _settle(self, statement: Statement) -> Iterator[str]:
        """Give variables to values in front of a statement unless it reads them in the order in which they are made."""
        waiting = list(self.pending)
        reads = [t for t in statement.inputs if t in self.pending]
        indices = [piece.index for piece in statement.pieces if isinstance(piece, Given)]
        made = [index for index in indices if statement.inputs[index] in self.pending]
        once = len(made) == len(set(made)) and len(reads) == len(set(reads)) and -1 not in indices
        in_steps = self._is_long_sum(statement) or _goes_in_steps(statement)
        if reads and (in_steps or not (once and waiting[-len(reads) :] == reads)):
            yield from self._flush()

    def _is_long_sum(self, statement: Statement) -> bool:
        """Return whether a statement joins values by an operator, in more than a line."""
        text = self._text(statement, {t: self.pending.get(t) or self.variable.get(t, "") for t in statement.inputs})
        return " " in _outside(text) and len(text) > NEST

    def _flush(self) -> Iterator[str]:
        for tensor, text in list(self.pending.items()):
            name = self._target([], text)
            self.variable[tensor] = name
            self.holding[name] = tensor  # the variable is new
            yield from laid_out(f"{name} = {text}", 8)
        self.pending.clear()

    def _text(self, statement: Statement, read: dict[Tensor, str]) -> str:
        pieces = statement.pieces
        if self.variadic and statement is self.statements[0]:  # it joins all: `torch.cat([{0}, {1}], dim=1)`
            last = max(place for place, piece in enumerate(pieces) if isinstance(piece, Given))
            pieces = ("torch.cat(inputs", str(pieces[last + 1]).removeprefix("]"), *pieces[last + 2 :])
        found = []
        for place, piece in enumerate(pieces):
            if isinstance(piece, Own):
                found.append(statement.own)
            elif isinstance(piece, Given):
                found.append(self._operand(statement, read, piece, place))
            else:
                found.append(piece)
        text = _SLICE.sub(_spaced, "".join(found))
        if self.observed and statement.observed:
            return f'observe(self, "{statement.observed}", {text})'
        return text

    def _operand(self, statement: Statement, read: dict[Tensor, str], piece: Given, place: int) -> str:
        if piece.index < 0:
            return ", ".join(read[tensor] for tensor in statement.inputs)
        text = read[statement.inputs[piece.index]]
        before = statement.pieces[place - 1] if place else ""
        if piece.order[:1] == (0,) and isinstance(before, str) and before.endswith("len("):
            return text  # as many samples, whatever becomes of the other axes
        order = f".permute({', '.join(map(str, piece.order))})" if piece.order else ""
        after = statement.pieces[place + 1] if place + 1 < len(statement.pieces) else ""
        bare = not order and not (isinstance(after, str) and after[:1] in (".", "["))
        operand = (isinstance(before, str) and before.endswith((" * ", " - ", " @ "))) or (
            isinstance(after, str) and after.startswith((" * ", " @ "))
        )
        if " " in _outside(text) and (not bare or operand):
            text = f"({text})"
        return text + order

    def _may_go(self, tensor: Tensor, statement: Statement) -> bool:
        """Return whether a tensor's variable is given what its last reader makes."""
        if tensor in self.given and self.scope.path == "" and len(self.scope.inputs) > 1:
            return True
        joins = isinstance(statement.child, Leaf) and len(statement.inputs) > 1
        return len(set(self.uses[tensor])) == 1 or joins

    def _nests(self, index: int, statement: Statement, text: str, *, dying: bool) -> bool:
        """Return whether a value is written where it is read."""
        if len(statement.outputs) != 1 or len(text) > NEST:
            return False
        uses = self.uses.get(statement.outputs[0], [])
        if len(uses) != 1:
            return False
        if uses[0] == self.end:
            return len(self.scope.outputs) == 1 and index == self.end - 1
        reader = self.statements[uses[0]]
        if uses[0] == index + 1 and "inplace=True" in "".join(p for p in reader.pieces if isinstance(p, str)):
            return True
        return not dying

    def _new(self) -> str:
        """Return a variable that there is not yet."""
        for name in ("x", "y", "z", "a", "b", "c", "d", "e", "g", "h", "u", "v", "w"):
            if name not in self.used:
                self.used.add(name)
                return name
        while f"x{self.number}" in self.used:
            self.number += 1
        self.used.add(f"x{self.number}")
        return f"x{self.number}"


def _goes_in_steps(statement: Statement) -> bool:
    """Return whether a statement is several operations: what they read is held until the last."""
    if not isinstance(statement.child, Leaf) or not statement.child.nodes:
        return False
    op = statement.child.nodes[-1].op
    if isinstance(op, Rescaling):
        return op.scale != 1 and bool(op.offset)
    if isinstance(op, ReduceProd):  # along one axis at a time
        return len(op.axis) > 1
    if isinstance(op, JoinedByElements) and (len(statement.inputs) > 2 or isinstance(op, Average)):  # noqa: PLR2004 - an operation takes two
        return True
    depth = 0
    for piece, after in zip(statement.pieces, (*statement.pieces[1:], ""), strict=True):
        if isinstance(piece, Given):  # as `self.conv(F.pad(x, (0, 1)))`, `self.embedding(x.long())`
            converts = isinstance(after, str) and after.startswith((".long()", ".float()", ".bool()"))
            if depth + converts > 1:
                return True
        depth += piece.count("(") - piece.count(")") if isinstance(piece, str) else 0
    return False


_SLICE = re.compile(r"(?<=[\[ ])([\w.-]*):([\w.-]*)(?=[\],])")


def _spaced(match: re.Match[str]) -> str:
    """Return a slice with blanks around its colon where a bound is more than a name or a number."""
    start, stop = match.groups()
    return f"{start} : {stop}".strip() if "." in start + stop else match[0]


def _outside(text: str) -> str:
    """Return what of an expression stands outside its brackets."""
    depth, found = 0, []
    for sign in text:
        if sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
        elif not depth:
            found.append(sign)
    return "".join(found)

"""Layers by chance: an operator, its arguments, and tensors for it to read."""

from __future__ import annotations

from copy import deepcopy
from itertools import count
from math import prod
from typing import TYPE_CHECKING, Any

from networks.arguments import arguments
from networks.fitting import (
    COMPLEX,
    CONVERTERS,
    INTEGERS,
    OPERATORS,
    SHAPES,
    SOURCES,
    Fit,
    accepted_ranks,
    dtype_of,
    fit,
    operator,
    takes,
)
from networks.further import further
from networks.guess import FORMATS, factors
from networks.steps import Scope, Step, Tensor

from archinspect import ops
from archinspect.base.shape import Mismatch
from archinspect.graph.call import TensorType
from archinspect.ops.cells import Cell
from archinspect.ops.declared import ArgumentError
from archinspect.ops.recurrent import Recurrent

if TYPE_CHECKING:
    from random import Random

    from archinspect.base.shape import Shape
    from archinspect.ops.base import Op

MOST_LAYERS = 30


class DeadEndError(Exception):
    """What was drawn cannot stand here."""


class Layers:
    """Adds layers to scopes."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.layout = rng.choice(FORMATS)
        self.numbers = count()
        self.left = rng.choice([1, 2, 4, 6, 8, 10, 14, 20, MOST_LAYERS])
        """Layers that may still be added."""
        self.inputs: dict[str, Tensor] = {}
        self.shared: list[tuple[Scope, Step, TensorType, tuple[TensorType, ...]]] = []
        """Layers with weights that another one may use: scope, step, what it reads, what it gives."""

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def new_name(self, prefix: str = "n") -> str:
        return f"{prefix}{next(self.numbers)}"

    def name_of(self, step: Step) -> str:
        return str(step.extras.setdefault("name", self.new_name()))

    def _layer(self, scope: Scope, kind: type[Op]) -> None:
        """Add a layer of this kind, where one can be; raise :class:`DeadEndError`."""
        if kind.__name__ == "Arange":
            args = arguments(self.rng, kind, [], self.layout, 0.5)
            self._add(scope, kind(**args), args, [])
            return
        if kind.inputs == (0, 0):
            shape = tuple(arguments(self.rng, kind, [], self.layout, 1)["shape"])
            other = self.rng.choice(["int64", "int32", "float64", "float8", "bool"])
            dtype = other if kind.__name__ == "Constant" and self.chance(0.4) else "float"
            self._source(scope, (1, *shape), kind.__name__, dtype)
            return
        first = self._first(scope, kind)
        if (
            kind.inputs[1] != 1
            and not kind.undifferentiated
            and self.chance(0.4)
            and scope.depth < 4
            and first is scope.current
        ):
            self._merge(scope, kind, first)
            return
        for attempt in range(5):
            wanted = further(self.rng, kind, first.shape, self.layout)
            try:
                op, args, others = self._made(kind, first.type, wanted, 0.3 if attempt < 3 else 0.0)
            except (Mismatch, ArgumentError):
                continue
            read = [first]
            for place, type_ in enumerate(others, 1):
                shared = place in kind.shared
                found = self._source(scope, type_.shape, "Constant", type_.dtype) if shared else None
                read.append(found or self._obtained(scope, type_))
            self._add(scope, op, args, read)
            return
        raise DeadEndError

    def _made(
        self, kind: type[Op], first: TensorType, wanted: list[Shape], share: float
    ) -> tuple[Op, dict[str, Any], list[TensorType]]:
        """An operator with arguments, and the types of its further inputs; raise Mismatch where they do not fit."""
        args = arguments(self.rng, kind, [first.shape, *wanted], self.layout, share)
        op = operator(kind, args, self.layout)
        same = kind.__name__ == "Concatenate"
        others = [
            TensorType(shape, first.dtype if same else dtype_of(kind, place)) for place, shape in enumerate(wanted, 1)
        ]
        if isinstance(op, Recurrent) and self.chance(0.3):
            states = (
                op.outputs(first.shape)
                if isinstance(op, Cell)
                else op.replace(return_state=True).outputs(first.shape)[1:]
            )
            others = [TensorType(shape, "float") for shape in states]
        if kind.inputs[1] is not None and len(others) >= kind.inputs[1]:
            raise Mismatch("too many inputs")
        if len(others) + 1 < kind.inputs[0]:
            raise Mismatch("too few inputs")
        fit(op, [first, *others])
        return op, args, others

    def _add(self, scope: Scope, op: Op, args: dict[str, Any], read: list[Tensor], **extras: Any) -> Step:
        """Add a layer that reads these."""
        found = fit(op, [one.type for one in read])
        step = Step(type(op).__name__, args, **extras)
        if read and not (len(read) == 1 and read[0] is scope.current and self.chance(0.95)):
            step.extras["from"] = self._references(scope, read)
        for one in read:
            one.is_read = True
        self._finish(scope, step, found, read)
        return step

    def _finish(self, scope: Scope, step: Step, found: Fit, read: list[Tensor]) -> None:
        self.left -= 1
        if self.chance(0.25):
            self.name_of(step)
        if self.chance(0.05):
            step.extras["trainable"] = self.chance(0.1)
        if found.weights and len(read) == 1 and step.paths is None:
            self.shared.append((scope.home, step, read[0].type, found.outputs))
        step.outputs = len(found.outputs)
        scope.add(step, [Tensor(type_, (step,), number) for number, type_ in enumerate(found.outputs)])
        if self.chance(0.03):
            step.extras["when"] = self.rng.choice([True, "${1 < 2}"])
        elif self.chance(0.02):
            scope.steps.append(Step("Dense", {"units": 7}, when=self.rng.choice([False, "${not true}"])))
            scope.results.append(scope.current)  # what is left out counts as a step

    def _first(self, scope: Scope, kind: type[Op]) -> Tensor:
        """A tensor that an operator may read first: the last one, another one, or one that is made for it."""
        if scope.current is not None and self.chance(0.85) and takes(kind, scope.current.type):
            return scope.current
        others = [one for one in scope.readable() if takes(kind, one.type)]
        if others and self.chance(0.7):
            return self.rng.choice(others)
        ranks = sorted(accepted_ranks(kind))
        if scope.current is not None and scope.current.dtype == "float" and ranks and self.chance(0.5):
            self._converted(scope, self.rng.choice(ranks))
            if scope.current is not None and takes(kind, scope.current.type):
                return scope.current
        if scope.kind != "top" or not (ranks or kind.__name__ in {"Embedding", "EmbeddingBag"}):
            raise DeadEndError
        type_ = TensorType(self._shape(self.rng.choice(ranks)), dtype_of(kind, 0))
        if kind.__name__ in COMPLEX:
            type_ = TensorType((*type_.shape[:-1], 2), "float")
        if kind.__name__ == "EmbeddingBag":
            type_ = TensorType((1, self.rng.choice([6, 9])), "int64")
        elif kind.__name__ == "Embedding" or (kind.__name__ == "SinusoidalEmbedding" and self.chance(0.5)):
            type_ = TensorType((1, *self.rng.choice([(6,), (9,), (), (2, 4)])), self.rng.choice(INTEGERS))
        return self._source(scope, type_.shape, "Input", type_.dtype)

    def _converted(self, scope: Scope, rank: int) -> None:
        """Give the last tensor another number of axes, by one of the operators that can."""
        current = scope.current
        kinds = [ops.find_operator(self.rng.choice(CONVERTERS)) for _ in range(6)]
        for kind in (*kinds, ops.find_operator("Reshape")):
            if len(current.shape) not in accepted_ranks(kind):
                continue
            args = arguments(self.rng, kind, [current.shape], self.layout, 0.2)
            if kind.__name__ == "Reshape":
                args["target_shape"] = factors(self.rng, prod(current.shape[1:]), max(rank - 1, 1))
            try:
                op = operator(kind, args, self.layout)
                shape = fit(op, [current.type]).outputs[0].shape
            except (Mismatch, ArgumentError):
                continue
            if len(shape) == rank:
                self._add(scope, op, args, [current])
                return

    def _obtained(self, scope: Scope, type_: TensorType) -> Tensor:
        """A tensor of this type: one that there is, or a new one."""
        found = [one for one in scope.readable() if one.type == type_]
        if found and self.chance(0.8):
            return self.rng.choice(found)
        if type_.dtype != "float":
            return self._source(scope, type_.shape, "Constant", type_.dtype)
        kind = self.rng.choice(SOURCES if scope.kind == "top" else SOURCES[:2])
        return self._source(scope, type_.shape, kind)

    def _source(self, scope: Scope, shape: Shape, name: str, dtype: str = "float") -> Tensor:
        kind = ops.find_operator(name)
        if name == "Input" and scope.kind != "top":
            raise DeadEndError
        args: dict[str, Any] = {"shape": list(shape[1:])}
        if "dtype" in kind.args and (dtype != "float" or self.chance(0.2)):
            args["dtype"] = dtype
        if name == "Input" and self.chance(0.15):
            args["batch"] = self.chance(0.3)
        self._add(scope, kind(**args), args, [])
        return scope.current

    def _shape(self, rank: int) -> Shape:
        sizes = self.rng.choice(SHAPES[rank])
        if self.layout == "channels_first":
            sizes = (*sizes[-1:], *sizes[:-1])
        return (1, *sizes)

    def _references(self, scope: Scope, read: list[Tensor]) -> Any:
        found = [self._reference(scope, one) for one in read]
        return found[0] if len(found) == 1 and self.chance(0.7) else found

    def _reference(self, scope: Scope, tensor: Tensor) -> str | int:
        """How a step of this scope calls a tensor: by its name, or counted back."""
        places = [at for at, one in enumerate(scope.results) if one is tensor]
        by_name = tensor.can_be_named
        if places and (not by_name or self.chance(0.4)):
            if tensor is scope.start and scope.kind in ("group", "block") and self.chance(0.5):
                return "input"
            return places[-1] - len(scope.results)
        if not by_name:
            raise DeadEndError
        if tensor is self.inputs.get("input") and scope.home.kind != "top":
            raise DeadEndError  # there `input` is what the composite reads
        path = ".".join(map(self.name_of, tensor.holders))
        has_several = tensor.holders[-1].outputs > 1
        return f"{path}.{tensor.output}" if tensor.output or (has_several and self.chance(0.3)) else path

    # Merges

    def _merge(self, scope: Scope, kind: type[Op], first: Tensor) -> None:
        """Add a layer whose inputs are paths."""
        paths = self._twins(scope, first) if self.chance(0.25) else None
        start = paths[0].current.type if paths else first.type
        for attempt in range(5):
            wanted = [start.shape] * (len(paths) - 1) if paths else further(self.rng, kind, start.shape, self.layout)
            try:
                op, args, others = self._made(kind, start, wanted, 0.3 if attempt < 3 else 0.0)
            except (Mismatch, ArgumentError):
                continue
            types = [start, *others]
            if paths and len(types) != len(paths):
                continue
            paths = paths or [self._path(scope, first, type_) for type_ in types]
            ends = [path.current for path in paths]
            found = fit(op, [one.type for one in ends])
            for one in ends:
                one.is_read = True
            step = Step(kind.__name__, args)
            step.paths = [path.steps for path in paths]
            self._finish(scope, step, found, ends)
            return
        raise DeadEndError

    def _twins(self, scope: Scope, start: Tensor) -> list[Scope]:
        """Paths that are alike but for their weights."""
        path = Scope("path", start, scope)
        for _ in range(self.rng.choice([1, 1, 2])):
            kind = self.rng.choice(OPERATORS)
            if kind.inputs == (1, 1) and takes(kind, path.current.type):
                self._layer(path, kind)
        if any(step.extras for step in path.steps):
            raise DeadEndError
        paths = [path]
        for _ in range(self.rng.choice([1, 1, 2])):
            other = Scope("path", start, scope)
            other.steps, other.current = deepcopy(path.steps), path.current
            self.left -= len(path.steps)
            paths.append(other)
        for one in paths:
            for step in one.steps:
                step.can_be_named = False
        return paths

    def _path(self, scope: Scope, start: Tensor, wanted: TensorType) -> Scope:
        """A path from the start of a merge to what it wants."""
        path = Scope("path", start, scope)
        start.is_read = True
        if start.type == wanted:
            for _ in range(self.rng.choice([0, 0, 1, 1, 2, 3])):
                self._alike(path)
            return path
        found = [one for one in scope.readable() if one.type == wanted]
        if found and self.chance(0.5):
            one = self.rng.choice(found)
            self._add(path, operator(ops.find_operator("Identity"), {}, self.layout), {}, [one])
        elif prod(start.shape) == prod(wanted.shape) and start.dtype == wanted.dtype and len(wanted.shape) > 1:
            args: dict[str, Any] = {"target_shape": list(wanted.shape[1:])}
            self._add(path, ops.find_operator("Reshape")(**args), args, [start])
        else:
            self._obtained(path, wanted)
        if path.current.type != wanted or path.current is start:
            raise DeadEndError
        return path

    def _alike(self, scope: Scope) -> None:
        """Add a layer that gives what it reads, as far as shape and type go, if a few draws find one."""
        current = scope.current
        for _ in range(8):
            kind = self.rng.choice(OPERATORS)
            if kind.inputs[0] != 1 or not takes(kind, current.type):
                continue
            try:
                op, args, others = self._made(kind, current.type, [], 0.2)
                if not others and fit(op, [current.type]).outputs[0] == current.type:
                    self._add(scope, op, args, [current])
                    return
            except (Mismatch, ArgumentError):
                continue

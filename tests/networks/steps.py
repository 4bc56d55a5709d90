"""Steps, tensors and scopes of a network that is being made, and how steps are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect import ops
from archinspect.ops.modules import find_module

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

    from archinspect.graph.call import TensorType
    from archinspect.ops.base import Op

NOT_FLAT = ("Custom", "TimeDistributed", "Bidirectional")
"""What has an argument that is called as a key of the flat form."""


class Step:
    """One step: an operator or a block with its arguments or paths, or a group of steps."""

    def __init__(self, op: str = "", args: dict[str, Any] | None = None, **extras: Any) -> None:
        self.op = op
        self.args = args or {}
        self.paths: list[list[Step]] | None = None
        self.layers: list[Step] | None = None
        self.extras = {"from": extras.pop("source"), **extras} if "source" in extras else extras
        self.can_be_named = True
        self.outputs = 1

    def all(self) -> Iterator[Step]:
        """This step and those within."""
        yield self
        for inner in (self.layers or [], *(self.paths or [])):
            for step in inner:
                yield from step.all()


class Tensor:
    """What a step gives: the step, those around it that do not hide it, and which of the outputs it is."""

    def __init__(self, type_: TensorType, holders: tuple[Step, ...] = (), output: int = 0) -> None:
        self.shape, self.dtype = type_
        self.type = type_
        self.holders = holders
        self.output = output
        self.is_read = False

    @property
    def can_be_named(self) -> bool:
        return bool(self.holders) and all(step.can_be_named for step in self.holders)

    def within(self, step: Step) -> Tensor:
        """The same seen from outside of a composite."""
        return Tensor(self.type, (step, *self.holders), self.output)


class Scope:
    """What stands in a list of steps, and what its steps can read."""

    def __init__(self, kind: str, start: Tensor | None, outer: Scope | None = None) -> None:
        self.kind = kind
        self.start = start
        self.outer = outer
        self.steps: list[Step] = []
        self.results = [] if start is None else [start]
        self.named: list[Tensor] = []
        """What can be read by a name from here and from within."""
        self.current = start

    @property
    def depth(self) -> int:
        return 0 if self.outer is None else self.outer.depth + 1

    def add(self, step: Step, outputs: Sequence[Tensor]) -> None:
        """Add a step that gives these."""
        self.steps.append(step)
        self.current = outputs[0]
        self.results.append(outputs[0])
        # The names of a path's steps are the surrounding scope's.
        self.home.named += [one for one in outputs if one.can_be_named]

    @property
    def home(self) -> Scope:
        return self.outer.home if self.kind == "path" and self.outer else self

    def readable(self) -> list[Tensor]:
        """All tensors that a step may read, each once."""
        found = {id(one): one for one in self.results}
        scope: Scope | None = self
        while scope is not None:
            found |= {id(one): one for one in scope.named}
            scope = None if scope.kind == "block" else scope.outer
        return list(found.values())


# How steps are written


def written(rng: Random, step: Step) -> Any:
    """A step in one of the forms that a spec may have."""
    extras = dict(step.extras)
    if step.layers is not None and not step.op:
        return {"layers": [written(rng, one) for one in step.layers], **extras}
    kind = ops.find_operator(step.op)
    name, args = step.op, dict(step.args)
    if kind is not None:
        name, args = _in_other_words(rng, kind, args)
    if step.paths is not None:
        return _merge(rng, name, args, [[written(rng, one) for one in path] for path in step.paths], extras)
    return _layer(rng, kind, name, args, extras)


def _layer(rng: Random, kind: type[Op] | None, name: str, args: dict[str, Any], extras: dict[str, Any]) -> Any:
    main = kind.main_arg(name) if kind else None
    if not args:
        return {name: None, **extras} if extras else name
    if main in args and len(args) == 1 and _is_bare(kind, args[main]) and rng.random() < 0.6:
        return {name: args[main], **extras}
    if kind and kind.__name__ not in NOT_FLAT and rng.random() < 0.05:
        return {"type": name, **args, **extras}
    if extras.keys().isdisjoint(args) and rng.random() < 0.1:
        return {name: {**args, **extras}}
    return {name: args, **extras}


def _other_defaults(name: str) -> set[str]:
    """Arguments without which a module of this name is another layer: a padding that reads the input refuses more."""
    module = find_module(name)
    return set(module.defaults) - {"epsilon", "momentum"} if module else set()


def _in_other_words(rng: Random, kind: type[Op], args: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """An operator and its arguments, now and then by names of other frameworks."""
    names = [name for name in kind.aliases if not _other_defaults(name).difference(args)]
    name = rng.choice(names) if names and rng.random() < 0.08 else kind.__name__
    if rng.random() < 0.1:
        args = {rng.choice([one, *_aliases(kind, one)]): value for one, value in args.items()}
    return name, args


def _aliases(kind: type[Op], name: str) -> list[str]:
    argument = kind.args.get(name)
    return [one for one in argument.aliases if kind.names[one] == name] if argument else []


def _is_bare(kind: type[Op] | None, value: Any) -> bool:
    """Whether a value may stand for the main argument: a map would be arguments, a list a merge's paths."""
    return value is not None and not isinstance(value, dict) and not (isinstance(value, list) and kind.inputs[1] != 1)


def _merge(rng: Random, name: str, args: dict, paths: list, extras: dict) -> Any:
    short = [path[0] if len(path) == 1 and rng.random() < 0.5 else path for path in paths]
    if args or rng.random() < 0.2:
        return {name: {**args, "paths": short}, **extras}
    return {name: short, **extras}

"""Steps by chance: layers, groups, blocks and what else puts several layers together."""

from __future__ import annotations

from copy import deepcopy
from math import prod
from typing import TYPE_CHECKING, Any

from networks.arguments import arguments
from networks.fitting import OPERATORS, Fit, fit, operator, takes
from networks.layers import DeadEndError, Layers
from networks.steps import Scope, Step, Tensor, written

from archinspect import ops
from archinspect.base.shape import Mismatch
from archinspect.graph.call import TensorType
from archinspect.ops.declared import ArgumentError

if TYPE_CHECKING:
    from random import Random

    from archinspect.ops.base import Op


class Composites(Layers):
    """Adds steps to scopes."""

    left: int
    composites: tuple[str, ...] = (
        ("_group",) * 2 + ("_call",) * 2 + ("_share",) * 2 + ("_repeat",) * 2 + ("_residual", "_dense")
    )
    """What is drawn from where several layers are put together."""

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.blocks: dict[str, Block] = {}

    def _step(self, scope: Scope) -> None:
        """Add a step, and perhaps others that it needs."""
        drawn = self.rng.random()
        before = self._state(scope)
        try:
            if scope.current is not None and drawn < 0.25 and scope.depth < 4 and self.left > 1:
                getattr(self, self.rng.choice(self.composites))(scope)
            else:
                self._layer(scope, self.rng.choice(OPERATORS))
        except (DeadEndError, Mismatch, ArgumentError):
            before.restore()
            self.left -= self.chance(0.05)  # so that it ends

    def _state(self, scope: Scope) -> State:
        scopes = [scope]
        while scopes[-1].outer:
            scopes.append(scopes[-1].outer)
        lists: list[list] = [self.shared, *(block.calls for block in self.blocks.values())]
        for one in scopes:
            lists += [one.steps, one.results, one.named]
        return State(self, scope, lists)

    def _inner(self, scope: Scope, kind: str, start: Tensor, layers: int) -> Scope:
        """Steps of a composite."""
        inner = Scope(kind, start, scope)
        left = self.left
        self.left = min(left, layers)
        spent = self.left
        while self.left > 0:
            self._step(inner)
        self.left = max(left - spent + self.left, 0)
        if not inner.steps:
            raise DeadEndError
        return inner

    def _group(self, scope: Scope) -> None:
        """Add a group, perhaps repeated."""
        start = scope.current
        inner = self._inner(scope, "group", Tensor(start.type), self.rng.choice([1, 2, 3, 5]))
        step = Step()
        step.layers = inner.steps
        start.is_read = True
        self._composite(scope, step, inner)

    def _composite(self, scope: Scope, step: Step, inner: Scope) -> None:
        result = inner.current
        layers = sum(1 for one in inner.steps for _ in one.all())
        alike = result.type == scope.current.type
        if alike and self.chance(0.4) and layers * 2 < self.left:
            times = step.extras["repeat"] = self.rng.choice([1, 2, 2, 3])
            self.left -= layers * (times - 1)
        elif self.chance(0.04):
            step.extras["repeat"] = 0
            result = scope.current
        if self.chance(0.1):
            step.extras["trainable"] = False
        if self.chance(0.3):
            self.name_of(step)
        scope.add(step, [Tensor(result.type, (step,))])
        if "repeat" not in step.extras:
            scope.home.named += [one.within(step) for one in inner.named if one.can_be_named and self.chance(0.5)]

    def _call(self, scope: Scope) -> None:
        """Add a call of a block: of one that there is, or of a new one."""
        start = scope.current
        known = [one for one in self.blocks.values() if one.start == start.type and one.layers < self.left]
        if known and self.chance(0.7):
            block = self.rng.choice(known)
            self.left -= block.layers
        else:
            inner = self._inner(scope, "block", Tensor(start.type), self.rng.choice([1, 2, 3, 5]))
            block = Block(self.new_name("block"), inner, start.type)
            block.take_params(self.rng, [self.new_name("p") for _ in range(self.rng.choice([0, 1, 2, 3]))])
            self.blocks[block.name] = block
        start.is_read = True
        step = Step(block.name, block.call(self.rng))
        if "weights" not in step.extras and block.calls and block.has_weights and self.chance(0.3):
            home, other = self.rng.choice(block.calls)
            if _sees(scope, home):
                step.extras["weights"] = self.name_of(other)
        block.calls.append((scope.home, step))
        step.can_be_named = True
        self._composite(scope, step, block.inner)
        if step.extras.get("repeat") is not None:
            block.calls.pop()

    def _share(self, scope: Scope) -> None:
        """Add a layer with the weights of another one."""
        known = [one for one in self.shared if _sees(scope, one[0]) and one[1].can_be_named]
        self.rng.shuffle(known)
        for _, step, read, outputs in known:
            tensors = [one for one in (scope.current, *scope.readable()) if one.type == read]
            if tensors and step.extras.get("repeat") is None:
                other = Step(step.op, deepcopy(step.args), weights=self.name_of(step))
                if tensors[0] is not scope.current:
                    other.extras["from"] = self._reference(scope, tensors[0])
                tensors[0].is_read = True
                self.left -= 1
                scope.add(other, [Tensor(type_, (other,), at) for at, type_ in enumerate(outputs)])
                return
            if step.op == "Embedding" and scope.current.type.shape[-1] == step.args["output_dim"] and self.chance(0.7):
                self._tied(scope, step)
                return
        raise DeadEndError

    def _tied(self, scope: Scope, embedding: Step) -> None:
        """Add an output layer whose kernel is an embedding's table."""
        if scope.current.dtype != "float":
            raise DeadEndError
        args = {"units": embedding.args["input_dim"], "use_bias": self.chance(0.5)}
        self._add(scope, ops.find_operator("Dense")(**args), args, [scope.current], weights=self.name_of(embedding))
        self.shared.pop()

    def _repeat(self, scope: Scope) -> None:
        """Add a layer that repeats."""
        start = scope.current
        kind = self.rng.choice([one for one in OPERATORS if one.inputs[0] == 1 and takes(one, start.type)] or [None])
        times = self.rng.choice([0, 1, 2, 2, 3])
        if kind is None or times > self.left:
            raise DeadEndError
        for _ in range(4):
            args = arguments(self.rng, kind, [start.shape], self.layout, 0.2)
            try:
                type_ = start.type
                for _ in range(times):
                    type_ = fit(operator(kind, args, self.layout), [type_]).outputs[0]
            except (Mismatch, ArgumentError):
                continue
            step = Step(kind.__name__, args, repeat=times)
            if kind.__name__ in ("Dense", "Conv1D", "Conv2D", "Conv3D") and "groups" not in args and self.chance(0.7):
                name = "units" if kind.__name__ == "Dense" else "filters"
                type_ = (
                    self._growing(step, name, start.type, kind)
                    if {"in_channels", "in_features"}.isdisjoint(args)
                    else type_
                )
            start.is_read = True
            self.left -= times
            if self.chance(0.15):
                step.extras["name"] = self.new_name("c") + "_${index + 1}"
                step.can_be_named = False
            scope.add(step, [Tensor(type_, (step,))])
            return
        raise DeadEndError

    def _growing(self, step: Step, name: str, type_: TensorType, kind: type[Op]) -> TensorType:
        """Let a size grow with the number of the copy; what the last one gives."""
        size = self.rng.choice([2, 3, 4])
        for index in range(step.extras["repeat"]):
            type_ = fit(operator(kind, step.args | {name: size * (index + 1)}, self.layout), [type_]).outputs[0]
        step.args[name] = f"${{{size} * (index + 1)}}"
        return type_

    def _residual(self, scope: Scope) -> None:
        """Add some layers, and what they read to what they give."""
        start = scope.current
        if start.dtype != "float":
            raise DeadEndError
        path = Scope("path", start, scope)
        for _ in range(self.rng.choice([1, 2, 3])):
            self._alike(path)
        step = Step(self.rng.choice(["Add", "Multiply", "Average", "Maximum", "Subtract"]))
        step.paths = [path.steps, []] if self.chance(0.7) else [[], path.steps]
        start.is_read = path.current.is_read = True
        self._finish(scope, step, Fit((path.current.type,), 0), [start])

    def _dense(self, scope: Scope) -> None:
        """Add a group in which each layer reads all before it."""
        start, growth = scope.current, self.rng.choice([1, 2, 3])
        if len(start.shape) < 2 or start.dtype != "float" or prod(start.shape) > 500 or self.left < 4:
            raise DeadEndError
        axis = 1 if self.layout == "channels_first" else len(start.shape) - 1
        if axis != len(start.shape) - 1 and len(start.shape) not in (3, 4, 5):
            raise DeadEndError
        rank = len(start.shape) - 2
        grow = Step("Dense", {"units": growth})
        if 0 < rank < 4 and (self.chance(0.7) or self.layout == "channels_first"):
            grow = Step(f"Conv{rank}D", {"filters": growth, "kernel_size": self.rng.choice([1, 3]), "padding": "same"})
        name = self.new_name("block")
        inner = Scope("block", None)
        inner.steps = [Step("Concatenate"), grow]
        self.blocks[name] = Block(name, inner, TensorType((), ""))
        times = self.rng.choice([1, 2, 3])
        group = Step()
        call, join = Step(name, {}, repeat=times, source="all"), Step("Concatenate", {}, source="all")
        group.layers = [call, join]
        self.left -= 2 * times + 1
        sizes = list(start.shape)
        sizes[axis] += times * growth
        start.is_read = True
        scope.add(group, [Tensor(TensorType(tuple(sizes), "float"), (group,))])


class State:
    """How far a network has been made, for a step that turns out to be impossible: lists only grow."""

    def __init__(self, maker: Composites, scope: Scope, lists: list[list]) -> None:
        self.maker = maker
        self.scope = scope
        self.lengths = [(one, len(one)) for one in lists]
        self.current = scope.current
        self.left = maker.left
        self.blocks = len(maker.blocks)

    def restore(self) -> None:
        for one, length in self.lengths:
            del one[length:]
        self.scope.current = self.current
        self.maker.left = self.left
        while len(self.maker.blocks) > self.blocks:
            self.maker.blocks.popitem()


class Block:
    """A block: its steps, the parameters that stand in them, its calls."""

    def __init__(self, name: str, inner: Scope, start: TensorType) -> None:
        self.name = name
        self.inner = inner
        self.start = start
        self.params: dict[str, tuple[str, Any]] = {}
        """The argument for which a parameter stands, and the value with which it was made."""
        self.calls: list[tuple[Scope, Step]] = []

    @property
    def layers(self) -> int:
        return sum(1 for step in self.inner.steps for _ in step.all())

    @property
    def has_weights(self) -> bool:
        return any(step.op in ("Dense", "Conv1D", "Conv2D", "Conv3D") for step in self.inner.steps)

    def take_params(self, rng: Random, names: list[str]) -> None:
        """Put parameters in the place of arguments."""
        places = [
            (step.args, name)
            for step in self.inner.steps
            if step.op not in ("Custom", "TimeDistributed", "Bidirectional")
            for name, value in step.args.items()
            if isinstance(value, int | float | str) and "$" not in str(value)
        ]
        for name, (args, argument) in zip(names, rng.sample(places, min(len(names), len(places))), strict=False):
            self.params[name] = argument, args[argument]
            args[argument] = rng.choice([f"${name}", f"${{{name}}}"])

    def call(self, rng: Random) -> dict[str, Any]:
        """Arguments of a call; those that decide on no shape may differ from call to call."""
        found = {}
        for number, (name, (argument, value)) in enumerate(self.params.items()):
            if number % 2 == 0 or rng.random() < 0.5:
                found[name] = rng.choice(["relu", "tanh", value]) if argument == "activation" else value
        return found

    def written(self, rng: Random) -> Any:
        layers = [written(rng, step) for step in self.inner.steps]
        if not self.params and rng.random() < 0.5:
            return layers
        # Every other parameter has no default.
        params = {name: value if at % 2 else None for at, (name, (_, value)) in enumerate(self.params.items())}
        extra = {"module": True} if rng.random() < 0.2 else {}
        return {**({"params": params} if params else {}), **extra, "layers": layers}


def _sees(scope: Scope, home: Scope) -> bool:
    """Whether a step of one scope can name a step of the other."""
    inner: Scope | None = scope
    while inner is not None and inner is not home:
        inner = None if inner.kind == "block" else inner.outer
    return inner is not None

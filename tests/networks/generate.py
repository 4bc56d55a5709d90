"""Networks by chance, all of them valid: `make(seed, number)` is a spec.

Operators are drawn one after another, each as likely as any other. Which tensors one can read, and what it gives, the
operators say themselves. A network follows from seed and number alone, and has no branches
where it is asked to be a chain.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from networks.composites import Composites
from networks.fitting import INTEGERS, SHAPES, SOURCES, fit, takes
from networks.layers import DeadEndError
from networks.steps import Scope, Step, Tensor, written

from archinspect import ops
from archinspect.graph.call import TensorType

if TYPE_CHECKING:
    from archinspect.ops.base import Op


def make(seed: int, number: int, *, chain: bool = False) -> dict[str, Any]:
    """One valid network, as YAML has it; a `chain` is one in which each layer reads the one before and no other."""
    return (_ChainMaker if chain else _Maker)(Random(f"{seed}:{number}")).network()


class _Maker(Composites):
    """Makes a network."""

    def network(self) -> dict[str, Any]:
        rng = self.rng
        top = Scope("top", self._inputs())
        top.named += self.inputs.values()
        while self.left > 0 or not top.steps:
            self._step(top)
        spec: dict[str, Any] = {"name": "Random"} if self.chance(0.3) else {}
        if self.layout == "channels_first" or self.chance(0.2):
            spec["layout"] = self.layout
        outputs = self._outputs(top)
        if self.chance(0.3) and outputs and all(isinstance(name, str) for name in outputs):
            _put_last(top.steps)
        blocks = {name: block.written(rng) for name, block in self.blocks.items()}
        layers = [written(rng, step) for step in top.steps]
        spec |= self._written_inputs()
        if self.chance(0.15):
            spec["params"] = _with_params(rng, layers)
        if blocks:
            spec["blocks"] = blocks
        spec["layers"] = layers
        if outputs:
            spec["outputs"] = outputs[0] if len(outputs) == 1 and self.chance(0.5) else outputs
        return spec

    def _inputs(self) -> Tensor | None:
        """Declare inputs; what the first step reads, where there is one."""
        several = self.rng.choice([0, 1, 1, 1, 1, 2, 3])
        names = ["input"] if several == 1 else [self.new_name("in") for _ in range(several)]
        self.inputs = {name: Tensor(self._input_type(), (Step(name=name),)) for name in names}
        return self.inputs["input"] if several == 1 else None

    def _input_type(self) -> TensorType:
        kind = self.rng.random()
        if kind < 0.08:
            return TensorType((1, *self.rng.choice([(6,), (1,), (9,), (3, 5)])), self.rng.choice(INTEGERS))
        if kind < 0.1:
            return TensorType((1, *self.rng.choice(SHAPES[3])), self.rng.choice(["bool", "uint8", "float16", "int8"]))
        rank = self.rng.choice([1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 6])
        return TensorType(self._shape(rank), "float")

    def _written_inputs(self) -> dict[str, Any]:
        declared = {}
        for name, tensor in self.inputs.items():
            one: Any = list(tensor.shape[1:])
            if tensor.dtype != "float" or self.chance(0.1):
                one = {"shape": one, "dtype": tensor.dtype}
            if self.chance(0.05):
                one = {**(one if isinstance(one, dict) else {"shape": one}), "batch": False}
            elif isinstance(one, list) and self.chance(0.05):
                one = [None, *one]
            declared[name] = one
        if not declared:
            return {}
        single = len(declared) == 1 and self.chance(0.8)
        return {"input": declared["input"]} if single else {"inputs": declared}

    def _outputs(self, top: Scope) -> list[Any]:
        """The names of outputs: the last tensor and most of those that nothing reads; empty for the last alone."""
        last = top.current
        unread = [one for one in top.named if not one.is_read and one is not last and one not in self.inputs.values()]
        chosen = [one for one in unread if self.chance(0.7)]
        if self.chance(0.1) and top.named:
            chosen.append(self.rng.choice([one for one in top.named if one not in self.inputs.values()] or [last]))
        chosen = list({id(one): one for one in chosen if one.can_be_named}.values())
        if not chosen or (not last.can_be_named and last not in top.results) or self.chance(0.15):
            return []
        self.rng.shuffle(chosen)
        return [self._reference(top, one) for one in ([] if self.chance(0.1) else [last]) + chosen]


class _ChainMaker(_Maker):
    """Makes a network without branches."""

    composites = ("_group", "_call", "_repeat")

    def _inputs(self) -> Tensor | None:
        self.inputs = {"input": Tensor(self._input_type(), (Step(name="input"),))}
        return self.inputs["input"]

    def _layer(self, scope: Scope, kind: type[Op]) -> None:
        first = scope.current
        if kind.inputs[0] != 1 or not takes(kind, first.type):
            raise DeadEndError
        op, args, others = self._made(kind, first.type, [], 0.3)
        if others or len(fit(op, [first.type]).outputs) > 1:
            raise DeadEndError
        self._add(scope, op, args, [first])

    def _outputs(self, _top: Scope) -> list[Any]:
        return []


def _put_last(steps: list[Step]) -> None:
    """Move a step without inputs behind those that read it by its name."""
    for at in range(len(steps) - 2, -1, -1):
        after = steps[at + 1 :]
        if "from" not in after[0].extras or any(_counts_back(step.extras.get("from")) for step in after):
            return
        if steps[at].op in SOURCES and "name" in steps[at].extras:
            steps.append(steps.pop(at))
            return


def _counts_back(source: Any) -> bool:
    names = source if isinstance(source, list) else [source]
    return any(isinstance(name, int) or name == "all" for name in names)


def _with_params(rng: Random, layers: list[Any]) -> dict[str, int]:
    """Put parameters of the spec in the place of a few whole arguments."""
    params = {"width": rng.choice([2, 4, 8]), "depth": rng.choice([1, 2])}
    for layer in layers:
        for key, value in layer.items() if isinstance(layer, dict) else ():
            if type(value) is int and key not in ("from", "repeat", "weights", "trainable") and rng.random() < 0.5:
                layer[key] = _as_expression(rng, value, params)
            elif isinstance(value, dict) and ops.find_operator(key) and not ops.find_operator(key).computed:
                for name, one in value.items():
                    if type(one) is int and rng.random() < 0.4 and name not in ("from", "repeat"):
                        value[name] = _as_expression(rng, one, params)
        if isinstance(layer, dict) and type(layer.get("repeat")) is int and rng.random() < 0.5:
            layer["repeat"] = _as_expression(rng, layer["repeat"], params)
    return params


def _as_expression(rng: Random, value: int, params: dict[str, int]) -> str:
    name, one = rng.choice(list(params.items()))
    if value == one:
        return f"${name}"
    return f"${{{name} {'+' if value > one else '-'} {abs(value - one)}}}"

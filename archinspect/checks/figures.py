"""The figures that `expect`, budgets and baselines bound: all that commands print of a network, each by its name."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.analyses.cost import layer_costs, sum_of_costs
from archinspect.analyses.facts import facts_of
from archinspect.base.diagnostics import Problems, refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from archinspect.analyses.devices import Device
    from archinspect.analyses.facts import Facts
    from archinspect.reports.memory import Plan

OPTIONS = {
    "batch": int,
    "dtype": str,
    "weights_dtype": str,
    "optimizer": str,
    "precision": str,
    "checkpointing": bool,
    "device": str,
    "train": (str, bool),
}
"""How a figure is meant, and of what type each says it: `train: adamw` is training by that optimizer."""
RUN = ("batch", "dtype")
PLAN = (*RUN, "weights_dtype", "optimizer", "precision", "checkpointing")
MOST = 3
"""Layers that a message names."""


class Asked:
    """A network as a figure asks for it: for a batch, in a type, by a plan; raises ValueError for what is none."""

    def __init__(self, facts: Facts, options: Mapping[str, Any]) -> None:
        self.own = facts
        self.options = options

    @cached_property
    def plan(self) -> Plan:
        """How it runs and trains."""
        from archinspect.reports.memory import Plan  # only figures of memory need it

        train = self.options.get("train")
        named = {"optimizer": train} if isinstance(train, str) else {}
        given = {name: value for name, value in self.options.items() if name in PLAN and name != "batch"}
        return Plan(**{"dtype": self.own.dtype, **named, **given}).checked()

    @cached_property
    def facts(self) -> Facts:
        """The facts for the batch and type that are asked for."""
        return self.of_batch(self.options.get("batch", self.own.batch)).in_dtype(self.plan.dtype)

    def of_batch(self, batch: int) -> Facts:
        """Return the facts for a batch; raise ValueError where the network takes it not."""
        if batch == self.own.batch:
            return self.own
        problems = Problems()
        found = facts_of(self.own.graph, self.own.settings._replace(batch=batch), problems)
        if found is None:
            raise ValueError(f"the network takes no batch of {batch}: {problems.all()[0].message}")
        return found

    @property
    def trains(self) -> bool:
        """Whether it is about training."""
        return bool(self.options.get("train", False))

    @cached_property
    def device(self) -> Device:
        """The device that is named."""
        from archinspect.analyses.devices import find_device  # only where a device is named

        return find_device(str(self.options["device"]))

    def said(self) -> str:
        """Return how it is asked for, in parentheses; nothing where it is as the network is."""
        given = [f"{name} {value}" for name, value in self.options.items() if value is not True and name != "device"]
        given += [name for name, value in self.options.items() if value is True]
        return f" ({', '.join(given)})" if given else ""


class Figure(NamedTuple):
    """A figure of a network."""

    of: Callable[[Asked], float]
    doc: str
    by_layer: Callable[[Asked], Mapping[str, int]] | None = None
    options: tuple[str, ...] = ()
    unit: str = ""


def _total(name: str, doc: str) -> Figure:
    def of(asked: Asked) -> int:
        return int(sum_of_costs(asked.facts.once(layer_costs).values()).as_dict()[name])

    def by_layer(asked: Asked) -> dict[str, int]:
        return {layer: cost.as_dict()[name] for layer, cost in asked.facts.once(layer_costs).items()}

    return Figure(of, doc, by_layer, RUN if name in {"macs", "flops", "output_bytes"} else (), _unit(name))


def _unit(name: str) -> str:
    return "bytes" if name.endswith("_bytes") else ""


def _param_bytes(asked: Asked) -> int:
    totals = sum_of_costs(asked.facts.once(layer_costs).values())
    return (totals.params + totals.buffers) * asked.facts.sizes["float"]


def _weights(asked: Asked) -> int:
    from archinspect.analyses.weights import weight_bytes

    return weight_bytes(asked.facts, asked.plan.weights_dtype)


def _depth(asked: Asked) -> int:
    """Return the layers with a matrix or kernel of weights on the longest way through the network."""
    facts = asked.own
    found: dict[object, int] = {}
    for node in facts.graph.everything:
        before = max((found[tensor.producer] for tensor in node.inputs), default=0)
        heavy = not node.op.is_table and any(
            weight.parameter and len(weight.shape) > 1 for weight in facts.call(node).weights.values()
        )
        found[node] = before + heavy
    return max((found[tensor.producer] for tensor in facts.graph.outputs), default=0)


def _receptive_field(asked: Asked) -> int:
    from archinspect.analyses.receptive_field import fields

    facts = asked.own
    seen = facts.once(fields)
    found = [seen[node.output.position] for node in facts.graph.nodes if seen[node.output.position]]
    if not found:
        raise ValueError("no layer has one: the network has no axes of places")
    return max(field.size for field in found[-1] or ())


def _peak(asked: Asked) -> int:
    from archinspect.analyses.memory import peak_bytes

    return peak_bytes(asked.facts)


def _peak_by_layer(asked: Asked) -> dict[str, int]:
    from archinspect.analyses.memory import peak

    found: dict[str, int] = {}
    for one in peak(asked.facts).alive:
        found[one.layer] = found.get(one.layer, 0) + one.bytes
    return found


def _kept(asked: Asked) -> int:
    from archinspect.analyses.memory import kept_bytes

    return kept_bytes(asked.facts)


def _kept_by_layer(asked: Asked) -> Mapping[str, int]:
    from archinspect.analyses.memory import kept

    return kept(asked.facts).layers


def _inference(asked: Asked) -> int:
    from archinspect.reports.memory import needed

    return needed(asked.facts, asked.plan, for_training=False)


def _training(asked: Asked) -> int:
    from archinspect.reports.memory import needed

    return needed(asked.facts, asked.plan, for_training=True)


def _time(asked: Asked) -> float:
    from archinspect.analyses.compute import analyze

    if "device" not in asked.options:
        raise ValueError("say of which device: `time: {max: 10 ms, device: t4}`")
    return analyze(asked.facts, training=asked.trains, device=asked.device).total.time


FIGURES = {
    **{
        name: _total(name, doc)
        for name, doc in (
            ("params", "parameters, trainable and frozen"),
            ("trainable_params", "those that train"),
            ("non_trainable_params", "those that are frozen"),
            ("buffers", "running statistics"),
            ("macs", "multiply-accumulates"),
            ("flops", "FLOPs"),
            ("output_bytes", "bytes of all layers' outputs"),
            ("active_params", "parameters that one token uses"),
        )
    },
    "param_bytes": Figure(_param_bytes, "bytes of parameters and running statistics", None, ("dtype",), "bytes"),
    "layers": Figure(lambda asked: len(asked.own.once(layer_costs)), "layers"),
    "depth": Figure(_depth, "layers with a matrix of weights on the longest way through the network"),
    "receptive_field": Figure(_receptive_field, "positions of the image's wider axis that the last map sees"),
    "weights": Figure(_weights, "bytes of weights as they are stored", None, ("dtype", "weights_dtype"), "bytes"),
    "peak": Figure(_peak, "bytes of activations alive at once at inference", _peak_by_layer, RUN, "bytes"),
    "kept": Figure(_kept, "bytes of activations that backward keeps", _kept_by_layer, RUN, "bytes"),
    "inference_memory": Figure(
        _inference, "bytes of weights and activations at inference", None, (*RUN, "weights_dtype"), "bytes"
    ),
    "training_memory": Figure(
        _training, "bytes of a training step: weights, gradients, optimizer, activations", _kept_by_layer, PLAN, "bytes"
    ),
    "time": Figure(_time, "a lower bound on the time on a device", None, (*RUN, "device", "train"), "seconds"),
}
"""Every figure that can be bounded; `output`, `outputs`, `fits` and `parts` are read in `bounds.py`."""


def asked_for(name: str, facts: Facts, options: Mapping[str, Any]) -> Asked:
    """Return the network as a figure asks for it; raise ValueError for an option that it does not take."""
    allowed = FIGURES[name].options
    for option, value in options.items():
        if not allowed:
            raise ValueError(f"{name} takes no options, but a bound alone")
        refuse_unknown("an option", option, allowed)
        check_option(option, value)
    return Asked(facts, options)


def check_option(option: str, value: object) -> None:
    """Raise ValueError for an option's value of another type."""
    kinds = OPTIONS[option]
    is_number = kinds is int
    if not isinstance(value, kinds) or (is_number and (isinstance(value, bool) or value < 1)):  # type: ignore[arg-type, operator] # a type or several
        raise ValueError(f"{option} must be {'a positive integer' if is_number else 'a name'}, not {value!r:.60}")


def heaviest(by_layer: Mapping[str, int]) -> str:
    """Return the layers that weigh most, with their shares."""
    total = sum(by_layer.values())
    most = sorted(((number, layer) for layer, number in by_layer.items() if number), key=lambda one: -one[0])[:MOST]
    return ", ".join(f"'{layer}' {number:,} ({number / total:.0%})" for number, layer in most)


def part_figures(facts: Facts, path: str) -> dict[str, Callable[[], int]] | None:
    """Return what gives each figure of a layer, or of all below a block's or group's path; None where there is none.

    The peak of a part is the most bytes alive while one of its layers runs, whoever's they are.
    """
    from archinspect.analyses.memory import kept, peak

    costs = facts.once(layer_costs)
    inside = {layer for layer in costs if layer == path or layer.startswith(f"{path}.")}
    if not inside:
        return None
    total = sum_of_costs(costs[layer] for layer in inside).as_dict()
    return {
        **{name: lambda name=name: total[name] for name in total},  # type: ignore[misc] # mypy reads no default here
        "layers": lambda: len(inside),
        "kept": lambda: sum(count for layer, count in kept(facts).layers.items() if layer in inside),
        "peak": lambda: max((one.during for one in peak(facts).timeline if one.layer in inside), default=0),
    }

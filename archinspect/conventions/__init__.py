"""What other tools would print of a network, so that a figure of a paper or a colleague can be traced.

The rules are data, in :mod:`archinspect.conventions.table`; they count quantities that follow from the operators' own
work, weights and shapes.
"""

from __future__ import annotations

import re
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.analyses.cost import costs
from archinspect.base.diagnostics import suggest
from archinspect.base.shape import size
from archinspect.conventions.table import CONVENTIONS, Convention, Figure, Rule
from archinspect.ops.spatial import channel_axis

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.analyses.facts import Facts
    from archinspect.base.shape import Shape, Sliding
    from archinspect.graph.call import Call
    from archinspect.graph.graph import Node
    from archinspect.ops.base import Op
    from archinspect.ops.figures import Weight

__all__ = [
    "CONVENTIONS",
    "QUANTITIES",
    "Convention",
    "Difference",
    "Figure",
    "Rule",
    "count",
    "differences",
    "find",
    "names",
]


class Use(NamedTuple):
    """An operator and the shapes it is used on."""

    op: Any
    """Of any class: a quantity reads what the operators have that its rules are of."""
    shapes: tuple[Shape, ...]
    output: Shape
    layout: str

    def learned(self, name: str = "") -> int:
        """Return the number of learned weights, or of those of one name."""
        weights: dict[str, Weight] = self.op.weights(*self.shapes)
        return sum(size(weight.shape) for key, weight in weights.items() if weight.parameter and name in ("", key))

    def positions(self) -> int:
        """Return the output's places: its elements but for the channels' axis."""
        axis = channel_axis(self.output, getattr(self.op, "data_format", self.layout))
        return size(self.output) // self.output[axis]

    def steps(self) -> int:
        """Return the steps of all samples, of an input whose last axis is a step's features."""
        return size(self.shapes[0][:-1])


def _states(use: Use) -> int:
    return int(use.steps() * use.op.units * sum(1 for _ in use.op.cells(use.shapes[0])))


def _bias_as_if_plain(use: Use) -> int:
    """Return the filters times the positions of a convolution not transposed: negative ones too, as calflops."""
    spatial, _ = use.op.split(use.shapes[0])
    how: Sliding = use.op.sliding(spatial)
    places: list[int] = [
        (length + sum(pad) - window) // stride + 1
        for length, pad, window, stride in zip(spatial, how.pads, how.windows, how.strides, strict=True)
    ]
    return use.output[0] * prod(places) * use.learned("bias")


def _softmax_rows(use: Use) -> int:
    axes: tuple[int, ...] = use.op.axis or (-1,)
    return size(use.output) // prod([use.output[axis] for axis in axes])


def _strides(use: Use) -> tuple[int, ...]:
    strides: tuple[int, ...] = getattr(use.op, "strides", None) or getattr(use.op, "pool_size", None) or ()
    return strides


QUANTITIES: dict[str, tuple[str, Callable[[Use], int]]] = {
    "macs": ("MAC", lambda u: u.op.work(u.shapes, u.output).macs),
    "flops": ("FLOP of archinspect", lambda u: u.op.work(u.shapes, u.output).flops),
    "output": ("output element", lambda u: size(u.output)),
    "joined": ("output element of several inputs", lambda u: size(u.output) * (len(u.shapes) > 1)),
    "input": ("input element", lambda u: size(u.shapes[0])),
    "position": ("output position", Use.positions),
    "bias": ("output element if there is a bias", lambda u: size(u.output) * bool(u.learned("bias"))),
    "scaled": ("input element if there is a scale", lambda u: size(u.shapes[0]) * bool(u.learned("gamma"))),
    "learned": ("output element if there are weights", lambda u: size(u.output) * bool(u.learned())),
    "table": ("weight", Use.learned),
    "weight": ("weight and sample", lambda u: u.output[0] * u.learned()),
    "weight_position": ("weight and output position", lambda u: u.positions() * u.learned()),
    "kernel_position": ("weight of the kernel and output position", lambda u: u.positions() * u.learned("kernel")),
    "weight_step": ("weight and step", lambda u: u.steps() * u.learned()),
    "row": ("element of a sample's output", lambda u: size(u.output[1:])),
    "state": ("unit of the states of all steps, layers and directions", _states),
    "biased_state": ("unit of those states if there are biases", lambda u: _states(u) * bool(u.op.use_bias)),
    "sequence": (
        "output element if all steps were given",
        lambda u: u.steps() * u.op.features * (1 + u.op.bidirectional),
    ),
    "hidden": ("element inside of the experts used", lambda u: u.steps() * u.op.used * u.op.units),
    "inside": (
        "output element of the linear layers inside",
        lambda u: u.steps() * (u.op.num_experts + u.op.used * ((1 + u.op.gated) * u.op.units + u.output[-1])),
    ),
    "score": ("score", lambda u: u.op.scores(u.shapes)),
    "softmax_row": ("sum of the softmax", _softmax_rows),
    "strided": (
        "output element and position of a stride",
        lambda u: size(u.output) * prod(_strides(u)),
    ),
    "margin": (
        "element with the channels padded by the window less one",
        lambda u: size(u.output) + (u.op.window - 1) * u.positions(),
    ),
    "bias_as_if_plain": ("filter and position of a plain convolution if there is a bias", _bias_as_if_plain),
}
"""What rules count: a few words for one of it, and how many of it a use of an operator has."""


class Counted(NamedTuple):
    """What a tool counts of a node: its parameters, and its figures by name."""

    params: int
    figures: dict[str, int]


class Difference(NamedTuple):
    """Where a tool's figure is not archinspect's: all layers of an operator together."""

    figure: str
    op: str
    layers: int
    ours: int
    theirs: int
    why: str


def find(name: str) -> Convention:
    """Return a convention by its name; raise :class:`ValueError` where there is none."""
    if name not in CONVENTIONS:
        raise ValueError(f"no convention '{name}': {suggest(name, CONVENTIONS)}")
    return CONVENTIONS[name]


def names(node: Node, call: Call) -> list[str]:
    """Return what a rule may call a node, most telling first.

    Part of another layer (`MultiHeadAttention.dense`), operator (`Conv2D`), operator of any rank (`Conv`), kind
    (`convolution`); before them, how an upsampling interpolates (`Upsample2D.nearest`, `Upsample.nearest`), and whether
    positions are the rows of a longer table (`LearnedPositions.table`), and what activation experts have inside
    (`MixtureOfExperts.SiLU`).
    """
    op = node.op
    name = type(op).__name__
    found = [name, re.sub(r"[123]D", "", name), op.kind]
    way = getattr(op, "mode", None) or getattr(op, "interpolation", None)
    if way and name.startswith("Up"):
        rank = len(call.shapes[0]) - 2
        found = [f"Upsample{rank}D.{way}", f"Upsample.{way}", "Upsample"]
    elif name == "LearnedPositions" and getattr(op, "input_dim", None):
        found.insert(0, "LearnedPositions.table")
    elif name == "MixtureOfExperts" and op.activation:
        found.insert(0, f"MixtureOfExperts.{type(op.activation).__name__}")
    if node.layer_op is not op:
        found.insert(0, f"{type(node.layer_op).__name__}.{op.kind}")
    return found


def count(facts: Facts, convention: str) -> dict[Node, Counted]:
    """Return what a tool counts of every node; memory in bytes, of the type that the network computes in."""
    chosen = find(convention)
    known: dict[tuple[Op, Op, tuple[Shape, ...]], dict[str, int]] = {}
    result = {}
    for node in facts.graph.nodes:
        call = facts.call(node)
        use = Use(node.op, call.shapes, call.output, facts.graph.layout)
        key = (node.op, node.layer_op, use.shapes)
        if key not in known:
            known[key] = {figure.name: _amount(rule_of(figure, node, call), use) for figure in chosen.figures}
        figures = {
            figure.name: known[key][figure.name]
            * (facts.sizes[call.outputs[0].dtype] if figure.name == "memory" else 1)
            for figure in chosen.figures
        }
        result[node] = Counted(_params(facts, node, chosen), figures)
    return result


def differences(facts: Facts, convention: str) -> list[Difference]:
    """Return where a tool's figures are not archinspect's, by operator, the largest difference first.

    The sum of `theirs` less `ours` over a figure's differences is that of the totals.
    """
    chosen, theirs, ours = find(convention), count(facts, convention), facts.once(costs)
    last = {node.layer: node for node in facts.graph.nodes}
    rows: dict[tuple[str, str, str], Difference] = {}
    for node, counted in theirs.items():
        own = ours[node] if last[node.layer] is node else ours[node]._replace(output_bytes=0)
        found = [("params", own.params, counted.params, chosen.params.why)]
        found += [
            (f.name, getattr(own, f.like), counted.figures[f.name], rule_of(f, node, facts.call(node)).why)
            for f in chosen.figures
        ]
        for name, mine, other, why in found:
            row = rows.get((name, _shown(node), why)) or Difference(name, _shown(node), 0, 0, 0, why)
            rows[name, row.op, why] = row._replace(
                layers=row.layers + 1, ours=row.ours + mine, theirs=row.theirs + other
            )
    unequal = [row for row in rows.values() if row.ours != row.theirs]
    return sorted(unequal, key=lambda row: (row.figure, -abs(row.theirs - row.ours)))


def rule_of(figure: Figure, node: Node, call: Call) -> Rule:
    """Return the rule by which a figure counts a node: that of its most telling name."""
    rules = {name: rule for rule in figure.rules for name in rule.layers.split() or [""]}
    return next(rules[name] for name in [*names(node, call), ""] if name in rules)


def _amount(rule: Rule, use: Use) -> int:
    return sum(times * QUANTITIES[quantity][1](use) for quantity, times in rule.counts.items())


def _params(facts: Facts, node: Node, convention: Convention) -> int:
    counted, call = convention.params, facts.call(node)
    if not (counted.frozen or node.trainable) or not {*names(node, call)}.isdisjoint(counted.without.split()):
        return 0
    weights = call.weights
    if node.shares is not None:
        own = facts.own_weights(node)
        # Layers of one kind that share everything are one module, called twice.
        is_same = not own and type(node.shares.op) is type(node.op)
        weights = weights if counted.again and not is_same else own
    return sum(size(weight.shape) for weight in weights.values() if weight.parameter or counted.buffers)


def _shown(node: Node) -> str:
    """Return what a node's operator is called in a list: `Conv2D`, or `MultiHeadAttention (dense)` for a part."""
    name, layer = type(node.op).__name__, type(node.layer_op).__name__
    return f"{layer} ({node.op.kind})" if layer == "MultiHeadAttention" else name

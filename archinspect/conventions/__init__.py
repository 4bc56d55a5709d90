"""What other tools would print of a network, so that a figure of a paper or a colleague can be traced.

The rules are data, in :mod:`archinspect.conventions.table`; they count the quantities of
:mod:`archinspect.conventions.quantities`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from archinspect.analyses.cost import costs
from archinspect.base.diagnostics import suggest
from archinspect.base.shape import size
from archinspect.conventions.quantities import OperatorCall, amount
from archinspect.conventions.rules import Convention, Rule, ToolFigure
from archinspect.conventions.table import CONVENTIONS

if TYPE_CHECKING:
    from archinspect.analyses.facts import Facts
    from archinspect.graph.call import Call
    from archinspect.graph.graph import Node
    from archinspect.ops.base import Op

__all__ = [
    "CONVENTIONS",
    "Convention",
    "Difference",
    "Rule",
    "ToolFigure",
    "count",
    "differences",
    "find",
    "names",
]


class Counted(NamedTuple):
    """What a tool counts of a node, its parameters and its figures by name; None for what is not known."""

    params: int | None
    figures: dict[str, int | None]


class Difference(NamedTuple):
    """Where a tool's figure is not archinspect's: all layers of an operator together."""

    figure: str
    op: str
    layers: int
    ours: int
    theirs: int
    why: str


def find_convention(name: str) -> Convention:
    """Return a convention by its name; raise :class:`ValueError` where there is none."""
    if not isinstance(name, str):
        raise ValueError(f"convention must be a name, not {name!r}")
    if name not in CONVENTIONS:
        raise ValueError(f"no convention '{name}': {suggest(name, CONVENTIONS)}")
    return CONVENTIONS[name]


def rule_names(node: Node, call: Call) -> list[str]:
    """Return what a rule may call a node, most telling first.

    Part of another layer (`MultiHeadAttention.dense`), how it is used (`Upsample.nearest`), operator (`Conv2D`),
    operator of any rank (`Conv`), kind (`convolution`). What a wrapper applies is called as without it.
    """
    op, inside = node.op.unwrapped(*call.shapes)
    name = type(op).__name__
    found = [*op.variants(*inside), name, re.sub(r"[123]D", "", name), op.kind]
    layer, _ = node.layer_op.unwrapped()
    return found if node.layer_op is node.op else [f"{type(layer).__name__}.{op.kind}", *found]


def counted_by(facts: Facts, convention: str) -> dict[Node, Counted]:
    """Return what a tool counts of every node; memory in bytes, of the type that the network computes in."""
    chosen = find_convention(convention)
    known: dict[tuple[Call, Op], dict[str, int | None]] = {}
    result = {}
    for node in facts.graph.nodes:
        call = facts.call(node)
        key = (call, node.layer_op)
        if key not in known:
            inside = _inside(call, facts.graph.layout)
            known[key] = {figure.name: _amount(figure, node, call, inside) for figure in chosen.figures}
        figures = dict(known[key])
        if figures.get("memory"):
            figures["memory"] *= facts.sizes[call.outputs[0].dtype]  # type: ignore[operator] # it is known
        result[node] = Counted(_params(facts, node, chosen), figures)
    return result


def differences(facts: Facts, convention: str) -> list[Difference]:
    """Return where a tool's figures are not archinspect's, by operator, the largest difference first.

    The sum of `theirs` less `ours` over a figure's differences is that of the totals, what is not known left out.
    """
    chosen, theirs, ours = find_convention(convention), counted_by(facts, convention), facts.once(costs)
    last = {node.layer: node for node in facts.graph.nodes}
    rows: dict[tuple[str, str, str], Difference] = {}
    for node, counted in theirs.items():
        own = ours[node] if last[node.layer] is node else ours[node]._replace(output_bytes=0)
        found = [("params", own.params, counted.params, chosen.params.why)]
        for figure in chosen.figures:
            rule = rule_of(figure, node, facts.call(node))
            why = rule.why if rule else ""
            found.append((figure.name, getattr(own, figure.like), counted.figures[figure.name], why))
        for name, mine, other, why in found:
            if other is None:
                continue
            row = rows.get((name, _shown(node), why)) or Difference(name, _shown(node), 0, 0, 0, why)
            rows[name, row.op, why] = row._replace(
                layers=row.layers + 1, ours=row.ours + mine, theirs=row.theirs + other
            )
    unequal = [row for row in rows.values() if row.ours != row.theirs]
    return sorted(unequal, key=lambda row: (row.figure, -abs(row.theirs - row.ours)))


def rule_of(figure: ToolFigure, node: Node, call: Call) -> Rule | None:
    """Return the rule by which a figure counts a node: that of its most telling name; None where there is none."""
    rules = {name: rule for rule in figure.rules for name in rule.layers.split() or [""]}
    return next((rules[name] for name in [*rule_names(node, call), ""] if name in rules), None)


def _amount(figure: ToolFigure, node: Node, call: Call, inside: OperatorCall) -> int | None:
    rule = rule_of(figure, node, call)
    return None if rule is None or figure.like in node.op.unknown() else amount(rule.counts, inside)


def _inside(call: Call, layout: str) -> OperatorCall:
    """Return the operator and its shapes, those inside of a wrapper."""
    op, (output, *inputs) = call.op.unwrapped(call.output, *call.shapes)
    return OperatorCall(op, tuple(inputs), output, layout)


def _params(facts: Facts, node: Node, convention: Convention) -> int | None:
    counted, call = convention.params, facts.call(node)
    if "params" in node.op.unknown():
        return None
    if not (counted.frozen or node.trainable) or not {*rule_names(node, call)}.isdisjoint(counted.without.split()):
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

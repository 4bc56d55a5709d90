"""Layers that are no operator of ours: `Custom`, with the figures that they have."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.exporters.refusal import CannotExportError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.analyses.facts import Facts
    from archinspect.exporters.spec.leaf import Leaf
    from archinspect.graph.graph import Node, Tensor


class Figures(NamedTuple):
    """What a layer costs, in all."""

    params: int
    buffers: int
    macs: int
    other: int
    missing: frozenset[str]
    """Figures that are not known."""


def state(facts: Facts, leaf: Leaf) -> None:
    """Say of a layer what it is by its figures; raise :class:`CannotExportError` where these cannot be stated."""
    nodes = leaf.nodes
    leaf.inputs, leaf.outputs = _outside(nodes), _read_outside(facts, nodes) or nodes[-1].outputs[:1]
    if len(nodes) == 1 and is_held(facts, nodes[0]):
        _hold(facts, leaf)
    elif not leaf.inputs:
        _fill(facts, leaf)
    else:
        _state(facts, leaf)


def is_held(facts: Facts, node: Node) -> bool:
    """Return whether a node is a tensor of the network's own, which lies in no storage but its weight's."""
    return not node.inputs and not node.op.batched and facts.call(node).stored[0] == 0


def _state(facts: Facts, leaf: Leaf) -> None:
    """Make a layer `Custom`."""
    output = facts.shape(leaf.outputs[0])
    found = _figures(facts, leaf.nodes)
    if len(leaf.outputs) > 1:
        raise _refusal(leaf, "it has several outputs, and `Custom` has one")
    if any(facts.graph.open.values()):
        raise _refusal(leaf, "its figures are known for known sizes only; give them by --input")
    if not output or not leaf.outputs[0].batched or not leaf.inputs[0].batched:
        raise _refusal(leaf, f"the first axis of {list(output)} is no batch")
    if found.buffers:
        raise _refusal(leaf, "it has buffers, which `Custom` cannot state")
    if found.macs % output[0] or found.other % output[0]:
        raise _refusal(leaf, "its figures are not so many a sample")
    leaf.op = "Custom"
    macs, other = found.macs // output[0], found.other // output[0]
    leaf.args = {} if facts.shape(leaf.inputs[0])[1:] == output[1:] else {"output_shape": list(output[1:])}
    if "params" not in found.missing:
        leaf.args["params"] = found.params
    if "macs" not in found.missing and (macs or "flops" in found.missing):
        leaf.args["macs"] = macs
    if "flops" not in found.missing and (other or not macs):
        leaf.args["flops"] = 2 * macs + other


def _figures(facts: Facts, nodes: Sequence[Node]) -> Figures:
    weights = [weight for node in nodes for weight in facts.own_weights(node).values()]
    works = [facts.call(node).work for node in nodes]
    return Figures(
        sum(prod(weight.shape) for weight in weights if weight.parameter),
        sum(prod(weight.shape) for weight in weights if not weight.parameter),
        sum(work.macs for work in works),
        sum(work.other for work in works),
        frozenset(figure for node in nodes for figure in node.op.unknown()),
    )


def _hold(facts: Facts, leaf: Leaf) -> None:
    """Make a tensor of the network's own."""
    node = leaf.nodes[0]
    weights = facts.call(node).weights
    learned = any(weight.parameter for weight in weights.values())
    leaf.op = "Parameter" if learned else "Constant" if weights else "Fill"
    leaf.args = _tensor(facts, node.output)
    if learned and "dtype" in leaf.args:
        raise CannotExportError(leaf.path, f"it is a parameter of the type {leaf.args['dtype']}")


def _fill(facts: Facts, leaf: Leaf) -> None:
    """Make a tensor that every pass makes anew, of nothing."""
    call = facts.call(leaf.nodes[-1])
    if len(leaf.nodes) > 1 or call.weights or any(call.work) or leaf.outputs[0].batched:
        raise _refusal(leaf, "it reads nothing of the network")
    leaf.op = "Fill"
    leaf.args = _tensor(facts, leaf.outputs[0])


def _tensor(facts: Facts, tensor: Tensor) -> dict[str, Any]:
    shape, dtype = facts.types[tensor.position]
    found: dict[str, Any] = {"shape": list(shape[1:] if shape[:1] == (1,) else shape)}
    return found | ({"dtype": dtype} if dtype != "float" else {})


def _refusal(leaf: Leaf, reason: str) -> CannotExportError:
    kind = type(leaf.nodes[-1].op).__name__
    return CannotExportError(leaf.path, f"`{kind}` is no operator of a spec, and {reason}")


def _outside(nodes: Sequence[Node]) -> tuple[Tensor, ...]:
    """Return what nodes read that none of them makes."""
    own = set(nodes)
    return tuple(dict.fromkeys(t for node in nodes for t in node.inputs if t.producer not in own))


def _read_outside(facts: Facts, nodes: Sequence[Node]) -> tuple[Tensor, ...]:
    """Return what nodes make that others read, or that the network gives."""
    own, given = set(nodes), set(facts.graph.outputs)
    made = [tensor for node in nodes for tensor in node.outputs]
    return tuple(t for t in made if t in given or any(reader not in own for reader in t.readers))

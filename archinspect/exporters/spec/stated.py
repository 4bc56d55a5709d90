"""Layers that are no operator of ours: `Custom`, with the figures that they have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.exporters.refusal import CannotExportError
from archinspect.exporters.spec.leaf import Further, Leaf
from archinspect.exporters.spec.meant import OTHER, figures
from archinspect.graph.call import TensorType
from archinspect.ops.tensor import Custom

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.analyses.facts import Facts
    from archinspect.exporters.spec.meant import Meant
    from archinspect.graph.graph import Node, Tensor


def state(meant: Meant, leaf: Leaf) -> None:
    """Say of a layer what it is by its figures; raise :class:`CannotExportError` where these cannot be stated."""
    facts, nodes = meant.facts, leaf.nodes
    leaf.inputs, leaf.outputs = _outside(nodes), _read_outside(facts, nodes) or nodes[-1].outputs[:1]
    if len(nodes) == 1 and is_held(facts, nodes[0]):
        _hold(meant, leaf)
    elif not leaf.inputs or _is_made_anew(meant, leaf):
        leaf.inputs = ()
        _fill(meant, leaf)
    else:
        _state(meant, leaf)


def _is_made_anew(meant: Meant, leaf: Leaf) -> bool:
    """Return whether a layer only looks at what a tensor is, and makes one that is the same for every batch."""
    lent = any(not meant.is_constant(tensor) for tensor in leaf.inputs)
    return lent and all(map(meant.is_constant, leaf.outputs)) and not any(figures(meant.facts, leaf.nodes))


def is_held(facts: Facts, node: Node) -> bool:
    """Return whether a node is a tensor of the network's own, which lies in no storage but its weight's."""
    return not node.inputs and not node.op.batched and facts.call(node).stored[0] == 0


def _state(meant: Meant, leaf: Leaf) -> None:
    """Make a layer `Custom`."""
    facts = meant.facts
    if any(facts.graph.open.values()):
        raise _refusal(leaf, "its figures are known for known sizes only; give them by --input")
    given, wanted = [meant.type(tensor) for tensor in leaf.inputs], meant.natural(leaf.outputs[0])
    batch, *sample = wanted.shape
    found = figures(facts, leaf.nodes)
    missing = {figure for node in leaf.nodes for figure in node.op.unknown()}
    most = max(type_.shape[0] for type_ in given)
    if batch != most:
        raise _refusal(leaf, f"the first axis of {list(facts.shape(leaf.outputs[0]))} is no batch")
    if found.macs % batch or found.other % batch:
        raise _refusal(leaf, "its figures are not so many a sample")
    _check_growth(meant, leaf)
    leaf.op = "Custom"
    macs, other = found.macs // batch, found.other // batch
    leaf.args = {} if given[0].shape[1:] == tuple(sample) else {"output_shape": sample}
    if "params" not in missing:
        leaf.args["params"] = found.params
    if "macs" not in missing and (macs or "flops" in missing):
        leaf.args["macs"] = macs
    if "flops" not in missing and (other or not macs):
        leaf.args["flops"] = 2 * macs + other
    leaf.args |= {"buffers": found.buffers} if found.buffers else {}
    if Custom().output_dtype(*[type_.dtype for type_ in given]) != wanted.dtype:
        leaf.args["output_type"] = wanted.dtype
    meant.types[leaf.outputs[0]] = TensorType((most, *sample), wanted.dtype)


def _check_growth(meant: Meant, leaf: Leaf) -> None:
    """Raise :class:`CannotExportError` for a layer whose arithmetic does not grow with the batch as `Custom`'s does."""
    if meant.other is None:
        return
    found, other = figures(meant.facts, leaf.nodes), figures(meant.other, leaf.nodes)
    times = 1 if all(map(meant.is_constant, leaf.inputs)) else OTHER
    for name, one, two in (("MACs", found.macs, other.macs), ("other FLOPs", found.other, other.other)):
        if two != times * one:
            raise _refusal(leaf, f"its {name} are {one:,} for one sample and {two:,} for two")


def further(meant: Meant, leaf: Leaf) -> list[Leaf]:
    """Return a step for each further output of a layer that is none of our operators: `Custom` has one."""
    if leaf.op != "Custom":
        return []
    found: list[Leaf] = []
    for number, tensor in enumerate(leaf.outputs[1:], 1):
        other = Further(leaf.nodes, f"{leaf.path}.output_{number}")
        other.inputs, other.outputs = leaf.inputs, (tensor,)
        wanted = meant.natural(tensor)
        batch, *sample = wanted.shape
        if batch != max(meant.type(one).shape[0] for one in leaf.inputs):
            raise _refusal(leaf, f"the first axis of {list(meant.facts.shape(tensor))} is no batch")
        other.op, other.args = "Custom", {"output_shape": sample, "params": 0, "flops": 0}
        if Custom().output_dtype(*[meant.type(one).dtype for one in leaf.inputs]) != wanted.dtype:
            other.args["output_type"] = wanted.dtype
        meant.types[tensor] = TensorType(wanted.shape, wanted.dtype)
        found.append(other)
    leaf.outputs = leaf.outputs[:1]
    return found


def _hold(meant: Meant, leaf: Leaf) -> None:
    """Make a tensor of the network's own."""
    node = leaf.nodes[0]
    if node.op.unknown():
        raise CannotExportError(leaf.path, "what is computed with this tensor is not known: the file has no graph")
    weights = meant.facts.call(node).weights
    learned = any(weight.parameter for weight in weights.values())
    leaf.op = "Parameter" if learned else "Constant" if weights else "Fill"
    leaf.args = _tensor(meant, node.output)
    if learned and "dtype" in leaf.args:
        raise CannotExportError(leaf.path, f"it is a parameter of the type {leaf.args['dtype']}")


def _fill(meant: Meant, leaf: Leaf) -> None:
    """Make a tensor that every pass makes anew, of nothing."""
    call = meant.facts.call(leaf.nodes[-1])
    if len(leaf.nodes) > 1 or call.weights or any(call.work):
        raise _refusal(leaf, "it reads nothing of the network")
    leaf.op = "Fill"
    leaf.args = _tensor(meant, leaf.outputs[0])


def _tensor(meant: Meant, tensor: Tensor) -> dict[str, Any]:
    """Return the arguments of what gives a tensor, the same for all samples; note what a spec's is."""
    (first, *sample), dtype = meant.natural(tensor)
    if first != 1:
        sample = [first, *sample]
    meant.types[tensor] = TensorType((1, *sample), dtype)
    found: dict[str, Any] = {"shape": sample}
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

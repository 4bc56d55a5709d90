"""Layers that are no operator of ours: `Custom`, with the figures that they have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.exporters.refusal import CannotExportError
from archinspect.exporters.spec.growth import Work, growth_of
from archinspect.exporters.spec.leaf import Besides, Further, Leaf
from archinspect.exporters.spec.meant import figures
from archinspect.graph.call import TensorType
from archinspect.ops.tensor import Custom

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from archinspect.analyses.facts import Facts
    from archinspect.exporters.spec.meant import Meant
    from archinspect.graph.graph import Node, Tensor

START, ONCE = "start", "once"
"""What steps besides a layer's own are called."""


def state(meant: Meant, leaf: Leaf) -> None:
    """Say of a layer what it is by its figures; raise :class:`CannotExportError` where these cannot be stated."""
    facts, nodes = meant.facts, leaf.nodes
    first = nodes[-1].outputs[0]  # that of the layer's row
    leaf.inputs = tuple(tensor for tensor in _outside(nodes) if 0 not in facts.shape(tensor))
    leaf.outputs = (first, *(tensor for tensor in _read_outside(facts, nodes) if tensor is not first))
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
    if meant.other is None or not lent or not all(map(meant.is_constant, leaf.outputs)):
        return False
    costs = any(any(figures(facts, leaf.nodes)) for facts in (meant.facts, meant.other))
    return not costs and not any(node.op.unknown() for node in leaf.nodes)


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
    most = max(type_.shape[0] for type_ in given)
    if batch != most:
        raise _refusal(leaf, f"the first axis of {list(facts.shape(leaf.outputs[0]))} is no batch")
    leaf.op = "Custom"
    leaf.args = {} if given[0].shape[1:] == tuple(sample) else {"output_shape": sample}
    leaf.args |= _figures(meant, leaf, batch)
    dtypes = [type_.dtype for type_ in given] + ["float"] * len(leaf.before)
    if Custom().output_dtype(*dtypes) != wanted.dtype:
        leaf.args["output_type"] = wanted.dtype
    meant.types[leaf.outputs[0]] = TensorType((most, *sample), wanted.dtype)


def _figures(meant: Meant, leaf: Leaf, batch: int) -> dict[str, Any]:
    """Return the arguments that say what a layer costs; what is done once for all samples is a step before it."""
    found = figures(meant.facts, leaf.nodes)
    missing = {figure for node in leaf.nodes for figure in node.op.unknown()}
    args: dict[str, Any] = {} if "params" in missing else {"params": found.params}
    growth = growth_of(meant, leaf, batch)
    if growth is None or ("flops" in missing and (found.macs or found.other)):
        leaf.unsaid = True
    else:
        once, each = growth
        args |= _work(each, missing)
        if any(once):
            _do_once(leaf, once)
    return args | ({"buffers": found.buffers} if found.buffers else {})


def _work(work: Work, missing: Collection[str]) -> dict[str, Any]:
    macs, other = work.macs, work.other
    found = {}
    if "macs" not in missing and (macs or "flops" in missing):
        found["macs"] = macs
    if "flops" not in missing and (other or not macs):
        found["flops"] = 2 * macs + other
    return found


def _do_once(leaf: Leaf, once: Work) -> None:
    """Put a step before a layer that has the arithmetic which does not grow with the batch; the layer reads it, too."""
    start, step = start_of(leaf), Further(leaf.nodes, f"{leaf.path}.{ONCE}")
    step.place = f"{leaf.place}_{ONCE}"
    step.op, step.args = "Custom", {"params": 0, **_work(once, ())}
    step.inputs, step.outputs = start.outputs, (Besides(leaf.nodes[0]),)
    leaf.inputs = (*leaf.inputs, *step.outputs)
    leaf.before = [start, step]


def start_of(leaf: Leaf) -> Leaf:
    """Return a step that gives a number, for one that reads nothing of the network."""
    start = Further(leaf.nodes, f"{leaf.path}.{START}")
    start.place = f"{leaf.place}_{START}"
    start.op, start.args, start.outputs = "Fill", {"shape": []}, (Besides(leaf.nodes[0]),)
    return start


def further(meant: Meant, leaf: Leaf) -> list[Leaf]:
    """Return a step for each further output of a layer that is none of our operators: `Custom` has one."""
    if leaf.op != "Custom":
        return []
    found: list[Leaf] = []
    for number, tensor in enumerate(leaf.outputs[1:], 1):
        other = Further(leaf.nodes, f"{leaf.path}.output_{number}")
        other.rank = 1
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
    args = _tensor(meant, leaf.outputs[0])
    meant.growing |= dict.fromkeys(leaf.outputs, False)
    unknown = any(node.op.unknown() for node in leaf.nodes)
    if not unknown and not any(figures(meant.facts, leaf.nodes)):
        leaf.op, leaf.args = "Fill", args
        return
    start = start_of(leaf)
    leaf.before, leaf.inputs = [start], start.outputs
    leaf.op, leaf.args = "Custom", {"output_shape": args["shape"], **_figures(meant, leaf, 1)}
    if "dtype" in args:
        leaf.args["output_type"] = args["dtype"]


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
